/** Small clusters of every kind, and the operator's view of one: its caches, and all that its controllers then decide. */
import {createHash} from 'node:crypto';
import fc from 'fast-check';
import type {LeasePolicySpec} from '../../src/api/leasepolicy.ts';
import type {KubeObject} from '../../src/api/objects.ts';
import {accessController} from '../../src/controllers/access.ts';
import {admissionController} from '../../src/controllers/admission.ts';
import {candidatesController} from '../../src/controllers/candidates.ts';
import {collectionController} from '../../src/controllers/collection.ts';
import {componentsController} from '../../src/controllers/components.ts';
import type {Controller} from '../../src/controllers/controller.ts';
import {heartbeatController} from '../../src/controllers/heartbeat.ts';
import {identitiesController} from '../../src/controllers/identities.ts';
import {leaseController} from '../../src/controllers/lease.ts';
import {policyController} from '../../src/controllers/policy.ts';
import {registryController} from '../../src/controllers/registry.ts';
import {workloadController} from '../../src/controllers/workload.ts';
import type {LeaseView} from '../../src/core/lease/lifetime.ts';
import type {Plan} from '../../src/core/plan/action.ts';
import type {Row, Store} from '../../src/runtime/store.ts';
import {
  projectHeartbeat,
  projectLease,
  projectNamespace,
  projectNode,
  projectPolicy,
  projectWorkload,
} from '../../src/world/project.ts';
import type {WatchRequest} from '../../src/world/watch-request.ts';
import {World} from '../../src/world/world.ts';
import {ago, idleWorld, micro, policy, systemPolicy} from '../support/builders.ts';
import {anyLeaseObject, anySeenMs, NOW, OURS, perhaps, STRANGE_OWNERS, without} from './arbitraries.ts';

const CONTROLLERS: readonly Controller<unknown>[] = [
  workloadController,
  leaseController,
  registryController,
  admissionController,
  accessController,
  heartbeatController,
  identitiesController,
  componentsController,
  candidatesController,
  policyController,
];

/** A Lease as the server has it, and when this process saw it change last. */
export type ClusterLease = {readonly object: KubeObject; readonly seenMs: number};

export type Cluster = {
  readonly policies: readonly {readonly name: string; readonly spec: LeasePolicySpec}[];
  readonly namespaces: readonly {
    readonly name: string;
    readonly labels: Record<string, string>;
    readonly goes: boolean;
  }[];
  readonly workloads: readonly KubeObject[];
  readonly leases: readonly ClusterLease[];
  readonly heartbeats: readonly ClusterLease[];
  readonly nodes: readonly string[];
  /** Whether the list of workloads is complete. */
  readonly isKnown: boolean;
};

const WORKLOADS = ['api', 'worker', 'gone'];
const NODES = ['a', 'b', 'c'];

/** As naming.md says: the prefix, "-", and ten hex digits of the SHA-256 of the parts, joined by "/". */
export function nameOf(
  spec: LeasePolicySpec,
  subject: {kind: string; namespace: string; name: string},
): string {
  const parts = spec.naming?.hash.of.map(part => subject[part as keyof typeof subject]) ?? [];
  const hash = createHash('sha256').update(parts.join('/')).digest('hex').slice(0, 10);
  return `${spec.naming?.prefix}-${hash}`;
}

const anyCollection = fc.record({
  mode: fc.oneof({weight: 3, arbitrary: fc.constantFrom('Managed', 'All')}, fc.constantFrom('Off', 'Report')),
  ttlSeconds: fc.constantFrom(15, 3600),
  maxPerMinute: fc.constantFrom(1, 2, 60),
  maxPercent: fc.constantFrom(1, 50, 100, 100),
});

const ofWorkloads = (name: string) =>
  fc
    .record({
      collection: anyCollection,
      of: fc.constantFrom(['name'], ['namespace', 'name'], ['kind', 'namespace', 'name']),
      lease: fc.record({create: fc.boolean(), adopt: fc.boolean()}),
      selector: fc.constantFrom({}, {}, {matchLabels: {team: 'a'}}),
      isCentral: fc.oneof({weight: 5, arbitrary: fc.constant(false)}, fc.boolean()),
      names: fc.constantFrom('Audit' as const, 'Deny' as const),
      isExempt: fc.boolean(),
    })
    .map(({collection, of, lease, selector, isCentral, names, isExempt}) => {
      const made = policy(name)
        .prefixed(name)
        .leases(lease)
        .hashing(...(isCentral ? ['namespace', 'name'] : of))
        .selecting(selector)
        .enforcing({names})
        .collecting(collection)
        .leasesIn(isCentral ? 'bank' : '');
      const {spec} = isExempt ? made.exempting({name: nameOf(made.spec, ref('gone', 'shop'))}) : made;
      return {name, spec};
    });

