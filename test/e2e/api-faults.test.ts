/** What bad networks and servers do to the operator's requests: it goes on, ends in the right state and deletes nothing wrongly. */
import test, {type ExecutionContext} from 'ava';
import {leads, type Program} from '../../dev/programs.ts';
import {startLeaderAs} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {FaultProxy} from '../support/fault-proxy.ts';
import type {Rule} from '../support/faults.ts';
import {deployment, namespace, policy, type Stage, setStage} from '../support/stage.ts';

/** Each Lease by its workload, whose name is its story. */
const LEASES = {
  stays: 'payments-ab90b11836',
  goes: 'payments-f1537d8de0',
  /** Its workload goes, but its candidate leads. */
  leads: 'payments-aef450dc78',
  /** Somebody deletes the Lease. */
  mended: 'payments-2481edd3b0',
  /** Comes while the fault lasts. */
  late: 'payments-089001a356',
};
type Story = keyof typeof LEASES;

const WORK = /\/(payments|leases$|leaseregistries|events|validatingadmission)/;
const WATCHES = {query: {watch: '1'}};
const WRITES = {method: ['POST', 'PATCH', 'DELETE'], path: WORK};
const DELETES = {method: 'DELETE', path: /\/leases\/payments-/};
const FAST = [
  '--lease-duration-seconds',
  '4',
  '--renew-deadline-seconds',
  '3',
  '--retry-period-seconds',
  '0.5',
];

type Place = {
  readonly stage: Stage;
  readonly proxy: FaultProxy;
  readonly operator: Program;
  /** The uids before the fault. */
  readonly uids: ReadonlyMap<string, string>;
};

async function uidsOf(stage: Stage): Promise<Map<string, string>> {
  return new Map((await stage.leases('shop')).map(({metadata: {name, uid}}) => [name, uid]));
}

/** An operator behind a proxy that has done its work, and one candidate that leads. */
async function populate(t: ExecutionContext): Promise<Place> {
  t.timeout(180_000);
  const stage = await setStage(t);
  const early: Story[] = ['stays', 'goes', 'leads', 'mended'];
  await stage.apply(
    namespace('shop'),
    ...early.map(name => deployment('shop', name)),
    policy('payments', {
      naming: {prefix: 'payments'},
      lease: {durationSeconds: 1},
      garbageCollection: {ttlSeconds: 2, maxPercent: 50},
    }),
  );
  const proxy = await FaultProxy.start(t, stage.cluster.kubeconfig);
  const operator = await startLeaderAs(t, proxy, ...FAST);
  await eventually('the Leases', async () => (await stage.leases('shop')).length === early.length);
  const candidate = await stage.candidate({namespace: 'shop', lease: LEASES.leads, identity: 'leads-0'});
  await candidate.line('leading', leads);
  await eventually('all in status', async () => {
    const {leases, subjects} = (await stage.status('payments')) ?? {};
    return leases?.total === 4 && leases.held === 1 && subjects === 4;
  });
  return {stage, proxy, operator, uids: await uidsOf(stage)};
}

/** What people do meanwhile; two changes of what goes, so that their order matters. */
async function change({kubectl, apply}: Stage): Promise<void> {
  await kubectl(['label', 'deployment', 'goes', '-n', 'shop', 'last=words']);
  await kubectl(['delete', 'deployment', 'goes', 'leads', '-n', 'shop']);
  await kubectl(['delete', 'leases.coordination.k8s.io', LEASES.mended, '-n', 'shop']);
  await apply(deployment('shop', 'late'));
}

/** Waits for the right state, and looks back at what was deleted on the way. */
async function prove(t: ExecutionContext, {stage, proxy, operator, uids}: Place): Promise<void> {
  const names = (...stories: Story[]) => `${stories.map(each => LEASES[each]).sort()}`;
  await eventually(
    'the right Leases',
    async () => `${[...(await uidsOf(stage)).keys()].sort()}` === names('stays', 'leads', 'mended', 'late'),
    90_000,
  );
  const after = await uidsOf(stage);
  for (const story of ['stays', 'leads'] as const)
    t.is(after.get(LEASES[story]), uids.get(LEASES[story]), `${story} was not touched`);
  t.not(after.get(LEASES.mended), uids.get(LEASES.mended));
  await eventually(
    'all in status',
    async () => {
      const {leases, subjects, conditions, findings} = (await stage.status('payments')) ?? {};
      const ready = conditions?.find(each => each.type === 'Ready');
      if (leases?.total !== 4 || leases.held !== 1 || subjects !== 3 || ready?.status !== 'True')
        throw new Error(JSON.stringify({leases, subjects, ready, findings}));
      return `${findings?.map(each => each.object)}` === `Lease/shop/${LEASES.leads}`;
    },
    90_000,
  );
  t.deepEqual(
    [...new Set(proxy.passed(DELETES).map(each => each.path.split('/').at(-1)))],
    [LEASES.goes],
    'no delete of any other Lease was sent',
  );
  t.is(proxy.passed(DELETES).filter(each => each.served === 200).length, 1);
  t.true(operator.running);
  t.deepEqual(
    operator.lines.filter(({level}) => level === 'error'),
    [],
  );
}

