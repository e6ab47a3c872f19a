/** Findings: what is wrong with a Lease or a subject, from a closed set. */
import {GROUP, VERSION} from '../../api/objects.ts';
import {escaped, legible, MESSAGE_MOST} from '../legible.ts';
import type {Workload} from '../naming/claims.ts';

export const FINDING_REASONS = [
  'MissingLease',
  'MisnamedLease',
  'NameCollision',
  'NameTooLong',
  'InvalidName',
  'NamespaceMissing',
  'AdoptionConflict',
  'DurationOutOfRange',
  'FutureRenewTime',
  'HazardousOwner',
  'OrphanedLease',
  'ForeignHolder',
  'ContestedLease',
  'Leaderless',
  'Flapping',
  'NotInjected',
  'ExemptionEnding',
  'StaleHeartbeat',
  'MissingOwner',
  'IdentityMismatch',
  'ReservedName',
  'SharedElectionID',
  'PreferredHolderMissing',
  'OrphanedCandidate',
] as const;
export type FindingReason = (typeof FINDING_REASONS)[number];

/** What a finding or an Event is about; the namespace is empty for what has none. */
export type ObjectRef = {apiVersion: string; kind: string; namespace: string; name: string; uid: string};

/** The message is stable while the fault lasts, so that an unchanged world writes nothing. */
export type Finding = {
  readonly policy: string;
  readonly reason: FindingReason;
  /** The workload where there is one, else the Lease: its Events carry the finding. */
  readonly about: ObjectRef;
  readonly message: string;
};

/** As it is told: holders, owners and annotations are what anybody has written, and some names nearly so. */
export const told = (finding: Finding): Finding => ({
  ...finding,
  message: legible(finding.message, MESSAGE_MOST),
});

/** Kind/namespace/name, or Kind/name for what has no namespace; for people. */
export const refText = ({kind, namespace, name}: ObjectRef) =>
  escaped(namespace === '' ? `${kind}/${name}` : `${kind}/${namespace}/${name}`);

/** A reference to a Lease, for what is not about its subject. */
export const leaseRef = ({
  namespace,
  name,
  uid,
}: Pick<ObjectRef, 'namespace' | 'name' | 'uid'>): ObjectRef => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  namespace,
  name,
  uid,
});

/** A reference to a policy. */
export const policyRef = (name: string, uid: string): ObjectRef => ({
  apiVersion: `${GROUP}/${VERSION}`,
  kind: 'LeasePolicy',
  namespace: '',
  name,
  uid,
});

/** A reference to a workload. */
export const workloadRef = ({apiVersion, kind, namespace, name, uid}: Workload): ObjectRef => ({
  apiVersion,
  kind,
  namespace,
  name,
  uid,
});
