/** A stage for an end-to-end test: a real control plane with our CRDs, and programs that end with the test. */
import {mkdtemp, readFile, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import {type Cluster, startCluster} from '../../dev/controlplane/cluster.ts';
import type {ClusterOptions} from '../../dev/controlplane/options.ts';
import {
  type CandidateOptions,
  leading,
  type Program,
  ROOT,
  startCandidate,
  startNodeCandidate,
  startOperator,
} from '../../dev/programs.ts';
import type {LeasePolicyStatus} from '../../src/api/leasepolicy.ts';
import type {LeaseRegistrySpec} from '../../src/api/leaseregistry.ts';
import type {Lease} from '../../src/api/objects.ts';
import {eventually} from './eventually.ts';

export type Stage = {
  cluster: Cluster;
  /** Applies a manifest, as an object or a list of objects. */
  apply(...objects: object[]): Promise<void>;
  kubectl: Cluster['kubectl'];
  operator(...flags: string[]): Promise<Program>;
  /** One of client-go. */
  candidate(options: CandidateOptions): Promise<Program>;
  /** One of the election library. */
  nodeCandidate(options: CandidateOptions): Program;
  /** Compacts etcd up to now: who asks for an older version must list again. */
  compact(): Promise<void>;
  /** A Lease, or undefined when it does not exist. */
  lease(namespace: string, name: string): Promise<Lease | undefined>;
  leases(namespace: string): Promise<Lease[]>;
  status(policy: string): Promise<LeasePolicyStatus | undefined>;
  registry(namespace: string): Promise<LeaseRegistrySpec | undefined>;
};

let count = 0;

/** With nothing of ours in it yet. */
export async function setEmptyStage(
  t: ExecutionContext,
  options: Partial<ClusterOptions> = {},
): Promise<Stage> {
  const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-e2e-'));
  t.teardown(() => rm(directory, {recursive: true, force: true}));
  count += 1;
  const name = `e2e-${process.pid}-${count}`;
  const cluster = await startCluster({name, directory, components: 'api', report: () => {}, ...options});
  t.teardown(() => cluster.stop());
  return stageOn(t, cluster);
}

export async function setStage(t: ExecutionContext, options: Partial<ClusterOptions> = {}): Promise<Stage> {
  const stage = await setEmptyStage(t, options);
  const {cluster} = stage;
  await cluster.kubectl([
    'apply',
    '-f',
    path.join(ROOT, 'crds/leasepolicies.yaml'),
    '-f',
    path.join(ROOT, 'crds/leaseregistries.yaml'),
  ]);
  // kubectl wait fails on a CRD that has no status yet.
  const established = ['wait', '--for=condition=Established', '--timeout=5s', 'crd', '--all'];
  await eventually('the CRDs are established', async () => cluster.kubectl(established));
  await cluster.kubectl(['create', 'namespace', 'leasepolicy-system']);
  return stage;
}

/** The stage of a control plane as it is. */
export function stageOn(t: ExecutionContext, cluster: Cluster): Stage {
  return {
    cluster,
    kubectl: cluster.kubectl,
    compact: () => compact(cluster),
    ...reads(cluster),
    ...programs(t, cluster),
  };
}

function programs(
  t: ExecutionContext,
  cluster: Cluster,
): Pick<Stage, 'operator' | 'candidate' | 'nodeCandidate'> {
  let operators = 0;
  const ending = (program: Program) => {
    t.teardown(() => program.stop('SIGKILL'));
    return program;
  };
  return {
    async operator(...flags) {
      operators += 1;
      return ending(await startOperator(cluster.kubeconfig, flags, `operator-${operators}`));
    },
    candidate: async options => ending(await startCandidate(cluster.kubeconfig, options)),
    nodeCandidate: options => ending(startNodeCandidate(cluster.kubeconfig, options)),
  };
}

function reads(cluster: Cluster): Pick<Stage, 'apply' | 'lease' | 'leases' | 'status' | 'registry'> {
  async function get<T>(...what: string[]): Promise<T | undefined> {
    const text = await cluster.kubectl(['get', ...what, '--ignore-not-found', '-o', 'json']);
    return text.trim() === '' ? undefined : (JSON.parse(text) as T);
  }
  return {
    async apply(...objects) {
      const list = {apiVersion: 'v1', kind: 'List', items: objects};
      await cluster.kubectl(['apply', '-f', '-'], {input: JSON.stringify(list)});
    },
    lease: (namespace, name) => get<Lease>('leases.coordination.k8s.io', name, '-n', namespace),
    leases: async namespace =>
      (await get<{items: Lease[]}>('leases.coordination.k8s.io', '-n', namespace))?.items ?? [],
    status: async policy => (await get<{status?: LeasePolicyStatus}>('leasepolicies', policy))?.status,
    registry: async namespace =>
      (await get<{spec: LeaseRegistrySpec}>('leaseregistries', 'leases', '-n', namespace))?.spec,
  };
}

async function compact(cluster: Cluster): Promise<void> {
  const flags = (await readFile(`/proc/${cluster.pid('etcd')}/cmdline`, 'utf8')).split('\0');
  const url = flags.find(flag => flag.startsWith('--listen-client-urls='))?.split('=')[1];
  const post = async (path: string, body: object) => {
    const answer = await fetch(`${url}${path}`, {method: 'POST', body: JSON.stringify(body)});
    if (!answer.ok) throw new Error(`etcd ${path}: ${answer.status} ${await answer.text()}`);
    return (await answer.json()) as {header: {revision: string}};
  };
  const {header} = await post('/v3/kv/range', {key: Buffer.from('/').toString('base64')});
  await post('/v3/kv/compaction', {revision: header.revision, physical: true});
}

/** Starts an operator and waits until it leads. */
export async function startLeader(stage: Stage, ...flags: string[]): Promise<Program> {
  const operator = await stage.operator(...flags);
  await operator.line('leading', leading);
  return operator;
}

/** Whom an operator that the Deployment runs has as its host: here no kubelet runs it. */
export const operatorPodOf = ({kubectl}: Stage) =>
  eventually('a Pod of the operator', () => {
    const pods = [
      'get',
      'pods',
      '--namespace=leasepolicy-system',
      '--selector=app.kubernetes.io/name=leasepolicy',
    ];
    return kubectl([...pods, '--output=jsonpath={.items[0].metadata.name}']);
  });

/** Manifests. */
export const namespace = (name: string, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {name, labels},
});

export function workload(kind: string, namespaceName: string, name: string, labels?: Record<string, string>) {
  const app = name.slice(0, 63);
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: {name, namespace: namespaceName, labels: labels ?? {app}},
    spec: {
      ...(kind === 'DaemonSet' ? {} : {replicas: 0}),
      ...(kind === 'StatefulSet' ? {serviceName: name} : {}),
      selector: {matchLabels: {app}},
      template: {metadata: {labels: {app}}, spec: {containers: [{name: 'main', image: 'none'}]}},
    },
  };
}

export const deployment = (namespaceName: string, name: string, labels?: Record<string, string>) =>
  workload('Deployment', namespaceName, name, labels);

/** As people write it: parts may be missing, and a text is any text. */
type DeepPartial<T> = T extends string ? string : T extends object ? {[K in keyof T]?: DeepPartial<T[K]>} : T;

/** A policy as people write it: the API server fills in the defaults. */
export function policy(
  name: string,
  spec: DeepPartial<import('../../src/api/leasepolicy.ts').LeasePolicySpec>,
) {
  return {
    apiVersion: 'leasepolicy.dev/v1alpha1',
    kind: 'LeasePolicy',
    metadata: {name},
    spec: {subjects: {workloads: {}}, ...spec},
  };
}
