/** How old renewals are, and for how long nobody has led: the longest of each policy and class. */
import type {LeaseClass} from '../core/lease/classify.ts';
import {holding, isHeldByUs, type LeaseView} from '../core/lease/lifetime.ts';
import {ELECTIONS} from '../core/plan/lease.ts';
import type {Counted, World} from './world.ts';

/** Milliseconds since a renewal was seen; undefined for a Lease that nobody holds. */
export const ageMs = (lease: LeaseView, monotonicMs: number): number | undefined =>
  lease.holder === '' ? undefined : monotonicMs - lease.changedAtMs;

/** For how many milliseconds nobody has led, 0 while somebody does; undefined where nobody is expected to. */
export function leaderlessMs(lease: LeaseView, kind: LeaseClass, monotonicMs: number): number | undefined {
  if (!ELECTIONS.has(kind) || isHeldByUs(lease)) return undefined;
  const {state} = holding(lease, monotonicMs);
  if (state === 'held') return 0;
  if (state !== 'released' && state !== 'expired') return undefined;
  const sinceMs = state === 'expired' ? (lease.durationSeconds ?? 0) * 1000 : 0;
  return monotonicMs - lease.changedAtMs - sinceMs;
}

type Longest = {policy: string; class: LeaseClass; count: number};

/** The longest of them in seconds. */
export function longest(
  world: World,
  monotonicMs: number,
  measure: (lease: LeaseView, kind: LeaseClass) => number | undefined,
): Iterable<Longest> {
  const found = new Map<string, Longest>();
  for (const [lease, counted] of countedLeases(world, monotonicMs)) {
    for (const {policy, class: kind} of counted) {
      const ms = measure(lease, kind);
      if (ms === undefined) continue;
      const key = `${policy} ${kind}`;
      const count = Math.max(found.get(key)?.count ?? 0, ms / 1000);
      found.set(key, {policy, class: kind, count});
    }
  }
  return found.values();
}

function* countedLeases(world: World, nowMs: number): Generator<[LeaseView, readonly Counted[]]> {
  for (const lease of world.leases.values())
    yield [world.lease(lease.key, nowMs) ?? lease, world.counted(lease)];
  for (const lease of world.heartbeats.leases.values())
    yield [
      world.heartbeats.lease(lease.name, nowMs) ?? lease,
      world.ledger.states(`heartbeat/${lease.name}`),
    ];
}
