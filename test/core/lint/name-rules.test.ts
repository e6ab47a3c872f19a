/** Names by which programs elect, and those that two of them share. */
import test from 'ava';
import {ids, lintedObjects, workload} from '../../support/lint.ts';

type Options = Parameters<typeof workload>[0];
const named = (name: string, options: Options = {}) =>
  workload({args: ['--leader-elect', `--leader-election-id=${name}`], ...options});
const inSystem = (name: string, options: Options = {}) => named(name, {namespace: 'kube-system', ...options});
const unnamed = (options: Options) =>
  workload({args: ['--leader-elect'], image: 'example.com/mail:1', ...options});

for (const [what, objects, expected] of [
  ['a name of its own', [named('api.shop.example.com')], []],
  ['leader-election', [named('leader-election')], ['LP501']],
  ['the former default of controller-runtime', [named('controller-leader-election-helper')], ['LP501']],
  [
    'a generic name, and the election is off',
    [workload({args: ['--leader-elect=false', '--leader-election-id=lock']})],
    [],
  ],
  ['a scaffold', [named('f1c5ece8.example.com')], ['LP502']],
  ['a scaffold that the catalogue knows', [named('b8b2488c.x-k8s.io', {namespace: 'lws-system'})], []],
  ['a date', [named('20260301.example.com')], []],
  ['a Lease of GKE', [inSystem('vpa-recommender')], ['LP503']],
  ['the same name elsewhere', [named('vpa-recommender')], []],
  ['kube-scheduler', [inSystem('kube-scheduler')], ['LP503']],
  [
    'kube-scheduler of the cluster itself',
    [{...inSystem('kube-scheduler'), kind: 'Pod', spec: inSystem('kube-scheduler').spec.template.spec}],
    [],
  ],
  [
    'kube-scheduler of another cluster',
    [inSystem('kube-scheduler', {args: ['--kubeconfig=/a', '--leader-elect-resource-name=kube-scheduler']})],
    [],
  ],
  ['two by one name', [named('mail'), named('mail', {name: 'web'})], ['LP504', 'LP504']],
  ['two by one name in two namespaces', [named('mail'), named('mail', {name: 'web', namespace: 'bank'})], []],
  [
    'two by one name in the namespace that both are told',
    [
      named('mail', {args: ['--leader-election-id=mail', '--leader-election-namespace=leases']}),
      named('mail', {
        name: 'web',
        namespace: 'bank',
        args: ['--leader-election-id=mail', '--leader-election-namespace=leases'],
      }),
    ],
    ['LP504', 'LP504'],
  ],
  ['one that stands in two files', [named('mail'), named('mail')], []],
  [
    'one that is off',
    [named('mail'), workload({name: 'web', args: ['--leader-elect=false', '--leader-election-id=mail']})],
    [],
  ],
  [
    'one program twice',
    [unnamed({}), unnamed({name: 'web', image: 'example.com/mail:2'})],
    ['LP505', 'LP505'],
  ],
  [
    'one program by its digest',
    [unnamed({}), unnamed({name: 'web', image: 'example.com/mail@sha256:00'})],
    ['LP505', 'LP505'],
  ],
  ['one program in two namespaces', [unnamed({}), unnamed({name: 'web', namespace: 'bank'})], []],
  ['two programs', [unnamed({}), unnamed({name: 'web', image: 'example.com/web'})], []],
  ['one image with two commands', [unnamed({command: ['/a']}), unnamed({name: 'web', command: ['/b']})], []],
  [
    'a sidecar whose Lease bears the name of its driver',
    [
      unnamed({image: 'sig-storage/csi-provisioner'}),
      unnamed({name: 'web', image: 'sig-storage/csi-provisioner'}),
    ],
    [],
  ],
  ['one of which nothing is said', [workload({image: 'a'}), workload({name: 'web', image: 'a'})], []],
] as const) {
  test(`${what}: ${expected.join(', ') || 'nothing'}`, t => {
    t.deepEqual(ids(lintedObjects(objects)), [...expected]);
  });
}

test('objects without a namespace are in the one that is given', t => {
  const objects = [named('mail', {namespace: undefined}), named('mail', {name: 'web'})];
  t.deepEqual(ids(lintedObjects(objects)), []);
  t.deepEqual(ids(lintedObjects(objects, 'shop')), ['LP504', 'LP504']);
  const [first] = lintedObjects(objects, 'shop');
  t.is(first?.message, 'Deployment/web elects by Lease mail too: one of the two never leads');
});
