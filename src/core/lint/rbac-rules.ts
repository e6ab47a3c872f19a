/** Rules of the right to write Leases: who has it may take every lock that it reaches. */
import type {Bundle} from './bundle.ts';
import {type Grant, grantsOf, isClusterWide, partsOf} from './grants.ts';
import {allows, isWrite, type LeaseRight, type LintRole, type LintSubject} from './rights.ts';
import type {LintRule, Remark} from './rule.ts';

const role = (rules: string, kind = 'Role') => `apiVersion: rbac.authorization.k8s.io/v1
kind: ${kind}
metadata: {name: mailer${kind === 'Role' ? ', namespace: shop' : ''}}
rules:
${rules}`;

const leases = (rest: string) => `  - {apiGroups: [coordination.k8s.io], resources: [leases], ${rest}}`;

const GOOD = role(
  [leases('resourceNames: [mailer], verbs: [get, update, patch]'), leases('verbs: [create]')].join('\n'),
);

/** Each right of each role to change Leases. */
function* writesOf({roles}: Bundle): Generator<{role: LintRole; right: LeaseRight}> {
  for (const each of roles) {
    for (const right of each.rights) if (isWrite(right)) yield {role: each, right};
  }
}

const byWildcard: LintRule = {
  id: 'LP201',
  severity: 'warning',
  title: 'A wildcard lets take and delete Leases',
  why: 'Behind an asterisk in apiGroups, resources or verbs the Leases are easily forgotten: who may change all objects may also take the lock of every product, and of the control plane in kube-system. Name the resources and verbs that are needed.',
  bad: role(leases('verbs: ["*"]')),
  good: GOOD,
  *find(bundle) {
    for (const {
      role: {object},
      right,
    } of writesOf(bundle)) {
      if (right.wildcards.length === 0) continue;
      const message = `a wildcard in ${right.wildcards.join(' and ')} reaches Leases: name what is needed`;
      yield {object, path: right.path, message};
    }
  },
};

const byDeletion: LintRule = {
  id: 'LP202',
  severity: 'warning',
  title: 'A role lets delete Leases that it does not name',
  why: 'No candidate of client-go, controller-runtime or any other framework deletes its Lease: it writes an empty holder. A held Lease that is deleted gives two leaders and starts the fencing counter anew. Leave delete and deletecollection out; project generators have long written them.',
  bad: role(leases('verbs: [get, create, update, delete]')),
  good: GOOD,
  *find(bundle) {
    for (const {
      role: {object},
      right,
    } of writesOf(bundle)) {
      const verbs = ['delete', 'deletecollection'].filter(verb => right.verbs.has(verb));
      if (verbs.length === 0 || right.names) continue;
      yield {
        object,
        path: right.path,
        message: `${verbs.join(' and ')} of any Lease: no candidate needs it, leave it out`,
      };
    }
  },
};

const changes = (right: LeaseRight) => allows(right, 'update') || allows(right, 'patch');

const withoutNames: LintRule = {
  id: 'LP203',
  severity: 'info',
  title: 'A role lets change every Lease of its namespace',
  why: 'update and patch can be granted for one name, and then a mistaken election ID can not take the lock of another product in the namespace. Add resourceNames with the name of the Lease. Only create can not be limited so; a LeasePolicy that makes the Lease needs none, and with access.grant it writes this very role.',
  bad: role(leases('verbs: [get, create, update]')),
  good: GOOD,
  *find(bundle) {
    for (const {role: each, right} of writesOf(bundle)) {
      const isOthers = right.wildcards.length > 0 || isClusterWide(bundle, each);
      if (!changes(right) || right.names || isOthers) continue;
      const where = each.kind === 'Role' ? 'the namespace' : 'the namespaces where it is bound';
      const message = `update or patch of every Lease of ${where}: add resourceNames with its own`;
      yield {object: each.object, path: right.path, message};
    }
  },
};

