/** The name of a workload's Lease by files alone, and files that are none. */
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {call} from '../support/command.ts';

const POLICY = `
apiVersion: leasepolicy.dev/v1alpha1
kind: LeasePolicy
metadata: {name: payments}
spec:
  subjects: {workloads: {}}
  naming: {prefix: payments}
`;

const ORDERS = `
apiVersion: leasepolicy.dev/v1alpha1
kind: LeasePolicy
metadata: {name: orders}
spec:
  subjects:
    workloads:
      kinds: [{apiVersion: apps/v1, kind: StatefulSet}, {kind: Deployment}]
      namespaceSelector: {matchLabels: {team: orders}}
      selector: {matchLabels: {tier: front}}
  naming: {prefix: orders, hash: {of: [kind, namespace, name]}}
`;

const SHOP = `
apiVersion: v1
kind: List
items:
  - {apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: orders}}}
  - {apiVersion: apps/v1, kind: Deployment, metadata: {name: api, namespace: shop, labels: {tier: front}}}
  - {apiVersion: apps/v1, kind: Deployment, metadata: {name: batch, namespace: shop, labels: {tier: back}}}
`;

async function fileOf(t: ExecutionContext, text: string, name = 'file.yaml'): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-name-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const file = path.join(folder, name);
  await writeFile(file, text);
  return file;
}

// printf %s api | sha256sum, of Deployment/shop/api, and of batch
test('a policy of a file gives the name that sha256sum gives', async t => {
  const file = await fileOf(t, POLICY);
  for (const kind of ['deployment', 'deployments', 'deploy', 'Deployment', 'deployment.apps']) {
    const {code, stdout, stderr} = await call(['name', `${kind}/api`, '-n', 'shop', '-f', file]);
    t.deepEqual({code, stdout, stderr}, {code: 0, stdout: 'payments-14c2529eb4\n', stderr: ''}, kind);
  }
});

test('each policy that selects the workload gives a line', async t => {
  const file = await fileOf(t, [POLICY, ORDERS, SHOP].join('---'));
  const {stdout} = await call(['name', 'deploy/api', '-f', file]);
  t.is(stdout, 'payments-14c2529eb4\norders-d381c6448b\n');
  const other = await call(['name', 'deploy/batch', '-f', file, '-o', 'name']);
  t.is(other.stdout, 'lease.coordination.k8s.io/payments-4bb24efc96\n');
});

test('standard input is a file too, and what is not known of labels is assumed', async t => {
  const args = ['name', 'deploy/api', '-n', 'shop', '-f', '-', '-o', 'json'];
  const {stdout, stderr} = await call(args, {stdin: ORDERS});
  t.deepEqual(stderr.split('\n'), [
    'note: no file holds namespace shop: its labels are taken to be those that orders selects',
    'note: no file holds deploy/api of namespace shop: its labels are taken to be those that orders selects',
    '',
  ]);
  t.deepEqual(JSON.parse(stdout), {
    names: [
      {
        lease: 'orders-d381c6448b',
        policy: 'orders',
        namespace: 'shop',
        subject: 'Deployment/api',
        assumed: ['namespaceSelector', 'selector'],
      },
    ],
  });
});

for (const [text, args, sentence] of [
  [
    POLICY,
    ['name', 'deployment/API_x'],
    'no deployment can be called API_x: write lower-case letters and digits, with - between them',
  ],
  [
    POLICY,
    ['name', 'deployment/api', '-n', 'Shop'],
    'no namespace can be called Shop: write lower-case letters and digits, with - between them',
  ],
  [POLICY, ['name', 'api'], 'api is no workload: write its kind and name, such as deployment/api'],
  [
    POLICY,
    ['name', 'sts/db', '-n', 'shop'],
    'no policy gives sts/db in namespace shop a Lease: see the selectors of the policies, as payments is about Deployment',
  ],
  [POLICY, ['name', 'deploy/a', '-n', 'kube-system'], /payments does not select namespace kube-system$/],
  [[ORDERS, SHOP].join('---'), ['name', 'deploy/batch'], /orders does not select its labels$/],
  ['{', ['name', 'deploy/a'], /file\.yaml, line 1: it is no YAML \(.*\): correct it; nothing was done$/],
  [
    '- just\n- a list\n',
    ['name', 'deploy/a'],
    /file\.yaml, line 1: it is no manifest \(it is no map of fields\): correct it; nothing was done$/,
  ],
  [
    `${POLICY}---\nkind: List\nitems:\n  - {apiVersion: v1, kind: Pod, metadata: {name: a}}\n  - {kind: Pod}\n`,
    ['name', 'deploy/a'],
    /file\.yaml, line 12: item 2 of the list is no manifest \(it has no apiVersion\): correct it; nothing was done$/,
  ],
  [SHOP, ['name', 'deploy/api'], /^there is no LeasePolicy in .*file\.yaml: add one by another -f$/],
  [
    POLICY.replace('prefix:', 'prefx:'),
    ['name', 'deploy/api'],
    /LeasePolicy payments can't be in force \(spec\.naming\.prefix: it is missing; spec\.naming\.prefx: there is no such field, only prefix, template, hash\): correct it$/,
  ],
  [
    POLICY.replace('workloads: {}', 'workloads: {namespaceSelector: {matchLabels: {"a b": c}}}'),
    ['name', 'deploy/api'],
    /LeasePolicy payments can't be in force \(namespaceSelector.*\): correct it$/,
  ],
] as const) {
  test(`one sentence and nothing else: ${String(sentence)}`, async t => {
    const {code, stdout, stderr} = await call([...args, '-f', await fileOf(t, text)]);
    t.is(code, 1);
    t.is(stdout, '');
    const [line = '', ...rest] = stderr.replace(/^leasepolicy: /, '').split('\n');
    t.deepEqual(rest, [''], stderr);
    if (typeof sentence === 'string') t.is(line, sentence);
    else t.regex(line, sentence);
  });
}

test('a file that is not there, and a folder without manifests', async t => {
  const missing = await call(['name', 'deploy/a', '-f', 'no-such-file.yaml']);
  t.regex(missing.stderr, /no-such-file\.yaml can't be read \(.*ENOENT.*\): write the path of a manifest\n$/);
  const folder = path.dirname(await fileOf(t, 'text', 'notes.txt'));
  const empty = await call(['name', 'deploy/a', '-f', folder]);
  t.regex(empty.stderr, /has no YAML and no JSON in it: name a folder of manifests\n$/);
});

test('a namespace has the label of its name, as in a cluster', async t => {
  const byName = ORDERS.replace('team: orders', 'kubernetes.io/metadata.name: shop');
  const file = await fileOf(t, [byName, SHOP].join('---'));
  const {code, stdout, stderr} = await call(['name', 'deploy/api', '-f', file]);
  t.deepEqual({code, stdout, stderr}, {code: 0, stdout: 'orders-d381c6448b\n', stderr: ''});
});

test('a folder is all of its manifests', async t => {
  const folder = path.dirname(await fileOf(t, POLICY));
  t.is((await call(['name', 'deploy/api', '-f', folder])).stdout, 'payments-14c2529eb4\n');
});

test('a name that can not be is no name', async t => {
  const long = POLICY.replace('prefix: payments', 'prefix: payments, template: "{prefix}-{name}"');
  const {code, stdout, stderr} = await call([
    'name',
    `deploy/${'a'.repeat(250)}`,
    '-f',
    await fileOf(t, long),
  ]);
  t.is(code, 1);
  t.is(stdout, '');
  t.regex(stderr, /gives Deployment\/a+ no name \(.*would have 259 characters and 253 are allowed.*\)/);
});
