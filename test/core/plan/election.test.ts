/** What a candidate does about a record, and what it writes, as tables. */
import test from 'ava';
import type {LeaseSpec} from '../../../src/api/objects.ts';
import {
  type ElectionWay,
  heldRecord,
  isRelieved,
  type Move,
  nextMove,
  releasedRecord,
  UNASSIGNED_MS,
} from '../../../src/core/plan/election.ts';

const EARLIER = '2026-03-01T11:00:00.000000Z';
const NOW = '2026-03-01T12:00:00.000000Z';
const WALL_MS = Date.parse(NOW);

const OURS: LeaseSpec = {holderIdentity: 'me'};
const THEIRS: LeaseSpec = {holderIdentity: 'other'};
const FREE: LeaseSpec = {holderIdentity: ''};
const RELIEVED: LeaseSpec = {...OURS, preferredHolder: 'other'};

const MOVES: [what: string, spec: LeaseSpec | undefined, leftMs: number, classic: Move, coordinated: Move][] =
  [
    ['there is no Lease', undefined, 0, 'take', 'wait'],
    ['there was no Lease for long', undefined, -UNASSIGNED_MS, 'take', 'take'],
    ['nobody holds it', FREE, 0, 'take', 'wait'],
    ['nobody held it for almost long', FREE, 1 - UNASSIGNED_MS, 'take', 'wait'],
    ['nobody held it for long', FREE, -UNASSIGNED_MS, 'take', 'take'],
    ['another one holds it', THEIRS, 1, 'wait', 'wait'],
    ['another one has held it', THEIRS, 0, 'take', 'wait'],
    ['another one has held it, long ago', THEIRS, -UNASSIGNED_MS, 'take', 'take'],
    ['it is ours', OURS, 5_000, 'renew', 'renew'],
    ['it is ours and was not renewed for long', OURS, -UNASSIGNED_MS, 'renew', 'renew'],
    ['it is ours and we are preferred', {...OURS, preferredHolder: 'me'}, 5_000, 'renew', 'renew'],
    ['it is ours and nobody is preferred', {...OURS, preferredHolder: ''}, 5_000, 'renew', 'renew'],
    ['it is ours and another one is preferred', RELIEVED, 5_000, 'renew', 'wait'],
    ['another one was preferred and never came', RELIEVED, -UNASSIGNED_MS, 'renew', 'take'],
  ];
for (const [what, spec, leftMs, classic, coordinated] of MOVES) {
  test(`${what}: ${classic} in the classic way, ${coordinated} in a coordinated one`, t => {
    const me = {identity: 'me', written: spec?.holderIdentity === 'me', leftMs};
    t.is(nextMove(spec, {...me, way: 'classic'}), classic);
    t.is(nextMove(spec, {...me, way: 'coordinated'}), coordinated);
  });
}

test('a record with our name that another process wrote is waited for, unless the API server gives the names', t => {
  const me = {identity: 'me', written: false};
  t.is(nextMove(OURS, {...me, way: 'classic', leftMs: 1}), 'wait');
  t.is(nextMove(OURS, {...me, way: 'classic', leftMs: 0}), 'take');
  t.is(nextMove(OURS, {...me, way: 'coordinated', leftMs: 1}), 'renew');
});

test('only the holder is relieved', t => {
  t.true(isRelieved(RELIEVED, 'me'));
  t.false(isRelieved({...THEIRS, preferredHolder: 'me'}, 'me'));
  t.false(isRelieved(undefined, 'me'));
});

const hold = (before: LeaseSpec | undefined, way: ElectionWay = 'coordinated') =>
  heldRecord(before, {
    identity: 'me',
    way,
    written: before?.holderIdentity === 'me',
    durationSeconds: 15,
    wallMs: WALL_MS,
  });

const COUNTS: [what: string, before: LeaseSpec | undefined, transitions: number, acquireTime: string][] = [
  ['a Lease that is made', undefined, 0, NOW],
  ['a Lease that was made for us', OURS, 0, NOW],
  ['a Lease that was given to us', {...OURS, leaseTransitions: 4}, 5, NOW],
  ['a Lease that is free', {...FREE, leaseTransitions: 4, acquireTime: EARLIER}, 5, NOW],
  ['a Lease that is renewed', {...OURS, leaseTransitions: 4, acquireTime: EARLIER}, 4, EARLIER],
  ['a Lease without a counter that is renewed', {...OURS, acquireTime: EARLIER}, 0, EARLIER],
  [
    'a Lease with another text for its time',
    {...OURS, leaseTransitions: 4, acquireTime: 'yesterday'},
    4,
    NOW,
  ],
];
for (const [what, before, leaseTransitions, acquireTime] of COUNTS) {
  test(`${what} has the counter ${leaseTransitions}`, t => {
    t.deepEqual(hold(before), {
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      acquireTime,
      renewTime: NOW,
      leaseTransitions,
    });
  });
}

test('who was preferred is forgotten by a holder that was chosen, and kept by one that takes no part', t => {
  const before = {...FREE, strategy: 'OldestEmulationVersion', preferredHolder: 'other'};
  t.like(hold(before, 'classic'), {strategy: 'OldestEmulationVersion', preferredHolder: 'other'});
  t.false('preferredHolder' in hold(before));
  t.is(hold(before).strategy, 'OldestEmulationVersion');
});

test('a release keeps the counter and what others have written', t => {
  const before = {
    ...RELIEVED,
    strategy: 'OldestEmulationVersion',
    leaseTransitions: 4,
    leaseDurationSeconds: 15,
  };
  t.deepEqual(releasedRecord(before, WALL_MS), {
    holderIdentity: '',
    leaseDurationSeconds: 1,
    acquireTime: NOW,
    renewTime: NOW,
    leaseTransitions: 4,
    strategy: 'OldestEmulationVersion',
    preferredHolder: 'other',
  });
});
