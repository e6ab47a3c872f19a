/** Flags and environment variables: defaults, and what is refused by name. */
import {execFile} from 'node:child_process';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import test, {type ExecutionContext} from 'ava';
import {loadConfig, ownLeaseName, PRODUCT_VERSION, parseConfig} from '../src/config.ts';
import {KNOWN} from '../src/core/lease/catalogue.ts';
import {CLASSES, classify} from '../src/core/lease/classify.ts';
import type {LeaseView} from '../src/core/lease/lifetime.ts';
import {UsageError} from '../src/errors.ts';
import {lease} from './support/builders.ts';

const CONFIG = new URL('../src/config.ts', import.meta.url).href;

/** What another process makes of these flags and variables: its config as JSON, or its message, and what it printed. */
async function inProcess(argv: string[], env: Record<string, string> = {}) {
  const script = `
    import {parseConfig} from ${JSON.stringify(CONFIG)};
    try { console.error(JSON.stringify(parseConfig(process.argv.slice(1)) ?? 'nothing to run')); }
    catch (error) { console.error(JSON.stringify({refused: error.message})); }`;
  const {stdout, stderr} = await promisify(execFile)(
    process.execPath,
    ['--no-warnings', '--input-type=module', '-e', script, '--', ...argv],
    {env},
  );
  return {printed: stdout, result: JSON.parse(stderr) as unknown};
}

test('the defaults', t => {
  const config = parseConfig([]);
  t.like(config, {
    namespace: 'leasepolicy-system',
    ownLeaseName: 'leasepolicy-d704b00044',
    installation: '',
    election: 'classic',
    timing: {leaseDurationSeconds: 15, renewDeadlineSeconds: 10, retryPeriodSeconds: 2},
    workers: 64,
    httpHost: '',
    httpPort: 8080,
    logLevel: 'info',
    logFormat: 'auto',
    userAgent: `leasepolicy/${PRODUCT_VERSION}`,
  });
  t.true(Object.isFrozen(config));
});

test('two processes on one host have two identities', t => {
  const one = parseConfig([])?.identity;
  t.regex(one ?? '', /^.+_[0-9a-f]{8}-[0-9a-f-]{27}$/);
  t.not(parseConfig([])?.identity, one);
});

// printf %s leasepolicy | sha256sum
test('the own Lease has the name that our own rule gives the Deployment', t => {
  t.is(ownLeaseName('leasepolicy'), 'leasepolicy-d704b00044');
  t.is(ownLeaseName('api'), 'leasepolicy-14c2529eb4');
  t.is(parseConfig(['--deployment-name', 'api'])?.ownLeaseName, 'leasepolicy-14c2529eb4');
});

test('every flag is taken', t => {
  const flags = {
    '--namespace': 'ops',
    '--installation': 'leasepolicy-operator',
    '--identity': 'me',
    '--leader-election': 'coordinated',
    '--lease-duration-seconds': '60',
    '--renew-deadline-seconds': '40.5',
    '--retry-period-seconds': '0.5',
    '--workers': '8',
    '--http-host': '127.0.0.1',
    '--http-port': '0',
    '--log-level': 'debug',
    '--log-format': 'json',
    '--catalogue': 'leases.yaml',
  };
  t.like(parseConfig(Object.entries(flags).flat()), {
    namespace: 'ops',
    installation: 'leasepolicy-operator',
    identity: 'me',
    election: 'coordinated',
    timing: {leaseDurationSeconds: 60, renewDeadlineSeconds: 40.5, retryPeriodSeconds: 0.5},
    workers: 8,
    httpHost: '127.0.0.1',
    httpPort: 0,
    logLevel: 'debug',
    logFormat: 'json',
    catalogueFile: 'leases.yaml',
  });
});

