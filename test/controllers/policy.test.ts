/** When a policy says that it is ready: when everything was read, and every subject was looked at. */
import test from 'ava';
import type {LeasePolicySpec} from '../../src/api/leasepolicy.ts';
import {heartbeatController} from '../../src/controllers/heartbeat.ts';
import {policyController} from '../../src/controllers/policy.ts';
import {type NamespaceRow, type NodeRow, type PolicyRow, projectPolicy} from '../../src/world/project.ts';
import {World} from '../../src/world/world.ts';
import {ago, ahead, idleWorld, lease, now, only, policy, systemPolicy} from '../support/builders.ts';

const kinds = {
  get: () => ({state: 'served', plural: 'deployments', group: 'apps', version: 'v1'}) as const,
};

function world(spec: LeasePolicySpec): World {
  const made = new World({...idleWorld, kinds});
  const shop: NamespaceRow = {key: 'shop', resourceVersion: '1', labels: {}, terminating: false};
  made.namespaces.replace(new Map([['shop', shop]]), '1');
  made.leases.replace(new Map(), '1');
  const [key, uid, resourceVersion, generation, terminating, status] = ['p', 'p', '1', 1, false, undefined];
  const row: PolicyRow = {key, uid, resourceVersion, generation, terminating, spec, status};
  made.policies.replace(new Map([[key, row]]), '1');
  return made;
}

function ready(of: World, at = now): string {
  const {actions} = policyController.plan(policyController.observe('p', of, at), at);
  const conditions = only(actions, 'writeStatus')[0]?.status.conditions ?? [];
  const {status, reason} = conditions.find(({type}) => type === 'Ready') ?? {};
  return `${status} ${reason}`;
}

/** Looks at the heartbeat of a node, as the operator does. */
function look(of: World, name: string, at = now): void {
  of.ledger.record(
    `heartbeat/${name}`,
    heartbeatController.plan(heartbeatController.observe(name, of, at), at),
    at.wallMs,
  );
}

const nodes = systemPolicy({nodes: {selector: {}}}).spec;
const node = (name: string, resourceVersion: string, seenAtMs = now.monotonicMs): NodeRow => ({
  key: name,
  name,
  uid: `uid-of-${name}`,
  resourceVersion,
  labels: {},
  isSimulated: false,
  seenAtMs,
});
const beat = (name: string, resourceVersion: string) => ({
  ...lease().in('kube-node-lease').heldBy(name).lasting(40).with({resourceVersion}),
  name,
  key: name,
});

test('a policy of nodes is not ready before both nodes and heartbeats are read', t => {
  const of = world(nodes);
  t.is(ready(of), 'False Reconciling');
  of.heartbeats.nodes.replace(new Map(), '1');
  t.is(ready(of), 'False Reconciling');
  of.heartbeats.leases.replace(new Map(), '1');
  t.is(ready(of), 'True Reconciled');
});

test('a new node without a Lease is waited for, and one without a look at its Lease is not', t => {
  const of = world(nodes);
  const old = node('old', '1', ago(3600).monotonicMs);
  of.heartbeats.nodes.replace(new Map([['old', old]]), '1');
  of.heartbeats.leases.replace(new Map([['old', beat('old', '1')]]), '1');
  t.is(ready(of), 'False Reconciling');
  look(of, 'old');
  t.is(ready(of), 'True Reconciled');

  of.heartbeats.nodes.put(node('new', '2'));
  look(of, 'new');
  t.is(ready(of), 'True Reconciled', 'its kubelet has a minute');
  look(of, 'new', ahead(60));
  t.is(ready(of, ahead(60)), 'False SubjectsWithoutLease');

  of.heartbeats.leases.put(beat('new', '3'));
  look(of, 'new', ahead(61));
  t.is(ready(of, ahead(61)), 'True Reconciled');
});

test('a node is no new one when it has a Lease: that has to be looked at', t => {
  const of = world(nodes);
  of.heartbeats.nodes.replace(new Map([['new', node('new', '1')]]), '1');
  of.heartbeats.leases.replace(new Map([['new', beat('new', '1')]]), '1');
  t.is(ready(of), 'False Reconciling');
});

for (const [what, spec] of [
  ['without subjects', {...policy().spec, subjects: undefined}],
  ['that is empty', {}],
  ['that is missing', undefined],
  ['that is a text', 'x'],
] as const) {
  test(`a spec ${what}, by the CRD of another version, is refused and stops nothing`, t => {
    const of = world(nodes);
    const metadata = {name: 'odd', uid: 'o', resourceVersion: '2', creationTimestamp: '', generation: 1};
    of.policies.put(projectPolicy({metadata, spec} as never));
    t.like(of.inForce.acceptance.get('odd'), {accepted: false, reason: 'InvalidSpec'});
    of.triggers.all();
    of.triggers.kindChanged({apiVersion: 'apps/v1', kind: 'Deployment'});
    of.triggers.heartbeatsReady();
    const {actions} = policyController.plan(policyController.observe('odd', of, now), now);
    t.like(only(actions, 'writeStatus')[0]?.status.conditions?.[0], {type: 'Accepted', status: 'False'});
  });
}

test('a policy of workloads is not ready before they are read', t => {
  const of = world(policy().spec);
  t.is(ready(of), 'False Reconciling');
  for (const {store} of of.sources.values()) store.replace(new Map(), '1');
  t.is(ready(of), 'True Reconciled');
});
