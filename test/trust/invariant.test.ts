/** The checker itself: histories that violate what it checks are found, and those that do not are left alone. */
import test from 'ava';
import {guardedWrites, heldRecords, micros} from '../../dev/trust/audit.ts';
import {type GuardedWrite, interleavings, miscounts, overlaps} from '../../dev/trust/invariant.ts';

const write = (
  identity: string,
  term: number,
  receivedUs: number,
  answeredUs = receivedUs + 10,
): GuardedWrite => ({
  identity,
  term,
  what: 'delete leases/shop/api',
  receivedUs,
  answeredUs,
});

const HISTORIES: [what: string, history: GuardedWrite[], violations: RegExp[]][] = [
  ['nothing', [], []],
  ['one term', [write('a', 1, 0), write('a', 1, 5), write('a', 1, 100)], []],
  ['one term after the other', [write('a', 1, 0), write('b', 2, 20), write('a', 3, 40)], []],
  ['terms without a write in between', [write('a', 1, 0), write('b', 7, 20)], []],
  ['a log in any order', [write('b', 2, 20), write('a', 1, 0)], []],
  [
    'a write of an old term after one of the new',
    [write('a', 1, 0), write('b', 2, 20), write('a', 1, 40)],
    [/of a in term 1 .* came after .* of b in term 2/],
  ],
  [
    'two writers in one term',
    [write('a', 4, 0), write('b', 4, 20)],
    [/of b in term 4 .* is of one term with .* of a in term 4/],
  ],
  [
    'a write of an old term that was answered after one of the new had come',
    [write('a', 1, 0, 50), write('b', 2, 20)],
    [/of b in term 2 .* came before the answer to .* of a in term 1/],
  ],
  [
    'a slow write that quick ones of its own term have hidden',
    [write('a', 1, 0, 50), write('a', 1, 5, 8), write('b', 2, 20)],
    [/before the answer to/],
  ],
  [
    'each write of an old term',
    [write('b', 2, 0), write('a', 1, 20), write('a', 1, 40)],
    [/came after/, /came after/],
  ],
];
for (const [what, history, expected] of HISTORIES) {
  test(`${what}: ${expected.length} violations`, t => {
    const found = interleavings(history);
    t.is(found.length, expected.length, found.join('\n'));
    for (const [index, each] of expected.entries()) t.regex(found[index] ?? '', each);
  });
}

const held = (...records: [string, number][]) =>
  records.map(([holder, transitions]) => ({holder, transitions}));

test('a counter that grows with each change of the holder is right', t => {
  t.deepEqual(miscounts(held(['a', 0], ['a', 0], ['b', 1], ['', 1], ['a', 2], ['', 2], ['a', 3])), []);
});

for (const [what, records] of [
  ['stays at a change of the holder', held(['a', 3], ['b', 3])],
  ['grows with a renewal', held(['a', 3], ['a', 4])],
  ['jumps', held(['a', 3], ['b', 5])],
  ['starts anew', held(['a', 3], ['b', 0])],
  ['stays when a released Lease is taken again', held(['a', 3], ['', 3], ['a', 3])],
  ['grows with a release', held(['a', 3], ['', 4])],
] as const) {
  test(`a counter that ${what} is found`, t => t.is(miscounts(records).length, 1));
}

test('two that lead at once are found, and one after the other is not', t => {
  const first = {identity: 'a', fromMs: 0, toMs: 10};
  t.deepEqual(overlaps([{identity: 'b', fromMs: 10, toMs: 20}, first]), []);
  t.deepEqual(overlaps([{identity: 'b', fromMs: 7, toMs: 20}, first]), ['b led 3 ms beside a']);
  const long = {identity: 'a', fromMs: 0, toMs: 100};
  const short = {identity: 'b', fromMs: 10, toMs: 20};
  t.deepEqual(overlaps([long, short, {identity: 'c', fromMs: 50, toMs: 60}]).length, 2);
});

const event = (more: object) => ({
  verb: 'delete',
  stage: 'ResponseComplete',
  userAgent: 'leasepolicy/0.1.0 (pod-1; term 4)',
  objectRef: {resource: 'leases', namespace: 'shop', name: 'api'},
  responseStatus: {code: 200},
  requestReceivedTimestamp: '2026-03-01T12:00:00.000001Z',
  stageTimestamp: '2026-03-01T12:00:00.250000Z',
  ...more,
});

test('a guarded write is one that tells its term and was accepted', t => {
  const [write, ...others] = guardedWrites([
    event({}),
    event({responseStatus: {code: 409}}),
    event({userAgent: 'leasepolicy/0.1.0'}),
  ]);
  t.deepEqual(others, []);
  t.like(write, {identity: 'pod-1', term: 4, what: 'delete leases/shop/api'});
  t.is((write?.answeredUs ?? 0) - (write?.receivedUs ?? 0), 249_999);
});

test('the versions of a Lease are read in the order in which they were stored', t => {
  const version = (resourceVersion: string, holderIdentity: string, leaseTransitions: number) =>
    event({
      verb: 'update',
      responseObject: {metadata: {name: 'api', resourceVersion}, spec: {holderIdentity, leaseTransitions}},
    });
  const events = [version('11', 'b', 2), version('9', 'a', 1)];
  t.deepEqual(heldRecords(events, 'shop', 'api'), held(['a', 1], ['b', 2]));
  t.deepEqual(heldRecords(events, 'shop', 'other'), []);
});

test('times keep their microseconds', t => {
  t.is(micros('1970-01-01T00:00:01.000042Z'), 1_000_042);
  t.is(micros('1970-01-01T00:00:01Z'), 1_000_000);
  t.is(micros('1970-01-01T00:00:01.5Z'), 1_500_000);
});
