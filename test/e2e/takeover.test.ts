/** Ways around the rule of holders: no label, no owner and no finalizer takes a Lease from its workload. */
import {randomUUID} from 'node:crypto';
import test from 'ava';
import {
  type Account,
  accountsOf,
  creates,
  enforced,
  populateSquare,
  refusal,
  startLeaderAs,
  writeRecord,
} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {deployment, policy, setStage} from '../support/stage.ts';

/** The name that Deployment api has under this policy. */
const NAME = 'sq-14c2529eb4';
const WHOSE = `Lease ${NAME} is that of Deployment/api (LeasePolicy payments): only system:serviceaccount:sq:default may write it`;
const LABEL_IS_OURS = /its label leasepolicy.dev\/policy is written by the operator alone/;

const square = (lease: object = {}) =>
  policy('payments', {
    naming: {prefix: 'sq'},
    lease,
    enforcement: {names: 'Audit', holders: 'Deny'},
  });

const leaseManifest = (labels: Record<string, string>, spec: object = {}) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {namespace: 'sq', name: NAME, labels},
  spec,
});

test.serial('a label that a stranger has written first does not leave a Lease unprotected', async t => {
  t.timeout(120_000);
  const stage = await setStage(t);
  await populateSquare(stage, 'bob', 'carol');
  const as = await accountsOf(t, stage);
  const bob = await as('sq', 'bob');
  const foreign = {'leasepolicy.dev/policy': 'bogus', 'leasepolicy.dev/naming': 'v0', team: 'bobs'};
  const bobs = leaseManifest(foreign, {holderIdentity: 'bob', leaseDurationSeconds: 15});
  t.is((await creates(bob, bobs)).code, 0, 'before there is a policy');

  await stage.apply(square());
  await startLeaderAs(t, await as('leasepolicy-system', 'leasepolicy'));
  await enforced(stage, 'payments');
  await stage.apply(deployment('sq', 'api'));
  const adopted = await eventually('adoption', async () => {
    const lease = await stage.lease('sq', NAME);
    return lease?.metadata.labels?.['leasepolicy.dev/policy'] === 'payments' && lease;
  });
  t.is(adopted.metadata.labels?.team, 'bobs', 'other labels are left alone');
  t.true((await refusal(() => writeRecord(bob, 'sq', NAME, {holderIdentity: randomUUID()}))).includes(WHOSE));
  await eventually('no violations', async () => (await stage.status('payments'))?.violations === 0);
});

test.serial('where holders are denied nobody else writes the label, be the name known or not', async t => {
  t.timeout(120_000);
  const stage = await setStage(t);
  await populateSquare(stage, 'bob', 'carol');
  await stage.apply(square());
  const as = await accountsOf(t, stage);
  await startLeaderAs(t, await as('leasepolicy-system', 'leasepolicy'));
  await enforced(stage, 'payments');
  await eventually('the registry', () => stage.registry('sq'));
  const bob = await as('sq', 'bob');
  for (const value of ['bogus', 'payments']) {
    const bobs = leaseManifest({'leasepolicy.dev/policy': value});
    const ask = () => bob.kubectl(['create', '-f', '-', '--dry-run=server'], JSON.stringify(bobs));
    t.regex(await refusal(ask), LABEL_IS_OURS);
  }
  t.is((await creates(bob, leaseManifest({team: 'bobs'}))).code, 0);
  const label = ['label', 'lease', NAME, '-n', 'sq'];
  t.regex(await refusal(() => bob.kubectl([...label, 'leasepolicy.dev/policy=bogus'])), LABEL_IS_OURS);
  t.is((await bob.kubectl([...label, 'seen=yes'])).code, 0);
  t.is((await writeRecord(bob, 'sq', NAME, {holderIdentity: 'bob'})).code, 0, 'a Lease of nobody');
});

