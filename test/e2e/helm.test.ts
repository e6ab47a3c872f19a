/** The chart on a real control plane, with the real helm: what a release brings, may do, and leaves. */
import {cp, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {startCluster} from '../../dev/controlplane/cluster.ts';
import {run} from '../../dev/controlplane/process.ts';
import {type Program, ROOT} from '../../dev/programs.ts';
import {ownLeaseName} from '../../src/config.ts';
import {accountsOf, startLeaderAs} from '../support/accounts.ts';
import {call} from '../support/command.ts';
import {eventually} from '../support/eventually.ts';
import {
  ALL_PARTS,
  CHART,
  helm,
  helmPrints,
  type Manifest,
  type Release,
  releaseFlags,
  settingsOf,
  template,
} from '../support/helm.ts';
import {everything, lines} from '../support/inventory.ts';
import {productChart} from '../support/lease-name-chart.ts';
import {deployment, namespace, policy, type Stage, stageOn} from '../support/stage.ts';

const SYSTEM = 'leasepolicy-system';
const WAIT = ['--wait', '--timeout=90s'];

test.serial(
  'a release runs restricted Pods, does its work with its own rights, and brings a new CRD when it is upgraded',
  async t => {
    t.timeout(300_000);
    const stage = await setUp(t, 'all');
    await stage.apply(namespace(SYSTEM, {'pod-security.kubernetes.io/enforce': 'restricted'}), SHOP);
    const notes = await install(stage, {set: {'systemPolicies.enabled': true}}, ...WAIT);
    t.regex(notes, /kubectl rollout status deployment\/leasepolicy -n leasepolicy-system/);
    t.regex(notes, /The system policies come with the next upgrade/);
    t.notRegex(notes, /kubectl label namespace/, 'the namespace is restricted already');
    t.is(await runningPods(stage), 2);

    const operator = await operatorOf(t, stage);
    await stage.apply(STRICT);
    await inForce(stage);
    await worksForAProduct(t, stage);
    await eventually('a plan finds nothing to do', () => plansNothing(stage), 60_000);

    const {metadata} = await object(stage, 'leasepolicy/strict');
    const upgrade = releaseFlags({chart: await nextChart(t), set: {'systemPolicies.enabled': true}});
    await helmPrints(['upgrade', ...upgrade, ...WAIT], stage.cluster.kubeconfig);
    t.is(
      (await object(stage, 'crd/leasepolicies.leasepolicy.dev')).metadata.labels?.['helm.sh/chart'],
      'leasepolicy-0.2.0',
    );
    const explained = await stage.kubectl(['explain', 'leasepolicy.spec.naming.prefix']);
    t.regex(explained, /In the next release the product/);
    t.is((await object(stage, 'leasepolicy/strict')).metadata.uid, metadata.uid, 'policies are as they were');
    for (const name of ['nodes', 'api-servers', 'control-plane'])
      await eventually(`policy ${name} is in force`, async () =>
        (await stage.status(name))?.conditions.some(each => each.type === 'Ready' && each.status === 'True'),
      );
    t.is(await operator.stop(), 0);
    t.deepEqual(forbidden(operator), []);
  },
);

test.serial(
  'an uninstallation leaves policies and Leases, and nothing in force; a release of that name takes them up again',
  async t => {
    t.timeout(300_000);
    const stage = await setUp(t, 'all');
    await stage.apply(namespace(SYSTEM), SHOP);
    const before = await everything(stage.cluster);
    const notes = await install(stage);
    t.regex(
      notes,
      /kubectl label namespace leasepolicy-system pod-security\.kubernetes\.io\/enforce=restricted/,
    );
    const doctor = await call(['doctor', `--kubeconfig=${stage.cluster.kubeconfig}`]);
    t.regex(
      doctor.stdout,
      /^fail +leader +no operator has ever led in leasepolicy-system: look at kubectl logs /m,
    );
    const operator = await operatorOf(t, stage);
    await stage.apply(STRICT, deployment('shop', 'api'));
    await inForce(stage);
    await eventually('the workload has its Lease', () => stage.lease('shop', 'strict-14c2529eb4'));

    const byHand = await call(['uninstall', '--yes', `--kubeconfig=${stage.cluster.kubeconfig}`]);
    t.regex(byHand.stderr, /nothing was changed, .*: run helm uninstall leasepolicy -n leasepolicy-system/);

    // The operator runs on, as Pods do for a while.
    const told = await helmPrints(['uninstall', 'leasepolicy', '-n', SYSTEM], stage.cluster.kubeconfig);
    t.regex(told, /kept due to the resource policy/);
    await nothingInForce(stage);
    await operator.stop('SIGKILL');
    t.is(await refusal(stage), '');
    t.deepEqual(await bindings(stage), []);
    await podsStart(stage);
    const left = (await everything(stage.cluster)).filter(each => !before.includes(each));
    t.deepEqual(left.filter(each => !IN_SHOP.test(each)).toSorted(), LEFT);

    await install(stage);
    const next = await operatorOf(t, stage);
    await inForce(stage);
    t.is(await next.stop(), 0);

    await removeForGood(stage);
    t.deepEqual(
      (await everything(stage.cluster)).filter(each => !before.includes(each) && !IN_SHOP.test(each)),
      [],
    );
  },
);

test.serial('an uninstallation without any operator leaves nothing in force', async t => {
  t.timeout(180_000);
  const stage = await setUp(t, 'all');
  await stage.apply(namespace(SYSTEM), SHOP);
  await install(stage);
  const operator = await operatorOf(t, stage);
  await stage.apply(STRICT);
  await inForce(stage);
  await operator.stop('SIGKILL');
  t.true((await bindings(stage)).length > 4);

  await helmPrints(['uninstall', 'leasepolicy', '-n', SYSTEM], stage.cluster.kubeconfig);
  await nothingInForce(stage);
  t.truthy(await object(stage, 'leasepolicy/strict'));
});

test.serial('a cluster takes one release, and says why not two', async t => {
  t.timeout(120_000);
  const stage = await setUp(t, 'api');
  await stage.apply(namespace('a'), namespace('b'));
  await install(stage, {release: 'lp', namespace: 'a'});
  const sentence =
    /this cluster has a LeasePolicy operator already, the release lp in namespace a, and two would undo each other's admission policies: upgrade that one \(helm upgrade lp -n a\), or uninstall it first/;
  for (const other of [
    {release: 'lp', namespace: 'b'},
    {release: 'locks', namespace: 'a'},
  ]) {
    const {code, stderr} = await helm(['install', ...releaseFlags(other)], stage.cluster.kubeconfig);
    t.not(code, 0);
    t.regex(stderr, sentence);
  }
  t.is((await stage.kubectl(['get', 'deployments', '-n', 'b', '-o', 'name'])).trim(), '');

  const again = releaseFlags({release: 'lp', namespace: 'a', set: {replicas: 3}});
  await helmPrints(['upgrade', ...again], stage.cluster.kubeconfig);
  t.is((await object(stage, 'deployment/lp-leasepolicy', 'a')).spec.replicas, 3);
});

test.serial('an installation by kubectl is refused, and can be taken over', async t => {
  t.timeout(120_000);
  const stage = await setUp(t, 'api');
  await stage.kubectl(['apply', '--kustomize', path.join(ROOT, 'config', 'default')]);
  await eventually('the CRDs are established', () =>
    stage.kubectl(['wait', '--for=condition=Established', '--timeout=5s', 'crd', '--all']),
  );
  await stage.apply(STRICT);
  const {code, stderr} = await helm(['install', ...releaseFlags()], stage.cluster.kubeconfig);
  t.not(code, 0);
  t.regex(stderr, /exists and cannot be imported into the current release: invalid ownership metadata/);

  const {uid} = (await object(stage, 'clusterrole/leasepolicy-operator')).metadata;
  // What a Deployment selects can't be changed.
  await stage.kubectl(['delete', 'deployment', 'leasepolicy', '-n', SYSTEM]);
  await install(stage, {}, '--take-ownership');
  t.is((await object(stage, 'clusterrole/leasepolicy-operator')).metadata.uid, uid, 'what is in force stays');
  t.truthy(await object(stage, 'leasepolicy/strict'));
  t.truthy(await object(stage, 'deployment/leasepolicy', SYSTEM));
});

test.serial('the API server takes every field of a release with everything on', async t => {
  t.timeout(120_000);
  const stage = await setUp(t, 'api');
  await stage.apply(namespace('ops'));
  await stage.kubectl(['apply', '--filename', path.join(ROOT, 'crds')]);
  await stage.apply(...MONITORING);
  await eventually('the CRDs are established', () =>
    stage.kubectl(['wait', '--for=condition=Established', '--timeout=5s', 'crd', '--all']),
  );
  const everythingOn = {
    release: 'lp',
    namespace: 'ops',
    set: {...ALL_PARTS, ...FURTHER, 'crds.install': false},
  };
  const {stdout} = await template(everythingOn);
  const strictly = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '--filename=-'];
  const taken = lines(await stage.kubectl([...strictly, '-n', 'ops'], {input: stdout}));
  t.true(taken.length > 20);
  t.deepEqual(
    taken.filter(line => !line.endsWith('serverside-applied (server dry run)')),
    [],
  );
  await install(stage, everythingOn);
  t.deepEqual(await stage.kubectl(['get', 'leasepolicies', '-o', 'name']).then(lines), [
    'leasepolicy.leasepolicy.dev/api-servers',
    'leasepolicy.leasepolicy.dev/control-plane',
    'leasepolicy.leasepolicy.dev/nodes',
  ]);
});

