/** Commands that look at a cluster: what they print of it, and what they say when they can't look. */

import {once} from 'node:events';
import {rm, writeFile} from 'node:fs/promises';
import {createServer} from 'node:net';
import test, {type ExecutionContext} from 'ava';
import {parseAllDocuments} from 'yaml';
import {policy as testPolicy} from '../../support/builders.ts';
import {call} from '../../support/command.ts';
import {type SmallClusterOptions, smallCluster, writeKubeconfig} from '../../support/small-cluster.ts';

const LEASES = '/apis/coordination.k8s.io/v1/leases';

const namespace = (name: string, labels = {}) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {name, labels},
});

const deployment = (name: string, place = 'shop', labels = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: {name, namespace: place, labels},
  spec: {template: {spec: {}}},
});

function policy(name = 'payments') {
  const {spec} = testPolicy(name);
  return {apiVersion: 'leasepolicy.dev/v1alpha1', kind: 'LeasePolicy', metadata: {name}, spec};
}

const microTime = (secondsAgo: number) =>
  new Date(Date.now() - secondsAgo * 1000).toISOString().replace('Z', '000Z');

function lease(
  name: string,
  spec: object = {},
  more: {namespace?: string; labels?: object; annotations?: object} = {},
) {
  const {namespace: place = 'shop', ...metadata} = more;
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {name, namespace: place, ...metadata},
    spec,
  };
}

/** Long enough for a machine that is busy with other tests. */
const held = (by: string, secondsAgo = 3) => ({
  holderIdentity: by,
  leaseDurationSeconds: 600,
  leaseTransitions: 4,
  acquireTime: microTime(3600),
  renewTime: microTime(secondsAgo),
});

/** As the operator labels a Lease that it has made for this subject. */
const made = (subject: string, annotations: object = {}) => ({
  labels: {
    'app.kubernetes.io/managed-by': 'leasepolicy',
    'leasepolicy.dev/policy': 'payments',
    'leasepolicy.dev/origin': 'created',
    'leasepolicy.dev/naming': 'v1',
  },
  annotations: {'leasepolicy.dev/subject': subject, ...annotations},
});

const API = 'payments-14c2529eb4';
/** printf %s web | sha256sum */
const WEB = 'payments-4b5e57f6eb';

const SHOP = [
  namespace('shop'),
  policy(),
  deployment('api'),
  lease(API, held('api-66d9c47458-hvdmx_1'), made('Deployment/api')),
  lease(WEB, held('web-66d9c47458-x2x4z_1', 7200), made('Deployment/web')),
  lease('mylock', {...held('api-66d9c47458-hvdmx_2'), leaseDurationSeconds: 0}),
  lease('node-1', held('node-1'), {namespace: 'kube-node-lease'}),
];

/** Without what a command says of itself where a machine that is busy with other tests keeps it waiting. */
async function on(t: ExecutionContext, objects: readonly object[], ...args: string[]) {
  const {kubeconfig} = await smallCluster(t, {objects});
  const printed = await call([...args, '--kubeconfig', kubeconfig]);
  return {...printed, stderr: printed.stderr.replaceAll(/^reading the cluster: .*\n/gm, '')};
}

/** The cells of a table; seconds of a renewal just now are told as some. */
const rowsOf = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map(line => line.split(/ {3,}/).map(cell => (/^\d{1,2}s$/.test(cell) ? 'some' : cell)));

test('get lists the Leases of the namespace of the context', async t => {
  const {code, stdout, stderr} = await on(t, SHOP, 'get');
  t.is(code, 0);
  t.is(stderr, '');
  t.deepEqual(rowsOf(stdout), [
    ['NAME', 'CLASS', 'STATE', 'SUBJECT', 'HOLDER', 'RENEWED', 'FINDINGS'],
    ['mylock', 'unknown', 'unknown', '<none>', 'Deployment/api', 'some', 'MisnamedLease'],
    [API, 'leader-election', 'held', 'Deployment/api', 'Deployment/api', 'some', '<none>'],
    [WEB, 'leader-election', 'orphaned', 'Deployment/web', 'Deployment/web', '120m', 'OrphanedLease'],
  ]);
});

