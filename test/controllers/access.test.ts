/** What the access controller reads from the caches, and what it says of a write that was refused. */
import test from 'ava';
import {accessController} from '../../src/controllers/access.ts';
import {admissionController} from '../../src/controllers/admission.ts';
import {policyController} from '../../src/controllers/policy.ts';
import type {LeaseView} from '../../src/core/lease/lifetime.ts';
import type {NamespaceRow, PolicyRow, RegistryRow, WorkloadRow} from '../../src/world/project.ts';
import {World} from '../../src/world/world.ts';
import {idleWorld, lease, now, only, policy, served, workload} from '../support/builders.ts';

const NAME = 'payments-14c2529eb4';
const KEY = `shop/${NAME}`;
const IN_FORCE = {status: 'True', reason: 'InForce', message: 'the API server checks names: Audit'} as const;

/** The world of one Deployment under a policy that grants, with the keys that are wanted. */
function worldWith(...leases: LeaseView[]): {world: World; wanted: string[]} {
  const wanted: string[] = [];
  const kinds = {
    get: () => ({state: 'served', plural: 'deployments', group: 'apps', version: 'v1'}) as const,
  };
  const world = new World({...idleWorld, enqueue: key => wanted.push(key), kinds});
  const namespace: NamespaceRow = {key: 'shop', resourceVersion: '1', labels: {}, terminating: false};
  world.namespaces.replace(new Map([['shop', namespace]]), '1');
  const {name, spec} = policy('payments').granting();
  const row: PolicyRow = {
    key: name,
    uid: 'p',
    resourceVersion: '1',
    generation: 1,
    terminating: false,
    spec,
    status: undefined,
  };
  world.policies.replace(new Map([[name, row]]), '1');
  const api: WorkloadRow = {...workload('api').runningAs('app'), key: 'shop/api', resourceVersion: '1'};
  for (const source of world.sources.values()) source.store.replace(new Map([['shop/api', api]]), '1');
  world.leases.replace(new Map(leases.map(each => [each.key, each])), '1');
  for (const kind of ['Role', 'RoleBinding'] as const) world.rendered.stores[kind].replace(new Map(), '1');
  return {world, wanted};
}

/** Looks at the Lease, and puts what is written into the caches; returns the kinds that were written. */
function reconcile(world: World): string[] {
  const plan = accessController.plan(accessController.observe(KEY, world, now), now);
  accessController.note?.(KEY, plan, world);
  return only(plan.actions, 'applyObject').map(({rendered}) => {
    world.rendered.stores[rendered.kind].putWritten(served(rendered));
    return rendered.kind;
  });
}

const managed = lease().named(NAME).made();

test('a Lease of a policy that grants is looked at, and its grant is made once', t => {
  const {world, wanted} = worldWith(managed);
  t.true(wanted.includes(`access/${KEY}`));
  t.deepEqual(reconcile(world), ['Role', 'RoleBinding']);
  t.deepEqual(reconcile(world), []);
});

test('a grant that somebody edits has its Lease looked at', t => {
  const {world, wanted} = worldWith(managed);
  reconcile(world);
  wanted.length = 0;
  world.rendered.stores.Role.delete(`shop/leasepolicy-${NAME}`, '8');
  t.deepEqual(wanted, [`access/${KEY}`]);
  t.deepEqual(reconcile(world), ['Role']);
});

test('when the policy goes, its grants are looked at', t => {
  const {world, wanted} = worldWith(managed);
  reconcile(world);
  wanted.length = 0;
  world.policies.delete('payments', '9');
  t.true(wanted.includes(`access/${KEY}`));
  const plan = accessController.plan(accessController.observe(KEY, world, now), now);
  t.deepEqual(
    only(plan.actions, 'deleteObject').map(each => each.kind),
    ['RoleBinding', 'Role'],
  );
});

const shop: NamespaceRow = {key: 'shop', resourceVersion: '20', labels: {}, terminating: false};
const PLACES: [what: string, change: (world: World) => void][] = [
  ['is about to go', world => world.namespaces.put({...shop, terminating: true})],
  ['is not known', world => world.namespaces.delete('shop', '20')],
];
for (const [what, change] of PLACES) {
  test(`in a namespace that ${what} nothing is granted, and nothing is taken away`, t => {
    const {world} = worldWith(managed);
    change(world);
    t.deepEqual(reconcile(world), []);
    const granted = worldWith(managed).world;
    reconcile(granted);
    change(granted);
    granted.policies.delete('payments', '9');
    granted.rendered.stores.Role.delete(`shop/leasepolicy-${NAME}`, '8');
    const plan = accessController.plan(accessController.observe(KEY, granted, now), now);
    t.deepEqual(plan.actions, []);
  });
}

// A registry

const registry = (namespace: string, resourceVersion = '30'): RegistryRow => ({
  key: `${namespace}/leases`,
  uid: 'r',
  resourceVersion,
  spec: {names: {}, subjects: {}, exempt: [], exemptUntil: {}, allowed: '', retired: {}},
});

