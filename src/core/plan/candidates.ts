/** Judges the LeaseCandidates of one Lease, where the API server chooses the leader among them. */
import {CANDIDATES} from '../../api/objects.ts';
import {type Finding, leaseRef, type ObjectRef} from '../lease/finding.ts';
import type {LeaseView} from '../lease/lifetime.ts';
import {parseMicroTime} from '../lease/microtime.ts';
import {excerpt} from '../legible.ts';
import type {Now} from '../now.ts';
import {type Plan, sooner} from './action.ts';

/** How long a candidate may be without a Lease, or owe an answer to a ping; the API server itself waits 5 seconds. */
const PATIENCE_MS = 60_000;

/** What the caches keep of a LeaseCandidate. Times are MicroTime texts. */
export type CandidateView = {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly leaseName: string;
  readonly pingTime: string | undefined;
  readonly renewTime: string | undefined;
  /** Monotonic milliseconds at which this process last saw one of the times change. */
  readonly changedAtMs: number;
};

export type CandidatesObservation = {
  readonly lease: LeaseView | undefined;
  readonly candidates: readonly CandidateView[];
  /** Policies that are told. */
  readonly policies: readonly string[];
};

export function planCandidates({lease, candidates, policies}: CandidatesObservation, now: Now): Plan {
  const judged = candidates.map(candidate => judge(candidate, lease, now));
  const missing = lease && preferredMissing(lease, candidates);
  const found: Told[] = [...(missing ? [missing] : []), ...judged.flatMap(each => each.told ?? [])];
  return {
    actions: [],
    findings: policies.flatMap(policy => found.map(each => ({policy, ...each}))),
    requeueAfterMs: judged.map(each => each.againInMs).reduce(sooner, undefined),
  };
}

type Told = Omit<Finding, 'policy'>;

function preferredMissing(lease: LeaseView, candidates: readonly CandidateView[]): Told | undefined {
  const preferred = lease.preferredHolder ?? '';
  if (preferred === '' || candidates.some(each => each.name === preferred)) return undefined;
  const message = `Lease ${lease.name} waits for ${excerpt(preferred)} to lead, and there is no such LeaseCandidate: the present leader yields to nobody; find out who set preferredHolder`;
  return {reason: 'PreferredHolderMissing', about: leaseRef(lease), message};
}

type Judged = {told?: Told; againInMs?: number};

function judge(candidate: CandidateView, lease: LeaseView | undefined, now: Now): Judged {
  const problem = problemOf(candidate, lease);
  if (problem === undefined) return {};
  const againInMs = candidate.changedAtMs + PATIENCE_MS - now.monotonicMs;
  if (againInMs > 0) return {againInMs};
  return {told: {reason: 'OrphanedCandidate', about: candidateRef(candidate), message: problem}};
}

function problemOf(candidate: CandidateView, lease: LeaseView | undefined): string | undefined {
  const {name, leaseName} = candidate;
  if (!lease)
    return `LeaseCandidate ${name} stands for Lease ${leaseName}, which does not exist: nobody chooses a leader; delete the candidate if its process is gone`;
  const pinged = parseMicroTime(candidate.pingTime);
  const answered = parseMicroTime(candidate.renewTime) ?? Number.NEGATIVE_INFINITY;
  if (pinged === undefined || answered >= pinged) return undefined;
  return `LeaseCandidate ${name} of Lease ${leaseName} does not answer the API server: its process is gone or hangs`;
}

const candidateRef = ({namespace, name, uid}: CandidateView): ObjectRef => ({
  ...CANDIDATES,
  namespace,
  name,
  uid,
});
