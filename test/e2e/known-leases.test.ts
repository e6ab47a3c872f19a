/** Every Lease of the catalogue, left for thirty days, under policies that delete whatever they may. */
import {setTimeout as delay} from 'node:timers/promises';
import test from 'ava';
import type {Program} from '../../dev/programs.ts';
import {type CatalogueEntry, KNOWN} from '../../src/core/lease/catalogue.ts';
import {eventually} from '../support/eventually.ts';
import {firingAlerts} from '../support/promtool.ts';
import {namespace, policy, type Stage, setStage, startLeader} from '../support/stage.ts';
import {microTime, node, systemPolicy} from '../support/system.ts';

const MONTH_MS = 30 * 24 * 3600 * 1000;
const OFTEN = ['--heartbeat-poll-seconds', '1'];
const UUID = '8a3b2c1d-0f0a-4a1b-9a1c-2b3c4d5e6f70';
const POD = 'api-7d9f8c6b5d-x2x4z';
const GREEDY = {mode: 'All', ttlSeconds: 1, maxPercent: 100};
/** In which everything that is to happen has happened many times over. */
const MANY_TTLS_MS = 15_000;

/** Without coordinated election the server drops spec.strategy, and an API server's own Lease is there already. */
const ENTRIES = KNOWN.entries.filter(({when}) => when?.op !== 'exists');

const nameOf = ({name, example}: CatalogueEntry) => name ?? example ?? '';
const placeOf = ({namespace: place}: CatalogueEntry) => (/^[*<]/.test(place) ? 'product' : place);

function holderOf(entry: CatalogueEntry): string {
  const name = nameOf(entry);
  if (entry.holderFormat === '<leaseName>_<uuid>') return `${name}_${UUID}`;
  if (placeOf(entry) === 'kube-node-lease') return name.startsWith('kwok') ? 'kwok-controller' : name;
  if (entry.holderFormat === 'seed-name') return name;
  return entry.holderFormat === 'hostname_uuid' ? `${POD}_${UUID}` : POD;
}

/** The Lease as its product left it a month ago. */
function agedLease(entry: CatalogueEntry, isOwned: boolean) {
  const ago = microTime(Date.now() - MONTH_MS);
  const isHeartbeat = placeOf(entry) === 'kube-node-lease';
  const ofKind = entry.when?.op === 'hasKind' ? entry.when.value : undefined;
  const [group = '', kind = ''] = ofKind?.split('/') ?? [];
  const owner = {apiVersion: `${group}/v1`, kind, name: nameOf(entry), uid: UUID};
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      name: nameOf(entry),
      namespace: placeOf(entry),
      ...(isOwned && ofKind ? {ownerReferences: [owner]} : {}),
    },
    spec: {
      holderIdentity: holderOf(entry),
      leaseDurationSeconds: entry.leaseDurationSeconds ?? 15,
      renewTime: ago,
      ...(isHeartbeat ? {} : {acquireTime: ago, leaseTransitions: 5}),
    },
  };
}

const heartbeats = ENTRIES.filter(entry => placeOf(entry) === 'kube-node-lease').map(nameOf);

/** All known Leases, and policies that select every namespace. */
async function populate(stage: Stage, isOwned: boolean): Promise<void> {
  const places = new Set(ENTRIES.map(placeOf));
  await stage.apply(...[...places].map(name => namespace(name)));
  if (isOwned) await stage.apply(...heartbeats.map(node));
  await stage.apply(...ENTRIES.map(entry => agedLease(entry, isOwned)));
  const everywhere = {matchExpressions: [{key: 'kubernetes.io/metadata.name', operator: 'Exists'}]};
  await stage.apply(
    policy('everything', {
      subjects: {workloads: {namespaceSelector: everywhere}},
      naming: {prefix: 'payments'},
      lease: {durationSeconds: 1},
      garbageCollection: GREEDY,
    }),
    systemPolicy('nodes', {nodes: {selector: {}}}, GREEDY),
    systemPolicy('api-servers', {apiServers: {}}),
    systemPolicy('control-plane', {components: [{namespace: 'kube-system', name: 'kube-scheduler'}]}, GREEDY),
  );
}

