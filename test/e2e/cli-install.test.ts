/** The command line installs LeasePolicy in a cluster and takes it away again, and nothing else. */
import {createHash} from 'node:crypto';
import test, {type ExecutionContext} from 'ava';
import {leads} from '../../dev/programs.ts';
import {accountsOf, startLeaderAs} from '../support/accounts.ts';
import {call} from '../support/command.ts';
import {eventually} from '../support/eventually.ts';
import {
  deployment,
  namespace,
  operatorPodOf,
  policy,
  type Stage,
  setEmptyStage,
  setStage,
  startLeader,
} from '../support/stage.ts';

const SYSTEM = 'leasepolicy-system';

/** Calls the command line on the cluster of the stage. */
const on =
  ({cluster}: Pick<Stage, 'cluster'>) =>
  (...args: string[]) =>
    call([...args, `--kubeconfig=${cluster.kubeconfig}`]);

test('it installs all, the operator runs by what is granted, and all of it goes again', async t => {
  t.timeout(300_000);
  const stage = await setEmptyStage(t, {components: 'all', nodes: 2});
  const cli = on(stage);
  await stage.apply(namespace('shop'), deployment('shop', 'api'), deployment('shop', 'web'));
  await stage.apply(mine('shop'));
  await eventually('the service accounts of the namespace', async () =>
    (await names(stage)).includes('ServiceAccount/shop/default'),
  );
  const before = await names(stage);
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
  const operator = await startLeaderAs(t, account, '--identity', `${await operatorPodOf(stage)}_1`);
  await stage.apply(payments);
  await ready(stage);
  const again = await cli('install', '--with', 'flowcontrol,system-policies', '-o', 'json');
  const {objects} = JSON.parse(again.stdout) as {objects: {object: string; done: string}[]};
  t.is(objects.length, lines.length);
  t.deepEqual(
    objects.filter(({done}) => done !== 'unchanged'),
    [],
  );

  const leases = await stage.leases('shop');
  t.is(leases.length, 3);
  const installed = await names(stage);
  t.true(installed.some(name => name.startsWith('RoleBinding/shop/leasepolicy-')));
  await asksBefore(t, stage);
  t.deepEqual(await names(stage), installed, 'nothing was removed');

  const {code, stdout, stderr} = await cli('uninstall', '--yes');
  t.is(code, 0, stderr);
  t.regex(stdout, /^leasepolicy\.leasepolicy\.dev\/payments removed$/m);
  t.regex(stdout, /^flowschema\.flowcontrol\.apiserver\.k8s\.io\/leasepolicy-leases removed$/m);
  t.regex(stdout, /^lease\S+\/payments-\w+ in namespace leasepolicy-system removed$/m);
  t.regex(stdout, /^namespace\/leasepolicy-system removed$/m);
  t.regex(
    stdout,
    /payments-14c2529eb4 in namespace shop stays: nobody holds it.+--leases-of shop\/Deployment\/api/,
  );
  t.deepEqual((await names(stage)).sort(), before.sort(), 'nothing is left, and nothing else is gone');
  t.deepEqual(await stage.leases('shop'), leases, 'no Lease was touched');
  await operator.stop('SIGKILL');

  const nothing = await cli('uninstall', '--yes');
  t.is(nothing.code, 0);
  t.regex(nothing.stdout, /^Nothing of LeasePolicy is to be removed\.$/m);
  await removesLeasesOfOne(t, stage);
});

const payments = policy('payments', {
  subjects: {workloads: {}},
  naming: {prefix: 'payments'},
  access: {grant: 'ServiceAccount'},
  enforcement: {names: 'Deny'},
});

const mine = (place: string) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {namespace: place, name: 'mine'},
});

async function ready(stage: Stage): Promise<void> {
  await eventually('the policy is in force', async () => {
    const conditions = (await stage.status('payments'))?.conditions ?? [];
    return conditions.some(({type, status}) => type === 'Enforced' && status === 'True');
  });
  await eventually('its Leases', async () => (await stage.leases('shop')).length === 3);
}

