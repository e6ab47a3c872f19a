/** Ways around the rule of holders: no owner and no finalizer takes a Lease from its workload. */
import {randomUUID} from 'node:crypto';
import test from 'ava';
import {
  type Account,
  accountsOf,
  clusterRoleBinding,
  enforced,
  leaseRights,
  refusal,
  serviceAccount,
  startLeaderAs,
  writeRecord,
} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {deployment, namespace, policy, type Stage, setStage} from '../support/stage.ts';

/** The name that Deployment api has under this policy. */
const NAME = 'sq-14c2529eb4';
const WHOSE = `Lease ${NAME} is that of Deployment/api (LeasePolicy payments): only system:serviceaccount:sq:default may write it`;

const square = () =>
  policy('payments', {
    naming: {prefix: 'sq'},
    enforcement: {names: 'Audit', holders: 'Deny'},
  });

async function populate(stage: Stage): Promise<void> {
  await stage.apply(
    namespace('sq'),
    ...leaseRights(),
    ...['default', 'bob', 'carol'].map(name => serviceAccount('sq', name)),
    serviceAccount('leasepolicy-system', 'leasepolicy'),
    clusterRoleBinding('cluster-admin', 'leasepolicy-system/leasepolicy'),
  );
}

test.serial(
  'who may patch a Lease and not delete it can not have the garbage collector delete it',
  async t => {
    t.timeout(180_000);
    const stage = await setStage(t, {components: 'all'});
    await populate(stage);
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
