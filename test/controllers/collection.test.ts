/** What the collection reads from the caches: garbage of its policy, as it is at this moment. */
import test from 'ava';
import {collectionController} from '../../src/controllers/collection.ts';
import {CONTROLLERS} from '../../src/controllers/controllers.ts';
import {byName, lookAt} from '../../src/controllers/look.ts';
import type {LeaseView} from '../../src/core/lease/lifetime.ts';
import type {Garbage} from '../../src/core/plan/action.ts';
import type {NamespaceRow, PolicyRow} from '../../src/world/project.ts';
import {World, type WorldOptions} from '../../src/world/world.ts';
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

/** A namespace with these Leases, and no workload. */
function worldOf(
  leases: readonly LeaseView[],
  {name, spec} = policy('payments'),
  namespace: Partial<NamespaceRow> = {},
  options: Partial<WorldOptions> = {},
): World {
  const kinds = {
    get: () => ({state: 'served', plural: 'deployments', group: 'apps', version: 'v1'}) as const,
  };
  const world = new World({...idleWorld, kinds, ...options});
  const row: NamespaceRow = {key: 'shop', resourceVersion: '1', labels: {}, terminating: false, ...namespace};
  world.namespaces.replace(new Map([['shop', row]]), '1');
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
  world.leases.replace(new Map(leases.map(each => [each.key, each])), '1');
  return world;
}

/** One with a Lease that was judged garbage. */
function worldWith(namespace: Partial<NamespaceRow>): World {
  const world = worldOf([LEFT], policy('payments'), namespace);
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

test('a mistake that orphans all counts all at the first pass, before any of them is marked', t => {
  const four = ['a', 'b', 'c', 'd'].map(name =>
    lease().made('payments', `Deployment/${name}`).named(`payments-${name}`).released(ago(7200)),
  );
  const keys: string[] = [];
  const enqueue = (key: string, afterMs = 0) => {
    if (afterMs === 0 && !keys.includes(key)) keys.push(key);
  };
  const collection = {ttlSeconds: 15, maxPercent: 50};
  const world = worldOf(four, policy('payments').collecting(collection), {}, {enqueue});
  keys.length = 0;
  world.triggers.all();
  const controllers = byName(CONTROLLERS);
  for (let key = keys.shift(); key !== 'collection/payments'; key = keys.shift()) {
    if (key === undefined) return t.fail('no collection was wanted');
    lookAt(key, controllers, world, now);
  }
  lookAt('collection/payments', controllers, world, now);
  t.regex(world.stopped.get('payments') ?? '', /^4 of 4 Leases would be deleted at once/);
});
