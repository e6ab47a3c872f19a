/** The sums of each policy as its objects change. */
import test from 'ava';
import fc from 'fast-check';
import type {Finding, FindingReason} from '../../src/core/lease/finding.ts';
import type {Lifetime} from '../../src/core/lease/lifetime.ts';
import {escaped} from '../../src/core/legible.ts';
import type {Garbage, LeaseState} from '../../src/core/plan/action.ts';
import {planCollection} from '../../src/core/plan/collection.ts';
import {planLease} from '../../src/core/plan/lease.ts';
import {Ledger} from '../../src/world/ledger.ts';
import {ago, ahead, lease, leaseObservation, now, policy, stamp} from '../support/builders.ts';
import {HOSTILE, UNSEEN} from '../support/hostile.ts';

const finding = (reason: FindingReason, name: string, message = 'it is', policy = 'payments'): Finding => ({
  policy,
  reason,
  about: {apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name, uid: name},
  message,
});
const state = (lifetime: Lifetime, claimed = true, policy = 'payments'): LeaseState[] => [
  {policy, class: 'leader-election', lifetime, claimed},
];
const garbage = (dueAtMs: number, policy = 'payments', name = 'x'): Garbage[] => [
  {
    policy,
    dueAtMs,
    transitions: 0,
    collect: {
      type: 'collectLease',
      policy,
      lease: {namespace: 'shop', name, uid: 'u', resourceVersion: '1'},
      subject: '',
      check: {expect: 'nothing'},
    },
  },
];

const ledger = () => new Ledger(() => undefined);
const NONE = {findings: []};
const missing = finding('MissingLease', 'api');

test('Leases are counted by their state', t => {
  const sums = ledger();
  sums.record('lease/a', {...NONE, states: state('held')}, now.wallMs);
  sums.record('lease/b', {...NONE, states: state('held')}, now.wallMs);
  sums.record('lease/c', {...NONE, states: state('orphaned', false)}, now.wallMs);
  const {lifetimes, claimed, total} = sums.tally('payments');
  t.like(lifetimes, {held: 2, orphaned: 1});
  t.deepEqual([claimed, total], [2, 3]);
});

test('what is recorded under a key replaces what was recorded before', t => {
  const sums = ledger();
  sums.record('lease/a', {...NONE, states: state('held')}, now.wallMs);
  sums.record('lease/a', {...NONE, states: state('orphaned', false)}, now.wallMs);
  const {lifetimes, claimed, total} = sums.tally('payments');
  t.like(lifetimes, {held: 0, orphaned: 1});
  t.deepEqual([claimed, total], [0, 1]);
});

test('a Lease that moves to another policy is counted there alone', t => {
  const sums = ledger();
  sums.record('lease/a', {...NONE, states: state('held')}, now.wallMs);
  const {changed} = sums.record('lease/a', {...NONE, states: state('held', true, 'billing')}, now.wallMs);
  t.deepEqual([sums.tally('payments').total, sums.tally('billing').total], [0, 1]);
  t.deepEqual([...changed].sort(), ['billing', 'payments']);
});

test('a Lease that is gone is counted no more', t => {
  const sums = ledger();
  sums.record('lease/a', {findings: [missing], states: state('orphaned'), garbage: garbage(1)}, now.wallMs);
  const {changed} = sums.record('lease/a', NONE, now.wallMs);
  const {total, findings, garbage: left, withoutLease} = sums.tally('payments');
  t.deepEqual([total, findings.size, left.size, withoutLease], [0, 0, 0, 0]);
  t.deepEqual([...changed], ['payments']);
});

test('a finding is listed as status shows it', t => {
  const sums = ledger();
  sums.record('workload/a', {findings: [missing]}, now.wallMs);
  t.deepEqual(
    [...sums.tally('payments').findings.values()],
    [{reason: 'MissingLease', object: 'Deployment/shop/api', message: 'it is', since: stamp(now)}],
  );
});

