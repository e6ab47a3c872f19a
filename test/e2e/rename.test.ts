/** A rename never gives a workload two leaders, and a Lease that somebody holds is never deleted. */
import test from 'ava';
import {leads, type Program} from '../../dev/programs.ts';
import type {Lease} from '../../src/api/objects.ts';
import {eventually} from '../support/eventually.ts';
import {deployment, namespace, policy, type Stage, setStage, startLeader} from '../support/stage.ts';

const OLD = 'payments-14c2529eb4';
const NEW = 'checkout-14c2529eb4';
const FAST = ['-lease-duration', '4s', '-renew-deadline', '3s', '-retry-period', '500ms'];
const quick = {lease: {durationSeconds: 4}, garbageCollection: {ttlSeconds: 6, maxPercent: 100}};

const candidate = (stage: Stage, lease: string, identity: string) =>
  stage.candidate({namespace: 'shop', lease, identity, flags: FAST});

const timeOf = async (program: Program, event: string) => {
  const line = await program.line(event, each => each.event === event);
  return Date.parse(String(line.time));
};

/** A rule of somebody else, by which no Lease of such a name is made. */
function refusing(prefix: string): object[] {
  const apiVersion = 'admissionregistration.k8s.io/v1';
  const metadata = {name: 'somebody-elses'};
  const apiGroups = ['coordination.k8s.io'];
  const rule = {apiGroups, apiVersions: ['v1'], operations: ['CREATE'], resources: ['leases']};
  const validation = {
    expression: `!object.metadata.name.startsWith('${prefix}')`,
    message: `nobody makes a ${prefix} here`,
  };
  const spec = {matchConstraints: {resourceRules: [rule]}, validations: [validation]};
  return [
    {apiVersion, kind: 'ValidatingAdmissionPolicy', metadata, spec},
    {
      apiVersion,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata,
      spec: {policyName: 'somebody-elses', validationActions: ['Deny']},
    },
  ];
}

test('candidates under the old and the new name never lead together, and the fencing counter goes on', async t => {
  const stage = await setStage(t);
  await stage.apply(
    namespace('shop'),
    deployment('shop', 'api'),
    policy('payments', {naming: {prefix: 'payments'}, ...quick}),
  );
  const operator = await startLeader(stage);
  await eventually('the Lease', () => stage.lease('shop', OLD));
  const oldLeader = await candidate(stage, OLD, 'old-leader');
  await oldLeader.line('leading', leads);
  const oldStandby = await candidate(stage, OLD, 'old-standby');

  await stage.apply(policy('payments', {naming: {prefix: 'checkout'}, ...quick}));
  const closed = await eventually('the closed new Lease', () => stage.lease('shop', NEW));
  t.is(closed.spec?.holderIdentity, `leasepolicy-rename_${OLD}`);
  const names = await eventually('both names in the registry', async () => {
    const known = Object.keys((await stage.registry('shop'))?.names ?? {});
    return known.length === 2 && known;
  });
  t.deepEqual(names.sort(), [NEW, OLD]);
  const newLeader = await candidate(stage, NEW, 'new-leader');

  // Longer than the hold of an old client's own duration: the operator renews it.
  const closedAt = Date.now();
  await eventually('two renewals', async () => Date.now() - closedAt > 9_000, 20_000);
  t.true(oldLeader.running);
  t.false(newLeader.lines.some(leads));

  const transitions = (await stage.lease('shop', OLD))?.spec?.leaseTransitions ?? 0;
  await oldLeader.stop('SIGTERM');
  const stoppedAt = Date.now();
  const startedAt = await timeOf(newLeader, 'leading');
  t.true(
    startedAt - stoppedAt < 2 * 500 * 1.2 + 1_000,
    `the new leader began ${startedAt - stoppedAt} ms after the release`,
  );
  t.true(Number(newLeader.lines.find(leads)?.transitions) > transitions, 'the counter goes on');
  t.is((await stage.lease('shop', OLD))?.spec?.holderIdentity, `leasepolicy-rename_${NEW}`);

  const handedOverAt = Date.now();
  await eventually('most of the ttl', async () => Date.now() - handedOverAt > 4_500);
  t.false(oldStandby.lines.some(leads), 'the old name stays closed for a whole hand-over and longer');
  await oldStandby.stop('SIGTERM');
  await eventually('the old Lease collected', async () => (await stage.lease('shop', OLD)) === undefined);
  t.true(newLeader.running);
  t.is(operator.lines.filter(line => line.level === 'error').length, 0);
});