const clusterWide: LintRule = {
  id: 'LP204',
  severity: 'warning',
  title: 'A ClusterRole lets change the Leases of all namespaces where a Role would do',
  why: 'A product elects its leader in one namespace. By a ClusterRoleBinding it may also take every other lock of the cluster and the heartbeats of all nodes. Move the rule into a Role, or bind the ClusterRole by a RoleBinding.',
  bad: `${role(leases('verbs: [get, create, update]'), 'ClusterRole')}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: mailer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: mailer}
subjects: [{kind: ServiceAccount, name: mailer, namespace: shop}]`,
  good: GOOD,
  *find(bundle) {
    for (const {role: each, right} of writesOf(bundle)) {
      if (right.wildcards.length > 0 || right.names || !isClusterWide(bundle, each)) continue;
      const message =
        'it reaches the Leases of all namespaces, those of the control plane and of the nodes too: use a Role';
      yield {object: each.object, path: right.path, message};
    }
  },
};

const createByName: LintRule = {
  id: 'LP205',
  severity: 'warning',
  title: 'create with resourceNames allows nothing',
  why: 'The name of a new object is not known when the request is authorized, so this rule never lets create a Lease, and the first candidate fails. Write create into a rule without resourceNames, or have the Lease made by a LeasePolicy.',
  bad: role(leases('resourceNames: [mailer], verbs: [get, create, update]')),
  good: GOOD,
  *find({roles}) {
    for (const {object, rights} of roles) {
      if (rights.some(each => allows(each, 'create') && !each.names)) continue;
      for (const right of rights) {
        if (!right.verbs.has('create')) continue;
        const message = 'create is never allowed by name: write it into a rule without resourceNames';
        yield {object, path: right.path, message};
      }
    }
  },
};

/** Groups that nobody chooses to be in. */
const EVERYBODY = ['system:authenticated', 'system:unauthenticated', 'system:serviceaccounts'];

const isEverybody = ({kind, name}: LintSubject) =>
  (kind === 'Group' && EVERYBODY.includes(name)) || (kind === 'User' && name === 'system:anonymous');

const isAnyPod = ({kind, name}: LintSubject) =>
  (kind === 'ServiceAccount' && name === 'default') ||
  (kind === 'Group' && name.startsWith('system:serviceaccounts:'));

/** Roles that every cluster has let change Leases. */
const letsWrite = (bundle: Bundle, {role}: Grant) =>
  !role || partsOf(bundle, role).some(({rights}) => rights.some(isWrite));

/** Bindings that let those change Leases of whom this is true. */
function* bound(
  bundle: Bundle,
  isMeant: (subject: LintSubject) => boolean,
): Generator<Omit<Remark, 'message'> & {name: string}> {
  for (const binding of bundle.bindings) {
    if (!grantsOf(bundle, binding).some(grant => letsWrite(bundle, grant))) continue;
    for (const {name, path, ...rest} of binding.subjects)
      if (isMeant({name, path, ...rest})) yield {object: binding.object, path, name};
  }
}

const binding = (subject: string) => `apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: mailer, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: mailer}
subjects: [${subject}]`;

const boundTo = (subject: string) => `${GOOD}
---
${binding(subject)}`;

const GOOD_BINDING = boundTo('{kind: ServiceAccount, name: mailer, namespace: shop}');

const toEverybody: LintRule = {
  id: 'LP206',
  severity: 'error',
  title: 'Everybody may change Leases',
  why: 'A group such as system:authenticated has every user and every Pod in it: each of them may take the lock, stop the leader and lead itself. Bind the role to the service account of the workload.',
  bad: boundTo('{kind: Group, apiGroup: rbac.authorization.k8s.io, name: "system:authenticated"}'),
  good: GOOD_BINDING,
  *find(bundle) {
    for (const {name, ...place} of bound(bundle, isEverybody))
      yield {...place, message: `${name} may change Leases by this binding: bind a service account`};
  },
};

const toAnyPod: LintRule = {
  id: 'LP207',
  severity: 'warning',
  title: 'Every Pod of a namespace may change Leases',
  why: 'The service account default is that of each Pod that names none, and system:serviceaccounts:<namespace> is all of them. Give the workload a service account of its own.',
  bad: boundTo('{kind: ServiceAccount, name: default, namespace: shop}'),
  good: GOOD_BINDING,
  *find(bundle) {
    for (const {name, ...place} of bound(bundle, isAnyPod)) {
      const whom = name === 'default' ? 'the service account default' : name;
      yield {
        ...place,
        message: `${whom} may change Leases by this binding: give the workload an account of its own`,
      };
    }
  },
};

export const RBAC_RULES: readonly LintRule[] = [
  byWildcard,
  byDeletion,
  withoutNames,
  clusterWide,
  createByName,
  toEverybody,
  toAnyPod,
];