const ref = (name: string, namespace: string) => ({kind: 'Deployment', namespace, name});

const ofSystem = fc
  .tuple(
    anyCollection,
    fc.constantFrom<LeasePolicySpec['subjects']>(
      {nodes: {selector: {}}},
      {nodes: {selector: {matchLabels: {pool: 'a'}}}},
      {apiServers: {}},
      {components: [{namespace: 'kube-system', name: 'controller.a'}]},
    ),
  )
  .map(([collection, subjects]) => ({name: 'system', spec: systemPolicy(subjects, collection).spec}));

const anyPolicies = fc
  .tuple(ofWorkloads('payments'), perhaps(ofWorkloads('b')), perhaps(ofSystem))
  .map(all => all.filter(each => each !== undefined));

const anyWorkload = fc
  .record({
    name: fc.constantFrom(...WORKLOADS.filter(name => name !== 'gone')),
    namespace: fc.constantFrom('shop', 'bank'),
    team: fc.constantFrom('a', 'b'),
    goes: fc.oneof({weight: 5, arbitrary: fc.constant(undefined)}, fc.constant('2026-03-01T12:00:00Z')),
    createdAt: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
  })
  .map(({name, namespace, team, goes, createdAt}) => {
    const metadata = {name, namespace, uid: `uid-of-${name}`, resourceVersion: '3', labels: {team}};
    return {
      metadata: without({...metadata, creationTimestamp: createdAt, deletionTimestamp: goes}),
    } as KubeObject;
  });

const RECORDS = [
  {},
  {holderIdentity: 'api-66d9c47458-x2x4z', leaseDurationSeconds: 3600, renewTime: micro(ago(3))},
  {holderIdentity: '', leaseDurationSeconds: 1, renewTime: micro(ago(100_000)), leaseTransitions: 4},
  {holderIdentity: 'api-66d9c47458-x2x4z', leaseDurationSeconds: 15, renewTime: micro(ago(100_000))},
  {
    holderIdentity: 'leasepolicy-rename_old',
    leaseDurationSeconds: 15,
    acquireTime: micro(ago(100_000)),
    renewTime: micro(ago(3)),
  },
];

/** A Lease that is or was one of a policy, by its name and by everything else, but for a part of it. */
const leaseOf = (policies: Cluster['policies']): fc.Arbitrary<ClusterLease> =>
  fc
    .record({
      owner: fc.constantFrom(...policies.filter(({spec}) => spec.naming)),
      subject: fc.constantFrom(...WORKLOADS, 'gone', 'gone'),
      namespace: fc.constantFrom('shop', 'shop', 'bank'),
      origin: fc.constantFrom('created', 'adopted', undefined),
      marked: fc.constantFrom(micro(ago(100_000)), micro(ago(1)), undefined),
      spec: fc.constantFrom(...RECORDS),
      other: anyLeaseObject,
      changed: fc.constantFrom('nothing', 'nothing', 'spec', 'metadata', 'labels', 'name', 'former name'),
      seenMs: fc.oneof(fc.constant(ago(100_000).monotonicMs), anySeenMs),
    })
    .map(({owner, subject, namespace, origin, marked, spec, other, changed, seenMs}) => {
      const place = owner.spec.lease.namespace || namespace;
      const from = ref(subject, namespace);
      const text = place === namespace ? `Deployment/${subject}` : `Deployment/${namespace}/${subject}`;
      const labels = {
        [OURS.managedBy]: 'leasepolicy',
        [OURS.policy]: owner.name,
        [OURS.origin]: origin,
        [OURS.naming]: 'v1',
      };
      const metadata = {
        name: changed === 'former name' ? `${owner.name}-0000000000` : nameOf(owner.spec, from),
        namespace: place,
        uid: `uid-of-${subject}`,
        resourceVersion: '9',
        creationTimestamp: '2020-01-01T00:00:00Z',
        labels: origin === undefined ? {} : labels,
        annotations:
          origin === undefined ? {} : without({[OURS.subject]: text, [OURS.orphanedSince]: marked}),
      };
      const whole = {metadata, spec};
      return {object: mixed(whole, other, changed) as KubeObject, seenMs};
    });

