/** Effects as frozen data: what a plan wants done, for apply, dry run, Events, counters and tests alike. */
import type {LeasePolicyStatus} from '../../api/leasepolicy.ts';
import type {LeaseRegistrySpec} from '../../api/leaseregistry.ts';
import {ANNOTATIONS, LABELS} from '../../api/objects.ts';
import type {ApplyObject, DeleteObject} from '../admission/rendered.ts';
import type {LeaseClass} from '../lease/classify.ts';
import type {Finding, ObjectRef} from '../lease/finding.ts';
import type {LeaseView, Lifetime} from '../lease/lifetime.ts';
import {NAMING_VERSION} from '../naming/hash.ts';
import type {Rules} from '../naming/rules.ts';

/** A version of a Lease: a write that carries it fails when anybody else has written since. */
export type LeaseVersion = {namespace: string; name: string; uid: string; resourceVersion: string};

/** The version that is in the caches. */
export function versionOf({namespace, name, uid, resourceVersion}: LeaseView): LeaseVersion {
  return {namespace, name, uid, resourceVersion};
}

/** What a record of ours says. Times are MicroTime texts. */
export type LeaseRecord = {
  holderIdentity: string;
  leaseDurationSeconds: number;
  leaseTransitions: number;
  acquireTime: string;
  renewTime: string;
};

/** How a live read must find the subject for its Lease to be garbage. */
export type SubjectCheck =
  | {expect: 'absent'; path: string}
  /** It lives, and it and its namespace have the labels on which the decision rests. */
  | {
      expect: 'labels';
      path: string;
      labels: Readonly<Record<string, string>>;
      namespace: string;
      namespaceLabels: Readonly<Record<string, string>>;
    }
  /** No workload is known, such as for a Lease of somebody else that bears our names. */
  | {expect: 'nothing'};

export type CreateLease = {
  type: 'createLease';
  policy: string;
  namespace: string;
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  record: Partial<LeaseRecord> & {leaseDurationSeconds: number};
};

/**
 * Writes labels and annotations and nothing else; to adopt, by server-side apply, so that conflicts show. What somebody
 * else has written under keys that are the operator's alone is overwritten.
 */
export type LabelLease = {
  type: 'labelLease';
  purpose: 'adopt' | 'overwrite' | 'label' | 'markOrphaned' | 'reclaim';
  policy: string;
  namespace: string;
  name: string;
  uid: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
};

/** Writes the record of a Lease that nobody else holds. */
export type WriteRecord = {
  type: 'writeRecord';
  purpose: 'close' | 'renew' | 'seal' | 'open';
  policy: string;
  lease: LeaseVersion;
  record: LeaseRecord;
};

export type CollectLease = {
  type: 'collectLease';
  policy: string;
  lease: LeaseVersion;
  subject: string;
  check: SubjectCheck;
};

export type RegistryPatch = {
  [Section in 'names' | 'subjects' | 'retired' | 'exemptUntil']?: Record<
    string,
    LeaseRegistrySpec[Section][string] | null
  >;
} & {exempt?: string[]; allowed?: string};

export type Action =
  | CreateLease
  | LabelLease
  | WriteRecord
  | CollectLease
  | ApplyObject
  | DeleteObject
  | {type: 'createRegistry'; namespace: string; spec: LeaseRegistrySpec}
  | {type: 'patchRegistry'; namespace: string; patch: RegistryPatch}
  | {type: 'deleteRegistry'; namespace: string; uid: string; resourceVersion: string}
  /** With a resourceVersion it fails when the policy has been edited since. */
  | {type: 'writeStatus'; policy: string; resourceVersion?: string; status: Partial<LeasePolicyStatus>}
  | EmitEvent;

/** Tells of what was done by the actions of this policy before it, or of what is wrong. */
export type EmitEvent = {
  type: 'emitEvent';
  policy?: string;
  about: ObjectRef;
  severity: 'Normal' | 'Warning';
  reason: string;
  message: string;
};

/** Garbage, and when a collection pass may take it. */
export type Garbage = {
  readonly policy: string;
  readonly dueAtMs: number;
  /** That it is not marked yet: its ttl begins with its mark, so that until then it is due a ttl from whenever it is asked. */
  readonly waitsForMark?: boolean;
  readonly collect: CollectLease;
  /** leaseTransitions, to be continued when the name comes back. */
  readonly transitions: number;
  /** The set of buckets that it is a part of, which goes as a whole. */
  readonly set?: string | undefined;
};

/** Where a Lease counts: in the status of its policy, and in the metrics by class. Without a policy it is empty. */
export type LeaseState = {
  readonly policy: string;
  readonly class: LeaseClass;
  readonly lifetime: Lifetime;
  /** Whether a subject has it. */
  readonly claimed: boolean;
};

/** What a controller decides: effects in their order, what is wrong, and when to look again. */
export type Plan = {
  actions: Action[];
  findings: Finding[];
  states?: readonly LeaseState[];
  garbage?: readonly Garbage[];
  /** Milliseconds until time alone changes the answer. */
  requeueAfterMs?: number | undefined;
};

/** The sooner of two waits. */
export function sooner(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}

/** The labels of a Lease of this policy. One of a Helm chart, say, stays managed by Helm. */
export function leaseLabels(
  rules: Rules,
  origin: string,
  present: Readonly<Record<string, string>> = {},
): Record<string, string> {
  return {
    ...rules.lease.labels,
    [LABELS.managedBy]: present[LABELS.managedBy] ?? 'leasepolicy',
    [LABELS.policy]: rules.policy,
    [LABELS.origin]: origin,
    [LABELS.naming]: NAMING_VERSION,
  };
}

/** The annotations of a Lease of this subject. */
export function leaseAnnotations(subject: string, orphanedSince?: string): Record<string, string> {
  return {
    [ANNOTATIONS.subject]: subject,
    ...(orphanedSince === undefined ? {} : {[ANNOTATIONS.orphanedSince]: orphanedSince}),
  };
}
