/** Access: a workload may do to its one Lease what a candidate does, and nothing else, as long as both are there. */
import test, {type ExecutionContext} from 'ava';
import {leads} from '../../dev/programs.ts';
import {
  type Account,
  type Answer,
  accountsOf,
  clusterRoleBinding,
  enforced,
  refusal,
  serviceAccount,
  startLeaderAs,
  writeRecord,
} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {namespace, policy, type Stage, setStage, startLeader, workload} from '../support/stage.ts';

const API = 'shop-api';
const WORKER = 'shop-worker';
const GRANT = `leasepolicy-${API}`;
const place = {namespace: 'shop', lease: API};

const granting = (spec: object = {}) =>
  policy('payments', {
    naming: {prefix: 'shop', template: '{prefix}-{name}'},
    access: {grant: 'ServiceAccount'},
    lease: {durationSeconds: 1},
    garbageCollection: {ttlSeconds: 1, maxPercent: 100},
    ...spec,
  });

test.serial(
  'a service account is granted its one Lease, as long as it is the one of the workload',
  async t => {
    t.timeout(300_000);
    const stage = await setStage(t, {components: 'all'});
    const accounts = ['api', 'next', 'worker'];
    await stage.apply(
      namespace('shop'),
      ...accounts.map(name => serviceAccount('shop', name)),
      serviceAccount('leasepolicy-system', 'leasepolicy'),
      clusterRoleBinding('cluster-admin', 'leasepolicy-system/leasepolicy'),
      runningAs('api', 'api'),
      runningAs('worker', 'worker'),
      granting(),
    );
    const as = await accountsOf(t, stage);
    await startLeaderAs(t, await as('leasepolicy-system', 'leasepolicy'));
    await enforced(stage, 'payments');
    const cast: Cast = {t, stage, api: await as('shop', 'api'), next: await as('shop', 'next')};
    await eventually('the grant', () => mayUpdate(cast.api));

    await nothingElseIsGranted(cast);
    await aCandidateLeads(cast);
    await editsAreRepaired(cast);
    await theAccountChanges(cast);
    await theGrantGoes(cast);
  },
);

test.serial(
  'a Role of that name that somebody else made is left alone, and the condition says so',
  async t => {
    const stage = await setStage(t);
    const name = 'leasepolicy-shop-api';
    const rules = [{apiGroups: [''], resources: ['configmaps'], verbs: ['get']}];
    const theirs = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: {namespace: 'shop', name},
      rules,
    };
    await stage.apply(namespace('shop'), runningAs('api', 'api'), runningAs('worker', 'worker'));
    await stage.kubectl(['create', '-f', '-'], {input: JSON.stringify(theirs)});
    await stage.apply(granting());
    await startLeader(stage);
    await eventually('the grant of the other Lease', () =>
      object(stage, 'rolebinding', `leasepolicy-${WORKER}`),
    );
    const condition = await eventually('the condition tells of it', async () => {
      const found = (await stage.status('payments'))?.conditions.find(each => each.type === 'Enforced');
      if (found?.status !== 'False') throw new Error(JSON.stringify(found));
      return found;
    });
    t.is(condition.reason, 'WriteFailed');
    t.regex(condition.message, new RegExp(name));
    const live = await object(stage, 'role', name);
    t.deepEqual(live?.rules, rules);
    t.is(live?.metadata.labels, undefined);
    t.is(await object(stage, 'rolebinding', name), undefined);

    await stage.kubectl(['delete', 'role', name, '-n', 'shop']);
    await eventually('our own', () => object(stage, 'rolebinding', name), 60_000);
    await enforced(stage, 'payments');
  },
);

// The chapters of the story.

type Cast = {t: ExecutionContext; stage: Stage; api: Account; next: Account};

