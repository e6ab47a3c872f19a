/** What a policy audits, how an exemption ends, and what is left when a policy goes. */
import test from 'ava';
import {eventually} from '../support/eventually.ts';
import {deployment, namespace, policy, type Stage, setStage, startLeader} from '../support/stage.ts';

const lease = (name: string, spec: object = {}) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {name, namespace: 'shop'},
  spec,
});

const reasons = async (stage: Stage) => {
  const status = await stage.status('payments');
  return status?.findings.map(each => `${each.reason} ${each.object}`).sort();
};

test('an exemption covers its exact name, stands in the registry, and ends by itself', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), deployment('shop', 'api'), lease('built-in'), lease('built-in-2'));
  await startLeader(stage);
  const until = new Date(Date.now() + 10_000).toISOString();
  const exempt = [{namespace: '*', name: 'built-in', reason: 'the name is built in', until}];
  await stage.apply(policy('payments', {naming: {prefix: 'payments'}, enforcement: {exempt}}));
  const other = 'MisnamedLease Lease/shop/built-in-2';
  await eventually(
    'the other one, and that the exemption ends',
    async () => `${await reasons(stage)}` === `ExemptionEnding LeasePolicy/payments,${other}`,
  );
  const registry = await eventually('the registry', async () => {
    const spec = await stage.registry('shop');
    return spec?.exempt.join() === 'built-in' && 'payments-14c2529eb4' in spec.names && spec;
  });
  t.deepEqual(registry.exemptUntil, {'built-in': until.replace(/\.\d+Z$/, 'Z')});
  t.is(registry.allowed, 'payments-14c2529eb4, built-in');
  t.true(Date.now() < Date.parse(until), 'the exemption was seen while it lasted');

  await eventually(
    'both',
    async () => `${await reasons(stage)}` === `MisnamedLease Lease/shop/built-in,${other}`,
  );
  await eventually(
    'the registry without it',
    async () => (await stage.registry('shop'))?.exempt.length === 0,
  );
  t.true(Date.now() >= Date.parse(until));
  t.like(await stage.registry('shop'), {exemptUntil: {}, allowed: 'payments-14c2529eb4'});
});

test('a duration outside the bounds is a finding, but not that of a release', async t => {
  const stage = await setStage(t);
  const [api, worker] = ['payments-14c2529eb4', 'payments-87eba76e7f'];
  await stage.apply(
    namespace('shop'),
    deployment('shop', 'api'),
    deployment('shop', 'worker'),
    lease(api, {
      holderIdentity: 'api-0',
      leaseDurationSeconds: 600,
      renewTime: '2026-01-01T00:00:00.000000Z',
    }),
    lease(worker, {holderIdentity: '', leaseDurationSeconds: 1, renewTime: '2026-01-01T00:00:00.000000Z'}),
  );
  const durationSeconds = {min: 5, max: 300};
  await stage.apply(policy('payments', {naming: {prefix: 'payments'}, enforcement: {durationSeconds}}));
  await startLeader(stage);
  const finding = await eventually('the finding', async () => (await stage.status('payments'))?.findings[0]);
  t.is(finding.object, 'Deployment/shop/api');
  t.regex(finding.message, /has leaseDurationSeconds 600; this policy allows 5 to 300/);
  const status = await stage.status('payments');
  t.is(status?.violations, 1);
  t.is(status?.leases.released, 1);
});

test('a policy that is deleted leaves its Leases alone, and its names are no longer allowed', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), deployment('shop', 'api'));
  const spec = {
    naming: {prefix: 'payments'},
    lease: {durationSeconds: 1},
    garbageCollection: {ttlSeconds: 1, maxPercent: 100},
  };
  await stage.apply(policy('payments', spec));
  await startLeader(stage);
  const before = await eventually('the Lease', () => stage.lease('shop', 'payments-14c2529eb4'));
  await eventually('the registry', () => stage.registry('shop'));

  await stage.kubectl(['delete', 'leasepolicy', 'payments']);
  await eventually('no registry', async () => (await stage.registry('shop')) === undefined);
  await stage.apply(
    policy('other', {naming: {prefix: 'other'}, garbageCollection: {ttlSeconds: 15, mode: 'All'}}),
  );
  const finding = await eventually(
    'the finding of another policy',
    async () => (await stage.status('other'))?.findings[0],
  );
  t.is(finding.object, 'Lease/shop/payments-14c2529eb4');
  t.is(finding.reason, 'MisnamedLease');

  await stage.apply(policy('payments', spec));
  await eventually('no finding', async () => (await stage.status('other'))?.violations === 0);
  t.is((await stage.lease('shop', 'payments-14c2529eb4'))?.metadata.uid, before.metadata.uid);
  const status = await eventually('its status', () => stage.status('payments'));
  t.is(status.leases.total, 1);
});