for (const text of HOSTILE) {
  test(`${escaped(JSON.stringify(text))} in a finding stays on its line, in status as in the Event`, t => {
    const sums = ledger();
    const {fresh} = sums.record('lease/a', {findings: [finding('ForeignHolder', text, text)]}, now.wallMs);
    const [shown] = sums.tally('payments').findings.values();
    t.is(fresh.length, 1);
    for (const each of [shown?.message, shown?.object, fresh[0]?.message]) t.notRegex(each ?? '\n', UNSEEN);
    t.deepEqual(sums.record('lease/a', {findings: [finding('ForeignHolder', text, text)]}, 0).fresh, []);
  });
}

test('a megabyte of a stranger can not keep status from being written', t => {
  const sums = ledger();
  const huge = finding('ForeignHolder', 'api', 'x'.repeat(1_500_000));
  const {fresh} = sums.record('lease/a', {findings: [huge]}, now.wallMs);
  const [shown] = sums.tally('payments').findings.values();
  for (const each of [shown, fresh[0]]) t.is(each?.message.length, 1024);
});

test('a finding is fresh once, and keeps its time while it lasts', t => {
  const sums = ledger();
  t.deepEqual(sums.record('workload/a', {findings: [missing]}, now.wallMs).fresh, [missing]);
  const again = finding('MissingLease', 'api', 'it is still');
  t.deepEqual(sums.record('workload/a', {findings: [again]}, ahead(60).wallMs).fresh, []);
  const [shown] = sums.tally('payments').findings.values();
  t.like(shown, {message: 'it is still', since: stamp(now)});
});

test('a finding that comes back is fresh again', t => {
  const sums = ledger();
  sums.record('workload/a', {findings: [missing]}, now.wallMs);
  sums.record('workload/a', NONE, now.wallMs);
  t.deepEqual(sums.record('workload/a', {findings: [missing]}, ahead(60).wallMs).fresh, [missing]);
  t.is([...sums.tally('payments').findings.values()][0]?.since, stamp(ahead(60)));
});

test('a finding that already stood in status is not fresh, and keeps its time', t => {
  const sums = new Ledger(() => '2026-02-01T00:00:00Z');
  t.deepEqual(sums.record('workload/a', {findings: [missing]}, now.wallMs).fresh, []);
  t.is([...sums.tally('payments').findings.values()][0]?.since, '2026-02-01T00:00:00Z');
});

test('one fault under two policies is a finding of both', t => {
  const sums = ledger();
  const both = [finding('MisnamedLease', 'x'), finding('MisnamedLease', 'x', 'it is', 'billing')];
  t.deepEqual(sums.record('lease/x', {findings: both}, now.wallMs).fresh, both);
  t.deepEqual([sums.tally('payments').findings.size, sums.tally('billing').findings.size], [1, 1]);
});

test('one fault of one object at two Leases is two findings, and one of them when the other has gone', t => {
  const sums = ledger();
  const [first, second] = [
    finding('ContestedLease', 'api', 'at a'),
    finding('ContestedLease', 'api', 'at b'),
  ];
  sums.record('lease/a', {findings: [first]}, now.wallMs);
  t.deepEqual(sums.record('lease/b', {findings: [second]}, now.wallMs).fresh, [second]);
  const {findings, reasons} = sums.tally('payments');
  t.deepEqual([findings.size, reasons.get('ContestedLease')], [2, 2]);
  sums.record('lease/b', NONE, now.wallMs);
  t.deepEqual(
    [...findings.values()].map(({message}) => message),
    ['at a'],
  );
});

test('findings are counted by reason, and those that leave a subject without a Lease together', t => {
  const sums = ledger();
  const found = (
    ['MissingLease', 'NameCollision', 'NameTooLong', 'InvalidName', 'OrphanedLease'] as const
  ).map(reason => finding(reason, reason));
  sums.record('workload/a', {findings: found}, now.wallMs);
  t.is(sums.tally('payments').withoutLease, 4);
  t.is(sums.tally('payments').reasons.get('OrphanedLease'), 1);
});

test('garbage is kept under the key of its Lease until it is none', t => {
  const sums = ledger();
  sums.record('lease/a', {...NONE, garbage: garbage(1, 'payments', 'a')}, now.wallMs);
  sums.record(
    'components/b',
    {...NONE, garbage: [...garbage(2, 'payments', 'b'), ...garbage(2, 'payments', 'c')]},
    now.wallMs,
  );
  const {garbage: found, garbageKeys} = sums.tally('payments');
  t.deepEqual([...found.keys()], ['shop/a', 'shop/b', 'shop/c']);
  sums.record('lease/a', NONE, now.wallMs);
  t.deepEqual([[...found.keys()], [...garbageKeys.keys()]], [['shop/b', 'shop/c'], ['components/b']]);
});

