/** What is rendered from policies: it is never in the way of the control plane, is kept as it is, and goes with its policy. */
import {readFile} from 'node:fs/promises';
import {isDeepStrictEqual} from 'node:util';
import test, {type ExecutionContext} from 'ava';
import type {Component} from '../../dev/controlplane/options.ts';
import {type Program, ROOT} from '../../dev/programs.ts';
import {LABELS} from '../../src/api/objects.ts';
import {ownLeaseName} from '../../src/config.ts';
import {
  type Account,
  accountsOf,
  administrator,
  clusterRoleBinding,
  enforced,
  refusal,
  serviceAccount,
  startLeaderAs,
} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {deployment, namespace, policy, type Stage, setStage, startLeader} from '../support/stage.ts';

const SYSTEM = 'leasepolicy-system';
const OWN = ownLeaseName('leasepolicy');
const kinds = ['Deployment', 'StatefulSet', 'DaemonSet'].map(kind => ({kind}));
const everyNamespace = {matchExpressions: [{key: 'kubernetes.io/metadata.name', operator: 'Exists'}]};
const strict = {names: 'Deny', holders: 'Deny', durationSeconds: {min: 5, max: 60}};

const lease = (namespaceName: string, name: string, owners: object[] = []) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {namespace: namespaceName, name, ownerReferences: owners},
});

const tries = (account: Account, manifest: object) =>
  account.kubectl(['create', '-f', '-', '--dry-run=server'], JSON.stringify(manifest));

const get = async <T>({kubectl}: Stage, ...what: string[]): Promise<T> =>
  JSON.parse(await kubectl(['get', ...what, '--output=json'])) as T;

// Never in the way.

test.serial('a policy that denies in every namespace is never in the way of the control plane', async t => {
  t.timeout(400_000);
  const stage = await setStage(t, {components: 'all', nodes: 2});
  await stage.apply(
    serviceAccount(SYSTEM, 'leasepolicy'),
    clusterRoleBinding('cluster-admin', `${SYSTEM}/leasepolicy`),
    namespace('shop'),
    deployment('shop', 'api'),
  );
  const exempt = [{namespace: 'shop', name: 'owned', reason: 'a test'}];
  const spec = {
    subjects: {workloads: {kinds, namespaceSelector: everyNamespace}},
    naming: {prefix: 'all', template: '{prefix}-{kind}-{name}'},
    enforcement: {...strict, exempt},
  };
  await stage.apply(policy('all', spec));
  const account = await (await accountsOf(t, stage))(SYSTEM, 'leasepolicy');
  const operator = await startLeaderAs(t, account);
  await enforced(stage, 'all');
  await deniesEverywhere(t, stage);
  const heartbeats = nodesBeat(stage);
  await componentsLead(t, stage);
  await theIdentityComesBack(stage);
  await namespacesAreEmptied(t, stage);
  await garbageIsCollected(stage);
  await heartbeats;
  await theOperatorLeads(t, stage, account, operator);
});

async function deniesEverywhere(t: ExecutionContext, stage: Stage): Promise<void> {
  const admin = administrator(t, stage);
  for (const name of ['shop', 'default', 'kube-public', 'kube-system', SYSTEM]) {
    await eventually(`the registry of ${name}`, () => stage.registry(name));
    t.regex(await refusal(() => tries(admin, lease(name, 'rogue'))), /no policy allows Lease rogue/);
  }
  t.is((await tries(admin, lease('kube-node-lease', 'rogue'))).code, 0, 'heartbeats are left alone');
}

type NodeObject = {metadata: {annotations: object; labels: object}; status: object};

/** Nodes that are there renew their Leases, and a new one gets its own. */
async function nodesBeat(stage: Stage): Promise<void> {
  const renewed = async (name: string) => (await stage.lease('kube-node-lease', name))?.spec?.renewTime ?? '';
  const nodes = ['node-000000', 'node-000001'];
  const before = await Promise.all(nodes.map(renewed));
  const {metadata, status} = await get<NodeObject>(stage, 'node', 'node-000000');
  const {annotations, labels} = metadata;
  const made = {apiVersion: 'v1', kind: 'Node', metadata: {name: 'node-new', annotations, labels}, status};
  await stage.apply(made);
  await eventually('the Lease of a new node', async () => (await renewed('node-new')) !== '', 60_000);
  // A simulated node renews its Lease once in 50 s.
  for (const [index, name] of nodes.entries())
    await eventually(
      `a renewal of ${name}`,
      async () => (await renewed(name)) > (before[index] ?? ''),
      100_000,
    );
}