test('whatever is refused to another policy of the workload, the new name is kept closed in time', async t => {
  const stage = await setStage(t);
  const billing = {naming: {prefix: 'billing'}, ...quick};
  await stage.apply(namespace('shop'), deployment('shop', 'api'), ...refusing('billing-'));
  await stage.apply(policy('billing', billing), policy('payments', {naming: {prefix: 'payments'}, ...quick}));
  const operator = await startLeader(stage);
  await operator.line('the refusal', ({message}) => String(message).includes('nobody makes a billing- here'));
  await eventually('the Lease', () => stage.lease('shop', OLD));
  const oldLeader = await candidate(stage, OLD, 'old-leader');
  await oldLeader.line('leading', leads);
  await stage.apply(policy('payments', {naming: {prefix: 'checkout'}, ...quick}));
  await eventually('the closed new Lease', () => stage.lease('shop', NEW));

  const renewals = new Set<number>();
  const closedAt = Date.now();
  await eventually(
    'so many refusals that the next would wait for ten seconds',
    async () => {
      renewals.add(Date.parse((await stage.lease('shop', NEW))?.spec?.renewTime ?? ''));
      return Date.now() - closedAt > 20_000;
    },
    30_000,
  );
  const times = [...renewals].sort((a, b) => a - b);
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  t.true(gaps.length >= 10, `${gaps.length} renewals`);
  t.true(Math.max(...gaps) < 4_000, `a candidate that counts its own 4 s would have led after ${gaps} ms`);
});

test('the Lease of a deleted workload stays while it is renewed, and goes after the ttl', async t => {
  const stage = await setStage(t);
  await stage.apply(
    namespace('shop'),
    deployment('shop', 'api'),
    policy('payments', {naming: {prefix: 'payments'}, ...quick}),
  );
  const operator = await startLeader(stage);
  await eventually('the Lease', () => stage.lease('shop', OLD));
  const leader = await candidate(stage, OLD, 'api-0');
  await leader.line('leading', leads);
  await eventually('the state held', async () => (await stage.status('payments'))?.leases.held === 1);

  await stage.kubectl(['delete', 'deployment', 'api', '-n', 'shop']);
  const finding = await eventually('the finding', async () => (await stage.status('payments'))?.findings[0]);
  t.is(finding.reason, 'OrphanedLease');
  t.regex(finding.message, /kept while api-0 renews it/);
  const deletedAt = Date.now();
  await eventually('twice the ttl', async () => Date.now() - deletedAt > 12_000, 20_000);
  t.is((await stage.lease('shop', OLD))?.spec?.holderIdentity, 'api-0');

  await leader.stop('SIGTERM');
  const releasedAt = Date.now();
  const orphan = await eventually('the mark', async () => {
    const lease = await stage.lease('shop', OLD);
    return lease?.metadata.annotations?.['leasepolicy.dev/orphaned-since'] !== undefined && lease;
  });
  await eventually('the deletion', async () => (await stage.lease('shop', OLD)) === undefined);
  t.true(Date.now() - releasedAt >= 6_000, 'not before the ttl');

  const deleted = operator.lines.find(line => line.message === 'deleting Lease');
  t.like(deleted, {policy: 'payments', subject: 'Deployment/api'});
  t.is(
    (deleted as {manifest?: Lease} | undefined)?.manifest?.metadata.uid,
    orphan.metadata.uid,
    'the whole manifest is in the log',
  );
  const retired = await eventually(
    'the retired counter',
    async () => (await stage.registry('shop'))?.retired[OLD],
  );

  await stage.apply(deployment('shop', 'api'));
  const again = await eventually('the Lease again', () => stage.lease('shop', OLD));
  t.is(again.spec?.leaseTransitions, retired.transitions, 'the counter goes on');
  await eventually(
    'the retired entry gone',
    async () => (await stage.registry('shop'))?.retired[OLD] === undefined,
  );
});

