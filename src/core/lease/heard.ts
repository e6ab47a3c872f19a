/** What can be told of a Lease by the times that stand in it, for people: decisions rest on what was seen alone. */
import type {Now} from '../now.ts';
import {holding, type LeaseView} from './lifetime.ts';
import {parseMicroTime} from './microtime.ts';

/** Milliseconds since the renewal that the Lease tells of, by our clock; undefined without one, 0 for one ahead. */
export function renewalAgeMs({renewTime}: Pick<LeaseView, 'renewTime'>, {wallMs}: Now): number | undefined {
  const renewed = parseMicroTime(renewTime);
  return renewed === undefined ? undefined : Math.max(0, wallMs - renewed);
}

/**
 * The Lease as it would be for a process that had watched all along, if the clock of its holder agrees with ours. What
 * was seen to change after this moment is known better than that.
 */
export function asHeard(lease: LeaseView, firstSeenMs: number, now: Now): LeaseView {
  const ageMs = renewalAgeMs(lease, now);
  if (ageMs === undefined || lease.changedAtMs > firstSeenMs) return lease;
  return {...lease, changedAtMs: Math.min(lease.changedAtMs, now.monotonicMs - ageMs)};
}

/** Whether it counts as held only because nobody has seen it for as long as it lasts. */
export const isSilent = (seen: LeaseView, heard: LeaseView, {monotonicMs}: Now): boolean =>
  holding(seen, monotonicMs).state === 'held' && holding(heard, monotonicMs).state === 'expired';
