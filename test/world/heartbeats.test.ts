/** The caches of nodes and their Leases. */
import test from 'ava';
import type {KubeObject} from '../../src/api/objects.ts';
import type {LeaseView} from '../../src/core/lease/lifetime.ts';
import type {Row} from '../../src/runtime/store.ts';
import {Heartbeats, type HeartbeatsOptions} from '../../src/world/heartbeats.ts';
import type {WatchRequest} from '../../src/world/watch-request.ts';

/** Caches, and lists that come when the test says so. */
function caches() {
  const requests: WatchRequest<Row>[] = [];
  const changed: string[] = [];
  const told: string[] = [];
  const options: HeartbeatsOptions = {
    watch: request => requests.push(request as unknown as WatchRequest<Row>),
    pollMs: 1000,
    onChange: name => changed.push(name),
    onWrite: ({name}) => told.push(`write ${name}`),
    onState: () => told.push('state'),
  };
  const heartbeats = new Heartbeats(options);
  const requestOf = (plural: string) => requests.findLast(each => each.plural === plural);
  const list = (plural: 'nodes' | 'leases', version: string, ...objects: KubeObject[]) => {
    const request = requestOf(plural);
    const rows = objects.map(object => request?.project(object, request.store.get(object.metadata.name)));
    request?.store.replace(new Map(rows.map(row => [row?.key ?? '', row as Row])), version);
    request?.onState?.(undefined);
  };
  return {heartbeats, requests, requestOf, changed, told, list};
}

const metadata = (name: string, resourceVersion = '1') => ({
  name,
  uid: `uid-of-${name}`,
  resourceVersion,
  creationTimestamp: '2026-01-01T00:00:00Z',
});
const node = (name: string) => ({metadata: {...metadata(name), labels: {pool: 'a'}}});
const beat = (name: string, renewTime: string, version = '1') => ({
  metadata: {...metadata(name, version), namespace: 'kube-node-lease'},
  spec: {holderIdentity: name, leaseDurationSeconds: 40, renewTime},
});
const FIRST = '2026-03-01T12:00:00.000000Z';
const SECOND = '2026-03-01T12:00:10.000000Z';

for (const order of [['nodes', 'leases'] as const, ['leases', 'nodes'] as const]) {
  test(`a node is known to be absent when both lists are complete, ${order.join(' first, then ')}`, t => {
    const {heartbeats, list, told} = caches();
    heartbeats.want('names');
    for (const plural of order) {
      t.is(heartbeats.absentSinceMs('gone'), undefined);
      if (plural === 'nodes') list('nodes', '5', node('a'));
      else list('leases', '5', beat('a', FIRST), beat('gone', FIRST));
    }
    t.true(heartbeats.ready);
    t.is(typeof heartbeats.absentSinceMs('gone'), 'number');
    t.is(heartbeats.absentSinceMs('a'), undefined);
    t.is(told.at(-1), 'state', 'everything is looked at anew');
  });
}

test('the absence of a node is kept for the sake of its Lease alone', t => {
  const {heartbeats, list} = caches();
  heartbeats.want('names');
  list('nodes', '5', node('a'), node('bare'));
  list('leases', '5', beat('a', FIRST));
  heartbeats.nodes.delete('a', '6');
  heartbeats.nodes.delete('bare', '7');
  t.is(typeof heartbeats.absentSinceMs('a'), 'number');
  t.is(heartbeats.absentSinceMs('bare'), undefined);
  list('leases', '8', beat('bare', FIRST));
  t.is(typeof heartbeats.absentSinceMs('bare'), 'number');
  t.is(heartbeats.absentSinceMs('a'), undefined);
});

test('a heartbeat that goes on is a write and nothing to look at', t => {
  const {heartbeats, list, told, changed} = caches();
  heartbeats.want('names');
  list('nodes', '5', node('a'));
  list('leases', '5', beat('a', FIRST));
  const before = changed.length;
  list('leases', '6', beat('a', SECOND, '2'));
  t.is(changed.length, before);
  t.is(told.at(-1), 'write a');
});

test('a node falls silent by a list of heartbeats, and neither by one that failed nor by one of nodes', t => {
  const {heartbeats, list, requestOf, changed} = caches();
  heartbeats.want('names');
  list('nodes', '5', node('a'));
  list('leases', '5', beat('a', FIRST));
  const {leases} = heartbeats;
  const silentSinceMs = performance.now() - 41_000;
  leases.put({...(leases.get('a') as LeaseView), resourceVersion: '6', changedAtMs: silentSinceMs});
  const before = changed.length;
  requestOf('leases')?.onState?.('the API server does not answer');
  list('nodes', '6', node('a'));
  t.is(changed.length, before);
  requestOf('leases')?.onState?.(undefined);
  t.deepEqual(changed.slice(before), ['a']);
});

test('texts that say the same are kept once, and what does not change is what was there', t => {
  const {heartbeats, list} = caches();
  heartbeats.want('names');
  list('nodes', '5', node('a'));
  list('leases', '5', beat('a', FIRST));
  const first = heartbeats.leases.get('a');
  list('leases', '6', beat('a', SECOND, '2'));
  const second = heartbeats.leases.get('a');
  t.like(second, {key: 'a', name: 'a', namespace: 'kube-node-lease', holder: 'a', renewTime: SECOND});
  t.is(first?.owners, second?.owners);
});

test('labels of nodes are kept only where they are needed', t => {
  const {heartbeats, list} = caches();
  heartbeats.want('names');
  list('nodes', '5', node('a'));
  t.deepEqual(heartbeats.nodes.get('a')?.labels, {});
  heartbeats.want('names and labels');
  list('nodes', '5', node('a'));
  t.deepEqual(heartbeats.nodes.get('a')?.labels, {pool: 'a'});
});

test('what was there when labels began to be needed is judged anew, also when it is gone since', t => {
  const {heartbeats, list, changed} = caches();
  heartbeats.want('names');
  list('nodes', '5', node('a'), node('gone'));
  list('leases', '5', beat('a', FIRST), beat('gone', FIRST), beat('left', FIRST));
  heartbeats.want('names and labels');
  const before = changed.length;
  list('nodes', '6', node('a'));
  list('leases', '6', beat('a', FIRST));
  t.deepEqual([...new Set(changed.slice(before))].sort(), ['a', 'gone', 'left']);
});

test('when nothing is wanted any more, the watches end and nothing is kept', t => {
  const {heartbeats, list, requests} = caches();
  heartbeats.want('names');
  list('nodes', '5', node('a'));
  heartbeats.want('nothing');
  t.true(requests.every(({signal}) => signal?.aborted));
  t.deepEqual([heartbeats.nodes.size, heartbeats.ready, heartbeats.settled], [0, false, true]);
  heartbeats.want('nothing');
  t.is(requests.length, 2);
});

test('why nodes can not be read is told until they can', t => {
  const {heartbeats, list, requestOf} = caches();
  heartbeats.want('names');
  requestOf('nodes')?.onState?.('nodes is forbidden');
  t.is(heartbeats.problem, 'nodes is forbidden');
  t.true(heartbeats.settled);
  list('nodes', '5');
  list('leases', '5');
  t.is(heartbeats.problem, undefined);
});
