/**
 * What must hold of every plan, told in words of its own: nothing of this calls, or copies, what it judges. It says less
 * than the product knows, and never more: an objection is always right.
 */
import assert from 'node:assert/strict';
import {CLASSES} from '../../src/core/lease/classify.ts';
import {FINDING_REASONS} from '../../src/core/lease/finding.ts';
import {type LeaseView, LIFETIMES} from '../../src/core/lease/lifetime.ts';
import type {Action, Garbage, Plan} from '../../src/core/plan/action.ts';
import {NOW} from './arbitraries.ts';

/** A moment as RFC 3339 has it; undefined for every other text. */
export function moment(text: string | undefined): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(text ?? '')) return undefined;
  const ms = new Date(text as string).getTime();
  return Number.isNaN(ms) ? undefined : ms;
}

export const isOurHold = ({holder}: Pick<LeaseView, 'holder'>) => holder.startsWith('leasepolicy-rename_');
export const isOurs = ({labels}: LeaseView) => labels['leasepolicy.dev/origin'] !== undefined;

/** Whether the holder's time, as we saw it, is over for sure. */
const isOver = ({durationSeconds = 0, renewTime, changedAtMs}: LeaseView) =>
  durationSeconds > 0 &&
  moment(renewTime) !== undefined &&
  NOW.monotonicMs - changedAtMs >= durationSeconds * 1000;

/** Whether somebody else may lead by this Lease. */
export const mayLead = (lease: LeaseView) => lease.holder !== '' && !isOurHold(lease) && !isOver(lease);

/** Whether nobody holds it by its record, which yet is neither that of a release nor that of a Lease that we just made. */
export function isPuzzling(lease: LeaseView): boolean {
  if (lease.holder !== '' || moment(lease.renewTime) !== undefined) return false;
  return lease.renewTime !== undefined || lease.labels['leasepolicy.dev/origin'] !== 'created';
}

/** Whether our own hold can be read: we wrote it, so it can, unless somebody has edited it. */
const isOddHold = (lease: LeaseView) =>
  isOurHold(lease) && ((lease.durationSeconds ?? 0) <= 0 || moment(lease.renewTime) === undefined);

/** Why this Lease must not be deleted, whoever says so; undefined when its record does not speak against it. */
export function objection(lease: LeaseView): string | undefined {
  if (mayLead(lease)) return `${lease.holder} may lead by it`;
  if (isPuzzling(lease) || isOddHold(lease)) return 'its record is not understood';
  return undefined;
}

/** The earliest moment at which it may go: a ttl after the last that was seen or written of it. */
export function earliestMs(lease: LeaseView, ttlSeconds: number): number {
  const durationMs = isOurHold(lease) ? 0 : (lease.durationSeconds ?? 0) * 1000;
  const seenMs = isOurHold(lease) ? Number.NEGATIVE_INFINITY : lease.changedAtMs + durationMs;
  if (!isOurs(lease)) return Math.max(seenMs, lease.changedAtMs + ttlSeconds * 1000);
  const written = moment(isOurHold(lease) ? lease.acquireTime : lease.renewTime) ?? Number.NEGATIVE_INFINITY;
  const marked = moment(lease.orphanedSince) ?? Number.POSITIVE_INFINITY;
  const fromWallMs = Math.max(Math.min(marked, NOW.wallMs), written);
  return Math.max(seenMs, NOW.monotonicMs + fromWallMs - NOW.wallMs + ttlSeconds * 1000);
}

/** What a wait may be: nobody sleeps for nothing, for ever or back into the past. */
export function isWait(ms: number | undefined): void {
  assert.ok(ms === undefined || (Number.isFinite(ms) && ms > 0), `a wait of ${ms} ms`);
}

const ACTIONS: Readonly<Record<Action['type'], true>> = {
  createLease: true,
  labelLease: true,
  writeRecord: true,
  collectLease: true,
  applyObject: true,
  deleteObject: true,
  createRegistry: true,
  patchRegistry: true,
  deleteRegistry: true,
  writeStatus: true,
  emitEvent: true,
};

/** Whether each part of the plan is one that the operator knows what to do with. */
export function isPlan({actions, findings, states = [], garbage = [], requeueAfterMs}: Plan): void {
  for (const {type} of actions) assert.ok(Object.hasOwn(ACTIONS, type), type);
  for (const {policy, reason, about, message} of findings) {
    assert.ok(FINDING_REASONS.includes(reason), reason);
    assert.ok(policy !== '' && about.kind !== '' && /\S/.test(message));
  }
  for (const state of states)
    assert.ok(LIFETIMES.includes(state.lifetime) && CLASSES.includes(state.class), JSON.stringify(state));
  for (const each of garbage) assert.ok(Number.isFinite(each.dueAtMs), `due at ${each.dueAtMs}`);
  isWait(requeueAfterMs);
}

/** Whether what is to be deleted is this very version of the Lease. */
export function isVersionOf({collect}: Garbage, lease: LeaseView): void {
  const {namespace, name, uid, resourceVersion} = lease;
  assert.deepEqual(collect.lease, {namespace, name, uid, resourceVersion});
}

/** The same from the same, and nothing of what was given is written to: that throws, as it is frozen. */
export function plansAlike<Observed, P extends Plan>(plan: (observed: Observed) => P, observed: Observed): P {
  const first = plan(frozen(observed));
  assert.deepEqual(plan(observed), first);
  isPlan(first);
  return first;
}

export function frozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const each of value instanceof Map ? value.values() : Object.values(value)) frozen(each);
  return value;
}
