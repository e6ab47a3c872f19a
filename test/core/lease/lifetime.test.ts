/** Every state of a Lease by its entry condition. */
import test from 'ava';
import fc from 'fast-check';
import {
  holding,
  isHeldByOthers,
  type LeaseView,
  LIFETIMES,
  type Lifetime,
  lifetime,
} from '../../../src/core/lease/lifetime.ts';
import {ago, lease, now} from '../../support/builders.ts';

const MAX_SECONDS = 2_147_483_647;
const api = 'api-5d8f-x2x4z';

type Row = [what: string, lease: LeaseView, claimed: boolean, state: Lifetime, changesInMs?: number];

const TABLE: Row[] = [
  ['made by us and never held', lease().made(), true, 'unclaimed'],
  [
    'made by us, never held and without a spec',
    lease().made().with({durationSeconds: undefined}),
    true,
    'unclaimed',
  ],
  ['adopted and never held', lease().adopted(), true, 'unknown'],
  ['of others and never held', lease(), false, 'unknown'],
  [
    'made by us, with an empty holder and a renewTime that is no time',
    lease().made().with({renewTime: 'junk'}),
    true,
    'unknown',
  ],

  ['just renewed', lease().made().heldBy(api), true, 'held', 15_000],
  ['renewed within its duration', lease().made().heldBy(api).renewed(ago(5)), true, 'held', 10_000],
  [
    'renewed a millisecond less than its duration ago',
    lease().heldBy(api).renewed(ago(14.999)),
    true,
    'held',
    1,
  ],
  [
    'held by somebody, although nobody claims it',
    lease().made().heldBy(api).renewed(ago(5)),
    false,
    'held',
    10_000,
  ],
  ['of others and held', lease().heldBy(api).renewed(ago(5)), false, 'held', 10_000],
  [
    'held for the longest duration',
    lease().heldBy(api).lasting(MAX_SECONDS).renewed(ago(1)),
    true,
    'held',
    MAX_SECONDS * 1000 - 1000,
  ],
  [
    'first seen now, and renewed a year ago by its own word',
    lease().heldBy(api).with({renewTime: '2025-03-01T12:00:00.000000Z'}),
    true,
    'held',
    15_000,
  ],
  [
    'renewed in the year 9999 by its own word',
    lease().heldBy(api).with({renewTime: '9999-12-31T23:59:59.999999Z'}),
    true,
    'held',
    15_000,
  ],

  ['not renewed for its duration', lease().made().heldBy(api).renewed(ago(15)), true, 'expired'],
  ['of others and not renewed', lease().heldBy(api).renewed(ago(60)), false, 'expired'],
  [
    'silent, though renewed in the year 9999 by its own word',
    lease().heldBy(api).renewed(ago(15)).with({renewTime: '9999-12-31T23:59:59.999999Z'}),
    true,
    'expired',
  ],
  [
    'kept closed by us and no longer renewed',
    lease().made().keptClosedFor('old').renewed(ago(15)),
    true,
    'expired',
  ],

  ['given up by its holder', lease().made().released(), true, 'released'],
  ['given up a moment ago', lease().made().released(now), true, 'released'],
  ['of others and given up', lease().released(), false, 'released'],

  ['made by us, never held, and nobody claims it', lease().made(), false, 'orphaned'],
  ['given up, and nobody claims it', lease().made().released(), false, 'orphaned'],
  ['adopted, given up, and nobody claims it', lease().adopted().released(), false, 'orphaned'],
  ['expired, and nobody claims it', lease().made().heldBy(api).renewed(ago(15)), false, 'orphaned'],
  ['kept closed by us, and nobody claims it', lease().made().keptClosedFor('new'), false, 'orphaned'],

  [
    'with a holder that has no renewTime',
    lease().made().heldBy(api).with({renewTime: undefined}),
    true,
    'unknown',
  ],
  [
    'with a holder whose renewTime is no time',
    lease().made().heldBy(api).with({renewTime: 'yesterday'}),
    true,
    'unknown',
  ],
  [
    'with a holder but no duration',
    lease().made().heldBy(api).with({durationSeconds: undefined}),
    true,
    'unknown',
  ],
  ['with a holder and a duration of 0', lease().made().heldBy(api).lasting(0), true, 'unknown'],
  ['with a holder and a duration below 0', lease().made().heldBy(api).lasting(-15), false, 'unknown'],
  [
    'not understood, and nobody claims it',
    lease().made().heldBy(api).with({renewTime: undefined}),
    false,
    'unknown',
  ],
  ['adopted, never held, and nobody claims it', lease().adopted(), false, 'unknown'],
];

