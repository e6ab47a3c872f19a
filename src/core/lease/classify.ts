/** What a Lease is for: one total function that findings, collection and views share. */
import type {LeaseClass} from '../../api/catalogue.ts';
import {bucketOf} from '../naming/bucket.ts';
import {HEARTBEATS} from '../naming/rules.ts';
import {
  type Catalogue,
  type CatalogueEntry,
  entryOfName,
  entryOfOwner,
  entryOfPattern,
  entryOfStrategy,
} from './catalogue.ts';
import {FORMER_IDENTITY_LABEL, IDENTITY_LABEL} from './identity.ts';
import {isHeldByUs, isManaged, type LeaseOwner, type LeaseView} from './lifetime.ts';
import {parseMicroTime} from './microtime.ts';

/**
 * - node-heartbeat: in kube-node-lease, and owned by the Node of its name, or kept as a kubelet keeps it
 * - apiserver-identity: in kube-system with the label or the name of an API server
 * - leader-election: ours, or known by its name, or named by a policy, or a full record of client-go's
 * - leader-election-bucket: one of several elections of a component, named <base>.NN-of-MM
 * - coordinated-leader-election: the API server chooses its holder, as spec.strategy says
 * - data-lock: guards data; known by the kind of its owner
 * - status: says that a component is well, and several replicas write it; known by its name
 * - heartbeat: says that something other than a node is alive
 * - one-shot: taken once at start-up and silent since; known by its name
 * - shard: says that one of a ring of controllers is alive; has the ring's label
 * - tombstone: an old or new name that we keep closed while a policy is renamed
 * - unknown: anything else; never touched
 */
export {CLASSES, type LeaseClass} from '../../api/catalogue.ts';

/** What decides, in this order: the first evidence that says anything has the last word. */
export const EVIDENCE = ['owner', 'label', 'spec', 'namespace', 'name', 'pattern', 'holder', 'none'] as const;
export type Evidence = (typeof EVIDENCE)[number];

export type Classification = {
  readonly class: LeaseClass;
  readonly evidence: Evidence;
  /** Completes "it is a ... because". */
  readonly because: string;
  readonly entry?: CatalogueEntry;
};

/** Names are looked up before patterns are tried: most Leases never see a pattern. */
export function classify(lease: LeaseView, catalogue: Catalogue, isNamedByPolicy: boolean): Classification {
  return (
    byOwner(lease, catalogue) ??
    byLabel(lease) ??
    bySpec(lease, catalogue) ??
    byNamespace(lease) ??
    byName(lease, catalogue) ??
    byPattern(lease, catalogue, isNamedByPolicy) ??
    byHolder(lease) ??
    found('unknown', 'none', 'nothing about it is known here')
  );
}

const found = (
  leaseClass: LeaseClass,
  evidence: Evidence,
  because: string,
  entry?: CatalogueEntry,
): Classification => ({class: leaseClass, evidence, because, ...(entry && {entry})});

const catalogued = (entry: CatalogueEntry, evidence: Evidence, because: string) =>
  found(entry.class, evidence, `${because} of ${entry.component}`, entry);

function byOwner(lease: LeaseView, catalogue: Catalogue): Classification | undefined {
  const {owners, namespace, name} = lease;
  if (owners.length === 0) return undefined;
  for (const owner of owners) {
    const entry = entryOfOwner(catalogue, lease, owner);
    if (entry) return catalogued(entry, 'owner', `it is owned by a ${owner.kind}, as are those`);
  }
  const itsNode = (owner: LeaseOwner) => isNode(owner) && namespace === HEARTBEATS && owner.name === name;
  const stranger = owners.find(owner => !itsNode(owner) && !isOrdinary(owner));
  if (stranger)
    return found('unknown', 'owner', `it is owned by a ${stranger.kind}, whose meaning nobody here knows`);
  if (!owners.some(itsNode)) return undefined;
  return found('node-heartbeat', 'owner', 'it is owned by the Node of its name');
}

const isNode = ({group, kind}: LeaseOwner) => group === '' && kind === 'Node';

/**
 * Owners that say nothing of what a Lease is for: whatever runs has one. Not all of the core: Nodes are owners of
 * maintenance locks, volumes of what guards data, and some write an owner of their own kind without its group.
 */
const ORDINARY_CORE_KINDS: ReadonlySet<string> = new Set([
  'ConfigMap',
  'Namespace',
  'Pod',
  'ReplicationController',
  'Secret',
  'Service',
  'ServiceAccount',
]);
const ORDINARY_GROUPS: ReadonlySet<string> = new Set([
  'apiextensions.k8s.io',
  'apps',
  'batch',
  'rbac.authorization.k8s.io',
]);
const isOrdinary = ({group, kind}: LeaseOwner) =>
  group === '' ? ORDINARY_CORE_KINDS.has(kind) : ORDINARY_GROUPS.has(group);