const ENTRY = {findings: [missing], states: state('held'), garbage: garbage(1)};
const CHANGES = {
  state: {...ENTRY, states: state('expired')},
  claim: {...ENTRY, states: state('held', false)},
  message: {...ENTRY, findings: [finding('MissingLease', 'api', 'it is still')]},
  reason: {...ENTRY, findings: [finding('NameCollision', 'api')]},
  garbage: {...ENTRY, garbage: garbage(2)},
};

for (const [what, entry] of Object.entries(CHANGES)) {
  test(`another ${what} is a change of the policy's sums`, t => {
    const sums = ledger();
    t.deepEqual([...sums.record('lease/a', ENTRY, now.wallMs).changed], ['payments']);
    t.deepEqual([...sums.record('lease/a', entry, now.wallMs).changed], ['payments']);
  });
}

test('the same again is no change', t => {
  const sums = ledger();
  sums.record('lease/a', ENTRY, now.wallMs);
  t.deepEqual([...sums.record('lease/a', structuredClone(ENTRY), ahead(60).wallMs).changed], []);
  t.is(sums.tally('payments').total, 1);
});

test('the end of a ttl that has not begun is no change, however often it is asked', t => {
  const sums = ledger();
  const waiting = (dueAtMs: number) => garbage(dueAtMs).map(each => ({...each, waitsForMark: true}));
  sums.record('lease/a', {...ENTRY, garbage: waiting(1)}, now.wallMs);
  t.deepEqual([...sums.record('lease/a', {...ENTRY, garbage: waiting(2)}, now.wallMs).changed], []);
  t.deepEqual([...sums.record('lease/a', {...ENTRY, garbage: garbage(2)}, now.wallMs).changed], ['payments']);
});

test('nothing is no change of anything', t => {
  t.deepEqual(ledger().record('lease/a', NONE, now.wallMs), {changed: new Set(), fresh: []});
});

test('a ledger that is cleared counts from nothing', t => {
  const sums = ledger();
  sums.record('lease/a', ENTRY, now.wallMs);
  sums.clear();
  t.deepEqual([...sums.tallies()], []);
  sums.record('lease/a', ENTRY, now.wallMs);
  t.is(sums.tally('payments').total, 1);
});

test('a policy that is gone has no sums', t => {
  const sums = ledger();
  sums.record('lease/a', ENTRY, now.wallMs);
  sums.forget('payments');
  t.deepEqual([...sums.tallies()], []);
});

test('a policy that is gone takes nothing from the sums when its objects are looked at again', t => {
  for (const again of [NONE, ENTRY, {...NONE, states: state('orphaned', false)}]) {
    const sums = ledger();
    sums.record('lease/a', ENTRY, now.wallMs);
    sums.forget('payments');
    sums.record('lease/a', again, now.wallMs);
    sums.record('lease/a', NONE, now.wallMs);
    const {lifetimes, claimed, total, reasons, findings, garbage: left} = sums.tally('payments');
    t.true(Object.values(lifetimes).every(count => count === 0));
    t.true([...reasons.values()].every(count => count === 0));
    t.deepEqual([claimed, total, findings.size, left.size], [0, 0, 0, 0]);
  }
});

test('a policy that is created anew counts from nothing, and its findings are fresh', t => {
  const sums = ledger();
  for (const key of ['lease/a', 'lease/b']) sums.record(key, {...NONE, states: state('held')}, now.wallMs);
  sums.record('workload/a', {findings: [missing]}, now.wallMs);
  sums.record('lease/c', {...NONE, garbage: garbage(1)}, now.wallMs);
  sums.forget('payments');
  const {changed} = sums.record('lease/a', {...NONE, states: state('held')}, ahead(60).wallMs);
  const {fresh} = sums.record('workload/a', {findings: [missing]}, ahead(60).wallMs);
  t.deepEqual([...changed], ['payments']);
  t.deepEqual(fresh, [missing]);
  t.deepEqual([...sums.record('lease/c', {...NONE, garbage: garbage(1)}, now.wallMs).changed], ['payments']);
  const {lifetimes, claimed, withoutLease, findings} = sums.tally('payments');
  t.deepEqual({...lifetimes}, {held: 1});
  t.deepEqual([claimed, withoutLease], [1, 1]);
  t.deepEqual(
    [...findings.values()].map(each => each.since),
    [stamp(ahead(60))],
  );
});

