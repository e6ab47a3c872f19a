/** What the metrics read from the caches. */
import test from 'ava';
import {WorkQueue} from '../../src/runtime/queue.ts';
import {metricSources} from '../../src/world/metric-sources.ts';
import type {PolicyRow} from '../../src/world/project.ts';
import {World} from '../../src/world/world.ts';
import {ago, idleWorld, lease, now, policy, systemPolicy} from '../support/builders.ts';

function worldOf(...names: string[]): World {
  const world = new World(idleWorld);
  const {spec} = policy();
  const rows = names.map((key): PolicyRow => {
    return {key, uid: key, resourceVersion: '1', generation: 1, terminating: false, spec, status: undefined};
  });
  world.policies.replace(new Map(rows.map(row => [row.key, row])), '1');
  return world;
}

const sourcesOf = (world: World, leading = true) =>
  metricSources(
    world,
    new WorkQueue(),
    () => leading,
    () => now.monotonicMs,
  );

test('the leader tells of each policy whether it is enforced, a standby of none', t => {
  const world = worldOf('billing', 'payments');
  world.enforcement.set('billing', {status: 'False', reason: 'KindNotServed', message: 'too old'});
  world.enforcement.set('payments', {status: 'True', reason: 'InForce', message: 'all of it'});
  const enforced = (leading: boolean) => [...sourcesOf(world, leading).enforced()];
  t.deepEqual(enforced(true), [
    {policy: 'billing', count: 0},
    {policy: 'payments', count: 1},
  ]);
  t.deepEqual(enforced(false), []);
});

test('the leader tells what each policy in force is about', t => {
  const world = worldOf('payments');
  world.inForce.rules.set('payments', policy().rules());
  const components = [{namespace: 'serving', name: 'controller'}];
  for (const [name, subjects] of Object.entries({nodes: {nodes: {selector: {}}}, led: {components}}))
    world.inForce.systemRules.set(name, systemPolicy(subjects).rules(name));
  t.deepEqual(
    [...sourcesOf(world).policyInfo()],
    [
      {policy: 'payments', subjects: 'Workload', count: 1},
      {policy: 'nodes', subjects: 'Node', count: 1},
      {policy: 'led', subjects: 'Component', count: 1},
    ],
  );
  t.deepEqual([...sourcesOf(world, false).policyInfo()], []);
});

test('a bucket that another set has replaced is no election without a leader', t => {
  const world = worldOf();
  const components = [{namespace: 'shop', name: 'controller'}];
  world.inForce.systemRules.set('led', systemPolicy({components}).rules('led'));
  const bucket = (name: string) => lease().named(`controller.${name}`).heldBy('a-pod').lasting(15);
  const show = (...leases: ReturnType<typeof bucket>[]) => {
    world.leases.replace(new Map(leases.map(each => [each.key, each])), '1');
    return [...sourcesOf(world).leaderless()];
  };
  const old = bucket('00-of-01').renewed(ago(100));
  const ofSet = {policy: 'led', class: 'leader-election-bucket'};
  t.deepEqual(show(old, bucket('00-of-02')), [{...ofSet, count: 85}], 'the set of two is not complete');
  t.deepEqual(show(old, bucket('00-of-02'), bucket('01-of-02')), [{...ofSet, count: 0}]);
});

test('a standby too tells how much each cache has, also that of the candidates', t => {
  const world = worldOf('payments');
  const [key, namespace, name, leaseName] = ['shop/a', 'shop', 'a', 'api'];
  const times = {pingTime: undefined, renewTime: undefined, changedAtMs: 0};
  const candidate = {key, namespace, name, uid: 'a', resourceVersion: '1', leaseName, ...times};
  world.candidates.store.replace(new Map([[key, candidate]]), '1');
  const counts = Object.fromEntries(
    [...sourcesOf(world, false).cached()].map(each => [each.resource, each.count]),
  );
  t.like(counts, {leasepolicies: 1, leases: 0, nodes: 0, heartbeats: 0, leasecandidates: 1});
});

test('while the Leases are not seen, no time without a renewal or a leader is told', t => {
  const world = worldOf();
  const components = [{namespace: 'shop', name: 'controller'}];
  world.inForce.systemRules.set('led', systemPolicy({components}).rules('led'));
  const led = lease().named('controller.00-of-01').heldBy('a-pod').lasting(15).renewed(ago(100));
  world.leases.replace(new Map([[led.key, led]]), '1');
  const told = () => {
    const {renewAges, leaderless} = sourcesOf(world);
    return [...renewAges(), ...leaderless()].map(({count}) => count);
  };
  t.deepEqual(told(), [100, 85]);
  world.leases.isRightAt(ago(90).monotonicMs);
  t.deepEqual(told(), [10, 0]);
});
