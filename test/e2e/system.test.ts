/** What Kubernetes itself leases: heartbeats, leadership of components and identities, on a whole control plane. */
import path from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import test from 'ava';
import {ROOT} from '../../dev/programs.ts';
import {eventually} from '../support/eventually.ts';
import {namespace, type Stage, setStage, startLeader} from '../support/stage.ts';
import {beat, findingsOf, heartbeat, microTime, node, systemPolicy} from '../support/system.ts';

const POLICIES = path.join(ROOT, 'config', 'policies', 'system');
const OFTEN = ['--heartbeat-poll-seconds', '1'];
/** A machine that runs other tests may be slow to see that something is well again. */
const PATIENCE_MS = 60_000;

const ready = async (stage: Stage, policy: string, subjects: number) => {
  const status = await stage.status(policy);
  const condition = status?.conditions.find(each => each.type === 'Ready');
  return status?.subjects === subjects && condition?.status === 'True' && status;
};

test.serial(
  'after the policies of the system are applied, kubectl get leasepolicies shows its health',
  async t => {
    t.timeout(240_000);
    const stage = await setStage(t, {components: 'all', nodes: 2, nodeLeaseSeconds: 8});
    await stage.kubectl(['apply', '--kustomize', POLICIES]);
    await startLeader(stage, ...OFTEN);
    await eventually('the nodes are ready', () => ready(stage, 'nodes', 2), PATIENCE_MS);
    await eventually('the components are ready', () => ready(stage, 'control-plane', 2), PATIENCE_MS);
    await eventually('the API server is ready', () => ready(stage, 'api-servers', 1), PATIENCE_MS);
    const table = await stage.kubectl(['get', 'leasepolicies']);
    for (const row of [
      'api-servers +APIServer +Audit +1 +1 +0 +0 +True',
      'nodes +Node +Audit +2 +2 +0 +0 +True',
    ])
      t.regex(table, new RegExp(`^${row}`, 'm'));

    await stage.cluster.kill('kwok-controller', 'SIGKILL');
    await eventually(
      'both heartbeats are stale',
      async () =>
        `${await findingsOf(stage, 'nodes')}` ===
        'StaleHeartbeat Node/node-000000,StaleHeartbeat Node/node-000001',
      PATIENCE_MS,
    );
    const events = await stage.kubectl(['get', 'events', '-A', '--field-selector=reason=StaleHeartbeat']);
    t.regex(events, /node\/node-000000 +node node-000000 has let the 8 seconds of its Lease pass/);

    await stage.cluster.kill('kube-scheduler', 'SIGKILL');
    await eventually(
      'the scheduler is leaderless',
      async () =>
        `${await findingsOf(stage, 'control-plane')}` === 'Leaderless Lease/kube-system/kube-scheduler',
      PATIENCE_MS,
    );

    await stage.cluster.restart();
    await eventually(
      'heartbeats have cleared',
      async () => (await findingsOf(stage, 'nodes')).length === 0,
      120_000,
    );
    await eventually(
      'the scheduler leads again',
      async () => (await findingsOf(stage, 'control-plane')).length === 0,
      PATIENCE_MS,
    );
    t.deepEqual(await findingsOf(stage, 'api-servers'), []);
  },
);

test.serial(
  'what a node leaves behind is deleted after the ttl, and not before, and nothing else is',
  async t => {
    t.timeout(180_000);
    const stage = await setStage(t, {auditPolicy: true});
    const ttlSeconds = 12;
    const names = ['leaves', 'stays', 'comes-back', 'simulated'];
    await stage.apply(...names.map(node));
    await stage.apply(
      ...['leaves', 'stays', 'comes-back'].map(name => heartbeat(name, 4)),
      heartbeat('simulated', 4, 'kwok-controller'),
    );
    await stage.apply(
      systemPolicy('nodes', {nodes: {selector: {}}}, {mode: 'All', ttlSeconds, maxPercent: 100}),
    );
    const operator = await startLeader(stage, ...OFTEN);
    await eventually('four heartbeats', async () => (await stage.status('nodes'))?.leases.total === 4);

    await beat(stage, 'leaves');
    const lastBeatMs = Date.now();
    await stage.kubectl(['delete', 'node', 'leaves', 'comes-back', 'simulated']);
    await eventually('the orphan is told of', async () =>
      (await findingsOf(stage, 'nodes')).includes('OrphanedLease Lease/kube-node-lease/leaves'),
    );
    await stage.apply(node('comes-back'));
    const heartbeats = async () =>
      (await stage.leases('kube-node-lease')).map(each => each.metadata.name).sort();
    await eventually('it is deleted', async () => !(await heartbeats()).includes('leaves'));
    const tookMs = Date.now() - lastBeatMs;
    t.true(tookMs >= ttlSeconds * 1000, `deleted after ${tookMs} ms`);

    await delay(2 * ttlSeconds * 1000); // nothing else follows in the time in which it would have
    t.deepEqual(await heartbeats(), ['comes-back', 'simulated', 'stays']);
    const collected = operator.lines.filter(line => line.message === 'deleting Lease');
    t.deepEqual(
      collected.map(({manifest}) => (manifest as {metadata: {name: string}}).metadata.name),
      ['leaves'],
      'the manifest is in the log',
    );
    const kept = await stage.kubectl([
      'get',
      'leasepolicy',
      'nodes',
      '-o',
      'jsonpath={.status.findings[*].message}',
    ]);
    t.regex(kept, /its holder is kwok-controller and not the node, so it stays/);
  },
);

test.serial('buckets of an older set are deleted when the newer one is complete', async t => {
  t.timeout(120_000);
  const stage = await setStage(t);
  const bucket = (name: string, holder: string) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {name: `controller.${name}`, namespace: 'serving'},
    spec: {
      holderIdentity: holder,
      leaseDurationSeconds: 600,
      acquireTime: microTime(),
      renewTime: microTime(),
      leaseTransitions: 3,
    },
  });
  const old = bucket('00-of-01', 'old-pod');
  await stage.apply(namespace('serving'), {...old, spec: {...old.spec, leaseDurationSeconds: 2}});
  await stage.apply(bucket('00-of-02', 'new-pod-1'));
  const components = [{namespace: 'serving', name: 'controller'}];
  await stage.apply(systemPolicy('serving', {components}, {mode: 'All', ttlSeconds: 5}));
  await startLeader(stage);
  const names = async () => (await stage.leases('serving')).map(each => each.metadata.name);
  await eventually('the old one leads nobody', async () =>
    (await findingsOf(stage, 'serving')).includes('Leaderless Lease/serving/controller.00-of-01'),
  );
  t.is((await names()).length, 2, 'while the set of two is not complete, the old one stays');

  await stage.apply(bucket('01-of-02', 'new-pod-2'));
  await eventually('the old bucket is gone', async () => !(await names()).includes('controller.00-of-01'));
  t.deepEqual(await names(), ['controller.00-of-02', 'controller.01-of-02']);
  await eventually('nothing is wrong', async () => (await stage.status('serving'))?.violations === 0);
});