/** Leases that exist are renewed and taken over, and one that is gone is made anew. */
async function componentsLead(t: ExecutionContext, stage: Stage): Promise<void> {
  const components: Component[] = ['kube-controller-manager', 'kube-scheduler'];
  const record = async (name: string) => (await stage.lease('kube-system', name))?.spec;
  const before = await Promise.all(components.map(record));
  for (const [index, name] of components.entries())
    await eventually(`a renewal of ${name}`, async () => {
      const renewTime = (await record(name))?.renewTime ?? '';
      return renewTime > (before[index]?.renewTime ?? '');
    });
  for (const name of components) await stage.cluster.kill(name, 'SIGKILL');
  await stage.kubectl(['delete', 'lease', 'kube-scheduler', '-n', 'kube-system']);
  await stage.cluster.restart();
  for (const [index, name] of components.entries())
    await eventually(
      `${name} leads again`,
      async () => {
        const holder = (await record(name))?.holderIdentity ?? '';
        return holder !== '' && holder !== before[index]?.holderIdentity;
      },
      60_000,
    );
  t.is((await record('kube-controller-manager'))?.leaseTransitions, 1, 'it was taken over');
  t.is((await record('kube-scheduler'))?.leaseTransitions, 0, 'it was made anew');
}

/** The API server looks after its own Lease every 10 s. */
async function theIdentityComesBack(stage: Stage): Promise<void> {
  const selector = ['leases', '-n', 'kube-system', '-l', 'apiserver.kubernetes.io/identity=kube-apiserver'];
  const uid = async () =>
    (await get<{items: {metadata: {uid: string}}[]}>(stage, ...selector)).items[0]?.metadata.uid;
  const before = await uid();
  await stage.kubectl(['delete', ...selector]);
  await eventually('the identity of the API server', async () => {
    const now = await uid();
    return now !== undefined && now !== before;
  });
}

async function namespacesAreEmptied(t: ExecutionContext, stage: Stage): Promise<void> {
  await stage.apply(namespace('closing'), deployment('closing', 'web'), deployment('closing', 'worker'));
  await eventually('its Leases', async () => (await stage.leases('closing')).length === 2);
  const held = {holderIdentity: 'web-0', leaseDurationSeconds: 15};
  const patch = JSON.stringify({metadata: {finalizers: ['example.dev/wait']}, spec: held});
  const ofWeb = ['lease', 'all-deployment-web', '-n', 'closing', '--type=merge', '-p'];
  await stage.kubectl(['patch', ...ofWeb, patch]);
  await stage.kubectl(['delete', 'namespace', 'closing', '--wait=false']);
  await eventually('the other Lease is deleted', async () => (await stage.leases('closing')).length === 1);
  await stage.kubectl(['patch', ...ofWeb, JSON.stringify({metadata: {finalizers: null}})]);
  await stage.kubectl(['wait', '--for=delete', 'namespace/closing', '--timeout=60s']);
  t.is((await stage.leases('closing')).length, 0);
}

async function garbageIsCollected(stage: Stage): Promise<void> {
  await stage.kubectl(['create', 'configmap', 'owner', '-n', 'shop']);
  const {metadata} = await get<{metadata: {uid: string}}>(stage, 'configmap', 'owner', '-n', 'shop');
  const owner = {apiVersion: 'v1', kind: 'ConfigMap', name: 'owner', uid: metadata.uid};
  await stage.apply(lease('shop', 'owned', [owner]));
  await stage.kubectl(['delete', 'configmap', 'owner', '-n', 'shop']);
  await eventually('the collection', async () => (await stage.lease('shop', 'owned')) === undefined, 60_000);
}