/** Waits until the rule was applied so often. */
const applied = (rule: Rule, count: number) =>
  eventually(`${rule.fault.kind} ${count} times`, async () => rule.count >= count, 60_000);

for (const status of [500, 503] as const) {
  test.serial(`a burst of ${status} for every request`, async t => {
    const place = await populate(t);
    place.proxy.network.cut();
    const burst = place.proxy.add({}, {kind: 'status', status});
    await change(place.stage);
    await applied(burst, 30);
    await place.operator.line('lost leadership', line => line.message === 'no longer leading');
    burst.remove();
    await prove(t, place);
  });
}

test.serial('a burst of 429 that asks for a wait, and 429 for every second write after it', async t => {
  const place = await populate(t);
  const burst = place.proxy.add({}, {kind: 'status', status: 429, retryAfterSeconds: 1});
  await change(place.stage);
  await applied(burst, 10);
  burst.remove();
  place.proxy.add(WRITES, {kind: 'status', status: 429, retryAfterSeconds: 1}, 8);
  await prove(t, place);
});

test.serial('lists and watches whose JSON is truncated', async t => {
  const place = await populate(t);
  const truncated = place.proxy.add(
    {method: 'GET', path: /\/(leases|deployments|namespaces)$/},
    {kind: 'truncate'},
  );
  const gone = place.proxy.add(WATCHES, {kind: 'status', status: 410}, 20);
  place.proxy.network.cut();
  await change(place.stage);
  await applied(gone, 5);
  await applied(truncated, 10);
  truncated.remove();
  gone.remove();
  await prove(t, place);
});

test.serial('every answer is truncated', async t => {
  const place = await populate(t);
  const truncated = place.proxy.add({}, {kind: 'truncate'});
  await change(place.stage);
  await applied(truncated, 30);
  await place.operator.line('lost leadership', line => line.message === 'no longer leading');
  truncated.remove();
  await prove(t, place);
});

test.serial('watch events come in the opposite order', async t => {
  const place = await populate(t);
  const reordered = place.proxy.add(
    {...WATCHES, path: /\/(leases|deployments)$/},
    {kind: 'reorder', count: 2},
  );
  await change(place.stage);
  await applied(reordered, 10);
  reordered.remove();
  await prove(t, place);
});

test.serial('a connection that is half open: it is found, and the next one is half open too', async t => {
  const place = await populate(t);
  const {proxy} = place;
  const before = proxy.network.connections;
  proxy.network.state = 'frozen';
  await change(place.stage);
  await eventually('another connection', async () => proxy.network.connections > before, 60_000);
  proxy.network.state = 'open';
  await prove(t, place);
});

test.serial('watches that are never answered, on a connection that is well', async t => {
  const place = await populate(t);
  const silent = place.proxy.add(WATCHES, {kind: 'silence'});
  place.proxy.network.cut();
  await applied(silent, 5);
  await change(place.stage);
  silent.remove();
  await prove(t, place);
});

test.serial('every answer drips', async t => {
  const place = await populate(t);
  const drip = place.proxy.add({}, {kind: 'drip', everyMs: 100});
  await change(place.stage);
  await place.operator.line('lost leadership', line => line.message === 'no longer leading');
  await applied(drip, 10);
  drip.remove();
  await prove(t, place);
});

test.serial('the answers to all writes of Leases drip for ever', async t => {
  const place = await populate(t);
  const drip = place.proxy.add({...WRITES, path: /\/shop\/leases/}, {kind: 'drip', everyMs: 1_000});
  await change(place.stage);
  await prove(t, place);
  t.true(drip.count >= 4);
  t.false(drip.removed);
});

test.serial('the answers to all writes but those of the election are lost', async t => {
  const place = await populate(t);
  const lost = place.proxy.add(WRITES, {kind: 'lost'}, 12);
  await change(place.stage);
  await prove(t, place);
  t.true(lost.count >= 5);
});
