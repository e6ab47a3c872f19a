/** Leases as they may be judged: time in which this process could not see a renewal is no silence of the holder. */
import {isHeldByUs, type LeaseView} from '../core/lease/lifetime.ts';
import type {Store} from '../runtime/store.ts';

/** How long the cache has been out of touch with the API server. */
export const blindMs = (store: Store<LeaseView>, monotonicMs: number): number =>
  monotonicMs - store.rightUntilMs(monotonicMs);

/** The Lease of this key, as if its last change had been later by the time for which nothing was seen. */
export function asSeen(store: Store<LeaseView>, key: string, monotonicMs: number): LeaseView | undefined {
  const lease = store.get(key);
  const unseenMs = blindMs(store, monotonicMs);
  // Whether we renew what we hold ourselves does not hang on seeing it.
  if (!lease || unseenMs <= 0 || isHeldByUs(lease)) return lease;
  return {...lease, changedAtMs: Math.min(monotonicMs, lease.changedAtMs + unseenMs)};
}
