/** Leadership with clocks that are wrong and requests that fail, wait or are lost: terms never interleave. */
import test, {type ExecutionContext} from 'ava';
import {type Program, startOperator} from '../../dev/programs.ts';
import {auditEvents, guardedWrites, heldRecords} from '../../dev/trust/audit.ts';
import {interleavings} from '../../dev/trust/invariant.ts';
import {type Skew, skewedClock} from '../support/clock.ts';
import {eventually} from '../support/eventually.ts';
import {FaultProxy} from '../support/fault-proxy.ts';
import {busyStage, FAST, hasWritten, judge, leaderOf, OWN_LEASE, termsOf} from '../support/replicas.ts';
import type {Stage} from '../support/stage.ts';

const MINUTES_MS = 60_000;
const OWN = new RegExp(`/leases/${OWN_LEASE.name}$`);
const RENEWALS = {method: 'PUT', path: OWN};
const CREATIONS = {method: 'POST', path: /\/namespaces\/shop\/leases$/};

/** A replica behind a proxy of its own. */
async function behindProxy(t: ExecutionContext, stage: Stage, name: string, flags: readonly string[] = FAST) {
  const proxy = await FaultProxy.start(t, stage.cluster.kubeconfig);
  const replica = await startOperator(proxy.kubeconfig, flags, name);
  t.teardown(() => replica.stop('SIGKILL'));
  return {proxy, replica};
}

async function withClock(t: ExecutionContext, stage: Stage, name: string, skew: Skew, flags = FAST) {
  const {env} = await skewedClock(t, skew);
  const replica = await startOperator(stage.cluster.kubeconfig, flags, name, undefined, env);
  t.teardown(() => replica.stop('SIGKILL'));
  return replica;
}

/** A leader behind a proxy that has written already, and a standby that knows it. */
async function leaderBehindProxy(t: ExecutionContext, stage: Stage, flags: readonly string[] = FAST) {
  const {proxy, replica: leader} = await behindProxy(t, stage, 'leader', flags);
  await leaderOf([leader]);
  const standby = await stage.operator(...flags);
  await standby.line('the leader', line => line.holder === 'leader');
  await hasWritten(stage, 'leader', 5);
  return {proxy, leader, standby};
}

const holderOf = async (stage: Stage) =>
  (await stage.lease(OWN_LEASE.namespace, OWN_LEASE.name))?.spec?.holderIdentity;

/** Waits until the standby leads; it must have been let in, and not have waited for the duration to pass. */
async function isLetIn(t: ExecutionContext, stage: Stage, standby: Program): Promise<void> {
  await leaderOf([standby]);
  const records = heldRecords(
    await auditEvents(stage.cluster.auditLog ?? ''),
    OWN_LEASE.namespace,
    OWN_LEASE.name,
  );
  const taken = records.findIndex(({holder}) => holder === standby.name);
  t.is(records[taken - 1]?.holder, '', 'the record before is a release');
}

const ended = (replica: Program) =>
  replica.line('the end of its term', line => line.message === 'no longer leading');

test('wall clocks that are an hour ahead and an hour behind change nothing', async t => {
  t.timeout(2 * MINUTES_MS);
  const stage = await busyStage(t);
  const ahead = await withClock(t, stage, 'ahead', {offsetMs: 3_600_000});
  await leaderOf([ahead]);
  const behind = await withClock(t, stage, 'behind', {offsetMs: -3_600_000});
  await behind.line('the leader', line => line.holder === 'ahead');
  await hasWritten(stage, 'ahead', 10);
  // Longer than the duration, in which the times in the record mean nothing.
  const startMs = Date.now();
  await eventually('two durations', async () => Date.now() - startMs > 8_000);
  t.is(termsOf(behind), 0);
  await ahead.stop('SIGKILL');
  const killedAtMs = Date.now();
  await leaderOf([behind], {withinMs: 10_000});
  const waitedMs = Date.now() - killedAtMs;
  t.true(waitedMs > 3_000 - 500 && waitedMs < 6_000, `${waitedMs} ms`);
  await hasWritten(stage, 'behind', 10);
  t.deepEqual((await judge(t, stage)).leaders, ['ahead', 'behind']);
});

