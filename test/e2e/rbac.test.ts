/** The operator as its own ServiceAccount: what config/rbac grants is enough, and nothing of it is too much. */
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {leading, type Program, ROOT, startOperator} from '../../dev/programs.ts';
import {LABELS} from '../../src/api/objects.ts';
import {ownLeaseName} from '../../src/config.ts';
import {eventually} from '../support/eventually.ts';
import {namespace, policy, type Stage, setStage, workload} from '../support/stage.ts';

const SYSTEM = 'leasepolicy-system';
const ACCOUNT = `system:serviceaccount:${SYSTEM}:leasepolicy`;

test.serial('the operator needs every verb that it is granted, and no other', async t => {
  t.timeout(240_000);
  const stage = await setUp(t);
  await grantWidgets(stage);
  await populate(stage);
  const first = await stage.start();
  await first.line('leading', leading);
  const second = await stage.start();

  await stage.apply(shopPolicy({prefix: 'shop'}));
  await createsAndAdopts(t, stage);
  await tellsOfFindings(t, stage);
  await renamesWithoutTwoLeaders(t, stage);

  t.is(await first.stop(), 0);
  await second.line('leading', leading);
  await collectsWhatIsLeft(t, stage);
  t.is(await second.stop(), 0);

  const refused = [...first.lines, ...second.lines].filter(line => /forbidden/.test(JSON.stringify(line)));
  t.deepEqual(refused, []);
  await comparesGrants(t, stage);
});

test.serial(
  'a kind that nobody granted is named in the condition, and a labelled ClusterRole heals it',
  async t => {
    t.timeout(180_000);
    const stage = await setUp(t);
    await populate(stage);
    await stage.start();
    await stage.apply(shopPolicy({prefix: 'shop'}));
    const refused = await eventually('the policy is refused', async () => {
      const condition = await acceptance(stage);
      return condition?.status === 'False' && condition;
    });
    t.is(refused.reason, 'KindNotReadable');
    t.regex(refused.message, /widgets\.example\.dev is forbidden/);

    await grantWidgets(stage);
    await eventually('the policy is accepted', async () => (await acceptance(stage))?.status === 'True');
    await eventually('the Widget has its Lease', () => stage.lease('shop', 'shop-widget-gear'));
  },
);

// The chapters of the story.

async function createsAndAdopts(t: ExecutionContext, stage: Stage): Promise<void> {
  const made = ['shop-daemonset-agent', 'shop-deployment-api', 'shop-widget-gear'];
  const names = [...made, 'shop-statefulset-db'].sort();
  await eventually('each workload has its Lease', async () => `${await managedLeases(stage)}` === `${names}`);
  const adopted = await stage.lease('shop', 'shop-statefulset-db');
  t.is(adopted?.metadata.labels?.[LABELS.origin], 'adopted');
  t.is(adopted?.spec?.leaseTransitions, 3, 'the record belongs to its holder');
  await eventually(
    'the registry has the names',
    async () => `${await registeredNames(stage, 'shop')}` === `${names}`,
  );
  t.deepEqual(await registeredNames(stage, 'annex'), []);
}

async function tellsOfFindings(t: ExecutionContext, stage: Stage): Promise<void> {
  const misnamed = async (times: number) => {
    const events = await json<List<{reason: string; count: number; involvedObject: {name: string}}>>(
      stage,
      'events',
      'shop',
    );
    return events.items.some(
      ({reason, count, involvedObject}) =>
        reason === 'MisnamedLease' && involvedObject.name === 'rogue' && count === times,
    );
  };
  await eventually('an Event tells of the misnamed Lease', () => misnamed(1));
  await eventually('status counts it', async () => (await violations(stage)) === 1);
  await stage.apply(shopPolicy({prefix: 'shop', exempt: ['rogue']}));
  await eventually('an exempt Lease is no finding', async () => (await violations(stage)) === 0);
  await stage.apply(shopPolicy({prefix: 'shop'}));
  await eventually('its return is counted on the Event', () => misnamed(2));
  t.pass();
}

