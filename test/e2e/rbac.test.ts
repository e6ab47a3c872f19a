/** The operator as its own ServiceAccount: what config/rbac grants is enough, and nothing of it is too much. */
import {mkdir, mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout} from 'node:timers/promises';
import test, {type ExecutionContext} from 'ava';
import {leading, type Program, ROOT, startOperator} from '../../dev/programs.ts';
import {LABELS, RENDERED_KINDS} from '../../src/api/objects.ts';
import {ownLeaseName} from '../../src/config.ts';
import {eventually} from '../support/eventually.ts';
import {namespace, policy, type Stage, setStage, workload} from '../support/stage.ts';
import {heartbeat, systemPolicy} from '../support/system.ts';

const DEFAULT = path.join(ROOT, 'config', 'default');
const ACCESS = path.join(ROOT, 'config', 'rbac', 'access.yaml');
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
  await enforcesAndRepairs(t, stage);
  await renamesWithoutTwoLeaders(t, stage);
  await turnsPartsOff(t, stage);

  t.is(await first.stop(), 0);
  await second.line('leading', leading);
  await collectsWhatIsLeft(t, stage);
  await collectsOfNodes(stage);
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

test.serial('without the right to grant, everything but access.grant works', async t => {
  t.timeout(180_000);
  const stage = await setUp(t, {mayGrant: false});
  await grantWidgets(stage);
  await populate(stage);
  const operator = await stage.start();
  await stage.apply(shopPolicy({prefix: 'shop', strict: true}));
  await eventually('not all is enforced', async () => (await enforcement(stage))?.status === 'False');
  await eventually('each workload has its Lease', async () => `${await managedLeases(stage)}` === `${MADE}`);
  await eventually('names are enforced', () => refusesIntruder(stage));
  t.deepEqual(
    [...new Set((await ourObjects(stage)).map(each => each.kind))].sort(),
    RENDERED.filter(kind => !kind.startsWith('Role')).sort(),
  );
  await eventually('its own Role is enough for its election', async () =>
    (await requestsOf(stage)).flatMap(usages).includes(RENEWS_ITS_OWN),
  );

  await stage.kubectl(['apply', '--filename', ACCESS]);
  await eventually('it is enforced', async () => (await enforcement(stage))?.status === 'True');
  await eventually('each Lease has its grant', async () => (await grantsMade(stage)) === 2 * MADE.length);

  // The first step of an uninstallation.
  await stage.kubectl(['delete', 'leasepolicies', '--all']);
  await eventually('nothing of the policy is left', async () => (await ourObjects(stage)).length === 0);
  t.is((await managedLeases(stage)).length, MADE.length, 'Leases stay');
  t.is(await operator.stop(), 0);
});

test.serial('without the right to grant, the operator says so and does not try', async t => {
  t.timeout(120_000);
  const stage = await setUp(t, {mayGrant: false});
  await grantWidgets(stage);
  await populate(stage);
  await stage.start();
  await stage.apply(shopPolicy({prefix: 'shop'}));
  await eventually('the policy says what is not enforced', () => lacksAccess(stage));
  for (const _ of Array(10)) {
    await setTimeout(500);
    t.true(await lacksAccess(stage), JSON.stringify(await enforcement(stage)));
  }
  const writes = (await refusals(stage)).filter(each => !/^(list|watch) /.test(each));
  t.deepEqual(writes, []);
});

test.serial('a right to grant that was taken and given back heals', async t => {
  t.timeout(120_000);
  const stage = await setUp(t);
  await grantWidgets(stage);
  await populate(stage);
  await stage.start();
  await stage.apply(shopPolicy({prefix: 'shop'}));
  await eventually('each Lease has its grant', async () => (await grantsMade(stage)) === 2 * MADE.length);
  await eventually('it is enforced', async () => (await enforcement(stage))?.status === 'True');

  await stage.kubectl(['delete', '--filename', ACCESS]);
  await stage.kubectl(['delete', 'role', 'leasepolicy-shop-deployment-api', '--namespace=shop']);
  await eventually('the policy says so', async () => (await enforcement(stage))?.status === 'False');
  await stage.kubectl(['apply', '--filename', ACCESS]);
  await eventually('the grant is back', async () => (await grantsMade(stage)) === 2 * MADE.length);
  await eventually('it is enforced again', async () => (await enforcement(stage))?.status === 'True');
  t.pass();
});

