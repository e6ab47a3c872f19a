/** What a Lease is for: every known Lease, many that only look like one, and what goes before what. */
import test from 'ava';
import fc from 'fast-check';
import {
  type Catalogue,
  type CatalogueEntry,
  compileCatalogue,
  extend,
  KNOWN,
} from '../../../src/core/lease/catalogue.ts';
import {
  CLASSES,
  classify,
  EVIDENCE,
  type Evidence,
  type LeaseClass,
} from '../../../src/core/lease/classify.ts';
import type {LeaseView} from '../../../src/core/lease/lifetime.ts';
import {bucketOf} from '../../../src/core/naming/bucket.ts';
import {lease} from '../../support/builders.ts';

const UUID = '8a3b2c1d-0f0a-4a1b-9a1c-2b3c4d5e6f70';
const POD = 'api-5d8f7c9b64-x2x4z';
const CANDIDATE = `${POD}_${UUID}`;

const at = (namespace: string, name: string) => lease().in(namespace).named(name);
const held = (namespace: string, name: string, holder = POD) => at(namespace, name).heldBy(holder);
const heartbeat = (name: string, holder = name) =>
  held('kube-node-lease', name, holder).with({acquireTime: undefined, durationSeconds: 40});
const labelled = (each: ReturnType<typeof lease>, labels: Record<string, string>) => each.with({labels});

const IDENTITY = {'apiserver.kubernetes.io/identity': 'kube-apiserver'};
const FORMER_IDENTITY = {'k8s.io/component': 'kube-apiserver'};
const ring = (name: string) => ({'alpha.sharding.timebertt.dev/controllerring': name});

/** Holders as the catalogue describes them. */
const HOLDERS: Readonly<Record<string, (name: string) => string>> = {
  'leasecandidate-name': () => 'candidate-1',
  '<leaseName>_<uuid>': name => `${name}_${UUID}`,
  'node-name': () => 'worker-1',
  'seed-name': name => name,
  'empty-or-node-name': () => '',
  hostname_uuid: () => CANDIDATE,
  pod_uuid: () => CANDIDATE,
  hostname_5hex: () => `${POD}_1a2b3`,
  '<hostname>-external-cert-manager-controller': () => `${POD}-external-cert-manager-controller`,
  '<hostname>-<10 random>': () => `${POD}-aBcDeFgHiJ`,
  'elastic-agent-leader-<podname>': () => `elastic-agent-leader-${POD}`,
};

/** A Lease as the product of the entry makes it. */
function leaseOf({name, example, namespace, holderFormat = '', when}: CatalogueEntry) {
  const called = name ?? example ?? '';
  const place = namespace === '*' || namespace === '<install>' ? 'shop' : namespace;
  const isHeartbeat = place === 'kube-node-lease';
  const holder = HOLDERS[holderFormat]?.(called) ?? POD;
  if (isHeartbeat) return heartbeat(called, holderFormat === 'node-name' ? called : holder);
  const each = held(place, called, holder);
  if (when?.op === 'hasKind') return each.ownedBy(`${when.value}/${called}`);
  return when?.op === 'exists' ? each.with({strategy: 'OldestEmulationVersion'}) : each;
}

function evidenceOf({name, namespace, when}: CatalogueEntry): Evidence {
  if (when) return when.op === 'hasKind' ? 'owner' : 'spec';
  if (namespace === 'kube-node-lease') return 'spec';
  return name === undefined ? 'pattern' : 'name';
}

for (const entry of KNOWN.entries) {
  test(`the Lease ${entry.name ?? entry.pattern} of ${entry.component} is ${entry.class}`, t => {
    t.like(classify(leaseOf(entry), KNOWN, false), {class: entry.class, evidence: evidenceOf(entry)});
  });
}

test('a Lease that is known by its name is known whatever its record lacks', t => {
  for (const {name, namespace, class: leaseClass} of KNOWN.entries) {
    if (name === undefined) continue;
    const bare = at(namespace === '*' || namespace === '<install>' ? 'shop' : namespace, name);
    for (const each of [bare, bare.released(), bare.with({holder: POD, durationSeconds: undefined})])
      t.is(classify(each, KNOWN, false).class, leaseClass, name);
  }
});

type Row = [what: string, lease: LeaseView, expected: LeaseClass, evidence: Evidence];