test('two policies each give a workload a Lease, and a Lease that either allows is allowed', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), deployment('shop', 'api'));
  await stage.apply(
    policy('payments', {naming: {prefix: 'payments'}}),
    policy('audit', {naming: {prefix: 'audit'}}),
  );
  await startLeader(stage);
  await eventually('two Leases', async () => (await stage.leases('shop')).length === 2);
  const registry = await eventually('both names', async () => {
    const spec = await stage.registry('shop');
    return Object.keys(spec?.subjects['Deployment/api'] ?? {}).length === 2 && spec;
  });
  t.deepEqual(registry.subjects['Deployment/api'], {
    audit: 'audit-14c2529eb4',
    payments: 'payments-14c2529eb4',
  });
  for (const name of ['payments', 'audit']) {
    const ready = async () =>
      (await stage.status(name))?.conditions.find(each => each.type === 'Ready')?.status;
    await eventually(`${name} ready`, async () => (await ready()) === 'True');
    t.is((await stage.status(name))?.violations, 0);
  }
});

test('a namespace that leaves the policy keeps its fencing counters, and its Leases are collected', async t => {
  const stage = await setStage(t);
  const name = 'payments-14c2529eb4';
  await stage.apply(namespace('shop', {team: 'payments'}), deployment('shop', 'api'));
  const renewTime = '2026-01-01T00:00:00.000000Z';
  await stage.apply(
    lease(name, {holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 3, renewTime}),
  );
  const subjects = {workloads: {namespaceSelector: {matchLabels: {team: 'payments'}}}};
  const garbageCollection = {ttlSeconds: 2, maxPercent: 100};
  const spec = {subjects, naming: {prefix: 'payments'}, lease: {durationSeconds: 1}, garbageCollection};
  await stage.apply(policy('payments', spec));
  await startLeader(stage);
  await eventually('the registry', () => stage.registry('shop'));
  await eventually('adoption', async () => (await stage.status('payments'))?.leases.total === 1);

  await stage.kubectl(['label', 'namespace', 'shop', 'team-']);
  await eventually('the collection', async () => (await stage.lease('shop', name)) === undefined);
  t.deepEqual((await stage.registry('shop'))?.retired, {[name]: {transitions: 3}});
});

test('a Lease namespace that is missing holds up its own policy alone', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), deployment('shop', 'api'));
  const elsewhere = {naming: {prefix: 'far', hash: {of: ['namespace', 'name']}}, lease: {namespace: 'locks'}};
  await stage.apply(policy('far', elsewhere), policy('payments', {naming: {prefix: 'payments'}}));
  await startLeader(stage);
  await eventually('the Lease of the other policy', () => stage.lease('shop', 'payments-14c2529eb4'));
  const finding = await eventually('the finding', async () => (await stage.status('far'))?.findings[0]);
  t.is(finding.reason, 'NamespaceMissing');
  await stage.apply(namespace('locks'));
  await eventually('its Lease', async () => (await stage.leases('locks')).length === 1);
});

test('each value of an enumeration can be applied with kubectl', async t => {
  const stage = await setStage(t);
  for (const mode of ['Off', 'Report', 'Managed', 'All']) {
    const spec = {naming: {prefix: 'payments'}, garbageCollection: {mode}};
    await t.notThrowsAsync(stage.apply(policy('payments', spec)));
  }
  for (const encoding of ['Hex', 'Base32', 'Safe']) {
    await t.notThrowsAsync(stage.apply(policy('payments', {naming: {prefix: 'payments', hash: {encoding}}})));
  }
});