test('what was found for other policies stays when one is gone', t => {
  const sums = ledger();
  const both = [missing, finding('MissingLease', 'api', 'it is', 'billing')];
  const entry = {findings: both, states: state('held', true, 'billing'), garbage: garbage(1, 'billing')};
  sums.record('lease/a', entry, now.wallMs);
  sums.forget('payments');
  const {total, claimed, findings, garbage: left} = sums.tally('billing');
  t.deepEqual([total, claimed, findings.size, left.size], [1, 1, 1, 1]);
  t.deepEqual(sums.record('lease/a', entry, ahead(60).wallMs).fresh, [missing]);
});

test('garbage of others is part of the total of which a share may be deleted', t => {
  const sums = ledger();
  const rules = policy().collecting({mode: 'All'}).rules();
  const judged = planLease(leaseObservation({lease: lease().released(ago(7200)), rules}), now);
  sums.record('lease/a', judged, now.wallMs);
  const {garbage: found, total} = sums.tally('payments');
  t.is(total, 1);
  const observed = {rules, resourceVersion: '7', garbage: [...found.values()], total, last: undefined};
  t.is(planCollection(observed, now).stopped, undefined);
});

const POLICIES = ['payments', 'billing'];
const anyPolicy = fc.constantFrom(...POLICIES);
const noneOr = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, {nil: undefined});
const anyRecord = fc
  .record({
    key: fc.constantFrom('lease/a', 'lease/b', 'lease/c'),
    found: fc.subarray(POLICIES),
    counted: noneOr(anyPolicy),
    lifetime: fc.constantFrom<Lifetime>('held', 'orphaned'),
    due: noneOr(anyPolicy),
  })
  .map(({key, found, counted, lifetime, due}) => ({
    key,
    findings: found.map(each => finding('MissingLease', key, 'it is', each)),
    states: counted === undefined ? [] : state(lifetime, true, counted),
    garbage: due === undefined ? [] : garbage(1, due, key),
  }));
type Step = {forget: string} | (typeof anyRecord extends fc.Arbitrary<infer Value> ? Value : never);
const anySteps = fc.array(
  fc.oneof<fc.MaybeWeightedArbitrary<Step>[]>(
    {weight: 1, arbitrary: fc.record({forget: anyPolicy})},
    {weight: 4, arbitrary: anyRecord},
  ),
  {maxLength: 30},
);

/** Leases, findings and garbage of a policy: what stands under each key since the policy was forgotten last. */
function standing(name: string, steps: readonly Step[]) {
  const since = steps.findLastIndex(step => 'forget' in step && step.forget === name) + 1;
  const last = new Map(steps.slice(since).flatMap(step => ('key' in step ? [[step.key, step]] : [])));
  const all = [...last.values()];
  return [
    all.filter(each => each.states[0]?.policy === name).length,
    all.filter(each => each.findings.some(found => found.policy === name)).length,
    all.filter(each => each.garbage[0]?.policy === name).length,
  ];
}

test('the sums are those of what stands now, whatever was recorded and forgotten before', t => {
  const property = fc.property(anySteps, steps => {
    const sums = ledger();
    for (const step of steps) {
      if ('forget' in step) sums.forget(step.forget);
      else sums.record(step.key, step, now.wallMs);
    }
    return POLICIES.every(name => {
      const {total, findings, garbage: due, lifetimes, claimed, withoutLease} = sums.tally(name);
      const [leases, found, garbages] = standing(name, steps);
      const negative = Object.values(lifetimes).some(count => count < 0);
      return (
        [total, claimed].every(count => count === leases) &&
        [findings.size, withoutLease].every(count => count === found) &&
        due.size === garbages &&
        !negative
      );
    });
  });
  t.notThrows(() => fc.assert(property, {numRuns: 500}));
});