/** Without a clear yes nothing is removed, and without a terminal nobody can give it. */
async function asksBefore(t: ExecutionContext, stage: Stage): Promise<void> {
  const nobody = await on(stage)('uninstall');
  t.deepEqual([nobody.code, nobody.stdout], [1, '']);
  t.regex(nobody.stderr, /nothing was removed, as there is no terminal to ask on: write --yes/);
  const kubeconfig = `--kubeconfig=${stage.cluster.kubeconfig}`;
  const asked = await call(['uninstall', kubeconfig], {isTerminal: true, stdin: 'y\nperhaps\n'});
  t.is(asked.code, 0);
  t.regex(asked.stdout, /Remove the LeasePolicies \(.*payments.*\), too\? \[y\/N\]/);
  t.regex(asked.stdout, /customresource.*leasepolicies\.leasepolicy\.dev would be removed/);
  t.regex(asked.stdout, /Remove this\? \[y\/N\] Nothing was removed\.\n$/);
  const printed = await on(stage)('uninstall', '--print', '--keep-policies', '-o', 'json');
  const {wouldRemove, kept} = JSON.parse(printed.stdout);
  t.false(wouldRemove.some((each: string) => /leasepolicies\.leasepolicy\.dev/.test(each)));
  t.true(kept.some(({because}: {because: string}) => because === 'you keep the policies'));
}

/** One that is renewed stays, and the rest of the product's goes, when the product is gone. */
async function removesLeasesOfOne(t: ExecutionContext, stage: Stage): Promise<void> {
  const cli = on(stage);
  const living = await cli('uninstall', '--yes', '--leases-of', 'shop/deployment/api');
  t.regex(
    living.stderr,
    /nothing was removed, as Deployment api in namespace shop is there: delete it first/,
  );
  await stage.kubectl(['delete', 'deployment', 'api', 'web', '--namespace=shop']);
  const lock = {namespace: 'shop', lease: 'payments-14c2529eb4', identity: 'api-1'};
  const candidate = await stage.candidate(lock);
  await candidate.line('leading', leads);
  const held = await cli('uninstall', '--yes', '--leases-of', 'shop/deployment/api');
  t.is(held.code, 0, held.stderr);
  t.is(
    held.stdout,
    'lease.coordination.k8s.io/payments-14c2529eb4 in namespace shop stays: api-1 has written it under our eyes\n',
  );
  await candidate.stop();
  const removed = await cli('uninstall', '--yes', '--leases-of', 'shop/deploy/api', '-o', 'json');
  const document = JSON.parse(removed.stdout);
  t.is(document.removed[0].manifest.spec.holderIdentity, '');
  t.deepEqual(
    (await stage.leases('shop')).map(({metadata}) => metadata.name),
    ['mine', `payments-${createHash('sha256').update('web').digest('hex').slice(0, 10)}`],
  );
  const none = await cli('uninstall', '--yes', '--leases-of', 'shop/deploy/api');
  t.deepEqual([none.code, none.stdout], [0, '']);
}

test('policies may stay, but not while an operator elsewhere makes anew what is removed', async t => {
  t.timeout(300_000);
  const stage = await setEmptyStage(t, {components: 'all', nodes: 1});
  const cli = on(stage);
  await stage.apply(namespace('shop'), deployment('shop', 'api'), deployment('shop', 'web'), mine('shop'));
  t.is((await cli('install')).code, 0);
  const operator = await startLeader(stage);
  await stage.apply(payments);
  await ready(stage);
  await refusesWhileItRuns(t, stage);
  await operator.stop();

  const {code, stdout, stderr} = await cli('uninstall', '--yes', '--keep-policies');
  t.is(code, 0, stderr);
  t.regex(stdout, /payments stays: you keep the policies/);
  t.deepEqual((await ours(stage)).sort(), [
    'CustomResourceDefinition//leasepolicies.leasepolicy.dev',
    'LeasePolicy//payments',
  ]);
  t.is((await cli('uninstall', '--yes')).code, 0);
  t.deepEqual(await ours(stage), []);
});

test('an operator without a Deployment is seen before the first delete, also in a namespace of its own', async t => {
  t.timeout(180_000);
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), namespace('mine'), deployment('shop', 'api'));
  const flags = ['--namespace', 'mine', '--deployment-name', 'other'];
  for (const [args, lease] of [
    [[], `${SYSTEM}/leasepolicy-`],
    [flags, 'mine/leasepolicy-'],
  ] as const) {
    const operator = await startLeader(stage, ...args);
    await stage.apply(strict);
    await eventually('all its rules', async () => {
      const there = await ours(stage);
      return LAST_RULES.every(each => there.includes(each));
    });
    t.true((await refusesWhileItRuns(t, stage)).includes(lease));
    await operator.stop('SIGKILL');
    const gone = await on(stage)('uninstall', '--yes', '--keep-policies');
    t.is(gone.code, 0, gone.stderr);
    t.false((await ours(stage)).some(isBinding));
    await stage.kubectl(['apply', '-f', 'crds/leaseregistries.yaml']);
  }
});

