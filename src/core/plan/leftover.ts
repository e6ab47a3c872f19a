/** What is left of something that Kubernetes itself leases: when it is deleted, and what people are told of that. */
import type {LeaseView} from '../lease/lifetime.ts';
import type {SystemRules} from '../naming/system-rules.ts';
import type {Garbage, SubjectCheck} from './action.ts';

type Leftover = {
  /** Monotonic milliseconds from which it counts as left, if that is later than its last renewal. */
  readonly sinceMs: number;
  readonly subject: string;
  readonly check: SubjectCheck;
  readonly set?: string | undefined;
};

/** Completes "it is left: ...". */
export const fateOf = ({mode, ttlSeconds}: SystemRules['collection']): string =>
  mode === 'All'
    ? `it is deleted when nothing has renewed it for ${ttlSeconds} seconds`
    : `garbageCollection.mode is ${mode}, so it stays; All deletes it`;

/** The whole ttl passes under our own eyes, and at least the Lease's own duration. */
export function leftoverGarbage(
  lease: LeaseView,
  {policy, collection}: SystemRules,
  {sinceMs, subject, check, set}: Leftover,
): Garbage | undefined {
  if (collection.mode !== 'All' || lease.terminating) return undefined;
  const {namespace, name, uid, resourceVersion} = lease;
  const seconds = Math.max(collection.ttlSeconds, lease.durationSeconds ?? 0);
  return {
    policy,
    dueAtMs: Math.max(sinceMs, lease.changedAtMs) + seconds * 1000,
    transitions: 0,
    ...(set !== undefined && {set}),
    collect: {type: 'collectLease', policy, lease: {namespace, name, uid, resourceVersion}, subject, check},
  };
}
