/** Projections: what the caches keep of each object; the object itself is dropped. All are total. */
import type {LeasePolicy, LeasePolicySpec, LeasePolicyStatus} from '../api/leasepolicy.ts';
import type {LeaseRegistrySpec} from '../api/leaseregistry.ts';
import {
  ANNOTATIONS,
  type KubeObject,
  type Lease,
  type Namespace,
  type WorkloadObject,
} from '../api/objects.ts';
import {keptHolder} from '../core/lease/holder.ts';
import type {LeaseOwner, LeaseView} from '../core/lease/lifetime.ts';
import {isSpec} from '../core/manifest/spec-form.ts';
import type {Workload} from '../core/naming/claims.ts';
import {HEARTBEATS} from '../core/naming/rules.ts';
import type {NodeView} from '../core/plan/heartbeat.ts';
import {keyOf} from '../runtime/informer.ts';
import type {Row} from '../runtime/store.ts';
import {sameOwners} from './changes.ts';

export type PolicyRow = Row & {
  readonly uid: string;
  readonly generation: number;
  readonly terminating: boolean;
  /** Undefined where it is not what this version knows. */
  readonly spec: LeasePolicySpec | undefined;
  readonly status: LeasePolicyStatus | undefined;
};

export type RegistryRow = Row & {readonly uid: string; readonly spec: LeaseRegistrySpec};
export type NamespaceRow = Row & {
  readonly labels: Readonly<Record<string, string>>;
  readonly terminating: boolean;
};
export type WorkloadRow = Row & Workload;
export type NodeRow = Row & NodeView;

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});
const NO_OWNERS: readonly LeaseOwner[] = Object.freeze([]);

export function projectPolicy(object: KubeObject): PolicyRow {
  const {spec, status} = object as unknown as LeasePolicy;
  const {uid, resourceVersion, generation = 0, deletionTimestamp} = object.metadata;
  return {
    key: keyOf(object),
    uid,
    resourceVersion,
    generation,
    terminating: deletionTimestamp !== undefined,
    spec: isSpec(spec) ? spec : undefined,
    status,
  };
}

export function projectRegistry(object: KubeObject): RegistryRow {
  const {
    names = {},
    subjects = {},
    exempt = [],
    exemptUntil = {},
    allowed = '',
    retired = {},
  } = (object as {spec?: Partial<LeaseRegistrySpec>}).spec ?? {};
  const {uid, resourceVersion} = object.metadata;
  return {
    key: keyOf(object),
    uid,
    resourceVersion,
    spec: {names, subjects, exempt, exemptUntil, allowed, retired},
  };
}

export function projectNamespace(object: KubeObject): NamespaceRow {
  const {labels = NO_LABELS, deletionTimestamp, resourceVersion} = object.metadata;
  const terminating =
    deletionTimestamp !== undefined || (object as Namespace).status?.phase === 'Terminating';
  return {key: keyOf(object), resourceVersion, labels, terminating};
}

/** Label sets that were seen: the Leases of a policy share one instead of having thousands that are equal. */
const labelSets = new Map<string, Readonly<Record<string, string>>>();
/** Beyond this many the sets of Leases are as they come, so that odd Leases can't fill the memory. */
const LABEL_SETS_MOST = 1000;

function shared(labels: Record<string, string> | undefined): Readonly<Record<string, string>> {
  if (!labels) return NO_LABELS;
  const key = JSON.stringify(labels);
  const known = labelSets.get(key);
  if (known) return known;
  if (labelSets.size < LABEL_SETS_MOST) labelSets.set(key, labels);
  return labels;
}

function ownerOf({apiVersion, kind, name}: {apiVersion: string; kind: string; name: string}): LeaseOwner {
  return {group: apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '', kind, name};
}

