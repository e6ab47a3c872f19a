/** What is deleted and made again: a workload, its namespace, its policy; and why a Lease has no owner reference. */
import test from 'ava';
import {leads, type Program} from '../../dev/programs.ts';
import {startLeaderAs} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {FaultProxy} from '../support/fault-proxy.ts';
import {deployment, namespace, policy, type Stage, setStage, startLeader} from '../support/stage.ts';

const API = 'payments-14c2529eb4';
const TTL_MS = 4_000;

const payments = (spec: object = {}) =>
  policy('payments', {
    naming: {prefix: 'payments'},
    lease: {durationSeconds: 4},
    garbageCollection: {ttlSeconds: TTL_MS / 1000, maxPercent: 100},
    ...spec,
  });

/** A candidate of a Pod: client-go, with durations in seconds. */
const candidate = (
  stage: Stage,
  identity: string,
  [lease, renew, retry]: readonly [number, number, number],
) =>
  stage.candidate({
    namespace: 'shop',
    lease: API,
    identity,
    flags: ['-lease-duration', `${lease}s`, '-renew-deadline', `${renew}s`, '-retry-period', `${retry}s`],
  });

const timeOf = async (program: Program, event: string, withinMs?: number) => {
  const line = await program.line(event, each => each.event === event, withinMs);
  return Date.parse(String(line.time));
};

const since = (what: string, startMs: number, ms: number) =>
  eventually(what, async () => Date.now() - startMs > ms, ms + 10_000);

test.serial('a workload is deleted and made again at once: its new Pods wait for the old leader', async t => {
  t.timeout(180_000);
  const stage = await setStage(t, {components: 'all'});
  await stage.apply(namespace('shop'), deployment('shop', 'api'), payments());
  await startLeader(stage);
  const made = await eventually('the Lease', () => stage.lease('shop', API));
  const oldLeader = await candidate(stage, 'old', [4, 3, 0.5]);
  await oldLeader.line('leading', leads);

  await stage.kubectl(['delete', 'deployment', 'api', '-n', 'shop']);
  await stage.apply(deployment('shop', 'api'));
  const recreatedAt = Date.now();
  const newLeader = await candidate(stage, 'new', [4, 3, 0.2]);
  await since('three times the ttl', recreatedAt, 3 * TTL_MS);
  t.true(oldLeader.running);
  t.false(oldLeader.lines.some(each => each.event === 'lost'));
  t.false(newLeader.lines.some(leads), 'never together');
  t.is((await stage.lease('shop', API))?.metadata.uid, made.metadata.uid);

  await oldLeader.stop('SIGTERM');
  const stoppedAt = await timeOf(oldLeader, 'stopped');
  const startedAt = await timeOf(newLeader, 'leading');
  t.true(startedAt >= stoppedAt, `${startedAt - stoppedAt} ms after the release`);
  t.true(startedAt - stoppedAt < 2 * 200 * 1.2 + 1_000, `${startedAt - stoppedAt} ms after the release`);
  const kept = await stage.lease('shop', API);
  t.is(kept?.metadata.uid, made.metadata.uid);
  t.true((kept?.spec?.leaseTransitions ?? 0) > 0, 'the counter goes on');
});

test.serial('with an owner reference from the Lease to its workload both do lead together', async t => {
  t.timeout(180_000);
  const stage = await setStage(t, {components: 'all'});
  await stage.apply(namespace('shop'), deployment('shop', 'api'));
  const oldLeader = await candidate(stage, 'old', [15, 10, 4]);
  await oldLeader.line('leading', leads);
  const uid = await stage.kubectl([
    'get',
    'deployment',
    'api',
    '-n',
    'shop',
    '-o',
    'jsonpath={.metadata.uid}',
  ]);
  const owner = {apiVersion: 'apps/v1', kind: 'Deployment', name: 'api', uid};
  const patch = JSON.stringify({metadata: {ownerReferences: [owner]}});
  await stage.kubectl(['patch', 'lease', API, '-n', 'shop', '--type=merge', '-p', patch]);
  const newLeader = await candidate(stage, 'new', [15, 10, 0.2]);
  await newLeader.line('observed', each => each.holder === 'old');
  // The old leader makes a Lease that is missing at its next renewal, so all has to happen between two of them.
  const before = (await stage.lease('shop', API))?.spec?.renewTime;
  await eventually('a renewal', async () => (await stage.lease('shop', API))?.spec?.renewTime !== before);

  await stage.kubectl(['delete', 'deployment', 'api', '-n', 'shop', '--cascade=background']);
  await stage.apply(deployment('shop', 'api'));
  const startedAt = await timeOf(newLeader, 'leading');
  const lostAt = await timeOf(oldLeader, 'lost', 60_000);
  t.log(`both led for ${lostAt - startedAt} ms`);
  t.true(lostAt - startedAt > 2_000, `both led for ${lostAt - startedAt} ms`);
  t.true(newLeader.running);
  t.false(newLeader.lines.some(each => each.event === 'lost'));
});

