/** The command line installs LeasePolicy in a cluster and takes it away again, and nothing else. */
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {accountsOf, startLeaderAs} from '../support/accounts.ts';
import {call} from '../support/command.ts';
import {eventually} from '../support/eventually.ts';
import {deployment, namespace, policy, type Stage, setEmptyStage} from '../support/stage.ts';

const SYSTEM = 'leasepolicy-system';

/** Calls the command line on the cluster of the stage. */
const on =
  ({cluster}: Pick<Stage, 'cluster'>) =>
  (...args: string[]) =>
    call([...args, `--kubeconfig=${cluster.kubeconfig}`]);

test('on an empty cluster it installs all, the operator runs by what is granted, and again changes nothing', async t => {
  t.timeout(240_000);
  const stage = await setEmptyStage(t, {components: 'all', nodes: 2});
  const cli = on(stage);
  const first = await cli('install', '--with', 'flowcontrol,system-policies');
  t.deepEqual([first.code, first.stderr], [0, '']);
  const lines = first.stdout.trim().split('\n');
  t.true(lines.length > 15);
  t.true(
    lines.every(line => line.endsWith(' created')),
    first.stdout,
  );
  t.is(lines[0], `namespace/${SYSTEM} created`);
  t.is(lines.at(-1), 'leasepolicy.leasepolicy.dev/control-plane created');

  const account = await (await accountsOf(t, stage))(SYSTEM, 'leasepolicy');
  await startLeaderAs(t, account);
  await stage.apply(
    namespace('shop'),
    deployment('shop', 'api'),
    policy('payments', {naming: {prefix: 'p'}}),
  );
  await eventually('the policy is ready', async () =>
    (await stage.status('payments'))?.conditions.some(
      ({type, status}) => type === 'Ready' && status === 'True',
    ),
  );

  const again = await cli('install', '--with', 'flowcontrol,system-policies', '-o', 'json');
  const {objects} = JSON.parse(again.stdout) as {objects: {object: string; done: string}[]};
  t.is(objects.length, lines.length);
  t.deepEqual(
    objects.filter(({done}) => done !== 'unchanged'),
    [],
  );
});

test('what can not work is one sentence, and nothing is written', async t => {
  t.timeout(180_000);
  const stage = await setEmptyStage(t, {apiServerFlags: {'emulated-version': '1.35'}});
  const cli = on(stage);
  await forbids(t, stage);
  const monitoring = await cli('install', '--with', 'monitoring');
  t.is(monitoring.code, 1);
  t.regex(
    monitoring.stderr,
    /nothing was changed, as the API server has no ServiceMonitor of monitoring\.coreos\.com\/v1: install the Prometheus operator first, or leave monitoring out/,
  );
  t.deepEqual(await ours(stage), []);

  const installed = await cli('install', '--image', 'example.com/lp:1');
  t.is(installed.code, 0, installed.stderr);
  t.regex(installed.stderr, /this API server is v1\.35\S*: injection is not possible, as Mutating/);
  const image = await stage.kubectl([
    'get',
    'deployment',
    'leasepolicy',
    `--namespace=${SYSTEM}`,
    '--output=jsonpath={.spec.template.spec.containers[0].image}',
  ]);
  t.is(image, 'example.com/lp:1');

  const elsewhere = await cli('install', '-n', 'leases');
  t.regex(
    elsewhere.stderr,
    /LeasePolicy is installed in namespace leasepolicy-system already: write --namespace leasepolicy-system/,
  );
  await keepsToOthers(t, stage);
});

/** Somebody who may do a part of it. */
async function forbids(t: ExecutionContext, stage: Stage): Promise<void> {
  await stage.kubectl(['create', 'serviceaccount', 'little', '--namespace=default']);
  await stage.apply(
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: {name: 'little'},
      rules: [
        {apiGroups: [''], resources: ['namespaces', 'serviceaccounts'], verbs: ['*']},
        {apiGroups: ['apiextensions.k8s.io'], resources: ['*'], verbs: ['*']},
        {apiGroups: ['apps', 'networking.k8s.io', 'policy'], resources: ['*'], verbs: ['*']},
        {apiGroups: ['rbac.authorization.k8s.io'], resources: ['*'], verbs: ['get']},
      ],
    },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: {name: 'little'},
      roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'little'},
      subjects: [{kind: 'ServiceAccount', namespace: 'default', name: 'little'}],
    },
  );
  const {kubeconfig} = await (await accountsOf(t, stage))('default', 'little');
  const {code, stdout, stderr} = await call(['install', `--kubeconfig=${kubeconfig}`]);
  t.deepEqual([code, stdout], [1, '']);
  t.regex(
    stderr,
    /^leasepolicy: nothing was changed, as you may not create and patch clusterroles\.rbac\.authorization\.k8s\.io, create and patch roles.*: ask for these rights/,
  );
  t.deepEqual(await ours(stage), []);
  await stage.kubectl(['delete', 'clusterrole,clusterrolebinding', 'little']);
}

/** A field that somebody else has set is not taken from them by accident. */
async function keepsToOthers(t: ExecutionContext, stage: Stage): Promise<void> {
  const scale = ['scale', 'deployment/leasepolicy', `--namespace=${SYSTEM}`, '--replicas=3'];
  await stage.kubectl(scale);
  const cli = on(stage);
  const kept = await cli('install');
  t.is(kept.code, 1);
  t.regex(
    kept.stderr,
    /nothing was changed, as deployment\.apps\/leasepolicy is kept by others \(spec\.replicas is that of "kubectl"\): write --force-conflicts/,
  );
  const forced = await cli('install', '--force-conflicts');
  t.is(forced.code, 0, forced.stderr);
  t.true(forced.stdout.includes('deployment.apps/leasepolicy configured\n'), forced.stdout);
}

test('a server that is not there is one sentence', async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-nowhere-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const kubeconfig = path.join(folder, 'kubeconfig');
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'x',
      contexts: [{name: 'x', context: {cluster: 'x', user: 'x'}}],
      clusters: [{name: 'x', cluster: {server: 'https://127.0.0.1:1'}}],
      users: [{name: 'x', user: {}}],
    }),
  );
  for (const command of [['install']]) {
    const {code, stdout, stderr} = await call([...command, `--kubeconfig=${kubeconfig}`]);
    t.deepEqual([code, stdout], [1, '']);
    t.regex(stderr, /^leasepolicy: the API server can't be reached \(.*ECONNREFUSED.*\): see that it runs/);
    const json = await call([...command, `--kubeconfig=${kubeconfig}`, '-o', 'json']);
    t.is(JSON.parse(json.stdout).error.reason, 'Unreachable');
  }
});

/** What an installation would have begun with. */
const ours = async (stage: Stage) => (await names(stage)).filter(name => /leasepolicy/.test(name));

/** The names of all objects of all kinds, but those that come and go by themselves. */
async function names({kubectl}: Stage): Promise<string[]> {
  const resources = await kubectl(['api-resources', '--verbs=list', '--output=name', '--cached=false']);
  const kept = resources
    .trim()
    .split('\n')
    .filter(name => !/^(events|leases|componentstatuses)\b/.test(name));
  const format = '{range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{"\\n"}{end}';
  const text = await kubectl(['get', kept.join(','), '--all-namespaces', `--output=jsonpath=${format}`]);
  return text.split('\n').filter(line => line !== '');
}
