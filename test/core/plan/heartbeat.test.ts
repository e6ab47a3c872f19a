/** The heartbeat of a node, and what is left of one that is gone. */
import test from 'ava';
import fc from 'fast-check';
import {type HeartbeatObservation, type NodeView, planHeartbeat} from '../../../src/core/plan/heartbeat.ts';
import {ago, ahead, lease, now, systemPolicy} from '../../support/builders.ts';

const report = systemPolicy({nodes: {selector: {}}}).rules('nodes');
const all = systemPolicy({nodes: {selector: {}}}, {mode: 'All', ttlSeconds: 300}).rules('nodes');

const node = (given: Partial<NodeView> = {}): NodeView => ({
  name: 'a',
  uid: 'uid-of-a',
  labels: {},
  isSimulated: false,
  seenAtMs: ago(3600).monotonicMs,
  ...given,
});
const ABOUT_NODE = {apiVersion: 'v1', kind: 'Node', namespace: '', name: 'a', uid: 'uid-of-a'};

/** As a kubelet writes it. */
const heartbeat = () =>
  lease()
    .named('a')
    .in('kube-node-lease')
    .heldBy('a')
    .lasting(40)
    .with({acquireTime: undefined})
    .ownedBy('Node/a');

const plan = (given: Partial<HeartbeatObservation>, at = now) =>
  planHeartbeat(
    {
      name: 'a',
      node: node(),
      lease: heartbeat(),
      class: 'node-heartbeat',
      absentSinceMs: undefined,
      policies: [report],
      ...given,
    },
    at,
  );
const reasons = (given: Partial<HeartbeatObservation>, at = now) =>
  plan(given, at).findings.map(({reason}) => reason);

test('a heartbeat that is renewed is counted, and needs nothing', t => {
  t.deepEqual(plan({lease: heartbeat().renewed(ago(5))}), {
    actions: [],
    findings: [],
    states: [{policy: 'nodes', class: 'node-heartbeat', lifetime: 'held', claimed: true}],
    garbage: [],
    requeueAfterMs: undefined,
  });
});

test('a heartbeat is stale when its own duration has passed under our eyes, and no moment earlier', t => {
  const renewed = heartbeat().renewed(now);
  t.deepEqual(reasons({lease: renewed}, ahead(39.999)), []);
  const {findings} = plan({lease: renewed}, ahead(40));
  t.like(findings, {length: 1, 0: {policy: 'nodes', reason: 'StaleHeartbeat', about: ABOUT_NODE}});
  t.deepEqual(reasons({lease: renewed.renewed(ahead(41))}, ahead(42)), [], 'it clears');
});

test('a node without a Lease has a minute to make it', t => {
  const fresh = node({seenAtMs: now.monotonicMs});
  t.deepEqual(plan({node: fresh, lease: undefined}), {actions: [], findings: [], requeueAfterMs: 60_000});
  const {findings, states} = plan({node: fresh, lease: undefined}, ahead(60));
  t.like(findings, {length: 1, 0: {reason: 'MissingLease', about: ABOUT_NODE}});
  t.is(states, undefined);
});

test('a Lease that another holds than its node is a mismatch, but that of a simulated node is not', t => {
  const foreign = heartbeat().heldBy('b').with({acquireTime: undefined});
  t.deepEqual(reasons({lease: foreign}), ['IdentityMismatch']);
  t.deepEqual(reasons({lease: foreign, node: node({isSimulated: true})}), []);
});

test('a Lease without an owner reference to its node leaks when the node goes', t => {
  t.deepEqual(reasons({lease: heartbeat().ownedBy()}), ['MissingOwner']);
  t.deepEqual(reasons({lease: heartbeat().ownedBy('Node/b')}), ['MissingOwner']);
});

test('what is wrong with the record of a heartbeat is told of its node', t => {
  const bounded = {...report, durationSeconds: {min: 20, max: 60}};
  t.deepEqual(reasons({lease: heartbeat().lasting(10).renewed(now), policies: [bounded]}), [
    'DurationOutOfRange',
  ]);
  t.deepEqual(reasons({lease: heartbeat().with({renewTime: '9999-12-31T23:59:59.999999Z'})}), [
    'FutureRenewTime',
  ]);
});

// A node that is gone

const dead = heartbeat().renewed(ago(7200));
const gone = {node: undefined, lease: dead, absentSinceMs: ago(600).monotonicMs, policies: [all]};

test('a Lease whose node is gone is deleted when both have been so for the ttl', t => {
  const {garbage, findings, states} = plan(gone);
  t.deepEqual(garbage, [
    {
      policy: 'nodes',
      dueAtMs: ago(300).monotonicMs,
      transitions: 0,
      collect: {
        type: 'collectLease',
        policy: 'nodes',
        lease: {namespace: 'kube-node-lease', name: 'a', uid: 'uid-of-a', resourceVersion: '100'},
        subject: 'Node/a',
        check: {expect: 'absent', path: '/api/v1/nodes/a'},
      },
    },
  ]);
  t.like(findings, {length: 1, 0: {reason: 'OrphanedLease'}});
  t.like(states, {length: 1, 0: {lifetime: 'orphaned', claimed: false}});
});

