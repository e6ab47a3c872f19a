/** The state of a Lease: one total function that plan, collection, status and metrics share. */
import {LABELS} from '../../api/objects.ts';
import {parseMicroTime} from './microtime.ts';

/** An owner reference; the group is empty for kinds of the core. */
export type LeaseOwner = {readonly group: string; readonly kind: string; readonly name: string};

/** What the caches keep of a Lease. */
export type LeaseView = {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** When it was made; empty for a Lease that is not marked as orphaned, whose ttl has not begun. */
  readonly createdAt: string;
  /** Deleted already, and kept by a finalizer. */
  readonly terminating: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** The annotations of ours. */
  readonly subject: string | undefined;
  readonly orphanedSince: string | undefined;
  readonly owners: readonly LeaseOwner[];
  readonly holder: string;
  readonly durationSeconds: number | undefined;
  readonly acquireTime: string | undefined;
  readonly renewTime: string | undefined;
  readonly transitions: number;
  /** Of coordinated election: how the API server chooses, and whom it would rather have. */
  readonly strategy: string | undefined;
  readonly preferredHolder: string | undefined;
  /** Monotonic milliseconds at which this process last saw holder, renewTime or transitions change. */
  readonly changedAtMs: number;
};

/**
 * - unknown: not understood; never touched
 * - held: has a holder whose renewals we saw within the Lease's own duration
 * - orphaned: ours, held by nobody, and no subject claims the name
 * - unclaimed: made by us and never held
 * - released: held once, given up by its holder
 * - expired: has a holder that let the Lease's duration pass under our eyes
 */
export const LIFETIMES = ['unclaimed', 'held', 'expired', 'released', 'orphaned', 'unknown'] as const;
export type Lifetime = (typeof LIFETIMES)[number];

/** A state, and the milliseconds until it changes by itself. */
export type LifetimeResult = {state: Lifetime; changesInMs: number | undefined};

/** Holders by which the operator keeps one of two names closed while a policy is renamed. */
const RENAME_HOLDER = 'leasepolicy-rename_';
export const renameHolder = (other: string) => `${RENAME_HOLDER}${other}`;
/** The name whose leader a hold of ours waits for, or gave way to. */
export const otherName = ({holder}: Pick<LeaseView, 'holder'>) => holder.slice(RENAME_HOLDER.length);
export const isHeldByUs = ({holder}: Pick<LeaseView, 'holder'>) => holder.startsWith(RENAME_HOLDER);

/** Whether we made or adopted the Lease. */
export const isManaged = (lease: LeaseView) => lease.labels[LABELS.origin] !== undefined;
const isCreated = (lease: LeaseView) => lease.labels[LABELS.origin] === 'created';

/**
 * Judges by what this process observed, as client-go does: remote clocks play no part. A Lease that was just seen
 * for the first time counts as held for one duration.
 */
export function lifetime(lease: LeaseView, claimed: boolean, monotonicMs: number): LifetimeResult {
  const hold = holding(lease, monotonicMs);
  const orphaned = !claimed && isManaged(lease) && (hold.state !== 'held' || isHeldByUs(lease));
  return hold.state !== 'unknown' && orphaned ? {state: 'orphaned', changesInMs: undefined} : hold;
}

/** The state by the record alone, whoever its subject is. */
export function holding(lease: LeaseView, monotonicMs: number): LifetimeResult {
  const steady = (state: Lifetime): LifetimeResult => ({state, changesInMs: undefined});
  if (lease.holder === '') {
    if (parseMicroTime(lease.renewTime) !== undefined) return steady('released');
    return steady(isCreated(lease) && lease.renewTime === undefined ? 'unclaimed' : 'unknown');
  }
  const {durationSeconds = 0} = lease;
  if (durationSeconds <= 0 || parseMicroTime(lease.renewTime) === undefined) return steady('unknown');
  const leftMs = lease.changedAtMs + durationSeconds * 1000 - monotonicMs;
  return leftMs > 0 ? {state: 'held', changesInMs: leftMs} : steady('expired');
}

/** Whether somebody else may be leading by this Lease: a holder that is not understood counts as one. */
export function isHeldByOthers(lease: LeaseView, monotonicMs: number): boolean {
  if (lease.holder === '' || isHeldByUs(lease)) return false;
  const {state} = holding(lease, monotonicMs);
  return state === 'held' || state === 'unknown';
}
