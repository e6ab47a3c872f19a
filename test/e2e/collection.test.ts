/** Between the decision that a Lease is garbage and its deletion anything may happen: only garbage is deleted. */
import test, {type ExecutionContext} from 'ava';
import {leads, type Program} from '../../dev/programs.ts';
import {startLeaderAs} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {FaultProxy} from '../support/fault-proxy.ts';
import {metric} from '../support/metrics.ts';
import {deployment, namespace, policy, type Stage, setStage} from '../support/stage.ts';

const API = 'payments-14c2529eb4';
const DELETES = {method: 'DELETE', path: /\/leases\/payments-/};
const READS = {method: 'GET', path: new RegExp(`/leases/${API}$`)};
const watchOf = (plural: string) => ({path: new RegExp(`/${plural}$`), query: {watch: '1'}});
const CANDIDATE = ['-lease-duration', '8s', '-renew-deadline', '6s', '-retry-period', '500ms'];

const payments = (garbageCollection: object = {}, workloads: object = {}) =>
  policy('payments', {
    subjects: {workloads},
    naming: {prefix: 'payments'},
    lease: {durationSeconds: 1},
    garbageCollection: {ttlSeconds: 3, maxPercent: 100, ...garbageCollection},
  });

const prevented = (operator: Program, by: string) =>
  metric(operator, `leasepolicy_deletes_prevented_total{by="${by}"}`);

type Place = {stage: Stage; proxy: FaultProxy; operator: Program};

/** An operator behind a proxy, that has made a Lease for each workload. */
async function populate(t: ExecutionContext, names: readonly string[], rules: object): Promise<Place> {
  const stage = await setStage(t);
  await stage.apply(namespace('shop', {team: 'a'}), ...names.map(name => deployment('shop', name)), rules);
  const proxy = await FaultProxy.start(t, stage.cluster.kubeconfig);
  const operator = await startLeaderAs(t, proxy);
  await eventually('the Leases', async () => (await stage.leases('shop')).length === names.length);
  await eventually('that it knows', async () => {
    const status = await stage.status('payments');
    return status?.leases.total === names.length && status.leases.orphaned === 0;
  });
  return {stage, proxy, operator};
}

const orphaned = (stage: Stage, count: number) =>
  eventually(
    'the orphans in status',
    async () => (await stage.status('payments'))?.leases.orphaned === count,
  );

const deleteWorkload = ({kubectl}: Stage, name: string) =>
  kubectl(['delete', 'deployment', name, '-n', 'shop']);

test.serial(
  'a candidate that renews between the decision and the delete keeps its Lease, and a counter tells',
  async t => {
    const {stage, proxy, operator} = await populate(t, ['api'], payments());
    const made = await stage.lease('shop', API);
    const hold = proxy.add(DELETES, {kind: 'hold'});
    await deleteWorkload(stage, 'api');
    await hold.met;
    const candidate = await stage.candidate({
      namespace: 'shop',
      lease: API,
      identity: 'api-0',
      flags: CANDIDATE,
    });
    await candidate.line('leading', leads);
    hold.remove();
    const request = await eventually('the answer', async () => {
      const [first] = proxy.passed(DELETES);
      return first?.served !== undefined && first;
    });
    t.is(request.served, 409);
    await eventually('the counter', async () => (await prevented(operator, 'Precondition')) === 1);
    const kept = await stage.lease('shop', API);
    t.is(kept?.metadata.uid, made?.metadata.uid);
    t.is(kept?.spec?.holderIdentity, 'api-0');

    await eventually('the finding', async () =>
      (await stage.status('payments'))?.findings.some(each =>
        /kept while api-0 renews it/.test(each.message),
      ),
    );
    t.is(proxy.passed(DELETES).length, 1, 'and it is not tried again while it is renewed');
    await candidate.stop('SIGTERM');
    await eventually('the collection', async () => (await stage.lease('shop', API)) === undefined);
    t.is(proxy.passed(DELETES).length, 2);
    t.is(await prevented(operator, 'Precondition'), 1);
  },
);

