/** What is wrong with a Lease by which a leader is elected, and what is not. */
import test from 'ava';
import fc from 'fast-check';
import {type HolderChange, WINDOW_MS} from '../../../src/core/lease/history.ts';
import type {LeaseView} from '../../../src/core/lease/lifetime.ts';
import type {Ailment} from '../../../src/core/lease/record.ts';
import {
  ailments,
  CHANGES_ALLOWED,
  type ElectingWorkload,
  type HealthObservation,
} from '../../../src/core/plan/health.ts';
import {ago, lease, now} from '../../support/builders.ts';

const MAX_SECONDS = 2_147_483_647;
const UUID = '6fa459ea-ee8a-4ca4-894e-db77e160355e';
const pod = (name: string, hash = '7d9f8c6b5d', random = 'x2x4z') => `${name}-${hash}-${random}_${UUID}`;
const API = pod('api');
const TWIN = pod('twin');

const electing = (fields: Partial<ElectingWorkload> = {}): ElectingWorkload => ({
  kind: 'Deployment',
  name: 'api',
  readySinceMs: Number.NEGATIVE_INFINITY,
  ...fields,
});
const EXISTING = ['Deployment/api', 'Deployment/twin', 'Deployment/third', 'StatefulSet/web'];

const judge = (view: LeaseView, given: Partial<HealthObservation> = {}, at = now) =>
  ailments(
    {
      lease: view,
      workload: electing(),
      changes: [],
      exists: (kind, name) => EXISTING.includes(`${kind}/${name}`),
      durationSeconds: 15,
      alwaysLed: false,
      ...given,
    },
    at,
  );
const reasons = (view: LeaseView, given: Partial<HealthObservation> = {}, at = now) =>
  judge(view, given, at).ailments.map(each => each.reason);

/** The holders one after the other, a second apart, the last one now; every turn of a leader counts. */
function turns(...holders: string[]): HolderChange[] {
  const times = holders.slice(1).map((to, index) => ({from: holders[index] ?? '', to}));
  return times.map((each, index) => ({
    ...each,
    atMs: now.monotonicMs - (times.length - 1 - index) * 1000,
    transitions: holders.slice(1, index + 2).filter(holder => holder !== '').length,
  }));
}
const seen = (changes: HolderChange[], laterMs: number): HolderChange[] =>
  changes.map(each => ({...each, atMs: each.atMs - laterMs}));

const held = lease().made().heldBy(API);
const released = (seconds: number) => lease().made().released(ago(seconds));
const silent = (seconds: number) => held.renewed(ago(seconds));

// In order