/** A change of the policy's spec. */
function demand(world: World, policyNow: {name: string; spec: PolicyRow['spec']}): void {
  const {name, spec} = policyNow;
  const [terminating, status] = [false, undefined];
  world.policies.put({key: name, uid: 'p', resourceVersion: '29', generation: 2, terminating, spec, status});
}
const denying = policy('payments').enforcing({holders: 'Deny'});

test('where writes are refused a registry that changes wakes the workloads that wait for their Lease', t => {
  const {world, wanted} = worldWith();
  const woken = () => wanted.splice(0).filter(key => key.startsWith('workload/'));
  demand(world, denying);
  woken();
  world.registries.put(registry('shop'));
  t.deepEqual(woken(), ['workload/deployments.apps/shop/api']);
  world.registries.put(registry('shop', '31'));
  t.deepEqual(woken(), ['workload/deployments.apps/shop/api'], 'its name may be there now');
  world.registries.put(registry('bank', '33'));
  t.deepEqual(woken(), []);
});

test('a workload that has its Lease, or whose policy refuses nothing, is not woken by a registry', t => {
  const [has, free] = [worldWith(managed), worldWith()];
  demand(has.world, denying);
  for (const {world, wanted} of [has, free]) {
    wanted.length = 0;
    world.registries.put(registry('shop'));
    t.deepEqual(
      wanted.filter(key => key.startsWith('workload/')),
      [],
    );
  }
});

test('a registry wakes the workloads whose Leases are in its namespace, wherever they are themselves', t => {
  const {world, wanted} = worldWith();
  demand(world, denying.leasesIn('leases').hashing('namespace', 'name'));
  wanted.length = 0;
  world.registries.put(registry('leases', '41'));
  // The namespace of the Leases is not in the caches: nobody governs it.
  t.false(wanted.includes('workload/deployments.apps/shop/api'));
  world.namespaces.put({key: 'leases', resourceVersion: '42', labels: {}, terminating: false});
  wanted.length = 0;
  world.registries.put(registry('leases', '43'));
  t.true(wanted.includes('workload/deployments.apps/shop/api'));
});

// What is said of writes that are refused

const refused = new Error('roles is forbidden');
const MESSAGE = 'roles is forbidden; it is tried again';
const said = (world: World) => world.enforcement.get('payments')?.message;

test('a write that was refused is told in the status of the policy, until it succeeds', t => {
  const {world, wanted} = worldWith(managed);
  world.enforcement.set('payments', IN_FORCE);
  wanted.length = 0;
  accessController.ended?.(KEY, refused, world);
  t.deepEqual(world.enforcement.get('payments'), {status: 'False', reason: 'WriteFailed', message: MESSAGE});
  t.deepEqual(wanted, ['policy/payments']);
  wanted.length = 0;
  accessController.ended?.(KEY, undefined, world);
  t.deepEqual(world.enforcement.get('payments'), IN_FORCE);
  t.deepEqual(wanted, ['policy/payments']);
});

test('a write of a Lease that nobody claims is that of no policy', t => {
  const {world} = worldWith();
  accessController.ended?.('shop/other', refused, world);
  t.is(said(world), undefined);
});

test('a write that was refused is forgotten when the workload goes', t => {
  const {world} = worldWith(managed);
  accessController.ended?.(KEY, refused, world);
  for (const source of world.sources.values()) source.store.delete('shop/api', '9');
  accessController.ended?.(KEY, undefined, world);
  t.not(said(world), MESSAGE);
});

test('a write that was refused is forgotten with its policy, also when one of that name comes back', t => {
  const {world} = worldWith(managed);
  accessController.ended?.(KEY, refused, world);
  world.policies.delete('payments', '9');
  accessController.ended?.(KEY, undefined, world);
  admissionController.note?.('payments', {actions: [], findings: []}, world);
  admissionController.ended?.('payments', undefined, world);
  t.is(world.enforcement.get('payments'), undefined);
});

test('a policy that somebody keeps from going says in its status that nothing of it is checked any more', t => {
  const {world, wanted} = worldWith(managed);
  world.enforcement.set('payments', IN_FORCE);
  wanted.length = 0;
  const row = world.policies.get('payments') as PolicyRow;
  const before = {type: 'Enforced', ...IN_FORCE, lastTransitionTime: '', observedGeneration: 1};
  const status = {conditions: [before]} as unknown as PolicyRow['status'];
  world.policies.put({...row, resourceVersion: '50', terminating: true, status});
  t.true(wanted.includes('admission/payments'));
  wanted.length = 0;
  const plan = admissionController.plan(admissionController.observe('payments', world, now), now);
  admissionController.note?.('payments', plan, world);
  admissionController.ended?.('payments', undefined, world);
  t.deepEqual(wanted, ['policy/payments']);
  const [write] = only(
    policyController.plan(policyController.observe('payments', world, now), now).actions,
    'writeStatus',
  );
  const enforced = write?.status.conditions?.find(each => each.type === 'Enforced');
  t.like(enforced, {status: 'False', reason: 'Terminating'});
});
