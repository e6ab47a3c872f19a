import path from 'node:path';
import test from 'ava';
import {ROOT} from '../../dev/programs.ts';
import {
  accountsOf,
  creates,
  enforced,
  populateSquare,
  refusal,
  startLeaderAs,
  writeRecord,
} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {deployment, namespace, policy, setStage} from '../support/stage.ts';

/** The name that Deployment api has under these policies. */
const NAME = 'sq-14c2529eb4';

const square = (enforcement: {names?: string; holders?: string}, ttlSeconds = 3600) =>
  policy('payments', {
    naming: {prefix: 'sq'},
    lease: {durationSeconds: 1},
    enforcement,
    garbageCollection: {ttlSeconds, maxPercent: 100},
  });

const lease = (name: string, metadata: object = {}, spec: object = {}) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {namespace: 'sq', name, ...metadata},
  spec,
});

test.serial(
  'who edits a namespace can be its workloads, and then the rule of holders lets him pass',
  async t => {
    t.timeout(120_000);
    const stage = await setStage(t);
    await populateSquare(stage, 'bob', 'editor');
    await stage.apply(deployment('sq', 'api'), square({holders: 'Deny'}), {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'RoleBinding',
      metadata: {namespace: 'sq', name: 'editor'},
      // What makes up the ClusterRole edit.
      roleRef: {apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'system:aggregate-to-edit'},
      subjects: [{kind: 'ServiceAccount', namespace: 'sq', name: 'editor'}],
    });
    const as = await accountsOf(t, stage);
    await startLeaderAs(t, await as('leasepolicy-system', 'leasepolicy'));
    await enforced(stage, 'payments');
    await eventually('the Lease', () => stage.lease('sq', NAME));
    const editor = await as('sq', 'editor');
    await refusal(() => writeRecord(editor, 'sq', NAME, {holderIdentity: `${Math.random()}`}));
    const take = [
      'patch',
      'lease',
      NAME,
      '-n',
      'sq',
      '--type=merge',
      '--patch={"spec":{"holderIdentity":"taken"}}',
    ];
    t.is((await editor.kubectl([...take, '--as=system:serviceaccount:sq:default'])).code, 0);
    t.is((await stage.lease('sq', NAME))?.spec?.holderIdentity, 'taken');
    t.is((await editor.kubectl(['create', 'token', 'default', '-n', 'sq'])).code, 0);
  },
);

test.serial('who may delete Leases takes one from its holder, whatever is denied', async t => {
  t.timeout(120_000);
  const stage = await setStage(t);
  await populateSquare(stage, 'bob', 'editor');
  await stage.apply(deployment('sq', 'api'), square({names: 'Deny', holders: 'Deny'}));
  const as = await accountsOf(t, stage);
  await startLeaderAs(t, await as('leasepolicy-system', 'leasepolicy'));
  await enforced(stage, 'payments');
  const made = await eventually('the Lease', () => stage.lease('sq', NAME));
  const [leader, bob] = [await as('sq', 'default'), await as('sq', 'bob')];
  await refusal(() => writeRecord(bob, 'sq', NAME, {holderIdentity: `${Math.random()}`}));
  t.is((await writeRecord(leader, 'sq', NAME, {holderIdentity: 'leader', leaseDurationSeconds: 60})).code, 0);
  t.is((await bob.kubectl(['delete', 'lease', NAME, '-n', 'sq'])).code, 0);
  const again = await eventually('a new one', () => stage.lease('sq', NAME));
  t.not(again.metadata.uid, made.metadata.uid);
  t.not(again.spec?.holderIdentity, 'leader');
});

test.serial(
  'an owner that a stranger gave to a Lease before its name was known stays, unless names are denied',
  async t => {
    t.timeout(120_000);
    const stage = await setStage(t);
    await populateSquare(stage, 'bob', 'editor');
    await stage.apply(square({names: 'Audit', holders: 'Deny'}));
    const as = await accountsOf(t, stage);
    await startLeaderAs(t, await as('leasepolicy-system', 'leasepolicy'));
    await enforced(stage, 'payments');
    await eventually('the registry', () => stage.registry('sq'));
    const bob = await as('sq', 'bob');
    const owner = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: 'bobs',
      uid: '00000000-0000-4000-8000-000000000000',
    };
    const bobs = lease(NAME, {ownerReferences: [owner]});
    t.is((await creates(bob, bobs)).code, 0);
    await stage.apply(deployment('sq', 'api'));
    const adopted = await eventually('adoption', async () => {
      const found = await stage.lease('sq', NAME);
      return found?.metadata.labels?.['leasepolicy.dev/origin'] === 'adopted' && found;
    });
    t.is(adopted.metadata.ownerReferences?.[0]?.uid, owner.uid);
    t.deepEqual((await stage.status('payments'))?.findings ?? [], [], 'nothing tells of it');

    await stage.apply(square({names: 'Deny', holders: 'Deny'}));
    const other = {...bobs, metadata: {...bobs.metadata, name: 'sq-000000000000'}};
    t.regex(await refusal(() => creates(bob, other)), /no policy allows Lease sq-000000000000/);
  },
);

