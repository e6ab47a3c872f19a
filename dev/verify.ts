/** Runs every check of make test, and ends with one line that counts them. */
import {spawn} from 'node:child_process';
import {createInterface} from 'node:readline';
import {ensureBinaries} from './controlplane/binaries.ts';
import {ensureHelm} from './helm/helm.ts';
import {operatorCommand, ROOT} from './programs.ts';
import {ensurePromtool} from './promtool/promtool.ts';

type Count = {passed: number; failed: number};
type Check = {name: string; command: readonly string[]; env?: NodeJS.ProcessEnv};

const GO_MODULES = 'dev/candidate bench/harness bench/controller-runtime';

/** Each counts as one. */
const CHECKS: readonly Check[] = [
  {name: 'format and lint', command: ['biome', 'check', '--error-on-warnings', '.']},
  {name: 'types', command: ['tsc', '-p', '.']},
  {name: 'crds in step with src/api', command: ['node', 'dev/crds.ts', '--check']},
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
      'test/runtime/**',
      'test/cli/**',
      'test/lint/**',
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
  return code === 0 ? {passed: 1, failed: 0} : {passed: 0, failed: 1};
}

/** AVA closes with "N tests passed" and "N tests failed"; an exit code without a failed test counts as one. */
async function suite(what: Check): Promise<Count> {
  process.stdout.write(`\n== ${what.name}\n`);
  const {code, lines} = await run(what);
  const count = (what: string) => {
    const line = lines.findLast(each => new RegExp(`^\\s*\\d+ tests? ${what}`).test(each));
    return Number.parseInt(line?.trim() ?? '0', 10);
  };
  const [passed, failed] = [count('passed'), count('failed')];
  return {passed, failed: code !== 0 && failed === 0 ? 1 : failed};
}

// Set-up first, so that no test's time limit pays for it.
await ensureBinaries();
await ensurePromtool();
await ensureHelm();
await operatorCommand();
const total: Count = {passed: 0, failed: 0};
for (const [list, runOne] of [
  [CHECKS, check] as const,
  [SUITES, suite] as const,
  [[CHAOS], check] as const,
]) {
  for (const each of list) {
    const {passed, failed} = await runOne(each);
    total.passed += passed;
    total.failed += failed;
  }
}
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed\n`);
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