/** The operator makes its own Lease anew, also where the registry is gone, without which the policy can't be read. */
async function theOperatorLeads(
  t: ExecutionContext,
  stage: Stage,
  account: Account,
  operator: Program,
): Promise<void> {
  await stage.kubectl(['delete', 'lease', OWN, '-n', SYSTEM]);
  await eventually('its Lease', async () => (await stage.lease(SYSTEM, OWN))?.spec?.holderIdentity);
  t.is(await operator.stop(), 0);

  await stage.kubectl(['delete', 'lease', OWN, '-n', SYSTEM]);
  for (const name of [SYSTEM, 'kube-system']) {
    await stage.kubectl(['delete', 'leaseregistry', 'leases', '-n', name]);
  }
  await stage.kubectl(['delete', 'lease', 'kube-scheduler', '-n', 'kube-system']);
  await eventually('kube-scheduler makes its Lease anew', () => stage.lease('kube-system', 'kube-scheduler'));
  await startLeaderAs(t, account);
  for (const name of [SYSTEM, 'kube-system'])
    await eventually(`the registry of ${name}`, () => stage.registry(name));
}

// Rendered objects.

type Rendered = {
  kind: string;
  metadata: {
    name: string;
    uid: string;
    generation?: number;
    labels?: Record<string, string>;
    ownerReferences?: object[];
  };
  spec: {
    policyName?: string;
    validationActions?: string[];
    matchConditions?: object[];
    matchConstraints?: {excludeResourceRules?: object[]};
  };
  status?: {observedGeneration?: number; typeChecking?: {expressionWarnings?: object[]}};
};

const VAP = 'validatingadmissionpolicies';
const BINDINGS = 'validatingadmissionpolicybindings';
const MUTATING = 'mutatingadmissionpolicies,mutatingadmissionpolicybindings';

/** All that is rendered from a policy, by kind and name. */
async function renderedFrom(stage: Stage, name: string): Promise<Map<string, Rendered>> {
  const selector = ['-l', `${LABELS.policy}=${name}`];
  const {items} = await get<{items: Rendered[]}>(stage, `${VAP},${BINDINGS},${MUTATING}`, ...selector);
  return new Map(items.map(each => [`${each.kind}/${each.metadata.name}`, each]));
}

const nothingFrom = (stage: Stage, name: string) =>
  eventually(`nothing of ${name}`, async () => (await renderedFrom(stage, name)).size === 0, 60_000);

const payments = (enforcement: object) => policy('payments', {naming: {prefix: 'payments'}, enforcement});

test.serial(
  'what is rendered belongs to its policy, is mended when it is edited, and goes with it',
  async t => {
    t.timeout(180_000);
    const stage = await setStage(t);
    await stage.apply(namespace('shop'), payments(strict));
    await startLeader(stage);
    await enforced(stage, 'payments');
    const admin = administrator(t, stage);
    await refusal(() => tries(admin, lease('shop', 'rogue')));

    const rendered = await renderedFrom(stage, 'payments');
    const [ofNames, ofWrites] = ['leasepolicy-names-payments', 'leasepolicy-writes-payments'] as const;
    const all = [...rendered.values()];
    const policies = all.filter(each => each.kind === 'ValidatingAdmissionPolicy');
    // Each once more for our own namespace, where nothing is refused because a rule can't be evaluated.
    const systemOf = (name: string) => name.replace('-payments', '.system-payments');
    const checks = [ofNames, systemOf(ofNames), ofWrites, systemOf(ofWrites)];
    t.deepEqual(policies.map(each => each.metadata.name).sort(), checks.toSorted());
    const bindings = all.filter(each => each.kind === 'ValidatingAdmissionPolicyBinding');
    const bound = bindings.map(each => each.spec.policyName).sort();
    // Writes have one for Leases with the label, one for those without it, and one for new ones.
    const times = (name: string) => Array(name.includes('names') ? 1 : 3).fill(name);
    t.deepEqual(bound, checks.flatMap(times).sort());
    const {metadata} = await get<{metadata: {uid: string}}>(stage, 'leasepolicy', 'payments');
    const owner = {
      apiVersion: 'leasepolicy.dev/v1alpha1',
      kind: 'LeasePolicy',
      name: 'payments',
      uid: metadata.uid,
    };
    for (const {metadata} of rendered.values()) {
      t.deepEqual(metadata.labels, {[LABELS.managedBy]: 'leasepolicy', [LABELS.policy]: 'payments'});
      t.deepEqual(metadata.ownerReferences, [owner]);
    }
    await mendsEdits(t, stage, rendered);

    await stage.apply(payments({...strict, names: 'Audit'}));
    await eventually('Audit alone', async () => {
      const binding = (await renderedFrom(stage, 'payments')).get(NAMES_BINDING);
      return `${binding?.spec.validationActions}` === 'Audit';
    });
    await eventually('a creation', async () => (await tries(admin, lease('shop', 'rogue'))).code === 0);
    await stage.apply(payments({names: 'Deny'}));
    await refusal(() => tries(admin, lease('shop', 'rogue')));
    await eventually('no check of holders', async () => {
      const left = [...(await renderedFrom(stage, 'payments')).keys()];
      return !left.some(each => each.includes('writes')) && left.some(each => each.includes('durations'));
    });

    await stage.kubectl(['delete', 'leasepolicy', 'payments']);
    await nothingFrom(stage, 'payments');
    await eventually('a creation', async () => (await tries(admin, lease('shop', 'rogue'))).code === 0);
  },
);

