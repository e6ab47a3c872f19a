/** The rooms of src and the one way in which imports may point. */
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';

const SRC = path.join(import.meta.dirname, '../src');

/** Each room, and the rooms that it may import from beside itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['cli'],
  cli: ['api', 'controllers', 'core', 'errors', 'flags', 'runtime', 'version'],
  'operator-process': ['config', 'errors', 'operator', 'telemetry'],
  election: ['errors', 'runtime'],
  naming: ['api', 'core'],
  config: ['core', 'errors', 'flags', 'runtime', 'version'],
  flags: ['core', 'runtime', 'telemetry', 'version'],
  operator: ['api', 'config', 'controllers', 'errors', 'runtime', 'telemetry', 'version'],
  controllers: ['api', 'core', 'errors', 'runtime', 'telemetry'],
  runtime: ['api', 'core', 'errors'],
  telemetry: ['core'],
  core: ['api'],
  api: [],
  errors: [],
  version: [],
};

/** What is loaded only when it is called for. */
const MAY_LOAD: Readonly<Record<string, readonly string[]>> = {cli: ['operator-process']};

const files = readdirSync(SRC, {recursive: true, encoding: 'utf8'}).filter(name => name.endsWith('.ts'));
const roomOf = (file: string) => file.split(path.sep)[0]?.replace(/\.ts$/, '') ?? '';
const text = (file: string) => readFileSync(path.join(SRC, file), 'utf8');

/** What it imports, or of that what is there when it runs. */
function* importsOf(file: string, which: 'all' | 'values' = 'all'): Generator<string> {
  const statements = text(file).matchAll(/^(?:import|export)\s([^;]*?)from '([^']+)'/gm);
  for (const [, what = '', specifier = ''] of statements)
    if (which === 'all' || !what.startsWith('type ')) yield specifier;
}

const loadedBy = (file: string) =>
  [...text(file).matchAll(/\bimport\('([^']+)'\)/g)].map(([, specifier = '']) => specifier);

const targetOf = (file: string, specifier: string) =>
  roomOf(path.relative(SRC, path.resolve(SRC, path.dirname(file), specifier)));

test('imports point one way', t => {
  t.true(files.length > 30);
  for (const file of files) {
    const [room, allowed] = [roomOf(file), MAY_IMPORT[roomOf(file)] ?? []];
    const check = (specifier: string, rooms: readonly string[]) => {
      if (!specifier.startsWith('.')) return;
      const target = targetOf(file, specifier);
      t.true(room === target || rooms.includes(target), `${file} imports ${specifier}`);
    };
    for (const specifier of importsOf(file)) check(specifier, allowed);
    for (const specifier of loadedBy(file)) check(specifier, [...allowed, ...(MAY_LOAD[room] ?? [])]);
  }
});

test('a command is loaded when it is called', t => {
  const commands = text(path.join('cli', 'commands.ts'));
  const loaded = [...commands.matchAll(/load: \(\) => import\('\.\/([^']+)'\)/g)].map(([, name]) => name);
  t.true(loaded.length > 1);
  for (const file of ['main.ts', ...files.filter(each => roomOf(each) === 'cli')]) {
    for (const specifier of importsOf(file, 'values'))
      t.false(loaded.includes(specifier.replace(/^\.\/(cli\/)?/, '')), `${file} imports ${specifier}`);
  }
});

test('only operator.ts knows the framework', t => {
  const knowing = files.filter(file => [...importsOf(file)].includes('@dot-i/k8s-operator'));
  t.deepEqual(knowing, ['operator.ts']);
});

/** Packages that are as pure as core, each with the one file that knows it. */
const PURE_PACKAGES: Readonly<Record<string, string>> = {'@marcbachmann/cel-js': 'core/cel-value.ts'};

test('core is pure: no promises, no clocks, no process, no client', t => {
  for (const file of files.filter(each => roomOf(each) === 'core')) {
    const code = text(file).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    t.notRegex(code, /\basync\b|\bawait\b|Date\.now|new Date\(\)|performance\.|process\.|Math\.random/, file);
    for (const specifier of importsOf(file))
      if (PURE_PACKAGES[specifier] !== file) t.regex(specifier, /^\.|^node:(crypto|util)$/, file);
  }
});

test('each file opens with a sentence that says what it is for, and stays readable', t => {
  for (const file of files) {
    t.regex(text(file), /^(#!.*\n)?\/\*\*/, file);
    const lines = text(file).split('\n').length;
    t.true(lines <= (file.startsWith('api') ? 450 : 360), `${file} has ${lines} lines`);
  }
});