const TABLE: Row[] = [
  // Owners
  ['of a node, owned by it', heartbeat('worker-1').ownedBy('Node/worker-1'), 'node-heartbeat', 'owner'],
  [
    'of a node that another process keeps for it',
    heartbeat('worker-1', 'fake-kubelets').afterTransitions(1).ownedBy('Node/worker-1'),
    'node-heartbeat',
    'owner',
  ],
  [
    'in kube-node-lease, owned by another node',
    heartbeat('worker-1').ownedBy('Node/worker-2'),
    'unknown',
    'owner',
  ],
  [
    'in kube-node-lease, owned by what some Node kind of another group is',
    heartbeat('worker-1').ownedBy('infra.acme.io/Node/worker-1'),
    'unknown',
    'owner',
  ],
  [
    'of medik8s for the maintenance of a node',
    held('medik8s-leases', 'node-worker-1', 'node-maintenance').ownedBy('Node/worker-1'),
    'unknown',
    'owner',
  ],
  [
    'of medik8s for a node, in a record like an election',
    held('medik8s-leases', 'node-worker-1', CANDIDATE).ownedBy('Node/worker-1'),
    'unknown',
    'owner',
  ],
  [
    'of medik8s for a machine, whose owner lacks its group',
    held('medik8s-leases', 'machine-a', 'node-healthcheck').ownedBy('Machine/a'),
    'unknown',
    'owner',
  ],
  [
    'of a Longhorn volume',
    at('longhorn-system', `pvc-${UUID}`).ownedBy(`longhorn.io/ShareManager/pvc-${UUID}`),
    'data-lock',
    'owner',
  ],
  [
    'like that of a Longhorn volume, elsewhere',
    held('shop', `pvc-${UUID}`).ownedBy(`longhorn.io/ShareManager/pvc-${UUID}`),
    'unknown',
    'owner',
  ],
  [
    'of a share manager, under another name',
    held('longhorn-system', 'share').ownedBy('longhorn.io/ShareManager/share'),
    'unknown',
    'owner',
  ],
  [
    'of a PostgreSQL cluster',
    held('shop', 'db', 'db-1').ownedBy('postgresql.cnpg.io/Cluster/db'),
    'data-lock',
    'owner',
  ],
  [
    'of a cluster of Cluster API',
    held('shop', 'db', CANDIDATE).ownedBy('cluster.x-k8s.io/Cluster/db'),
    'unknown',
    'owner',
  ],
  [
    'of a custom resource and a Deployment',
    held('shop', 'db', CANDIDATE).ownedBy('apps/Deployment/db', 'acme.io/Ledger/db'),
    'unknown',
    'owner',
  ],
  [
    'of a claim for a volume',
    held('shop', 'db', CANDIDATE).ownedBy('PersistentVolumeClaim/db'),
    'unknown',
    'owner',
  ],
  [
    'of a Gardener seed',
    held('gardener-system-seed-lease', 'eu1', 'eu1').ownedBy('core.gardener.cloud/Seed/eu1'),
    'heartbeat',
    'owner',
  ],
  [
    'of a Gardener seed, elsewhere',
    held('garden', 'eu1', 'eu1').ownedBy('core.gardener.cloud/Seed/eu1'),
    'unknown',
    'owner',
  ],
  [
    'of linkerd, owned by its Deployment',
    held('linkerd', 'policy-controller-write').ownedBy('apps/Deployment/linkerd-destination'),
    'leader-election',
    'name',
  ],
  [
    'of an operator for life, owned by its Pod',
    held('shop', 'leader', CANDIDATE).ownedBy(`Pod/${POD}`),
    'leader-election',
    'holder',
  ],
  [
    'owned by a Job, a ServiceAccount and a ClusterRole',
    held('shop', 'leader').ownedBy(
      'batch/Job/a',
      'ServiceAccount/a',
      'rbac.authorization.k8s.io/ClusterRole/a',
    ),
    'unknown',
    'none',
  ],

  // Labels
  [
    'of an API server, by its label',
    labelled(held('kube-system', 'odd'), IDENTITY),
    'apiserver-identity',
    'label',
  ],
  [
    'of an API server of 1.26, by its label',
    labelled(held('kube-system', 'odd'), FORMER_IDENTITY),
    'apiserver-identity',
    'label',
  ],
  [
    'with the label of another component',
    labelled(held('kube-system', 'odd'), {'k8s.io/component': 'kube-proxy'}),
    'unknown',
    'none',
  ],
  [
    'with the label of an API server, elsewhere',
    labelled(held('shop', 'odd'), {...IDENTITY, ...FORMER_IDENTITY}),
    'unknown',
    'none',
  ],
  ['that we made', lease().made(), 'leader-election', 'label'],
  ['that we adopted, and somebody holds', lease().adopted().heldBy(POD), 'leader-election', 'label'],
  ['that we keep closed', lease().made().keptClosedFor('old'), 'tombstone', 'label'],
  ['that is held as if by us, without our label', lease().keptClosedFor('old'), 'unknown', 'none'],
  ['of a ring of controllers', labelled(held('shop', POD), ring('shop')), 'shard', 'label'],
  [
    'of a ring that was taken for a workload',
    held('shop', POD).with({labels: {...lease().adopted().labels, ...ring('shop')}}),
    'shard',
    'label',
  ],
  ['with the label of no ring', labelled(held('shop', POD), ring('')), 'unknown', 'none'],
  ['of a member of a ring, without its label', held('shop', POD), 'unknown', 'none'],

  // Spec
  [
    'of the scheduler under coordinated election',
    held('kube-system', 'kube-scheduler').with({strategy: 'OldestEmulationVersion'}),
    'coordinated-leader-election',
    'spec',
  ],
  [
    'with an empty strategy',
    held('kube-system', 'kube-scheduler').with({strategy: ''}),
    'leader-election',
    'name',
  ],
  [
    'of a node that is gone without a trace',
    heartbeat('ip-10-0-1-23.ec2.internal'),
    'node-heartbeat',
    'spec',
  ],
  ['of a fake node', heartbeat('fake-1', 'kwok-controller'), 'node-heartbeat', 'spec'],
  [
    'like a heartbeat, elsewhere',
    held('shop', 'worker-1', 'worker-1').with({acquireTime: undefined}),
    'unknown',
    'none',
  ],

  // Namespaces
  [
    'of a node whose record has more than a kubelet writes',
    held('kube-node-lease', 'worker-1', 'worker-1'),
    'node-heartbeat',
    'namespace',
  ],
  ['of a node that was handed on', heartbeat('worker-1').afterTransitions(1), 'node-heartbeat', 'namespace'],
  [
    'of a cluster, put into kube-node-lease',
    held('kube-node-lease', 'cluster-eu', 'agent-1'),
    'unknown',
    'namespace',
  ],
  [
    'of an election, put into kube-node-lease',
    held('kube-node-lease', 'my-operator', CANDIDATE),
    'unknown',
    'namespace',
  ],
  ['in kube-node-lease that nobody ever held', at('kube-node-lease', 'worker-1'), 'unknown', 'namespace'],
  [
    'in kube-node-lease that is renewed at no time',
    heartbeat('worker-1', 'other').with({renewTime: 'soon'}),
    'unknown',
    'namespace',
  ],
  ['of a seed that has no owner', held('gardener-system-seed-lease', 'eu1', 'eu1'), 'heartbeat', 'namespace'],
  [
    'of something else among the seeds',
    held('gardener-system-seed-lease', 'eu1', CANDIDATE),
    'unknown',
    'namespace',
  ],

  // Names
  [
    'of Kyverno without times',
    at('kyverno', 'kyverno').with({holder: POD, durationSeconds: undefined}),
    'leader-election',
    'name',
  ],
  ['called as that of Kyverno, elsewhere', held('policies', 'kyverno'), 'unknown', 'none'],
  [
    'called as that of cert-manager, in its own namespace',
    held('cert-manager', 'cert-manager-controller'),
    'unknown',
    'none',
  ],
  ['called vpa-recommender, in a namespace of its own', held('vpa', 'vpa-recommender'), 'unknown', 'none'],
  ['of the VPA admission controller', held('kube-system', 'vpa-admission-controller'), 'status', 'name'],
  [
    'of two operators that share a default',
    held('shop', 'controller-leader-election-helper'),
    'leader-election',
    'name',
  ],
  ['called operator-lock, of nobody knows whom', held('shop', 'operator-lock'), 'unknown', 'none'],
  ['called a', held('shop', 'a'), 'unknown', 'none'],
  ['called beef', held('shop', 'beef'), 'unknown', 'none'],
  ['called deadbeef', held('shop', 'deadbeef'), 'unknown', 'none'],
  ['called constructor', held('shop', 'constructor'), 'unknown', 'none'],
  ['called __proto__', held('shop', '__proto__'), 'unknown', 'none'],
  ['called hasownproperty', held('shop', 'hasownproperty'), 'unknown', 'none'],
  ['without any name', held('shop', ''), 'unknown', 'none'],

  // Patterns
  ['of a scaffolded operator', held('vault', 'b0d477c0.hashicorp.com'), 'leader-election', 'pattern'],
  ['named after a day', held('shop', '20260131.backups.example.com'), 'unknown', 'none'],
  ['of an ingress-nginx release', held('web', 'prod-ingress-nginx-leader'), 'leader-election', 'pattern'],
  ['that ends like ingress-nginx', held('web', 'notingress-nginx-leader'), 'unknown', 'none'],
  [
    'of an API server without its label',
    held('kube-system', 'apiserver-wlv32tlttr4jl3gtroqexyxapa'),
    'apiserver-identity',
    'pattern',
  ],
  [
    'like that of an API server, elsewhere',
    held('shop', 'apiserver-wlv32tlttr4jl3gtroqexyxapa', `apiserver-wlv32tlttr4jl3gtroqexyxapa_${UUID}`),
    'unknown',
    'none',
  ],
  [
    'like that of a Longhorn volume, without an owner',
    held('longhorn-system', `pvc-${UUID}`, 'worker-1'),
    'unknown',
    'none',
  ],
  [
    'like that of a PostgreSQL cluster, without an owner',
    held('shop', 'cluster-example', 'cluster-example-1'),
    'unknown',
    'none',
  ],
  [
    'of a Knative bucket',
    held(
      'knative-serving',
      'controller.knative.dev.serving.pkg.reconciler.revision.reconciler.03-of-10',
      CANDIDATE,
    ),
    'leader-election-bucket',
    'pattern',
  ],
  [
    'of the only Knative bucket',
    held('knative-eventing', 'eventing-webhook.conversionwebhook.00-of-01'),
    'leader-election-bucket',
    'pattern',
  ],
  ['of the fourth of three buckets', held('shop', 'controller.revisions.03-of-03'), 'unknown', 'none'],
  ['that counts its parts in words', held('shop', 'controller.one-of-two'), 'unknown', 'none'],

  // Holders
  [
    'of the API server operator of OpenShift',
    held('openshift-apiserver-operator', 'openshift-apiserver-operator-lock', CANDIDATE),
    'leader-election',
    'holder',
  ],
  [
    'of the cluster policy controller of OpenShift',
    held('kube-system', 'cluster-policy-controller-lock', `master-0.example.com_${UUID}`),
    'leader-election',
    'holder',
  ],
  [
    'of the scheduler of OpenShift, given up',
    at('openshift-kube-scheduler', 'kube-scheduler').released(),
    'unknown',
    'none',
  ],
  [
    'of the marketplace of OpenShift, held by a Pod',
    held('openshift-marketplace', 'marketplace-operator-lock'),
    'unknown',
    'none',
  ],
  [
    'of Flux',
    held('flux-system', 'kustomize-controller-leader-election', CANDIDATE),
    'leader-election',
    'holder',
  ],
  [
    'of Strimzi, held by a Pod',
    held('kafka', 'strimzi-cluster-operator', 'strimzi-cluster-operator-6b9c-x7x8z'),
    'unknown',
    'none',
  ],
  [
    'of the Azure disk driver',
    held('kube-system', 'disk-csi-azure-com', '1719999999999-1234-disk-csi-azure-com'),
    'unknown',
    'none',
  ],
  [
    'of the Azure disk attacher',
    held('kube-system', 'external-attacher-leader-disk-csi-azure-com', 'csi-azuredisk-controller-7c8d-abcde'),
    'unknown',
    'none',
  ],
  [
    'of the Rook block driver',
    held('rook-ceph', 'rook-ceph-rbd-csi-ceph-com', '1719999999999-8081-rook-ceph.rbd.csi.ceph.com'),
    'unknown',
    'none',
  ],
  [
    'of the Rook resizer',
    held('rook-ceph', 'external-resizer-rook-ceph-rbd-csi-ceph-com', 'csi-rbdplugin-provisioner-5c6f-qwert'),
    'unknown',
    'none',
  ],
  [
    'of Camel K, held by a Pod',
    held('camel-k', 'camel-k-lock', 'camel-k-operator-5d8f7c9b64-x2x4z'),
    'unknown',
    'none',
  ],
  ['held by a node', held('shop', 'speaker', 'worker-1'), 'unknown', 'none'],
  ['held by its own name and a uuid', held('shop', 'member-1', `member-1_${UUID}`), 'unknown', 'none'],
  ['held by a uuid alone', held('shop', 'leader', `_${UUID}`), 'unknown', 'none'],
  ['held by a uuid of capitals', held('shop', 'leader', `${POD}_${UUID.toUpperCase()}`), 'unknown', 'none'],
  [
    'held by something in front of a host name',
    held('shop', 'leader', `zone/${POD}_${UUID}`),
    'unknown',
    'none',
  ],
  ['held by something behind a uuid', held('shop', 'leader', `${CANDIDATE}-1`), 'unknown', 'none'],
  [
    'that was never acquired',
    held('shop', 'leader', CANDIDATE).with({acquireTime: undefined}),
    'unknown',
    'none',
  ],
  [
    'that was never renewed',
    held('shop', 'leader', CANDIDATE).with({renewTime: undefined}),
    'unknown',
    'none',
  ],
  [
    'that was renewed at no time',
    held('shop', 'leader', CANDIDATE).with({renewTime: 'soon'}),
    'unknown',
    'none',
  ],
  ['that lasts for no time', held('shop', 'leader', CANDIDATE).lasting(0), 'unknown', 'none'],
  [
    'that lasts for nobody knows how long',
    held('shop', 'leader', CANDIDATE).with({durationSeconds: undefined}),
    'unknown',
    'none',
  ],
  ['that nobody ever held', at('shop', 'leader'), 'unknown', 'none'],
];

