/** Runs every check of make test, and ends with one line that counts them. */
import {spawn} from 'node:child_process';
import {createInterface} from 'node:readline';
import {ensureBinaries} from './controlplane/binaries.ts';
import {ensureHelm} from './helm/helm.ts';
import {ensureCandidate, operatorCommand, ROOT} from './programs.ts';
import {ensurePromtool} from './promtool/promtool.ts';

type Count = {passed: number; failures: readonly string[]};
type Check = {name: string; command: readonly string[]; env?: NodeJS.ProcessEnv};

const GO_MODULES = 'dev/candidate bench/harness bench/controller-runtime';

/** Each counts as one. */
const CHECKS: readonly Check[] = [
  {name: 'format and lint', command: ['biome', 'check', '--error-on-warnings', '.']},
  {name: 'types', command: ['tsc', '-p', '.']},
  {name: 'crds in step with src/api', command: ['node', 'dev/crds.ts', '--check']},
  {name: 'docs/policy.md in step with src/api', command: ['node', 'dev/reference.ts', '--check']},
  {name: 'PrometheusRule in step with rules.yaml', command: ['node', 'dev/rules.ts', '--check']},
  {name: 'chart in step with config/', command: ['node', 'dev/chart.ts', '--check']},
  {
    name: 'tests of reported bugs fail without what finds these',
    command: ['node', 'dev/mutations.ts', '--reports'],
  },
  {name: 'format of the Go programs', command: ['sh', '-c', `test -z "$(gofmt -l ${GO_MODULES})"`]},
];

/** After everything else, as it needs the whole machine. */
const CHAOS: Check = {name: 'three minutes of chaos', command: ['node', 'dev/chaos.ts'], env: {MINUTES: '3'}};

/** End to end, few at a time: each test has a control plane of its own. */
const SUITES: readonly Check[] = [
  {
    name: 'core, runtime and command line',
    command: [
      'ava',
      'test/core/**',
      'test/world/**',
      'test/controllers/**',
      'test/runtime/**',
      'test/telemetry/**',
      'test/cli/**',
      'test/trust/**',
      'test/*.test.ts',
    ],
  },
  // Each property keeps its process busy until it ends, which on a machine with other work takes its time.
  {name: 'random inputs', command: ['ava', '--timeout=10m', 'test/fuzz/**']},
  {name: 'chart', command: ['ava', '--concurrency=2', 'test/chart/**']},
  {name: 'monitoring', command: ['ava', '--concurrency=2', 'test/monitoring/**']},
  {name: 'commands of the docs', command: ['ava', 'test/docs/**']},
  // One at a time: what is told of them is true only for processes that have time to run.
  {name: 'leadership', command: ['ava', '--serial', '--concurrency=1', 'test/leadership/**']},
  {name: 'end to end', command: ['ava', '--concurrency=2', 'test/e2e/**']},
];

/** Runs a command with its output on ours. Returns the exit code and the lines. */
function run({command, env}: Check): Promise<{code: number; lines: string[]}> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: ROOT,
    env: {...process.env, ...env},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: string[] = [];
  createInterface(child.stdout).on('line', line => {
    lines.push(line);
    process.stdout.write(`${line}\n`);
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => resolve({code: code ?? 1, lines}));
  });
}

async function check(what: Check): Promise<Count> {
  process.stdout.write(`\n== ${what.name}\n`);
  const {code} = await run(what);
  return code === 0 ? {passed: 1, failures: []} : {passed: 0, failures: [what.name]};
}

/**
 * AVA marks each passed test, each failed one, and each that ran at the time limit, in a line of its own; its sum leaves
 * out what passed beside a failure. What fails outside of a test, as an import does, shows in the exit code alone, and
 * counts as one.
 */
async function suite(what: Check): Promise<Count> {
  process.stdout.write(`\n== ${what.name}\n`);
  const {code, lines} = await run(what);
  const passed = lines.filter(line => /^\s*✔ /.test(line)).length;
  const failures = lines.flatMap(line => /^\s*✘ (?:\[fail\]: )?(.+)/.exec(line)?.[1] ?? []);
  return {passed, failures: code !== 0 && failures.length === 0 ? [what.name] : failures};
}

// Set-up first, so that no test's time limit pays for it.
await ensureBinaries();
await ensurePromtool();
await ensureHelm();
await operatorCommand();
await ensureCandidate();
let passed = 0;
const failures: string[] = [];
for (const [list, runOne] of [
  [CHECKS, check] as const,
  [SUITES, suite] as const,
  [[CHAOS], check] as const,
]) {
  for (const each of list) {
    const count = await runOne(each);
    passed += count.passed;
    failures.push(...count.failures);
  }
}
// Once more at the end, as thousands of lines may stand between.
for (const failure of failures) process.stdout.write(`failed: ${failure}\n`);
process.stdout.write(`\n${passed} passed, ${failures.length} failed\n`);
process.exitCode = failures.length === 0 && passed > 0 ? 0 : 1;