const keysOf = async (stage: Stage) => {
  const text = await stage.kubectl(['get', 'leases', '-A', '-o', 'json']);
  const {items} = JSON.parse(text) as {items: {metadata: {namespace: string; name: string}}[]};
  return items.map(({metadata}) => `${metadata.namespace}/${metadata.name}`);
};
const knownKeys = ENTRIES.map(entry => `${placeOf(entry)}/${nameOf(entry)}`);

async function metricsOf(operator: Program): Promise<string> {
  const {httpPort} = operator.lines.find(line => line.message === 'started') ?? {};
  return (await fetch(`http://127.0.0.1:${httpPort}/metrics`)).text();
}

/** How many Leases of each class there are, whatever their policy and state. */
function classesIn(metrics: string): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [, kind = '', count] of metrics.matchAll(/^leasepolicy_leases\{.*class="([^"]+)".*\} (\d+)$/gm))
    sums[kind] = (sums[kind] ?? 0) + Number(count);
  return sums;
}

const deletions = (operator: Program) =>
  operator.lines
    .filter(line => line.message === 'deleting Lease')
    .map(({manifest}) => (manifest as {metadata: {name: string}}).metadata.name);

test.serial('with their owners there, no known Lease is deleted, and each has its class', async t => {
  t.timeout(180_000);
  const stage = await setStage(t);
  await populate(stage, true);
  const operator = await startLeader(stage, ...OFTEN);
  const expected: Record<string, number> = {};
  for (const {class: kind} of ENTRIES) expected[kind] = (expected[kind] ?? 0) + 1;
  // The API server's own, and that of our election.
  for (const kind of ['apiserver-identity', 'leader-election']) expected[kind] = (expected[kind] ?? 0) + 1;
  await eventually(
    'every Lease has its class',
    async () => {
      const found = classesIn(await metricsOf(operator));
      return Object.entries(expected).every(([kind, count]) => found[kind] === count);
    },
    60_000,
  );
  await delay(MANY_TTLS_MS);
  t.deepEqual(deletions(operator), []);
  const left = await keysOf(stage);
  t.deepEqual(
    knownKeys.filter(key => !left.includes(key)),
    [],
  );
});

test.serial('with their owners gone, only the heartbeat of a node that is gone is deleted', async t => {
  t.timeout(180_000);
  const stage = await setStage(t);
  await populate(stage, false);
  const operator = await startLeader(stage, ...OFTEN);
  const kubelets = heartbeats.filter(name => !name.startsWith('kwok'));
  t.is(kubelets.length, 1);
  await eventually('it is deleted', async () => deletions(operator).length > 0, 90_000);
  await delay(MANY_TTLS_MS);
  t.deepEqual(deletions(operator), kubelets);
  const left = await keysOf(stage);
  t.deepEqual(
    knownKeys.filter(key => !left.includes(key)),
    kubelets.map(name => `kube-node-lease/${name}`),
  );
});

test.serial('Leases that are silent by design raise no alarm under the policies that we ship', async t => {
  t.timeout(240_000);
  const stage = await setStage(t);
  const silent = ENTRIES.filter(entry => placeOf(entry) !== 'kube-node-lease');
  await stage.apply(...[...new Set(silent.map(placeOf))].map(name => namespace(name)));
  await stage.apply(...silent.map(entry => agedLease(entry, true)));
  await stage.apply(systemPolicy('nodes', {nodes: {selector: {}}}));
  const operator = await startLeader(stage, ...OFTEN);
  await eventually(
    'every Lease has been looked at',
    async () => (classesIn(await metricsOf(operator))['leader-election'] ?? 0) > 50,
    60_000,
  );
  await delay(MANY_TTLS_MS);
  const text = await metricsOf(operator);
  t.deepEqual(await firingAlerts([{atSeconds: 0, text}]), []);
});