/** The time of the last change is ours, and it stays when the record is the one that was seen before. */
export function projectLease(object: KubeObject, previous: LeaseView | undefined, nowMs: number): LeaseView {
  const {metadata, spec = {}} = object as Lease;
  const {
    namespace = '',
    name,
    uid,
    resourceVersion,
    creationTimestamp,
    deletionTimestamp,
    labels,
    annotations,
    ownerReferences,
  } = metadata;
  const orphanedSince = annotations?.[ANNOTATIONS.orphanedSince];
  const record = {
    holder: keptHolder(spec.holderIdentity ?? ''),
    durationSeconds: spec.leaseDurationSeconds,
    acquireTime: spec.acquireTime,
    renewTime: spec.renewTime,
    transitions: spec.leaseTransitions ?? 0,
    strategy: spec.strategy,
    preferredHolder: spec.preferredHolder,
  };
  const unchanged =
    previous?.uid === uid &&
    previous.holder === record.holder &&
    previous.renewTime === record.renewTime &&
    previous.transitions === record.transitions &&
    previous.durationSeconds === record.durationSeconds;
  return {
    key: keyOf(object),
    namespace,
    name,
    uid,
    resourceVersion,
    createdAt: orphanedSince === undefined ? '' : creationTimestamp,
    terminating: deletionTimestamp !== undefined,
    labels: shared(labels),
    subject: annotations?.[ANNOTATIONS.subject],
    orphanedSince,
    owners: ownerReferences?.map(ownerOf) ?? NO_OWNERS,
    ...record,
    changedAtMs: unchanged ? previous.changedAtMs : nowMs,
  };
}

/** kwok marks the nodes that it stands in for by this annotation. */
const SIMULATED = 'kwok.x-k8s.io/node';

/** Labels only where a policy asks for them: those of each node are its own, and take most of the memory. */
export function projectNode(
  object: KubeObject,
  previous: NodeRow | undefined,
  keepsLabels: boolean,
  nowMs: number,
): NodeRow {
  const {name, uid, resourceVersion, labels, annotations} = object.metadata;
  return {
    key: name,
    name,
    uid,
    resourceVersion,
    labels: (keepsLabels && labels) || NO_LABELS,
    isSimulated: annotations?.[SIMULATED] !== undefined,
    seenAtMs: previous?.uid === uid ? previous.seenAtMs : nowMs,
  };
}

/**
 * A heartbeat, of which there may be thousands that are read anew every few seconds: what did not change is shared with
 * what was there before, and so are texts that say the same. Its key is the name of its node.
 */
export function projectHeartbeat(
  object: KubeObject,
  previous: LeaseView | undefined,
  nodeName: string | undefined,
  nowMs: number,
): LeaseView {
  const read = projectLease(object, previous, nowMs);
  const key = previous?.key ?? nodeName ?? read.name;
  const isSame = previous?.uid === read.uid;
  const owners = read.owners.map(owner => (owner.name === key ? {...owner, name: key} : owner));
  return {
    ...read,
    key,
    namespace: HEARTBEATS,
    name: key,
    uid: isSame ? previous.uid : read.uid,
    holder: [key, previous?.holder].find(each => each === read.holder) ?? read.holder,
    owners: isSame && sameOwners(previous.owners, owners) ? previous.owners : owners,
  };
}

/** A projection for objects of one kind, as resource is not part of them. */
export function projectWorkload(resource: string, apiVersion: string, kind: string, nowMs: () => number) {
  return (object: KubeObject, previous?: WorkloadRow): WorkloadRow => {
    const {
      namespace = '',
      name,
      uid,
      resourceVersion,
      creationTimestamp,
      deletionTimestamp,
      labels,
    } = object.metadata;
    const {spec, status} = object as WorkloadObject;
    // Of kinds that nobody validates both may be anything, also what can't be compared.
    const ready: unknown = status?.readyReplicas ?? status?.numberReady;
    const account: unknown = spec?.template?.spec?.serviceAccountName;
    return {
      key: `${namespace}/${name}`,
      resourceVersion,
      id: `${resource}/${namespace}/${name}`,
      resource,
      apiVersion,
      kind,
      namespace,
      name,
      uid,
      createdAt: creationTimestamp,
      terminating: deletionTimestamp !== undefined,
      labels: labels ?? NO_LABELS,
      serviceAccount: typeof account === 'string' && account !== '' ? account : 'default',
      readySinceMs: typeof ready === 'number' && ready > 0 ? (previous?.readySinceMs ?? nowMs()) : undefined,
    };
  };
}