function mixed(whole: {metadata: object; spec: object}, other: KubeObject, changed: string): object {
  const {metadata, spec} = whole;
  const {name, namespace: _, uid: __, ...rest} = other.metadata;
  if (changed === 'spec') return {...other, metadata};
  if (changed === 'metadata') return {metadata: {...metadata, ...rest}, spec};
  if (changed === 'labels') return {metadata: {...metadata, labels: other.metadata.labels}, spec};
  return changed === 'name' ? {metadata: {...metadata, name}, spec} : whole;
}

const anyOther: fc.Arbitrary<ClusterLease> = fc
  .tuple(anyLeaseObject, anySeenMs)
  .map(([object, seenMs]) => ({object, seenMs}))
  .filter(({object}) => object.metadata.namespace !== 'kube-node-lease');

const anyBucket: fc.Arbitrary<ClusterLease> = fc
  .record({
    name: fc.constantFrom('controller.a.00-of-01', 'controller.a.00-of-02', 'controller.a.01-of-02'),
    isHeld: fc.boolean(),
    other: anyLeaseObject,
    isOdd: fc.oneof({weight: 5, arbitrary: fc.constant(false)}, fc.boolean()),
  })
  .map(({name, isHeld, other, isOdd}) => {
    const at = ago(isHeld ? 1 : 100_000);
    const spec = {holderIdentity: 'x-0', leaseDurationSeconds: 15, renewTime: micro(at)};
    const metadata = {
      name,
      namespace: 'kube-system',
      uid: `uid-of-${name}`,
      resourceVersion: '5',
      creationTimestamp: '2020-01-01T00:00:00Z',
    };
    return {object: {...(isOdd ? other : {spec}), metadata} as KubeObject, seenMs: at.monotonicMs};
  });

const anyHeartbeat: fc.Arbitrary<ClusterLease> = fc
  .record({
    name: fc.constantFrom(...NODES),
    isOdd: fc.boolean(),
    other: anyLeaseObject,
    seenMs: fc.oneof(fc.constant(ago(100_000).monotonicMs), anySeenMs),
  })
  .map(({name, isOdd, other, seenMs}) => {
    const spec = {holderIdentity: name, leaseDurationSeconds: 40, renewTime: micro(ago(100_000))};
    const metadata = {
      ...(isOdd ? other.metadata : {}),
      name,
      namespace: 'kube-node-lease',
      uid: `uid-of-${name}`,
      resourceVersion: '6',
      creationTimestamp: '2020-01-01T00:00:00Z',
    };
    return {
      object: {spec, ...(isOdd ? {spec: (other as {spec?: object}).spec ?? {}} : {}), metadata} as KubeObject,
      seenMs,
    };
  });

const placeOf = ({metadata}: KubeObject) => `${metadata.namespace}/${metadata.name}`;

export const anyCluster: fc.Arbitrary<Cluster> = anyPolicies.chain(policies =>
  fc.record({
    policies: fc.constant(policies),
    namespaces: fc
      .tuple(
        fc.constantFrom({team: 'a'}, {}),
        fc.oneof({weight: 9, arbitrary: fc.constant(false)}, fc.boolean()),
      )
      .map(([labels, goes]) => [
        {name: 'shop', labels, goes: false},
        {name: 'bank', labels: {}, goes},
        {name: 'kube-system', labels: {}, goes: false},
      ]),
    workloads: fc.uniqueArray(anyWorkload, {maxLength: 3, selector: placeOf}),
    leases: fc.uniqueArray(
      fc.oneof(
        {weight: 6, arbitrary: leaseOf(policies)},
        {weight: 1, arbitrary: anyOther},
        {weight: 2, arbitrary: anyBucket},
      ),
      {maxLength: 6, selector: ({object}) => placeOf(object)},
    ),
    heartbeats: fc.uniqueArray(anyHeartbeat, {maxLength: 2, selector: ({object}) => placeOf(object)}),
    nodes: fc.subarray(NODES),
    isKnown: fc.oneof({weight: 9, arbitrary: fc.constant(true)}, fc.boolean()),
  }),
);

