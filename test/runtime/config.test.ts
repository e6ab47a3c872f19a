/** Flags and environment variables: defaults, and what is refused by name. */
import {execFile} from 'node:child_process';
import {promisify} from 'node:util';
import test from 'ava';
import {ownLeaseName, PRODUCT_VERSION, parseConfig} from '../../src/config.ts';
import {UsageError} from '../../src/errors.ts';

const CONFIG = new URL('../../src/config.ts', import.meta.url).href;

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
    '--identity': 'me',
    '--lease-duration-seconds': '60',
    '--renew-deadline-seconds': '40.5',
    '--retry-period-seconds': '0.5',
    '--workers': '8',
    '--http-host': '127.0.0.1',
    '--http-port': '0',
    '--log-level': 'debug',
    '--log-format': 'json',
  };
  t.like(parseConfig(Object.entries(flags).flat()), {
    namespace: 'ops',
    identity: 'me',
    timing: {leaseDurationSeconds: 60, renewDeadlineSeconds: 40.5, retryPeriodSeconds: 0.5},
    workers: 8,
    httpHost: '127.0.0.1',
    httpPort: 0,
    logLevel: 'debug',
    logFormat: 'json',
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
  ['--renew-deadline-seconds', '0'],
  ['--renew-deadline-seconds', '-1'],
  ['--renew-deadline-seconds', 'Infinity'],
  ['--renew-deadline-seconds', 'NaN'],
  ['--renew-deadline-seconds', ' '],
  ['--retry-period-seconds', '2s'],
  ['--identity', ''],
  ['--namespace', ''],
  ['--deployment-name', ''],
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

test('--help prints every flag with its variable, and there is nothing to run', async t => {
  const {printed, result} = await inProcess(['--help']);
  t.is(result, 'nothing to run');
  for (const each of ['--namespace', '--workers', 'LEASEPOLICY_WORKERS', '--log-format', 'KUBECONFIG'])
    t.true(printed.includes(each), each);
});

test('--version prints the version, and there is nothing to run', async t => {
  const {printed, result} = await inProcess(['--version']);
  t.is(printed.trim(), PRODUCT_VERSION);
  t.is(result, 'nothing to run');
});