test('get -A has the namespaces, and the heartbeats of nodes', async t => {
  const {stdout} = await on(t, SHOP, 'get', '-A', '-o', 'name');
  t.deepEqual(
    stdout.trimEnd().split('\n'),
    ['node-1', 'mylock', API, WEB].map(each => `lease.coordination.k8s.io/${each}`),
  );
  const table = rowsOf((await on(t, SHOP, 'list', '-A')).stdout);
  t.deepEqual(table[1], [
    'kube-node-lease',
    'node-1',
    'node-heartbeat',
    'held',
    'Node/node-1',
    'Node/node-1',
    'some',
    '<none>',
  ]);
});

test('get takes names and labels, and JSON has every fact', async t => {
  const one = await on(t, SHOP, 'get', `lease/${API}`, '-o', 'json');
  const {items, notes} = JSON.parse(one.stdout);
  t.deepEqual(notes, []);
  t.like(items[0], {
    namespace: 'shop',
    name: API,
    class: 'leader-election',
    evidence: 'label',
    state: 'held',
    policies: ['payments'],
    subject: 'Deployment/api',
    holder: 'api-66d9c47458-hvdmx_1',
    holderWorkload: 'Deployment/api',
    durationSeconds: 600,
    transitions: 4,
    findings: [],
  });
  const labelled = await on(
    t,
    SHOP,
    'get',
    '-l',
    'leasepolicy.dev/origin in (created, adopted)',
    '-o',
    'name',
  );
  t.is(labelled.stdout.split('\n').length, 3);
  const none = await on(t, SHOP, 'get', '-l', '!leasepolicy.dev/origin,team', '-n', 'shop');
  t.deepEqual(none, {code: 0, stdout: '', stderr: 'No Leases found in namespace shop.\n'});
});

test('explain tells whose a Lease is and that it is kept', async t => {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'api-66d9c47458-hvdmx',
      namespace: 'shop',
      labels: {'pod-template-hash': '66d9c47458'},
      ownerReferences: [{apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'api-66d9c47458', uid: 'r'}],
    },
    spec: {nodeName: 'node-1'},
    status: {phase: 'Running'},
  };
  const {code, stdout, stderr} = await on(t, [...SHOP, pod], 'explain', `lease/${API}`);
  t.is(code, 0, stderr);
  t.deepEqual(
    stdout.split('\n').filter(line => !/^(Renewed|Acquired):/.test(line)),
    [
      `Lease:        shop/${API}`,
      'Class:        leader-election',
      '              by its label: we made or adopted it for a workload',
      'State:        held',
      'Policy:       payments',
      'Namespace:    governed by payments',
      'Subject:      Deployment/api',
      'Holder:       api-66d9c47458-hvdmx_1',
      '              Pod api-66d9c47458-hvdmx, Running on node-1',
      '              of Deployment/api',
      'Transitions:  4',
      'Findings:     <none>',
      'Now:          nothing to do',
      'Then:         it is kept: it is the name of Deployment/api under policy payments',
      '',
    ],
  );
  t.regex(stdout, /^Renewed: {6}\S+Z \(\d+s ago, lasts 600s\)$/m);
});

test('explain tells when an orphan is deleted: by who has watched, and by who starts now', async t => {
  const mark = new Date(Date.now() - 1800_000).toISOString();
  const orphan = lease(WEB, held('web-66d9c47458-x2x4z_1', 7200), {
    ...made('Deployment/web', {'leasepolicy.dev/orphaned-since': mark}),
  });
  const others = SHOP.filter(each => each.metadata.name !== WEB);
  const {stdout} = await on(t, [...others, orphan], 'explain', WEB, '-o', 'json');
  const {fate, state, pod} = JSON.parse(stdout);
  t.is(state, 'orphaned');
  t.is(pod, null);
  t.like(fate, {
    what: 'deleted',
    because: 'nobody holds it, and it is no longer the name of Deployment/web',
  });
  // The ttl of an hour counts from the mark; the Lease itself lasts ten minutes.
  t.true(Math.abs(Date.parse(fate.due) - Date.parse(mark) - 3600_000) < 2_000, fate.due);
  // Whoever starts now takes the holder for alive so long, and gives the Lease its ttl anew.
  t.true(Math.abs(Date.parse(fate.notBefore) - Date.now() - 4200_000) < 15_000, fate.notBefore);
  const {stdout: text} = await on(t, [...others, orphan], 'explain', WEB);
  t.regex(text, /^Findings: {5}OrphanedLease \(payments\): .+\n {14}docs\/findings\.md says what to do$/m);
});