const IN_ORDER: [what: string, lease: LeaseView, given?: Partial<HealthObservation>][] = [
  ['held by its workload', held],
  ['held by its workload under a name with a domain', held.heldBy('api-7d9f8c6b5d-x2x4z.example.com')],
  ['that was never held', lease().made().with({changedAtMs: 0})],
  ['that was never held, of a component', lease().made().with({changedAtMs: 0}), {alwaysLed: true}],
  ['that others made, and nobody ever held', lease().with({changedAtMs: 0}), {alwaysLed: true}],
  ['without a renewTime', silent(3600).with({renewTime: undefined})],
  ['with a renewTime that is no time', silent(3600).with({renewTime: 'junk'})],
  ['without a renewTime, held by a twin', held.heldBy(TWIN).with({renewTime: undefined})],
  ['without a duration', silent(3600).with({durationSeconds: undefined})],
  ['given up in a hand-over', released(2), {changes: turns(API, '')}],
  [
    'given up and taken by the next Pod',
    held.heldBy(pod('api', '7d9f8c6b5d', 'bcdfg')),
    {changes: turns(API, '', pod('api', '7d9f8c6b5d', 'bcdfg'))},
  ],
  [
    'that moved to each Pod of a rollout',
    held.heldBy(pod('api', '66d4f6d765', 'bcdfg')),
    {changes: turns(API, pod('api', '7d9f8c6b5d', 'hjklm'), pod('api', '66d4f6d765', 'bcdfg'))},
  ],
  ['of a workload without ready Pods', released(3600), {workload: electing({readySinceMs: undefined})}],
  ['of which nobody knows the workload', released(3600), {workload: undefined}],
  [
    'of a workload whose Pods have just become ready',
    released(3600),
    {workload: electing({readySinceMs: ago(29).monotonicMs})},
  ],
  ['that is held for the longest duration', silent(86_400).lasting(MAX_SECONDS)],
  ['kept closed by us', lease().made().keptClosedFor('old').renewed(ago(3600)), {alwaysLed: true}],
  ['kept closed by us for a name like that of a Pod', lease().made().keptClosedFor('web-0')],
  [
    'that we kept closed for a name like that of a Pod',
    held,
    {changes: turns(API, 'leasepolicy-rename_web-0', API)},
  ],
  ['that moved to another workload for good', held, {changes: turns(TWIN, '', API)}],
  ['whose holder is no Pod', held.heldBy(UUID)],
  ['whose holder is a text of its product', held.heldBy('the leader')],
  ['whose holder is too long to be read', held.heldBy(`${TWIN}_${'x'.repeat(1024)}`)],
  ['whose holder is a node', held.heldBy(`ip-10-0-1-23.eu-west-1.compute.internal_${UUID}`)],
  ['whose holder is a node of a cloud', held.heldBy(`gke-shop-default-pool-7d9f8c6b-x2x4_${UUID}`)],
  ['whose holder is a node of Cluster API', held.heldBy(`shop-md-0-kq2zt-x2x4z_${UUID}`)],
  ['whose holder is a node of Gardener', held.heldBy(`shoot--shop--prod-worker-z1-5b8cd-7jxh2_${UUID}`)],
  ['whose holder is a node of kwok', held.heldBy('kwok-node-0')],
  ['whose holder is a Pod of an unknown StatefulSet', held.heldBy('db-0')],
  ['of a kind whose Pods are not known', held.heldBy(TWIN), {workload: electing({kind: 'Rollout'})}],
  [
    'of a kind whose Pods are not known, and that moves',
    held,
    {workload: electing({kind: 'Rollout'}), changes: turns(API, TWIN, API)},
  ],
  ['of which nobody knows the workload, held by a Pod', held.heldBy(TWIN), {workload: undefined}],
  [
    'of a component whose leader moves between nodes',
    held.heldBy(`cp-1_${UUID}`),
    {workload: undefined, alwaysLed: true, changes: turns(`cp-1_${UUID}`, `cp-2_${UUID}`, `cp-1_${UUID}`)},
  ],
  [
    'whose holder may be its Pod as well as that of another',
    held.heldBy('api-7d9f8-x2x4z'),
    {exists: (kind, name) => ['Deployment/api', 'DaemonSet/api-7d9f8'].includes(`${kind}/${name}`)},
  ],
];

for (const [what, view, given] of IN_ORDER) {
  test(`a Lease ${what} is in order`, t => {
    t.deepEqual(judge(view, given).ailments, []);
  });
}

// Nobody leads

const component = {workload: undefined, alwaysLed: true};

const PATIENCE: [
  what: string,
  from: (ms: number) => LeaseView,
  ms: number,
  given?: Partial<HealthObservation>,
][] = [
  ['given up', ms => released(ms / 1000), 30_000],
  [
    'given up, under a policy with a longer duration',
    ms => released(ms / 1000),
    120_000,
    {durationSeconds: 60},
  ],
  ['given up, under a policy with a short duration', ms => released(ms / 1000), 12_000, {durationSeconds: 2}],
  ['given up without a duration', ms => released(ms / 1000).with({durationSeconds: undefined}), 30_000],
  ['given up with a duration that is none', ms => released(ms / 1000).lasting(0), 30_000],
  ['given up with the duration of its holder', ms => released(ms / 1000).lasting(20), 40_000],
  ['given up, of a component', ms => released(ms / 1000), 30_000, component],
  ['silent', ms => silent(ms / 1000), 30_000],
  ['silent, of a component', ms => silent(ms / 1000), 30_000, component],
  ['silent, with a short duration', ms => silent(ms / 1000).lasting(2), 12_000],
  ['silent, with a duration as that of a release', ms => silent(ms / 1000).lasting(1), 11_000],
  ['silent, with the longest duration', ms => silent(ms / 1000).lasting(MAX_SECONDS), MAX_SECONDS * 2000],
  [
    'silent, with Pods that were ready before',
    ms => silent(ms / 1000),
    30_000,
    {workload: electing({readySinceMs: 0})},
  ],
];