const UNLABELLED_AND_WEAKER = JSON.stringify({
  metadata: {labels: null},
  spec: {validationActions: ['Audit']},
});
const NAMES_BINDING = 'ValidatingAdmissionPolicyBinding/leasepolicy-names-payments';

async function mendsEdits(
  t: ExecutionContext,
  stage: Stage,
  before: ReadonlyMap<string, Rendered>,
): Promise<void> {
  const specs = (objects: ReadonlyMap<string, Rendered>) =>
    [...objects].map(([id, {spec, metadata}]) => [id, spec, metadata.labels, metadata.ownerReferences]);
  const name = 'leasepolicy-names-payments';
  const manager = '--field-manager=somebody';
  const exclude = {
    apiGroups: ['coordination.k8s.io'],
    apiVersions: ['v1'],
    operations: ['CREATE'],
    resources: ['leases'],
  };
  const edits: [what: string, args: string[], input?: object][] = [
    [
      'other actions',
      ['patch', BINDINGS, name, '--type=merge', '-p', '{"spec":{"validationActions":["Warn"]}}', manager],
    ],
    [
      'a condition more',
      [
        'patch',
        VAP,
        name,
        '--type=json',
        manager,
        '-p',
        JSON.stringify([
          {op: 'add', path: '/spec/matchConditions/-', value: {name: 'never', expression: 'false'}},
          {op: 'add', path: '/spec/matchConstraints/excludeResourceRules', value: [exclude]},
        ]),
      ],
    ],
    [
      'a condition more, applied',
      ['apply', '--server-side', '-f', '-', manager],
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: {name},
        spec: {matchConditions: [{name: 'never', expression: 'false'}]},
      },
    ],
    ['another selector', ['patch', BINDINGS, name, '--type=merge', '-p', '{"spec":{"matchResources":null}}']],
    ['no binding', ['delete', BINDINGS, name]],
    ['no policy', ['delete', VAP, name]],
    ['no labels', ['label', VAP, name, `${LABELS.managedBy}-`, `${LABELS.policy}-`]],
    [
      'no labels, and another action',
      ['patch', BINDINGS, name, '--type=merge', '-p', UNLABELLED_AND_WEAKER, manager],
    ],
    ['no policy in the labels', ['label', BINDINGS, name, `${LABELS.policy}-`]],
    ['another policy in the labels', ['label', BINDINGS, name, `${LABELS.policy}=other`, '--overwrite']],
    [
      'no owner',
      ['patch', BINDINGS, name, '--type=json', '-p', '[{"op":"remove","path":"/metadata/ownerReferences"}]'],
    ],
  ];
  for (const [what, args, input] of edits) {
    await stage.kubectl(args, input ? {input: JSON.stringify(input)} : {});
    const isMended = async () =>
      isDeepStrictEqual(specs(await renderedFrom(stage, 'payments')), specs(before));
    // At the deadline the comparison tells what is different.
    await eventually(`mended: ${what}`, isMended, 10_000).catch(() => {});
    t.deepEqual(specs(await renderedFrom(stage, 'payments')), specs(before), what);
  }
  const admin = administrator(t, stage);
  await refusal(() => tries(admin, lease('shop', 'rogue')));
}