/** Whether nobody here can know what the Lease is for, by what owns it or by a label. */
export const isStrange = ({metadata}: KubeObject) =>
  (metadata.ownerReferences ?? []).some(owner =>
    STRANGE_OWNERS.some(
      each => each.uid === owner.uid && each.kind === owner.kind && each.apiVersion === owner.apiVersion,
    ),
  ) ||
  Object.keys(metadata.labels ?? {}).some(
    key => /controllerring$/.test(key) && metadata.labels?.[key] !== '',
  );

const SERVED = {state: 'served', plural: 'deployments', group: 'apps', version: 'v1'} as const;
const rowsOf = <R extends Row>(rows: readonly R[]) => new Map(rows.map(row => [row.key, row]));

/** The operator's view of the cluster, after its first lists. */
export class Operator {
  readonly world: World;
  readonly #keys = new Set<string>();
  readonly #cluster: Cluster;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    this.world = new World({
      ...idleWorld,
      kinds: {
        get: (_, kind) =>
          kind === 'Deployment' ? SERVED : {state: 'refused', reason: 'KindNotServed', message: 'no'},
      },
      enqueue: key => this.#keys.add(key),
      watch: request => this.#fill(request),
    });
    const {world} = this;
    world.namespaces.replace(rowsOf(cluster.namespaces.map(namespaceRow)), '1');
    world.policies.replace(rowsOf(cluster.policies.map(policyRow)), '1');
    world.registries.replace(new Map(), '1');
    world.leases.replace(rowsOf(cluster.leases.map(viewOf)), '1');
    world.triggers.all();
  }

  /** What each controller decides of each of its keys, and last of all what is collected. */
  *plans(): Generator<Plan> {
    for (const key of this.#keys) {
      const controller = CONTROLLERS.find(({name}) => key.startsWith(`${name}/`));
      if (controller) yield this.#plan(controller, key.slice(controller.name.length + 1));
    }
    for (const {name} of this.#cluster.policies) yield this.#plan(collectionController, name);
  }

  #plan(controller: Controller<unknown>, key: string): Plan {
    const plan = controller.plan(controller.observe(key, this.world, NOW), NOW);
    controller.note?.(key, plan, this.world);
    const {findings, states = [], garbage = []} = plan;
    this.world.ledger.record(`${controller.name}/${key}`, {findings, states, garbage}, NOW.wallMs);
    return plan;
  }

  #fill<R extends Row>({plural, store, onState}: WatchRequest<R>): void {
    const {workloads, nodes, heartbeats, isKnown} = this.#cluster;
    if (plural === 'deployments' && isKnown)
      (store as unknown as Store<ReturnType<typeof workloadRow>>).replace(
        rowsOf(workloads.map(each => workloadRow(each))),
        '1',
      );
    if (plural === 'nodes')
      (store as unknown as Store<ReturnType<typeof nodeRow>>).replace(rowsOf(nodes.map(nodeRow)), '1');
    if (plural === 'leases')
      (store as unknown as Store<LeaseView>).replace(rowsOf(heartbeats.map(heartbeatOf)), '1');
    onState?.(undefined);
  }
}

export const viewOf = ({object, seenMs}: ClusterLease): LeaseView => projectLease(object, undefined, seenMs);
const heartbeatOf = ({object, seenMs}: ClusterLease) =>
  projectHeartbeat(object, undefined, undefined, seenMs);
const workloadRow = projectWorkload('deployments.apps', 'apps/v1', 'Deployment', () => NOW.monotonicMs);

const meta = (name: string) => ({
  name,
  uid: `uid-of-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2020-01-01T00:00:00Z',
});
const nodeRow = (name: string) => projectNode({metadata: meta(name)}, undefined, false, NOW.monotonicMs);
const namespaceRow = ({name, labels, goes}: Cluster['namespaces'][number]) =>
  projectNamespace({metadata: {...meta(name), labels, ...(goes ? {deletionTimestamp: 'now'} : {})}});
const policyRow = ({name, spec}: Cluster['policies'][number]) =>
  projectPolicy({metadata: {...meta(name), generation: 1}, spec} as KubeObject);
