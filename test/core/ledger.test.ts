/** The sums of each policy as its objects change. */
import test from 'ava';
import {Ledger} from '../../src/controllers/ledger.ts';
import type {Finding, FindingReason} from '../../src/core/finding.ts';
import type {Lifetime} from '../../src/core/lifetime.ts';
import type {Garbage} from '../../src/core/plan-lease.ts';
import {ahead, now, stamp} from '../support/builders.ts';

const finding = (reason: FindingReason, name: string, message = 'it is', policy = 'payments'): Finding => ({
  policy,
  reason,
  about: {apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name, uid: name},
  message,
});
const state = (lifetime: Lifetime, claimed = true, policy = 'payments') => ({policy, lifetime, claimed});
const garbage = (dueAtMs: number): Garbage => ({
  policy: 'payments',
  dueAtMs,
  transitions: 0,
  collect: {
    type: 'collectLease',
    policy: 'payments',
    lease: {namespace: 'shop', name: 'x', uid: 'u', resourceVersion: '1'},
    subject: '',
    check: {expect: 'nothing'},
  },
});

const ledger = () => new Ledger(() => undefined);
const NONE = {findings: []};
const missing = finding('MissingLease', 'api');

test('Leases are counted by their state', t => {
  const sums = ledger();
  sums.record('lease/a', {...NONE, state: state('held')}, now.wallMs);
  sums.record('lease/b', {...NONE, state: state('held')}, now.wallMs);
  sums.record('lease/c', {...NONE, state: state('orphaned', false)}, now.wallMs);
  const {lifetimes, claimed, total} = sums.tally('payments');
  t.like(lifetimes, {held: 2, orphaned: 1});
  t.deepEqual([claimed, total], [2, 3]);
});

test('what is recorded under a key replaces what was recorded before', t => {
  const sums = ledger();
  sums.record('lease/a', {...NONE, state: state('held')}, now.wallMs);
  sums.record('lease/a', {...NONE, state: state('orphaned', false)}, now.wallMs);
  const {lifetimes, claimed, total} = sums.tally('payments');
  t.like(lifetimes, {held: 0, orphaned: 1});
  t.deepEqual([claimed, total], [0, 1]);
});

test('a Lease that moves to another policy is counted there alone', t => {
  const sums = ledger();
  sums.record('lease/a', {...NONE, state: state('held')}, now.wallMs);
  const {changed} = sums.record('lease/a', {...NONE, state: state('held', true, 'billing')}, now.wallMs);
  t.deepEqual([sums.tally('payments').total, sums.tally('billing').total], [0, 1]);
  t.deepEqual([...changed].sort(), ['billing', 'payments']);
});

test('a Lease that is gone is counted no more', t => {
  const sums = ledger();
  sums.record('lease/a', {findings: [missing], state: state('orphaned'), garbage: garbage(1)}, now.wallMs);
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
  sums.record('lease/a', {...NONE, garbage: garbage(1)}, now.wallMs);
  sums.record('lease/b', {...NONE, garbage: garbage(2)}, now.wallMs);
  sums.record('lease/a', NONE, now.wallMs);
  t.deepEqual([...sums.tally('payments').garbage.keys()], ['lease/b']);
});

const ENTRY = {findings: [missing], state: state('held'), garbage: garbage(1)};
const CHANGES = {
  state: {...ENTRY, state: state('expired')},
  claim: {...ENTRY, state: state('held', false)},
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