/** A Pod as the controller of a Deployment makes it. */
const replica = (namespaceName: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    namespace: namespaceName,
    name: 'api-6858545f6-mmdxp',
    labels: {'pod-template-hash': '6858545f6'},
    ownerReferences: [
      {apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'api-6858545f6', uid: 'u', controller: true},
    ],
  },
  spec: {containers: [{name: 'main', image: 'none'}]},
});

test.serial(
  'without the kind of the registry, only namespaces of the policy are refused anything',
  async t => {
    t.timeout(120_000);
    const stage = await setStage(t);
    const elsewhere = ['other', 'kube-system', 'kube-node-lease', SYSTEM];
    await stage.apply(
      namespace('shop', {team: 'shop'}),
      namespace('other'),
      namespace('kube-node-lease'),
      ...['shop', ...elsewhere].map(each => serviceAccount(each, 'default')),
      policy('payments', {
        subjects: {workloads: {namespaceSelector: {matchLabels: {team: 'shop'}}}},
        naming: {prefix: 'payments'},
        enforcement: strict,
        injection: {mode: 'Env'},
      }),
    );
    const operator = await startLeader(stage);
    await enforced(stage, 'payments');
    const admin = administrator(t, stage);
    await refusal(() => tries(admin, lease('shop', 'rogue')));
    await refusal(() => tries(admin, replica('shop')));
    t.is(await operator.stop(), 0);

    await stage.kubectl(['delete', 'crd', 'leaseregistries.leasepolicy.dev']);
    // A running API server remembers the kind.
    await stage.cluster.kill('kube-apiserver', 'SIGKILL');
    await stage.cluster.restart();
    const refused = await eventually('the kind is gone for the rules too', async () => {
      const {stderr} = await tries(admin, lease('shop', 'rogue'));
      return stderr.includes('failed to configure') && stderr;
    });
    t.regex(refused, /leasepolicy-names-payments/);
    t.not((await tries(admin, replica('shop'))).code, 0);
    for (const name of elsewhere) {
      t.like(await tries(admin, lease(name, 'any')), {code: 0}, name);
      t.like(await tries(admin, replica(name)), {code: 0}, name);
    }
  },
);

test.serial('of two policies each has all its objects, whatever their names are', async t => {
  const stage = await setStage(t);
  const names = ['payments', ...['system', 'fixed', 'sets'].map(each => `payments-${each}`)];
  const naming = {prefix: 'payments', hash: {of: ['namespace', 'name']}};
  const rest = {naming, lease: {namespace: 'locks'}, enforcement: {names: 'Deny'}};
  await stage.apply(namespace('locks'), ...names.map(name => policy(name, rest)));
  await startLeader(stage);
  for (const name of names) {
    await eventually(`all of ${name}`, async () => {
      const bindings = [...(await renderedFrom(stage, name)).values()].filter(({spec}) => spec.policyName);
      // Names and durations in three scopes; for durations three bindings in each.
      return bindings.length === 3 + 9;
    });
  }
  await enforced(stage, ...names);
  t.pass();
});

/** Everything on, in three forms: in the workload's namespace, in a fixed one, and in every namespace. */
function everything(): object[] {
  const until = new Date(Date.now() + 3_600_000).toISOString();
  const enforcement = {
    ...strict,
    exempt: [
      {namespace: '*', name: 'built-in', reason: 'a test', until},
      {namespace: 'shop', name: 'odd.name-1', reason: 'an "odd" one'},
    ],
  };
  const hash = {of: ['kind', 'namespace', 'name']};
  const on = (variable: string) => ({
    access: {grant: 'ServiceAccount'},
    injection: {mode: 'Env', nameEnv: variable, namespaceEnv: `${variable}_NAMESPACE`},
    enforcement,
  });
  const labelled = {
    matchLabels: {team: 'shop'},
    matchExpressions: [
      {key: 'tier', operator: 'NotIn', values: ['test', 'spike']},
      {key: 'old', operator: 'DoesNotExist'},
    ],
  };
  return [
    policy('own', {...on('OWN'), naming: {prefix: 'own', hash}, subjects: {workloads: {kinds}}}),
    policy('fixed', {
      ...on('FIXED'),
      naming: {prefix: 'fixed', hash},
      subjects: {workloads: {kinds, namespaceSelector: labelled, selector: {matchLabels: {app: 'api'}}}},
      lease: {namespace: 'locks'},
    }),
    policy('every', {
      ...on('EVERY'),
      naming: {prefix: 'every', hash},
      subjects: {workloads: {kinds, namespaceSelector: everyNamespace}},
    }),
  ];
}

