/** Sets of buckets: one election is split over Leases base.NN-of-MM, and a change of MM leaves the old ones behind. */
import {bucketOf} from '../naming/bucket.ts';
import {holding, type LeaseView} from './lifetime.ts';

/** By the number of buckets, those that are there. */
function setsOf(leases: readonly LeaseView[]): Map<number, LeaseView[]> {
  const sets = new Map<number, LeaseView[]>();
  for (const lease of leases) {
    const bucket = bucketOf(lease.name);
    if (bucket) sets.set(bucket.count, [...(sets.get(bucket.count) ?? []), lease]);
  }
  return sets;
}

/** What all buckets of one set have in common, and those of no other. */
export function bucketSet({namespace, name}: LeaseView): string | undefined {
  const bucket = bucketOf(name);
  return bucket && `${namespace}/${bucket.base} of ${bucket.count}`;
}

/**
 * Buckets of a base that a newer set has replaced: nobody holds any of their set, and all of another one are there and
 * held. Which number is the larger says nothing: a set grows and shrinks.
 */
export function supersededBuckets(leases: readonly LeaseView[], monotonicMs: number): LeaseView[] {
  const sets = setsOf(leases);
  const stateOf = (lease: LeaseView) => holding(lease, monotonicMs).state;
  const isComplete = ([count, members]: readonly [number, readonly LeaseView[]]) =>
    members.length === count && members.every(lease => stateOf(lease) === 'held');
  const current = [...sets].find(isComplete);
  if (!current) return [];
  return [...sets]
    .filter(
      ([count, members]) =>
        count !== current[0] && members.every(lease => !['held', 'unknown'].includes(stateOf(lease))),
    )
    .flatMap(([, members]) => members);
}