async function renamesWithoutTwoLeaders(t: ExecutionContext, stage: Stage): Promise<void> {
  const now = new Date().toISOString().replace('Z', '000Z');
  const held = {leaseDurationSeconds: 60, leaseTransitions: 1, acquireTime: now, renewTime: now};
  await patchLease(stage, 'shop-deployment-api', {...held, holderIdentity: 'api-0'});
  await stage.apply(shopPolicy({prefix: 'store'}));
  await eventually('the new Lease is kept closed', async () => {
    const lease = await stage.lease('shop', 'store-deployment-api');
    return lease?.spec?.holderIdentity === 'leasepolicy-rename_shop-deployment-api';
  });
  t.true((await registeredNames(stage, 'shop')).includes('shop-deployment-api'), 'a held name stays allowed');

  await patchLease(stage, 'shop-deployment-api', {holderIdentity: '', leaseDurationSeconds: 1});
  await eventually('the new Lease is opened', async () => {
    const lease = await stage.lease('shop', 'store-deployment-api');
    return lease?.spec?.holderIdentity === '';
  });
  const left = ['daemonset-agent', 'deployment-api', 'statefulset-db', 'widget-gear'].map(
    each => `store-${each}`,
  );
  await eventually('the old Leases are gone', async () => `${await managedLeases(stage)}` === `${left}`);
}

async function collectsWhatIsLeft(t: ExecutionContext, stage: Stage): Promise<void> {
  const kinds = 'deployments,statefulsets,daemonsets,widgets';
  await stage.kubectl(['delete', kinds, '--all', '--namespace=shop']);
  await eventually('orphaned Leases are deleted', async () => (await managedLeases(stage)).length === 0);
  t.truthy(await stage.lease('shop', 'rogue'), 'what is not ours stays');
  t.like((await stage.registry('shop'))?.retired, {
    'store-deployment-api': {transitions: 1},
    'store-statefulset-db': {transitions: 3},
  });
  await stage.kubectl(['delete', 'leasepolicy', 'shop']);
  await eventually('the registry of a namespace that nobody governs is deleted', async () => {
    return (await stage.registry('annex')) === undefined;
  });
}

async function comparesGrants(t: ExecutionContext, stage: Stage): Promise<void> {
  t.deepEqual(await refusals(stage), []);
  const requests = await requestsOf(stage);
  const onObjects = requests.filter(each => each.objectRef?.resource !== undefined);
  const used = new Set(onObjects.map(usage));
  const granted = await grants(stage);
  t.true(granted.size > 20);
  t.deepEqual([...used.difference(granted)].sort(), [], 'used, and not granted by config/rbac');
  t.deepEqual([...granted.difference(used)].sort(), [], 'granted, and never used');

  const elsewhere = new Set(requests.filter(each => !each.objectRef?.resource).map(each => each.requestURI));
  t.deepEqual([...elsewhere].sort(), ['/apis/apps/v1', '/apis/example.dev/v1'], 'discovery is for everybody');
  const updated = new Set(onObjects.filter(each => each.verb === 'update').map(each => each.objectRef?.name));
  t.deepEqual([...updated], [ownLeaseName('leasepolicy')]);
  const blind = onObjects
    .filter(each => each.verb === 'delete')
    .filter(({requestObject: {preconditions} = {}}) => !preconditions?.uid || !preconditions.resourceVersion);
  t.deepEqual(
    blind.map(each => each.requestURI),
    [],
    'every deletion carries uid and resourceVersion',
  );
}

// What was asked of the API server, and what may be asked of it.

type Request = {
  stage: string;
  verb: string;
  requestURI: string;
  user: {username: string};
  responseStatus?: {code: number};
  /** Of deletions. */
  requestObject?: {preconditions?: {uid?: string; resourceVersion?: string}};
  objectRef?: {apiGroup?: string; resource?: string; subresource?: string; name?: string};
  annotations?: Record<string, string>;
};
type RoleRef = {kind: string; name: string};
type Binding = {roleRef: RoleRef; subjects?: {kind: string; name: string; namespace?: string}[]};
type Rule = {apiGroups: string[]; resources: string[]; verbs: string[]};