test.serial(
  'a delete whose sender has given up long ago does not take a Lease that was renewed since',
  async t => {
    const {stage, proxy, operator} = await populate(t, ['api'], payments());
    const hold = proxy.add(DELETES, {kind: 'hold'}, 1);
    await deleteWorkload(stage, 'api');
    await hold.met;
    const candidate = await stage.candidate({
      namespace: 'shop',
      lease: API,
      identity: 'api-0',
      flags: CANDIDATE,
    });
    await candidate.line('leading', leads);
    const given = 'leasepolicy_reconcile_failures_total{controller="collection",reason="0"}';
    await eventually('the operator to give up', async () => (await metric(operator, given)) === 1);
    hold.remove();
    await eventually('the answer', async () => proxy.passed(DELETES)[0]?.served !== undefined);
    t.is(proxy.passed(DELETES)[0]?.served, 409);
    t.is((await stage.lease('shop', API))?.spec?.holderIdentity, 'api-0');
    t.true(candidate.running);
  },
);

test.serial('a delete whose answer is lost is not sent again', async t => {
  const {stage, proxy, operator} = await populate(t, ['api'], payments());
  proxy.add(DELETES, {kind: 'lost'}, 1);
  await deleteWorkload(stage, 'api');
  await eventually('the deletion', async () => (await stage.lease('shop', API)) === undefined);
  const status = await eventually('no orphan', async () => {
    const seen = await stage.status('payments');
    return seen?.leases.total === 0 && seen;
  });
  t.is(status.violations, 0);
  t.deepEqual(
    proxy.passed(DELETES).map(({served, answered}) => [served, answered]),
    [[200, undefined]],
  );
  t.is(operator.lines.filter(each => each.message === 'deleting Lease').length, 1);
  t.true(operator.running);
});

test.serial('Leases that the operator does not see renewed are not deleted: the live read wins', async t => {
  const {stage, proxy, operator} = await populate(t, ['api'], payments());
  await deleteWorkload(stage, 'api');
  await orphaned(stage, 1);
  const stall = proxy.add(watchOf('leases'), {kind: 'stall'});
  const candidate = await stage.candidate({
    namespace: 'shop',
    lease: API,
    identity: 'api-0',
    flags: CANDIDATE,
  });
  await candidate.line('leading', leads);
  await eventually('three looks', async () => (await prevented(operator, 'LiveRead')) >= 3);
  t.deepEqual(proxy.passed(DELETES), []);
  t.is((await stage.lease('shop', API))?.spec?.holderIdentity, 'api-0');
  t.true(proxy.passed(READS).length < 20, 'it looks less and less often');
  stall.remove();
  await eventually('the finding', async () =>
    (await stage.status('payments'))?.findings.some(each => /kept while api-0 renews it/.test(each.message)),
  );
  t.deepEqual(proxy.passed(DELETES), []);
});

test.serial('a Lease whose workload is there again unseen is not deleted', async t => {
  const {stage, proxy, operator} = await populate(t, ['api'], payments());
  const made = await stage.lease('shop', API);
  await deleteWorkload(stage, 'api');
  await orphaned(stage, 1);
  const stall = proxy.add(watchOf('deployments'), {kind: 'stall'});
  await stage.apply(deployment('shop', 'api'));
  await eventually('three looks', async () => (await prevented(operator, 'LiveRead')) >= 3);
  t.deepEqual(proxy.passed(DELETES), []);
  stall.remove();
  await eventually(
    'the Lease of a subject',
    async () => (await stage.status('payments'))?.leases.orphaned === 0,
  );
  t.is((await stage.lease('shop', API))?.metadata.uid, made?.metadata.uid);
});