test('when a dead node is removed, the API server has a minute to delete its Lease', t => {
  const removed = {...gone, absentSinceMs: ago(15).monotonicMs, policies: [report]};
  const {findings, states, requeueAfterMs, garbage} = plan(removed);
  t.deepEqual([findings, garbage], [[], []]);
  t.like(states, {length: 1, 0: {lifetime: 'expired', claimed: false}});
  t.is(requeueAfterMs, 45_000);
  t.deepEqual(reasons(removed, ahead(44.999)), []);
  t.deepEqual(reasons(removed, ahead(45)), ['OrphanedLease']);
});

test('of a policy whose ttl is short half of it is waited, so that it is told of before it is deleted', t => {
  const short = systemPolicy({nodes: {selector: {}}}, {mode: 'All', ttlSeconds: 20}).rules('short');
  const removed = {...gone, absentSinceMs: ago(5).monotonicMs, policies: [report, short]};
  t.is(plan(removed).requeueAfterMs, 5_000);
  const {findings, requeueAfterMs, garbage} = plan(removed, ahead(5));
  t.deepEqual(
    findings.map(({policy}) => policy),
    ['short'],
  );
  t.is(requeueAfterMs, 50_000);
  t.is(garbage?.[0]?.dueAtMs, ahead(35).monotonicMs);
});

test('the ttl counts from the last renewal when that was after the node went', t => {
  const late = plan({...gone, lease: heartbeat().renewed(ago(60))}).garbage?.[0]?.dueAtMs;
  t.is(late, ahead(240).monotonicMs);
});

test('at least one duration of the Lease passes, however short the ttl is', t => {
  const short = systemPolicy({nodes: {selector: {}}}, {mode: 'All', ttlSeconds: 1}).rules('nodes');
  const {garbage} = plan({...gone, policies: [short]});
  t.is(garbage?.[0]?.dueAtMs, ago(560).monotonicMs);
});

const KEPT: Record<string, Partial<HeartbeatObservation>> = {
  'whose node is there, not ready for hours': {...gone, node: node(), absentSinceMs: undefined},
  'whose node may be there': {...gone, absentSinceMs: undefined},
  'that is renewed without a node': {...gone, lease: heartbeat().renewed(ago(1))},
  'of kwok, which holds it by its own name': {...gone, lease: dead.with({holder: 'kwok-controller'})},
  'that does not look like a heartbeat': {...gone, class: 'unknown'},
  'that was deleted, and is kept by a finalizer': {...gone, lease: dead.with({terminating: true})},
  'without a renewTime': {...gone, lease: dead.with({renewTime: undefined})},
  'without a duration': {...gone, lease: dead.with({durationSeconds: undefined})},
  'under Report': {...gone, policies: [report]},
  'under Managed, as nobody of ours made it': {
    ...gone,
    policies: [{...all, collection: {...all.collection, mode: 'Managed'}}],
  },
  'of no policy': {...gone, policies: []},
};

for (const [which, given] of Object.entries(KEPT)) {
  test(`a Lease ${which} is kept`, t => {
    t.deepEqual(plan(given).garbage ?? [], []);
  });
}

test('an orphan that stays says why', t => {
  const message = (given: Partial<HeartbeatObservation>) => plan(given).findings.at(-1)?.message;
  t.regex(message({...gone, policies: [report]}) ?? '', /mode is Report, so it stays; All deletes it$/);
  t.regex(
    message({...gone, lease: dead.with({holder: 'kwok'})}) ?? '',
    /its holder is kwok and not the node/,
  );
  t.regex(message({...gone, class: 'unknown'}) ?? '', /does not look like a heartbeat/);
});

test('each policy that selects the node tells of it, and one of them deletes', t => {
  const other = systemPolicy({nodes: {selector: {}}}, {mode: 'All'}).rules('other');
  const {findings, garbage, states} = plan({...gone, policies: [all, other]});
  t.deepEqual([findings.length, garbage?.length, states?.length], [2, 1, 2]);
});

test('whatever the record says, nothing of a node that is there is garbage, and nothing is written', t => {
  const record = fc.record({
    holder: fc.constantFrom('', 'a', 'b'),
    durationSeconds: fc.constantFrom(undefined, 1, 40, 2 ** 31 - 1),
    renewTime: fc.constantFrom(
      undefined,
      '',
      'x',
      '9999-12-31T23:59:59.999999Z',
      '2026-01-01T00:00:00.000000Z',
    ),
    changedAtMs: fc.constantFrom(now.monotonicMs, ago(86_400).monotonicMs),
  });
  const property = fc.property(record, fc.boolean(), (fields, isThere) => {
    const given = isThere
      ? {node: node(), absentSinceMs: undefined}
      : {node: undefined, absentSinceMs: undefined};
    const {garbage, actions} = plan({...given, lease: heartbeat().with(fields), policies: [all]});
    return garbage?.length === 0 && actions.length === 0;
  });
  t.notThrows(() => fc.assert(property, {numRuns: 300}));
});
