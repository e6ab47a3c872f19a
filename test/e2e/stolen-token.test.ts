/** What somebody can do who has the operator's token: exactly what config/rbac says, and what docs/security.md owns to. */
import {readFile} from 'node:fs/promises';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {ROOT} from '../../dev/programs.ts';
import {type Account, accountsOf, startLeaderAs} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {type Manifest, type Rule, rights} from '../support/rights.ts';
import {deployment, namespace, policy, type Stage, setStage} from '../support/stage.ts';

const SYSTEM = 'leasepolicy-system';
const RBAC = 'rbac.authorization.k8s.io';

async function steal(t: ExecutionContext): Promise<{stage: Stage; thief: Account}> {
  const stage = await setStage(t);
  await stage.kubectl(['apply', `--kustomize=${path.join(ROOT, 'config', 'default')}`]);
  await stage.apply(namespace('shop'), deployment('shop', 'api'));
  const thief = await (await accountsOf(t, stage))(SYSTEM, 'leasepolicy');
  await eventually('the rights are there', async () => mayI(thief, 'list', 'leasepolicies.leasepolicy.dev'));
  return {stage, thief};
}

/** The answer of `kubectl auth can-i`, by the token itself. */
async function mayI({kubectl}: Account, verb: string, what: string, where = 'shop'): Promise<boolean> {
  const [resource = '', subresource] = what.split('/');
  const part = subresource ? [`--subresource=${subresource}`] : [];
  const {stdout} = await kubectl(['auth', 'can-i', verb, resource, ...part, '-n', where]);
  return stdout.trim().split('\n').at(-1) === 'yes';
}

test('the API server lists the rights of the token, and they are those of config/rbac and no other', async t => {
  t.timeout(120_000);
  const {thief} = await steal(t);
  for (const where of [SYSTEM, 'shop']) {
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectRulesReview',
      spec: {namespace: where},
    };
    const {stdout} = await thief.kubectl(
      ['create', '--raw', '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', '-f', '-'],
      JSON.stringify(review),
    );
    const {status} = JSON.parse(stdout) as {status: Review};
    t.false(status.incomplete);
    t.deepEqual(flat(status.resourceRules), flat([...rights(where), ...FOR_EVERYBODY]));
    const paths = status.nonResourceRules.flatMap(({verbs, nonResourceURLs = []}) =>
      verbs.flatMap(verb => nonResourceURLs.map(url => `${verb} ${url}`)),
    );
    t.deepEqual(
      paths.filter(
        each => !/^get \/(api|apis|healthz|livez|readyz|openapi|version|openid|\.well-known)\b/.test(each),
      ),
      [],
    );
  }
  const list = (await thief.kubectl(['auth', 'can-i', '--list', '-n', 'shop'])).stdout;
  const resources = list.split('\n').filter(line => /^\S/.test(line));
  t.true(resources.some(line => line.startsWith('leases.coordination.k8s.io ')));
  for (const line of resources)
    t.notRegex(line, /secrets|configmaps|pods|exec|impersonate|escalate|\bbind\b|\*/);
});

type Review = {
  incomplete: boolean;
  resourceRules: Rule[];
  nonResourceRules: {verbs: string[]; nonResourceURLs?: string[]}[];
};

/** Who has a token may ask who he is and what he may do: ClusterRole system:basic-user. */
const FOR_EVERYBODY: Rule[] = [
  {apiGroups: ['authentication.k8s.io'], resources: ['selfsubjectreviews'], verbs: ['create']},
  {
    apiGroups: ['authorization.k8s.io'],
    resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
    verbs: ['create'],
  },
];

const flat = (rules: readonly Rule[]) =>
  [
    ...new Set(
      rules.flatMap(({apiGroups, resources, verbs, resourceNames = ['']}) =>
        apiGroups.flatMap(group =>
          resources.flatMap(resource =>
            verbs.flatMap(verb => resourceNames.map(name => `${verb} ${resource}.${group} ${name}`)),
          ),
        ),
      ),
    ),
  ].sort();

