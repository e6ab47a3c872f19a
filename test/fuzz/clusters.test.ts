/** Whole clusters: what the operator decides of one may be anything, but never what this file objects to. */
import assert from 'node:assert/strict';
import type {LeasePolicySpec} from '../../src/api/leasepolicy.ts';
import type {KubeObject} from '../../src/api/objects.ts';
import builtIn from '../../src/core/lease/catalogue.json' with {type: 'json'};
import type {CollectLease, CreateLease, WriteRecord} from '../../src/core/plan/action.ts';
import {only} from '../support/builders.ts';
import {NOW} from './arbitraries.ts';
import {
  anyCluster,
  type Cluster,
  type ClusterLease,
  isStrange,
  nameOf,
  Operator,
  viewOf,
} from './clusters.ts';
import {forAll} from './property.ts';
import {earliestMs, isPlan, isPuzzling, mayLead, moment, objection} from './safety.ts';

const decided = (cluster: Cluster) => [...new Operator(cluster).plans()];

/** A cluster takes as long as ten Leases. */
const FEW = {few: 2_500};

forAll(
  'of every cluster all is decided, and the same each time',
  [anyCluster],
  cluster => {
    const plans = decided(cluster);
    for (const plan of plans) isPlan(plan);
    assert.deepEqual(decided(cluster), plans);
  },
  FEW,
);

forAll(
  'in no cluster anything is deleted, written or made that speaks against it',
  [anyCluster],
  cluster => {
    const actions = decided(cluster).flatMap(plan => plan.actions);
    deletesGarbageAlone(cluster, only(actions, 'collectLease'));
    staysWithinBounds(cluster, only(actions, 'collectLease'));
    writesNoOthers(cluster, only(actions, 'writeRecord'));
    makesWhatIsMissing(cluster, only(actions, 'createLease'));
  },
  FEW,
);

function deletesGarbageAlone(cluster: Cluster, taken: readonly CollectLease[]): void {
  for (const action of taken) {
    const found = leaseOf(cluster, action);
    const owner = cluster.policies.find(({name}) => name === action.policy);
    assert.ok(found && owner, 'it is of this very version, and by a policy that is there');
    assert.equal(objection(viewOf(found)), undefined);
    assert.equal(objectionOf(owner.spec, cluster, found, action), undefined);
  }
}

function staysWithinBounds(cluster: Cluster, taken: readonly CollectLease[]): void {
  const all = cluster.leases.length + cluster.heartbeats.length;
  for (const {name, spec} of cluster.policies) {
    const {maxPerMinute, maxPercent} = spec.garbageCollection;
    const own = taken.filter(each => each.policy === name).map(({lease}) => lease);
    // A set of buckets goes as one.
    const share = new Set(own.map(each => `${each.namespace}/${each.name.replace(/\.\d+-of-/, '.n-of-')}`))
      .size;
    assert.ok(
      own.length <= maxPerMinute && share <= Math.ceil((all * maxPercent) / 100),
      `${share} of ${all}`,
    );
  }
}

function writesNoOthers(cluster: Cluster, writes: readonly WriteRecord[]): void {
  for (const {lease} of writes) {
    const found = cluster.leases.find(({object}) => isNamed(object, lease));
    assert.ok(found && !mayLead(viewOf(found)) && !isPuzzling(viewOf(found)), `${lease.name} is written`);
  }
}

function makesWhatIsMissing(cluster: Cluster, made: readonly CreateLease[]): void {
  for (const place of made) {
    assert.ok(!cluster.leases.some(({object}) => isNamed(object, place)));
    assert.ok(claimed(cluster).has(`${place.namespace}/${place.name}`));
    assert.ok(!cluster.namespaces.some(each => each.name === place.namespace && each.goes));
  }
}

const isNamed = ({metadata}: KubeObject, {namespace, name}: {namespace: string; name: string}) =>
  metadata.namespace === namespace && metadata.name === name;

const leaseOf = (cluster: Cluster, {lease}: CollectLease) =>
  [...cluster.leases, ...cluster.heartbeats].find(
    ({object: {metadata}}) =>
      metadata.namespace === lease.namespace &&
      metadata.name === lease.name &&
      metadata.uid === lease.uid &&
      metadata.resourceVersion === lease.resourceVersion,
  );

/** Why a policy must not have this Lease deleted; undefined when nothing that is in the cluster speaks against it. */
function objectionOf(
  spec: LeasePolicySpec,
  cluster: Cluster,
  found: ClusterLease,
  action: CollectLease,
): string | undefined {
  const {mode} = spec.garbageCollection;
  if (mode !== 'Managed' && mode !== 'All') return `the mode is ${mode}`;
  if (spec.subjects.nodes) return objectionOfNode(spec, cluster, found, action);
  if (spec.subjects.components)
    return mode === 'All' ? objectionOfBucket(spec, cluster, found) : `the mode is ${mode}`;
  if (!spec.naming) return 'the API server deletes those of API servers';
  if (found.object.metadata.namespace === 'kube-node-lease') return 'it is the heartbeat of a node';
  return objectionOfWorkload(spec, cluster, found, action);
}

function objectionOfWorkload(
  spec: LeasePolicySpec,
  cluster: Cluster,
  found: ClusterLease,
  action: CollectLease,
): string | undefined {
  const {metadata} = found.object;
  if (isStrange(found.object)) return 'nobody here knows what it is for';
  if (!cluster.isKnown) return 'its workload may be there';
  if (claimed(cluster).has(`${metadata.namespace}/${metadata.name}`))
    return 'it is the name of a workload that lives';
  if (earliestMs(viewOf(found), spec.garbageCollection.ttlSeconds) > NOW.monotonicMs + 1)
    return 'its ttl has not passed';
  const isOurs = metadata.labels?.['leasepolicy.dev/origin'] !== undefined;
  return isOurs
    ? objectionOfOurs(cluster, found.object, action)
    : objectionOfOthers(spec, cluster, found.object);
}