test.serial('a conflict that keeps a Lease from being adopted is a finding until it is solved', async t => {
  t.timeout(120_000);
  const stage = await setStage(t);
  await populateSquare(stage, 'bob', 'carol');
  const as = await accountsOf(t, stage);
  const bob = await as('sq', 'bob');
  const foreign = {'leasepolicy.dev/policy': 'bogus', team: 'bobs'};
  t.is((await creates(bob, leaseManifest(foreign))).code, 0);
  await stage.apply(deployment('sq', 'api'), square({labels: {team: 'payments'}}));
  const operator = await startLeaderAs(t, await as('leasepolicy-system', 'leasepolicy'));
  await enforced(stage, 'payments');
  const findings = async () => (await stage.status('payments'))?.findings ?? [];
  const [found] = await eventually('the finding', async () => {
    const all = await findings();
    return all.length > 0 && all;
  });
  t.like(found, {reason: 'AdoptionConflict', object: 'Deployment/sq/api'});
  t.regex(found?.message ?? '', /Lease sq-14c2529eb4 is not adopted: .*metadata\.labels\.team/);
  t.true(operator.lines.some(({level, message}) => level === 'warn' && /^adopt Lease/.test(`${message}`)));
  const {labels} = (await stage.lease('sq', NAME))?.metadata ?? {};
  t.like(labels, {team: 'bobs', 'leasepolicy.dev/policy': 'payments'}, 'protected all the same');
  t.true((await refusal(() => writeRecord(bob, 'sq', NAME, {holderIdentity: randomUUID()}))).includes(WHOSE));

  t.is((await bob.kubectl(['label', 'lease', NAME, '-n', 'sq', 'team-'])).code, 0);
  await eventually('adoption', async () => {
    const {labels} = (await stage.lease('sq', NAME))?.metadata ?? {};
    return labels?.team === 'payments' && labels['leasepolicy.dev/origin'] === 'adopted';
  });
  await eventually('no finding', async () => (await findings()).length === 0);
});

test.serial(
  'who may patch a Lease and not delete it can not have the garbage collector delete it',
  async t => {
    t.timeout(180_000);
    const stage = await setStage(t, {components: 'all'});
    await populateSquare(stage, 'bob', 'carol');
    await stage.apply(deployment('sq', 'api'), square());
    const as = await accountsOf(t, stage);
    await startLeaderAs(t, await as('leasepolicy-system', 'leasepolicy'));
    await enforced(stage, 'payments');
    const made = await eventually('the Lease', () => stage.lease('sq', NAME));
    const [leader, carol] = [await as('sq', 'default'), await as('sq', 'carol')];
    await refusal(() => writeRecord(carol, 'sq', NAME, {holderIdentity: randomUUID()}));
    t.is(
      (await writeRecord(leader, 'sq', NAME, {holderIdentity: 'leader', leaseDurationSeconds: 60})).code,
      0,
    );

    const nothing = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      name: 'none',
      uid: '00000000-0000-4000-8000-000000000000',
    };
    const patch = (account: Account, metadata: object) =>
      account.kubectl([
        'patch',
        'lease',
        NAME,
        '-n',
        'sq',
        '--type=merge',
        `--patch=${JSON.stringify({metadata})}`,
      ]);
    const changes = [{ownerReferences: [nothing]}, {finalizers: ['example.com/carol']}];
    for (const metadata of changes) t.true((await refusal(() => patch(carol, metadata))).includes(WHOSE));
    // Nobody deletes by a patch: the API server keeps to the deletionTimestamp that it has set itself.
    await patch(carol, {deletionTimestamp: '2020-01-01T00:00:00Z'});
    // The collector has been round when it has taken what has such an owner.
    const config = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {namespace: 'sq', name: 'bait', ownerReferences: [nothing]},
    };
    await stage.apply(config);
    await eventually('the collector', async () => {
      const found = await stage.kubectl([
        'get',
        'configmap',
        'bait',
        '-n',
        'sq',
        '--ignore-not-found',
        '-o',
        'name',
      ]);
      return found.trim() === '';
    });
    const {metadata} = (await stage.lease('sq', NAME)) ?? {};
    t.is(metadata?.uid, made.metadata.uid);
    t.is(metadata?.deletionTimestamp, undefined);

    // What is a hazard may be taken away by anybody who may patch, and only its workload harms itself by writing it.
    const uid = await stage.kubectl([
      'get',
      'deployment',
      'api',
      '-n',
      'sq',
      '-o',
      'jsonpath={.metadata.uid}',
    ]);
    const owner = {apiVersion: 'apps/v1', kind: 'Deployment', name: 'api', uid};
    t.is((await patch(leader, {ownerReferences: [owner], finalizers: ['example.com/leader']})).code, 0);
    t.is((await patch(carol, {labels: {seen: 'yes'}})).code, 0);
    t.is((await patch(carol, {finalizers: null})).code, 0);
    t.is((await patch(carol, {ownerReferences: null})).code, 0);
  },
);
