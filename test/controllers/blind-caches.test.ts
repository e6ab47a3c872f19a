/** While the caches are out of touch with the API server, nobody is taken for silent. */
import test, {type ExecutionContext} from 'ava';
import {componentsController} from '../../src/controllers/components.ts';
import type {Controller} from '../../src/controllers/controller.ts';
import {heartbeatController} from '../../src/controllers/heartbeat.ts';
import {identitiesController} from '../../src/controllers/identities.ts';
import {leaseController} from '../../src/controllers/lease.ts';
import {workloadController} from '../../src/controllers/workload.ts';
import type {LeaseView} from '../../src/core/lease/lifetime.ts';
import type {NamespaceRow, NodeRow, PolicyRow, WorkloadRow} from '../../src/world/project.ts';
import {World} from '../../src/world/world.ts';
import {
  ago,
  ahead,
  idleWorld,
  lease,
  now,
  policy,
  steps,
  systemPolicy,
  workload,
} from '../support/builders.ts';

const kinds = {
  get: () => ({state: 'served', plural: 'deployments', group: 'apps', version: 'v1'}) as const,
};

function world(specs: Record<string, PolicyRow['spec']>, ...leases: LeaseView[]): World {
  const made = new World({...idleWorld, kinds});
  const namespaces = ['shop', 'kube-system'].map((key): [string, NamespaceRow] => [
    key,
    {key, resourceVersion: '1', labels: {}, terminating: false},
  ]);
  made.namespaces.replace(new Map(namespaces), '1');
  const policies = Object.entries(specs).map(([key, spec]): [string, PolicyRow] => [
    key,
    {key, uid: key, resourceVersion: '1', generation: 1, terminating: false, spec, status: undefined},
  ]);
  made.policies.replace(new Map(policies), '1');
  const api: WorkloadRow = {
    ...workload('api').with({readySinceMs: ago(3600).monotonicMs}),
    key: 'shop/api',
    resourceVersion: '1',
  };
  for (const {store} of made.sources.values()) store.replace(new Map([[api.key, api]]), '1');
  made.leases.replace(new Map(leases.map(each => [each.key, each])), '1');
  return made;
}

const reasons = (of: World, controller: Controller<never>, key: string, at = now) =>
  controller.plan(controller.observe(key, of, at), at).findings.map(({reason}) => reason);

const held = lease().made('payments', 'Deployment/api').heldBy('api-7d9f8b6c5-x2x4z').renewed(now);
const scheduler = lease().named('kube-scheduler').in('kube-system').heldBy('cp-1_0f5d6a0e').renewed(now);
const server = lease()
  .named('apiserver-x')
  .in('kube-system')
  .heldBy('apiserver-x_1')
  .lasting(15)
  .with({labels: {'apiserver.kubernetes.io/identity': 'kube-apiserver'}})
  .renewed(now);
const components = systemPolicy({components: [{namespace: 'kube-system', name: 'kube-scheduler'}]}).spec;
const apiServers = systemPolicy({apiServers: {}}).spec;

/** What is told when so many seconds have passed, in which nothing was seen, and when the watch delivers again. */
function silence(t: ExecutionContext, of: World, controller: Controller<never>, key: string, told: string) {
  of.leases.isRightAt(ahead(1).monotonicMs);
  t.deepEqual(reasons(of, controller, key, ahead(45)), [], 'nothing was seen since');
  of.leases.isRightAt(undefined);
  t.deepEqual(reasons(of, controller, key, ahead(45)), [told], 'it was silent under our own eyes');
}

test('a workload has not stopped leading because the watch of the Leases has failed', t => {
  silence(t, world({payments: policy().spec}, held), leaseController as never, `${held.key}`, 'Leaderless');
});

test('nor has a component, nor is an API server gone', t => {
  silence(t, world({components}, scheduler), componentsController as never, 'components', 'Leaderless');
  silence(t, world({apiServers}, server), identitiesController as never, 'apiServers', 'StaleHeartbeat');
});

test('a name that we keep closed is not opened while nobody knows whether the old one is renewed', t => {
  const old = lease()
    .named('old')
    .made('payments', 'Deployment/api')
    .heldBy('api-7d9f8b6c5-x2x4z')
    .renewed(now);
  const closed = lease().made('payments', 'Deployment/api').keptClosedFor('old').lasting(3600).renewed(now);
  const of = world({payments: policy().spec}, old, closed);
  const written = (at = ahead(45)) =>
    steps(
      workloadController.plan(workloadController.observe('deployments.apps/shop/api', of, at), at).actions,
    );
  of.leases.isRightAt(ahead(1).monotonicMs);
  t.deepEqual(written(), ['renew'], 'our own hold goes on');
  of.leases.isRightAt(undefined);
  t.deepEqual(written(), ['seal', 'open']);
});

// Heartbeats of nodes

const nodes = systemPolicy({nodes: {selector: {}}}, {mode: 'All', ttlSeconds: 60}).spec;
const beat = lease()
  .named('a')
  .in('kube-node-lease')
  .heldBy('a')
  .lasting(40)
  .with({acquireTime: undefined})
  .ownedBy('Node/a')
  .renewed(now);
const row: NodeRow = {
  key: 'a',
  name: 'a',
  uid: 'uid-of-a',
  resourceVersion: '1',
  labels: {},
  isSimulated: false,
  seenAtMs: ago(3600).monotonicMs,
};

function worldOfNodes(listedAt = now): World {
  const made = world({nodes});
  made.heartbeats.nodes.replace(new Map([['a', row]]), '1');
  made.heartbeats.leases.replace(new Map([['a', {...beat, key: 'a'}]]), '1');
  made.heartbeats.leases.isRightAt(listedAt.monotonicMs);
  return made;
}
const heartbeat = (of: World, at = now) => reasons(of, heartbeatController as never, 'a', at);

test('a node is silent by the last complete list, and not by what time has passed since', t => {
  const of = worldOfNodes(ahead(10));
  t.deepEqual(heartbeat(of, ahead(3600)), []);
  of.heartbeats.leases.isRightAt(ahead(41).monotonicMs);
  t.deepEqual(heartbeat(of, ahead(42)), ['StaleHeartbeat']);
});

test('the ttl of what a node left does not pass while its heartbeat is not read', t => {
  const of = worldOfNodes(ahead(10));
  of.heartbeats.nodes.delete('a', '2');
  const at = ahead(3600);
  t.deepEqual(heartbeatController.plan(heartbeatController.observe('a', of, at), at).garbage ?? [], []);
});
