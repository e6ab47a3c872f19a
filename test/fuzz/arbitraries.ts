/** What may come in: texts, times, holders, Leases, workloads, nodes, policies, and what only seems to be one. */
import fc from 'fast-check';
import type {
  HashSpec,
  LabelSelector,
  LeasePolicySpec,
  WorkloadPolicySpec,
} from '../../src/api/leasepolicy.ts';
import type {KubeObject} from '../../src/api/objects.ts';
import type {LeaseView} from '../../src/core/lease/lifetime.ts';
import {projectLease} from '../../src/world/project.ts';
import {micro, now, policy} from '../support/builders.ts';

export const perhaps = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, {nil: undefined});

/** Leaves out what is undefined, as JSON does. */
export const without = <T extends object>(object: T) =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));

// Texts

/** Texts that programs trip over. */
const ODD_TEXTS = [
  '',
  ' ',
  '\n',
  '\u0000',
  '\ud800',
  '\u202e',
  'ß',
  '😀',
  '__proto__',
  'constructor',
  'toString',
  'undefined',
  'null',
  '-',
  '.',
  '/',
  '_',
  '-'.repeat(1025),
  'a'.repeat(254),
  'a-'.repeat(2000),
];

export const anyText = fc.oneof(
  {weight: 3, arbitrary: fc.constantFrom(...ODD_TEXTS)},
  {weight: 2, arbitrary: fc.string({maxLength: 12})},
  {weight: 1, arbitrary: fc.string({unit: 'binary', maxLength: 12})},
);

const textOf = (alphabet: string, size: {minLength: number; maxLength: number}) =>
  fc.string({unit: fc.constantFrom(...alphabet), ...size});

/** A DNS label of few characters, so that two of them are easily alike. */
const shortLabel = fc
  .tuple(fc.constantFrom('a', 'b', '0'), textOf('ab0-', {minLength: 0, maxLength: 3}))
  .map(([first, rest]) => `${first}${rest}`.replace(/-+$/, ''));

export const anyLabel = fc.oneof(
  shortLabel,
  fc.constantFrom('shop', 'bank', 'constructor', 'kube-system', '0', 'x'.repeat(63), 'a--b'),
);

/** A DNS subdomain, as most objects are named. */
export const anyName = fc.oneof(
  {weight: 3, arbitrary: shortLabel},
  {weight: 1, arbitrary: fc.array(shortLabel, {minLength: 2, maxLength: 3}).map(labels => labels.join('.'))},
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'api',
      'worker',
      'foo-2',
      'constructor',
      'a'.repeat(46),
      `${'b'.repeat(57)}-c`,
      'c'.repeat(253),
    ),
  },
);

export const anyKind = fc.constantFrom('Deployment', 'StatefulSet', 'DaemonSet', 'Widget', 'Job');

/** A label's value as the API server lets it through. */
export const anyLabelValue = fc.oneof(
  fc.constantFrom('', 'a', 'A', 'a-b', 'a_b', 'a.b', '0', 'x'.repeat(63)),
  textOf('aB0', {minLength: 1, maxLength: 4}),
);

// Times

export const NOW = now;

/** A moment around now, as client-go writes it. */
const nearTime = fc
  .integer({min: -100_000, max: 100_000})
  .map(seconds => micro({monotonicMs: 0, wallMs: NOW.wallMs + seconds * 1000}));

const ODD_TIMES = [
  '9999-12-31T23:59:59.999999Z',
  '0001-01-01T00:00:00.000000Z',
  '0000-01-01T00:00:00Z',
  '1970-01-01T00:00:00.000000Z',
  '2026-02-30T12:00:00.000000Z',
  '2026-13-01T12:00:00.000000Z',
  '2026-03-01T12:00:00+14:00',
  '2026-03-01T12:00:00-99:99',
  '2026-03-01T12:00:60Z',
  '2026-03-01T12:00:00.1234567890123Z',
  '2026-03-01 12:00:00Z',
  '2026-03-01T12:00:00',
  '+010000-01-01T00:00:00Z',
  'now',
];

