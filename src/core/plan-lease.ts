/** Judges one Lease: its state, what is wrong with it, and when it is garbage. */
import {LABELS} from '../api/objects.ts';
import {type Action, leaseAnnotations, leaseLabels, type Plan, type SubjectCheck, sooner} from './action.ts';
import {CONTROL_PLANE_LEASES} from './admission/frame.ts';
import type {Claim} from './claims.ts';
import type {Finding, FindingReason, ObjectRef} from './finding.ts';
import {holding, isHeldByUs, isManaged, type LeaseView, type Lifetime, lifetime} from './lifetime.ts';
import {formatMicroTime, parseMicroTime} from './microtime.ts';
import {type Now, workloadRef} from './plan-workload.ts';
import type {Rules} from './rules.ts';

/** How far ahead of our clock a renewTime may be before it is a finding; clocks of nodes differ. */
const SKEW_ALLOWED_MS = 60_000;

export type LeaseObservation = {
  readonly lease: LeaseView | undefined;
  /** The policy of a managed Lease, or the one whose names an unmanaged Lease bears; if it is in force. */
  readonly rules: Rules | undefined;
  /** The oldest claim to this very name. */
  readonly claim: Claim | undefined;
  /** Whether every workload that could claim this Lease is in the caches. */
  readonly subjectsKnown: boolean;
  /** What a live read must find before the Lease is deleted; undefined when no read could tell. */
  readonly check: SubjectCheck | undefined;
  /** Whether another old name of its subject is still held by somebody: then none of them may be used, or go. */
  readonly handingOver: boolean;
  /** Policies that govern the namespace. */
  readonly governing: readonly Rules[];
  /** The first few names that are allowed here, and how many more there are. */
  readonly allowed: string;
  /** When the exemption of this name ends, in wall milliseconds; undefined when it has none. */
  readonly exemptUntilMs: number | undefined;
  /** The Lease by which the operator elects its leader. */
  readonly own: boolean;
};

/** Garbage, and when a collection pass may take it. */
export type Garbage = {
  readonly policy: string;
  readonly dueAtMs: number;
  readonly collect: Extract<Action, {type: 'collectLease'}>;
  /** leaseTransitions, to be continued when the name comes back. */
  readonly transitions: number;
};

export type LeasePlan = Plan & {
  /** Where the Lease counts in a policy's status. */
  state?: {policy: string; lifetime: Lifetime; claimed: boolean};
  garbage?: Garbage;
};

export function planLease(observed: LeaseObservation, now: Now): LeasePlan {
  const {lease, rules, claim} = observed;
  if (!lease) return {actions: [], findings: []};
  const claimed = claim !== undefined || !observed.subjectsKnown;
  const {state, changesInMs} = lifetime(lease, claimed, now.monotonicMs);
  const plan: LeasePlan = {
    actions: [],
    findings: [...recordFindings(observed, lease, now), ...nameFindings(observed, lease)],
    requeueAfterMs: changesInMs,
  };
  const ends = observed.exemptUntilMs;
  if (ends !== undefined && Number.isFinite(ends))
    plan.requeueAfterMs = sooner(changesInMs, ends - now.wallMs);
  if (rules && (isManaged(lease) || claim))
    plan.state = {policy: rules.policy, lifetime: state, claimed: claim !== undefined};
  return claimed || !rules ? plan : planUnclaimed(plan, observed, rules, lease, state, now);
}

/** Nobody claims the name: mark it, say so, and hand it to the collection when its time has come. */
function planUnclaimed(
  plan: LeasePlan,
  observed: LeaseObservation,
  rules: Rules,
  lease: LeaseView,
  state: Lifetime,
  now: Now,
): LeasePlan {
  if (isManaged(lease)) plan.findings.push(...orphanFinding(observed, rules, lease, state));
  const garbage = garbageOf(observed, rules, lease, state, now);
  const mark = isManaged(lease) ? orphanMark(rules, lease, state, now) : undefined;
  if (mark) plan.actions.push(mark);
  if (garbage) {
    plan.garbage = garbage;
    plan.state = {policy: rules.policy, lifetime: 'orphaned', claimed: false};
  }
  return plan;
}