test('a workload that comes back within the ttl keeps its Lease', async t => {
  const stage = await setStage(t);
  await stage.apply(
    namespace('shop'),
    deployment('shop', 'api'),
    policy('payments', {naming: {prefix: 'payments'}}),
  );
  await startLeader(stage);
  const before = await eventually('the Lease', () => stage.lease('shop', OLD));
  await stage.kubectl(['delete', 'deployment', 'api', '-n', 'shop']);
  const mark = 'leasepolicy.dev/orphaned-since';
  await eventually('the mark', async () => (await stage.lease('shop', OLD))?.metadata.annotations?.[mark]);
  await stage.apply(deployment('shop', 'api'));
  const after = await eventually('the mark gone', async () => {
    const lease = await stage.lease('shop', OLD);
    return lease?.metadata.annotations?.[mark] === undefined && lease;
  });
  t.is(after.metadata.uid, before.metadata.uid);
});

test('a selector that would orphan everything stops the collection and says how to go on', async t => {
  const stage = await setStage(t);
  const names = ['a', 'b', 'c', 'd'];
  await stage.apply(namespace('shop'), ...names.map(name => deployment('shop', name)));
  const collection = {ttlSeconds: 2, maxPercent: 50};
  const spec = {naming: {prefix: 'payments'}, lease: {durationSeconds: 1}, garbageCollection: collection};
  await stage.apply(policy('payments', spec));
  await startLeader(stage);
  await eventually('four Leases', async () => (await stage.leases('shop')).length === 4);

  const subjects = {workloads: {selector: {matchLabels: {app: 'nothing'}}}};
  await stage.apply(policy('payments', {...spec, subjects}));
  const stopped = await eventually('the condition', async () => {
    const ready = (await stage.status('payments'))?.conditions.find(each => each.type === 'Ready');
    return ready?.reason === 'CollectionStopped' && ready;
  });
  t.regex(
    stopped.message,
    /4 of 4 Leases would be deleted at once.*raise garbageCollection.maxPercent to go on/,
  );
  t.is((await stage.leases('shop')).length, 4);
  const told = await eventually('the Event', async () => {
    const events = await stage.kubectl(['events', '--for', 'leasepolicies/payments', '-n', 'default']);
    return events.includes('CollectionStopped') && events;
  });
  t.regex(told, /Warning +CollectionStopped +LeasePolicy\/payments +4 of 4 Leases would be deleted at once/);

  await stage.apply(
    policy('payments', {...spec, subjects, garbageCollection: {...collection, maxPercent: 100}}),
  );
  await eventually(
    'the deletion that a human allowed',
    async () => (await stage.leases('shop')).length === 0,
  );
  await eventually('the condition gone', async () => {
    const ready = (await stage.status('payments'))?.conditions.find(each => each.type === 'Ready');
    return ready?.status === 'True';
  });
});

test('Leases that nobody understands are left alone, whatever stands in them', async t => {
  const stage = await setStage(t);
  const lease = (name: string, spec: object | undefined, labels = {}) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {name, namespace: 'shop', labels},
    ...(spec ? {spec} : {}),
  });
  const ours = {'leasepolicy.dev/policy': 'payments', 'leasepolicy.dev/origin': 'adopted'};
  await stage.apply(
    namespace('shop'),
    deployment('shop', 'api'),
    lease('payments-0000000001', undefined),
    lease('payments-0000000002', {
      holderIdentity: '💥\n"{}',
      renewTime: '9999-12-31T23:59:59.999999Z',
      leaseDurationSeconds: 2147483647,
    }),
    lease('payments-0000000003', {holderIdentity: 'longhorn'}, ours),
    lease('payments-0000000004', {
      leaseTransitions: 2147483647,
      renewTime: '0001-01-01T00:00:00.000000Z',
      holderIdentity: 'x',
    }),
    lease(OLD, {holderIdentity: 'api-0', leaseDurationSeconds: 1, renewTime: '9999-12-31T23:59:59.999999Z'}),
  );
  const collection = {mode: 'All', ttlSeconds: 2, maxPercent: 100};
  await stage.apply(
    policy('payments', {
      naming: {prefix: 'payments'},
      lease: {durationSeconds: 1},
      garbageCollection: collection,
    }),
  );
  const operator = await startLeader(stage);
  const found = await eventually('the finding of a wrong clock', async () => {
    const findings = (await stage.status('payments'))?.findings ?? [];
    return findings.find(each => each.reason === 'FutureRenewTime') && findings;
  });
  t.is(found.filter(each => each.reason === 'MisnamedLease').length, 3);
  const startedAt = Date.now();
  await eventually('five times the ttl', async () => Date.now() - startedAt > 10_000, 20_000);
  t.is((await stage.leases('shop')).length, 5);
  t.true(operator.running);
});