/** The text of a time of a Lease; the server has never looked at it. */
export const anyTime = fc.oneof(
  {weight: 5, arbitrary: nearTime},
  {weight: 2, arbitrary: fc.constantFrom(...ODD_TIMES)},
  {weight: 1, arbitrary: anyText},
);

/** Monotonic milliseconds at which something was seen; never ahead of now. */
export const anySeenMs = fc
  .oneof(
    fc.constantFrom(0, 1, 999, 10_000, 14_999, 15_000, 15_001, 60_000, 3_600_000, 7_200_000),
    fc.nat({max: 10_000_000}),
  )
  .map(agoMs => NOW.monotonicMs - agoMs);

const MOST = 2_147_483_647;
/** What the server refuses is here too: a version of it, or a proxy, may be less strict. */
export const anySeconds = fc.oneof(
  {weight: 4, arbitrary: fc.constantFrom(1, 15, 40, 3600)},
  {weight: 2, arbitrary: fc.constantFrom(0, -1, MOST, -MOST - 1)},
  {weight: 1, arbitrary: fc.integer()},
);
export const anyTransitions = fc.oneof(fc.nat({max: 9}), fc.constantFrom(-1, MOST));

// Holders

const UUID = '0b1e6a3c-1111-4222-8333-444455556666';
const SAFE = 'bcdfghjklmnpqrstvwxz2456789';

/** The name of a Pod of a workload, or one that only looks like it. */
export const podOf = (name: string) =>
  fc.oneof(
    textOf(SAFE, {minLength: 5, maxLength: 5}).map(end => `${name}-66d9c47458-${end}`),
    fc.constantFrom(`${name}-0`, `${name}-x2x4z`, `${name}-5d8f-x2x4z`, `${name}-2-5d8f-x2x4z`, name),
    fc.constantFrom(`${name.slice(0, 58)}x2x4z`, `${name}-5d8f-x2x4z`.slice(0, 63), `${name}-`, `x${name}-0`),
  );

export const anyHolder = fc.oneof(
  {weight: 2, arbitrary: fc.constant('')},
  {weight: 3, arbitrary: anyName.chain(podOf)},
  {weight: 2, arbitrary: anyName.chain(podOf).map(pod => `${pod}_${UUID}`)},
  {weight: 1, arbitrary: anyName.map(name => `leasepolicy-rename_${name}`)},
  {
    weight: 1,
    arbitrary: fc.constantFrom('leasepolicy-rename_', 'leasepolicy-rename', 'node-1', `vm_${UUID}`),
  },
  {weight: 2, arbitrary: anyText},
  {weight: 1, arbitrary: fc.array(anyText, {maxLength: 4}).map(parts => parts.join('_'))},
);

// Leases

