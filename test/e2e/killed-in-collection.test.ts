/** A leader is killed in the middle of collecting a thousand Leases: the next one goes on as if it had been one leader. */
import {KubeConfig} from '@kubernetes/client-node';
import test, {type ExecutionContext} from 'ava';
import {leading, type Program} from '../../dev/programs.ts';
import type {Lease} from '../../src/api/objects.ts';
import {ApiClient, MERGE_PATCH} from '../../src/runtime/client.ts';
import {type AuditEvent, writesOf} from '../support/audit-log.ts';
import {eventually} from '../support/eventually.ts';
import {deployment, namespace, policy, type Stage, setStage, startLeader} from '../support/stage.ts';

const COUNT = 1_000;
const PER_MINUTE = 800;
const KILLED_AFTER = 200;
const FAST = [
  '--lease-duration-seconds',
  '4',
  '--renew-deadline-seconds',
  '3',
  '--retry-period-seconds',
  '0.5',
];

const payments = (mode: string) =>
  policy('payments', {
    naming: {prefix: 'payments'},
    lease: {durationSeconds: 1},
    garbageCollection: {mode, ttlSeconds: 1, maxPercent: 100, maxPerMinute: PER_MINUTE},
  });

function clientOf(t: ExecutionContext, {cluster}: Stage): ApiClient {
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  const client = new ApiClient(config);
  t.teardown(() => client.close());
  return client;
}

/** A Lease for each of a thousand workloads, all gone; every tenth has a history. */
async function orphan(t: ExecutionContext, stage: Stage): Promise<Lease[]> {
  const client = clientOf(t, stage);
  const deployments = '/apis/apps/v1/namespaces/shop/deployments';
  for (let index = 0; index < COUNT; index += 1)
    await client.send('POST', deployments, {body: deployment('shop', `app-${index}`)});
  const leases = await eventually(
    'the Leases',
    async () => {
      const found = await stage.leases('shop');
      return found.length === COUNT && found;
    },
    60_000,
  );
  for (const {metadata} of leases.filter((_, index) => index % 10 === 0)) {
    const body = {spec: {holderIdentity: '', leaseTransitions: 7}};
    const path = `/apis/coordination.k8s.io/v1/namespaces/shop/leases/${metadata.name}`;
    await client.send('PATCH', path, {body, contentType: MERGE_PATCH});
  }
  await client.send('DELETE', deployments);
  await eventually(
    'the orphans',
    async () => (await stage.status('payments'))?.leases.orphaned === COUNT,
    60_000,
  );
  return leases;
}

const deletions = async (stage: Stage): Promise<AuditEvent[]> =>
  (await writesOf(stage, 'delete')).filter(each => each.objectRef?.resource === 'leases');

/** The manifests in the logs, each as name and uid. */
const manifests = (...operators: Program[]): string[] =>
  operators
    .flatMap(each => each.lines)
    .filter(line => line.message === 'deleting Lease')
    .map(line => (line as {manifest?: Lease}).manifest?.metadata)
    .map(metadata => `${metadata?.name} ${metadata?.uid}`);

test.serial('each Lease is deleted once, within one budget, and its manifest is in a log', async t => {
  t.timeout(400_000);
  const stage = await setStage(t, {auditPolicy: true});
  await stage.apply(namespace('shop'), payments('Report'));
  const first = await startLeader(stage, ...FAST);
  const leases = await orphan(t, stage);
  const second = await stage.operator(...FAST);
  await second.line('standby', line => line.message === 'leader seen');

  await stage.apply(payments('Managed'));
  await eventually('some deletions', async () => manifests(first).length >= KILLED_AFTER);
  await first.stop('SIGKILL');
  const early = (await deletions(stage)).length;
  t.true(early >= KILLED_AFTER - 1 && early < PER_MINUTE, `${early} were deleted before the kill`);
  const begun = (await stage.status('payments'))?.lastGarbageCollection;
  t.is(begun?.windowDeleted, PER_MINUTE, 'what it set out to delete is counted');

  await second.line('leading', leading);
  await eventually('all collected', async () => (await stage.leases('shop')).length === 0, 180_000);
  const all = await deletions(stage);
  t.deepEqual(
    all.filter(each => each.responseStatus?.code !== 200),
    [],
  );
  t.deepEqual(all.map(each => each.objectRef?.name).sort(), leases.map(each => each.metadata.name).sort());
  const late = all.slice(early).map(each => Date.parse(each.stageTimestamp));
  const windowEndMs = Date.parse(begun?.windowStart ?? '') + 60_000;
  t.true(
    Math.min(...late) >= windowEndMs,
    'the minute of the leader that was killed counts for the next one',
  );
  t.true(late.length <= PER_MINUTE);
  t.log(
    `${early} before the kill, ${late.length} from ${Math.min(...late) - windowEndMs} ms after its minute on`,
  );

  const logged = new Set(manifests(first, second));
  t.deepEqual(
    leases.map(({metadata}) => `${metadata.name} ${metadata.uid}`).filter(each => !logged.has(each)),
    [],
  );
  const retired = (await stage.registry('shop'))?.retired ?? {};
  t.is(Object.values(retired).filter(each => each.transitions === 7).length, COUNT / 10);
});