async function nothingElseIsGranted({t, api}: Cast): Promise<void> {
  const can = async (verb: string, what: string) =>
    (await api.kubectl(['auth', 'can-i', verb, what, '-n', 'shop'])).stdout.trim();
  for (const verb of ['get', 'watch', 'update', 'patch']) t.is(await can(verb, `lease/${API}`), 'yes', verb);
  for (const verb of ['list', 'delete', 'create', 'deletecollection'])
    t.is(await can(verb, `lease/${API}`), 'no', verb);
  for (const verb of ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']) {
    t.is(await can(verb, 'lease'), 'no', verb);
    t.is(await can(verb, `lease/${WORKER}`), 'no', verb);
  }

  const answers = async (args: string[], input?: string) => {
    const {code, stderr} = await api.kubectl([...args, '-n', 'shop'], input);
    t.is(code, 0, stderr);
  };
  const root = '/apis/coordination.k8s.io/v1/namespaces/shop/leases';
  await answers(['get', 'lease', API]);
  const name = `fieldSelector=metadata.name%3D${API}`;
  await answers(['get', '--raw', `${root}?watch=true&timeoutSeconds=1&${name}`]);
  t.is((await writeRecord(api, 'shop', API, {holderIdentity: 'x'})).code, 0);
  const lease = JSON.parse((await api.kubectl(['get', 'lease', API, '-n', 'shop', '-o', 'json'])).stdout);
  await answers(
    ['replace', '-f', '-'],
    JSON.stringify({...lease, spec: {...lease.spec, holderIdentity: ''}}),
  );

  const refused: (() => Promise<Answer>)[] = [
    () => api.kubectl(['get', 'leases', '-n', 'shop']),
    () => api.kubectl(['get', '--raw', `${root}?watch=true&timeoutSeconds=1`]),
    () =>
      api.kubectl([
        'get',
        '--raw',
        `${root}?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3D${WORKER}`,
      ]),
    () => api.kubectl(['delete', 'lease', API, '-n', 'shop']),
    () => api.kubectl(['get', 'lease', WORKER, '-n', 'shop']),
    () => writeRecord(api, 'shop', WORKER, {holderIdentity: 'x'}),
    () =>
      api.kubectl(
        ['create', '-f', '-'],
        JSON.stringify({
          apiVersion: 'coordination.k8s.io/v1',
          kind: 'Lease',
          metadata: {name: 'mine', namespace: 'shop'},
        }),
      ),
    () => api.kubectl(['get', 'roles', '-n', 'shop']),
  ];
  for (const ask of refused) t.regex(await refusal(ask), /User "system:serviceaccount:shop:api" cannot /);
}

async function aCandidateLeads({t, stage, api}: Cast): Promise<void> {
  const candidate = await api.candidate({...place, identity: 'api-0'});
  await candidate.line('leading', leads);
  t.is((await stage.lease('shop', API))?.spec?.holderIdentity, 'api-0');
  const first = await renewTime(stage);
  await eventually('a renewal', async () => (await renewTime(stage)) !== first);
  await candidate.stop();
  t.is((await stage.lease('shop', API))?.spec?.holderIdentity, '', candidate.errors);
  t.notRegex(candidate.errors, /forbidden/);
}

async function editsAreRepaired({t, stage, api}: Cast): Promise<void> {
  const owner = {kind: 'Lease', name: API, uid: (await stage.lease('shop', API))?.metadata.uid};
  const [role, binding] = [await object(stage, 'role'), await object(stage, 'rolebinding')];
  for (const each of [role, binding]) t.like(each?.metadata.ownerReferences?.[0], owner);

  const json = (value: object) => ['--type=json', `--patch=${JSON.stringify(value)}`];
  const patch = (kind: string, ...operations: object[]) =>
    stage.kubectl(['patch', kind, GRANT, '-n', 'shop', ...json(operations)]);
  const rule = {apiGroups: ['*'], resources: ['*'], verbs: ['*']};
  await patch('role', {op: 'add', path: '/rules/-', value: rule});
  await eventually('the rule repaired', async () => {
    const rules = (await object(stage, 'role'))?.rules;
    return JSON.stringify(rules) === JSON.stringify(role?.rules);
  });
  const intruder = {kind: 'ServiceAccount', namespace: 'shop', name: 'worker'};
  await patch('rolebinding', {op: 'add', path: '/subjects/-', value: intruder});
  await eventually('the binding repaired', async () => `${await subjects(stage)}` === 'api');
  await patch('role', {op: 'remove', path: '/metadata/ownerReferences'});
  await eventually('the owner repaired', async () => {
    return (await object(stage, 'role'))?.metadata.ownerReferences?.[0]?.uid === owner.uid;
  });
  for (const kind of ['role', 'rolebinding']) {
    await stage.kubectl(['delete', kind, GRANT, '-n', 'shop']);
    await eventually(`the ${kind} made anew`, () => object(stage, kind));
    await eventually('the grant', () => mayUpdate(api));
  }
  await patch('role', {op: 'remove', path: '/metadata/labels'});
  await eventually('the labels repaired', async () => (await object(stage, 'role'))?.metadata.labels);
}