for (const [what, from, ms, given] of PATIENCE) {
  test(`a Lease ${what} is leaderless after ${ms} ms, and looked at again at that moment`, t => {
    t.deepEqual(judge(from(ms - 1), given), {ailments: [], requeueAfterMs: 1});
    t.deepEqual(reasons(from(ms), given), ['Leaderless']);
    t.is(judge(from(ms), given).requeueAfterMs, undefined);
  });
}

test('a Lease with a holder that renews is looked at again when it would be leaderless', t => {
  t.is(judge(silent(5)).requeueAfterMs, 25_000);
  t.is(judge(silent(5), {workload: electing({readySinceMs: undefined})}).requeueAfterMs, undefined);
  t.is(judge(silent(5), {workload: undefined}).requeueAfterMs, undefined);
});

test('Pods that have become ready have as long to elect a leader as others', t => {
  const since = (ms: number) => ({workload: electing({readySinceMs: now.monotonicMs - ms})});
  t.deepEqual(judge(released(3600), since(29_999)), {ailments: [], requeueAfterMs: 1});
  t.deepEqual(reasons(released(3600), since(30_000)), ['Leaderless']);
  t.deepEqual(reasons(released(3600), {...since(0), alwaysLed: true}), ['Leaderless']);
});

// Too many changes

/** This many changes between Pods of one workload. */
const moves = (count: number) =>
  turns(
    ...Array.from({length: count + 1}, (_, index) => pod('api', '7d9f8c6b5d', index % 2 ? 'bcdfg' : 'hjklm')),
  );

const FLAPPING: [what: string, changes: HolderChange[], found: boolean][] = [
  ['as many changes as are allowed', moves(CHANGES_ALLOWED), false],
  ['one more change than is allowed', moves(CHANGES_ALLOWED + 1), true],
  ['changes with releases between them', turns('a', '', 'b', '', 'c', '', 'd', '', 'e', '', 'f'), false],
  [
    'too many with releases between them',
    turns('a', '', 'b', '', 'c', '', 'd', '', 'e', '', 'f', '', 'g'),
    true,
  ],
  [
    'turns of one Pod that gives up and comes back',
    turns('a', '', 'a', '', 'a', '', 'a', '', 'a', '', 'a'),
    false,
  ],
  ['too many turns of one Pod', turns('a', '', 'a', '', 'a', '', 'a', '', 'a', '', 'a', '', 'a'), true],
  ['a first holder', turns('', 'a', 'b', 'c', 'd', 'e', 'f'), false],
  [
    'too many releases by candidates that do not count',
    turns('a', '', 'b', '', 'c', '', 'd', '', 'e', '', 'f', '', 'g').map(each => ({...each, transitions: 0})),
    true,
  ],
  [
    'turns that nobody saw',
    turns('a', 'b', 'c').map((each, index) => ({...each, transitions: 40 + index * 4})),
    false,
  ],
  [
    'too many turns that nobody saw',
    turns('a', 'b', 'c').map((each, index) => ({...each, transitions: 40 + index * 5})),
    true,
  ],
  [
    'many turns before the first that was seen',
    turns('a', 'b').map(each => ({...each, transitions: 99})),
    false,
  ],
  [
    'a counter that begins anew',
    turns('a', 'b', 'c').map((each, index) => ({...each, transitions: 99 - index * 99})),
    false,
  ],
  [
    'turns of ours',
    turns('a', ...Array(8).fill('leasepolicy-rename_b')).map(each => ({...each, transitions: 0})),
    false,
  ],
];

for (const [what, changes, found] of FLAPPING) {
  test(`a Lease with ${what} is ${found ? '' : 'not '}flapping`, t => {
    t.deepEqual(reasons(held, {changes}), found ? ['Flapping'] : []);
  });
}