for (const [what, each, leaseClass, evidence] of TABLE) {
  test(`a Lease ${what} is ${leaseClass}`, t => {
    const {entry: _, because, ...rest} = classify(each, KNOWN, false);
    t.deepEqual(rest, {class: leaseClass, evidence});
    t.regex(because, /^[a-z].*[^.]$/);
  });
}

test('every class and every evidence has a Lease among these', t => {
  const results = [...TABLE.map(row => row[1]), ...KNOWN.entries.map(leaseOf)].map(each =>
    classify(each, KNOWN, false),
  );
  t.deepEqual([...new Set(results.map(result => result.class))].sort(), [...CLASSES].sort());
  t.deepEqual([...new Set(results.map(result => result.evidence))].sort(), [...EVIDENCE].sort());
});

test('a name that a policy gives is an election', t => {
  t.like(classify(held('shop', 'payments-14c2529eb4'), KNOWN, true), {
    class: 'leader-election',
    evidence: 'pattern',
  });
  t.like(classify(at('shop', 'payments-14c2529eb4'), KNOWN, true), {
    class: 'leader-election',
    evidence: 'pattern',
  });
});

test('the form of a policy says less than anything that goes before it', t => {
  for (const [what, each, leaseClass, evidence] of TABLE) {
    const isLater = evidence === 'holder' || evidence === 'none';
    const expected = isLater
      ? {class: 'leader-election', evidence: 'pattern'}
      : {class: leaseClass, evidence};
    t.like(classify(each, KNOWN, true), expected as {class: LeaseClass; evidence: Evidence}, what);
  }
});