// The stage.

async function setUp(t: ExecutionContext, components: 'api' | 'all'): Promise<Stage> {
  const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-helm-'));
  t.teardown(() => rm(directory, {recursive: true, force: true}));
  const nodes = components === 'all' ? {nodes: 2} : {};
  const name = `helm-${process.pid}`;
  const cluster = await startCluster({name, directory, components, report: () => {}, ...nodes});
  t.teardown(() => cluster.stop());
  return stageOn(t, cluster);
}

const install = ({cluster}: Stage, release: Release = {}, ...flags: string[]) =>
  helmPrints(['install', ...releaseFlags(release), ...flags], cluster.kubeconfig);

const object = async ({kubectl}: Stage, what: string, place = 'default') =>
  JSON.parse(await kubectl(['get', what, '-n', place, '-o', 'json'])) as Manifest & {metadata: {uid: string}};

/** The operator with the settings and the token of the release, as one of its Pods has them. */
async function operatorOf(t: ExecutionContext, stage: Stage): Promise<Program> {
  const settings = {
    ...settingsOf([await object(stage, 'deployment/leasepolicy', SYSTEM)]),
    LEASEPOLICY_NAMESPACE: SYSTEM,
  };
  const flags = Object.entries(settings).map(
    ([name, value]) => `${name.replace('LEASEPOLICY_', '--').replaceAll('_', '-').toLowerCase()}=${value}`,
  );
  const account = await (await accountsOf(t, stage))(SYSTEM, 'leasepolicy');
  return startLeaderAs(t, account, ...flags);
}

