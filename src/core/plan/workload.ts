/** Decides what a workload's Leases need: create, adopt, and the hand-over from an old name to a new one. */
import {GROUP, LABELS} from '../../api/objects.ts';
import {canInject} from '../admission/injection.ts';
import type {Finding, FindingReason, ObjectRef} from '../lease/finding.ts';
import {
  holding,
  isHeldByOthers,
  isHeldByUs,
  isManaged,
  type LeaseView,
  renameHolder,
} from '../lease/lifetime.ts';
import {formatMicroTime, parseMicroTime} from '../lease/microtime.ts';
import {excerpt} from '../legible.ts';
import type {Claim, Workload} from '../naming/claims.ts';
import type {Rules} from '../naming/rules.ts';
import type {Now} from '../now.ts';
import {
  type Action,
  type LabelLease,
  type LeaseRecord,
  type LeaseVersion,
  leaseAnnotations,
  leaseLabels,
  type Plan,
  sooner,
} from './action.ts';

export type ClaimView = {
  readonly claim: Claim;
  readonly rules: Rules;
  /** The older workload that keeps the name, if it isn't this one. */
  readonly winner: Claim | undefined;
  readonly lease: LeaseView | undefined;
  /** Other Leases of this subject under this policy: names that it had before. */
  readonly predecessors: readonly LeaseView[];
  /** The namespace of the Lease: there, on its way out, not there, or with a registry that does not have the name yet. */
  readonly namespace: 'active' | 'terminating' | 'missing' | 'unregistered';
  /** leaseTransitions of the name when it was last deleted. */
  readonly retiredTransitions: number;
  /** Which labels others have kept from being written when the Lease was to be adopted last. */
  readonly notAdopted: string | undefined;
};

export type WorkloadObservation = {
  readonly workload: Workload | undefined;
  readonly claims: readonly ClaimView[];
};

export function planWorkload({workload, claims}: WorkloadObservation, now: Now): Plan {
  if (!workload || workload.terminating) return {actions: [], findings: []};
  const plans = claims.map(view => planClaim(view, now));
  const findings = claims.flatMap((view, index) => [
    ...(plans[index]?.findings ?? []),
    ...injectionFinding(view),
  ]);
  const {actions, last = [], requeueAfterMs} = joined(plans);
  return {actions: [...actions, ...last], findings, requeueAfterMs};
}

/** The Pods of some kinds do not say to which workload they belong. */
function injectionFinding(view: ClaimView): Finding[] {
  const {apiVersion, kind} = view.claim.workload;
  if (!view.rules.injection || canInject(apiVersion, kind)) return [];
  const message = `the Pods of a ${kind} can't be told the name of their Lease: set ${view.rules.injection.nameEnv} in its manifest`;
  return [finding(view, 'NotInjected', message)];
}

function planClaim(view: ClaimView, now: Now): Plan & Part {
  const {claim, winner, lease, rules, namespace} = view;
  if (namespace === 'terminating') return {actions: [], findings: []};
  if (namespace === 'missing') {
    const message = `its Lease belongs into namespace ${claim.leaseNamespace}, which does not exist: create it`;
    return {actions: [], findings: [finding(view, 'NamespaceMissing', message)]};
  }
  if ('problem' in claim.result) {
    return withoutLease(view, undefined, finding(view, claim.result.problem, claim.result.message), now);
  }
  const {name} = claim.result;
  if (winner !== undefined && winner !== claim) {
    const message =
      winner.workload.id === claim.workload.id
        ? `policy ${winner.policy} gives it the Lease ${name} already: choose another prefix for one of the two`
        : `Lease ${name} is already that of ${winner.subject} (policy ${winner.policy}), which is older`;
    return withoutLease(view, name, finding(view, 'NameCollision', message), now);
  }
  if (lease) return planExisting(view, lease, name, now);
  if (namespace === 'unregistered') return {...planSeals(view, undefined, now), findings: []};
  if (rules.lease.create) return planMissing(view, name, now);
  const message = `Lease ${name} is missing and lease.create is false`;
  return withoutLease(view, name, finding(view, 'MissingLease', message), now);
}

/** The hand-over between old names goes on also where the subject has no Lease of its present name. */
function withoutLease(view: ClaimView, name: string | undefined, found: Finding, now: Now): Plan {
  return {...planSeals(view, name, now), findings: [found]};
}

function finding({claim}: ClaimView, reason: FindingReason, message: string): Finding {
  return {policy: claim.policy, reason, about: workloadRef(claim.workload), message};
}

export const workloadRef = ({apiVersion, kind, namespace, name, uid}: Workload): ObjectRef => ({
  apiVersion,
  kind,
  namespace,
  name,
  uid,
});

