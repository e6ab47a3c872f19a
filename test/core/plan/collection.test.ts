/** One pass of garbage collection, within its budget. */
import test from 'ava';
import type {Garbage} from '../../../src/core/plan/action.ts';
import type {CollectionObservation} from '../../../src/core/plan/collection.ts';
import {planCollection} from '../../../src/core/plan/collection.ts';
import {ago, ahead, now, only, policy} from '../../support/builders.ts';

/** Garbage that is due so many seconds from now. */
const garbage = (name: string, dueInSeconds: number, transitions = 0, namespace = 'shop'): Garbage => ({
  policy: 'payments',
  dueAtMs: ahead(dueInSeconds).monotonicMs,
  transitions,
  collect: {
    type: 'collectLease',
    policy: 'payments',
    lease: {namespace, name, uid: `uid-of-${name}`, resourceVersion: '1'},
    subject: 'Deployment/gone',
    check: {expect: 'nothing'},
  },
});
const many = (count: number, dueInSeconds = -1) =>
  Array.from({length: count}, (_, at) => garbage(`g${at}`, dueInSeconds - at / 1000));

const plan = (list: readonly Garbage[], given: Partial<CollectionObservation> = {}) =>
  planCollection(
    {rules: policy().rules(), resourceVersion: '7', garbage: list, total: 1000, last: undefined, ...given},
    now,
  );
const taken = (list: readonly Garbage[], given: Partial<CollectionObservation> = {}) =>
  only(plan(list, given).actions, 'collectLease').map(each => each.lease.name);

test('without garbage, or without rules in force, nothing is done', t => {
  t.deepEqual(plan([]), {actions: [], findings: []});
  t.deepEqual(plan([garbage('a', -1)], {rules: undefined}), {actions: [], findings: []});
});

test('what is due is taken in the order in which it fell due', t => {
  t.deepEqual(taken([garbage('c', 0), garbage('a', -100), garbage('later', 5), garbage('b', -1)]), [
    'a',
    'b',
    'c',
  ]);
});

test('what is not due yet waits until it is', t => {
  t.deepEqual(plan([garbage('late', 90), garbage('soon', 30)]), {
    actions: [],
    findings: [],
    requeueAfterMs: 30_000,
  });
});

test('after a pass the next one is when something falls due', t => {
  t.is(plan([garbage('a', -1), garbage('b', 90), garbage('c', 30)]).requeueAfterMs, 30_000);
  t.is(plan([garbage('a', -1)]).requeueAfterMs, undefined);
});

test('the number of deletions is written before the first of them, on the version that was seen', t => {
  const [first, ...rest] = plan([garbage('a', -1), garbage('b', -2), garbage('c', 3)]).actions;
  t.deepEqual(first, {
    type: 'writeStatus',
    policy: 'payments',
    resourceVersion: '7',
    status: {
      lastGarbageCollection: {
        time: '2026-03-01T12:00:00.000Z',
        deleted: 2,
        kept: 1,
        windowStart: '2026-03-01T12:00:00.000Z',
        windowDeleted: 2,
      },
    },
  });
  t.deepEqual(
    rest.map(each => each.type),
    ['collectLease', 'collectLease'],
  );
});

test('the fencing counters are kept, by namespace, before the names are deleted', t => {
  const list = [garbage('a', -4, 41), garbage('b', -3, 0), garbage('c', -2, 5), garbage('d', -1, 6, 'bank')];
  const [, ...rest] = plan(list).actions;
  t.deepEqual(rest.slice(0, 2), [
    {type: 'patchRegistry', namespace: 'shop', patch: {retired: {a: {transitions: 41}, c: {transitions: 5}}}},
    {type: 'patchRegistry', namespace: 'bank', patch: {retired: {d: {transitions: 6}}}},
  ]);
  t.deepEqual(
    rest.slice(2).map(each => each.type),
    Array(4).fill('collectLease'),
  );
});

// maxPerMinute

const tenPerMinute = policy().collecting({maxPerMinute: 10}).rules();
const window = (startedAgoSeconds: number, windowDeleted: number) => ({
  time: new Date(ago(startedAgoSeconds).wallMs).toISOString(),
  deleted: windowDeleted,
  kept: 0,
  windowStart: new Date(ago(startedAgoSeconds).wallMs).toISOString(),
  windowDeleted,
});
const recorded = (list: readonly Garbage[], given: Partial<CollectionObservation>) =>
  only(plan(list, given).actions, 'writeStatus')[0]?.status.lastGarbageCollection;

test('no more than maxPerMinute are taken at once, and the rest a minute later', t => {
  const {actions, requeueAfterMs} = plan(many(25), {rules: tenPerMinute});
  t.is(only(actions, 'collectLease').length, 10);
  t.like(recorded(many(25), {rules: tenPerMinute}), {deleted: 10, kept: 15, windowDeleted: 10});
  t.is(requeueAfterMs, 60_000);
});

