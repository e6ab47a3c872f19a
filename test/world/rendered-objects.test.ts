/** The caches of what is rendered, and what of it goes into a policy's admission policies. */
import test from 'ava';
import {RENDERED_KINDS, type RenderedKind} from '../../src/api/objects.ts';
import {admissionController} from '../../src/controllers/admission.ts';
import type {Rendered, RenderedView} from '../../src/core/admission/rendered.ts';
import type {AdmissionPlan} from '../../src/core/plan/admission.ts';
import type {KindAnswer} from '../../src/runtime/kinds.ts';
import type {PolicyRow} from '../../src/world/project.ts';
import {RenderedObjects} from '../../src/world/rendered-objects.ts';
import type {WatchRequest} from '../../src/world/watch-request.ts';
import {World} from '../../src/world/world.ts';
import {idleWorld, now, only, policy, served} from '../support/builders.ts';

const KINDS = Object.keys(RENDERED_KINDS) as RenderedKind[];
const SERVED: KindAnswer = {state: 'served', plural: 'x', group: 'y', version: 'v1'};
const REFUSED: KindAnswer = {state: 'refused', reason: 'KindNotServed', message: 'serves no such kind'};

/** Caches of kinds that are looked up with these answers. */
function caches(answers: Partial<Record<string, KindAnswer>> = {}) {
  const watches: WatchRequest<RenderedView>[] = [];
  const told = {states: 0, changes: [] as string[]};
  const rendered = new RenderedObjects({
    kinds: {get: (_apiVersion, kind) => answers[kind] ?? SERVED},
    watch: request => watches.push(request),
    onChange: (kind, {row}) => told.changes.push(`${kind} ${row.key}`),
    onState: () => {
      told.states += 1;
    },
  });
  return {rendered, watches, told, answers};
}
const object = (
  kind: RenderedKind,
  name: string,
  policyName = 'payments',
  namespace?: string,
): RenderedView => {
  const owner = {apiVersion: 'v1', kind: 'X', name: 'x', uid: 'x'};
  const given: Rendered = {kind, name, policy: policyName, owner, content: {}};
  return served(namespace === undefined ? given : {...given, namespace});
};

test('each kind is watched once, and only what is ours', t => {
  const {rendered, watches} = caches();
  rendered.start();
  rendered.start();
  t.deepEqual(
    watches.map(({group, version, plural}) => `${group}/${version} ${plural}`),
    KINDS.map(kind => `${RENDERED_KINDS[kind].group}/v1 ${RENDERED_KINDS[kind].plural}`),
  );
  for (const {labelSelector} of watches) t.is(labelSelector, 'app.kubernetes.io/managed-by=leasepolicy');
});

test('a kind that is served later is watched then', t => {
  const {rendered, watches, answers} = caches({MutatingAdmissionPolicy: REFUSED, Role: {state: 'asking'}});
  rendered.start();
  t.is(watches.length, KINDS.length - 2);
  answers.MutatingAdmissionPolicy = SERVED;
  rendered.start();
  t.is(watches.length, KINDS.length - 1);
});

test('they are settled when each is in the caches, or known not to be', t => {
  const {rendered, watches} = caches({MutatingAdmissionPolicy: REFUSED});
  rendered.start();
  const [first, ...others] = watches;
  for (const {store} of others) store.replace(new Map(), '1');
  t.false(rendered.settled);
  first?.onState?.('forbidden');
  t.true(rendered.settled);
  t.false(caches({Role: {state: 'asking'}}).rendered.settled);
});

test('a kind that is refused, and one that was never listed, is a problem; one that was listed once is none', t => {
  const {rendered, watches, told} = caches({MutatingAdmissionPolicy: REFUSED});
  rendered.start();
  t.deepEqual([...rendered.problems], [['MutatingAdmissionPolicy', REFUSED]] as never);
  const [request] = watches;
  request?.onState?.('forbidden');
  t.deepEqual(rendered.problems.get('ValidatingAdmissionPolicy'), {
    reason: 'KindNotReadable',
    message: 'forbidden',
  });
  request?.store.replace(new Map(), '1');
  request?.onState?.(undefined);
  request?.onState?.('the server is away');
  t.false(rendered.problems.has('ValidatingAdmissionPolicy'), 'the cache is still right');
  t.is(told.states, 3);
});

