/** Service accounts of a stage, that do what their tokens allow: with kubectl, and as client-go candidates. */
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {ExecutionContext} from 'ava';
import {run} from '../../dev/controlplane/process.ts';
import {leading, type Program, startCandidate, startOperator} from '../../dev/programs.ts';
import {eventually} from './eventually.ts';
import {namespace, type Stage} from './stage.ts';

/** What kubectl printed. */
export type Answer = {readonly code: number | null; readonly stdout: string; readonly stderr: string};

export type Account = {
  readonly username: string;
  readonly kubeconfig: string;
  kubectl(args: readonly string[], input?: string): Promise<Answer>;
  /** Starts a client-go candidate that renews twice a second and ends with the test. */
  candidate(options: {namespace: string; lease: string; identity: string}): Promise<Program>;
};

/** A Pod to which a token is bound. */
export type BoundPod = {readonly name: string; readonly uid: string};

/** A machine that is busy with other tests may keep a renewal waiting for seconds. */
const FAST = ['-lease-duration', '8s', '-renew-deadline', '6s', '-retry-period', '500ms'];

/** Gives an account by its namespace and name, with a token of its own, bound to a Pod or not. */
export async function accountsOf(t: ExecutionContext, stage: Stage) {
  const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-accounts-'));
  t.teardown(() => rm(directory, {recursive: true, force: true}));
  const view = await stage.kubectl(['config', 'view', '--raw', '--flatten', '--minify', '--output=json']);
  let count = 0;
  return async (namespace: string, name: string, pod?: BoundPod): Promise<Account> => {
    const bound = pod
      ? ['--bound-object-kind=Pod', `--bound-object-name=${pod.name}`, `--bound-object-uid=${pod.uid}`]
      : [];
    const token = await stage.kubectl(['create', 'token', name, '-n', namespace, '--duration=1h', ...bound]);
    const config = JSON.parse(view);
    config.users[0].user = {token: token.trim()};
    count += 1;
    const kubeconfig = path.join(directory, `${count}.json`);
    await writeFile(kubeconfig, JSON.stringify(config));
    return accountAt(t, stage, kubeconfig, `system:serviceaccount:${namespace}:${name}`);
  };
}

/** The user of any kubeconfig of the stage, such as the administrator. */
export function accountAt(
  t: ExecutionContext,
  {cluster}: Stage,
  kubeconfig: string,
  username: string,
): Account {
  const env = {...process.env, KUBECACHEDIR: path.join(path.dirname(cluster.kubeconfig), 'kubectl-cache')};
  return {
    username,
    kubeconfig,
    kubectl: (args, input = '') =>
      run(cluster.binaries.kubectl, ['--kubeconfig', kubeconfig, ...args], {env, input}),
    async candidate(options) {
      const program = await startCandidate(kubeconfig, {...options, flags: FAST});
      t.teardown(() => program.stop('SIGKILL'));
      return program;
    },
  };
}

/** The administrator, a member of system:masters. */
export const administrator = (t: ExecutionContext, stage: Stage) =>
  accountAt(t, stage, stage.cluster.kubeconfig, 'kwok-admin');

/** Waits for the API server to refuse what the account asks, and returns its sentence. */
export async function refusal(ask: () => Promise<Answer>): Promise<string> {
  const {stderr} = await eventually('a refusal', async () => {
    const answer = await ask();
    if (answer.code !== 0 && !/forbidden/i.test(answer.stderr)) throw new Error(answer.stderr);
    return answer.code !== 0 && answer;
  });
  return stderr.trim();
}

/** Merges a record into the spec of a Lease; by a file, as no argument may be longer than 128 KiB. */
export async function writeRecord(
  account: Account,
  namespace: string,
  lease: string,
  spec: object,
): Promise<Answer> {
  const file = `${account.kubeconfig}.patch`;
  await writeFile(file, JSON.stringify({spec}));
  return account.kubectl(['patch', 'lease', lease, '-n', namespace, '--type=merge', `--patch-file=${file}`]);
}

/** Starts an operator by a kubeconfig of its own, and waits until it leads. */
export async function startLeaderAs(
  t: ExecutionContext,
  {kubeconfig}: Pick<Account, 'kubeconfig'>,
  ...flags: string[]
) {
  const operator = await startOperator(kubeconfig, flags);
  t.teardown(() => operator.stop('SIGKILL'));
  await operator.line('leading', leading);
  return operator;
}

/** Manifests. */
export const serviceAccount = (namespace: string, name: string) => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: {namespace, name},
});

const RBAC = 'rbac.authorization.k8s.io';

/** Binds a ClusterRole to service accounts, each as namespace/name, or to all there are. */
export function clusterRoleBinding(role: string, ...accounts: string[]) {
  const everybody = {kind: 'Group', apiGroup: RBAC, name: 'system:serviceaccounts'};
  const subjects = accounts.map(each => {
    const [namespace, name] = each.split('/');
    return {kind: 'ServiceAccount', namespace, name};
  });
  return {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRoleBinding',
    metadata: {name: `test-${role}-${accounts.length}`},
    roleRef: {apiGroup: RBAC, kind: 'ClusterRole', name: role},
    subjects: accounts.length > 0 ? subjects : [everybody],
  };
}

/** What most products grant themselves: all Leases of all namespaces. */
export const leaseRights = () => [
  {
    apiVersion: `${RBAC}/v1`,
    kind: 'ClusterRole',
    metadata: {name: 'leases'},
    rules: [{apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['*']}],
  },
  clusterRoleBinding('leases'),
];

/** The condition Enforced is True: every object of the policy is in the API server. */
export async function enforced(stage: Stage, ...policies: string[]): Promise<void> {
  for (const name of policies) {
    await eventually(`policy ${name} enforced`, async () => {
      const found = (await stage.status(name))?.conditions.find(each => each.type === 'Enforced');
      if (found?.status !== 'True') throw new Error(`${found?.reason}: ${found?.message}`);
      return true;
    });
  }
}

type PodView = {
  metadata: {name: string; uid: string; deletionTimestamp?: string};
  spec: {
    containers: Container[];
    initContainers?: Container[];
  };
  status: {phase: string};
};
type Container = {name: string; env?: {name: string; value?: string; valueFrom?: object}[]};

/** The Pods with the label app, as workload() makes them. */
export async function podsOf({kubectl}: Stage, namespace: string, app: string): Promise<PodView[]> {
  const text = await kubectl(['get', 'pods', '-n', namespace, '-l', `app=${app}`, '-o', 'json']);
  const {items} = JSON.parse(text) as {items: PodView[]};
  return items.filter(each => each.metadata.deletionTimestamp === undefined);
}

/** Waits for a Pod of the workload. */
export async function podOf(stage: Stage, namespace: string, app: string): Promise<BoundPod> {
  const pod = await eventually(`a Pod of ${app}`, async () => (await podsOf(stage, namespace, app))[0]);
  return pod.metadata;
}

/** A namespace sq with these service accounts, which write Leases, and the operator's, which may do anything. */
export async function populateSquare(stage: Stage, ...names: string[]): Promise<void> {
  await stage.apply(
    namespace('sq'),
    ...leaseRights(),
    ...['default', ...names].map(name => serviceAccount('sq', name)),
    serviceAccount('leasepolicy-system', 'leasepolicy'),
    clusterRoleBinding('cluster-admin', 'leasepolicy-system/leasepolicy'),
  );
}

export const creates = (account: Account, manifest: object, ...flags: string[]): Promise<Answer> =>
  account.kubectl(['create', '-f', '-', ...flags], JSON.stringify(manifest));