/** Owners that say nothing of what a Lease is for. */
export const ORDINARY_OWNERS = [
  {apiVersion: 'apps/v1', kind: 'Deployment', name: 'api', uid: 'u'},
  {apiVersion: 'batch/v1', kind: 'Job', name: 'api', uid: 'u'},
  {apiVersion: 'v1', kind: 'Pod', name: 'api-0', uid: 'u'},
  {apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition', name: 'x', uid: 'u'},
];
/** Owners of which nobody here knows what they mean, or by which a Lease guards data. */
export const STRANGE_OWNERS = [
  {apiVersion: 'longhorn.io/v1beta2', kind: 'ShareManager', name: 'pvc-1', uid: 'u'},
  {apiVersion: 'postgresql.cnpg.io/v1', kind: 'Cluster', name: 'main', uid: 'u'},
  {apiVersion: 'v1', kind: 'Node', name: 'other', uid: 'u'},
  {apiVersion: 'v1', kind: 'PersistentVolume', name: 'pv', uid: 'u'},
  {apiVersion: '', kind: '', name: '', uid: ''},
  {apiVersion: 'apps.example.com/v1', kind: 'Deployment', name: 'constructor', uid: 'u'},
];

export const OURS = {
  managedBy: 'app.kubernetes.io/managed-by',
  policy: 'leasepolicy.dev/policy',
  origin: 'leasepolicy.dev/origin',
  naming: 'leasepolicy.dev/naming',
  subject: 'leasepolicy.dev/subject',
  orphanedSince: 'leasepolicy.dev/orphaned-since',
} as const;

export const RING = 'alpha.sharding.timebertt.dev/controllerring';

/** Labels by which a Lease is ours, as the operator or anybody else has written them. */
export const ourLabels = fc
  .record({
    [OURS.managedBy]: perhaps(fc.constantFrom('leasepolicy', 'Helm')),
    [OURS.policy]: perhaps(fc.constantFrom('payments', 'a', 'constructor', 'gone')),
    [OURS.origin]: fc.constantFrom('created', 'adopted', 'odd'),
    [OURS.naming]: perhaps(fc.constantFrom('v1', 'v0')),
  })
  .map(without);

const otherLabels = fc.oneof(
  fc.constant({}),
  fc.dictionary(fc.constantFrom('app', 'constructor', 'a.io/b', 'kubernetes.io/hostname'), anyLabelValue),
  fc.constantFrom(
    {[RING]: 'ring'},
    {'apiserver.kubernetes.io/identity': 'kube-apiserver'},
    {'k8s.io/component': 'kube-apiserver'},
  ),
);
export const anyLabels = fc.oneof(
  otherLabels,
  fc.tuple(otherLabels, ourLabels).map(([others, ours]) => ({...others, ...ours})),
) as fc.Arbitrary<Record<string, string>>;

/** Names that mean something: of a catalogue, of nodes, of buckets, of API servers, of a policy. */
const KNOWN_NAMES = [
  'kube-scheduler',
  'vpa-recommender',
  'cilium-operator-resource-lock',
  'f1c5ece8.example.com',
  'controller.a.00-of-02',
  'controller.a.01-of-02',
  'controller.a.00-of-01',
  'a.99-of-10',
  'worker-1',
  'apiserver-wlv32tlttr4jl3gtroqexyxapa',
  'payments-14c2529eb4',
];
const anyLeaseName = fc.oneof(fc.constantFrom(...KNOWN_NAMES), anyName);
const anyLeaseNamespace = fc.oneof(
  fc.constantFrom('shop', 'kube-system', 'kube-node-lease', 'longhorn-system', 'gardener-system-seed-lease'),
  anyLabel,
);

const anySubject = fc.constantFrom(
  undefined,
  'Deployment/api',
  'Deployment/shop/api',
  'Deployment/gone',
  'Widget/a.b',
  '',
  '/',
  'Deployment',
  '////',
  'constructor/constructor',
  '😀',
);

/** The spec of a Lease that the API server may have. */
export const anyLeaseSpec = fc
  .record({
    holderIdentity: perhaps(anyHolder),
    leaseDurationSeconds: perhaps(anySeconds),
    acquireTime: perhaps(anyTime),
    renewTime: perhaps(anyTime),
    leaseTransitions: perhaps(anyTransitions),
    strategy: fc.oneof({weight: 8, arbitrary: fc.constant(undefined)}, anyText),
    preferredHolder: fc.oneof({weight: 8, arbitrary: fc.constant(undefined)}, anyText),
  })
  .map(without);

/** A Lease as the API server may send it. */
export const anyLeaseObject: fc.Arbitrary<KubeObject> = fc
  .record({
    namespace: anyLeaseNamespace,
    name: anyLeaseName,
    labels: perhaps(anyLabels),
    subject: anySubject,
    orphanedSince: perhaps(anyTime),
    annotations: perhaps(fc.dictionary(fc.constantFrom('note', 'constructor'), anyText, {maxKeys: 2})),
    ownerReferences: perhaps(
      fc.subarray([...ORDINARY_OWNERS, ...STRANGE_OWNERS], {minLength: 0, maxLength: 2}),
    ),
    createdAt: fc.constantFrom('2020-01-01T00:00:00Z', '2026-03-01T11:59:00Z'),
    spec: perhaps(anyLeaseSpec),
  })
  .map(({namespace, name, labels, subject, orphanedSince, annotations, ownerReferences, createdAt, spec}) => {
    const notes = {
      ...annotations,
      ...without({[OURS.subject]: subject, [OURS.orphanedSince]: orphanedSince}),
    };
    const metadata = {namespace, name, uid: `uid-of-${name}`, resourceVersion: '100', labels};
    return without({
      metadata: without({
        ...metadata,
        creationTimestamp: createdAt,
        annotations: Object.keys(notes).length > 0 ? notes : undefined,
        ownerReferences,
      }),
      spec,
    }) as KubeObject;
  });

/** What the caches keep of any Lease that the API server may have. */
export const anyLease: fc.Arbitrary<LeaseView> = fc
  .tuple(anyLeaseObject, anySeenMs)
  .map(([object, seenMs]) => projectLease(object, undefined, seenMs));

// Policies

const anySelector: fc.Arbitrary<LabelSelector> = fc.oneof(
  {weight: 4, arbitrary: fc.constant({})},
  {weight: 2, arbitrary: fc.constantFrom({matchLabels: {team: 'a'}}, {matchLabels: {team: ''}})},
  {
    weight: 2,
    arbitrary: fc
      .record({
        matchLabels: perhaps(
          fc.dictionary(
            fc.oneof(anyText, fc.constantFrom('team', 'a.io/b')),
            fc.oneof(anyText, anyLabelValue),
            {
              maxKeys: 2,
            },
          ),
        ),
        matchExpressions: perhaps(
          fc.array(
            fc
              .record({
                key: fc.oneof(fc.constantFrom('team', 'constructor', 'a.io/b'), anyText),
                operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist'),
                values: perhaps(fc.array(fc.oneof(anyLabelValue, anyText), {maxLength: 2})),
              })
              .map(without),
            {maxLength: 2},
          ),
        ),
      })
      .map(without),
  },
);

const PIECES = [
  '{prefix}',
  '{kind}',
  '{namespace}',
  '{name}',
  '{label:app.io/tier}',
  '{hash}',
  '-',
  '.',
  'a',
  'a-',
];

/** Mostly templates that may be in force. */
export const anyTemplate = fc.oneof(
  fc.constantFrom(
    '{prefix}-{hash}',
    '{prefix}-{name}',
    '{namespace}.{name}',
    '{kind}-{name}',
    '{namespace}-{name}',
    '{prefix}-{name}-{hash}',
    '{name}',
  ),
  fc.array(fc.constantFrom(...PIECES), {minLength: 1, maxLength: 6}).map(pieces => pieces.join('')),
);

const PARTS = ['kind', 'namespace', 'name', 'label:app.io/tier'];
export const anyHash: fc.Arbitrary<HashSpec> = fc
  .record({
    of: fc.shuffledSubarray(PARTS, {minLength: 1}),
    algorithm: fc.constant('SHA256'),
    encoding: fc.constantFrom('Hex', 'Base32', 'Safe'),
    length: fc.integer({min: 6, max: 64}),
  })
  .map(hash => (hash.encoding === 'Base32' ? {...hash, length: Math.min(hash.length, 52)} : hash));

const anyExemption = fc
  .record({
    namespace: fc.oneof(fc.constant('*'), anyLabel),
    name: anyName,
    reason: fc.constantFrom('known', '😀'),
    until: perhaps(anyTime),
  })
  .map(each => without(each) as WorkloadPolicySpec['enforcement']['exempt'][number]);

/** What comes after the subjects and their names, as the schema lets it through. */
const commonSpec = fc.record({
  lease: fc.record({
    namespace: fc.oneof({weight: 3, arbitrary: fc.constant('')}, anyLabel, fc.constant('kube-node-lease')),
    create: fc.boolean(),
    adopt: fc.boolean(),
    durationSeconds: fc.constantFrom(1, 15, 86_400),
    labels: fc.oneof(
      fc.constant({}),
      fc.dictionary(
        fc.oneof(fc.constantFrom('team', OURS.policy), anyText),
        fc.oneof(anyLabelValue, anyText),
        {
          maxKeys: 2,
        },
      ),
    ),
  }),
  access: fc.record({grant: fc.constantFrom('None' as const, 'ServiceAccount' as const)}),
  injection: fc.record({
    mode: fc.constantFrom('None' as const, 'Env' as const),
    nameEnv: fc.constantFrom('LEASE_NAME', '_'),
    namespaceEnv: fc.constantFrom('LEASE_NAMESPACE', 'A0'),
    failurePolicy: fc.constantFrom('Fail' as const, 'Ignore' as const),
  }),
  enforcement: fc.record({
    names: fc.constantFrom('Audit' as const, 'Warn' as const, 'Deny' as const),
    holders: fc.constantFrom('Off' as const, 'Audit' as const, 'Warn' as const, 'Deny' as const),
    durationSeconds: fc.constantFrom(
      {min: 1, max: 3600},
      {min: 5, max: 5, action: 'Deny' as const},
      {min: 1, max: MOST},
    ),
    failurePolicy: fc.record({
      names: fc.constantFrom('Fail' as const, 'Ignore' as const),
      durationSeconds: fc.constantFrom('Fail' as const, 'Ignore' as const),
      holders: fc.constantFrom('Fail' as const, 'Ignore' as const),
    }),
    exempt: fc.array(anyExemption, {maxLength: 2}),
  }),
  garbageCollection: fc.record({
    mode: fc.constantFrom('Off' as const, 'Report' as const, 'Managed' as const, 'All' as const),
    ttlSeconds: fc.constantFrom(1, 15, 3600, 604_800),
    maxPerMinute: fc.constantFrom(1, 2, 60, 100_000),
    maxPercent: fc.constantFrom(1, 25, 50, 100),
  }),
});

const anyKinds = fc.oneof(
  {weight: 3, arbitrary: fc.constant([{apiVersion: 'apps/v1', kind: 'Deployment'}])},
  fc
    .subarray(['Deployment', 'StatefulSet', 'DaemonSet', 'Widget'], {minLength: 1})
    .map(kinds => kinds.map(kind => ({apiVersion: kind === 'Widget' ? 'example.com/v1' : 'apps/v1', kind}))),
);

/** The spec of a policy of workloads, as the schema lets it through; the rules may refuse it. */
export const anyWorkloadSpec: fc.Arbitrary<WorkloadPolicySpec> = fc
  .record({
    common: commonSpec,
    workloads: fc.record({kinds: anyKinds, namespaceSelector: anySelector, selector: anySelector}),
    naming: fc.record({
      prefix: fc.oneof(anyLabel, fc.constant('payments')),
      template: anyTemplate,
      hash: anyHash,
    }),
  })
  .map(({common, workloads, naming}) => ({subjects: {workloads}, naming, ...common}) as WorkloadPolicySpec);

/** The spec of a policy of nodes, API servers or components, as the schema lets it through. */
export const anySystemSpec: fc.Arbitrary<LeasePolicySpec> = fc
  .record({
    common: commonSpec,
    subjects: fc.oneof(
      fc.record({nodes: fc.record({selector: anySelector})}),
      fc.constant({apiServers: {}}),
      fc.record({
        components: fc.array(
          fc.record({
            namespace: fc.constantFrom('kube-system', 'shop'),
            name: fc.constantFrom('kube-scheduler', 'controller.a', 'a'),
          }),
          {minLength: 1, maxLength: 3},
        ),
      }),
    ),
  })
  .map(({common, subjects}) => ({...common, subjects}));

export const anySpec = fc.oneof(anyWorkloadSpec, anySystemSpec);

/** A value with one of its fields, however deep, taken out or replaced by anything. */
export const damaged = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<unknown> =>
  fc
    .tuple(arbitrary, fc.array(fc.nat({max: 20}), {minLength: 1, maxLength: 5}), perhaps(anyJson))
    .map(([value, path, other]) => replaced(value, path, other));

function replaced(value: unknown, [at, ...deeper]: readonly number[], other: unknown): unknown {
  if (at === undefined || typeof value !== 'object' || value === null) return other;
  const entries = Object.entries(value);
  const [key] = entries[at % Math.max(1, entries.length)] ?? [];
  const changed = entries.map(([name, each]) => [name, name === key ? replaced(each, deeper, other) : each]);
  return Array.isArray(value) ? changed.map(([, each]) => each) : without(Object.fromEntries(changed));
}

/** The policy that most tests are about, with a mode of collection and a ttl. */
export const anyRules = fc
  .record({
    mode: fc.constantFrom('Off' as const, 'Report' as const, 'Managed' as const, 'All' as const),
    ttlSeconds: fc.constantFrom(15, 3600),
    create: fc.boolean(),
    adopt: fc.boolean(),
    durationSeconds: fc.constantFrom(1, 15),
  })
  .map(({mode, ttlSeconds, ...lease}) => policy().leases(lease).collecting({mode, ttlSeconds}).rules());

// Workloads and nodes

/** A workload of any kind as the API server may send it: what is in its template, nobody has validated. */
export const anyWorkloadObject: fc.Arbitrary<KubeObject> = fc
  .record({
    namespace: anyLabel,
    name: anyName,
    labels: perhaps(fc.dictionary(fc.constantFrom('team', 'app.io/tier', 'constructor'), anyLabelValue)),
    createdAt: fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
    deletionTimestamp: perhaps(fc.constant('2026-03-01T12:00:00Z')),
    spec: fc.oneof(
      fc.constant(undefined),
      fc.record({template: fc.record({spec: fc.record({serviceAccountName: anyName})})}),
      fc.jsonValue({maxDepth: 2}),
      fc.record({template: fc.jsonValue({maxDepth: 1})}),
      fc.record({template: fc.record({spec: fc.record({serviceAccountName: fc.jsonValue({maxDepth: 1})})})}),
    ),
    status: fc.oneof(
      fc.constant(undefined),
      fc.record({readyReplicas: fc.oneof(fc.nat(), fc.jsonValue({maxDepth: 1}))}),
      fc.jsonValue({maxDepth: 1}),
    ),
  })
  .map(({namespace, name, labels, createdAt, deletionTimestamp, spec, status}) => {
    const metadata = {
      namespace,
      name,
      uid: `uid-of-${name}`,
      resourceVersion: '7',
      labels,
      deletionTimestamp,
    };
    return without({
      metadata: without({...metadata, creationTimestamp: createdAt}),
      spec,
      status,
    }) as KubeObject;
  });

// JSON

/** JSON of any shape, and what begins like an object of Kubernetes. */
export const anyJson = fc.oneof(
  fc.jsonValue({maxDepth: 2}),
  fc
    .record({
      metadata: perhaps(
        fc.oneof(
          fc.jsonValue({maxDepth: 1}),
          fc
            .record({
              name: perhaps(fc.oneof(anyName, fc.jsonValue({maxDepth: 0}))),
              namespace: perhaps(fc.oneof(anyLabel, fc.jsonValue({maxDepth: 0}))),
              resourceVersion: perhaps(fc.oneof(fc.nat().map(String), fc.jsonValue({maxDepth: 0}))),
              continue: perhaps(fc.jsonValue({maxDepth: 0})),
            })
            .map(without),
        ),
      ),
      items: perhaps(
        fc.oneof(fc.jsonValue({maxDepth: 2}), fc.array(fc.jsonValue({maxDepth: 2}), {maxLength: 3})),
      ),
      resources: perhaps(
        fc.oneof(
          fc.jsonValue({maxDepth: 1}),
          fc.array(
            fc
              .record({
                name: perhaps(fc.oneof(fc.constant('widgets'), fc.jsonValue({maxDepth: 0}))),
                kind: perhaps(fc.oneof(fc.constant('Widget'), fc.jsonValue({maxDepth: 0}))),
                namespaced: perhaps(fc.jsonValue({maxDepth: 0})),
                verbs: perhaps(fc.oneof(fc.constant(['watch']), fc.jsonValue({maxDepth: 1}))),
              })
              .map(without),
            {maxLength: 2},
          ),
        ),
      ),
      status: perhaps(fc.jsonValue({maxDepth: 2})),
      spec: perhaps(fc.jsonValue({maxDepth: 1})),
    })
    .map(without),
);

/** What is meant to be JSON. */
export const anyJsonText = fc.oneof(
  {weight: 3, arbitrary: anyJson.map(value => JSON.stringify(value))},
  {weight: 1, arbitrary: anyJson.map(value => JSON.stringify(value).slice(0, -1))},
  {weight: 1, arbitrary: anyText},
  {weight: 1, arbitrary: fc.constantFrom('null', '[]', '{}', '1', '""', '<html>', '{"a":', '\ufeff{}')},
);
