/** The doctor on a cluster that is well, and on one on which much is wrong. */
import test, {type ExecutionContext} from 'ava';
import type {Check} from '../../src/core/doctor/diagnosis.ts';
import type {Thief} from '../../src/core/doctor/who-can.ts';
import {accountsOf, enforced, leaseRights, serviceAccount} from '../support/accounts.ts';
import {call} from '../support/command.ts';
import {eventually} from '../support/eventually.ts';
import {
  deployment,
  namespace,
  operatorPodOf,
  policy,
  type Stage,
  setEmptyStage,
  startLeader,
} from '../support/stage.ts';

const SYSTEM = 'leasepolicy-system';

async function checksOf(kubeconfig: string): Promise<{code: number; checks: Check[]}> {
  const {code, stdout} = await call(['doctor', '-o', 'json', `--kubeconfig=${kubeconfig}`]);
  return {code, checks: JSON.parse(stdout).checks};
}

test('a cluster without it, a healthy one, and one on which much is wrong', async t => {
  t.timeout(300_000);
  const stage = await setEmptyStage(t, {components: 'all', nodes: 1});
  const {kubeconfig} = stage.cluster;
  const before = await checksOf(kubeconfig);
  t.is(before.code, 2);
  t.deepEqual(failing(before.checks), ['crd leasepolicies', 'crd leaseregistries', 'leader']);

  t.is((await call(['install', `--kubeconfig=${kubeconfig}`])).code, 0);
  const elsewhere = await startLeader(stage);
  const remark = await eventually('its renewal is seen', async () =>
    (await checksOf(kubeconfig)).checks.find(({check, health}) => check === 'leader' && health === 'warn'),
  );
  t.regex(remark.message, /^operator-1 leads, .*; it is none of the Pods of the operator/);
  await elsewhere.stop();
  const operator = await startLeader(stage, '--identity', `${await operatorPodOf(stage)}_1`);
  await stage.apply(namespace('shop'), deployment('shop', 'api'));
  await stage.apply(policy('payments', {naming: {prefix: 'p'}, access: {grant: 'ServiceAccount'}}));
  await enforced(stage, 'payments');
  const healthy = await eventually('all is well', async () => {
    const answer = await checksOf(kubeconfig);
    return answer.code === 0 && answer;
  });
  t.deepEqual(
    healthy.checks.filter(({health}) => health !== 'ok'),
    [],
  );
  const message = (check: string) => healthy.checks.find(each => each.check === check)?.message ?? '';
  t.regex(message('leader'), /^leasepolicy-[-a-z0-9]+_1 leads, and renewed its Lease \d seconds ago$/);
  t.regex(message('operator'), /^2 of 2 replicas are ready in leasepolicy-system$/);
  t.regex(
    message('clock'),
    /^the server's clock is 0\.\d s (behind|ahead of) this one, give or take 0\.[0-2] s$/,
  );

  await tellsThieves(t, stage);
  await operator.stop('SIGKILL');
  await breakMuch(stage);
  const broken = await eventually('the leader is missed', async () => {
    const answer = await checksOf(kubeconfig);
    return failing(answer.checks).includes('leader') && answer;
  });
  t.is(broken.code, 2);
  t.deepEqual(failing(broken.checks).toSorted(), ['leader', 'leftovers', 'webhooks']);
  t.deepEqual(
    broken.checks.filter(({health}) => health === 'warn').map(({check}) => check),
    ['crd leaseregistries'],
  );
  t.true(broken.checks.every(({health, next}) => (health === 'ok') === (next === undefined)));
  const table = await call(['doctor', `--kubeconfig=${kubeconfig}`]);
  t.regex(table.stdout, /^HEALTH +CHECK +MESSAGE\n/);
  t.regex(table.stdout, /^fail +webhooks +ValidatingWebhookConfiguration\/guard: .*kubernetes issue 90217/m);
  await looksAsNobody(t, stage);
});

const failing = (checks: readonly Check[]) =>
  checks.filter(({health}) => health === 'fail').map(({check}) => check);