function planMissing(view: ClaimView, name: string, now: Now): Plan {
  const {claim, rules, predecessors, retiredTransitions} = view;
  const held = predecessors.find(lease => isHeldByOthers(lease, now.monotonicMs));
  const transitions = Math.max(retiredTransitions, ...predecessors.map(lease => lease.transitions));
  const create: Action = {
    type: 'createLease',
    policy: claim.policy,
    namespace: claim.leaseNamespace,
    name,
    labels: leaseLabels(rules, 'created'),
    annotations: leaseAnnotations(claim.subject),
    record: held
      ? closedBy(held, rules, now, transitions)
      : {
          leaseDurationSeconds: rules.lease.durationSeconds,
          ...(transitions > 0 ? {leaseTransitions: transitions} : {}),
        },
  };
  const message = held
    ? `created Lease ${name}, which stays closed until ${excerpt(held.holder)} gives up ${held.name}`
    : `created Lease ${name}`;
  const seals = planSeals(view, name, now);
  return {
    actions: [...seals.actions, create, event(view, 'LeaseCreated', message)],
    findings: [],
    requeueAfterMs: sooner(seals.requeueAfterMs, held && renewEveryMs(rules)),
  };
}

function planExisting(view: ClaimView, lease: LeaseView, name: string, now: Now): Plan & Part {
  const labels = planLabels(view, lease);
  const parts = [labels, planSeals(view, name, now), planHold(view, lease, now)];
  const refused = labels.last !== undefined && view.notAdopted !== undefined;
  const message = `Lease ${name} is not adopted: ${view.notAdopted}; take the label from lease.labels of the policy, or from the Lease`;
  return {...joined(parts), findings: refused ? [finding(view, 'AdoptionConflict', message)] : []};
}

/** Keeps the name closed while an old one is held, and opens it when none is. */
function planHold(view: ClaimView, lease: LeaseView, now: Now): Part {
  const {rules, predecessors} = view;
  const held = predecessors.find(each => isHeldByOthers(each, now.monotonicMs));
  const {state} = holding(lease, now.monotonicMs);
  if (isHeldByUs(lease))
    return held ? planRenewal(view, lease, true, now) : {actions: [open(view, lease, now)]};
  if (!held || state === 'held' || state === 'unknown' || !isManaged(lease)) return {actions: []};
  const record = closedBy(held, rules, now, lease.transitions);
  return {actions: [write('close', view, lease, record)], requeueAfterMs: renewEveryMs(rules)};
}

/** What may be refused for long comes last, of all claims, as nothing is done after it. */
type Part = {actions: Action[]; last?: Action[]; requeueAfterMs?: number | undefined};

/** All actions in their order, and the soonest wait. */
const joined = (parts: readonly Part[]): Part => ({
  actions: parts.flatMap(part => part.actions),
  last: parts.flatMap(part => part.last ?? []),
  requeueAfterMs: parts.map(part => part.requeueAfterMs).reduce(sooner, undefined),
});

/** Adopts a Lease that has the right name, or mends labels of ours that differ. */
function planLabels(view: ClaimView, lease: LeaseView): Part {
  const {claim, rules} = view;
  const labels = leaseLabels(rules, lease.labels[LABELS.origin] ?? 'adopted', lease.labels);
  const annotations = leaseAnnotations(claim.subject);
  if (!isManaged(lease)) return planAdoption(view, lease, labels, annotations);
  const differs = Object.entries(labels).some(([key, value]) => lease.labels[key] !== value);
  if (!differs && lease.subject === claim.subject && lease.orphanedSince === undefined) return {actions: []};
  return {actions: [labelling('label', view, lease, labels, annotations)]};
}

type Texts = Record<string, string>;

/**
 * What is the operator's alone is written in spite of anybody, and first: by its label the API server finds the Lease.
 * All but the origin, which says that the Lease is ours.
 */
function planAdoption(view: ClaimView, lease: LeaseView, labels: Texts, annotations: Texts): Part {
  const {adopt} = view.rules.lease;
  const own = Object.fromEntries(
    Object.entries(labels).filter(([key]) => isOwn(key) && (adopt || key === LABELS.policy)),
  );
  const isForeign = Object.entries(own).some(([key, value]) => (lease.labels[key] ?? value) !== value);
  const isOfAnother = adopt && lease.subject !== undefined && lease.subject !== view.claim.subject;
  const overwrite = labelling('overwrite', view, lease, own, adopt ? annotations : {});
  const actions = isForeign || isOfAnother ? [overwrite] : [];
  if (!adopt) return {actions};
  const adoption = labelling('adopt', view, lease, labels, annotations);
  return {actions, last: [adoption, event(view, 'LeaseAdopted', `adopted Lease ${lease.name}`)]};
}

