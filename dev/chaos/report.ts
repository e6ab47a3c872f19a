/** The report on a run of chaos, a line for each thing that was promised. */
import type {Reign} from '../trust/invariant.ts';
import type {Holdings} from './elder.ts';
import type {Fleet} from './fleet.ts';
import type {Blow, Storm} from './storm.ts';
import type {Verdict} from './verdict.ts';

export type Run = {
  minutes: number;
  storm: Pick<Storm, 'handOvers' | 'kills'>;
  fleet: Pick<Fleet, 'all'>;
  verdict: Verdict;
  /** Workloads that had no Lease at the end. */
  missing: readonly string[];
  /** Of the elder, before and after. */
  before: Holdings;
  after: Holdings;
  /** Timers and sockets of a thousand candidates that were still there when all had ended. */
  left: number;
};

/** A timer more or less is a matter of the moment at which they were counted. */
const TIMERS_OF_THE_MOMENT = 3;
const SHOWN = 5;

export function reportOf(run: Run): {text: string; isGood: boolean} {
  const {verdict, before, after, missing, left} = run;
  const leaked = {
    timers: Math.max(0, after.timers - before.timers - TIMERS_OF_THE_MOMENT),
    sockets: Math.max(0, after.sockets - before.sockets),
  };
  const promises: [string, readonly string[]][] = [
    ['violations of invariant I', verdict.invariant],
    ['candidates that led beside another', verdict.together],
    ['Leases lost', [...verdict.lost, ...missing.map(name => `${name} has no Lease`)]],
    ['Leases deleted while held', verdict.deletedWhileHeld],
    ['leaked timers', sentences(leaked.timers, 'timer of the operator')],
    ['leaked sockets', sentences(leaked.sockets, 'socket of the operator')],
    ['left by the candidates', sentences(left, 'timer or socket')],
  ];
  const lines = [
    ...story(run),
    ...promises.flatMap(([what, found]) => [
      line(what, `${found.length}`),
      ...found.slice(0, SHOWN).map(each => `    ${each}`),
    ]),
    line('RSS of an operator that lived through it', `${before.rssMiB} MiB, then ${after.rssMiB} MiB`),
    line(
      'its timers and sockets',
      `${before.timers} and ${before.sockets}, then ${after.timers} and ${after.sockets}`,
    ),
  ];
  // No writes and no terms would be no proof.
  const isProof = verdict.guardedWrites > 0 && verdict.deleted > 0 && run.storm.handOvers.length > 0;
  return {
    text: `${lines.join('\n')}\n`,
    isGood: isProof && promises.every(([, found]) => found.length === 0),
  };
}

function story({minutes, storm, fleet, verdict}: Run): string[] {
  const {handOvers, kills} = storm;
  return [
    line('minutes', `${minutes}`),
    line('workloads, two candidates each', `${fleet.all.length} in all`),
    line('hand-overs of candidates', times(fleet.all.flatMap(({reigns}) => gaps(reigns)))),
    line('kills', `kube-apiserver ${kills['kube-apiserver']}, etcd ${kills.etcd}`),
    ...(['SIGKILL', 'SIGTERM', 'SIGSTOP'] satisfies Blow[]).map(blow =>
      line(
        `hand-overs after ${blow}`,
        times(handOvers.filter(each => each.blow === blow).map(each => each.tookMs)),
      ),
    ),
    line('guarded writes accepted', `${verdict.guardedWrites}`),
    line('Leases collected', `${verdict.deleted}`),
  ];
}

/** How long nobody led, between one and the next. */
function gaps(reigns: readonly Reign[]): number[] {
  const sorted = reigns.toSorted((a, b) => a.fromMs - b.fromMs);
  return sorted.flatMap((reign, index) => {
    const before = sorted[index - 1];
    return before ? [reign.fromMs - before.toMs] : [];
  });
}

/** How many, the median and the 99th percentile. */
function times(tookMs: readonly number[]): string {
  if (tookMs.length === 0) return '0';
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  return `${sorted.length}, p50 ${seconds(at(0.5))}, p99 ${seconds(at(0.99))}`;
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(2)} s`;
const line = (what: string, value: string) => `${what.padEnd(42)} ${value}`;
const sentences = (count: number, what: string) => Array.from({length: count}, () => `a ${what}`);
