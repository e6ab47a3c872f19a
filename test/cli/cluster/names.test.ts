/** Names of a cluster where a shell completes a word: which of them, by which flags, and none where none are known. */
import test from 'ava';
import {call} from '../../support/command.ts';
import {smallCluster} from '../../support/small-cluster.ts';

const object = (apiVersion: string, kind: string, name: string, namespace?: string) => ({
  apiVersion,
  kind,
  metadata: {name, ...(namespace === undefined ? {} : {namespace})},
});
const OBJECTS = [
  object('v1', 'Namespace', 'shop'),
  object('v1', 'Namespace', 'store'),
  object('leasepolicy.dev/v1alpha1', 'LeasePolicy', 'payments'),
  object('coordination.k8s.io/v1', 'Lease', 'payments-1', 'shop'),
  object('coordination.k8s.io/v1', 'Lease', 'orders-1', 'shop'),
  object('coordination.k8s.io/v1', 'Lease', 'payments-2', 'store'),
  object('apps/v1', 'Deployment', 'api', 'shop'),
  object('apps/v1', 'StatefulSet', 'db', 'shop'),
  object('apps/v1', 'DaemonSet', 'agent', 'shop'),
];

/** What is offered at the end of the words, in the order of the server, and what went wrong. */
async function offered(kubeconfig: string, ...words: string[]) {
  const [command = '', ...rest] = words;
  const {code, stdout, stderr} = await call(['__complete', command, '--kubeconfig', kubeconfig, ...rest]);
  const lines = stdout.trimEnd().split('\n');
  return {code, names: lines.slice(0, -1), end: lines.at(-1), stderr};
}

const CASES: readonly (readonly [readonly string[], readonly string[]])[] = [
  [
    ['get', '-n', ''],
    ['shop', 'store'],
  ],
  [['get', '--namespace=st'], ['--namespace=store']],
  [
    ['get', '-n', 'shop', ''],
    ['payments-1', 'orders-1'],
  ],
  [['get', '--namespace=store', 'orders-1', 'pay'], ['payments-2']],
  [['explain', '-n', 'shop', 'or'], ['orders-1']],
  [['explain', '-n', 'shop', 'lease/pay'], ['lease/payments-1']],
  [['explain', '-n', 'shop', 'orders-1', ''], []],
  [['doctor', '-n', 'shop', 'who-can', 'pay'], ['payments-1']],
  [['render', ''], ['payments']],
  [
    ['name', '-n', 'shop', ''],
    ['deployment/api', 'statefulset/db', 'daemonset/agent'],
  ],
  [['name', '-n', 'shop', 'sts/'], ['sts/db']],
  [['name', '-n', 'shop', 'deployment/x'], []],
  [['name', '-n', 'shop', 'cronjob/'], []],
  [['get', '--context', ''], ['small']],
];
for (const [words, names] of CASES) {
  test(`names that may follow: ${words.join(' ')}|`, async t => {
    const {kubeconfig} = await smallCluster(t, {objects: OBJECTS});
    t.deepEqual(await offered(kubeconfig, ...words), {code: 0, names: [...names], end: ':4', stderr: ''});
  });
}

test('what asks no cluster has no names of one', async t => {
  const {kubeconfig, asked} = await smallCluster(t, {objects: OBJECTS});
  for (const words of [
    ['check', '-n', ''],
    ['run', '--namespace', ''],
  ])
    t.deepEqual((await call(['__complete', ...words], {env: {KUBECONFIG: kubeconfig}})).stdout, ':4\n');
  t.deepEqual(asked, []);
});

test('without a cluster, a right or a timely answer the word is completed without names', async t => {
  const none = await offered('nowhere', 'get', '');
  t.deepEqual([none.code, none.names, none.end], [0, [], ':4']);
  t.regex(none.stderr, /^leasepolicy: no names: the kubeconfig can't be read/);

  const message = 'leases is forbidden';
  const refusing = await smallCluster(t, {
    objects: OBJECTS,
    refusals: {'/apis/coordination.k8s.io': {status: 403, message}},
  });
  const refused = await offered(refusing.kubeconfig, 'get', '');
  t.deepEqual([refused.code, refused.names, refused.end], [0, [], ':4']);
  t.regex(refused.stderr, /^leasepolicy: no names: .*leases is forbidden/);

  const path = '/apis/coordination.k8s.io/v1/namespaces/shop/leases';
  const slow = await smallCluster(t, {objects: OBJECTS, late: {path, ms: 30_000}});
  const late = await offered(slow.kubeconfig, 'get', '');
  t.deepEqual([late.code, late.names, late.end], [0, [], ':4']);
  t.regex(late.stderr, /^leasepolicy: no names: .*no answer within 2000 ms/);
});
