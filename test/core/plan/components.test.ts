/** Components that always have a leader. */
import test from 'ava';
import {planCollection} from '../../../src/core/plan/collection.ts';
import type {ComponentLease, ComponentView} from '../../../src/core/plan/components.ts';
import {planComponents} from '../../../src/core/plan/components.ts';
import {ago, ahead, lease, now, only, systemPolicy} from '../../support/builders.ts';

const subjects = {components: [{namespace: 'kube-system', name: 'kube-scheduler'}]};
const rules = systemPolicy(subjects).rules('control-plane');
const collecting = systemPolicy(subjects, {mode: 'All', ttlSeconds: 300}).rules('control-plane');

const scheduler = () => lease().named('kube-scheduler').in('kube-system').heldBy('cp-1_0f5d6a0e').lasting(15);
const led = (view: ComponentLease['lease']): ComponentLease => ({
  lease: view,
  class: 'leader-election',
  changes: [],
});
const component = (...leases: ComponentLease[]): ComponentView => ({
  namespace: 'kube-system',
  name: 'kube-scheduler',
  leases,
});
const plan = (view: ComponentView, at = now, inForce = rules) =>
  planComponents({rules: inForce, components: [view]}, at);
const reasons = (view: ComponentView, at = now) => plan(view, at).findings.map(each => each.reason);

test('a component that leads is counted and has no finding', t => {
  const {findings, states, requeueAfterMs} = plan(component(led(scheduler().renewed(ago(5)))));
  t.deepEqual(findings, []);
  t.deepEqual(states, [{policy: 'control-plane', class: 'leader-election', lifetime: 'held', claimed: true}]);
  t.is(requeueAfterMs, 10_000);
});

test('a component whose leader is gone is leaderless after its duration and a grace, and recovers', t => {
  const renewed = component(led(scheduler().renewed(now)));
  t.deepEqual(reasons(renewed, ahead(29.9)), []);
  t.deepEqual(reasons(renewed, ahead(31)), ['Leaderless']);
  t.deepEqual(reasons(component(led(scheduler().renewed(ahead(32)))), ahead(33)), []);
});

test('a component without a Lease has a finding that says what to do', t => {
  const {findings, states} = plan(component());
  t.like(findings, {length: 1, 0: {reason: 'MissingLease', about: {name: 'kube-scheduler', kind: 'Lease'}}});
  t.deepEqual(states, []);
});

test('what is wrong with the record is a finding', t => {
  t.deepEqual(reasons(component(led(scheduler().lasting(9999)))), ['DurationOutOfRange']);
});

test('a policy that is gone has nothing to say', t => {
  t.deepEqual(planComponents({rules: undefined, components: []}, now), {actions: [], findings: []});
});

const bucket = (name: string, at = now): ComponentLease => ({
  lease: scheduler().named(name).renewed(at),
  class: 'leader-election-bucket',
  changes: [],
});
const buckets = component(
  bucket('kube-scheduler.00-of-01', ago(600)),
  bucket('kube-scheduler.00-of-02'),
  bucket('kube-scheduler.01-of-02'),
);

test('buckets of an older set are reported, and are not leaderless', t => {
  const {findings, garbage, states} = plan(buckets);
  t.like(findings, {length: 1, 0: {reason: 'OrphanedLease', about: {name: 'kube-scheduler.00-of-01'}}});
  t.deepEqual(garbage, []);
  t.deepEqual(
    states?.map(each => each.lifetime),
    ['orphaned', 'held', 'held'],
  );
});

test('under All they are deleted a ttl after their last renewal that we saw', t => {
  const {garbage} = plan(buckets, now, collecting);
  t.like(garbage, {length: 1, 0: {dueAtMs: ago(300).monotonicMs, collect: {check: {expect: 'nothing'}}}});
  t.is(garbage?.[0]?.collect.lease.name, 'kube-scheduler.00-of-01');
});

test('under All a set that another one has replaced goes as a whole, by the share that is allowed by default', t => {
  const sets = [3, 3].map((count, set) =>
    Array.from({length: count}, (_, at) =>
      bucket(`kube-scheduler.0${at}-of-0${set === 0 ? 5 : 3}`, set === 0 ? ago(600) : now),
    ),
  );
  const {garbage = [], states = []} = plan(component(...sets.flat()), now, collecting);
  t.deepEqual([garbage.length, states.length], [3, 6]);
  const pass = planCollection(
    {rules: collecting, resourceVersion: '7', garbage, total: states.length, last: undefined},
    now,
  );
  t.is(collecting.collection.maxPercent, 25);
  t.is(pass.stopped, undefined);
  t.is(only(pass.actions, 'collectLease').length, 3);
});

test('under All one that was deleted, and is kept by a finalizer, is not deleted again', t => {
  const deleted = buckets.leases.map(each => ({...each, lease: {...each.lease, terminating: true}}));
  t.deepEqual(plan(component(...deleted), now, collecting).garbage, []);
});

test('under All nothing else of a component is ever deleted', t => {
  t.deepEqual(plan(component(led(scheduler().renewed(ago(86_400)))), now, collecting).garbage, []);
});