const forbidden = ({lines: said}: Program) => said.filter(line => /forbidden/.test(JSON.stringify(line)));

/** A chart of the next version, whose CRD says something new. */
async function nextChart(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-next-'));
  t.teardown(() => rm(folder, {recursive: true, force: true}));
  await cp(CHART, folder, {recursive: true});
  await replaceIn(path.join(folder, 'Chart.yaml'), /^version: .*$/m, 'version: 0.2.0');
  const crd = path.join(folder, 'files', 'crds', 'leasepolicies.yaml');
  await replaceIn(crd, /The product: a DNS label/, 'In the next release the product: a DNS label');
  return folder;
}

async function replaceIn(file: string, what: RegExp, by: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const changed = text.replace(what, by);
  if (changed === text) throw new Error(`${file} has nothing like ${what}`);
  await writeFile(file, changed);
}

// What is looked at.

async function runningPods({kubectl}: Stage): Promise<number> {
  const phases = '{range .items[*]}{.status.phase}{"\\n"}{end}';
  const pods = await kubectl(['get', 'pods', '-n', SYSTEM, `--output=jsonpath=${phases}`]);
  return lines(pods).filter(phase => phase === 'Running').length;
}

/** A product that is installed by helm passes the name of its Lease to its program, and finds it there. */
async function worksForAProduct(t: ExecutionContext, stage: Stage): Promise<void> {
  const chart = await productChart(t, 'dependency', {'deployment.yaml': PRODUCT});
  await helmPrints(['install', 'shop-api', chart, '-n', 'shop'], stage.cluster.kubeconfig);
  const {spec} = await object(stage, 'deployment/shop-api', 'shop');
  const [flag = ''] = spec.template.spec.containers[0].args;
  const name = flag.replace('--leader-election-id=', '');
  t.regex(name, /^strict-[0-9a-f]{10}$/);
  const lease = await eventually('the operator has made the Lease', () => stage.lease('shop', name));
  t.is(lease.metadata.annotations?.['leasepolicy.dev/subject'], 'Deployment/shop-api');
  await eventually('its service account may write it', () =>
    stage.kubectl(['get', 'role', `leasepolicy-${name}`, '-n', 'shop']),
  );
}