test('what was deleted within this minute counts, whoever deleted it', t => {
  const given = {rules: tenPerMinute, last: window(20, 7)};
  t.is(taken(many(25), given).length, 3);
  t.like(recorded(many(25), given), {deleted: 3, windowStart: window(20, 7).windowStart, windowDeleted: 10});
  t.is(plan(many(25), given).requeueAfterMs, 40_000);
});

test('a minute that is used up is waited for, and nothing is written', t => {
  t.deepEqual(plan(many(25), {rules: tenPerMinute, last: window(59, 10)}), {
    actions: [],
    findings: [],
    requeueAfterMs: 1000,
  });
});

test('more deletions than are allowed now are no credit for later', t => {
  t.deepEqual(taken(many(100), {rules: tenPerMinute, last: window(20, 60)}), []);
});

test('a count below 0, which only somebody else can have written, is no credit either', t => {
  t.is(taken(many(100), {rules: tenPerMinute, last: window(20, -60)}).length, 10);
});

test('after a minute the count begins anew', t => {
  const given = {rules: tenPerMinute, last: window(60, 10)};
  t.is(taken(many(25), given).length, 10);
  t.like(recorded(many(25), given), {windowStart: '2026-03-01T12:00:00.000Z', windowDeleted: 10});
});

for (const seconds of [1, 59, 60]) {
  test(`a minute that begins ${seconds} s ahead, by another leader's clock, counts and is waited for`, t => {
    const last = window(-seconds, 7);
    const given = {rules: tenPerMinute, last};
    t.is(taken(many(25), given).length, 3);
    t.like(recorded(many(25), given), {windowStart: last.windowStart, windowDeleted: 10});
    t.is(plan(many(25), given).requeueAfterMs, (60 + seconds) * 1000);
  });
}

test('a minute ahead that is used up is waited for to its end, and nothing is written', t => {
  t.deepEqual(plan(many(25), {rules: tenPerMinute, last: window(-60, 10)}), {
    actions: [],
    findings: [],
    requeueAfterMs: 120_000,
  });
});

const WRONG_WINDOWS = {
  'more than a minute ahead': window(-60.001, 10),
  'a year ahead': window(-31_536_000, 10),
  'at no time': {...window(0, 10), windowStart: 'soon'},
};

for (const [when, last] of Object.entries(WRONG_WINDOWS)) {
  test(`a minute that begins ${when} is ignored, and the count begins anew`, t => {
    const given = {rules: tenPerMinute, last};
    t.is(taken(many(25), given).length, 10);
    t.like(recorded(many(25), given), {windowStart: '2026-03-01T12:00:00.000Z', windowDeleted: 10});
    t.is(plan(many(25), given).requeueAfterMs, 60_000);
  });
}

// maxPercent

const SHARES: [total: number, maxPercent: number, count: number, stopped: boolean][] = [
  [100, 25, 25, false],
  [100, 25, 26, true],
  [1, 1, 1, false],
  [2, 25, 1, false],
  [2, 25, 2, true],
  [10, 25, 3, false],
  [10, 25, 4, true],
  [4, 100, 4, false],
  [100, 1, 2, true],
];

for (const [total, maxPercent, count, stopped] of SHARES) {
  test(`${count} of ${total} Leases at ${maxPercent} percent ${stopped ? 'are too many' : 'may go'}`, t => {
    const rules = policy().collecting({maxPercent}).rules();
    const result = plan(many(count), {rules, total});
    t.is(result.stopped !== undefined, stopped);
    t.is(only(result.actions, 'collectLease').length, stopped ? 0 : count);
  });
}

test('a pass that is stopped says how many, of how many, and what to do', t => {
  const {actions, stopped} = plan(many(4), {total: 10});
  t.deepEqual(actions, []);
  t.is(
    stopped,
    '4 of 10 Leases would be deleted at once, more than maxPercent 25: ' +
      'correct the selectors, or raise garbageCollection.maxPercent to go on',
  );
});

test('what falls due within a minute counts for the share, and what falls due later does not', t => {
  const three = many(3);
  t.not(plan([...three, garbage('soon', 60)], {total: 10}).stopped, undefined);
  t.is(plan([...three, garbage('late', 60.001)], {total: 10}).stopped, undefined);
});

test('a set of buckets that was replaced counts for the share as one Lease, and each set as another', t => {
  const sets = (...names: string[]) =>
    names.flatMap(set => many(10).map((each, at) => ({...each, ...garbage(`${set}${at}`, -1), set})));
  t.is(taken(sets('a', 'b', 'c'), {total: 10}).length, 30);
  t.not(plan(sets('a', 'b', 'c', 'd'), {total: 10}).stopped, undefined);
  t.not(plan([...sets('a', 'b', 'c'), garbage('single', -1)], {total: 10}).stopped, undefined);
});

test('of what the share allows no more than maxPerMinute go at once', t => {
  t.is(plan(many(250)).stopped, undefined);
  t.is(taken(many(250)).length, 60);
});
