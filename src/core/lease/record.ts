/** What is wrong with a Lease's record, whoever holds it and whatever for. */
import type {Now} from '../now.ts';
import type {FindingReason} from './finding.ts';
import {isHeldByUs, type LeaseView} from './lifetime.ts';
import {parseMicroTime} from './microtime.ts';

/** How far ahead of our clock a renewTime may be before it is a finding; clocks of nodes differ. */
const SKEW_ALLOWED_MS = 60_000;

/** Something that is wrong with a Lease; its policy and its object are added where they are known. */
export type Ailment = {readonly reason: FindingReason; readonly message: string};

/** The bounds are those of a policy, in seconds. */
export function recordAilments(
  lease: LeaseView,
  {min, max}: {readonly min: number; readonly max: number},
  now: Now,
): Ailment[] {
  const found: Ailment[] = [];
  const seconds = lease.durationSeconds;
  const isRelease = lease.holder === '' && seconds === 1;
  if (seconds !== undefined && (seconds < min || seconds > max) && !isRelease && !isHeldByUs(lease)) {
    const message = `Lease ${lease.name} has leaseDurationSeconds ${seconds}; this policy allows ${min} to ${max}`;
    found.push({reason: 'DurationOutOfRange', message});
  }
  const renewed = parseMicroTime(lease.renewTime);
  if (renewed !== undefined && renewed - now.wallMs > SKEW_ALLOWED_MS) {
    const message = `Lease ${lease.name} has renewTime ${lease.renewTime}, which is in the future: a clock is wrong`;
    found.push({reason: 'FutureRenewTime', message});
  }
  return found;
}
