/** What the collection reads from the caches: garbage of its policy, as it is at this moment. */
import test from 'ava';
import {collectionController} from '../../src/controllers/collection.ts';
import type {Garbage} from '../../src/core/plan/action.ts';
import type {NamespaceRow, PolicyRow} from '../../src/world/project.ts';
import {World} from '../../src/world/world.ts';
import {ago, idleWorld, lease, now, policy} from '../support/builders.ts';

const LEFT = lease().made('payments', 'Deployment/gone').orphaned(ago(7200)).with({changedAtMs: 0});

const garbage: Garbage = {
  policy: 'payments',
  dueAtMs: 0,
  transitions: 0,
  collect: {
    type: 'collectLease',
    policy: 'payments',
    lease: {namespace: 'shop', name: LEFT.name, uid: LEFT.uid, resourceVersion: '1'},
    subject: 'Deployment/gone',
    check: {expect: 'nothing'},
  },
};

/** A namespace with a Lease that was judged garbage. */
function worldWith(namespace: Partial<NamespaceRow>): World {
  const kinds = {
    get: () => ({state: 'served', plural: 'deployments', group: 'apps', version: 'v1'}) as const,
  };
  const world = new World({...idleWorld, kinds});
  const row: NamespaceRow = {key: 'shop', resourceVersion: '1', labels: {}, terminating: false, ...namespace};
  world.namespaces.replace(new Map([['shop', row]]), '1');
  const {name, spec} = policy('payments');
  const payments: PolicyRow = {
    key: name,
    uid: 'p',
    resourceVersion: '1',
    generation: 1,
    terminating: false,
    spec,
    status: undefined,
  };
  world.policies.replace(new Map([[name, payments]]), '1');
  for (const source of world.sources.values()) source.store.replace(new Map(), '1');
  world.leases.replace(new Map([[LEFT.key, LEFT]]), '1');
  const judged = {findings: [], garbage: [garbage]};
  world.ledger.record(`lease/${LEFT.key}`, judged, now.wallMs);
  return world;
}

const versions = (world: World) =>
  collectionController
    .observe('payments', world, now)
    .garbage.map(({collect}) => `${collect.lease.name}@${collect.lease.resourceVersion}`);

test('garbage is judged anew: the version is that of the cache', t => {
  t.deepEqual(versions(worldWith({})), [`${LEFT.name}@100`]);
});

test('in a namespace that is about to go nothing is collected, as nothing can be noted there', t => {
  t.deepEqual(versions(worldWith({terminating: true})), []);
});

test('garbage that is gone from the cache is none', t => {
  const world = worldWith({});
  world.leases.delete(LEFT.key, '101');
  t.deepEqual(versions(world), []);
});