/** A duration of 1.5 deadlines, as by default: what a standby's clock may be too fast. */
const TOLERANT = [
  ...['--lease-duration-seconds', '6'],
  ...['--renew-deadline-seconds', '4'],
  ...['--retry-period-seconds', '0.5'],
];

/** A leader that has written already, and a standby with a clock of its own that knows it. */
async function fastStandby(t: ExecutionContext, rate: number, flags = TOLERANT) {
  const stage = await busyStage(t);
  const {proxy, replica: leader} = await behindProxy(t, stage, 'leader', flags);
  await leaderOf([leader]);
  const standby = await withClock(t, stage, 'fast', {rate}, flags);
  await standby.line('the leader', line => line.holder === 'leader');
  await hasWritten(stage, 'leader', 5);
  return {stage, proxy, leader, standby};
}

test("a standby's clock that is 1.4 times too fast is within what the durations allow", async t => {
  t.timeout(2 * MINUTES_MS);
  const {stage, proxy, leader, standby} = await fastStandby(t, 1.4);
  // The leader writes on and can't renew, which is when a standby that is early does harm.
  proxy.add(RENEWALS, {kind: 'status', status: 500});
  await leaderOf([standby]);
  await hasWritten(stage, 'fast', 20);
  await ended(leader);
  t.deepEqual((await judge(t, stage)).leaders, ['leader', 'fast']);
});

