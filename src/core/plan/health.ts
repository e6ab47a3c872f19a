/** What is wrong with a Lease by which a leader is elected: nobody leads, too many want to, or the wrong one does. */
import {type HolderChange, isRecent, WINDOW_MS} from '../lease/history.ts';
import {deploymentOf, isHeldBy, namesItsPods, type WorkloadName, workloadOf} from '../lease/holder.ts';
import {holding, isHeldByUs, type LeaseView} from '../lease/lifetime.ts';
import type {Ailment} from '../lease/record.ts';
import type {Now} from '../now.ts';
import {sooner} from './action.ts';

/** How long, at least, a Lease may be without a holder after the duration for which nobody could take it. */
const GRACE_LEAST_MS = 10_000;

/** A rollout moves the leader a few times; more often than this within the window is flapping. */
export const CHANGES_ALLOWED = 5;

export type HealthObservation = {
  readonly lease: LeaseView;
  /** The workload whose Lease it is; undefined for a component of the control plane or where nobody knows. */
  readonly workload: ElectingWorkload | undefined;
  readonly changes: readonly HolderChange[];
  /** Whether a workload of this kind and name is in the workload's namespace. */
  readonly exists: (kind: string, name: string) => boolean;
  /** leaseDurationSeconds of the policy, used where the record has none or that of a release. */
  readonly durationSeconds: number;
  /** True for components: they are expected to lead always. */
  readonly alwaysLed: boolean;
};

export type ElectingWorkload = WorkloadName & {
  /** Monotonic milliseconds since which this process has seen ready Pods of it; undefined while it has none. */
  readonly readySinceMs: number | undefined;
};

/** An ailment, if there is one, whose message is stable while the fault lasts, and when it comes or goes by itself. */
type Verdict = {readonly ailment?: Ailment | undefined; readonly changesInMs?: number | undefined};

const HEALTHY: Verdict = {};

export function ailments(
  observed: HealthObservation,
  now: Now,
): {ailments: Ailment[]; requeueAfterMs: number | undefined} {
  const changes = observed.changes.filter(change => isRecent(change, now.monotonicMs));
  const recent = {...observed, changes};
  const verdicts = isHeldByUs(observed.lease)
    ? [flapping(recent, now)]
    : [
        leaderless(observed, now),
        flapping(recent, now),
        contestedLease(recent, now),
        foreignHolder(observed, now),
      ];
  return {
    ailments: verdicts.flatMap(({ailment}) => ailment ?? []),
    requeueAfterMs: verdicts.reduce<number | undefined>(
      (soonest, {changesInMs}) => sooner(soonest, changesInMs),
      undefined,
    ),
  };
}

const textOf = ({kind, name}: WorkloadName) => `${kind}/${name}`;

/**
 * What was never held is not leaderless, as many workloads do not elect. A holder that is silent has its duration, and
 * everybody else as much again to take the Lease.
 */
function leaderless(observed: HealthObservation, now: Now): Verdict {
  const {lease, workload, alwaysLed} = observed;
  const {state} = holding(lease, now.monotonicMs);
  const readySinceMs = workload?.readySinceMs;
  if (!['held', 'released', 'expired'].includes(state) || (readySinceMs === undefined && !alwaysLed))
    return HEALTHY;
  const fromMs = Math.max(
    lease.changedAtMs,
    alwaysLed ? lease.changedAtMs : (readySinceMs ?? lease.changedAtMs),
  );
  const leftMs = fromMs + patienceMs(observed) - now.monotonicMs;
  if (leftMs > 0) return {changesInMs: leftMs};
  const whose = workload ? textOf(workload) : 'its component';
  const message = `nobody holds Lease ${lease.name}, although ${whose} should lead: it has stopped electing a leader or cannot write the Lease; look at the logs of its Pods and at their rights`;
  return {ailment: {reason: 'Leaderless', message}};
}

/** One duration and the grace, which is one more. */
function patienceMs({lease, durationSeconds}: HealthObservation): number {
  const isRelease = lease.holder === '' && lease.durationSeconds === 1;
  const own = isRelease ? undefined : lease.durationSeconds;
  const durationMs = (own === undefined || own < 1 ? durationSeconds : own) * 1000;
  return durationMs + Math.max(durationMs, GRACE_LEAST_MS);
}