test('a Lease is flapping until the oldest change leaves the window, and looked at again at that moment', t => {
  const changes = moves(CHANGES_ALLOWED + 1);
  const view = silent(0).lasting(3600);
  const lastMs = WINDOW_MS - CHANGES_ALLOWED * 1000;
  t.is(judge(view, {changes}).requeueAfterMs, lastMs);
  t.deepEqual(reasons(view, {changes: seen(changes, lastMs - 1)}), ['Flapping']);
  t.is(judge(view, {changes: seen(changes, lastMs - 1)}).requeueAfterMs, 1);
  t.deepEqual(reasons(view, {changes: seen(changes, lastMs)}), []);
});

test('a Lease flaps whatever its state is', t => {
  const changes = moves(CHANGES_ALLOWED + 1);
  t.deepEqual(reasons(silent(3600), {changes}), ['Leaderless', 'Flapping']);
  t.deepEqual(reasons(released(1), {changes}), ['Flapping']);
  t.deepEqual(reasons(held.with({renewTime: undefined}), {changes}), ['Flapping']);
  t.deepEqual(reasons(lease().keptClosedFor('old'), {changes}), ['Flapping']);
});

// Two workloads, one Lease

const THIRD = pod('third');
const CONTESTED: [
  what: string,
  holders: string[],
  names: string | undefined,
  given?: Partial<HealthObservation>,
][] = [
  ['to another workload and back', [API, TWIN, API], 'Deployment/api and Deployment/twin'],
  ['to its workload and back', [TWIN, API, TWIN], 'Deployment/api and Deployment/twin'],
  ['to a StatefulSet and back', [API, 'web-0', API], 'Deployment/api and StatefulSet/web'],
  ['there and back with releases', ['', API, '', TWIN, '', API], 'Deployment/api and Deployment/twin'],
  ['there and back by ours', [API, 'leasepolicy-rename_x', TWIN, API], 'Deployment/api and Deployment/twin'],
  ['there and back by what is no Pod', [API, UUID, TWIN, 'x', API], 'Deployment/api and Deployment/twin'],
  [
    'there and back to another Pod',
    [API, TWIN, pod('api', '66d4f6d765')],
    'Deployment/api and Deployment/twin',
  ],
  ['between two others', [TWIN, 'web-0', TWIN], 'Deployment/twin and StatefulSet/web'],
  ["between two, having been a third's", [API, TWIN, THIRD, TWIN], 'Deployment/third and Deployment/twin'],
  ['round three', [API, TWIN, THIRD, API], 'Deployment/api and Deployment/third and Deployment/twin'],
  [
    'between two that nobody expected',
    [API, TWIN, API],
    'Deployment/api and Deployment/twin',
    {workload: undefined},
  ],
  [
    'from a workload with a name that is cut',
    [`${'w'.repeat(58)}x2x4z`, TWIN, `${'w'.repeat(58)}bcdfg`],
    `Deployment/twin and Deployment/${'w'.repeat(60)}`,
    {workload: electing({name: 'w'.repeat(60)})},
  ],
  ['to another workload', [API, TWIN], undefined],
  ['to another workload and to a third', [API, TWIN, THIRD], undefined],
  ['to a workload that is not known and back', [API, pod('unknown'), API], undefined],
  ['to what is no Pod and back', [API, UUID, API], undefined],
  ['to another Pod and back', [API, pod('api', '66d4f6d765'), API], undefined],
  ['to nobody and back', [API, '', API], undefined],
  ['to ours and back', [API, 'leasepolicy-rename_web-0', API], undefined],
];

for (const [what, holders, names, given] of CONTESTED) {
  test(`a Lease that went ${what} is ${names === undefined ? 'not contested' : `contested between ${names}`}`, t => {
    const found = judge(released(1), {changes: turns(...holders), ...given}).ailments;
    t.deepEqual(
      found.map(each => each.reason),
      names === undefined ? [] : ['ContestedLease'],
    );
    if (names !== undefined) t.true(found[0]?.message.includes(`between ${names}: `), found[0]?.message);
  });
}