for (const argv of [
  ['--workers', '0'],
  ['--workers', '1001'],
  ['--workers', '-1'],
  ['--workers', '1.5'],
  ['--workers', 'many'],
  ['--workers', ''],
  ['--workers', '1e2'],
  ['--workers'],
  ['--http-port', '65536'],
  ['--http-port', 'http'],
  ['--lease-duration-seconds', '0'],
  ['--lease-duration-seconds', '15.5'],
  ['--lease-duration-seconds', '86401'],
  ['--heartbeat-poll-seconds', '0'],
  ['--heartbeat-poll-seconds', '40'],
  ['--renew-deadline-seconds', '0'],
  ['--renew-deadline-seconds', '-1'],
  ['--renew-deadline-seconds', 'Infinity'],
  ['--renew-deadline-seconds', 'NaN'],
  ['--renew-deadline-seconds', ' '],
  ['--retry-period-seconds', '2s'],
  ['--identity', ''],
  ['--namespace', ''],
  ['--deployment-name', ''],
  ['--catalogue', ''],
  ['--log-level', 'trace'],
  ['--log-format', 'xml'],
  ['--no-such-flag'],
  ['--namespace'],
]) {
  test(`refused by its name: ${JSON.stringify(argv.join(' '))}`, t => {
    const error = t.throws(() => parseConfig(argv), {instanceOf: UsageError});
    t.true(error.message.includes(argv[0] as string), error.message);
    t.false(error.message.startsWith('error:'));
  });
}

test('an argument that is no flag is refused', t => {
  t.throws(() => parseConfig(['run']), {instanceOf: UsageError});
});

for (const argv of [
  ['--renew-deadline-seconds', '15'],
  ['--retry-period-seconds', '9'],
  ['--lease-duration-seconds', '10'],
]) {
  test(`durations that could give two leaders are refused: ${argv.join(' ')}`, t => {
    t.throws(() => parseConfig(argv), {instanceOf: UsageError, message: /must be above/});
  });
}

test('variables are taken, and flags go before them', async t => {
  const {result} = await inProcess(['--http-port', '9090'], {
    LEASEPOLICY_NAMESPACE: 'ops',
    LEASEPOLICY_HTTP_PORT: '7070',
    LEASEPOLICY_WORKERS: '3',
  });
  t.like(result, {namespace: 'ops', httpPort: 9090, workers: 3});
});

test('a variable that is impossible is refused by its name', async t => {
  const {result} = await inProcess([], {LEASEPOLICY_WORKERS: 'many'});
  t.regex((result as {refused: string}).refused, /LEASEPOLICY_WORKERS.*whole number from 1 to 1000/);
});

test('heartbeats are read within the time for which one lasts', async t => {
  const {result} = await inProcess(['--heartbeat-poll-seconds', '40'], {});
  t.regex(
    (result as {refused: string}).refused,
    /whole number from 1 to 39: the Lease of a node lasts for 40 seconds, and has to be read within them/,
  );
  t.is(parseConfig(['--heartbeat-poll-seconds', '39'])?.heartbeatPollSeconds, 39);
});

test('--help prints every flag with its variable, and there is nothing to run', async t => {
  const {printed, result} = await inProcess(['--help']);
  t.is(result, 'nothing to run');
  for (const each of [
    '--namespace',
    '--workers',
    'LEASEPOLICY_WORKERS',
    '--log-format',
    '--catalogue',
    'KUBECONFIG',
  ])
    t.true(printed.includes(each), each);
});

test('--version prints the version, and there is nothing to run', async t => {
  const {printed, result} = await inProcess(['--version']);
  t.is(printed.trim(), PRODUCT_VERSION);
  t.is(result, 'nothing to run');
});

/** A file for the flag, in a folder that goes with the test. */
async function catalogueFile(t: ExecutionContext, text: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'catalogue-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const file = path.join(folder, 'leases.yaml');
  await writeFile(file, text);
  return file;
}

test('without the flag the catalogue is what comes with the operator', async t => {
  const config = await loadConfig([]);
  t.is(config?.catalogue, KNOWN);
  t.true(Object.isFrozen(config));
  t.false('catalogueFile' in (config ?? {}));
});

