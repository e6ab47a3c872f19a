/** Tables as kubectl prints them, and the other formats of the same view. */
import {stripVTControlCharacters} from 'node:util';
import test from 'ava';
import {parse} from 'yaml';
import type {Output} from '../../../src/cli/terminal/options.ts';
import {hasColours, print, type Streams, tableText, type View} from '../../../src/cli/terminal/output.ts';
import {streams} from '../../support/command.ts';

type Row = {name: string; age: string; note: string};

const view = (...rows: Row[]): View<Row> => ({
  rows,
  columns: [
    {title: 'Name', text: ({name}) => name, style: () => 'green'},
    {title: 'Note', text: ({note}) => note, wide: true},
    {title: 'Age', text: ({age}) => age},
  ],
  document: () => ({items: rows}),
  name: ({name}) => `thing/${name}`,
  empty: 'No things found.',
});

const TWO = view({name: 'a', age: '3s', note: ''}, {name: 'a-long-name', age: '10m', note: 'x'});

const printed = async (given: View<Row>, output: Output) => {
  const memory = streams();
  await print(given, output, memory.streams);
  return {stdout: memory.stdout(), stderr: memory.stderr()};
};

test('a table has columns three spaces apart, and no spaces at the end', async t => {
  t.deepEqual(await printed(TWO, 'table'), {
    stdout: ['NAME          AGE', 'a             3s', 'a-long-name   10m', ''].join('\n'),
    stderr: '',
  });
});

test('a wide table has further columns, and tells an empty cell', async t => {
  const {stdout} = await printed(TWO, 'wide');
  t.is(
    stdout,
    ['NAME          NOTE     AGE', 'a             <none>   3s', 'a-long-name   x        10m', ''].join('\n'),
  );
});

test('names, JSON and YAML carry the same things', async t => {
  t.is((await printed(TWO, 'name')).stdout, 'thing/a\nthing/a-long-name\n');
  const json = JSON.parse((await printed(TWO, 'json')).stdout);
  t.is(json.items.length, 2);
  t.deepEqual(parse((await printed(TWO, 'yaml')).stdout), json);
});

test('an empty table is a sentence on standard error, and empty JSON is valid', async t => {
  t.deepEqual(await printed(view(), 'table'), {stdout: '', stderr: 'No things found.\n'});
  t.deepEqual(JSON.parse((await printed(view(), 'json')).stdout), {items: []});
});

test('what strangers wrote neither ends a line nor steers the terminal', t => {
  const text = tableText(view({name: 'a\u001b[31m\nb', age: '1s', note: ''}), false, false);
  t.is(text, 'NAME                 AGE\na\\u001b[31m\\u000ab   1s\n');
});

test('colours leave the columns where they are', t => {
  const plain = tableText(TWO, false, false);
  const coloured = tableText(TWO, false, true);
  t.not(coloured, plain);
  t.is(stripVTControlCharacters(coloured), plain);
});

const on = (isTTY: boolean, env: NodeJS.ProcessEnv = {}): Streams => ({
  ...streams({isTerminal: isTTY}).streams,
  env,
});

test('colours are for terminals that want them', t => {
  t.true(hasColours(on(true)));
  t.false(hasColours(on(false)));
  t.false(hasColours(on(true, {NO_COLOR: '1'})));
  t.false(hasColours(on(true, {TERM: 'dumb'})));
});