test.serial('a Lease whose namespace is selected again unseen is not deleted', async t => {
  const workloads = {namespaceSelector: {matchLabels: {team: 'a'}}};
  const {stage, proxy, operator} = await populate(t, ['api'], payments({}, workloads));
  const made = await stage.lease('shop', API);
  await stage.apply(namespace('shop', {team: 'b'}));
  await orphaned(stage, 1);
  const stall = proxy.add(watchOf('namespaces'), {kind: 'stall'});
  await stage.apply(namespace('shop', {team: 'a'}));
  await eventually('three looks', async () => (await prevented(operator, 'LiveRead')) >= 3);
  t.deepEqual(proxy.passed(DELETES), []);
  stall.remove();
  await eventually(
    'the Lease of a subject',
    async () => (await stage.status('payments'))?.leases.orphaned === 0,
  );
  t.is((await stage.lease('shop', API))?.metadata.uid, made?.metadata.uid);
});

test.serial('a policy that is edited unseen is not what anything is deleted by', async t => {
  const {stage, proxy} = await populate(t, ['api'], payments());
  await deleteWorkload(stage, 'api');
  await orphaned(stage, 1);
  const stall = proxy.add(watchOf('leasepolicies'), {kind: 'stall'});
  await stage.apply(payments({mode: 'Off'}));
  const refused = {method: 'PATCH', path: /\/leasepolicies\/payments\/status$/};
  await eventually('a pass that is refused', async () =>
    proxy
      .passed(refused)
      .some(each => each.served === 409 && `${each.body}`.includes('lastGarbageCollection')),
  );
  t.deepEqual(proxy.passed(DELETES), []);
  stall.remove();
  await eventually('the edit known', async () =>
    (await stage.status('payments'))?.findings.some(each => /mode is Off, so it stays/.test(each.message)),
  );
  t.deepEqual(proxy.passed(DELETES), []);
  t.truthy(await stage.lease('shop', API));
});

test.serial('a policy that is edited in the middle of a pass ends it', async t => {
  const names = Array.from({length: 10}, (_, index) => `app-${index}`);
  const {stage, proxy} = await populate(t, names, payments({mode: 'Report'}));
  await stage.kubectl(['delete', 'deployments', '--all', '-n', 'shop']);
  await orphaned(stage, names.length);
  const orphanedAt = Date.now();
  await eventually('all of them due', async () => Date.now() - orphanedAt > 4_000);
  const hold = proxy.add(DELETES, {kind: 'hold'});
  await stage.apply(payments());
  await hold.met;
  t.is((await stage.status('payments'))?.lastGarbageCollection?.deleted, 10, 'one pass takes them all');
  await stage.apply(payments({mode: 'Off'}));
  await eventually('the edit known', async () => (await stage.status('payments'))?.observedGeneration === 3);
  hold.remove();
  await eventually('the first delete', async () => proxy.passed(DELETES)[0]?.served !== undefined);
  await eventually('all judged anew', async () =>
    (await stage.status('payments'))?.findings.every(each => /mode is Off, so it stays/.test(each.message)),
  );
  t.is(proxy.passed(DELETES).length, 1);
  t.is((await stage.leases('shop')).length, 9);
});

test.serial(
  'a Lease that a finalizer keeps is deleted once, and keeps nothing else from being collected',
  async t => {
    const {stage, proxy} = await populate(t, ['api', 'worker'], payments({maxPerMinute: 3}));
    const finalizer = (finalizers: string[] | null) =>
      stage.kubectl([
        'patch',
        'lease',
        API,
        '-n',
        'shop',
        '--type=merge',
        '-p',
        JSON.stringify({metadata: {finalizers}}),
      ]);
    await finalizer(['example.com/kept']);
    await deleteWorkload(stage, 'api');
    await eventually(
      'the deletion',
      async () => (await stage.lease('shop', API))?.metadata.deletionTimestamp,
    );
    await deleteWorkload(stage, 'worker');
    await eventually('the other Lease', async () => (await stage.leases('shop')).length === 1);
    t.is(proxy.passed(DELETES).length, 2);
    await finalizer(null);
    await eventually('no Lease', async () => (await stage.leases('shop')).length === 0);
    t.is(proxy.passed(DELETES).length, 2);
  },
);