test('what strangers wrote neither makes lines nor steers the terminal', async t => {
  const evil = lease('evil', held('a\nState: held\u001b[2J'), {
    annotations: {'leasepolicy.dev/subject': 'Deployment/x\nPolicy: none\u001b[31m'},
    labels: made('').labels,
  });
  const {stdout} = await on(t, [...SHOP, evil], 'explain', 'evil');
  t.false(stdout.includes('\u001b'));
  t.is(stdout.split('\n').filter(line => /^(State|Policy):/.test(line)).length, 2);
  t.regex(stdout, /^Subject: {6}Deployment\/x\\u000aPolicy: none\\u001b\[31m$/m);
});

test('plan lists what would be done, and has the exit code 2', async t => {
  const {code, stdout} = await on(t, [namespace('shop'), policy(), deployment('api')], 'plan', '-o', 'json');
  t.is(code, 2);
  const {actions, events} = JSON.parse(stdout) as {actions: Record<string, string>[]; events: object[]};
  t.like(actions[0], {
    action: 'create',
    kind: 'Lease',
    namespace: 'shop',
    name: API,
    policy: 'payments',
    detail: 'for Deployment/api',
  });
  t.deepEqual(
    [...new Set(actions.map(({action, kind}) => `${action} ${kind}`))],
    [
      'create Lease',
      'create LeaseRegistry',
      'create ValidatingAdmissionPolicy',
      'create ValidatingAdmissionPolicyBinding',
      'status LeasePolicy',
    ],
  );
  t.is(events.length, 1);
});

test('plan of one namespace leaves out what is not in it', async t => {
  const {stdout} = await on(t, SHOP, 'plan', '-n', 'shop');
  t.deepEqual(new Set(rowsOf(stdout).map(row => row[2])), new Set(['NAMESPACE', 'shop']));
});

test('a plan of nothing is the exit code 0', async t => {
  const {code, stdout, stderr} = await on(t, [namespace('shop'), deployment('api')], 'plan');
  t.deepEqual({code, stdout, stderr}, {code: 0, stdout: '', stderr: 'Nothing to do.\n'});
});

test('what a silent Lease means is left open, and looking on settles it', async t => {
  const silent = lease(
    WEB,
    {...held('web-66d9c47458-x2x4z_1', 7200), leaseDurationSeconds: 5},
    made('Deployment/web'),
  );
  const world = [namespace('shop'), policy(), deployment('api'), silent];
  const marks = (stdout: string) =>
    (JSON.parse(stdout) as {actions: {action: string}[]}).actions.filter(({action}) => action === 'mark')
      .length;
  const first = await on(t, world, 'plan', '-o', 'json');
  t.deepEqual(JSON.parse(first.stdout).silent, [{namespace: 'shop', name: WEB}]);
  t.is(marks(first.stdout), 0);
  const later = await on(t, world, 'plan', '-o', 'json', '--watch-for', '6');
  t.deepEqual(JSON.parse(later.stdout).silent, []);
  t.is(marks(later.stdout), 1);
  t.is(later.stderr, 'looking on for 6 seconds\n');
});

test('a silent Lease of which no policy decides anything is not told', async t => {
  const foreign = lease('other', held('somebody_1', 7200));
  const {stdout} = await on(t, [namespace('shop'), policy(), foreign], 'plan', '-o', 'json');
  t.deepEqual(JSON.parse(stdout).silent, []);
});

test('a plan takes the operator for the user that its objects name, or for the one of its Deployment', async t => {
  const admission = async (live: readonly object[], ...flags: string[]) => {
    const {stdout} = await on(t, [namespace('shop'), policy(), ...live], 'plan', '-o', 'json', ...flags);
    const {actions} = JSON.parse(stdout) as {actions: {action: string; kind: string}[]};
    return actions.filter(({kind}) => kind.startsWith('Validating')).map(({action}) => action);
  };
  const rendered = async (...flags: string[]) => {
    const {stdout} = await on(t, SHOP, 'render', 'payments', '-o', 'json', ...flags);
    return (JSON.parse(stdout) as {items: object[]}).items;
  };
  const ofSomebody = await rendered('--operator-user', 'somebody');
  t.deepEqual(await admission(ofSomebody), []);
  t.deepEqual(new Set(await admission(ofSomebody, '--operator-user', 'else')), new Set(['repair']));
  const usual = await rendered('--operator', 'ops/lp');
  t.true(JSON.stringify(usual).includes('system:serviceaccount:ops:lp'));
});

test('work that takes more than two seconds says how far it is, and still prints what it found', async t => {
  const {kubeconfig} = await smallCluster(t, {objects: SHOP, late: {path: LEASES, ms: 2500}});
  const {code, stdout, stderr} = await call(['get', '--kubeconfig', kubeconfig, '-o', 'name']);
  t.is(code, 0);
  t.is(stdout.split('\n').length, 4);
  t.regex(stderr, /^reading the cluster: (.*, )?1 namespaces(, .*)?\n/);
});

test('render prints the admission objects of a policy, with their owner', async t => {
  const {code, stdout} = await on(t, SHOP, 'render', 'payments');
  t.is(code, 0);
  const objects = parseAllDocuments(stdout).map(each => each.toJS());
  t.true(objects.length > 2);
  for (const {apiVersion, metadata} of objects) {
    t.is(apiVersion, 'admissionregistration.k8s.io/v1');
    t.is(metadata.ownerReferences[0].uid, 'uid-of-LeasePolicy-payments');
  }
});

test('render takes a policy from a file too, and it has no owner yet', async t => {
  const stdin = JSON.stringify(policy());
  const {code, stdout} = await call(['render', '-f', '-', '-o', 'json'], {stdin});
  t.is(code, 0);
  const {kind, items} = JSON.parse(stdout);
  t.is(kind, 'List');
  t.true(items.length > 2);
  t.true(items.every((each: {metadata: object}) => !('ownerReferences' in each.metadata)));
});

test('name asks the cluster for policies and labels', async t => {
  const picky = {...policy('picky'), spec: {...policy('picky').spec}};
  Object.assign(picky.spec, {naming: {...picky.spec.naming, prefix: 'picky'}});
  Object.assign(picky.spec, {
    subjects: {workloads: {...picky.spec.subjects.workloads, selector: {matchLabels: {tier: 'front'}}}},
  });
  const world = [
    namespace('shop'),
    policy(),
    picky,
    deployment('api'),
    deployment('web', 'shop', {tier: 'front'}),
  ];
  t.is((await on(t, world, 'name', 'deploy/api')).stdout, `${API}\n`);
  t.deepEqual((await on(t, world, 'name', 'deploy/web', '-n', 'shop')).stdout.trimEnd().split('\n'), [
    WEB,
    'picky-4b5e57f6eb',
  ]);
  // Of one that is not there the labels are not known.
  const json = await on(t, world, 'name', 'deploy/new', '-o', 'json');
  const {names} = JSON.parse(json.stdout) as {names: {policy: string; assumed: string[]}[]};
  t.deepEqual(
    names.map(each => [each.policy, each.assumed]),
    [
      ['payments', []],
      ['picky', ['selector']],
    ],
  );
  t.is(
    json.stderr,
    'note: there is no deploy/new in namespace shop: its labels are taken to be those that picky selects\n',
  );
});

test('name tells that the workload or its namespace is not there, and still gives the name', async t => {
  const world = [namespace('shop'), policy(), deployment('api')];
  const noWorkload = await on(t, world, 'name', 'deployment/nope');
  t.regex(noWorkload.stdout, /^payments-[0-9a-f]{10}\n$/);
  t.is(
    noWorkload.stderr,
    'note: there is no deployment/nope in namespace shop: this is the name that the Lease would have\n',
  );
  const noNamespace = await on(t, world, 'name', 'deployment/api', '-n', 'nope');
  t.like(noNamespace, {code: 0, stdout: `${API}\n`});
  t.is(
    noNamespace.stderr,
    'note: there is no namespace nope: this is the name that the Lease would have\nnote: there is no deployment/api in namespace nope: this is the name that the Lease would have\n',
  );
  const there = await on(t, world, 'name', 'deployment/api');
  t.deepEqual(there, {code: 0, stdout: `${API}\n`, stderr: ''});
});

test('name notes what may not be read only where the name rests on it', async t => {
  const world = [namespace('shop'), policy(), deployment('api')];
  const refusals = {'/apis/apps/v1/namespaces/shop/deployments': {status: 403, message: 'no'}};
  const plain = await smallCluster(t, {objects: world, refusals});
  t.deepEqual(await call(['name', 'deployment/api', '--kubeconfig', plain.kubeconfig]), {
    code: 0,
    stdout: `${API}\n`,
    stderr: '',
  });
  const {spec} = policy();
  const workloads = {...spec.subjects.workloads, selector: {matchLabels: {tier: 'front'}}};
  const picky = {...policy(), spec: {...spec, subjects: {workloads}}};
  const rests = await smallCluster(t, {objects: [namespace('shop'), picky], refusals});
  t.is(
    (await call(['name', 'deployment/api', '--kubeconfig', rests.kubeconfig])).stderr,
    'note: you may not read deployment/api in namespace shop: its labels are taken to be those that payments selects\n',
  );
});

const FORBIDDEN = {
  status: 403,
  message: 'leases.coordination.k8s.io is forbidden: User "viewer" cannot list resource "leases"',
};
const ALL_COMMANDS: readonly string[][] = [
  ['get', '-A'],
  ['get'],
  ['explain', 'lease/a'],
  ['plan'],
  ['render', 'payments'],
  ['name', 'deployment/api'],
];

async function refused(t: ExecutionContext, args: readonly string[], kubeconfig: string) {
  const {code, stdout, stderr} = await call([...args, '--kubeconfig', kubeconfig]);
  t.is(code, 1, stdout);
  t.is(stdout, '', 'nothing half-written');
  const [line = '', ...rest] = stderr.split('\n');
  t.deepEqual(rest, [''], stderr);
  return line.replace(/^leasepolicy: /, '');
}

const refusedBy = async (t: ExecutionContext, args: readonly string[], options: SmallClusterOptions) =>
  refused(t, args, (await smallCluster(t, options)).kubeconfig);

for (const args of ALL_COMMANDS) {
  const what = args.join(' ');

  test(`${what}: a server that can't be reached is one sentence, and valid JSON`, async t => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const {port} = server.address() as {port: number};
    server.close();
    await once(server, 'close');
    const kubeconfig = await writeKubeconfig(t, `http://127.0.0.1:${port}`);
    t.regex(
      await refused(t, args, kubeconfig),
      /^the API server can't be reached \(.*ECONNREFUSED.*\): see that it runs, and that --kubeconfig and --context name/,
    );
    const {code, stdout, stderr} = await call([...args, '--kubeconfig', kubeconfig, '-o', 'json']);
    t.is(code, 1);
    t.is(stderr, '');
    t.is(JSON.parse(stdout).error.reason, 'Unreachable');
  });

  test(`${what}: credentials that nobody knows`, async t => {
    const refusals = {'/': {status: 401, message: 'Unauthorized'}};
    t.is(
      await refusedBy(t, args, {refusals}),
      'the API server does not know who you are (Unauthorized): renew the credentials of the context, or name another by --context',
    );
  });

  test(`${what}: no kubeconfig, and one that is none`, async t => {
    const sentence = await refused(t, args, '/no/such/kubeconfig');
    t.regex(sentence, /^the kubeconfig can't be read \(ENOENT.*\): set KUBECONFIG to the file of a cluster/);
    const {kubeconfig} = await smallCluster(t);
    await writeFile(kubeconfig, '{not yaml');
    t.regex(await refused(t, args, kubeconfig), /^the kubeconfig can't be read \(/);
    await rm(kubeconfig);
    await writeFile(kubeconfig, '{}');
    t.regex(await refused(t, args, kubeconfig), /^no cluster to talk to: set KUBECONFIG/);
  });

  test(`${what}: a context that is not there`, async t => {
    const {kubeconfig} = await smallCluster(t);
    t.is(
      await refused(t, [...args, '--context', 'prod'], kubeconfig),
      'there is no context prod: write one of small',
    );
  });
}

for (const args of [['get', '-A'], ['plan']]) {
  test(`${args.join(' ')}: a right that is missing`, async t => {
    const sentence = await refusedBy(t, args, {refusals: {[LEASES]: FORBIDDEN}});
    t.regex(sentence, /forbidden: User "viewer" cannot list resource "leases": ask for that right/);
  });
}

test('who may read one namespace alone sees its Leases, and what is missing is told', async t => {
  const no = (resource: string) => ({status: 403, message: `${resource} is forbidden`});
  const {kubeconfig} = await smallCluster(t, {
    objects: SHOP,
    refusals: {
      [LEASES]: FORBIDDEN,
      '/apis/leasepolicy.dev/v1alpha1/leasepolicies': no('leasepolicies'),
      '/api/v1/namespaces?': no('namespaces'),
      '/apis/admissionregistration.k8s.io/v1/': no('admission policies'),
    },
  });
  const {code, stdout, stderr} = await call(['get', '-n', 'shop', '--kubeconfig', kubeconfig]);
  t.is(code, 0, stderr);
  t.deepEqual(
    rowsOf(stdout).map(([name, , state]) => [name, state]),
    [
      ['NAME', 'STATE'],
      ['mylock', 'unknown'],
      [API, 'held'],
      [WEB, 'expired'],
    ],
  );
  t.regex(stderr, /^note: without leasepolicies: leasepolicies is forbidden$/m);
  t.regex(stderr, /^note: so findings are missing, and what is orphaned is told as if it were not$/m);

  const explained = await call(['explain', `lease/${WEB}`, '-n', 'shop', '--kubeconfig', kubeconfig]);
  t.regex(explained.stdout, /^Then: +nobody can tell: .* shows in leasepolicies, which can't be read$/m);
});

const UNSERVED = {status: 404, message: '404 page not found'};
const NO_CRD = {refusals: {'/apis/leasepolicy.dev/': UNSERVED}};

for (const args of [['plan'], ['render', 'payments'], ['name', 'deployment/api']]) {
  test(`${args.join(' ')}: a cluster without the CRDs`, async t => {
    t.is(
      await refusedBy(t, args, NO_CRD),
      'the cluster has no LeasePolicies: install LeasePolicy, or name another cluster by --context',
    );
  });
}

test('get shows Leases also where LeasePolicy is not installed', async t => {
  const {kubeconfig} = await smallCluster(t, {...NO_CRD, objects: SHOP});
  const {code, stdout, stderr} = await call(['get', '--kubeconfig', kubeconfig]);
  t.is(code, 0);
  t.is(rowsOf(stdout).length, 4);
  t.is(stderr, 'note: without leasepolicies, leaseregistries: the cluster has no LeasePolicies\n');
});

for (const [args, sentence] of [
  [
    ['get', 'nope'],
    'there is no Lease nope in namespace shop: name its namespace by -n, or look at all by -A',
  ],
  [['get', 'nope', '-A'], 'there is no Lease nope in any namespace: look at all by get -A'],
  [['explain', 'lease/nope'], 'there is no Lease nope in namespace shop: look at all by get -A'],
  [
    ['explain', 'lease/mylock', '-n', 'other'],
    'there is no Lease mylock in namespace other: there is one in shop: name it by -n',
  ],
  [['explain', 'pod/a'], 'pod/a is no Lease: write lease/NAME, and its namespace by -n'],
  [['render', 'nope'], 'leasepolicies "nope" not found: look for it by kubectl get'],
  [['render'], 'no policy is named: write the names of policies, or give a file by -f'],
  [
    ['get', '-l', 'a b'],
    '--selector can\'t be read ("a b" is no requirement of a label): write labels as team=payments,tier!=db',
  ],
  [
    ['plan', '--operator', 'x'],
    '--operator x is no operator: write the namespace and the name of its Deployment, such as leasepolicy-system/leasepolicy',
  ],
  [['top'], 'top draws on a terminal, and this is none: use get -A --watch instead'],
] as const) {
  test(`a name that fits nothing is one sentence: ${args.join(' ')}`, async t => {
    t.is(await refusedBy(t, args, {objects: SHOP}), sentence);
  });
}
