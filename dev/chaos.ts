/** The command behind `make chaos`: many minutes of kills, and a report on what they did. Exit code 1: something wrong. */
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {KubeConfig} from '@kubernetes/client-node';
import type {Lease} from '../src/api/objects.ts';
import {ApiClient} from '../src/runtime/client.ts';
import {type Holdings, holdingsOf} from './chaos/elder.ts';
import {Fleet, NAMESPACE, PREFIX} from './chaos/fleet.ts';
import {reportOf} from './chaos/report.ts';
import {Storm} from './chaos/storm.ts';
import {verdictOf} from './chaos/verdict.ts';
import {type Cluster, startCluster} from './controlplane/cluster.ts';
import {toStderr} from './controlplane/process.ts';
import {leading, ROOT} from './programs.ts';
import {auditEvents} from './trust/audit.ts';

const MINUTES = Number(process.env.MINUTES ?? 30);
const WORKLOADS = Number(process.env.WORKLOADS ?? 500);
/** Streams of one connection have a limit, at most 250 by default in Go. */
const CANDIDATES_PER_CLIENT = 50;
const STARTED_AT_ONCE = 25;
const CHURN_EVERY_MS = 1_000;
const REPLACE_EVERY = 5;
const TELL_EVERY_MS = 30_000;
const OWN = {namespace: 'leasepolicy-system', name: 'leasepolicy-d704b00044'};

const POLICY = {
  apiVersion: 'leasepolicy.dev/v1alpha1',
  kind: 'LeasePolicy',
  metadata: {name: PREFIX},
  spec: {
    subjects: {workloads: {}},
    naming: {prefix: PREFIX},
    garbageCollection: {ttlSeconds: 20, maxPerMinute: 600},
  },
};
const namespace = (name: string) => ({apiVersion: 'v1', kind: 'Namespace', metadata: {name}});

