/** The buckets beside one in the caches: whether another set has replaced its own, and when time alone may change that. */
import {supersededBuckets} from '../core/lease/buckets.ts';
import {holding, type LeaseView} from '../core/lease/lifetime.ts';
import {bucketOf} from '../core/naming/bucket.ts';
import {sooner} from '../core/plan/action.ts';
import type {World} from './world.ts';

/** Keys of all buckets of the same base, whichever set they are of; none when the Lease is no bucket. */
export function bucketsBeside({namespace, name}: LeaseView, world: World): string[] {
  const bucket = bucketOf(name);
  if (!bucket) return [];
  const isBeside = (key: string) => bucketOf(key.slice(namespace.length + 1))?.base === bucket.base;
  return [...world.leaseIndex.inNamespace(namespace)].filter(isBeside);
}

export function isSuperseded(lease: LeaseView, world: World, monotonicMs: number): boolean {
  const all = seen(lease, world, monotonicMs);
  return supersededBuckets(all, monotonicMs).some(({key}) => key === lease.key);
}

/** Milliseconds until the hold of one of them may have run out. */
export function bucketsChangeInMs(lease: LeaseView, world: World, monotonicMs: number): number | undefined {
  return seen(lease, world, monotonicMs)
    .map(each => holding(each, monotonicMs).changesInMs)
    .reduce(sooner, undefined);
}

const seen = (lease: LeaseView, world: World, monotonicMs: number): LeaseView[] =>
  bucketsBeside(lease, world).flatMap(key => world.lease(key, monotonicMs) ?? []);
