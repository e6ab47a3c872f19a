/** What the caches keep of each object. */
import {setFlagsFromString} from 'node:v8';
import {runInNewContext} from 'node:vm';
import test from 'ava';
import type {LeaseSpec, ObjectMeta} from '../../src/api/objects.ts';
import {hostsOf} from '../../src/core/lease/holder.ts';
import {
  projectLease,
  projectNamespace,
  projectPolicy,
  projectRegistry,
  projectWorkload,
} from '../../src/world/project.ts';
import {policy} from '../support/builders.ts';

const metadata: ObjectMeta = {
  name: 'api',
  namespace: 'shop',
  uid: 'u1',
  resourceVersion: '7',
  creationTimestamp: '2026-01-01T00:00:00Z',
};
const global: ObjectMeta = {
  name: 'shop',
  uid: 'u1',
  resourceVersion: '7',
  creationTimestamp: '2026-01-01T00:00:00Z',
};

const SPEC: LeaseSpec = {
  holderIdentity: 'api-5d8f-x2x4z',
  leaseDurationSeconds: 15,
  acquireTime: '2026-03-01T11:00:00.000000Z',
  renewTime: '2026-03-01T12:00:00.000000Z',
  leaseTransitions: 3,
  strategy: 'OldestEmulationVersion',
  preferredHolder: 'b',
};
const object = (spec: LeaseSpec = SPEC, meta: Partial<ObjectMeta> = {}) => ({
  metadata: {...metadata, ...meta},
  spec,
});

test('a Lease keeps its record, our annotations and its owners', t => {
  const meta = {
    labels: {'leasepolicy.dev/origin': 'created'},
    annotations: {
      'leasepolicy.dev/subject': 'Deployment/api',
      'leasepolicy.dev/orphaned-since': '2026-03-01T12:00:00.000000Z',
      other: 'x',
    },
    ownerReferences: [{apiVersion: 'apps/v1', kind: 'Deployment', name: 'api', uid: 'u2'}],
  };
  t.deepEqual(projectLease(object(SPEC, meta), undefined, 5000), {
    key: 'shop/api',
    createdAt: '2026-01-01T00:00:00Z',
    terminating: false,
    namespace: 'shop',
    name: 'api',
    uid: 'u1',
    resourceVersion: '7',
    labels: {'leasepolicy.dev/origin': 'created'},
    subject: 'Deployment/api',
    orphanedSince: '2026-03-01T12:00:00.000000Z',
    owners: [{group: 'apps', kind: 'Deployment', name: 'api'}],
    holder: 'api-5d8f-x2x4z',
    durationSeconds: 15,
    acquireTime: '2026-03-01T11:00:00.000000Z',
    renewTime: '2026-03-01T12:00:00.000000Z',
    transitions: 3,
    strategy: 'OldestEmulationVersion',
    preferredHolder: 'b',
    changedAtMs: 5000,
  });
});

test('a holder of a megabyte costs no more than others, changes with each of its letters, and is read by nobody', t => {
  const kept = (holderIdentity: string) => projectLease(object({...SPEC, holderIdentity}), before, 5000);
  const [a, b] = ['a', 'b'].map(end => kept(`api-5d8f-x2x4z_${'x'.repeat(1_000_000)}${end}`));
  t.true((a?.holder.length ?? 0) < 1200);
  t.not(a?.holder, b?.holder);
  t.deepEqual(hostsOf(a?.holder ?? ''), []);
  t.is(kept('x'.repeat(1024)).holder, 'x'.repeat(1024));
  // What is written into an annotation of ours must come back as it was.
  t.true(kept('😀'.repeat(1000)).holder.isWellFormed());
  t.true(kept(`x${'😀'.repeat(1000)}`).holder.isWellFormed());
});

test('of a hundred holders of a megabyte little memory is taken', t => {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  gc();
  const before = process.memoryUsage().heapUsed;
  const rows = Array.from({length: 100}, (_, index) => {
    const text = JSON.stringify({...SPEC, holderIdentity: `${index}${'x'.repeat(1_000_000)}`});
    return projectLease(object(JSON.parse(text) as LeaseSpec), undefined, 5000);
  });
  gc();
  t.is(rows.length, 100);
  t.true(process.memoryUsage().heapUsed - before < 20_000_000);
});

for (const [what, empty] of Object.entries({
  'without a spec': {metadata},
  'with an empty spec': {metadata, spec: {}},
})) {
  test(`a Lease ${what} has no holder, no times and no transitions`, t => {
    const row = projectLease(empty, undefined, 5000);
    t.like(row, {holder: '', transitions: 0, labels: {}, owners: [], changedAtMs: 5000});
    t.deepEqual([row.durationSeconds, row.acquireTime, row.renewTime, row.subject], Array(4).fill(undefined));
  });
}

const before = projectLease(object(), undefined, 1000);