test("a standby's clock that is 3 times too fast is beyond it, and the checker finds what that does", async t => {
  t.timeout(2 * MINUTES_MS);
  // Two seconds until the standby takes the Lease, and three more in which the leader may write.
  const flags = [...TOLERANT, '--renew-deadline-seconds', '5'];
  const {stage, proxy, leader, standby} = await fastStandby(t, 3, flags);
  const late = proxy.add({method: 'PATCH', path: /\/leaseregistries\//}, {kind: 'hold'}, 1);
  proxy.add(RENEWALS, {kind: 'status', status: 500});
  await late.met;
  await leaderOf([standby]);
  await hasWritten(stage, 'fast');
  late.remove();
  await ended(leader);
  const found = interleavings(guardedWrites(await auditEvents(stage.cluster.auditLog ?? '')));
  t.regex(found[0] ?? 'nothing', /came (after|before)/);
});

test('a fault that is shorter than the renew deadline ends no term', async t => {
  t.timeout(2 * MINUTES_MS);
  const stage = await busyStage(t);
  const {proxy, leader, standby} = await leaderBehindProxy(t, stage);
  for (const fault of [
    {kind: 'status', status: 500},
    {kind: 'status', status: 429, retryAfterSeconds: 1},
    {kind: 'silence'},
    {kind: 'lost'},
  ] as const) {
    const rule = proxy.add({path: OWN}, fault);
    await rule.met;
    const startMs = Date.now();
    await eventually('half of the deadline', async () => Date.now() - startMs > 1_200);
    rule.remove();
    const healedAtMs = performance.now();
    await eventually('a renewal', async () =>
      proxy.passed(RENEWALS).some(each => each.atMs > healedAtMs && each.answered === 200),
    );
  }
  t.is(termsOf(leader), 1);
  t.false(leader.lines.some(line => line.message === 'no longer leading'));
  t.is(termsOf(standby), 0);
  t.deepEqual((await judge(t, stage)).leaders, ['leader']);
});

test('a fault that is longer ends the term at the deadline, and the standby goes on', async t => {
  t.timeout(2 * MINUTES_MS);
  const stage = await busyStage(t);
  const {proxy, leader, standby} = await leaderBehindProxy(t, stage);
  const rule = proxy.add(RENEWALS, {kind: 'status', status: 503});
  t.regex(`${(await ended(leader)).reason}`, /not renewed within 3 seconds/);
  t.is(await holderOf(stage), 'leader', 'the Lease outlives the term');
  await leaderOf([standby]);
  await hasWritten(stage, standby.name, 10);
  rule.remove();
  await standby.stop('SIGTERM');
  await leaderOf([leader], {terms: 2});
  await eventually('its work goes on', async () => {
    const {leaders} = await judge(t, stage);
    return leaders.length === 3;
  });
  t.deepEqual((await judge(t, stage)).leaders, ['leader', standby.name, 'leader']);
});

for (const state of ['refusing', 'frozen'] as const) {
  test(`a leader whose network is ${state} is followed, and is a standby when the network is back`, async t => {
    t.timeout(2 * MINUTES_MS);
    const stage = await busyStage(t);
    const {proxy, leader, standby} = await leaderBehindProxy(t, stage);
    proxy.network.state = state;
    await leaderOf([standby]);
    await hasWritten(stage, standby.name, 10);
    await ended(leader);
    proxy.network.state = 'open';
    await leader.line('the new leader', line => line.holder === standby.name, 60_000);
    await hasWritten(stage, standby.name, 50);
    t.is(termsOf(leader), 1);
    t.true(leader.running);
    t.deepEqual((await judge(t, stage)).leaders, ['leader', standby.name]);
  });
}

test('SIGTERM during a write: the Lease is released when the write is answered, not before', async t => {
  t.timeout(2 * MINUTES_MS);
  const stage = await busyStage(t);
  const {proxy, leader, standby} = await leaderBehindProxy(t, stage);
  const rule = proxy.add(CREATIONS, {kind: 'hold'}, 1);
  await rule.met;
  const stopped = leader.stop('SIGTERM');
  await leader.line('the signal', line => /^SIGTERM/.test(`${line.message}`));
  t.is(await holderOf(stage), 'leader');
  t.is(termsOf(standby), 0);
  rule.remove();
  await isLetIn(t, stage, standby);
  t.is(await stopped, 0);
  await hasWritten(stage, standby.name, 10);
  t.deepEqual((await judge(t, stage)).leaders, ['leader', standby.name]);
});

test('a conflict during the release: it is read again and released', async t => {
  t.timeout(2 * MINUTES_MS);
  const stage = await busyStage(t);
  const {proxy, leader, standby} = await leaderBehindProxy(t, stage);
  const isRelease = /"holderIdentity":""/;
  const rule = proxy.add(RENEWALS, {kind: 'hold'});
  const stopped = leader.stop('SIGTERM');
  await eventually('the release', async () =>
    proxy.passed(RENEWALS).some(({body}) => isRelease.test(`${body}`)),
  );
  await stage.kubectl(['label', 'lease', OWN_LEASE.name, '-n', OWN_LEASE.namespace, 'seen=yes']);
  rule.remove();
  t.is(await stopped, 0);
  const releases = proxy.passed(RENEWALS).filter(({body}) => isRelease.test(`${body}`));
  t.deepEqual(
    releases.map(({served}) => served),
    [409, 200],
  );
  await isLetIn(t, stage, standby);
  await hasWritten(stage, standby.name, 10);
  t.deepEqual((await judge(t, stage)).leaders, ['leader', standby.name]);
});

for (const [what, matcher] of [
  ['the read', {method: 'GET', path: OWN}],
  ['the update', RENEWALS],
] as const) {
  test(`SIGTERM during ${what} of a renewal: it ends soon and leaves the Lease to the next`, async t => {
    t.timeout(2 * MINUTES_MS);
    const stage = await busyStage(t);
    const {proxy, leader, standby} = await leaderBehindProxy(t, stage);
    const rule = proxy.add(matcher, {kind: 'hold'}, 1);
    await rule.met;
    const startMs = Date.now();
    const stopped = leader.stop('SIGTERM');
    if (matcher === RENEWALS) {
      await leader.line('the signal', line => /^SIGTERM/.test(`${line.message}`));
      rule.remove();
    }
    t.is(await stopped, 0);
    t.true(Date.now() - startMs < 3_000, `${Date.now() - startMs} ms`);
    await isLetIn(t, stage, standby);
    await hasWritten(stage, standby.name, 10);
    t.deepEqual((await judge(t, stage)).leaders, ['leader', standby.name]);
  });
}
