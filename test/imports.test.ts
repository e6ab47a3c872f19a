/** The rooms of src and the one way in which imports may point. */
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';

const SRC = path.join(import.meta.dirname, '../src');

/** Each room, and the rooms that it may import from beside itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['cli'],
  cli: ['config', 'errors', 'operator', 'telemetry'],
  election: ['errors', 'runtime'],
  config: ['core', 'errors', 'runtime', 'telemetry'],
  operator: ['api', 'config', 'controllers', 'errors', 'runtime', 'telemetry'],
  controllers: ['api', 'core', 'errors', 'runtime', 'telemetry'],
  runtime: ['api', 'core', 'errors'],
  telemetry: ['core'],
  core: ['api'],
  api: [],
  errors: [],
};

const files = readdirSync(SRC, {recursive: true, encoding: 'utf8'}).filter(name => name.endsWith('.ts'));
const roomOf = (file: string) => file.split(path.sep)[0]?.replace(/\.ts$/, '') ?? '';
const text = (file: string) => readFileSync(path.join(SRC, file), 'utf8');

function* importsOf(file: string): Generator<string> {
  for (const [, specifier = ''] of text(file).matchAll(/^(?:import|export)\s[^;]*?from '([^']+)'/gm))
    yield specifier;
}

test('imports point one way', t => {
  t.true(files.length > 30);
  for (const file of files) {
    for (const specifier of importsOf(file)) {
      if (!specifier.startsWith('.')) continue;
      const target = roomOf(path.relative(SRC, path.resolve(SRC, path.dirname(file), specifier)));
      const [room, allowed] = [roomOf(file), MAY_IMPORT[roomOf(file)] ?? []];
      t.true(room === target || allowed.includes(target), `${file} imports ${specifier}`);
    }
  }
});

test('only operator.ts knows the framework', t => {
  const knowing = files.filter(file => [...importsOf(file)].includes('@dot-i/k8s-operator'));
  t.deepEqual(knowing, ['operator.ts']);
});

test('core is pure: no promises, no clocks, no process, no client', t => {
  for (const file of files.filter(each => roomOf(each) === 'core')) {
    const code = text(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    t.notRegex(code, /\basync\b|\bawait\b|Date\.now|new Date\(\)|performance\.|process\.|Math\.random/, file);
    for (const specifier of importsOf(file)) t.regex(specifier, /^\.|^node:(crypto|util)$/, file);
  }
});

test('each file opens with a sentence that says what it is for, and stays readable', t => {
  for (const file of files) {
    t.regex(text(file), /^(#!.*\n)?\/\*\*/, file);
    const lines = text(file).split('\n').length;
    t.true(lines <= (file.startsWith('api') ? 450 : 360), `${file} has ${lines} lines`);
  }
});