/** Only fewer changes can end it, and they are fewer when the oldest leaves the window. */
function flapping({lease, changes}: HealthObservation, now: Now): Verdict {
  if (countOf(changes) <= CHANGES_ALLOWED) return HEALTHY;
  const message = `Lease ${lease.name} has had more than ${CHANGES_ALLOWED} changes of its leader within ${WINDOW_MS / 60_000} minutes: leaders fail or renew too late; look at the restarts of its Pods, or make leaseDurationSeconds longer`;
  return {ailment: {reason: 'Flapping', message}, changesInMs: untilOldestLeaves(changes, now)};
}

const untilOldestLeaves = ([oldest]: readonly HolderChange[], now: Now) =>
  oldest && oldest.atMs + WINDOW_MS - now.monotonicMs;

/** A holder of others: not a release, and not ours while a name changes. */
const leads = (holder: string) => holder !== '' && !isHeldByUs({holder});

/**
 * How often the leader was another one than before, or the same anew. leaseTransitions tells of changes between two
 * that we saw; what it was before the first one may be old.
 */
function countOf(changes: readonly HolderChange[]): number {
  let count = 0;
  let leader = changes[0]?.from ?? '';
  for (const [index, {to, transitions}] of changes.entries()) {
    const isOther = leads(leader) && leads(to) && to !== leader;
    const grown = transitions - (changes[index - 1]?.transitions ?? transitions);
    count += Math.max(isOther ? 1 : 0, grown);
    if (leads(to)) leader = to;
  }
  return count;
}

/** A workload of another kind may run its Pods by several workloads, so that nobody can tell who is a stranger. */
const isTold = (workload: WorkloadName | undefined) => !workload || namesItsPods(workload.kind);

/** The lead went to another workload and came back: neither knows of the other. */
function contestedLease(observed: HealthObservation, now: Now): Verdict {
  const {lease, workload, changes} = observed;
  const [first] = changes;
  if (!first || changes.length < 2 || !isTold(workload)) return HEALTHY;
  const rivals = rivalsIn(
    [first.from, ...changes.map(({to}) => to)].flatMap(each => leaderOf(observed, each)),
  );
  if (rivals.length === 0) return HEALTHY;
  const names = rivals.map(textOf).join(' and ');
  const message = `Lease ${lease.name} goes back and forth between ${names}: while one of them leads, the other does nothing; give each of them a Lease of its own`;
  return {ailment: {reason: 'ContestedLease', message}, changesInMs: untilOldestLeaves(changes, now)};
}

/** The workload that led by this holder; none for a release, for ours and for what names no Pod that is known. */
function leaderOf({workload, exists}: HealthObservation, holder: string): WorkloadName | [] {
  if (!leads(holder)) return [];
  if (workload && isHeldBy(workload, holder)) return {kind: workload.kind, name: workload.name};
  return workloadOf(holder, exists) ?? [];
}

/** All that led between two turns of the same workload, in the order of their names, so that each turn says the same. */
function rivalsIn(leaders: readonly WorkloadName[]): WorkloadName[] {
  const turns = leaders.map(textOf).filter((text, index, all) => text !== all[index - 1]);
  const returns = [...turns.keys()].filter(index => turns.indexOf(turns[index] ?? '') < index);
  const firsts = returns.map(index => turns.indexOf(turns[index] ?? ''));
  if (returns.length === 0) return [];
  const between = [...new Set(turns.slice(Math.min(...firsts), Math.max(...returns) + 1))].sort();
  return between.flatMap(text => leaders.find(each => textOf(each) === text) ?? []);
}

/** Only on evidence: the holder is a Pod, and one of another workload. What names no Pod may be anybody. */
function foreignHolder(observed: HealthObservation, now: Now): Verdict {
  const {lease, workload, exists} = observed;
  const {state, changesInMs} = holding(lease, now.monotonicMs);
  if (state !== 'held' || !workload || !namesItsPods(workload.kind)) return HEALTHY;
  if (isHeldBy(workload, lease.holder)) return HEALTHY;
  const other = workloadOf(lease.holder, exists);
  const unknown = other ? undefined : deploymentOf(lease.holder);
  if (!other && unknown === undefined) return HEALTHY;
  const [mine, who] = [
    textOf(workload),
    other ? textOf(other) : `a Pod that is named as those of a Deployment ${unknown}`,
  ];
  const message = `Lease ${lease.name} is that of ${mine}, and ${who} holds it, so that ${mine} does not lead; give the other a Lease of its own`;
  return {ailment: {reason: 'ForeignHolder', message}, changesInMs};
}