const POLICIES = ['own', 'fixed', 'every'];

test.serial(
  'the API server has nothing to say against what is rendered, and removes it after its policy',
  async t => {
    t.timeout(240_000);
    const stage = await setStage(t, {components: 'all', auditPolicy: true});
    await stage.apply(namespace('shop', {team: 'shop'}), namespace('locks'), ...everything());
    const first = await startLeader(stage);
    await enforced(stage, ...POLICIES);
    for (const name of POLICIES) await isTypeChecked(t, stage, name);
    await enforced(stage, ...POLICIES);

    t.is(await first.stop(), 0);
    const before = (await admissionWrites(stage)).length;
    t.true(before > 20);
    const second = await startLeader(stage);
    await looksAtAll(second, POLICIES.length);
    t.deepEqual((await admissionWrites(stage)).slice(before), [], 'an unchanged world is left alone');

    const policiesNow = (await admissionWrites(stage)).length;
    await stage.kubectl(['delete', 'leasepolicy', 'own', '--cascade=foreground', '--timeout=60s']);
    await nothingFrom(stage, 'own');
    const foreground = (await admissionWrites(stage)).slice(policiesNow);
    t.deepEqual(
      foreground.filter(each => each.verb !== 'delete'),
      [],
      'nothing was made anew',
    );

    t.is(await second.stop(), 0);
    const admin = administrator(t, stage);
    await stage.kubectl(['delete', 'leasepolicy', 'fixed']);
    await nothingFrom(stage, 'fixed');
    await refusal(() => tries(admin, lease('shop', 'rogue')));
    await stage.kubectl(['delete', '-f', `${ROOT}/crds`, '--timeout=60s']);
    await nothingFrom(stage, 'every');
    await eventually('a creation', async () => (await tries(admin, lease('shop', 'rogue'))).code === 0);
  },
);

async function isTypeChecked(t: ExecutionContext, stage: Stage, name: string): Promise<void> {
  const rendered = await eventually(`the type check of ${name}`, async () => {
    const objects = [...(await renderedFrom(stage, name)).values()];
    const policies = objects.filter(each => each.kind === 'ValidatingAdmissionPolicy');
    const isChecked = ({metadata, status}: Rendered) =>
      status?.typeChecking !== undefined && status.observedGeneration === metadata.generation;
    return policies.length >= 6 && policies.every(isChecked) && objects;
  });
  for (const {metadata, status} of rendered)
    t.is(status?.typeChecking?.expressionWarnings, undefined, metadata.name);
}

type AuditEvent = {
  verb: string;
  userAgent?: string;
  objectRef?: {apiGroup?: string; resource?: string; name?: string};
};

/** The writes of operators to admission policies and their bindings. */
async function admissionWrites({cluster}: Stage): Promise<{verb: string; object: string}[]> {
  const lines = (await readFile(cluster.auditLog ?? '', 'utf8')).split('\n').slice(0, -1);
  return lines
    .map(line => JSON.parse(line) as AuditEvent)
    .filter(({userAgent, objectRef}) => {
      const isOurs = userAgent?.startsWith('leasepolicy/');
      return isOurs && objectRef?.apiGroup === 'admissionregistration.k8s.io';
    })
    .map(({verb, objectRef}) => ({verb, object: `${objectRef?.resource}/${objectRef?.name}`}));
}

/** Waits until an operator that has begun to lead has looked at everything. */
async function looksAtAll(operator: Program, policies: number): Promise<void> {
  const port = operator.lines.find(line => line.message === 'started')?.httpPort;
  await eventually('every key looked at', async () => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const looked = (controller: string) =>
      Number(new RegExp(`reconcile_seconds_count\\{controller="${controller}"\\} (\\d+)`).exec(text)?.[1]);
    const all = looked('admission') >= policies && looked('policy') >= policies;
    return all && /leasepolicy_queue_length 0/.test(text);
  });
}
