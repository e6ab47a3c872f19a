/** What the lease controller reads from the caches: a hand-over is seen as long as an old name of the subject is held. */
import test from 'ava';
import {leaseController} from '../../src/controllers/lease.ts';
import {type Catalogue, compileCatalogue, KNOWN} from '../../src/core/lease/catalogue.ts';
import type {LeaseView} from '../../src/core/lease/lifetime.ts';
import type {NamespaceRow, PolicyRow, WorkloadRow} from '../../src/world/project.ts';
import {World} from '../../src/world/world.ts';
import {ago, idleWorld, lease, now, policy, workload} from '../support/builders.ts';

const [A, B, C] = ['a-14c2529eb4', 'b-14c2529eb4', 'c-14c2529eb4'] as const;

/** The world of one Deployment, under a policy whose prefix is c now. */
const worldWith = (...leases: LeaseView[]) => worldOf(KNOWN, ...leases);

function worldOf(catalogue: Catalogue, ...leases: LeaseView[]): World {
  const kinds = {
    get: () => ({state: 'served', plural: 'deployments', group: 'apps', version: 'v1'}) as const,
  };
  const world = new World({...idleWorld, kinds, catalogue});
  const namespace: NamespaceRow = {key: 'shop', resourceVersion: '1', labels: {}, terminating: false};
  world.namespaces.replace(new Map([['shop', namespace]]), '1');
  const {name, spec} = policy('payments').prefixed('c');
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
  const api: WorkloadRow = {...workload('api'), key: 'shop/api', resourceVersion: '1'};
  for (const source of world.sources.values()) source.store.replace(new Map([['shop/api', api]]), '1');
  world.leases.replace(new Map(leases.map(each => [each.key, each])), '1');
  return world;
}

const made = (name: string) => lease().named(name).made('payments', 'Deployment/api');
const subjectCheck = (subject: string) => {
  const left = lease().named(A).made('payments', subject).released();
  return leaseController.observe(`shop/${A}`, worldWith(left), now).check;
};
const closed = (name: string) => made(name).keptClosedFor(A).lasting(3600).renewed(ago(1));
const handingOver = (name: string, ...leases: LeaseView[]) =>
  leaseController.observe(`shop/${name}`, worldWith(...leases), now).handingOver;

test('while A is held, B is part of a hand-over, and the present name is not', t => {
  const leases = [made(A).heldBy('api-5d8f-x2x4z').renewed(ago(1)), closed(B), closed(C)];
  t.true(handingOver(B, ...leases));
  t.false(handingOver(C, ...leases));
});

test('when A is given up the hand-over has ended', t => {
  t.false(handingOver(B, made(A).released(), closed(B), closed(C)));
});

test('the holder of the present name is the one to whom it is handed over', t => {
  t.false(handingOver(B, closed(A), closed(B), made(C).heldBy('api-5d8f-x2x4z').renewed(ago(1))));
});

test('the live read before a deletion is of the subject that the Lease names', t => {
  const path = '/apis/apps/v1/namespaces/shop/deployments/web';
  t.deepEqual(subjectCheck('Deployment/web'), {expect: 'absent', path});
  t.deepEqual(subjectCheck('Deployment/other/web'), {
    expect: 'absent',
    path: '/apis/apps/v1/namespaces/other/deployments/web',
  });
});

test('a subject that somebody has made up becomes no other request', t => {
  for (const name of ['web?watch=1', 'web#x', 'a b\n', '..', '.', '', 'a%2fb', 'x'.repeat(100_000), '\ud800'])
    t.is(subjectCheck(`Deployment/${name}`), undefined, name.slice(0, 20));
  for (const namespace of ['..', '', '%2e%2e']) t.is(subjectCheck(`Deployment/${namespace}/web`), undefined);
});

for (const subject of ['Deployment', 'Deployment/', 'Deployment/a/b/c', 'Deployment/..'])
  test(`a Lease whose subject somebody has made ${JSON.stringify(subject)} is checked by no look, so it stays`, t => {
    t.is(subjectCheck(subject), undefined);
  });

test('workloads that lead by one name are found where the catalogue says that products share it, also that of a user', t => {
  const entries = [
    {name: 'fleet-lock', namespace: '*', component: 'Fleet', class: 'leader-election', scaffold: true},
  ];
  const catalogue = compileCatalogue(entries);
  if (Array.isArray(catalogue)) throw new Error(catalogue.join());
  const pods = [lease().heldBy('api-7d9f8b6c5-x2x4z'), lease().in('bank').heldBy('web-7d9f8b6c5-x2x4z')];
  const world = worldOf(
    catalogue,
    ...pods.flatMap(each => [each.named('fleet-lock'), each.named('own-lock')]),
  );
  const web: WorkloadRow = {...workload('web').in('bank'), key: 'bank/web', resourceVersion: '2'};
  for (const source of world.sources.values()) source.store.put(web);
  const namesakes = (name: string) => leaseController.observe(`shop/${name}`, world, now).namesakes;
  t.deepEqual(namesakes('fleet-lock'), ['Deployment/bank/web']);
  t.deepEqual(namesakes('own-lock'), []);
});