function knowing(...entries: unknown[]): Catalogue {
  const further = compileCatalogue(
    entries.map(entry => ({namespace: '*', component: 'ours', ...(entry as object)})),
  );
  if (Array.isArray(further)) throw new Error(further.join('; '));
  return extend(KNOWN, further);
}

/** Two kinds of evidence that say different things of one Lease: the first must win, and without it the second. */
const PRECEDENCE: {
  first: LeaseView;
  second: LeaseView;
  catalogue?: Catalogue;
  classes: [LeaseClass, LeaseClass];
  evidence: [Evidence, Evidence];
}[] = [
  {
    first: lease().made().ownedBy('acme.io/Ledger/a'),
    second: lease().made(),
    classes: ['unknown', 'leader-election'],
    evidence: ['owner', 'label'],
  },
  {
    first: lease().made().with({strategy: 'OldestEmulationVersion'}),
    second: lease().with({strategy: 'OldestEmulationVersion'}),
    classes: ['leader-election', 'coordinated-leader-election'],
    evidence: ['label', 'spec'],
  },
  {
    first: heartbeat('worker-1', 'other'),
    second: heartbeat('worker-1', 'other').afterTransitions(1),
    classes: ['node-heartbeat', 'unknown'],
    evidence: ['spec', 'namespace'],
  },
  {
    first: held('kube-node-lease', 'ledger'),
    second: held('shop', 'ledger'),
    catalogue: knowing({name: 'ledger', class: 'status'}),
    classes: ['unknown', 'status'],
    evidence: ['namespace', 'name'],
  },
  {
    first: held('shop', 'ledger'),
    second: held('shop', 'ledgers'),
    catalogue: knowing({pattern: '^ledger.*$', class: 'shard'}, {name: 'ledger', class: 'status'}),
    classes: ['status', 'shard'],
    evidence: ['name', 'pattern'],
  },
  {
    first: held('shop', 'ledger', CANDIDATE),
    second: held('shop', 'other', CANDIDATE),
    catalogue: knowing({pattern: '^ledger.*$', class: 'shard'}),
    classes: ['shard', 'leader-election'],
    evidence: ['pattern', 'holder'],
  },
  {
    first: held('shop', 'other', CANDIDATE),
    second: held('shop', 'other'),
    classes: ['leader-election', 'unknown'],
    evidence: ['holder', 'none'],
  },
];