test.serial('in coordinated election every verb on candidates is used, and no other', async t => {
  t.timeout(120_000);
  const stage = await setUp(t, {coordinated: true});
  await grantWidgets(stage);
  const operator = await stage.start('--leader-election=coordinated');
  await operator.line('leading', leading);
  const kubectl = (...args: string[]) => stage.kubectl([...args, '--namespace', SYSTEM]);
  const [candidate = ''] = (await kubectl('get', 'leasecandidates', '--output=name')).trim().split('\n');
  await kubectl(
    'patch',
    candidate,
    '--type=merge',
    `--patch=${JSON.stringify({spec: {pingTime: microTime()}})}`,
  );
  await kubectl('delete', candidate);
  await eventually('it stands again', () => kubectl('get', candidate));
  t.is(await operator.stop(), 0);

  const aboutCandidates = (texts: string[]) => texts.filter(each => /leasecandidates/.test(each)).sort();
  const used = new Set((await requestsOf(stage)).flatMap(usages));
  t.deepEqual(aboutCandidates([...used]), CANDIDACY.toSorted());
  t.deepEqual(aboutCandidates([...(await grants(stage))]), CANDIDACY.toSorted());
  t.deepEqual(await refusals(stage), []);
  t.deepEqual(
    operator.lines.filter(line => /leader election/.test(String(line.message))),
    [],
  );
});