const PRODUCT = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: {{ .Release.Name }}}
spec:
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
        - name: main
          image: none
          args:
            - --leader-election-id={{ include "leasepolicy.leaseName" (dict "prefix" "strict" "name" .Release.Name) }}
`;

/** By the command line, which has to find out whose the bindings are. */
async function plansNothing({cluster}: Stage): Promise<boolean> {
  const env = {...process.env, KUBECONFIG: cluster.kubeconfig};
  const command = path.join(ROOT, 'dist', 'leasepolicy.mjs');
  const {code, stdout, stderr} = await run(process.execPath, [command, 'plan'], {env});
  if (code !== 0) throw new Error(stdout + stderr);
  return true;
}

async function inForce(stage: Stage): Promise<void> {
  await eventually('the policy is in force', async () => {
    const found = (await stage.status('strict'))?.conditions.find(each => each.type === 'Enforced');
    if (found?.status !== 'True') throw new Error(`${found?.reason}: ${found?.message}`);
    return true;
  });
  await eventually('names are enforced', async () => /no policy allows Lease/.test(await refusal(stage)));
}

async function nothingInForce(stage: Stage): Promise<void> {
  await eventually('no binding is left', async () => (await bindings(stage)).length === 0, 60_000);
  await eventually('a Lease is taken again', async () => (await refusal(stage)) === '');
}

async function bindings({kubectl}: Stage): Promise<string[]> {
  const kinds = 'validatingadmissionpolicybindings,mutatingadmissionpolicybindings';
  const selector = '--selector=app.kubernetes.io/managed-by=leasepolicy';
  return lines(await kubectl(['get', kinds, selector, '--output=name']));
}

/** What the API server says to a Lease that no policy allows, or nothing when it takes it. */
async function refusal({kubectl}: Stage): Promise<string> {
  const lease = {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: {name: 'intruder'}};
  const create = ['create', '--namespace=shop', '--dry-run=server', '--filename=-'];
  try {
    await kubectl(create, {input: JSON.stringify(lease)});
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

/** Pods of a new workload wait for no name any more. */
async function podsStart(stage: Stage): Promise<void> {
  const {spec, ...rest} = deployment('shop', 'late');
  await stage.apply({...rest, spec: {...spec, replicas: 1}});
  await eventually('a Pod has started', () =>
    stage.kubectl(['wait', 'pod', '-l', 'app=late', '-n', 'shop', '--for=condition=Ready', '--timeout=5s']),
  );
}

/** As docs/helm.md says it. */
async function removeForGood(stage: Stage): Promise<void> {
  await stage.kubectl(['delete', 'leasepolicies', '--all']);
  await helmPrints(['uninstall', 'leasepolicy', '-n', SYSTEM], stage.cluster.kubeconfig);
  await eventually('no binding is left', async () => (await bindings(stage)).length === 0, 60_000);
  const crds = ['leasepolicies.leasepolicy.dev', 'leaseregistries.leasepolicy.dev'];
  await stage.kubectl(['delete', 'crd', ...crds]);
  const rest = 'validatingadmissionpolicies,mutatingadmissionpolicies';
  await stage.kubectl(['delete', rest, '-l', 'app.kubernetes.io/managed-by=leasepolicy']);
  await stage.kubectl([
    'delete',
    'roles,rolebindings',
    '-A',
    '-l',
    'app.kubernetes.io/managed-by=leasepolicy',
  ]);
  await stage.kubectl(['delete', 'lease', ownLeaseName('leasepolicy'), '-n', SYSTEM]);
}

// The world in which the stories play.

const SHOP = namespace('shop', {team: 'shop'});

/** What a policy can put into the API server, all of it, and all of it strict. */
const STRICT = policy('strict', {
  subjects: {workloads: {namespaceSelector: {matchLabels: {team: 'shop'}}}},
  naming: {prefix: 'strict'},
  access: {grant: 'ServiceAccount'},
  injection: {mode: 'Env'},
  enforcement: {names: 'Deny', holders: 'Deny'},
});

/** The product's own, and the records and grants that are about it. */
const IN_SHOP = /^[A-Za-z]+\/shop\//;

/** What a release leaves beside that. */
const LEFT = [
  'APIService//v1alpha1.leasepolicy.dev',
  'CustomResourceDefinition//leasepolicies.leasepolicy.dev',
  'CustomResourceDefinition//leaseregistries.leasepolicy.dev',
  'LeasePolicy//strict',
  'MutatingAdmissionPolicy//leasepolicy-pods-strict',
  ...['names', 'pods', 'writes'].map(part => `ValidatingAdmissionPolicy//leasepolicy-${part}-strict`),
];