for (const {first, second, catalogue = KNOWN, classes, evidence} of PRECEDENCE) {
  test(`${evidence[0]} goes before ${evidence[1]}`, t => {
    t.like(classify(first, catalogue, false), {class: classes[0], evidence: evidence[0]});
    t.like(classify(second, catalogue, false), {class: classes[1], evidence: evidence[1]});
  });
}

test('each evidence is tried against the next one', t => {
  t.deepEqual(
    PRECEDENCE.map(each => each.evidence),
    EVIDENCE.slice(1).map((second, at) => [EVIDENCE[at] as Evidence, second]),
  );
});

test('what a user knows of an owner decides, in other namespaces too', t => {
  const when = {field: 'metadata.ownerReferences', op: 'hasKind', value: 'Node'};
  const catalogue = knowing({pattern: '^node-.+$', namespace: 'medik8s-leases', class: 'one-shot', when});
  const each = held('medik8s-leases', 'node-worker-1', 'node-maintenance').ownedBy('Node/worker-1');
  t.like(classify(each, catalogue, false), {
    class: 'one-shot',
    evidence: 'owner',
    entry: {component: 'ours'},
  });
  t.like(classify(each.in('shop'), catalogue, false), {class: 'unknown', evidence: 'owner'});
});

test('what was looked up is part of the answer', t => {
  const {entry, because} = classify(held('kube-system', 'vpa-recommender'), KNOWN, false);
  t.like(entry, {provider: 'GKE', reserved: true});
  t.is(because, 'it has the name of GKE vpa-recommender, and that of VPA up to 1.2');
  t.false('entry' in classify(held('shop', 'a'), KNOWN, false));
});