function recordFindings(observed: LeaseObservation, lease: LeaseView, now: Now): Finding[] {
  const {rules} = observed;
  if (!rules || (!isManaged(lease) && !observed.claim)) return [];
  const found: Finding[] = [];
  const {min, max} = rules.enforcement.durationSeconds;
  const seconds = lease.durationSeconds;
  const isRelease = lease.holder === '' && seconds === 1;
  if (seconds !== undefined && (seconds < min || seconds > max) && !isRelease && !isHeldByUs(lease)) {
    const message = `Lease ${lease.name} has leaseDurationSeconds ${seconds}; this policy allows ${min} to ${max}`;
    found.push(finding(observed, rules, 'DurationOutOfRange', message));
  }
  const renewed = parseMicroTime(lease.renewTime);
  if (renewed !== undefined && renewed - now.wallMs > SKEW_ALLOWED_MS) {
    const message = `Lease ${lease.name} has renewTime ${lease.renewTime}, which is in the future: a clock is wrong`;
    found.push(finding(observed, rules, 'FutureRenewTime', message));
  }
  const owner = lease.owners
    .map(({kind, name}) => `${kind}/${name}`)
    .find(each => each === observed.claim?.subject);
  if (owner) {
    const message = `Lease ${lease.name} is owned by ${owner}: when that is deleted, so is the Lease, while its old Pods still lead; remove the owner reference`;
    found.push(finding(observed, rules, 'HazardousOwner', message));
  }
  return found;
}

/** By this label an API server finds the Leases of the others. */
const API_SERVER_IDENTITY = 'apiserver.kubernetes.io/identity';

/** Components of the control plane and API servers name their Leases themselves, and are let through. */
const isControlPlane = ({namespace, name, labels}: LeaseView) =>
  namespace === 'kube-system' &&
  (CONTROL_PLANE_LEASES.includes(name) || labels[API_SERVER_IDENTITY] !== undefined);

/** A name that no policy allows is a finding of every policy that governs the namespace. */
function nameFindings(observed: LeaseObservation, lease: LeaseView): Finding[] {
  const {claim, own, exemptUntilMs, governing, subjectsKnown, rules} = observed;
  const ours = isManaged(lease) && rules !== undefined;
  const isExempt = own || exemptUntilMs !== undefined || isControlPlane(lease);
  if (claim || isExempt || ours || !subjectsKnown) return [];
  const message = `no policy allows Lease ${lease.name} in namespace ${lease.namespace}; allowed here: ${observed.allowed}`;
  return governing.map(rules => finding(observed, rules, 'MisnamedLease', message));
}

function finding(
  {claim, lease}: LeaseObservation,
  rules: Rules,
  reason: FindingReason,
  message: string,
): Finding {
  return {
    policy: rules.policy,
    reason,
    message,
    about: claim ? workloadRef(claim.workload) : leaseRef(lease),
  };
}

function leaseRef(lease: LeaseView | undefined): ObjectRef {
  const {namespace = '', name = '', uid = ''} = lease ?? {};
  return {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', namespace, name, uid};
}

function orphanFinding(
  {check}: LeaseObservation,
  rules: Rules,
  lease: LeaseView,
  state: Lifetime,
): Finding[] {
  const subject = lease.subject ?? 'its subject';
  const report = (message: string): Finding[] => [
    {policy: rules.policy, reason: 'OrphanedLease', about: leaseRef(lease), message},
  ];
  if (state === 'held') {
    return report(
      `Lease ${lease.name} is no longer the name of ${subject}; it is kept while ${lease.holder} renews it`,
    );
  }
  if (state !== 'orphaned') return [];
  const {mode, ttlSeconds} = rules.collection;
  let fate = `it is deleted after ${ttlSeconds} seconds`;
  if (mode !== 'Managed' && mode !== 'All') fate = `garbageCollection.mode is ${mode}, so it stays`;
  else if (!check || !lease.subject)
    fate = 'its kind is not one of the policy, so nobody can tell and it stays';
  if (isHeldByUs(lease))
    return report(`Lease ${lease.name} was a name of ${subject} and is kept closed: ${fate}`);
  return report(`nobody holds Lease ${lease.name} and it is no longer the name of ${subject}: ${fate}`);
}

/** Keeps the start of the ttl on the Lease itself, where people see it and the next leader finds it. */
function orphanMark(rules: Rules, lease: LeaseView, state: Lifetime, now: Now): Action | undefined {
  const orphaned = state === 'orphaned';
  if (orphaned === (lease.orphanedSince !== undefined) || lease.subject === undefined) return undefined;
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
  return {policy: rules.policy, dueAtMs, collect, transitions: lease.transitions};
}

/**
 * In any case one of the Lease's own durations passes under our own eyes. What we hold ourselves goes while we hold
 * it: else a candidate of an old Pod could take it when our hold has run out.
 */
function unrenewedUntilMs(lease: LeaseView): number {
  return isHeldByUs(lease) ? 0 : lease.changedAtMs + (lease.durationSeconds ?? 0) * 1000;
}

/**
 * Counts from the mark on the Lease, so that a restart of ours does not begin the ttl anew, or from a later renewal:
 * what a holder wrote while we did not look can only lengthen the wait.
 */
function managedTtlEndsMs(rules: Rules, lease: LeaseView, state: Lifetime, now: Now): number | undefined {
  const marked = parseMicroTime(lease.orphanedSince);
  if (state !== 'orphaned' || marked === undefined || lease.subject === undefined) return undefined;
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