async function theAccountChanges({t, stage, api, next}: Cast): Promise<void> {
  const candidate = await api.candidate({...place, identity: 'api-1'});
  await candidate.line('leading', leads);
  await stage.apply(runningAs('api', 'next'));
  await eventually('both are granted', async () => `${await subjects(stage)}` === 'next,api');
  await eventually('the new one may', () => mayUpdate(next));
  const before = Date.parse(await renewTime(stage));
  await eventually('renewals for longer than the deadline', async () => {
    return Date.parse(await renewTime(stage)) - before > 4_000;
  });
  t.true(candidate.running);
  const heir = await next.candidate({...place, identity: 'next-0'});
  await candidate.stop();
  await heir.line('leading', leads);
  await eventually('the old one is not granted any more', async () => `${await subjects(stage)}` === 'next');
  await refusal(() => writeRecord(api, 'shop', API, {holderIdentity: 'api-2'}));
  await heir.stop();
}

async function theGrantGoes({t, stage}: Cast): Promise<void> {
  await stage.kubectl(['delete', 'deployment', 'worker', '-n', 'shop']);
  await eventually('the Lease is collected', async () => (await stage.lease('shop', WORKER)) === undefined);
  const gone = (name: string) =>
    eventually(`what was granted by ${name} is gone`, async () => {
      const role = await object(stage, 'role', name);
      return role === undefined && (await object(stage, 'rolebinding', name)) === undefined;
    });
  await gone(`leasepolicy-${WORKER}`);

  await stage.apply(granting({access: {grant: 'None'}}));
  await gone(GRANT);
  t.truthy(await stage.lease('shop', API));
  await stage.apply(granting());
  await eventually('the grant', () => object(stage, 'rolebinding'));
  await stage.kubectl(['delete', 'leasepolicy', 'payments']);
  await gone(GRANT);
}

// What is there.

type RbacObject = {
  metadata: {labels?: Record<string, string>; ownerReferences?: {kind: string; name: string; uid: string}[]};
  rules?: object[];
  subjects?: {name: string}[];
};

async function object({kubectl}: Stage, kind: string, name = GRANT): Promise<RbacObject | undefined> {
  const text = await kubectl(['get', kind, name, '-n', 'shop', '--ignore-not-found', '-o', 'json']);
  return text.trim() === '' ? undefined : JSON.parse(text);
}

const subjects = async (stage: Stage) =>
  (await object(stage, 'rolebinding'))?.subjects?.map(each => each.name) ?? [];

const renewTime = async (stage: Stage) => (await stage.lease('shop', API))?.spec?.renewTime ?? '';

const mayUpdate = async ({kubectl}: Account) =>
  (await kubectl(['auth', 'can-i', 'update', `lease/${API}`, '-n', 'shop'])).stdout.startsWith('yes');

function runningAs(name: string, serviceAccountName: string) {
  const made = workload('Deployment', 'shop', name);
  const {template} = made.spec;
  return {
    ...made,
    spec: {...made.spec, template: {...template, spec: {...template.spec, serviceAccountName}}},
  };
}
