/** What the measurements share: the harness, its rounds, and the words around the figures. */
import {execFile} from 'node:child_process';
import {cpus, totalmem} from 'node:os';
import {promisify} from 'node:util';
import {ROOT} from '../dev/programs.ts';

const execute = promisify(execFile);

export const ROUNDS = Number(process.env.BENCH_ROUNDS ?? '3');

/** Runs a verb of the harness and returns what it measured. */
export async function run<Result extends {seconds?: number}>(
  harness: string,
  args: readonly string[],
  kubeconfig: string,
): Promise<Partial<Result>> {
  const env = {...process.env, KUBECONFIG: kubeconfig};
  const {stdout} = await execute(harness, args, {cwd: ROOT, env, maxBuffer: 1 << 26});
  const result = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Partial<Result>;
  note(`  ${args[0]}${result.seconds === undefined ? '' : `: ${result.seconds.toFixed(2)} s`}`);
  return result;
}

export function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Where and how the figures of a table were taken. */
export function circumstances(): string {
  const memory = Math.round(totalmem() / 2 ** 30);
  const machine = `${cpus().length} cores, ${memory} GiB, Node ${process.versions.node}`;
  return `Medians of ${ROUNDS} rounds in one run on ${machine}; the API server shares the cores.`;
}
