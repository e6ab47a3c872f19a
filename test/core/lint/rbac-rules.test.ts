/** Rights on Leases: who could take a lock that is not his. */
import test from 'ava';
import {account, binding, ids, leasesRule, lintedObjects, role} from '../../support/lint.ts';

const NAMED = {resourceNames: ['api']};
const clusterRole = (rules: object[], rest: object = {}) => role(rules, {kind: 'ClusterRole', ...rest});
const everywhere = (subject: object = account(), name = 'api') =>
  binding(subject, {kind: 'ClusterRoleBinding', role: {kind: 'ClusterRole', name}});
const group = (name: string) => ({kind: 'Group', name});

for (const [what, objects, expected] of [
  ['reading', [role([leasesRule(['get', 'list', 'watch'])])], []],
  [
    'its own Lease by name',
    [role([leasesRule(['get', 'update', 'patch'], NAMED), leasesRule(['create'])])],
    [],
  ],
  ['all verbs', [role([leasesRule(['*'])])], ['LP201']],
  ['all resources', [role([leasesRule(['update'], {resources: ['*']})])], ['LP201']],
  ['all groups, to be read', [role([leasesRule(['get', 'watch'], {apiGroups: ['*']})])], []],
  ['everything', [clusterRole([{apiGroups: ['*'], resources: ['*'], verbs: ['*']}])], ['LP201']],
  ['everything of another group', [role([{apiGroups: ['apps'], resources: ['*'], verbs: ['*']}])], []],
  ['paths and no resources', [clusterRole([{nonResourceURLs: ['*'], verbs: ['*']}])], []],
  ['deletion of any', [role([leasesRule(['delete'])])], ['LP202']],
  ['deletion of its own', [role([leasesRule(['delete'], NAMED)])], []],
  ['deletion of collections', [role([leasesRule(['deletecollection'])])], ['LP202']],
  ['changes of any', [role([leasesRule(['update'])])], ['LP203']],
  ['patches of any', [role([leasesRule(['patch'])])], ['LP203']],
  ['an empty list of names', [role([leasesRule(['patch'], {resourceNames: []})])], ['LP203']],
  ['a ClusterRole that nobody binds', [clusterRole([leasesRule(['update'])])], ['LP203']],
  [
    'a ClusterRole that is bound in one namespace',
    [clusterRole([leasesRule(['update'])]), binding(account(), {role: {kind: 'ClusterRole', name: 'api'}})],
    ['LP203'],
  ],
  [
    'a ClusterRole that is bound everywhere',
    [clusterRole([leasesRule(['update'])]), everywhere()],
    ['LP204'],
  ],
  ['the same by name', [clusterRole([leasesRule(['update'], NAMED)]), everywhere()], []],
  ['only to create, everywhere', [clusterRole([leasesRule(['create'])]), everywhere()], ['LP204']],
  [
    'a part of a ClusterRole that is bound everywhere',
    [
      {...clusterRole([leasesRule(['update'])]), metadata: {name: 'part', labels: {whole: 'api'}}},
      clusterRole([], {aggregationRule: {clusterRoleSelectors: [{matchLabels: {whole: 'api'}}]}}),
      everywhere(),
    ],
    ['LP204'],
  ],
  ['create by name alone', [role([leasesRule(['get', 'create'], NAMED)])], ['LP205']],
  ['create by name, and without', [role([leasesRule(['create'], NAMED), leasesRule(['create'])])], []],
  ['every user', [role([leasesRule(['update'], NAMED)]), binding(group('system:authenticated'))], ['LP206']],
  [
    'every user, by a role that every cluster has',
    [everywhere(group('system:serviceaccounts'), 'cluster-admin')],
    ['LP206'],
  ],
  ['nobody in particular', [everywhere({kind: 'User', name: 'system:anonymous'}, 'edit')], ['LP206']],
  ['every user, to view', [everywhere(group('system:authenticated'), 'view')], []],
  ['every user, to read', [role([leasesRule(['get'])]), binding(group('system:authenticated'))], []],
  ['every user, by a role that is not here', [binding(group('system:authenticated'))], []],
  ['the default account', [role([leasesRule(['update'], NAMED)]), binding(account('default'))], ['LP207']],
  [
    'all accounts of a namespace',
    [role([leasesRule(['update'], NAMED)]), binding(group('system:serviceaccounts:shop'))],
    ['LP207'],
  ],
  ['its own account', [role([leasesRule(['update'], NAMED)]), binding(account())], []],
  ['rules that are no list', [{...role([]), rules: {verbs: ['*']}}], []],
  ['a Role of another product', [{...role([leasesRule(['*'])]), apiVersion: 'example.com/v1'}], []],
] as const) {
  test(`${what}: ${expected.join(', ') || 'nothing'}`, t => {
    t.deepEqual(ids(lintedObjects(objects)), [...expected]);
  });
}

test('of two roles of one name, as overlays have them, either may be what is bound', t => {
  const nothing = role([{apiGroups: ['apps'], resources: ['deployments'], verbs: ['get']}]);
  const own = role([leasesRule(['get', 'update', 'patch'], NAMED)]);
  const bound = binding(group('system:authenticated'));
  for (const roles of [
    [nothing, own],
    [own, nothing],
  ])
    t.deepEqual(ids(lintedObjects([bound, ...roles])), ['LP206']);
});
