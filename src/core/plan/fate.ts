/** What becomes of a Lease: whether it stays, and why, or when it is deleted. */
import type {LeasePolicySpec} from '../../api/leasepolicy.ts';
import {LABELS} from '../../api/objects.ts';
import {isHeldByUs, isManaged, type LeaseView, type Lifetime, otherName} from '../lease/lifetime.ts';
import {excerpt} from '../legible.ts';
import type {Now} from '../now.ts';
import type {Garbage} from './action.ts';
import {COLLECTED} from './lease.ts';
import type {LeaseObservation} from './lease-observation.ts';

export type FateQuestion = {
  /** As this process has seen it. */
  readonly lease: LeaseView;
  /** As one who had watched all along would see it, if clocks agree. */
  readonly heard: LeaseView;
  readonly state: Lifetime;
  /** By the lease controller; undefined for the heartbeat of a node. */
  readonly observed: LeaseObservation | undefined;
  /** As what Kubernetes itself leases it; undefined for what it does not. */
  readonly system: System | undefined;
  /** What a look at the Lease as it was heard of would collect. */
  readonly garbage: Garbage | undefined;
  /** Why the collection of its policy waits for a human. */
  readonly stopped: string | undefined;
};

export type System = {
  readonly kind: 'Node' | 'APIServer' | 'Component';
  readonly mode: LeasePolicySpec['garbageCollection']['mode'] | undefined;
  readonly policy: string | undefined;
  /** Of a heartbeat. */
  readonly hasNode: boolean;
};

export type Fate = {
  readonly what: 'kept' | 'stopped' | 'deleted' | 'unknown';
  /** Completes "it is kept, because", "it is deleted, because" or "nobody can tell, because". */
  readonly because: string;
  /** When an operator deletes it that has watched all along, in wall milliseconds; it may have passed. */
  readonly dueWallMs?: number;
  /** Before this one that begins now does not, as it has seen nothing. */
  readonly notBeforeWallMs?: number;
};

export function fateOf(question: FateQuestion, now: Now): Fate {
  const {lease, garbage} = question;
  const kept = question.system ? systemKept(question, question.system) : workloadKept(question);
  if (kept !== undefined || !garbage) return {what: 'kept', because: kept ?? 'nobody has given it up'};
  const because = reasonOf(question);
  if (question.stopped !== undefined) return {what: 'stopped', because: question.stopped};
  const wallOf = (monotonicMs: number) => now.wallMs + monotonicMs - now.monotonicMs;
  const lastsMs = (lease.durationSeconds ?? 0) * 1000;
  const unseenMs = lease.changedAtMs + (lease.holder === '' ? 0 : lastsMs) + waitMs(question, garbage);
  return {
    what: 'deleted',
    because,
    dueWallMs: wallOf(garbage.dueAtMs),
    notBeforeWallMs: wallOf(Math.max(garbage.dueAtMs, unseenMs)),
  };
}

/**
 * What passes under the eyes of an operator beside the duration of the Lease. A mark counts on where nobody is the holder;
 * one who is may be alive for all that an operator that begins now can know, so that it takes the mark away.
 */
function waitMs({lease, heard, observed}: FateQuestion, garbage: Garbage): number {
  if (!observed || !isManaged(lease)) return garbage.dueAtMs - heard.changedAtMs;
  const isKept = !garbage.waitsForMark && (lease.holder === '' || isHeldByUs(lease));
  return isKept ? 0 : (observed.rules?.collection.ttlSeconds ?? 0) * 1000;
}

function reasonOf({lease, observed, system}: FateQuestion): string {
  if (system?.kind === 'Node') return `there is no node ${lease.name}`;
  if (observed?.isSuperseded) return 'it belongs to a set of buckets that another one has replaced';
  if (!isManaged(lease))
    return 'it bears the names of a policy with garbageCollection.mode All, and nobody renews it';
  return `nobody holds it, and it is no longer the name of ${excerpt(lease.subject ?? 'its subject')}`;
}

function systemKept(
  {garbage, lease}: FateQuestion,
  {kind, mode, policy, hasNode}: System,
): string | undefined {
  if (kind === 'APIServer')
    return 'API servers delete the identities of those that are gone by themselves, after an hour';
  if (kind === 'Node' && hasNode) return 'its node is there';
  if (garbage) return undefined;
  if (kind === 'Component') return 'the Lease of a component is only looked at';
  if (mode === undefined) return `no policy is about the node ${lease.name}`;
  if (mode !== 'All') return `garbageCollection.mode of policy ${policy} is ${mode}; All would delete it`;
  return 'it is not sure that it is the heartbeat of a node that is gone';
}

function workloadKept(question: FateQuestion): string | undefined {
  const {observed, lease} = question;
  if (!observed) return 'nobody judges it';
  if (lease.terminating) return 'it was deleted already, and is there as long as its finalizers are';
  const {rules, claim, own, governing} = observed;
  if (own) return "by it the operator's own leader is elected";
  if (observed.namespaceGoes)
    return 'its namespace is being deleted, and the API server deletes it with that';
  if (claim) {
    const opens = isHeldByUs(lease) ? `, and opens when ${excerpt(otherName(lease))} is given up` : '';
    return `it is the name of ${claim.subject} under policy ${claim.policy}${opens}`;
  }
  if (rules) return managedKept(question, observed);
  if (isManaged(lease)) return `its policy ${lease.labels[LABELS.policy] ?? ''} is not in force`;
  const names = governing.map(({policy}) => policy);
  if (names.length === 0) return 'no policy is about it';
  return `it belongs to no policy; the names that may be created beside it are those of ${names.join(', ')}`;
}

/** What keeps a Lease of a policy, in the order in which the collection asks. */
function managedKept(question: FateQuestion, observed: LeaseObservation): string | undefined {
  return keptByPolicy(question, observed) ?? keptByRecord(question, observed);
}

function keptByPolicy({lease}: FateQuestion, observed: LeaseObservation): string | undefined {
  const {rules, classification, exemptUntilMs, subjectsKnown} = observed;
  const {class: kind, because, entry} = classification;
  if (!subjectsKnown) return 'it is not known which workloads there are';
  if (!COLLECTED.has(kind)) return `${because}, and a Lease of class ${kind} is never deleted`;
  const mode = rules?.collection.mode ?? 'Off';
  if (mode !== 'Managed' && mode !== 'All')
    return `garbageCollection.mode of policy ${rules?.policy} is ${mode}`;
  if (isManaged(lease)) return undefined;
  if (entry) return `it is one of a known product, ${entry.component}`;
  return exemptUntilMs === undefined ? undefined : 'its name is exempt';
}

function keptByRecord({lease, state}: FateQuestion, observed: LeaseObservation): string | undefined {
  const {rules, classification, check, handingOver, isSuperseded} = observed;
  if (state === 'held') {
    const ttl = rules?.collection.ttlSeconds;
    return `${excerpt(lease.holder)} renews it; when that ends it is deleted after ${ttl} seconds`;
  }
  if (state === 'unknown') return 'its record is not understood, and what is not understood is never touched';
  if (!check || (isManaged(lease) && lease.subject === undefined))
    return 'its subject is of no kind of its policy, so nobody can tell whether it is gone';
  if (handingOver) return 'another old name of its subject is still held';
  if (classification.class === 'leader-election-bucket' && !isSuperseded)
    return 'its set of buckets is in use';
  return undefined;
}