test('what others put into its namespace while it waits for the rest stays, and the namespace with it', async t => {
  t.timeout(180_000);
  const stage = await setEmptyStage(t, {components: 'all', nodes: 1});
  const cli = on(stage);
  t.is((await cli('install', '-n', 'other')).code, 0);
  // Its kind is gone when it is, so that the command waits.
  const slow = {name: 'leases', namespace: 'default', finalizers: ['example.com/slow']};
  await stage.apply({
    apiVersion: 'leasepolicy.dev/v1alpha1',
    kind: 'LeaseRegistry',
    metadata: slow,
    spec: {},
  });
  const uninstalling = cli('uninstall', '--yes');
  await eventually('its wait for the kind', async () => {
    const kind = ['get', 'crd/leaseregistries.leasepolicy.dev', '-o=jsonpath={.metadata.deletionTimestamp}'];
    return (await stage.kubectl(kind, {allowFailure: true})) !== '';
  });
  await stage.kubectl(['create', 'configmap', 'mine', '-n', 'other']);
  const unfinished = ['--type=merge', '-p={"metadata":{"finalizers":null}}'];
  await stage.kubectl(['patch', 'leaseregistry/leases', '-n=default', ...unfinished]);
  const {code, stdout, stderr} = await uninstalling;
  t.is(code, 0, stderr);
  t.regex(stdout, /^namespace\/other stays: others are in it: ConfigMap mine$/m);
  t.notRegex(stdout, /^namespace\S+ removed$/m);
  t.regex(await stage.kubectl(['get', 'configmap/mine', '-n', 'other', '-o=name']), /mine/);

  await stage.kubectl(['delete', 'configmap/mine', '-n', 'other']);
  const again = await cli('uninstall', '--yes', '-n', 'other', '-o', 'json');
  t.is(again.code, 0, `${again.stderr}${again.stdout}`);
  t.like(JSON.parse(again.stdout), {removed: ['namespace/other'], kept: []});
});

/** Which the operator makes after all the others. */
const LAST_RULES = [
  'MutatingAdmissionPolicyBinding//leasepolicy-pods-strict',
  'ValidatingAdmissionPolicyBinding//leasepolicy-pods-strict',
];

const isBinding = (name: string) => /AdmissionPolicyBinding/.test(name);

const strict = policy('strict', {
  naming: {prefix: 'strict'},
  subjects: payments.spec.subjects,
  enforcement: {names: 'Deny'},
  injection: {mode: 'Env'},
});

/** With and without the policies; what would go is told with a word of the leader. Returns what was said of it. */
async function refusesWhileItRuns(t: ExecutionContext, stage: Stage): Promise<string> {
  const before = await ours(stage);
  const cli = on(stage);
  const says = /says that one runs elsewhere \(operator-\d has written it under our eyes\)/;
  for (const keeps of [['--keep-policies'], []]) {
    const {code, stdout, stderr} = await cli('uninstall', '--yes', ...keeps);
    t.deepEqual([code, stdout], [1, '']);
    t.regex(stderr, /nothing was removed, as /);
    t.regex(stderr, new RegExp(`${says.source}: stop it, then again`));
  }
  // The operator may have made more meanwhile.
  const after = await ours(stage);
  t.deepEqual(
    before.filter(each => !after.includes(each)),
    [],
    'nothing was removed',
  );
  const printed = await cli('uninstall', '--print');
  t.is(printed.code, 0);
  t.regex(printed.stdout, / would be removed$/m);
  t.regex(printed.stderr, says);
  const json = await cli('uninstall', '--print', '-o', 'json');
  const [note = ''] = JSON.parse(json.stdout).notes as string[];
  t.regex(note, says);
  return note;
}

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
  t.regex(
    installed.stderr,
    /this API server \(v1\.\S+\) serves no MutatingAdmissionPolicy: injection is not possible; it comes with 1\.36/,
  );
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

/** What an installation would have begun with. */
const ours = async (stage: Stage) => (await names(stage)).filter(name => /leasepolic/i.test(name));

/** The names of all objects of all kinds, but those that come and go by themselves. */
async function names({kubectl}: Stage): Promise<string[]> {
  const resources = await kubectl(['api-resources', '--verbs=list', '--output=name', '--cached=false']);
  const kept = resources
    .trim()
    .split('\n')
    .filter(name => !/^(events|leases|componentstatuses|apiservices)\b/.test(name));
  const format = '{range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{"\\n"}{end}';
  const text = await kubectl(['get', kept.join(','), '--all-namespaces', `--output=jsonpath=${format}`]);
  return text.split('\n').filter(line => line !== '');
}