/** On the Leases by which the members of a ring of timebertt/kubernetes-controller-sharding say that they live. */
const RING_LABEL = 'alpha.sharding.timebertt.dev/controllerring';

function byLabel(lease: LeaseView): Classification | undefined {
  const {labels, namespace} = lease;
  if (namespace === 'kube-system' && isIdentity(labels))
    return found('apiserver-identity', 'label', 'it has the label of an API server');
  // Before ours: a shard that somebody has adopted is still no election.
  const ring = labels[RING_LABEL];
  if (ring !== undefined && ring !== '') return found('shard', 'label', `it is a member of the ring ${ring}`);
  if (!isManaged(lease)) return undefined;
  if (isHeldByUs(lease)) return found('tombstone', 'label', 'we keep the name closed');
  return found('leader-election', 'label', 'we made or adopted it for a workload');
}

const isIdentity = (labels: LeaseView['labels']) =>
  labels[IDENTITY_LABEL] !== undefined || labels[FORMER_IDENTITY_LABEL] === 'kube-apiserver';

function bySpec(lease: LeaseView, catalogue: Catalogue): Classification | undefined {
  const {strategy, namespace} = lease;
  if (strategy !== undefined && strategy !== '') {
    const entry = entryOfStrategy(catalogue, lease);
    const because = `the API server chooses its holder by ${strategy}`;
    return found('coordinated-leader-election', 'spec', because, entry);
  }
  if (namespace !== HEARTBEATS || !isRenewedAsByKubelets(lease)) return undefined;
  return found(
    'node-heartbeat',
    'spec',
    'it is renewed as kubelets do it: taken by nobody, and never handed on',
  );
}

function isRenewedAsByKubelets({holder, renewTime, acquireTime, transitions}: LeaseView): boolean {
  return (
    holder !== '' && parseMicroTime(renewTime) !== undefined && acquireTime === undefined && transitions === 0
  );
}

/** Namespaces for the heartbeats of one kind of thing, each held by the thing that it is named after. */
const HEARTBEAT_NAMESPACES: ReadonlyMap<string, LeaseClass> = new Map([
  [HEARTBEATS, 'node-heartbeat'],
  ['gardener-system-seed-lease', 'heartbeat'],
]);

function byNamespace({namespace, name, holder}: LeaseView): Classification | undefined {
  const beats = HEARTBEAT_NAMESPACES.get(namespace);
  if (!beats) return undefined;
  if (holder === name) return found(beats, 'namespace', `it is in ${namespace} and held by its own name`);
  return found('unknown', 'namespace', `${namespace} is for Leases that are held by their own name`);
}

function byName(lease: LeaseView, catalogue: Catalogue): Classification | undefined {
  const entry = entryOfName(catalogue, lease);
  return entry && catalogued(entry, 'name', 'it has the name');
}

function byPattern(
  lease: LeaseView,
  catalogue: Catalogue,
  isNamedByPolicy: boolean,
): Classification | undefined {
  const entry = entryOfPattern(catalogue, lease);
  if (entry) return catalogued(entry, 'pattern', 'its name has the form');
  const bucket = bucketOf(lease.name);
  if (bucket) {
    const because = `it is bucket ${bucket.index} of the ${bucket.count} of ${bucket.base}`;
    return found('leader-election-bucket', 'pattern', because);
  }
  return isNamedByPolicy
    ? found('leader-election', 'pattern', 'its name has the form of a policy in force')
    : undefined;
}

/** What client-go's candidates are called by default: <host name>_<uuid>. */
const CANDIDATE = /^([A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?)_[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The name of a Pod or a node alone holds Leases of every class. So does what a Lease is itself named after. */
function byHolder(lease: LeaseView): Classification | undefined {
  const [, host] = CANDIDATE.exec(lease.holder) ?? [];
  if (host === undefined || host === lease.name || !isFullRecord(lease)) return undefined;
  return found(
    'leader-election',
    'holder',
    `it is a full record of an election that a candidate on ${host} has won`,
  );
}

const isFullRecord = ({acquireTime, renewTime, durationSeconds}: LeaseView) =>
  parseMicroTime(acquireTime) !== undefined &&
  parseMicroTime(renewTime) !== undefined &&
  durationSeconds !== undefined &&
  durationSeconds > 0;