/** Each a way to more than is granted. */
const REFUSED: [verb: string, what: string][] = [
  ...['get', 'list', 'watch', 'create'].map((verb): [string, string] => [verb, 'secrets']),
  ...['get', 'list', 'watch', 'patch'].map((verb): [string, string] => [verb, 'configmaps']),
  ...['get', 'list', 'create', 'delete', 'patch'].map((verb): [string, string] => [verb, 'pods']),
  ['create', 'pods/exec'],
  ['get', 'pods/exec'],
  ['create', 'pods/attach'],
  ['create', 'pods/portforward'],
  ['get', 'pods/log'],
  ['update', 'pods/ephemeralcontainers'],
  ['create', 'serviceaccounts/token'],
  ['get', 'nodes/proxy'],
  ['create', 'services/proxy'],
  ['patch', 'nodes'],
  ['patch', 'namespaces'],
  ['delete', 'namespaces'],
  ['patch', 'deployments.apps'],
  ['create', 'deployments.apps'],
  ['impersonate', 'users'],
  ['impersonate', 'groups'],
  ['impersonate', 'serviceaccounts'],
  ...['escalate', 'bind', 'get', 'update', 'deletecollection'].map((verb): [string, string] => [
    verb,
    `roles.${RBAC}`,
  ]),
  ...['escalate', 'bind', 'list', 'create', 'patch', 'delete'].map((verb): [string, string] => [
    verb,
    `clusterroles.${RBAC}`,
  ]),
  ...['create', 'patch', 'delete'].map((verb): [string, string] => [verb, `clusterrolebindings.${RBAC}`]),
  ...['create', 'update', 'patch', 'delete'].map((verb): [string, string] => [
    verb,
    'leasepolicies.leasepolicy.dev',
  ]),
  ['patch', 'customresourcedefinitions.apiextensions.k8s.io'],
  ['create', 'validatingwebhookconfigurations.admissionregistration.k8s.io'],
  ['create', 'mutatingwebhookconfigurations.admissionregistration.k8s.io'],
  ['create', 'certificatesigningrequests.certificates.k8s.io'],
  ['create', 'apiservices.apiregistration.k8s.io'],
  ['deletecollection', 'leases.coordination.k8s.io'],
  ['*', '*'],
];

test('who has the token reads no Secret, gets into no Pod, and is nobody else', async t => {
  t.timeout(120_000);
  const {thief} = await steal(t);
  for (const where of ['shop', SYSTEM, 'kube-system'])
    for (const [verb, what] of REFUSED)
      t.false(await mayI(thief, verb, what, where), `${verb} ${what} in ${where}`);

  for (const args of [
    ['get', 'secrets', '-A'],
    ['get', 'configmaps', '-n', 'kube-system'],
    ['get', 'pods', '-n', 'shop'],
    ['exec', 'api-0', '-n', 'shop', '--', 'true'],
    ['create', 'token', 'default', '-n', 'kube-system'],
    ['get', 'leases', '-A', '--as=system:admin', '--as-group=system:masters'],
  ]) {
    const {code, stderr} = await thief.kubectl(args);
    t.not(code, 0, args.join(' '));
    t.regex(stderr, /Forbidden|forbidden/, args.join(' '));
  }
});

test('who has the token can not give anybody more than it has itself', async t => {
  t.timeout(120_000);
  const {stage, thief} = await steal(t);
  const creates = (object: object) => thief.kubectl(['create', '-f', '-'], JSON.stringify(object));
  const patches = (what: string, patch: object) =>
    thief.kubectl([
      'patch',
      ...what.split('/'),
      '-n',
      'shop',
      '--type=merge',
      `--patch=${JSON.stringify(patch)}`,
    ]);
  const refuses = async (answer: Promise<{code: number | null; stderr: string}>) => {
    const {code, stderr} = await answer;
    t.not(code, 0);
    t.regex(stderr, /attempting to grant RBAC permissions not currently held|forbidden/);
  };
  const itself = {kind: 'ServiceAccount', namespace: SYSTEM, name: 'leasepolicy'};
  await stage.apply(
    role('reader', [{apiGroups: [''], resources: ['secrets'], verbs: ['get']}]),
    binding('readers', {kind: 'Role', name: 'reader'}),
    binding('admins', {kind: 'ClusterRole', name: 'admin'}),
  );
  await refuses(creates(role('secrets', [{apiGroups: [''], resources: ['secrets'], verbs: ['get']}])));
  await refuses(creates(role('all', [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}])));
  await refuses(creates(binding('me', {kind: 'ClusterRole', name: 'cluster-admin'}, itself)));
  await refuses(creates(binding('me', {kind: 'Role', name: 'reader'}, itself)));
  await refuses(patches('rolebinding/readers', {subjects: [itself]}));
  await refuses(patches('rolebinding/admins', {subjects: [itself]}));
  await refuses(patches('role/reader', {rules: [{apiGroups: [''], resources: ['secrets'], verbs: ['*']}]}));
});