function objectionOfOurs(
  cluster: Cluster,
  {metadata}: KubeObject,
  {policy, check}: CollectLease,
): string | undefined {
  if (metadata.labels?.['leasepolicy.dev/policy'] !== policy) return 'it is that of another policy';
  if (moment(metadata.annotations?.['leasepolicy.dev/orphaned-since']) === undefined)
    return 'it is not marked';
  const [kind, ...rest] = (metadata.annotations?.['leasepolicy.dev/subject'] ?? '').split('/');
  const name = rest.at(-1) ?? '';
  const namespace = rest.length > 1 ? rest[0] : metadata.namespace;
  if (kind !== 'Deployment') return 'its workload is of a kind that nobody watches';
  const living = cluster.workloads.find(
    each => each.metadata.name === name && each.metadata.namespace === namespace,
  );
  const path = `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`;
  if (check.expect === 'nothing' || check.path !== path) return 'nobody looks whether its workload lives';
  return (check.expect === 'labels') === (living !== undefined)
    ? undefined
    : 'the live look expects something else';
}

function objectionOfOthers(
  spec: LeasePolicySpec,
  cluster: Cluster,
  {metadata, ...object}: KubeObject,
): string | undefined {
  if (spec.garbageCollection.mode !== 'All') return 'it is not ours';
  if ((object as {spec?: {strategy?: string}}).spec?.strategy) return 'the API server chooses its holder';
  if (!new RegExp(`^${spec.naming?.prefix}-[0-9a-f]{10}$`).test(metadata.name)) return 'it has another name';
  if (builtIn.some(({name}) => name === metadata.name)) return 'it is that of a product';
  const exempt = cluster.policies.flatMap(each => each.spec.enforcement.exempt);
  return exempt.some(({name}) => name === metadata.name) ? 'it is exempt' : undefined;
}

/** Names of workloads that are there, selected by a policy, by namespace and name. */
function claimed({policies, workloads, namespaces}: Cluster): Set<string> {
  const names = new Set<string>();
  for (const {spec} of policies.filter(each => each.spec.naming)) {
    for (const {metadata} of workloads) {
      const {name, namespace = '', labels} = metadata;
      const {matchLabels = {}} = spec.subjects.workloads?.selector ?? {};
      const isSelected = Object.entries(matchLabels).every(([key, value]) => labels?.[key] === value);
      if (!isSelected || !namespaces.some(each => each.name === namespace)) continue;
      names.add(
        `${spec.lease.namespace || namespace}/${nameOf(spec, {kind: 'Deployment', namespace, name})}`,
      );
    }
  }
  return names;
}

function objectionOfNode(
  spec: LeasePolicySpec,
  cluster: Cluster,
  {object, seenMs}: ClusterLease,
  {check}: CollectLease,
): string | undefined {
  const {metadata, spec: record = {}} = object as KubeObject & {
    spec?: {holderIdentity?: string; leaseDurationSeconds?: number};
  };
  if (spec.garbageCollection.mode !== 'All') return 'the mode is not All';
  if (metadata.namespace !== 'kube-node-lease') return 'it is no heartbeat';
  if (cluster.nodes.includes(metadata.name)) return 'its node is there';
  if (Object.keys(spec.subjects.nodes?.selector ?? {}).length > 0)
    return 'nobody knows the labels of its node';
  if (record.holderIdentity !== metadata.name) return 'another one holds it';
  if (check.expect !== 'absent' || check.path !== `/api/v1/nodes/${metadata.name}`)
    return 'nobody looks for its node';
  const seconds = Math.max(spec.garbageCollection.ttlSeconds, record.leaseDurationSeconds ?? 0);
  return NOW.monotonicMs < seenMs + seconds * 1000 ? 'its ttl has not passed' : undefined;
}

function objectionOfBucket(spec: LeasePolicySpec, cluster: Cluster, found: ClusterLease): string | undefined {
  const countOf = ({object}: ClusterLease) => /^controller\.a\.\d+-of-(\d+)$/.exec(object.metadata.name)?.[1];
  const count = countOf(found);
  if (count === undefined || found.object.metadata.namespace !== 'kube-system') return 'it is no bucket';
  if (isStrange(found.object)) return 'nobody here knows what it is for';
  const buckets = cluster.leases.filter(
    each => each.object.metadata.namespace === 'kube-system' && countOf(each),
  );
  if (buckets.some(each => countOf(each) === count && (mayLead(viewOf(each)) || isPuzzling(viewOf(each)))))
    return 'its set is held';
  const others = buckets.filter(each => countOf(each) !== count);
  if (others.length === 0 || others.length !== Number(countOf(others[0] as ClusterLease)))
    return 'no other set is whole';
  if (!others.every(each => viewOf(each).holder !== '' && !objectionToHold(each)))
    return 'the other set is not held';
  const view = viewOf(found);
  const seconds = Math.max(spec.garbageCollection.ttlSeconds, view.durationSeconds ?? 0);
  return NOW.monotonicMs < view.changedAtMs + seconds * 1000 ? 'its ttl has not passed' : undefined;
}

/** Whether the hold, which may be one of ours, is over or can't be read. */
function objectionToHold(each: ClusterLease): boolean {
  const {durationSeconds = 0, renewTime, changedAtMs} = viewOf(each);
  return moment(renewTime) === undefined || NOW.monotonicMs - changedAtMs >= durationSeconds * 1000;
}