for (const [what, each, claimed, state, changesInMs] of TABLE) {
  test(`a Lease ${what} is ${state}`, t => {
    t.deepEqual(lifetime(each, claimed, now.monotonicMs), {state, changesInMs});
  });
}

test('every state has a Lease in the table', t => {
  t.deepEqual([...new Set(TABLE.map(row => row[3]))].sort(), [...LIFETIMES].sort());
});

const OTHERS: [what: string, lease: LeaseView, expected: boolean][] = [
  ['held', lease().heldBy(api), true],
  ['with a holder but no renewTime', lease().heldBy(api).with({renewTime: undefined}), true],
  ['with a holder whose renewTime is no time', lease().heldBy(api).with({renewTime: 'yesterday'}), true],
  ['with a holder but no duration', lease().heldBy(api).with({durationSeconds: undefined}), true],
  [
    'with a holder but no duration, and long silent',
    lease().heldBy(api).renewed(ago(86_400)).with({durationSeconds: undefined}),
    true,
  ],
  ['of others and never held', lease(), false],
  ['made by us and never held', lease().made(), false],
  ['adopted and never held', lease().adopted(), false],
  ['adopted and without a spec', lease().adopted().with({durationSeconds: undefined}), false],
  ['without a holder, with a renewTime that is no time', lease().made().with({renewTime: 'junk'}), false],
  ['released', lease().released(), false],
  ['expired', lease().heldBy(api).renewed(ago(15)), false],
  ['kept closed by us', lease().keptClosedFor('old'), false],
  [
    'kept closed by us, without a renewTime',
    lease().keptClosedFor('old').with({renewTime: undefined}),
    false,
  ],
];

for (const [what, each, expected] of OTHERS) {
  test(`by a Lease that is ${what} ${expected ? 'somebody may lead' : 'nobody leads'}`, t => {
    t.is(isHeldByOthers(each, now.monotonicMs), expected);
  });
}

const anyText = fc.option(
  fc.oneof(fc.string(), fc.constantFrom('2026-03-01T12:00:00.000000Z', '9999-12-31T23:59:59.999999Z')),
  {nil: undefined},
);
const anyLease = fc
  .record({
    holder: fc.oneof(fc.constant(''), fc.string(), fc.constant('leasepolicy-rename_old')),
    durationSeconds: fc.option(fc.oneof(fc.integer(), fc.integer({min: 1, max: 60})), {nil: undefined}),
    acquireTime: anyText,
    renewTime: anyText,
    orphanedSince: anyText,
    transitions: fc.integer(),
    labels: fc.constantFrom<Record<string, string>>(
      {},
      {'leasepolicy.dev/origin': 'created'},
      {'leasepolicy.dev/origin': 'adopted'},
    ),
    changedAtMs: fc.integer({min: 0, max: now.monotonicMs}),
  })
  .map(fields => lease().with(fields));

test('every record has one state, and a held one ends when it says', t => {
  const property = fc.property(anyLease, fc.boolean(), (each, claimed) => {
    const {state, changesInMs} = lifetime(each, claimed, now.monotonicMs);
    if (!LIFETIMES.includes(state) || (state === 'held') !== (changesInMs !== undefined)) return false;
    if (changesInMs === undefined) return true;
    const end = now.monotonicMs + changesInMs;
    return holding(each, end - 1).state === 'held' && holding(each, end).state === 'expired';
  });
  t.notThrows(() => fc.assert(property, {numRuns: 500}));
});

test('without a holder nobody leads, whatever else the record says', t => {
  const property = fc.property(anyLease, each => !isHeldByOthers(each.with({holder: ''}), now.monotonicMs));
  t.notThrows(() => fc.assert(property));
});

test('no Lease is orphaned while somebody claims it, or while it is not ours', t => {
  const property = fc.property(anyLease, fc.boolean(), (each, claimed) => {
    const managed = 'leasepolicy.dev/origin' in each.labels;
    return (!claimed && managed) || lifetime(each, claimed, now.monotonicMs).state !== 'orphaned';
  });
  t.notThrows(() => fc.assert(property));
});