async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 120_000,
): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${withinMs / 1000} s: ${what}`);
    await sleep(200);
  }
}

async function prepare(cluster: Cluster): Promise<void> {
  const crds = ['leasepolicies', 'leaseregistries'].map(name => path.join(ROOT, 'crds', `${name}.yaml`));
  await cluster.kubectl(['apply', ...crds.flatMap(file => ['-f', file])]);
  const established = ['wait', '--for=condition=Established', '--timeout=10s', 'crd', '--all'];
  await until('the CRDs', async () => (await cluster.kubectl(established, {allowFailure: true})) !== '');
  const items = [namespace(OWN.namespace), namespace(NAMESPACE), POLICY];
  const list = {apiVersion: 'v1', kind: 'List', items};
  await cluster.kubectl(['apply', '-f', '-'], {input: JSON.stringify(list)});
}

function clientsOf(cluster: Cluster, count: number): ApiClient[] {
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  return Array.from({length: count}, () => new ApiClient(config, 'chaos'));
}

/** The workloads that should have a Lease of the policy and have none. */
async function without(cluster: Cluster, fleet: Fleet): Promise<string[]> {
  const text = await cluster.kubectl([
    'get',
    'leases',
    '-n',
    NAMESPACE,
    '-l',
    `leasepolicy.dev/policy=${PREFIX}`,
    '-o',
    'json',
  ]);
  const names = new Set((JSON.parse(text) as {items: Lease[]}).items.map(({metadata}) => metadata.name));
  return fleet.living.filter(({lease}) => !names.has(lease)).map(({name}) => name);
}

/** Workloads come, go and are made anew, and their leaders crash, until the end. */
async function churn(fleet: Fleet, end: AbortSignal): Promise<void> {
  for (let turn = 0; !end.aborted; turn += 1) {
    await fleet.add();
    await fleet.retire();
    fleet.crash();
    if (turn % REPLACE_EVERY === 0) await fleet.replace();
    await sleep(CHURN_EVERY_MS, undefined, {signal: end}).catch(() => {});
  }
}

async function tell(storm: Storm, fleet: Fleet, end: AbortSignal): Promise<void> {
  for (let passedMs = TELL_EVERY_MS; !end.aborted; passedMs += TELL_EVERY_MS) {
    await sleep(TELL_EVERY_MS, undefined, {signal: end}).catch(() => {});
    const {handOvers, kills} = storm;
    const parts = [
      `${passedMs / 1000} s of ${MINUTES * 60}`,
      `${handOvers.length} hand-overs of the operator`,
      `${kills['kube-apiserver']} of the API server and ${kills.etcd} of etcd killed`,
      `${fleet.all.length - fleet.living.length} workloads gone`,
    ];
    if (!end.aborted) toStderr(parts.join(', '));
  }
}

/** While it is no leader, as a leader has more to wait for. */
async function holdingsOfStandby(storm: Storm): Promise<Holdings> {
  const {elder} = storm;
  const terms = () => elder.lines.filter(leading).length;
  const ends = () => elder.lines.filter(line => line.message === 'no longer leading').length;
  if (terms() > ends()) await storm.strike();
  await until('the elder to be a standby', () => terms() === ends());
  // A connection or a back-off of the last kill may still be on its way out.
  await sleep(15_000);
  return holdingsOf(elder);
}

async function run(cluster: Cluster): Promise<boolean> {
  await prepare(cluster);
  const end = new AbortController();
  const stop = AbortSignal.timeout(MINUTES * 60_000 + 3_600_000);
  const storm = new Storm(cluster, end.signal);
  const clients = clientsOf(cluster, Math.ceil((2 * WORKLOADS) / CANDIDATES_PER_CLIENT));
  const fleet = new Fleet(clients, stop);
  const idle = process.getActiveResourcesInfo().length;
  try {
    const first = await storm.add();
    await first.line('leading', leading);
    await storm.add();
    await storm.addElder();
    toStderr(`starting ${WORKLOADS} workloads with two candidates each ...`);
    for (let made = 0; made < WORKLOADS; made += STARTED_AT_ONCE)
      await Promise.all(Array.from({length: Math.min(STARTED_AT_ONCE, WORKLOADS - made)}, () => fleet.add()));
    await until('a Lease for each workload', async () => (await without(cluster, fleet)).length === 0);
    const before = await holdingsOfStandby(storm);

    toStderr(`chaos for ${MINUTES} minutes ...`);
    setTimeout(() => end.abort(), MINUTES * 60_000).unref();
    await Promise.all([storm.rage(), churn(fleet, end.signal), tell(storm, fleet, end.signal)]);
    const missing: string[] = [];
    await until('a Lease for each workload', async () => (await without(cluster, fleet)).length === 0).catch(
      async () => missing.push(...(await without(cluster, fleet))),
    );
    const after = await holdingsOfStandby(storm);
    await fleet.stop();
    await storm.stop();
    for (const each of clients) each.close();
    const leftNow = () => process.getActiveResourcesInfo().length - idle;
    // A connection takes its time to close where the machine is busy; what leaks stays for good.
    await until('the candidates to leave nothing', () => leftNow() <= 0, 15_000).catch(() => {});
    const left = leftNow();
    const verdict = verdictOf(await auditEvents(cluster.auditLog ?? ''), fleet.all, OWN);
    const {text, isGood} = reportOf({minutes: MINUTES, storm, fleet, verdict, missing, before, after, left});
    process.stdout.write(text);
    return isGood;
  } finally {
    end.abort();
    await storm.stop();
  }
}

const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-chaos-'));
const cluster = await startCluster({
  name: `chaos-${process.pid}`,
  directory,
  components: 'api',
  auditPolicy: path.join(import.meta.dirname, 'chaos/audit.yaml'),
});
let isGood = false;
try {
  isGood = await run(cluster);
} finally {
  await cluster.stop();
  await rm(directory, {recursive: true, force: true});
}
process.exit(isGood ? 0 : 1);
