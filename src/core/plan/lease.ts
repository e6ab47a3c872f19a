/** Judges one Lease: its state, what is wrong with it, and when it is garbage. */
import {LABELS} from '../../api/objects.ts';
import {bucketSet} from '../lease/buckets.ts';
import type {LeaseClass} from '../lease/classify.ts';
import {type Finding, leaseRef, workloadRef} from '../lease/finding.ts';
import {holding, isHeldByUs, isManaged, type LeaseView, type Lifetime, lifetime} from '../lease/lifetime.ts';
import {formatMicroTime, parseMicroTime} from '../lease/microtime.ts';
import {excerpt} from '../legible.ts';
import type {Rules} from '../naming/rules.ts';
import type {Now} from '../now.ts';
import {
  type Action,
  type Garbage,
  type LeaseState,
  leaseAnnotations,
  leaseLabels,
  type Plan,
  sooner,
} from './action.ts';
import {ailments} from './health.ts';
import {leaseFindings} from './lease-findings.ts';
import type {LeaseObservation} from './lease-observation.ts';

export function planLease(observed: LeaseObservation, now: Now): Plan {
  const {lease, rules, claim} = observed;
  if (!lease) return {actions: [], findings: []};
  const claimed = claim !== undefined || !observed.subjectsKnown;
  const {state, changesInMs} = lifetime(lease, claimed, now.monotonicMs);
  const health = electionHealth(observed, lease, now);
  const ends = observed.exemptUntilMs;
  const plan: Plan = {
    actions: [],
    findings: [...leaseFindings(observed, lease, now), ...health.findings],
    states: observed.isSystems ? [] : [stateOf(observed, lease, state)],
    requeueAfterMs: [
      changesInMs,
      observed.bucketsChangeInMs,
      health.requeueAfterMs,
      ends !== undefined && Number.isFinite(ends) ? ends - now.wallMs : undefined,
    ].reduce(sooner, undefined),
  };
  if (claimed || !rules || observed.namespaceGoes) return plan;
  return planUnclaimed(plan, observed, rules, lease, state, now);
}

/** A Lease that is neither managed nor claimed belongs to no policy, and counts for its class alone. */
function stateOf(
  {rules, claim, classification}: LeaseObservation,
  lease: LeaseView,
  state: Lifetime,
): LeaseState {
  const isOfPolicy = rules !== undefined && (isManaged(lease) || claim !== undefined);
  const policy = isOfPolicy ? rules.policy : '';
  return {policy, class: classification.class, lifetime: state, claimed: isOfPolicy && claim !== undefined};
}

/** Classes whose Leases are held by one candidate at a time, so that a change of holders means something. */
export const ELECTIONS: ReadonlySet<LeaseClass> = new Set([
  'leader-election',
  'leader-election-bucket',
  'coordinated-leader-election',
]);

/** How the election by this Lease goes, told to its own policy, or else to those that govern its namespace. */
function electionHealth(
  observed: LeaseObservation,
  lease: LeaseView,
  now: Now,
): {findings: Finding[]; requeueAfterMs: number | undefined} {
  const {claim, rules, governing, own, classification} = observed;
  const concerned = claim ? (rules ? [rules] : []) : governing;
  if (own || concerned.length === 0 || !ELECTIONS.has(classification.class))
    return {findings: [], requeueAfterMs: undefined};
  const workload = claim && {
    kind: claim.workload.kind,
    name: claim.workload.name,
    readySinceMs: observed.readySinceMs,
  };
  const {ailments: found, requeueAfterMs} = ailments(
    {
      lease,
      workload,
      changes: observed.changes,
      exists: observed.exists,
      durationSeconds: concerned[0]?.lease.durationSeconds ?? 0,
      alwaysLed: false,
    },
    now,
  );
  const about = claim ? workloadRef(claim.workload) : leaseRef(lease);
  const findings = concerned.flatMap(({policy}) =>
    found.map(({reason, message}): Finding => ({policy, reason, message, about})),
  );
  return {findings, requeueAfterMs};
}

/** Nobody claims the name: mark it, say so, and hand it to the collection when its time has come. */
function planUnclaimed(
  plan: Plan,
  observed: LeaseObservation,
  rules: Rules,
  lease: LeaseView,
  state: Lifetime,
  now: Now,
): Plan {
  if (isManaged(lease)) plan.findings.push(...orphanFinding(observed, rules, lease, state));
  const garbage = garbageOf(observed, rules, lease, state, now);
  const mark = isManaged(lease) ? orphanMark(rules, lease, state, now) : undefined;
  if (mark) plan.actions.push(mark);
  if (garbage) {
    const {class: kind} = observed.classification;
    plan.garbage = [garbage];
    plan.states = [{policy: rules.policy, class: kind, lifetime: 'orphaned', claimed: false}];
  }
  return plan;
}

function orphanFinding(
  {check, classification}: LeaseObservation,
  rules: Rules,
  lease: LeaseView,
  state: Lifetime,
): Finding[] {
  const subject = excerpt(lease.subject ?? 'its subject');
  const report = (message: string): Finding[] => [
    {policy: rules.policy, reason: 'OrphanedLease', about: leaseRef(lease), message},
  ];
  if (state === 'held') {
    return report(
      `Lease ${lease.name} is no longer the name of ${subject}; it is kept while ${excerpt(lease.holder)} renews it`,
    );
  }
  if (state !== 'orphaned') return [];
  const {mode, ttlSeconds} = rules.collection;
  let fate = `it is deleted after ${ttlSeconds} seconds`;
  if (lease.terminating) fate = 'it was deleted, and is kept by its finalizers';
  else if (mode !== 'Managed' && mode !== 'All') fate = `garbageCollection.mode is ${mode}, so it stays`;
  else if (!COLLECTED.has(classification.class)) fate = `${excerpt(classification.because)}, so it stays`;
  else if (!check || !lease.subject)
    fate = 'that is no workload of a kind of the policy, so nobody can tell and it stays';
  if (isHeldByUs(lease))
    return report(`Lease ${lease.name} was a name of ${subject} and is kept closed: ${fate}`);
  return report(`nobody holds Lease ${lease.name} and it is no longer the name of ${subject}: ${fate}`);
}

