/** What wants to be looked at after a change of the caches. */
import test from 'ava';
import {leaseController} from '../../src/controllers/lease.ts';
import type {LeaseView} from '../../src/core/lease/lifetime.ts';
import type {NamespaceRow, PolicyRow} from '../../src/world/project.ts';
import {World} from '../../src/world/world.ts';
import {ago, ahead, idleWorld, lease, now, policy} from '../support/builders.ts';

const kinds = {
  get: () => ({state: 'served', plural: 'deployments', group: 'apps', version: 'v1'}) as const,
};

/** A namespace under a policy that collects all Leases of its names, and the keys that were wanted. */
function world(...leases: LeaseView[]) {
  const wanted: string[] = [];
  const made = new World({...idleWorld, kinds, enqueue: key => wanted.push(key)});
  const shop: NamespaceRow = {key: 'shop', resourceVersion: '1', labels: {}, terminating: false};
  made.namespaces.replace(new Map([['shop', shop]]), '1');
  const {name: key, spec} = policy().template('{prefix}.{name}').collecting({mode: 'All'});
  const [uid, resourceVersion, generation, terminating, status] = ['p', '1', 1, false, undefined];
  const row: PolicyRow = {key, uid, resourceVersion, generation, terminating, spec, status};
  made.policies.replace(new Map([[key, row]]), '1');
  for (const {store} of made.sources.values()) store.replace(new Map(), '1');
  made.leases.replace(new Map(leases.map(each => [each.key, each])), '1');
  return {
    world: made,
    wanted,
    wantedBy: (change: () => void) => {
      wanted.length = 0;
      change();
      return [...new Set(wanted)].filter(each => each.startsWith('lease/')).sort();
    },
  };
}

const bucket = (name: string) => lease().named(`payments.api.${name}`);
const old = ['00-of-03', '01-of-03', '02-of-03'].map(name => bucket(name).heldBy('old').renewed(ago(600)));
const [first, second] = [bucket('00-of-02').heldBy('a'), bucket('01-of-02').heldBy('b')];
const oldKeys = old.map(each => `lease/${each.key}`);
const newer = (each: ReturnType<typeof lease>) => each.with({resourceVersion: '200'});

test('when a namespace is labelled otherwise, the candidates there are looked at for the policies that govern it now', t => {
  const chosen = lease().named('chosen').with({strategy: 'OldestEmulationVersion'});
  const others = [lease().named('plain'), chosen.in('bank')];
  const {world: of, wanted} = world(chosen, ...others);
  const candidate = {name: 'c', uid: 'c', pingTime: undefined, renewTime: undefined, changedAtMs: 0};
  const standing = (namespace: string) => {
    const key = `${namespace}/c`;
    return [key, {...candidate, key, resourceVersion: '1', namespace, leaseName: 'gone'}] as const;
  };
  of.candidates.store.replace(new Map([standing('shop'), standing('bank')]), '1');
  wanted.length = 0;
  of.namespaces.put({key: 'shop', resourceVersion: '2', labels: {team: 'a'}, terminating: false});
  t.deepEqual(
    wanted.filter(each => each.startsWith('candidates/')),
    ['candidates/shop/gone', 'candidates/shop/chosen'],
  );
});

test('when a set of buckets becomes complete, those of the other sets are looked at again', t => {
  const {world: of, wantedBy} = world(...old, first, bucket('00-of-01').in('bank'), lease().named('other'));
  t.deepEqual(
    wantedBy(() => of.leases.put(newer(second))),
    [`lease/${first.key}`, `lease/${second.key}`, ...oldKeys].sort(),
  );
});

test('so are they when the holder of a bucket changes, or it goes', t => {
  const {world: of, wantedBy} = world(...old, first, second);
  const all = [...oldKeys, `lease/${first.key}`, `lease/${second.key}`].sort();
  t.deepEqual(
    wantedBy(() => of.leases.put(newer(second.released(now)))),
    all,
  );
  t.deepEqual(
    wantedBy(() => of.leases.delete(second.key, '201')),
    all,
  );
});

test('a renewal of a bucket is nothing to look at', t => {
  const {world: of, wantedBy} = world(...old, first.renewed(ago(5)), second);
  t.deepEqual(
    wantedBy(() => of.leases.put(newer(first.renewed(now)))),
    [],
  );
});

test('a bucket whose set is held by another one still is looked at again when that runs out', t => {
  const [expired, ...others] = old;
  const last = bucket('02-of-03').heldBy('old').renewed(ago(5));
  const {world: of} = world(expired as LeaseView, others[0] as LeaseView, last, first, second);
  const judged = (at: typeof now) =>
    leaseController.plan(leaseController.observe(old[0]?.key ?? '', of, at), at);
  t.deepEqual(judged(now).garbage ?? [], []);
  t.is(judged(now).requeueAfterMs, 10_000);
  for (const each of [first, second]) of.leases.put(newer(each.renewed(ahead(9))));
  t.is(judged(ahead(10)).garbage?.length, 1);
});
