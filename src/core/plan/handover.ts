/** The hand-over from an old name to a new one: while one may be led by, we hold the other, where it is ours. */
import {
  holding,
  isHeldByOthers,
  isHeldByUs,
  isManaged,
  type LeaseView,
  renameHolder,
} from '../lease/lifetime.ts';
import {formatMicroTime, parseMicroTime} from '../lease/microtime.ts';
import type {Rules} from '../naming/rules.ts';
import type {Now} from '../now.ts';
import {type Action, type LeaseRecord, versionOf} from './action.ts';
import {type ClaimView, joined, type Part} from './claim-plan.ts';

/** Keeps the name closed while an old one is held, and opens it when none is. */
export function planHold(view: ClaimView, lease: LeaseView, now: Now): Part {
  const {rules, predecessors} = view;
  const held = predecessors.find(each => isHeldByOthers(each, now.monotonicMs));
  const {state} = holding(lease, now.monotonicMs);
  if (isHeldByUs(lease))
    return held ? planRenewal(view, lease, true, now) : {actions: [open(view, lease, now)]};
  if (!held || state === 'held' || state === 'unknown' || !isManaged(lease)) return {actions: []};
  const record = closedBy(held, rules, now, lease.transitions);
  return {actions: [write('close', view, lease, record)], requeueAfterMs: renewEveryMs(rules)};
}

/**
 * Takes what the subject's old names left behind, so that no candidate of an old Pod leads by them beside one of
 * the new name: each old Lease that was once held, and is not now, becomes ours for the ttl. An old Lease that was
 * never held has no candidates and needs nothing. Without a new name, holds of ours go on and no new ones begin.
 */
export function planSeals(view: ClaimView, name: string | undefined, now: Now): Part {
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
export const renewEveryMs = (rules: Rules) => (rules.lease.durationSeconds * 1000) / 3;

function planRenewal(view: ClaimView, lease: LeaseView, held: boolean, now: Now): Part {
  const dueInMs = lease.changedAtMs + renewEveryMs(view.rules) - now.monotonicMs;
  if (dueInMs > 0) return {actions: [], requeueAfterMs: dueInMs};
  const record = heldRecord(lease.holder, view.rules, now, lease.transitions);
  // While an old name is held the hand-over goes on, and the ttl of a seal counts from its end.
  if (!held && lease.acquireTime !== undefined) record.acquireTime = lease.acquireTime;
  return {actions: [write('renew', view, lease, record)], requeueAfterMs: renewEveryMs(view.rules)};
}

/** The record that keeps a new name closed while this old one is held. */
export const closedBy = (held: LeaseView, rules: Rules, now: Now, transitions: number) =>
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
