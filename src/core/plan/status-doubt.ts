/** Tells whether a new status differs from the written one only because nobody has watched for long enough. */
import {isDeepStrictEqual} from 'node:util';
import type {LeasePolicyStatus} from '../../api/leasepolicy.ts';
import type {FindingReason} from '../lease/finding.ts';

/** What is judged by renewals and changes that the operator has seen itself. */
const BY_WATCHING: ReadonlySet<string> = new Set(['leases', 'violations', 'findings']);

/** Findings that need time to be seen. */
const NEEDS_TIME: ReadonlySet<string> = new Set<FindingReason>([
  'ContestedLease',
  'Flapping',
  'ForeignHolder',
  'Leaderless',
  'MissingLease',
  'OrphanedCandidate',
  'OrphanedLease',
  'PreferredHolderMissing',
  'StaleHeartbeat',
]);

/** With silent Leases are meant those that count as held only because nobody has watched them to their end. */
export function isDoubtful(
  written: LeasePolicyStatus | undefined,
  status: Partial<LeasePolicyStatus>,
  silentLeases: number,
): boolean {
  if (!written) return false;
  if (differingFields(written, status).some(field => !BY_WATCHING.has(field))) return false;
  return silentLeases > 0 || missesFindings(written, status);
}

/** The fields in which a new status is not as the written one. */
export const differingFields = (
  written: LeasePolicyStatus | undefined,
  status: Partial<LeasePolicyStatus>,
): string[] =>
  Object.entries(status)
    .filter(([field, value]) => !isDeepStrictEqual(written?.[field as keyof LeasePolicyStatus], value))
    .map(([field]) => field);

/** Findings that the operator has, and that this process could not have yet. */
function missesFindings({findings}: LeasePolicyStatus, {findings: found = []}: Partial<LeasePolicyStatus>) {
  return findings.some(
    each =>
      NEEDS_TIME.has(each.reason) &&
      !found.some(({reason, object}) => reason === each.reason && object === each.object),
  );
}
