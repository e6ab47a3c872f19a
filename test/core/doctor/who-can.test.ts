/** Who may write a Lease, by the rules of RBAC. */
import test from 'ava';
import {
  type RbacRule,
  type RbacSubject,
  subjectText,
  verbsOn,
  whoCan,
} from '../../../src/core/doctor/who-can.ts';

const rule = (further: RbacRule = {}): RbacRule => ({
  verbs: ['update'],
  apiGroups: ['coordination.k8s.io'],
  resources: ['leases'],
  ...further,
});

for (const [what, given, verbs] of [
  ['the group and the resource', rule(), ['update']],
  [
    'everything',
    rule({verbs: ['*'], apiGroups: ['*'], resources: ['*']}),
    ['update', 'patch', 'delete', 'deletecollection'],
  ],
  ['this name', rule({resourceNames: ['lock'], verbs: ['patch', 'deletecollection']}), ['patch']],
  ['another name', rule({resourceNames: ['other']}), []],
  ['another group', rule({apiGroups: ['']}), []],
  ['another resource', rule({resources: ['leasecandidates', 'leases/status']}), []],
  ['reading alone', rule({verbs: ['get', 'list', 'watch', 'create']}), []],
  ['nothing at all', {}, []],
] as const) {
  test(`a rule about ${what}`, t => t.deepEqual(verbsOn('lock', [given]), [...verbs]));
}

const account = (namespace: string, name: string): RbacSubject => ({kind: 'ServiceAccount', namespace, name});
const KNOWN = {
  workload: {namespace: 'shop', name: 'api'},
  operator: {namespace: 'leasepolicy-system', name: 'leasepolicy'},
};

for (const [subject, standing] of [
  [account('shop', 'api'), 'workload'],
  [{kind: 'User', name: 'system:serviceaccount:shop:api'}, 'workload'],
  [account('shop', 'web'), 'stranger'],
  [account('leasepolicy-system', 'leasepolicy'), 'operator'],
  [account('kube-system', 'generic-garbage-collector'), 'system'],
  [{kind: 'Group', name: 'system:masters'}, 'system'],
  [{kind: 'User', name: 'system:kube-scheduler'}, 'system'],
  [{kind: 'Group', name: 'system:serviceaccounts:kube-system'}, 'system'],
  [{kind: 'Group', name: 'system:serviceaccounts'}, 'stranger'],
  [{kind: 'Group', name: 'system:serviceaccounts:shop'}, 'stranger'],
  [{kind: 'Group', name: 'system:authenticated'}, 'stranger'],
  [{kind: 'User', name: 'system:serviceaccount:shop:web'}, 'stranger'],
  [{kind: 'User', name: 'jane'}, 'stranger'],
] as const) {
  test(`${subjectText(subject)} is ${standing}`, t => {
    const roles = [{kind: 'ClusterRole', name: 'r', rules: [rule()]}] as const;
    const role = {kind: 'ClusterRole', name: 'r'};
    const bindings = [{kind: 'RoleBinding', name: 'b', role, subjects: [subject]}] as const;
    const [thief] = whoCan('lock', {roles, bindings}, KNOWN);
    t.is(thief?.standing, standing);
    t.deepEqual(thief?.through, ['RoleBinding/b (ClusterRole/r)']);
  });
}

test('one subject of several bindings is one line, strangers come first, and other roles of that name do not count', t => {
  const roles = [
    {kind: 'Role', name: 'r', rules: [rule()]},
    {kind: 'ClusterRole', name: 'r', rules: [rule({verbs: ['delete']})]},
    {kind: 'ClusterRole', name: 'reader', rules: [rule({verbs: ['get']})]},
  ] as const;
  const [api, web] = [account('shop', 'api'), account('shop', 'web')];
  const bindings = [
    {kind: 'RoleBinding', name: 'a', role: {kind: 'Role', name: 'r'}, subjects: [api, web]},
    {kind: 'ClusterRoleBinding', name: 'b', role: {kind: 'ClusterRole', name: 'r'}, subjects: [web]},
    {
      kind: 'ClusterRoleBinding',
      name: 'c',
      role: {kind: 'ClusterRole', name: 'reader'},
      subjects: [account('x', 'y')],
    },
    {
      kind: 'ClusterRoleBinding',
      name: 'd',
      role: {kind: 'ClusterRole', name: 'gone'},
      subjects: [account('x', 'y')],
    },
  ] as const;
  t.deepEqual(
    whoCan('lock', {roles, bindings}, KNOWN).map(({subject, verbs}) => [subject.name, verbs]),
    [
      ['web', ['update', 'delete']],
      ['api', ['update']],
    ],
  );
});
