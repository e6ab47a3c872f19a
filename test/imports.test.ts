/** The rooms of src and the one way in which imports may point. */
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';

const SRC = path.join(import.meta.dirname, '../src');

/** Each room, a folder or a file of src itself, and the rooms that it may import from: all of them stand below it. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  main: ['cli'],
  cli: ['cli/*', 'api', 'core', 'core/*', 'errors', 'flags', 'rehearsal', 'runtime', 'version', 'world'],
  'cli/cluster': [
    ...[
      'cli/files',
      'cli/terminal',
      'api',
      'core',
      'core/lease',
      'core/manifest',
      'core/naming',
      'core/plan',
    ],
    ...['errors', 'rehearsal', 'runtime', 'version', 'world'],
  ],
  'cli/reports': ['cli/files', 'cli/terminal', 'core', 'core/lint', 'version'],
  'cli/files': ['cli/terminal', 'api', 'core', 'core/*', 'errors', 'rehearsal'],
  'cli/terminal': ['core', 'core/lease', 'errors', 'rehearsal', 'runtime'],
  'operator-process': ['config', 'errors', 'operator', 'runtime', 'telemetry'],
  operator: ['api', 'config', 'controllers', 'errors', 'runtime', 'telemetry', 'version', 'world'],
  election: ['errors', 'runtime'],
  naming: ['api', 'core/manifest', 'core/naming'],
  config: ['core/lease', 'core/naming', 'core/plan', 'errors', 'flags', 'runtime', 'version'],
  flags: ['core/plan', 'runtime', 'telemetry', 'version'],
  rehearsal: ['api', 'controllers', 'core', 'core/*', 'errors', 'runtime', 'world'],
  controllers: ['api', 'core', 'core/*', 'errors', 'runtime', 'telemetry', 'world'],
  world: ['api', 'core', 'core/*', 'runtime', 'telemetry'],
  runtime: ['api', 'core', 'core/admission', 'core/lease', 'core/plan', 'errors'],
  telemetry: ['core'],
  'core/lint': ['api', 'core', 'core/lease', 'core/manifest', 'core/naming', 'core/plan'],
  'core/doctor': ['api', 'core', 'core/lease'],
  'core/plan': ['api', 'core', 'core/admission', 'core/lease', 'core/naming'],
  'core/manifest': ['api', 'core', 'core/admission', 'core/naming'],
  'core/admission': ['api', 'core', 'core/lease', 'core/naming'],
  'core/lease': ['api', 'core', 'core/naming'],
  'core/naming': ['api', 'core'],
  core: ['api'],
  api: [],
  errors: [],
  version: [],
};

/** What is loaded only when it is called for. */
const MAY_LOAD: Readonly<Record<string, readonly string[]>> = {cli: ['operator-process']};

const files = readdirSync(SRC, {recursive: true, encoding: 'utf8'}).filter(name => name.endsWith('.ts'));
const roomOf = (file: string) => {
  const folder = path.dirname(file);
  return folder === '.' ? path.basename(file, '.ts') : folder;
};
const isIn = (room: string, folder: string) => room === folder || room.startsWith(`${folder}/`);
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

const rooms = Object.keys(MAY_IMPORT);

/** core/* means all rooms of core. */
const allowedIn = (room: string): readonly string[] => {
  const named = MAY_IMPORT[room] ?? [];
  return rooms.filter(other => named.some(each => other === each || each === `${path.dirname(other)}/*`));
};

test('imports point one way', t => {
  t.deepEqual([...new Set(files.map(roomOf))].sort(), [...rooms].sort());
  for (const room of rooms)
    for (const other of allowedIn(room))
      t.true(
        rooms.indexOf(other) > rooms.indexOf(room),
        `${room} may import ${other}, which is not below it`,
      );
  for (const file of files) {
    const room = roomOf(file);
    const check = (specifier: string, allowed: readonly string[]) => {
      if (!specifier.startsWith('.')) return;
      const target = targetOf(file, specifier);
      t.true(room === target || allowed.includes(target), `${file} imports ${specifier}`);
    };
    for (const specifier of importsOf(file)) check(specifier, allowedIn(room));
    for (const specifier of loadedBy(file)) check(specifier, [...allowedIn(room), ...(MAY_LOAD[room] ?? [])]);
  }
});

test('a command is loaded when it is called', t => {
  const commands = text(path.join('cli', 'commands.ts'));
  const loaded = [...commands.matchAll(/load: \(\) => import\('\.\/([^']+)'\)/g)].map(([, name]) => name);
  t.true(loaded.length > 1);
  for (const file of ['main.ts', ...files.filter(each => isIn(roomOf(each), 'cli'))]) {
    for (const specifier of importsOf(file, 'values'))
      t.false(loaded.includes(specifier.replace(/^\.\/(cli\/)?/, '')), `${file} imports ${specifier}`);
  }
});

test('only operator.ts knows the framework', t => {
  const knowing = files.filter(file => [...importsOf(file)].includes('@dot-i/k8s-operator'));
  t.deepEqual(knowing, ['operator.ts']);
});

/** Packages that are as pure as core, each with the one file that knows it. */
const PURE_PACKAGES: Readonly<Record<string, string>> = {
  '@marcbachmann/cel-js': 'core/admission/cel-value.ts',
};

test('core is pure: no promises, no clocks, no process, no client', t => {
  for (const file of files.filter(each => isIn(roomOf(each), 'core'))) {
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