test.serial(
  'two rights are never used by a request, and the API server asks for them all the same',
  async t => {
    t.timeout(120_000);
    const stage = await setStage(t);
    await stage.kubectl(['apply', `--kustomize=${DEFAULT}`]);
    const apply = ['apply', '--server-side', '--dry-run=server', `--as=${ACCOUNT}`, '--filename=-'];
    const refused = (object: object) => refusalOf(stage, apply, object);
    await eventually('the operator may grant', async () => (await refused(GRANT)) === '');
    t.is(await refused(CHECK), '');

    await withdraw(stage, 'leasepolicy-operator-access', 'leases', 'update');
    const grant = await eventually('the Role is refused', async () => (await refused(GRANT)) || undefined);
    t.regex(grant, /attempting to grant RBAC permissions not currently held/);
    t.regex(grant, /ResourceNames:\["shop-deployment-api"\], Verbs:\["update"\]/);

    await withdraw(stage, 'leasepolicy-operator', 'leaseregistries', 'get');
    const check = await eventually('the policy is refused', async () => (await refused(CHECK)) || undefined);
    t.regex(
      check,
      /must have "get" permission on all objects of the referenced paramKind \(kind=LeaseRegistry/,
    );
  },
);

test.serial('who edits a namespace can not widen what is allowed there', async t => {
  t.timeout(180_000);
  const stage = await setUp(t);
  await populate(stage);
  await grantWidgets(stage);
  const operator = await stage.start();
  await stage.apply(shopPolicy({prefix: 'shop', strict: true}));
  await eventually('all is in force', async () => (await enforcement(stage))?.status === 'True');
  await eventually(
    'names are registered',
    async () => (await registeredNames(stage, 'shop')).length === MADE.length,
  );

  for (const role of ['edit', 'admin']) {
    await stage.kubectl(['create', 'serviceaccount', role, '--namespace=shop']);
    const subject = [`--clusterrole=${role}`, `--serviceaccount=shop:${role}`];
    await stage.kubectl(['create', 'rolebinding', role, ...subject, '--namespace=shop']);
    const user = `--as=system:serviceaccount:shop:${role}`;
    const registry = 'leaseregistries.leasepolicy.dev';
    await eventually(`${role} may read`, () => may(stage, user, 'get', registry));
    const read = await stage.kubectl(['get', registry, 'leases', '--namespace=shop', user, '--output=name']);
    t.is(read.trim(), 'leaseregistry.leasepolicy.dev/leases');
    for (const resource of [registry, ...TO_CLUSTER_ADMINS])
      for (const verb of ['create', 'update', 'patch', 'delete', 'deletecollection'])
        t.false(await may(stage, user, verb, resource), `${role} may not ${verb} ${resource}`);
    await triesAll(t, stage, user);
  }
  t.true((await ourObjects(stage)).length > 0);
  t.deepEqual(await registeredNames(stage, 'shop'), MADE);
  t.is(await operator.stop(), 0);
});

/** What a namespace's people might try. */
async function triesAll(t: ExecutionContext, stage: Stage, user: string): Promise<void> {
  const widened = {spec: {exempt: ['intruder']}};
  const merge = (what: object) => ['--type=merge', `--patch=${JSON.stringify(what)}`];
  const here = ['--namespace=shop', user];
  const forged = {apiVersion: 'leasepolicy.dev/v1alpha1', kind: 'LeaseRegistry', metadata: {name: 'leases'}};
  const loose = {spec: {enforcement: {names: 'Audit'}}};
  const binding = 'validatingadmissionpolicybinding/leasepolicy-names-shop';
  const attempts: [string[], object?][] = [
    [['patch', 'leaseregistry', 'leases', ...merge(widened), ...here]],
    [['delete', 'leaseregistry', 'leases', ...here]],
    [['create', '--filename=-', ...here], {...forged, ...widened}],
    [['replace', '--filename=-', ...here], {...forged, ...widened}],
    [['patch', 'leasepolicy', 'shop', ...merge(loose), user]],
    [['patch', 'leasepolicy', 'shop', '--subresource=status', ...merge({status: {violations: 0}}), user]],
    [['delete', 'leasepolicy', 'shop', user]],
    [['patch', ...binding.split('/'), ...merge({spec: {validationActions: ['Warn']}}), user]],
    [['delete', binding, user]],
    [['delete', 'mutatingadmissionpolicybinding', '--all', user]],
  ];
  for (const [args, input] of attempts)
    t.regex(await refusalOf(stage, args, input), /\(Forbidden\)|is forbidden/, args.join(' '));
  const intruder = leaseObject('intruder', 'intruder_1');
  t.regex(
    await refusalOf(stage, ['create', '--filename=-', user], intruder),
    /no policy allows Lease intruder/,
  );
}

// The chapters of the story.

async function createsAndAdopts(t: ExecutionContext, stage: Stage): Promise<void> {
  await eventually('each workload has its Lease', async () => `${await managedLeases(stage)}` === `${MADE}`);
  const adopted = await stage.lease('shop', 'shop-statefulset-db');
  t.is(adopted?.metadata.labels?.[LABELS.origin], 'adopted');
  t.is(adopted?.spec?.leaseTransitions, 3, 'the record belongs to its holder');
  await eventually(
    'the registry has the names',
    async () => `${await registeredNames(stage, 'shop')}` === `${MADE}`,
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
  await eventually('status tells of it', async () => (await misnamedInStatus(stage)) === 1);
  await stage.apply(shopPolicy({prefix: 'shop', exempt: ['rogue']}));
  await eventually('an exempt Lease is no finding', async () => (await misnamedInStatus(stage)) === 0);
  await stage.apply(shopPolicy({prefix: 'shop'}));
  await eventually('its return is counted on the Event', () => misnamed(2));
  t.pass();
}

/** What is rendered was made when the policy came; now all six kinds are written once more. */
async function enforcesAndRepairs(t: ExecutionContext, stage: Stage): Promise<void> {
  await eventually('all is in force', async () => (await enforcement(stage))?.status === 'True');
  const made = await ourObjects(stage);
  t.deepEqual([...new Set(made.map(each => each.kind))].sort(), [...RENDERED].sort());

  await stage.apply(shopPolicy({prefix: 'shop', strict: true}));
  await edit(stage, 'role', {rules: []});
  await edit(stage, 'rolebinding', {subjects: []});
  await eventually('every kind was patched', async () => {
    const patches = (await requestsOf(stage)).filter(
      ({verb, responseStatus}) => verb === 'patch' && responseStatus?.code === 200,
    );
    const patched = new Set(patches.map(each => each.objectRef?.resource ?? ''));
    return Object.values(RENDERED_KINDS).every(({plural}) => patched.has(plural));
  });
  await eventually('all is in force again', async () => (await enforcement(stage))?.status === 'True');
  await eventually('names are enforced', () => refusesIntruder(stage));
}

async function turnsPartsOff(t: ExecutionContext, stage: Stage): Promise<void> {
  await stage.apply(shopPolicy({prefix: 'store', parts: false}));
  const left = [
    'leasepolicy-durations-shop',
    'leasepolicy-durations.create-shop',
    'leasepolicy-durations.unlabelled-shop',
    'leasepolicy-names-shop',
  ];
  await eventually('only checks of names and durations are left', async () => {
    const objects = await ourObjects(stage);
    return `${[...new Set(objects.map(each => each.metadata.name))].sort()}` === `${left}`;
  });
  const deleted = (await requestsOf(stage)).filter(({verb}) => verb === 'delete');
  const resources = new Set(deleted.map(each => each.objectRef?.resource ?? ''));
  for (const {plural} of Object.values(RENDERED_KINDS)) t.true(resources.has(plural), plural);
}

async function renamesWithoutTwoLeaders(t: ExecutionContext, stage: Stage): Promise<void> {
  const now = microTime();
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
  await eventually('nothing of the policy is enforced', async () => (await ourObjects(stage)).length === 0);
}

/** What a node leaves behind, that was gone before kwok could take its Lease. */
async function collectsOfNodes(stage: Stage): Promise<void> {
  await stage.apply(heartbeat('gone', 1));
  const mode = {mode: 'All', ttlSeconds: 1, maxPercent: 100};
  await stage.apply(systemPolicy('nodes', {nodes: {selector: {}}}, mode));
  const isGone = async () => (await stage.lease('kube-node-lease', 'gone')) === undefined;
  await eventually('the heartbeat of the node that is gone is deleted', isGone, 60_000);
}

async function comparesGrants(t: ExecutionContext, stage: Stage): Promise<void> {
  t.deepEqual(await refusals(stage), []);
  const requests = await requestsOf(stage);
  const onObjects = requests.filter(each => each.objectRef?.resource !== undefined);
  const used = new Set(onObjects.flatMap(usages));
  const granted = await grants(stage);
  t.true(granted.size > 40);
  t.deepEqual([...used.difference(granted)].sort(), [FOR_EVERYBODY], 'used, and not granted by config/rbac');
  t.deepEqual([...granted.difference(used)].sort(), [...NEVER_ASKED].sort(), 'granted, and never used');

  const elsewhere = new Set(requests.filter(each => !each.objectRef?.resource).map(each => each.requestURI));
  const discovered = ['admissionregistration.k8s.io', 'apps', 'example.dev', 'rbac.authorization.k8s.io'];
  t.deepEqual(
    [...elsewhere].sort(),
    [...discovered.map(group => `/apis/${group}/v1`), '/apis/coordination.k8s.io/v1beta1'].sort(),
    'discovery is for everybody',
  );
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

/** The operator asks who it is. */
const FOR_EVERYBODY = 'create authentication.k8s.io/selfsubjectreviews by ClusterRole system:basic-user';

/** The right to update all Leases, which is there to be granted on, covers this one; without it this is used. */
const RENEWS_ITS_OWN = 'update coordination.k8s.io/leases by Role leasepolicy-election';

/** Only where the API server serves candidates, and to write them for --leader-election=coordinated alone. */
const CANDIDACY = [
  ...['create', 'delete', 'update'].map(
    verb => `${verb} coordination.k8s.io/leasecandidates by Role leasepolicy-election`,
  ),
  // Also to tell of candidates of others, where the API server serves them.
  ...['list', 'watch'].map(
    verb => `${verb} coordination.k8s.io/leasecandidates by ClusterRole leasepolicy-operator`,
  ),
];

/** Granted, and not to be seen in the audit log; other tests here prove that they are needed. */
const NEVER_ASKED = [
  ...CANDIDACY,
  RENEWS_ITS_OWN,
  'get leasepolicy.dev/leaseregistries by ClusterRole leasepolicy-operator',
];

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

/**
 * One text per verb, resource, and the role by which the API server allowed the request. A patch that makes an object
 * was also asked for create, of which the audit log tells nothing.
 */
function usages({verb, objectRef, annotations, responseStatus}: Request): string[] {
  const {apiGroup = '', resource = '', subresource} = objectRef ?? {};
  const reason = annotations?.['authorization.k8s.io/reason'] ?? '';
  const [, kind = 'no role', name = ''] = / of (\w+) "([^"]+)"/.exec(reason) ?? [];
  const verbs = verb === 'patch' && responseStatus?.code === 201 ? ['patch', 'create'] : [verb];
  const what = subresource ? `${resource}/${subresource}` : resource;
  return verbs.map(each => text(each, apiGroup, what, {kind, name}));
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

async function setUp(
  t: ExecutionContext,
  {mayGrant = true, coordinated = false} = {},
): Promise<Stage & {start: (...flags: string[]) => Promise<Program>}> {
  const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-rbac-'));
  t.teardown(() => rm(directory, {recursive: true, force: true}));
  const auditPolicy = path.join(directory, 'audit-policy.json');
  await writeFile(auditPolicy, JSON.stringify(AUDIT_POLICY));
  // With the controller manager, which fills in aggregated roles; without a node the Deployment's Pods never run.
  const stage = await setStage(t, {components: 'all', auditPolicy, coordinated});
  t.teardown(async () => {
    if (!t.passed) t.log('refused:', await refusals(stage));
  });
  await stage.kubectl(['apply', `--kustomize=${mayGrant ? DEFAULT : await withoutAccess(directory)}`]);
  await stage.apply(WIDGETS);
  await stage.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
  const kubeconfig = path.join(directory, 'kubeconfig.json');
  await writeFile(kubeconfig, await kubeconfigOf(stage));
  let count = 0;
  const start = async (...flags: string[]) => {
    count += 1;
    const fixed = ['--log-level=debug', '--installation=leasepolicy-operator'];
    const program = await startOperator(kubeconfig, [...fixed, ...flags], `operator-${count}`);
    t.teardown(() => program.stop('SIGKILL'));
    return program;
  };
  return {...stage, start};
}

/** As docs/install.md says it, in a kustomization of one's own. */
async function withoutAccess(directory: string): Promise<string> {
  const folder = path.join(directory, 'without-access');
  await mkdir(folder);
  const removed = ['ClusterRole', 'ClusterRoleBinding'].map(kind => ({
    patch: JSON.stringify({
      $patch: 'delete',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind,
      metadata: {name: 'leasepolicy-operator-access'},
    }),
  }));
  const content = {resources: [path.relative(folder, DEFAULT)], patches: removed};
  await writeFile(path.join(folder, 'kustomization.yaml'), JSON.stringify(content));
  return folder;
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
  await apply(
    namespace('shop', {team: 'shop'}),
    namespace('annex', {team: 'shop'}),
    workload('Deployment', 'shop', 'api'),
    workload('StatefulSet', 'shop', 'db'),
    workload('DaemonSet', 'shop', 'agent'),
    {apiVersion: 'example.dev/v1', kind: 'Widget', metadata: {namespace: 'shop', name: 'gear'}},
    leaseObject('shop-statefulset-db', 'db-0_1'),
    leaseObject('rogue', 'rogue_1'),
  );
}

/** The Leases of these workloads. */
const MADE = ['shop-daemonset-agent', 'shop-deployment-api', 'shop-statefulset-db', 'shop-widget-gear'];

const microTime = () => new Date().toISOString().replace('Z', '000Z');

function leaseObject(name: string, holderIdentity: string) {
  const now = microTime();
  const record = {leaseDurationSeconds: 1, leaseTransitions: 3, acquireTime: now, renewTime: now};
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {namespace: 'shop', name},
    spec: {...record, holderIdentity},
  };
}

type ShopPolicy = {
  prefix: string;
  exempt?: string[];
  /** Says other things in each kind of object that is rendered from a policy alone. */
  strict?: boolean;
  /** Whether holders, access and injection are on. */
  parts?: boolean;
};

function shopPolicy({prefix, exempt = [], strict = false, parts = true}: ShopPolicy): object {
  const kinds = ['Deployment', 'StatefulSet', 'DaemonSet'].map(kind => ({kind}));
  const selected = strict
    ? {matchExpressions: [{key: 'team', operator: 'In' as const, values: ['shop']}]}
    : {matchLabels: {team: 'shop'}};
  return policy('shop', {
    subjects: {
      workloads: {
        kinds: [...kinds, {apiVersion: 'example.dev/v1', kind: 'Widget'}],
        namespaceSelector: selected,
      },
    },
    naming: {prefix, template: '{prefix}-{kind}-{name}'},
    lease: {durationSeconds: 1},
    access: {grant: parts ? 'ServiceAccount' : 'None'},
    injection: {mode: parts ? 'Env' : 'None', nameEnv: strict ? 'MY_LEASE' : 'LEASE_NAME'},
    enforcement: {
      names: strict ? 'Deny' : 'Audit',
      holders: parts ? 'Deny' : 'Off',
      exempt: exempt.map(name => ({namespace: 'shop', name, reason: 'a test'})),
    },
    garbageCollection: {ttlSeconds: 1, maxPercent: 100},
  });
}

/** A Role as the operator renders it. */
const GRANT = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'Role',
  metadata: {namespace: 'default', name: 'leasepolicy-shop-deployment-api'},
  rules: [
    {
      apiGroups: ['coordination.k8s.io'],
      resources: ['leases'],
      resourceNames: ['shop-deployment-api'],
      verbs: ['get', 'watch', 'update', 'patch'],
    },
  ],
};