/** The control plane's own Leases are not in its way: those are updated, and never deleted here. */
async function breakMuch(stage: Stage): Promise<void> {
  const rule = {
    apiGroups: ['coordination.k8s.io'],
    apiVersions: ['*'],
    resources: ['leases'],
    operations: ['DELETE'],
  };
  const webhook = {
    name: 'guard.example.dev',
    rules: [rule],
    clientConfig: {url: 'https://127.0.0.1:1/'},
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
  };
  const group = 'admissionregistration.k8s.io/v1';
  const labels = {'app.kubernetes.io/managed-by': 'leasepolicy', 'leasepolicy.dev/policy': 'gone'};
  await stage.apply(
    {
      apiVersion: group,
      kind: 'ValidatingWebhookConfiguration',
      metadata: {name: 'guard'},
      webhooks: [webhook],
    },
    {
      apiVersion: group,
      kind: 'ValidatingAdmissionPolicyBinding',
      metadata: {name: 'left', labels},
      spec: {policyName: 'nowhere', validationActions: ['Deny']},
    },
  );
  const path = '/spec/versions/0/schema/openAPIV3Schema/description';
  const patch = JSON.stringify([{op: 'replace', path, value: 'of another release'}]);
  await stage.kubectl(['patch', 'crd', 'leaseregistries.leasepolicy.dev', '--type=json', `--patch=${patch}`]);
}

async function tellsThieves(t: ExecutionContext, stage: Stage): Promise<void> {
  const {kubeconfig} = stage.cluster;
  const [lease] = await eventually('its Lease', async () => {
    const found = await stage.leases('shop');
    return found.length > 0 && found;
  });
  const name = lease?.metadata.name ?? '';
  const ask = async () => {
    const {code, stdout} = await call([
      ...['doctor', 'who-can', `shop/${name}`],
      ...['-o', 'json', `--kubeconfig=${kubeconfig}`],
    ]);
    return {code, ...(JSON.parse(stdout) as {subjects: Thief[]})};
  };
  const calm = await ask();
  t.is(calm.code, 0);
  t.deepEqual(
    calm.subjects.find(({standing}) => standing === 'workload'),
    {
      subject: {kind: 'ServiceAccount', name: 'default', namespace: 'shop'},
      verbs: ['update', 'patch'],
      through: [`RoleBinding/leasepolicy-${name} (Role/leasepolicy-${name})`],
      standing: 'workload',
    },
  );
  await stage.apply(...leaseRights());
  const wide = await ask();
  t.is(wide.code, 2);
  const [stranger] = wide.subjects;
  t.like(stranger, {standing: 'stranger', subject: {kind: 'Group', name: 'system:serviceaccounts'}});
  t.deepEqual(stranger?.verbs, ['update', 'patch', 'delete', 'deletecollection']);
  await stage.kubectl(['delete', 'clusterrolebinding', 'test-leases-0']);

  const asked = async (lease: string) =>
    call(['doctor', 'who-can', lease, '-n', 'shop', `--kubeconfig=${kubeconfig}`]);
  const full = await asked(`shop/${name}`);
  t.regex(full.stderr, /other authorizers are not seen/);
  for (const form of [name, `lease/${name}`, `leases.coordination.k8s.io/${name}`])
    t.deepEqual(await asked(form), full, form);
  await stage.apply({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {namespace: 'default', name: 'mine'},
  });
  t.regex((await asked('default/mine')).stderr, /No registry says whose Lease it is/);
  const none = await asked('lease/none');
  t.deepEqual([none.code, none.stdout], [1, '']);
  t.regex(none.stderr, /there is no Lease none in namespace shop: look at all by get -A/);
}

/** Who may read nothing is told what could not be looked at. */
async function looksAsNobody(t: ExecutionContext, stage: Stage): Promise<void> {
  await stage.apply(serviceAccount('shop', 'nobody'));
  const {kubeconfig} = await (await accountsOf(t, stage))('shop', 'nobody');
  const {code, checks} = await checksOf(kubeconfig);
  t.is(code, 0);
  const webhooks = checks.find(({check}) => check === 'webhooks');
  t.is(webhooks?.health, 'warn');
  t.regex(webhooks?.message ?? '', /^it can't be looked at \(.*forbidden.*\)$/);
  const rights = checks.find(({check}) => check === 'rights for plan');
  t.regex(rights?.message ?? '', /^you may not list leases\.coordination\.k8s\.io, list leasepolicies/);
  const thieves = await call(['doctor', 'who-can', 'shop/x', `--kubeconfig=${kubeconfig}`]);
  t.is(thieves.code, 1);
  t.regex(thieves.stderr, /forbidden|may not/);
  const uninstalling = await call(['uninstall', '--yes', `--kubeconfig=${kubeconfig}`]);
  t.is(uninstalling.code, 1);
  t.regex(uninstalling.stderr, /^leasepolicy: .*forbidden.*: ask for that right, or name a context/);
  t.is((await stage.kubectl(['get', 'namespace', SYSTEM, '--output=name'])).trim(), `namespace/${SYSTEM}`);
}
