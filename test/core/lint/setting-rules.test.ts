/** Programs that elect no leader though they should, or not by what is meant. */
import test from 'ava';
import {
  account,
  binding,
  ids,
  leasesRule,
  lintedObjects,
  role,
  serviceAccount,
  workload,
} from '../../support/lint.ts';

const hpa = (minReplicas?: number) => ({
  apiVersion: 'autoscaling/v2',
  kind: 'HorizontalPodAutoscaler',
  metadata: {name: 'api', namespace: 'shop'},
  spec: {minReplicas, scaleTargetRef: {apiVersion: 'apps/v1', kind: 'Deployment', name: 'api'}},
});

const service = (ports: object[], selector: object = {app: 'api'}) => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {name: 'api', namespace: 'shop'},
  spec: {selector, ports},
});

const OFF = ['--leader-elect=false'];
const MANAGER = ['--metrics-bind-address=:8443', '--health-probe-bind-address=:8081'];
const CONTROLLER = {apiGroups: [''], resources: ['configmaps'], verbs: ['list', 'watch', 'update']};
/** A workload of two replicas with an account that may do this. */
const withRights = (rules: object[], options: Parameters<typeof workload>[0] = {}) => [
  workload({replicas: 2, account: 'api', ...options}),
  serviceAccount(),
  role(rules),
  binding(account()),
];

for (const [what, objects, expected] of [
  ['off with two replicas', [workload({replicas: 2, args: OFF})], ['LP301']],
  ['off with one', [workload({args: OFF})], []],
  ['off with one, and an autoscaler', [workload({args: OFF}), hpa(3)], ['LP301']],
  ['off with an autoscaler that goes down to one', [workload({args: OFF, replicas: 3}), hpa()], []],
  ['off on every node', [workload({kind: 'DaemonSet', replicas: 2, args: OFF})], []],
  [
    'off in a StatefulSet, whose Pods are told apart',
    [workload({kind: 'StatefulSet', replicas: 2, args: OFF})],
    [],
  ],
  [
    'off by a variable',
    [workload({replicas: 2, env: [{name: 'DISABLE_LEADER_ELECTION', value: 'true'}]})],
    ['LP301'],
  ],
  ['on with two replicas', [workload({replicas: 2, args: ['--leader-elect']})], []],
  ['a manager of two replicas', [workload({replicas: 2, args: MANAGER})], ['LP302']],
  ['a manager of one', [workload({args: MANAGER})], []],
  ['a manager that elects', [workload({replicas: 2, args: [...MANAGER, '--leader-elect']})], []],
  ['a manager with a file', [workload({replicas: 2, args: [...MANAGER, '--config=/a.yaml']})], []],
  ['a manager of another cluster', [workload({replicas: 2, args: [...MANAGER, '--kubeconfig', '/a']})], []],
  [
    'a manager with variables from elsewhere',
    [workload({replicas: 2, args: MANAGER, rest: {envFrom: [{}]}})],
    [],
  ],
  ['a web server of two replicas', [workload({replicas: 2, args: ['--port=80']})], []],
  ['a controller that may write no Lease', withRights([CONTROLLER]), ['LP303']],
  ['a controller that may', withRights([CONTROLLER, leasesRule(['update'], {resourceNames: ['api']})]), []],
  ['a reader', withRights([{...CONTROLLER, verbs: ['list', 'watch']}]), []],
  ['a controller with a Service', [...withRights([CONTROLLER]), service([{name: 'https'}])], []],
  [
    'a controller with a Service of metrics',
    [...withRights([CONTROLLER]), service([{name: 'metrics'}])],
    ['LP303'],
  ],
  ['a controller beside a Service', [...withRights([CONTROLLER]), service([{}], {app: 'web'})], ['LP303']],
  [
    'a controller whose roles are not all here',
    withRights([CONTROLLER]).filter(each => each.kind !== 'Role'),
    [],
  ],
  [
    'a controller whose account is not here',
    withRights([CONTROLLER]).filter(each => each.kind !== 'ServiceAccount'),
    [],
  ],
  ['no unit', [workload({args: ['--leader-elect', '--leader-elect-lease-duration=30']})], ['LP304']],
  ['no duration', [workload({args: ['--leader-elect-renew-deadline=soon']})], ['LP304']],
  [
    'seconds that the name says',
    [workload({args: ['--leader-election-lease-duration-seconds=30']})],
    ['LP403'],
  ],
  ['neither true nor false', [workload({args: ['--leader-elect=yes']})], ['LP304']],
  ['false behind a space', [workload({args: ['--leader-elect', 'false']})], ['LP304']],
  ['a command behind the switch', [workload({args: ['--leader-elect', 'serve']})], []],
  [
    'a unit is missing in a variable',
    [workload({env: [{name: 'LEADER_ELECTION_LEASE_DURATION', value: '30'}]})],
    [],
  ],
  ['Endpoints', [workload({args: ['--leader-elect-resource-lock=endpointsleases']})], ['LP305']],
  ['Leases', [workload({args: ['--leader-elect-resource-lock=leases']})], []],
  [
    'another name than its role has',
    withRights([leasesRule(['get', 'update'], {resourceNames: ['mail']})], {
      args: ['--leader-election-id=api'],
    }),
    ['LP306'],
  ],
  [
    'the name that its role has',
    withRights([leasesRule(['get', 'update'], {resourceNames: ['api']})], {
      args: ['--leader-election-id=api'],
    }),
    [],
  ],
  [
    'a role that lets read only',
    withRights([leasesRule(['get', 'list'])], {args: ['--leader-election-id=api']}),
    ['LP306'],
  ],
  [
    'another namespace than that of its role',
    withRights([leasesRule(['get', 'update'], {resourceNames: ['api']})], {
      args: ['--leader-election-id=api', '--leader-election-namespace=kube-system'],
    }),
    ['LP306'],
  ],
  [
    'patch in place of update',
    withRights([leasesRule(['get', 'patch'], {resourceNames: ['api']})], {
      args: ['--leader-election-id=api'],
    }),
    [],
  ],
] as const) {
  test(`${what}: ${expected.join(', ') || 'nothing'}`, t => {
    t.deepEqual(ids(lintedObjects(objects)), [...expected]);
  });
}
