/** Whether a Lease is a bucket of a set that another one has replaced, by all that the caches have of its base. */
import {supersededBuckets} from '../core/buckets.ts';
import {bucketOf} from '../core/classify.ts';
import type {LeaseView} from '../core/lifetime.ts';
import type {World} from './world.ts';

export function isSuperseded(lease: LeaseView, world: World, monotonicMs: number): boolean {
  const bucket = bucketOf(lease.name);
  if (!bucket) return false;
  const siblings = [...world.leaseIndex.inNamespace(lease.namespace)]
    .flatMap(key => world.lease(key, monotonicMs) ?? [])
    .filter(each => bucketOf(each.name)?.base === bucket.base);
  return supersededBuckets(siblings, monotonicMs).some(each => each.key === lease.key);
}