const markedAtMs = (lease: LeaseView) => parseMicroTime(lease.orphanedSince);

/** Keeps the start of the ttl on the Lease itself, where people see it and the next leader finds it. */
function orphanMark(rules: Rules, lease: LeaseView, state: Lifetime, now: Now): Action | undefined {
  const orphaned = state === 'orphaned';
  const isRight = orphaned ? markedAtMs(lease) !== undefined : lease.orphanedSince === undefined;
  if (isRight || lease.subject === undefined) return undefined;
  const {namespace, name, uid} = lease;
  return {
    type: 'labelLease',
    purpose: orphaned ? 'markOrphaned' : 'reclaim',
    policy: rules.policy,
    namespace,
    name,
    uid,
    labels: leaseLabels(rules, lease.labels[LABELS.origin] ?? 'adopted', lease.labels),
    annotations: leaseAnnotations(lease.subject, orphaned ? formatMicroTime(now.wallMs) : undefined),
  };
}

/** Classes that are ever deleted by the word of a policy of workloads. A bucket has to be superseded as well. */
export const COLLECTED: ReadonlySet<LeaseClass> = new Set([
  'leader-election',
  'leader-election-bucket',
  'tombstone',
]);

function garbageOf(
  observed: LeaseObservation,
  rules: Rules,
  lease: LeaseView,
  state: Lifetime,
  now: Now,
): Garbage | undefined {
  const {mode} = rules.collection;
  const {check} = observed;
  if ((mode !== 'Managed' && mode !== 'All') || !check || observed.handingOver) return undefined;
  if (lease.terminating) return undefined; // only its finalizers keep it
  const {class: kind, entry} = observed.classification;
  // A Lease of a known product is never one of ours by chance.
  if (!isManaged(lease) && entry) return undefined;
  if (!COLLECTED.has(kind) || (kind === 'leader-election-bucket' && !observed.isSuperseded)) return undefined;
  const ttlEndsMs = isManaged(lease)
    ? managedTtlEndsMs(rules, lease, state, now)
    : othersTtlEndsMs(observed, rules, lease, now);
  if (ttlEndsMs === undefined) return undefined;
  const {namespace, name, uid, resourceVersion} = lease;
  const collect = {
    type: 'collectLease',
    policy: rules.policy,
    lease: {namespace, name, uid, resourceVersion},
    subject: lease.subject ?? '',
    check,
  } as const;
  const dueAtMs = Math.max(ttlEndsMs, unrenewedUntilMs(lease));
  const set = kind === 'leader-election-bucket' ? bucketSet(lease) : undefined;
  const waitsForMark = isManaged(lease) && markedAtMs(lease) === undefined;
  return {policy: rules.policy, dueAtMs, waitsForMark, collect, transitions: lease.transitions, set};
}

/**
 * In any case one of the Lease's own durations passes under our own eyes. What we hold ourselves goes while we hold
 * it: else a candidate of an old Pod could take it when our hold has run out.
 */
function unrenewedUntilMs(lease: LeaseView): number {
  return isHeldByUs(lease) ? 0 : lease.changedAtMs + (lease.durationSeconds ?? 0) * 1000;
}

/**
 * Counts from the mark on the Lease, so that a restart of ours does not begin the ttl anew where nobody is its holder, or
 * from a later renewal: what a holder wrote while we did not look can only lengthen the wait.
 */
function managedTtlEndsMs(rules: Rules, lease: LeaseView, state: Lifetime, now: Now): number | undefined {
  if (state !== 'orphaned' || lease.subject === undefined) return undefined;
  // What is about to be marked counts for maxPercent already: else a part could go while the rest waits for its mark.
  const marked = markedAtMs(lease) ?? now.wallMs;
  // Our own renewals of a seal do not lengthen it; acquireTime is when the hand-over ended.
  const last = parseMicroTime(isHeldByUs(lease) ? lease.acquireTime : lease.renewTime) ?? 0;
  // A mark that is older than the Lease came with a manifest that somebody has applied again.
  const from = Math.max(Math.min(marked, now.wallMs), parseMicroTime(lease.createdAt) ?? 0, last);
  return now.monotonicMs + rules.collection.ttlSeconds * 1000 - (now.wallMs - from);
}

/** Nothing marks a Lease of others: its whole ttl passes under our own eyes. */
function othersTtlEndsMs(
  observed: LeaseObservation,
  rules: Rules,
  lease: LeaseView,
  now: Now,
): number | undefined {
  if (rules.collection.mode !== 'All' || !isFinished(lease, now) || isExempt(observed)) return undefined;
  return lease.changedAtMs + rules.collection.ttlSeconds * 1000;
}

function isFinished(lease: LeaseView, now: Now): boolean {
  const {state} = holding(lease, now.monotonicMs);
  return state === 'released' || state === 'expired';
}

const isExempt = ({own, exemptUntilMs}: LeaseObservation) => own || exemptUntilMs !== undefined;