const SAME = {
  'nothing is different': object(),
  'only labels are different': object(SPEC, {labels: {a: 'b'}, resourceVersion: '8'}),
  'only annotations are different': object(SPEC, {annotations: {a: 'b'}, resourceVersion: '8'}),
};

for (const [when, next] of Object.entries(SAME)) {
  test(`the time of the last change stays when ${when}`, t => {
    t.is(projectLease(next, before, 5000).changedAtMs, 1000);
  });
}

const CHANGED = {
  'another holder': object({...SPEC, holderIdentity: 'b'}),
  'another renewTime': object({...SPEC, renewTime: '2026-03-01T12:00:02.000000Z'}),
  'an older renewTime': object({...SPEC, renewTime: '2020-03-01T12:00:02.000000Z'}),
  'another number of transitions': object({...SPEC, leaseTransitions: 4}),
  'another duration': object({...SPEC, leaseDurationSeconds: 60}),
  'another uid, as it was deleted and made again': object(SPEC, {uid: 'u9'}),
};

for (const [what, next] of Object.entries(CHANGED)) {
  test(`a Lease with ${what} has changed now`, t => {
    t.is(projectLease(next, before, 5000).changedAtMs, 5000);
  });
}

test('a Lease without a spec that is seen again has not changed', t => {
  const first = projectLease({metadata}, undefined, 1000);
  t.is(projectLease({metadata}, first, 5000).changedAtMs, 1000);
});

const deployment = projectWorkload('deployments.apps', 'apps/v1', 'Deployment', () => 5000);

test('a workload keeps what its name and its claims rest on', t => {
  const meta = {...metadata, labels: {tier: 'web'}};
  const spec = {template: {spec: {serviceAccountName: 'api-account'}}};
  t.deepEqual(deployment({metadata: meta, spec} as never), {
    key: 'shop/api',
    id: 'deployments.apps/shop/api',
    resourceVersion: '7',
    resource: 'deployments.apps',
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    namespace: 'shop',
    name: 'api',
    uid: 'u1',
    createdAt: '2026-01-01T00:00:00Z',
    terminating: false,
    labels: {tier: 'web'},
    serviceAccount: 'api-account',
    readySinceMs: undefined,
  });
});

test('a workload without a spec, or without a Pod template, runs as default', t => {
  t.like(deployment({metadata}), {serviceAccount: 'default', labels: {}});
  t.is(deployment({metadata, spec: {template: {}}} as never).serviceAccount, 'default');
  for (const serviceAccountName of ['', null, 7, {a: null}]) {
    const spec = {template: {spec: {serviceAccountName}}};
    t.is(deployment({metadata, spec} as never).serviceAccount, 'default');
  }
});

test('of a kind that nobody validates the status may be anything, and then no Pod is known to be ready', t => {
  const odd = JSON.parse('{"toString": 1, "valueOf": 1}') as unknown;
  for (const readyReplicas of [odd, [odd], '3', [3], true, null, {}, -1]) {
    t.is(deployment({metadata, status: {readyReplicas}} as never).readySinceMs, undefined);
    t.is(deployment({metadata, status: {numberReady: readyReplicas}} as never).readySinceMs, undefined);
  }
  for (const status of [odd, 7, 'ready', null, []])
    t.is(deployment({metadata, status} as never).readySinceMs, undefined);
});

test('a workload that is being deleted is terminating', t => {
  t.true(deployment({metadata: {...metadata, deletionTimestamp: '2026-03-01T12:00:00Z'}}).terminating);
});

test('a namespace is terminating by its phase or by its deletion', t => {
  t.deepEqual(projectNamespace({metadata: global}), {
    key: 'shop',
    resourceVersion: '7',
    labels: {},
    terminating: false,
  });
  const phase = {metadata: global, status: {phase: 'Terminating'}};
  t.true(projectNamespace(phase).terminating);
  t.true(projectNamespace({metadata: {...global, deletionTimestamp: '2026-03-01T12:00:00Z'}}).terminating);
});

const NO_SPECS = {'without a spec': {metadata}, 'with an empty spec': {metadata, spec: {}}};

for (const [what, empty] of Object.entries(NO_SPECS)) {
  test(`a registry ${what} has empty sections`, t => {
    t.deepEqual(projectRegistry(empty), {
      key: 'shop/api',
      uid: 'u1',
      resourceVersion: '7',
      spec: {names: {}, subjects: {}, exempt: [], exemptUntil: {}, allowed: '', retired: {}},
    });
  });
}

test('a policy keeps its spec, its status and its generation', t => {
  const {spec} = policy();
  const row = projectPolicy({metadata: {...global, name: 'payments', generation: 4}, spec} as never);
  t.deepEqual(row, {
    key: 'payments',
    uid: 'u1',
    resourceVersion: '7',
    generation: 4,
    terminating: false,
    spec,
    status: undefined,
  });
});
