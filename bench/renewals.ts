/** What admission costs a candidate: the time of a renewal with no policy, with one and with twenty. */
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {type Cluster, startCluster} from '../dev/controlplane/cluster.ts';
import {leading, ROOT, startOperator} from '../dev/programs.ts';
import {circumstances, median, note, ROUNDS, run} from './measure.ts';

const LEASES = 500;
const RENEWALS_PER_SECOND = 500;
const SECONDS = Number(process.env.BENCH_SECONDS ?? '15');
const POLICIES = [0, 1, 20];
const PATIENCE_MS = 60_000;

type Figures = {p50Ms: number; p99Ms: number};

/** Measures renewals, and prints a table. */
export async function measureRenewals(harness: string): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-bench-'));
  const figures = new Map<number, Figures[]>(POLICIES.map(count => [count, []]));
  try {
    const cluster = await startCluster({name: 'bench-renewals', directory, components: 'api', report: note});
    try {
      await prepare(cluster, harness);
      for (let round = 1; round <= ROUNDS; round++) {
        for (const count of POLICIES) {
          note(`renewals with ${count} policies: round ${round} of ${ROUNDS}`);
          await enforce(cluster, count);
          const args = ['renew', '-rate', `${RENEWALS_PER_SECOND}`, '-for', `${SECONDS}s`];
          const result = await run<Figures & {seconds?: number}>(harness, args, cluster.kubeconfig);
          figures.get(count)?.push(result as Figures);
        }
      }
    } finally {
      await cluster.stop();
    }
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
  print(figures);
}

async function prepare(cluster: Cluster, harness: string): Promise<void> {
  await cluster.kubectl(['apply', '-f', path.join(ROOT, 'crds')]);
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd/leasepolicies.leasepolicy.dev']);
  await cluster.kubectl(['create', 'namespace', 'leasepolicy-system']);
  await run(harness, ['seed', '-n', `${LEASES}`, '-namespaces', '1'], cluster.kubeconfig);
  await cluster.kubectl(['apply', '-f', '-'], {input: JSON.stringify(RIGHTS)});
  await enforce(cluster, 1); // makes the Leases, which stay when the policy goes
}

/** The Pods that the harness impersonates may write Leases. */
const RIGHTS = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: {name: 'bench'},
  roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin'},
  subjects: [{apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'system:serviceaccounts'}],
};

/** Puts so many policies in force, which share the Deployments; the operator then ends, so as not to be measured. */
async function enforce(cluster: Cluster, count: number): Promise<void> {
  const operator = await startOperator(cluster.kubeconfig);
  try {
    await operator.line('leading', leading);
    await cluster.kubectl(['delete', 'leasepolicies', '--all']);
    await until('no policy is in force', async () => (await bindings(cluster)) === 0);
    if (count === 0) return;
    const items = Array.from({length: count}, (_, index) => policy(index, count));
    const list = JSON.stringify({apiVersion: 'v1', kind: 'List', items});
    await cluster.kubectl(['apply', '-f', '-'], {input: list});
    const wait = ['wait', '--timeout=60s', 'leasepolicies', '--all'];
    await cluster.kubectl([...wait, '--for=condition=Enforced']);
    await cluster.kubectl([...wait, '--for=condition=Ready']);
    await until('a stranger is refused', () => isRefused(cluster));
  } finally {
    await operator.stop();
  }
}

/** All policies select the namespace, so that each of them is asked at each renewal. */
function policy(index: number, count: number) {
  const apps = Array.from({length: LEASES}, (_, app) => `app-${String(app).padStart(6, '0')}`);
  const values = apps.filter((_, app) => app % count === index);
  const selector = count === 1 ? {} : {matchExpressions: [{key: 'app', operator: 'In', values}]};
  return {
    apiVersion: 'leasepolicy.dev/v1alpha1',
    kind: 'LeasePolicy',
    metadata: {name: `bench-${index}`},
    spec: {
      subjects: {workloads: {namespaceSelector: {matchLabels: {bench: 'true'}}, selector}},
      naming: {prefix: 'bench'},
      enforcement: {names: 'Deny', holders: 'Deny', durationSeconds: {min: 5, max: 300}},
    },
  };
}

async function bindings({kubectl}: Cluster): Promise<number> {
  const list = await kubectl(['get', 'validatingadmissionpolicybindings', '--output=name']);
  return list.trim() === '' ? 0 : list.trim().split('\n').length;
}

/** A new policy takes the API server a second or two. */
async function isRefused({kubectl}: Cluster): Promise<boolean> {
  const stranger = ['--as=system:serviceaccount:other:stranger', '--as-group=system:serviceaccounts'];
  const names = (await kubectl(['get', 'leases', '--namespace=team-000', '--output=name']))
    .trim()
    .split('\n');
  const patch = ['patch', ...names.slice(-1), '--namespace=team-000', '--type=merge', '--dry-run=server'];
  const answer = await kubectl(
    [
      ...patch,
      `--patch={"spec":{"holderIdentity":"stranger-${Math.random()}"}}`,
      '--output=name',
      ...stranger,
    ],
    {allowFailure: true},
  );
  return answer.trim() === '';
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not within ${PATIENCE_MS / 1000} s: ${what}`);
    await delay(200);
  }
}

function print(figures: ReadonlyMap<number, readonly Figures[]>): void {
  process.stdout.write(`\n${circumstances()}\n`);
  process.stdout.write(
    `${RENEWALS_PER_SECOND} renewals a second of ${LEASES} Leases, each as a Pod of its Deployment, for ${SECONDS} s.\n\n`,
  );
  process.stdout.write(
    '| policies with names, holders and durations on Deny | p50 ms | p99 ms | p50 against none |\n',
  );
  process.stdout.write('|---|---|---|---|\n');
  const p50 = (count: number) => median(figures.get(count)?.map(each => each.p50Ms) ?? []);
  for (const [count, list] of figures) {
    const p99 = median(list.map(each => each.p99Ms));
    const growth = Math.round((p50(count) / p50(0) - 1) * 100);
    const cells = [
      `${count}`,
      p50(count).toFixed(2),
      p99.toFixed(2),
      count === 0 ? '' : `${growth > 0 ? '+' : ''}${growth} %`,
    ];
    process.stdout.write(`| ${cells.join(' | ')} |\n`);
  }
}