test('of a policy are its admission policies, also when it is gone, and no grants', t => {
  const {rendered, told} = caches();
  rendered.stores.ValidatingAdmissionPolicy.put(object('ValidatingAdmissionPolicy', 'a'));
  rendered.stores.MutatingAdmissionPolicyBinding.put(object('MutatingAdmissionPolicyBinding', 'b'));
  rendered.stores.ValidatingAdmissionPolicy.put(object('ValidatingAdmissionPolicy', 'c', 'billing'));
  rendered.stores.Role.put(object('Role', 'd', 'payments', 'shop'));
  t.deepEqual(
    [...rendered.ofPolicy('payments')].map(each => each.name),
    ['a', 'b'],
  );
  t.deepEqual(new Set(rendered.policies()), new Set(['payments', 'billing']));
  t.is(told.changes.at(-1), 'Role shop/d');
});

// What the admission controller makes of it

type Given = {terminating?: boolean; labels?: Record<string, string>; team?: boolean};

/** The world of one policy that injects, and of the namespace of the operator. */
function worldWith({terminating = false, labels = {}, team = false}: Given = {}): World {
  const world = new World({
    ...idleWorld,
    kinds: {get: () => SERVED},
  });
  world.username = 'operator';
  const row = {key: 'leasepolicy-system', resourceVersion: '1', labels, terminating: false};
  world.namespaces.replace(new Map([[row.key, row]]), '1');
  const {name, spec} = team ? policy().inNamespaces({matchLabels: {team: 'a'}}) : policy();
  const given: PolicyRow = {
    key: name,
    uid: 'policy-uid',
    resourceVersion: '1',
    generation: 1,
    terminating,
    spec,
    status: undefined,
  };
  world.policies.replace(new Map([[name, given]]), '1');
  return world;
}
const observe = (world: World) => admissionController.observe('payments', world, now);

test('a policy owns what is rendered from it, for the operator as the API server knows it', t => {
  t.deepEqual(observe(worldWith()).context, {
    owner: {apiVersion: 'leasepolicy.dev/v1alpha1', kind: 'LeasePolicy', name: 'payments', uid: 'policy-uid'},
    operator: {username: 'operator', namespace: 'leasepolicy-system'},
    governsSystem: true,
    installation: undefined,
  });
});

test('whether a policy reaches the namespace of the operator is known by its labels', t => {
  t.false(observe(worldWith({team: true})).context?.governsSystem);
  t.true(observe(worldWith({team: true, labels: {team: 'a'}})).context?.governsSystem);
});

test('a policy that is about to go, or is gone, has nothing left in the API server', t => {
  const gone = worldWith();
  gone.policies.delete('payments', '9');
  for (const [world, reason] of [
    [worldWith({terminating: true}), 'Terminating'],
    [gone, undefined],
  ] as const) {
    world.rendered.stores.ValidatingAdmissionPolicy.put(object('ValidatingAdmissionPolicy', 'a'));
    const plan = admissionController.plan(observe(world), now);
    t.is(plan.actions.length, 1);
    t.is(only(plan.actions, 'deleteObject')[0]?.name, 'a');
    t.is((plan as AdmissionPlan).enforced?.reason, reason);
  }
});

test('the state of a policy is noted, and forgotten with it', t => {
  const world = worldWith();
  const plan = admissionController.plan(observe(world), now);
  admissionController.note?.('payments', plan, world);
  t.is(world.enforcement.get('payments')?.reason, 'Pending');
  admissionController.note?.('payments', {actions: [], findings: []}, world);
  t.is(world.enforcement.get('payments'), undefined);
});