const role = (name: string, rules: Rule[]) => ({
  apiVersion: `${RBAC}/v1`,
  kind: 'Role',
  metadata: {namespace: 'shop', name},
  rules,
});

const binding = (name: string, roleRef: object, ...subjects: object[]) => ({
  apiVersion: `${RBAC}/v1`,
  kind: 'RoleBinding',
  metadata: {namespace: 'shop', name},
  roleRef: {apiGroup: RBAC, ...roleRef},
  subjects,
});

/** If one of these is no longer possible, docs/security.md says too much. */
test('what docs/security.md owns to is possible to who has the token', async t => {
  t.timeout(120_000);
  const {stage, thief} = await steal(t);
  const lease = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {namespace: 'kube-system', name: 'held'},
  };
  await stage.apply({...lease, spec: {holderIdentity: 'a', leaseDurationSeconds: 15}}, role('others', []));
  const passes = async (args: string[], input?: object) => {
    const {code, stderr} = await thief.kubectl(args, input && JSON.stringify(input));
    t.is(code, 0, `${args.join(' ')}: ${stderr}`);
  };
  const create = ['create', '-f', '-', '--dry-run=server'];
  await passes([
    'patch',
    'lease',
    'held',
    '-n',
    'kube-system',
    '--type=merge',
    '--patch={"spec":{"holderIdentity":"b"}}',
  ]);
  await passes(['delete', 'lease', 'held', '-n', 'kube-system']);
  t.true(await mayI(thief, 'patch', 'leasepolicies.leasepolicy.dev/status'));
  t.true(await mayI(thief, 'create', 'events'));
  await passes(create, DENY_ALL);
  await passes(create, CHANGE_PODS);
  await passes(create, {
    apiVersion: 'leasepolicy.dev/v1alpha1',
    kind: 'LeaseRegistry',
    metadata: {name: 'leases', namespace: 'shop'},
    spec: {exempt: ['any']},
  });
  const own: Rule = {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    verbs: ['get', 'update', 'delete'],
  };
  await passes(create, role('own', [own]));
  await passes(['delete', 'role', 'others', '-n', 'shop']);
});

const ALL_PODS = {
  resourceRules: [{apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods']}],
};

const DENY_ALL: Manifest = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: {name: 'nobody'},
  spec: {matchConstraints: ALL_PODS, validations: [{expression: 'false'}]},
};

/** By this a Pod of anybody runs as another service account: who may write such a policy may do what any Pod may. */
const CHANGE_PODS: Manifest = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingAdmissionPolicy',
  metadata: {name: 'as-another'},
  spec: {
    matchConstraints: ALL_PODS,
    reinvocationPolicy: 'Never',
    mutations: [
      {
        patchType: 'ApplyConfiguration',
        applyConfiguration: {expression: 'Object{spec: Object.spec{serviceAccountName: "another"}}'},
      },
    ],
  },
};

test('nothing that the operator prints has its token in it', async t => {
  t.timeout(120_000);
  const {stage, thief} = await steal(t);
  const {users} = JSON.parse(await readFile(thief.kubeconfig, 'utf8')) as {users: [{user: {token: string}}]};
  const [{user}] = users;
  // Refusals too: their requests had the token.
  await stage.kubectl(['delete', 'clusterrolebinding', 'leasepolicy-operator-access']);
  const operator = await startLeaderAs(t, thief, '--log-level=debug');
  const grant = {naming: {prefix: 'pay'}, access: {grant: 'ServiceAccount'}};
  await stage.apply(policy('payments', grant));
  await operator.line('a refusal', ({message}) => /forbidden/.test(String(message)));
  await operator.stop();
  t.true(user.token.length > 100);
  const printed = JSON.stringify(operator.lines) + operator.errors;
  t.false(printed.includes(user.token));
  t.notRegex(printed, /Bearer|eyJ[A-Za-z0-9_-]{20}/);
});