test('a contest lasts until the lead of the first has left the window, and is looked at again at that moment', t => {
  const changes = turns(API, TWIN, API);
  const view = lease().made().heldBy(API).lasting(3600);
  t.is(judge(view, {changes}).requeueAfterMs, WINDOW_MS - 1000);
  t.deepEqual(reasons(view, {changes: seen(changes, WINDOW_MS - 1001)}), ['ContestedLease']);
  t.is(judge(view, {changes: seen(changes, WINDOW_MS - 1001)}).requeueAfterMs, 1);
  t.deepEqual(reasons(view, {changes: seen(changes, WINDOW_MS - 1000)}), []);
});

test('a Lease that we keep closed is not contested', t => {
  t.deepEqual(reasons(lease().keptClosedFor('old'), {changes: turns(API, TWIN, API)}), []);
});

// The wrong one leads

const FOREIGN: [what: string, holder: string, other: string, given?: Partial<HealthObservation>][] = [
  ['another Deployment', TWIN, 'Deployment/twin'],
  ['another Deployment, whose Pod names its namespace', `shop/${TWIN}`, 'Deployment/twin'],
  ['a StatefulSet', `web-0_${UUID}`, 'StatefulSet/web'],
  ['a StatefulSet, by its full name', 'web-0.web.shop.svc.cluster.local', 'StatefulSet/web'],
  ['a Deployment that is not known', pod('unknown'), 'a Pod that is named as those of a Deployment unknown'],
  [
    'a Deployment whose name begins with its own',
    pod('api-2'),
    'a Pod that is named as those of a Deployment api-2',
  ],
  ['a Deployment of its own name', API, 'Deployment/api', {workload: electing({kind: 'StatefulSet'})}],
  [
    'a Deployment, where a DaemonSet was expected',
    TWIN,
    'Deployment/twin',
    {workload: electing({kind: 'DaemonSet'})},
  ],
];

for (const [what, holder, other, given] of FOREIGN) {
  test(`a Lease that is held by a Pod of ${what} is held by a stranger`, t => {
    const {ailments: found, requeueAfterMs} = judge(held.heldBy(holder).renewed(ago(5)), given);
    t.deepEqual(
      found.map(each => each.reason),
      ['ForeignHolder'],
    );
    t.true(found[0]?.message.includes(`, and ${other} holds it`), found[0]?.message);
    t.is(requeueAfterMs, 10_000);
  });
}

test('a stranger that lets the duration pass holds the Lease no more', t => {
  t.deepEqual(reasons(held.heldBy(TWIN).renewed(ago(14.999))), ['ForeignHolder']);
  t.deepEqual(reasons(held.heldBy(TWIN).renewed(ago(15))), []);
  t.deepEqual(reasons(held.heldBy(TWIN).renewed(ago(30))), ['Leaderless']);
});

// What is said

const SAID: [reason: Ailment['reason'], found: Ailment[], message: RegExp][] = [
  [
    'Leaderless',
    judge(released(60)).ailments,
    /^nobody holds Lease payments-14c2529eb4, although Deployment\/api should lead: /,
  ],
  ['Leaderless', judge(released(60), component).ailments, /although its component should lead: /],
  [
    'Flapping',
    judge(held, {changes: moves(6)}).ailments,
    /more than 5 changes of its leader within 10 minutes: /,
  ],
  [
    'ContestedLease',
    judge(held, {changes: turns(API, TWIN, API)}).ailments,
    /^Lease payments-14c2529eb4 goes back and forth between /,
  ],
  [
    'ForeignHolder',
    judge(held.heldBy(TWIN)).ailments,
    /^Lease payments-14c2529eb4 is that of Deployment\/api, and Deployment\/twin holds it, /,
  ],
  [
    'ForeignHolder',
    judge(held.heldBy(pod('unknown'))).ailments,
    /and a Pod that is named as those of a Deployment unknown holds it, /,
  ],
];

for (const [reason, found, message] of SAID) {
  test(`${reason} says what it is in one sentence, and what to do: ${message.source.slice(0, 60)}`, t => {
    t.is(found.length, 1);
    t.is(found[0]?.reason, reason);
    t.regex(found[0]?.message ?? '', message);
    t.regex(found[0]?.message ?? '', /^[^\n]+: [^\n;]+; [^\n.]+$|^[^\n;]+; [^\n.]+$/);
  });
}