async function requestsOf({cluster}: Stage): Promise<Request[]> {
  const lines = (await readFile(cluster.auditLog ?? '', 'utf8')).split('\n').filter(line => line !== '');
  return lines.map(line => JSON.parse(line) as Request).filter(each => each.user.username === ACCOUNT);
}

async function refusals(stage: Stage): Promise<string[]> {
  const refused = (await requestsOf(stage)).filter(each => each.responseStatus?.code === 403);
  return [...new Set(refused.map(each => `${each.verb} ${each.requestURI}`))];
}

/** One text per verb, resource, and the role by which the API server allowed the request. */
function usage({verb, objectRef, annotations}: Request): string {
  const {apiGroup = '', resource = '', subresource} = objectRef ?? {};
  const reason = annotations?.['authorization.k8s.io/reason'] ?? '';
  const [, kind, name] = / of (\w+) "([^"]+)"/.exec(reason) ?? [];
  return text(verb, apiGroup, subresource ? `${resource}/${subresource}` : resource, {
    kind: kind ?? 'no role',
    name: name ?? '',
  });
}

const text = (verb: string, group: string, resource: string, {kind, name}: RoleRef) =>
  `${verb} ${group || 'core'}/${resource} by ${kind} ${name}`;

/** The same texts, of all rules that the ServiceAccount is bound to by name. */
async function grants(stage: Stage): Promise<Set<string>> {
  const everywhere = await json<List<Binding>>(stage, 'clusterrolebindings');
  const here = await json<List<Binding>>(stage, 'rolebindings', SYSTEM);
  const ours = [...everywhere.items, ...here.items].filter(({subjects = []}) =>
    subjects.some(each => each.name === 'leasepolicy' && each.namespace === SYSTEM),
  );
  const found = new Set<string>();
  for (const {roleRef} of ours) {
    const {rules} = await json<{rules: Rule[]}>(stage, `${roleRef.kind}/${roleRef.name}`, SYSTEM);
    for (const {apiGroups, resources, verbs} of rules)
      for (const group of apiGroups)
        for (const resource of resources)
          for (const verb of verbs) found.add(text(verb, group, resource, roleRef));
  }
  return found;
}

// The stage: a control plane with the installation, and operators outside of it that run as the ServiceAccount.

type List<T> = {items: T[]};

async function setUp(t: ExecutionContext): Promise<Stage & {start: () => Promise<Program>}> {
  const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-rbac-'));
  t.teardown(() => rm(directory, {recursive: true, force: true}));
  const auditPolicy = path.join(directory, 'audit-policy.json');
  await writeFile(auditPolicy, JSON.stringify(AUDIT_POLICY));
  // With the controller manager, which fills in aggregated roles; without a node the Deployment's Pods never run.
  const stage = await setStage(t, {components: 'all', auditPolicy});
  t.teardown(async () => {
    if (!t.passed) t.log('refused:', await refusals(stage));
  });
  await stage.kubectl(['apply', `--kustomize=${path.join(ROOT, 'config', 'default')}`]);
  await stage.apply(WIDGETS);
  await stage.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
  const kubeconfig = path.join(directory, 'kubeconfig.json');
  await writeFile(kubeconfig, await kubeconfigOf(stage));
  let count = 0;
  const start = async () => {
    count += 1;
    const program = await startOperator(kubeconfig, ['--log-level=debug'], `operator-${count}`);
    t.teardown(() => program.stop('SIGKILL'));
    return program;
  };
  return {...stage, start};
}

const AUDIT_POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [
    {level: 'Request', users: [ACCOUNT], verbs: ['delete']},
    {level: 'Metadata', users: [ACCOUNT]},
    {level: 'None'},
  ],
};

async function kubeconfigOf({kubectl}: Stage): Promise<string> {
  const view = await kubectl(['config', 'view', '--raw', '--flatten', '--minify', '--output=json']);
  const create = ['create', 'token', 'leasepolicy', `--namespace=${SYSTEM}`, '--duration=1h'];
  const token = (await kubectl(create)).trim();
  const config = JSON.parse(view);
  config.users[0].user = {token};
  return JSON.stringify(config);
}