const FURTHER = {
  commonLabels: {team: 'ops'},
  'image.digest': `sha256:${'0'.repeat(64)}`,
  imagePullSecrets: [{name: 'registry'}],
  'leaderElection.way': 'coordinated',
  'leaderElection.timing': {leaseDurationSeconds: 30, renewDeadlineSeconds: 20.5, retryPeriodSeconds: 4},
  'log.level': 'debug',
  workers: 8,
  catalogue: [{namespace: 'shop', name: 'x', component: 'ours', class: 'data-lock'}],
  'rbac.kinds': [{apiGroup: 'argoproj.io', resources: ['rollouts']}],
  'serviceAccount.annotations': {role: 'arn'},
  'podDisruptionBudget.maxUnavailable': '50%',
  tolerations: [{operator: 'Exists'}],
  nodeSelector: {'kubernetes.io/os': 'linux'},
  topologySpreadConstraints: [{maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway'}],
  priorityClassName: 'system-cluster-critical',
  podAnnotations: {a: 'b'},
  podLabels: {a: 'b'},
};

/** The kinds of the Prometheus operator, by their names alone. */
const MONITORING = ['ServiceMonitor', 'PrometheusRule'].map(kind => {
  const plural = `${kind.toLowerCase()}s`;
  const openAPIV3Schema = {type: 'object', 'x-kubernetes-preserve-unknown-fields': true};
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: {name: `${plural}.monitoring.coreos.com`},
    spec: {
      group: 'monitoring.coreos.com',
      scope: 'Namespaced',
      names: {kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List`},
      versions: [{name: 'v1', served: true, storage: true, schema: {openAPIV3Schema}}],
    },
  };
});