const isOwn = (key: string) => key.startsWith(`${GROUP}/`) && key !== LABELS.origin;

function labelling(
  purpose: LabelLease['purpose'],
  {claim}: ClaimView,
  {namespace, name, uid}: LeaseView,
  labels: Texts,
  annotations: Texts,
): LabelLease {
  return {type: 'labelLease', purpose, policy: claim.policy, namespace, name, uid, labels, annotations};
}

/**
 * Takes what the subject's old names left behind, so that no candidate of an old Pod leads by them beside one of
 * the new name: each old Lease that was once held, and is not now, becomes ours for the ttl. An old Lease that was
 * never held has no candidates and needs nothing. Without a new name, holds of ours go on and no new ones begin.
 */
function planSeals(view: ClaimView, name: string | undefined, now: Now): Part {
  const held = view.predecessors.some(old => isHeldByOthers(old, now.monotonicMs));
  const parts = view.predecessors.map((old): Part => {
    const {state, changesInMs} = holding(old, now.monotonicMs);
    if (isHeldByUs(old)) {
      const lasts = held || sealAgeMs(old, now) < ttlMs(view.rules);
      return lasts ? planRenewal(view, old, held, now) : {actions: []};
    }
    const isLeft = state === 'released' || state === 'expired';
    if (!isLeft || name === undefined) return {actions: [], requeueAfterMs: changesInMs};
    const record = heldRecord(renameHolder(name), view.rules, now, old.transitions);
    return {actions: [write('seal', view, old, record)], requeueAfterMs: renewEveryMs(view.rules)};
  });
  return joined(parts);
}

const ttlMs = (rules: Rules) => rules.collection.ttlSeconds * 1000;
const sealAgeMs = (lease: LeaseView, now: Now) => now.wallMs - (parseMicroTime(lease.acquireTime) ?? 0);
/** Often enough for candidates of old clients, which count with their own duration and not with the record's. */
const renewEveryMs = (rules: Rules) => (rules.lease.durationSeconds * 1000) / 3;

function planRenewal(view: ClaimView, lease: LeaseView, held: boolean, now: Now): Part {
  const dueInMs = lease.changedAtMs + renewEveryMs(view.rules) - now.monotonicMs;
  if (dueInMs > 0) return {actions: [], requeueAfterMs: dueInMs};
  const record = heldRecord(lease.holder, view.rules, now, lease.transitions);
  // While an old name is held the hand-over goes on, and the ttl of a seal counts from its end.
  if (!held && lease.acquireTime !== undefined) record.acquireTime = lease.acquireTime;
  return {actions: [write('renew', view, lease, record)], requeueAfterMs: renewEveryMs(view.rules)};
}

const closedBy = (held: LeaseView, rules: Rules, now: Now, transitions: number) =>
  heldRecord(renameHolder(held.name), rules, now, transitions);

/** Our hold lasts for the ttl in the record, so that it outlives a change or a failure of the operator. */
function heldRecord(holder: string, rules: Rules, now: Now, transitions: number): LeaseRecord {
  const time = formatMicroTime(now.wallMs);
  return {
    holderIdentity: holder,
    leaseDurationSeconds: rules.collection.ttlSeconds,
    leaseTransitions: transitions,
    acquireTime: time,
    renewTime: time,
  };
}

/** Gives a name that we kept closed to its candidates; the fencing counter goes on from the old names'. */
function open(view: ClaimView, lease: LeaseView, now: Now): Action {
  // With a renewTime, as after any release: candidates wait for it, so another rename must hand over from it too.
  const time = formatMicroTime(now.wallMs);
  return write('open', view, lease, {
    holderIdentity: '',
    leaseDurationSeconds: view.rules.lease.durationSeconds,
    leaseTransitions: Math.max(lease.transitions, ...view.predecessors.map(old => old.transitions)),
    acquireTime: time,
    renewTime: time,
  });
}

function write(
  purpose: 'close' | 'renew' | 'seal' | 'open',
  {claim}: ClaimView,
  lease: LeaseView,
  record: LeaseRecord,
): Action {
  return {type: 'writeRecord', purpose, policy: claim.policy, lease: versionOf(lease), record};
}

export function versionOf({namespace, name, uid, resourceVersion}: LeaseView): LeaseVersion {
  return {namespace, name, uid, resourceVersion};
}

const event = ({claim}: ClaimView, reason: string, message: string): Action => ({
  type: 'emitEvent',
  about: workloadRef(claim.workload),
  severity: 'Normal',
  reason,
  message,
});
