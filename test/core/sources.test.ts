/** What the metrics read from the caches. */
import test from 'ava';
import type {PolicyRow} from '../../src/controllers/project.ts';
import {metricSources} from '../../src/controllers/sources.ts';
import {World} from '../../src/controllers/world.ts';
import {WorkQueue} from '../../src/runtime/queue.ts';
import {idleWorld, now, policy} from '../support/builders.ts';

function worldOf(...names: string[]): World {
  const world = new World(idleWorld);
  const {spec} = policy();
  const rows = names.map((key): PolicyRow => {
    return {key, uid: key, resourceVersion: '1', generation: 1, terminating: false, spec, status: undefined};
  });
  world.policies.replace(new Map(rows.map(row => [row.key, row])), '1');
  return world;
}

test('the leader tells of each policy whether it is enforced, a standby of none', t => {
  const world = worldOf('billing', 'payments');
  world.enforcement.set('billing', {status: 'False', reason: 'KindNotServed', message: 'too old'});
  world.enforcement.set('payments', {status: 'True', reason: 'InForce', message: 'all of it'});
  const enforced = (leading: boolean) => [
    ...metricSources(
      world,
      new WorkQueue(),
      () => leading,
      () => now.monotonicMs,
    ).enforced(),
  ];
  t.deepEqual(enforced(true), [
    {policy: 'billing', count: 0},
    {policy: 'payments', count: 1},
  ]);
  t.deepEqual(enforced(false), []);
});
