/** What the installation's ClusterRole means for what is enforced, from its watch to the policies' bindings. */
import test from 'ava';
import type {KubeObject} from '../../src/api/objects.ts';
import {admissionController} from '../../src/controllers/admission.ts';
import {renderAdmission} from '../../src/core/admission/render.ts';
import type {RenderedView} from '../../src/core/admission/rendered.ts';
import type {PolicyRow} from '../../src/world/project.ts';
import {World} from '../../src/world/world.ts';
import {admissionContext, idleWorld, now, only, policy, served} from '../support/builders.ts';

const NAME = 'leasepolicy-operator';

const role = (uid: string, version: string, deletionTimestamp?: string): KubeObject => {
  const metadata = {name: NAME, uid, resourceVersion: version, creationTimestamp: '2026-01-01T00:00:00Z'};
  return {metadata: {...metadata, ...(deletionTimestamp ? {deletionTimestamp} : {})}};
};

/** The world of one policy in force, the keys that are wanted, and what the watch of the ClusterRole may deliver. */
function installed(installation = NAME) {
  const wanted: string[] = [];
  const kinds = {
    get: () => ({state: 'served', plural: 'deployments', group: 'apps', version: 'v1'}) as const,
  };
  const world = new World({...idleWorld, installation, kinds, enqueue: key => wanted.push(key)});
  const {name, spec} = policy('payments').enforcing({names: 'Deny'}).injecting();
  const state = {generation: 1, terminating: false, spec, status: undefined};
  const row: PolicyRow = {key: name, uid: 'p', resourceVersion: '1', ...state};
  world.policies.replace(new Map([[name, row]]), '1');
  const {request} = world.installation;
  const delivered = (...objects: KubeObject[]) => {
    const rows = objects.map(each => request?.project(each, undefined)).filter(each => each !== undefined);
    request?.store.replace(new Map(rows.map(each => [each.key, each])), '9');
  };
  const plan = () => admissionController.plan(admissionController.observe('payments', world, now), now);
  return {world, wanted, request, delivered, plan};
}

const applied = ({plan}: Pick<ReturnType<typeof installed>, 'plan'>) =>
  only(plan().actions, 'applyObject').map(({rendered}) => rendered);

test('policies are owned by their policy and bindings by the ClusterRole, so that either deletion ends what they enforce', t => {
  const given = installed();
  given.delivered(role('r', '2'));
  const owners = Map.groupBy(applied(given), ({kind}) => kind.endsWith('Binding'));
  t.true((owners.get(true)?.length ?? 0) > 3);
  for (const {owner} of owners.get(true) ?? [])
    t.deepEqual(owner, {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      name: NAME,
      uid: 'r',
    });
  for (const {owner} of owners.get(false) ?? []) t.like(owner, {kind: 'LeasePolicy', uid: 'p'});
});

test('without an installation everything is owned by its policy', t => {
  const given = installed('');
  t.is(given.request, undefined);
  t.true(given.world.installation.isKnown);
  for (const {owner} of applied(given)) t.is(owner.uid, 'p');
});

test('only this one ClusterRole is watched, without its rules, and nothing begins before it is known', t => {
  const {world, request, delivered} = installed();
  t.like(request, {
    plural: 'clusterroles',
    fieldSelector: 'metadata.name=leasepolicy-operator',
    metadataOnly: true,
  });
  t.false(world.installation.isKnown);
  delivered();
  t.true(world.installation.isKnown);
});

for (const [what, objects] of [
  ['gone', []],
  ['about to go', [role('r', '3', '2026-01-02T00:00:00Z')]],
] as const) {
  test(`when the ClusterRole is ${what}, each policy is looked at and nothing is written any more`, t => {
    const given = installed();
    given.delivered(role('r', '2'));
    given.wanted.length = 0;
    given.delivered(...objects);
    t.deepEqual(given.wanted, ['admission/payments']);
    t.deepEqual(applied(given), []);
    t.like(given.plan(), {enforced: {status: 'False', reason: 'NotInstalled'}});
  });
}

test('a ClusterRole that was made anew is the owner from then on', t => {
  const given = installed();
  given.delivered(role('r', '2'));
  given.delivered(role('s', '4'));
  const bindings = applied(given).filter(({kind}) => kind.endsWith('Binding'));
  t.deepEqual([...new Set(bindings.map(({owner}) => owner.uid))], ['s']);
});

test('who owns the bindings changes nothing else of what is rendered', t => {
  const rules = policy().enforcing({names: 'Deny', holders: 'Deny'}).injecting().rules();
  const installation = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    name: NAME,
    uid: 'r',
  };
  const contents = (context = admissionContext()) =>
    renderAdmission(rules, context).map(({objects}) => objects.map(({owner: _, ...rest}) => rest));
  t.deepEqual(contents(admissionContext({installation})), contents());
});

test('who only looks takes the owner that bindings have for the installation, and would write nothing', t => {
  const given = installed('');
  const installation = {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    name: NAME,
    uid: 'r',
  };
  const rules = given.world.rules.get('payments');
  if (!rules) throw new Error('the policy is not in force');
  const owner = {apiVersion: 'leasepolicy.dev/v1alpha1', kind: 'LeasePolicy', name: 'payments', uid: 'p'};
  const operator = {username: '', namespace: 'leasepolicy-system'};
  const views = renderAdmission(rules, {owner, installation, operator, governsSystem: false})
    .flatMap(({objects}) => objects)
    .map(each => served(each));
  for (const view of views) given.world.rendered.stores[view.kind].putWritten(view);
  t.is(applied(given).length, views.filter(({kind}) => kind.endsWith('Binding')).length);

  given.world.installation.suppose(views, () => 'p');
  t.deepEqual(applied(given), []);
});

test('bindings that their policy owns, or one that is gone, tell of no installation', t => {
  const {world} = installed('');
  const view = {ownerUids: ['p'], policy: 'payments'} as unknown as RenderedView;
  world.installation.suppose([view], () => 'p');
  world.installation.suppose([view], () => undefined);
  t.is(world.installation.owner, undefined);
});