/** An admission policy that has the registry as its parameter, as all that are rendered have. */
const CHECK = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: {name: 'leasepolicy-names-shop'},
  spec: {
    paramKind: {apiVersion: 'leasepolicy.dev/v1alpha1', kind: 'LeaseRegistry'},
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: ['coordination.k8s.io'],
          apiVersions: ['*'],
          operations: ['CREATE'],
          resources: ['leases'],
        },
      ],
    },
    validations: [{expression: 'object.metadata.name in params.spec.names'}],
  },
};

/** What only those may write who rule over all namespaces. */
const TO_CLUSTER_ADMINS = [
  'leasepolicies.leasepolicy.dev',
  ...Object.values(RENDERED_KINDS)
    .filter(({group}) => group === 'admissionregistration.k8s.io')
    .map(({group, plural}) => `${plural}.${group}`),
];

// Words for kubectl.

/** The answer of `kubectl auth can-i`, which exits with 1 for no. */
async function may({kubectl}: Stage, user: string, verb: string, resource: string): Promise<boolean> {
  const args = ['auth', 'can-i', verb, resource, '--namespace=shop', user];
  return (await kubectl(args, {allowFailure: true})).trim() === 'yes';
}

/** Takes one verb on one resource out of a ClusterRole. */
async function withdraw(stage: Stage, role: string, resource: string, verb: string): Promise<void> {
  const {rules} = await json<{rules: Rule[]}>(stage, `clusterrole/${role}`);
  const left = rules.map(rule =>
    rule.resources.includes(resource) ? {...rule, verbs: rule.verbs.filter(each => each !== verb)} : rule,
  );
  const patch = {rules: left.filter(({verbs}) => verbs.length > 0)};
  await stage.kubectl(['patch', 'clusterrole', role, '--type=merge', `--patch=${JSON.stringify(patch)}`]);
}

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

