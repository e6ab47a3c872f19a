/** How long the command line takes from its start to its end, in turn with kubectl and with Node itself. */
import {execFile} from 'node:child_process';
import {cpus} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import {ensureBinaries} from '../dev/controlplane/binaries.ts';
import {operatorCommand, ROOT} from '../dev/programs.ts';
import {median, note} from './measure.ts';

const execute = promisify(execFile);

const RUNS = Number(process.env.BENCH_RUNS ?? '20');
const POLICY = 'config/samples/payments.yaml';

type Figures = {readonly wallMs: number; readonly cpuMs: number};

/** Runs each program so many times, one after the other, and prints a table. */
export async function measureStart(): Promise<void> {
  await operatorCommand();
  const {kubectl} = await ensureBinaries();
  const node = process.execPath;
  const programs = new Map([
    [`leasepolicy name deployment/api -n shop -f ${path.basename(POLICY)}`, nameCommand(node)],
    ['kubectl version --client', [kubectl, 'version', '--client']],
    ['node -e 0', [node, '-e', '0']],
  ]);
  const figures = new Map<string, Figures[]>([...programs.keys()].map(name => [name, []]));
  for (const command of programs.values()) await timed(command); // to have all files in memory
  for (let run = 1; run <= RUNS; run++) {
    if (run % 10 === 0) note(`start: run ${run} of ${RUNS}`);
    for (const [name, command] of programs) figures.get(name)?.push(await timed(command));
  }
  print(figures);
}

const nameCommand = (node: string) => [
  node,
  'dist/leasepolicy.mjs',
  'name',
  'deployment/api',
  '-n',
  'shop',
  '-f',
  POLICY,
];

/**
 * By the shell's own clock, which begins after the shell has started, and counts the CPU of all threads. It prints last:
 * the command may have printed notes.
 */
async function timed(command: readonly string[]): Promise<Figures> {
  const script = 'TIMEFORMAT=\'%R %U %S\'; time "$@" > /dev/null';
  const env = {...process.env, LC_ALL: 'C'};
  const {stderr} = await execute('bash', ['-c', script, 'bash', ...command], {cwd: ROOT, env});
  const [real, user, system] = (stderr.trim().split('\n').at(-1) ?? '').split(' ').map(Number);
  if (real === undefined || user === undefined || system === undefined || Number.isNaN(real))
    throw new Error(`no times in what the shell printed: ${stderr}`);
  return {wallMs: real * 1000, cpuMs: (user + system) * 1000};
}

function print(figures: ReadonlyMap<string, readonly Figures[]>): void {
  process.stdout.write(`\nWhole processes, ${RUNS} runs of each in turn on ${cpus().length} cores, `);
  process.stdout.write(`Node ${process.versions.node}.\n\n`);
  process.stdout.write('| | ms, median | ms, least | CPU ms, median |\n|---|---|---|---|\n');
  for (const [name, list] of figures) {
    const walls = list.map(each => each.wallMs);
    const cells = [median(walls), Math.min(...walls), median(list.map(each => each.cpuMs))];
    process.stdout.write(`| \`${name}\` | ${cells.map(each => each.toFixed(0)).join(' | ')} |\n`);
  }
}