const BUCKETS: [name: string, bucket: ReturnType<typeof bucketOf>][] = [
  ['controller.revisions.00-of-01', {base: 'controller.revisions', index: 0, count: 1}],
  ['controller.revisions.09-of-10', {base: 'controller.revisions', index: 9, count: 10}],
  ['controller.revisions.100-of-120', {base: 'controller.revisions', index: 100, count: 120}],
  ['a.00-of-02.01-of-03', {base: 'a.00-of-02', index: 1, count: 3}],
  ['controller.revisions.10-of-10', undefined],
  ['controller.revisions.00-of-00', undefined],
  ['controller.revisions.1-of-10', undefined],
  ['controller.revisions.01-of-2', undefined],
  ['controller.revisions.001-of-010', undefined],
  ['controller.revisions-00-of-01', undefined],
  ['.00-of-01', undefined],
  ['00-of-01', undefined],
  ['controller.revisions.00-of-01.', undefined],
];

for (const [name, bucket] of BUCKETS) {
  test(`${name} is ${bucket ? `bucket ${bucket.index} of ${bucket.count} of ${bucket.base}` : 'no bucket'}`, t => {
    t.deepEqual(bucketOf(name), bucket);
  });
}

test('a bucket is read as it is written', t => {
  const two = (number: number) => String(number).padStart(2, '0');
  const anyBucket = fc
    .nat({max: 998})
    .chain(index => fc.tuple(fc.constant(index), fc.integer({min: index + 1, max: 999})));
  const property = fc.property(anyBucket, ([index, count]) => {
    const bucket = bucketOf(`controller.a.${two(index)}-of-${two(count)}`);
    return bucket?.base === 'controller.a' && bucket.index === index && bucket.count === count;
  });
  t.notThrows(() => fc.assert(property));
});