async function misnamedInStatus({status}: Stage) {
  return (await status('shop'))?.findings.filter(each => each.reason === 'MisnamedLease').length;
}

async function enforcement({status}: Stage) {
  return (await status('shop'))?.conditions.find(each => each.type === 'Enforced');
}

/** Whether the policy says that of what it asks for, access alone is not enforced, because of the missing right. */
async function lacksAccess(stage: Stage): Promise<boolean> {
  const {status, reason, message = ''} = (await enforcement(stage)) ?? {};
  const says =
    /^access not looked after: .*roles\.rbac\.authorization\.k8s\.io is forbidden.*everything else is in force$/;
  return status === 'False' && reason === 'KindNotReadable' && says.test(message);
}

/** How many Roles and RoleBindings there are of ours. */
async function grantsMade(stage: Stage): Promise<number> {
  return (await ourObjects(stage)).filter(each => each.kind.startsWith('Role')).length;
}

const RENDERED = Object.keys(RENDERED_KINDS);

type Manifest = {kind: string; metadata: {name: string; uid: string}};

/** All that is rendered from policies, in all namespaces. */
async function ourObjects({kubectl}: Stage): Promise<Manifest[]> {
  const kinds = Object.values(RENDERED_KINDS).map(({group, plural}) => `${plural}.${group}`);
  const selector = `--selector=${LABELS.managedBy}=leasepolicy`;
  const answer = await kubectl(['get', kinds.join(','), '-A', selector, '--output=json']);
  return (JSON.parse(answer) as List<Manifest>).items;
}

/** Changes the Role, or its binding, of the Deployment's Lease, as somebody might who means to take it away. */
async function edit({kubectl}: Stage, kind: 'role' | 'rolebinding', change: object): Promise<void> {
  const patch = ['--type=merge', `--patch=${JSON.stringify(change)}`];
  await kubectl(['patch', kind, 'leasepolicy-shop-deployment-api', '--namespace=shop', ...patch]);
}

/** What the API server says when it refuses, else nothing. */
async function refusalOf({kubectl}: Stage, args: string[], input?: object): Promise<string> {
  try {
    await kubectl(args, input ? {input: JSON.stringify(input)} : {});
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

/** Whether a Lease that no policy allows is refused, also to a cluster admin. */
async function refusesIntruder(stage: Stage): Promise<boolean> {
  const refusal = await refusalOf(stage, ['create', '--filename=-'], leaseObject('intruder', 'intruder_1'));
  return refusal.includes('no policy allows Lease intruder');
}