test.serial(
  'nothing is made anew in a namespace that is being deleted, and all is when it is there again',
  async t => {
    t.timeout(180_000);
    const stage = await setStage(t, {components: 'all'});
    const names = Array.from({length: 20}, (_, index) => `app-${index}`);
    const shop = [namespace('shop'), ...names.map(name => deployment('shop', name))];
    const kept = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {namespace: 'shop', name: 'kept', finalizers: ['example.com/kept']},
    };
    await stage.apply(namespace('other'), deployment('other', 'api'), ...shop, kept);
    await stage.apply(payments({access: {grant: 'ServiceAccount'}}));
    const proxy = await FaultProxy.start(t, stage.cluster.kubeconfig);
    const operator = await startLeaderAs(t, proxy);
    const inShop = async (plural: string): Promise<number> =>
      JSON.parse(await stage.kubectl(['get', plural, '-n', 'shop', '-o', 'json'])).items.length;
    const made = ['leases', 'roles', 'rolebindings', 'leaseregistries'];
    const counts = async () => `${await Promise.all(made.map(inShop))}`;
    const isComplete = async () => (await counts()) === '20,20,20,1';
    await eventually('Leases and what is granted on them', isComplete);
    const events = {method: 'POST', path: /\/shop\/events$/};
    await eventually('all is told', async () => proxy.passed(events).length === names.length);

    const {length: warnings} = operator.lines.filter(each => each.level === 'warn');
    await stage.kubectl(['delete', 'namespace', 'shop', '--wait=false']);
    const deletedAtMs = performance.now();
    const isEmpty = async () => (await counts()) === '0,0,0,0';
    await eventually('an empty namespace', isEmpty);
    await stage.kubectl(['delete', 'deployment', 'api', '-n', 'other']);
    await eventually('the collection elsewhere', async () => (await stage.lease('other', API)) === undefined);
    t.true(await isEmpty());
    const writes = proxy
      .passed({method: ['POST', 'PATCH', 'PUT', 'DELETE'], path: /\/namespaces\/shop\//})
      .filter(each => each.atMs > deletedAtMs)
      .map(({method, path, served}) => `${method} ${path.split('/shop/')[1]} ${served}`);
    t.log(writes.join(', '));
    t.is(writes.filter(each => each.endsWith('201')).length, 0);
    t.true(writes.length <= 3, `${writes}`);
    const told = operator.lines.filter(each => each.level === 'warn').slice(warnings);
    t.true(told.length <= 3, told.map(each => each.message).join('\n'));
    t.is(operator.lines.filter(each => each.level === 'error').length, 0);

    const finalizers = JSON.stringify({metadata: {finalizers: null}});
    await stage.kubectl(['patch', 'configmap', 'kept', '-n', 'shop', '--type=merge', '-p', finalizers]);
    await stage.kubectl(['wait', '--for=delete', 'namespace/shop', '--timeout=30s']);
    await stage.apply(...shop);
    await eventually('all of them again', isComplete);
  },
);

test.serial('a policy is deleted and made again: its Leases stay, and their counters go on', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), deployment('shop', 'api'), deployment('shop', 'worker'), payments());
  await startLeader(stage);
  const [WORKER, held] = ['payments-87eba76e7f', {spec: {holderIdentity: '', leaseTransitions: 41}}];
  await eventually('the Leases', async () => (await stage.leases('shop')).length === 2);
  const patch = ['--type=merge', '-p', JSON.stringify(held)];
  await stage.kubectl(['patch', 'lease', WORKER, '-n', 'shop', ...patch]);
  await stage.kubectl(['delete', 'deployment', 'worker', '-n', 'shop']);
  await eventually('the collection', async () => (await stage.lease('shop', WORKER)) === undefined);
  const leader = await candidate(stage, 'api-0', [4, 3, 0.5]);
  await leader.line('leading', leads);
  const before = await stage.lease('shop', API);

  await stage.kubectl(['delete', 'leasepolicy', 'payments']);
  await eventually('a registry without subjects', async () => {
    const registry = await stage.registry('shop');
    return (
      Object.keys(registry?.subjects ?? {}).length === 0 && registry?.retired[WORKER]?.transitions === 41
    );
  });
  const deletedAt = Date.now();
  await since('three times the ttl', deletedAt, 3 * TTL_MS);
  t.is((await stage.lease('shop', API))?.metadata.uid, before?.metadata.uid);
  t.true(leader.running);

  await stage.apply(payments(), deployment('shop', 'worker'));
  const worker = await eventually('the Lease of the worker', () => stage.lease('shop', WORKER));
  t.is(worker.spec?.leaseTransitions, 41);
  await eventually('the state held', async () => {
    const {leases, conditions} = (await stage.status('payments')) ?? {};
    const isReady = conditions?.find(each => each.type === 'Ready')?.status === 'True';
    return leases?.total === 2 && leases.held === 1 && isReady;
  });
  const after = await stage.lease('shop', API);
  t.is(after?.metadata.uid, before?.metadata.uid);
  t.is(after?.spec?.leaseTransitions, before?.spec?.leaseTransitions);
  t.is(after?.spec?.holderIdentity, 'api-0');
  t.false(leader.lines.some(each => each.event === 'lost'));
});