const oneOf = (...known: string[]) => fc.oneof(fc.string(), fc.constantFrom(...known));
const perhaps = (...known: string[]) => fc.option(oneOf(...known), {nil: undefined});
const TIME = '2026-03-01T12:00:00.000000Z';
const anyOwner = fc.record({
  group: oneOf('', 'apps', 'longhorn.io', 'postgresql.cnpg.io'),
  kind: oneOf('Node', 'Deployment', 'ShareManager', 'Cluster', 'constructor'),
  name: oneOf('worker-1'),
});
const anyLabels = fc.dictionary(
  oneOf(
    'leasepolicy.dev/origin',
    'k8s.io/component',
    ...Object.keys({...IDENTITY, ...ring('a')}),
    '__proto__',
  ),
  oneOf('created', 'kube-apiserver'),
);
const anyLease = fc
  .record({
    namespace: oneOf(
      'shop',
      'kube-system',
      'kube-node-lease',
      'longhorn-system',
      'gardener-system-seed-lease',
    ),
    name: oneOf(
      'worker-1',
      'kube-scheduler',
      'beef',
      `pvc-${UUID}`,
      'a.b.00-of-01',
      '__proto__',
      'f1c5ece8.example.com',
    ),
    labels: anyLabels,
    owners: fc.array(anyOwner, {maxLength: 3}),
    holder: oneOf('', 'worker-1', CANDIDATE, 'leasepolicy-rename_a'),
    durationSeconds: fc.option(fc.integer(), {nil: undefined}),
    acquireTime: perhaps(TIME),
    renewTime: perhaps(TIME),
    transitions: fc.integer({min: -1, max: 2}),
    strategy: perhaps('', 'OldestEmulationVersion'),
  })
  .map(fields => lease().with(fields));

test('every Lease has one class, by one evidence', t => {
  const property = fc.property(anyLease, fc.boolean(), (each, isNamed) => {
    const result = classify(each, KNOWN, isNamed);
    return CLASSES.includes(result.class) && EVIDENCE.includes(result.evidence) && result.because !== '';
  });
  t.notThrows(() => fc.assert(property, {numRuns: 2000}));
});

test('what is not evidence changes nothing', t => {
  const irrelevant = fc.record({
    uid: fc.string(),
    resourceVersion: fc.string(),
    createdAt: fc.string(),
    subject: perhaps('Deployment/api'),
    orphanedSince: perhaps(TIME),
    preferredHolder: perhaps('candidate-1'),
    changedAtMs: fc.integer(),
  });
  const property = fc.property(anyLease, fc.boolean(), irrelevant, (each, isNamed, fields) => {
    const [one, other] = [each, each.with(fields)].map(view => classify(view, KNOWN, isNamed));
    return JSON.stringify(one) === JSON.stringify(other);
  });
  t.notThrows(() => fc.assert(property, {numRuns: 1000}));
});

test('outside of kube-node-lease nothing is the heartbeat of a node', t => {
  const property = fc.property(anyLease, fc.boolean(), (each, isNamed) => {
    return each.namespace === 'kube-node-lease' || classify(each, KNOWN, isNamed).class !== 'node-heartbeat';
  });
  t.notThrows(() => fc.assert(property, {numRuns: 1000}));
});
