/** What a candidate does about its Lease, and what it writes: decided from the record that it has seen. */
import type {LeaseSpec} from '../../api/objects.ts';
import {formatMicroTime, parseMicroTime} from '../lease/microtime.ts';

/** classic: who finds the Lease free takes it. coordinated: the API server writes whose it is (KEP-4355). */
export const ELECTION_WAYS = ['classic', 'coordinated'] as const;
export type ElectionWay = (typeof ELECTION_WAYS)[number];

/**
 * For how long a Lease may be free before a coordinated candidate takes it all the same. That the API server knows
 * LeaseCandidates does not say that it runs the controller which assigns Leases, and nothing else says so either:
 * without this, nobody would ever lead. A controller that starts anew needs up to 15 s for its own election, and twice
 * 5 s for candidates that don't answer; one that comes later still says by preferredHolder whom it would rather have.
 * Exclusive it is in any case: who takes and who assigns write the same record, and one of them is refused.
 */
export const UNASSIGNED_MS = 30_000;

export type Move = 'renew' | 'take' | 'wait';

/** What a candidate knows beside the record. */
export type Candidate = {
  identity: string;
  way: ElectionWay;
  /** Whether this process wrote the record itself. */
  written: boolean;
  /** Until the holder's duration has passed; below 0, for how long the Lease has been free. */
  leftMs: number;
};

/**
 * Whether we hold the Lease. One that bears our name and that another process wrote is that one's: two processes with
 * one name must not both lead. Of a coordinated election it is ours however old it is, as the API server writes our
 * name, and does not assign a Lease to its holder once more.
 */
export function isOurs(
  spec: LeaseSpec | undefined,
  {identity, way, written}: Omit<Candidate, 'leftMs'>,
): boolean {
  return spec?.holderIdentity === identity && (written || way === 'coordinated');
}

/** What to do about the record; undefined when there is no Lease. */
export function nextMove(spec: LeaseSpec | undefined, candidate: Candidate): Move {
  const {identity, way, leftMs} = candidate;
  const relieved = way === 'coordinated' && isRelieved(spec, identity);
  if (isOurs(spec, candidate) && !relieved) return 'renew';
  const freeMs = way === 'coordinated' ? UNASSIGNED_MS : 0;
  return leftMs + freeMs <= 0 ? 'take' : 'wait';
}

/** Whether we hold the Lease and the API server would rather have another one hold it. */
export function isRelieved(spec: LeaseSpec | undefined, identity: string): boolean {
  const {holderIdentity, preferredHolder = ''} = spec ?? {};
  return holderIdentity === identity && preferredHolder !== '' && preferredHolder !== identity;
}

/** The record that makes us the holder, or keeps us; what others have in it stays. */
export function heldRecord(before: LeaseSpec | undefined, holding: Holding) {
  const {identity, way, durationSeconds, wallMs} = holding;
  const ours = isOurs(before, holding);
  const now = formatMicroTime(wallMs);
  const {preferredHolder, acquireTime, ...others} = before ?? {};
  return {
    ...others,
    // It was about the holder before: left there, it would relieve us at once.
    ...(way === 'classic' && preferredHolder !== undefined ? {preferredHolder} : {}),
    holderIdentity: identity,
    leaseDurationSeconds: durationSeconds,
    acquireTime: ours && acquireTime && parseMicroTime(acquireTime) !== undefined ? acquireTime : now,
    renewTime: now,
    leaseTransitions: transitions(before, ours),
  } satisfies LeaseSpec;
}

/** Who holds a Lease, in which way, and for how long without another renewal. */
export type Holding = Omit<Candidate, 'leftMs'> & {durationSeconds: number; wallMs: number};

/** The API server takes no greater number, so that nobody could ever take a Lease in which somebody has written this. */
const MOST_TRANSITIONS = 2 ** 31 - 1;

/** A change of the holder counts, a renewal does not. The API server clears acquireTime and leaves counting to us. */
function transitions(before: LeaseSpec | undefined, ours: boolean): number {
  const counted = before?.leaseTransitions;
  const assigned = ours && before?.acquireTime === undefined;
  if (before === undefined || (ours && !assigned)) return counted ?? 0;
  // A Lease that the API server has made has had no holder before.
  return assigned && counted === undefined ? 0 : Math.min(MOST_TRANSITIONS, (counted ?? 0) + 1);
}

/** The record of a Lease that nobody holds any more, as client-go leaves it. */
export function releasedRecord(before: LeaseSpec, wallMs: number) {
  const now = formatMicroTime(wallMs);
  const {leaseTransitions = 0} = before;
  return {
    ...before,
    holderIdentity: '',
    leaseDurationSeconds: 1,
    acquireTime: now,
    renewTime: now,
    leaseTransitions,
  } satisfies LeaseSpec;
}