test('there is nothing to load when only the version was asked for', async t => {
  const {printed, result} = await inProcess(['--version', '--catalogue', 'no-such-file.yaml']);
  t.is(printed.trim(), PRODUCT_VERSION);
  t.is(result, 'nothing to run');
});

const LEDGER = {name: 'ledger-writer', namespace: 'ledger', component: 'ledger', class: 'data-lock'};

for (const [form, text] of [
  ['YAML', '# ours\n- name: ledger-writer\n  namespace: ledger\n  component: ledger\n  class: data-lock\n'],
  ['JSON', JSON.stringify([LEDGER])],
] as const) {
  test(`--catalogue takes ${form}, and its entries go first`, async t => {
    const config = await loadConfig(['--catalogue', await catalogueFile(t, text)]);
    t.deepEqual(config?.catalogue.entries[0] as unknown, LEDGER);
    t.is(config?.catalogue.entries.length, KNOWN.entries.length + 1);
  });
}

test('an empty list adds nothing', async t => {
  const config = await loadConfig(['--catalogue', await catalogueFile(t, '[]')]);
  t.deepEqual(config?.catalogue.entries, KNOWN.entries);
});

test('LEASEPOLICY_CATALOGUE names the file too', async t => {
  const {result} = await inProcess([], {LEASEPOLICY_CATALOGUE: '/etc/leasepolicy/leases.yaml'});
  t.like(result, {catalogueFile: '/etc/leasepolicy/leases.yaml'});
});

test('the example in the documentation is taken, and does what it says', async t => {
  const page = await readFile(new URL('../docs/classes.md', import.meta.url), 'utf8');
  const [, example = ''] = /```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  const config = await loadConfig(['--catalogue', await catalogueFile(t, example)]);
  const classOf = (each: LeaseView) => classify(each, config?.catalogue ?? KNOWN, false).class;
  t.is(classOf(lease().in('ledger').named('ledger-writer')), 'data-lock');
  t.is(classOf(lease().in('shop').named('ring-7')), 'shard');
  t.is(classOf(lease().in('medik8s-leases').named('node-a').ownedBy('Node/a')), 'one-shot');
  t.is(classOf(lease().in('medik8s-leases').named('node-a')), 'unknown');
});

test('the documentation tells every class', async t => {
  const page = await readFile(new URL('../docs/classes.md', import.meta.url), 'utf8');
  for (const each of CLASSES) t.true(page.includes(`| \`${each}\` |`), each);
});

for (const [what, text, problem] of [
  ['that is no YAML', '- name: [', /: it is no YAML \(.+\): write a list of entries$/],
  ['that is empty', '', /: write a list of entries, each with name or pattern$/],
  ['that has one object', 'name: a', /: write a list of entries, each with name or pattern$/],
  [
    'with an entry of no class',
    `[${JSON.stringify({...LEDGER, class: 'lock'})}]`,
    /: entry 1: class: write one of/,
  ],
  [
    'with two problems',
    `[${JSON.stringify({...LEDGER, class: 'lock'})}, 7]`,
    /entry 1: .*; entry 2: write an object/,
  ],
  ['with one key twice', '- name: a\n  name: b\n', /: it is no YAML \(/],
] as const) {
  test(`a catalogue ${what} is refused with the file and what to write`, async t => {
    const file = await catalogueFile(t, text);
    const error = await t.throwsAsync(loadConfig(['--catalogue', file]), {instanceOf: UsageError});
    t.true(error.message.startsWith(`--catalogue ${file}: `), error.message);
    t.regex(error.message, problem);
    t.false(error.message.includes('\n'));
  });
}

test('a catalogue that is not there is refused with its path', async t => {
  const error = await t.throwsAsync(loadConfig(['--catalogue', 'no-such-file.yaml']), {
    instanceOf: UsageError,
  });
  t.regex(error.message, /^--catalogue no-such-file\.yaml: it can't be read \(ENOENT.*\): write the path/);
});