test.serial(
  'who may patch a Lease that nobody holds can have it collected, unless holders are denied',
  async t => {
    t.timeout(120_000);
    const stage = await setStage(t);
    await populateSquare(stage, 'bob', 'editor');
    const idle = {holderIdentity: '', leaseDurationSeconds: 1, renewTime: '2026-01-01T00:00:00.000000Z'};
    const busy = {holderIdentity: 'a', leaseDurationSeconds: 3600, renewTime: '2026-01-01T00:00:00.000000Z'};
    await stage.apply(
      square({holders: 'Off'}, 1),
      lease('idle', {}, idle),
      lease('busy', {}, busy),
      lease('last', {}, idle),
    );
    const as = await accountsOf(t, stage);
    await startLeaderAs(t, await as('leasepolicy-system', 'leasepolicy'));
    await enforced(stage, 'payments');
    const bob = await as('sq', 'bob');
    const patch = (name: string, metadata: object) =>
      bob.kubectl(['patch', 'lease', name, '-n', 'sq', '--type=merge', '-p', JSON.stringify({metadata})]);
    const mark = (name: string) =>
      patch(name, {
        labels: {'leasepolicy.dev/origin': 'created', 'leasepolicy.dev/policy': 'payments'},
        annotations: {'leasepolicy.dev/subject': `Deployment/${name}`},
      });
    t.is((await mark('busy')).code, 0);
    t.is((await mark('idle')).code, 0);
    await eventually(
      'the idle one is collected',
      async () => (await stage.lease('sq', 'idle')) === undefined,
    );
    t.truthy(await stage.lease('sq', 'busy'), 'what is held is never collected');

    await stage.apply(square({holders: 'Deny'}, 1));
    // The one that is held is not collected, however often it is marked before the rule is in force.
    await refusal(async () => {
      const unmarked = await patch('busy', {labels: {'leasepolicy.dev/policy': null}});
      return unmarked.code === 0 ? mark('busy') : unmarked;
    });
    const {code, stderr} = await mark('last');
    t.is(code, 1);
    t.regex(stderr, /its label leasepolicy.dev\/policy is written by the operator alone/);
  },
);

test.serial(
  'an operator that may write no admission policy makes Leases all the same, and says what is not checked',
  async t => {
    t.timeout(120_000);
    const stage = await setStage(t);
    await stage.kubectl(['apply', `--kustomize=${path.join(ROOT, 'config', 'default')}`]);
    const role = JSON.parse(
      await stage.kubectl(['get', 'clusterrole', 'leasepolicy-operator', '-o', 'json']),
    );
    const rules = role.rules.filter(
      ({apiGroups}: {apiGroups: string[]}) => !apiGroups.includes('admissionregistration.k8s.io'),
    );
    await stage.kubectl(['replace', '-f', '-'], {input: JSON.stringify({...role, rules})});
    await stage.apply(namespace('sq'), deployment('sq', 'api'), square({names: 'Deny', holders: 'Deny'}));
    const account = await (await accountsOf(t, stage))('leasepolicy-system', 'leasepolicy');
    await startLeaderAs(t, account);
    await eventually('the Lease', () => stage.lease('sq', NAME));
    const condition = await eventually('the condition', async () =>
      (await stage.status('payments'))?.conditions.find(
        ({type, status}) => type === 'Enforced' && status === 'False',
      ),
    );
    t.is(condition.reason, 'KindNotReadable');
    t.regex(condition.message, /^enforcement\.names not looked after: /);
    const {stdout} = await account.kubectl([
      'auth',
      'can-i',
      'create',
      'validatingadmissionpolicies.admissionregistration.k8s.io',
    ]);
    t.is(stdout.trim(), 'no');
  },
);

test.serial('a quota limits how many Leases a namespace may have', async t => {
  t.timeout(120_000);
  const stage = await setStage(t, {components: 'all'});
  await stage.apply(namespace('sq'));
  const hard = '--hard=count/leases.coordination.k8s.io=2';
  await stage.kubectl(['create', 'quota', 'leases', hard, '-n', 'sq']);
  await eventually('the quota counts', async () =>
    (await stage.kubectl(['get', 'quota', 'leases', '-n', 'sq', '-o', 'jsonpath={.status.hard}'])).includes(
      '"2"',
    ),
  );
  await stage.apply(lease('a'), lease('b'));
  await t.throwsAsync(stage.apply(lease('c')), {
    message: /exceeded quota: leases, .*limited: count\/leases\.coordination\.k8s\.io=2/,
  });
});