// The world in which the story plays.

const WIDGETS = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {name: 'widgets.example.dev'},
  spec: {
    group: 'example.dev',
    scope: 'Namespaced',
    names: {kind: 'Widget', plural: 'widgets', singular: 'widget', listKind: 'WidgetList'},
    versions: [{name: 'v1', served: true, storage: true, schema: {openAPIV3Schema: {type: 'object'}}}],
  },
};

/** As config/rbac/kinds.yaml tells an administrator to do it. */
async function grantWidgets(stage: Stage): Promise<void> {
  await stage.apply({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: {name: 'leasepolicy-kind-widgets', labels: {'leasepolicy.dev/aggregate-to-operator': 'true'}},
    rules: [{apiGroups: ['example.dev'], resources: ['widgets'], verbs: ['get', 'list', 'watch']}],
  });
  const ask = ['auth', 'can-i', 'list', 'widgets.example.dev', '--all-namespaces', `--as=${ACCOUNT}`];
  await eventually('the role is aggregated', async () =>
    (await stage.kubectl(ask, {allowFailure: true})).startsWith('yes'),
  );
}

/** Two namespaces; in one of them four workloads, a Lease with a right name, and one with a wrong name. */
async function populate({apply}: Stage): Promise<void> {
  const now = new Date().toISOString().replace('Z', '000Z');
  const record = {leaseDurationSeconds: 1, leaseTransitions: 3, acquireTime: now, renewTime: now};
  const lease = (name: string, holderIdentity: string) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {namespace: 'shop', name},
    spec: {...record, holderIdentity},
  });
  await apply(
    namespace('shop', {team: 'shop'}),
    namespace('annex', {team: 'shop'}),
    workload('Deployment', 'shop', 'api'),
    workload('StatefulSet', 'shop', 'db'),
    workload('DaemonSet', 'shop', 'agent'),
    {apiVersion: 'example.dev/v1', kind: 'Widget', metadata: {namespace: 'shop', name: 'gear'}},
    lease('shop-statefulset-db', 'db-0_1'),
    lease('rogue', 'rogue_1'),
  );
}

function shopPolicy({prefix, exempt = []}: {prefix: string; exempt?: string[]}): object {
  const kinds = ['Deployment', 'StatefulSet', 'DaemonSet'].map(kind => ({kind}));
  return policy('shop', {
    subjects: {
      workloads: {
        kinds: [...kinds, {apiVersion: 'example.dev/v1', kind: 'Widget'}],
        namespaceSelector: {matchLabels: {team: 'shop'}},
      },
    },
    naming: {prefix, template: '{prefix}-{kind}-{name}'},
    lease: {durationSeconds: 1},
    enforcement: {exempt: exempt.map(name => ({namespace: 'shop', name, reason: 'a test'}))},
    garbageCollection: {ttlSeconds: 1, maxPercent: 100},
  });
}

// Words for kubectl.

async function json<T>({kubectl}: Stage, what: string, namespaceName = 'shop'): Promise<T> {
  return JSON.parse(await kubectl(['get', what, `--namespace=${namespaceName}`, '--output=json']));
}

async function managedLeases({leases}: Stage): Promise<string[]> {
  const all = await leases('shop');
  return all.filter(each => each.metadata.labels?.[LABELS.origin]).map(each => each.metadata.name);
}

async function patchLease({kubectl}: Stage, name: string, spec: object): Promise<void> {
  const patch = `--patch=${JSON.stringify({spec})}`;
  await kubectl(['patch', 'lease', name, '--namespace=shop', '--type=merge', patch]);
}

async function registeredNames({registry}: Stage, namespaceName: string): Promise<string[]> {
  return Object.keys((await registry(namespaceName))?.names ?? {}).sort();
}

async function acceptance({status}: Stage) {
  return (await status('shop'))?.conditions.find(each => each.type === 'Accepted');
}

const violations = async ({status}: Stage) => (await status('shop'))?.violations;