test('the message is the same as long as the fault lasts', t => {
  const said = (view: LeaseView, changes: HolderChange[] = []) =>
    judge(view, {changes}).ailments.map(each => each.message);
  t.deepEqual(said(released(60)), said(released(6000).afterTransitions(7)));
  t.deepEqual(said(released(60)), said(silent(60)));
  t.deepEqual(said(held, moves(6)), said(held, moves(9)));
  t.deepEqual(said(released(1), turns(API, TWIN, API)), said(released(1), turns(TWIN, '', API, TWIN, API)));
  t.deepEqual(said(held.heldBy(TWIN)), said(held.heldBy(pod('twin', '66d4f6d765', 'bcdfg')).renewed(ago(5))));
  const other = pod('unknown', '66d4f6d765', 'bcdfg');
  t.deepEqual(said(held.heldBy(pod('unknown'))), said(held.heldBy(other)));
});

// Properties

const anyHolder = fc.oneof(
  fc.constantFrom('', API, TWIN, THIRD, 'web-0', UUID, 'leasepolicy-rename_web-0', pod('unknown')),
  fc.string(),
);
const anyText = fc.constantFrom(
  undefined,
  'junk',
  '2026-03-01T12:00:00.000000Z',
  '9999-12-31T23:59:59.999999Z',
);
const anyLease = fc
  .record({
    holder: anyHolder,
    durationSeconds: fc.option(fc.oneof(fc.integer(), fc.constantFrom(1, 15, 3600)), {nil: undefined}),
    renewTime: anyText,
    transitions: fc.integer(),
    labels: fc.constantFrom(lease().labels, lease().made().labels),
    changedAtMs: fc.integer({min: now.monotonicMs - 100_000, max: now.monotonicMs}),
  })
  .map(fields => lease().with(fields));
const anyChanges = fc
  .array(
    fc.record({
      atMs: fc.integer({min: now.monotonicMs - WINDOW_MS - 1000, max: now.monotonicMs}),
      from: anyHolder,
      to: anyHolder,
      transitions: fc.oneof(fc.nat(9), fc.integer()),
    }),
    {maxLength: 16},
  )
  .map(list => list.toSorted((a, b) => a.atMs - b.atMs));
const anyObservation = fc.record({
  workload: fc.option(
    fc.record({
      kind: fc.constantFrom('Deployment', 'StatefulSet', 'Rollout'),
      name: fc.constantFrom('api', 'web', ''),
      readySinceMs: fc.option(fc.integer({min: now.monotonicMs - 60_000, max: now.monotonicMs}), {
        nil: undefined,
      }),
    }),
    {nil: undefined},
  ),
  changes: anyChanges,
  durationSeconds: fc.integer({min: 1, max: 3600}),
  alwaysLed: fc.boolean(),
});

test('any record has a verdict, with each ailment once and nothing due in the past', t => {
  const property = fc.property(anyLease, anyObservation, (view, given) => {
    const found = reasons(view, given);
    const {requeueAfterMs} = judge(view, given);
    return new Set(found).size === found.length && (requeueAfterMs === undefined || requeueAfterMs > 0);
  });
  t.notThrows(() => fc.assert(property, {numRuns: 1000}));
});

test('the verdict stays as it is until the moment it names', t => {
  const property = fc.property(anyLease, anyObservation, fc.nat(2_000_000), (view, given, laterMs) => {
    const {ailments: found, requeueAfterMs} = judge(view, given);
    const waitMs = Math.min(laterMs, requeueAfterMs === undefined ? laterMs : requeueAfterMs - 1);
    const at = {monotonicMs: now.monotonicMs + waitMs, wallMs: now.wallMs + waitMs};
    return JSON.stringify(judge(view, given, at).ailments) === JSON.stringify(found);
  });
  t.notThrows(() => fc.assert(property, {numRuns: 1000}));
});

test('what is not understood, and what we hold, is found neither leaderless nor with a stranger', t => {
  const property = fc.property(anyLease, anyObservation, (view, given) => {
    const found = reasons(view, {...given, changes: []});
    const understood = view.renewTime !== undefined && view.renewTime !== 'junk';
    return (understood && !view.holder.startsWith('leasepolicy-rename_')) || found.length === 0;
  });
  t.notThrows(() => fc.assert(property, {numRuns: 1000}));
});
