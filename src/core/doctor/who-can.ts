/** Who may write a given Lease, as RBAC says. */

/** What takes a Lease from its holder. */
export const STEALING_VERBS = ['update', 'patch', 'delete', 'deletecollection'] as const;
export type StealingVerb = (typeof STEALING_VERBS)[number];

export type RbacRule = {
  readonly verbs?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
};

export type RbacSubject = {readonly kind: string; readonly name: string; readonly namespace?: string};
export type RbacRole = {
  readonly kind: 'Role' | 'ClusterRole';
  readonly name: string;
  readonly rules: readonly RbacRule[];
};
export type RbacBinding = {
  readonly kind: 'RoleBinding' | 'ClusterRoleBinding';
  readonly name: string;
  readonly role: {readonly kind: string; readonly name: string};
  readonly subjects: readonly RbacSubject[];
};

/** Bindings and roles of the Lease's namespace, and those of the cluster. */
export type Rbac = {readonly roles: readonly RbacRole[]; readonly bindings: readonly RbacBinding[]};

export type ServiceAccount = {readonly namespace: string; readonly name: string};

/**
 * - workload: the service account that the Lease is for
 * - operator: LeasePolicy itself
 * - system: the control plane and those who own the cluster
 * - stranger: everybody else
 */
export type Standing = 'workload' | 'operator' | 'system' | 'stranger';

export type Thief = {
  readonly subject: RbacSubject;
  readonly verbs: readonly StealingVerb[];
  /** Bindings with their roles. */
  readonly through: readonly string[];
  readonly standing: Standing;
};

export type Known = {readonly workload: ServiceAccount | undefined; readonly operator: ServiceAccount};

export function whoCan(lease: string, {roles, bindings}: Rbac, known: Known): Thief[] {
  const verbsOf = new Map(roles.map(role => [`${role.kind}/${role.name}`, verbsOn(lease, role.rules)]));
  const found = new Map<string, {subject: RbacSubject; verbs: Set<StealingVerb>; through: string[]}>();
  for (const {kind, name, role, subjects} of bindings) {
    const verbs = verbsOf.get(`${role.kind}/${role.name}`) ?? [];
    if (verbs.length === 0) continue;
    for (const subject of subjects) {
      const key = JSON.stringify([subject.kind, subject.namespace ?? '', subject.name]);
      const entry = found.get(key) ?? {subject, verbs: new Set<StealingVerb>(), through: []};
      for (const verb of verbs) entry.verbs.add(verb);
      entry.through.push(`${kind}/${name} (${role.kind}/${role.name})`);
      found.set(key, entry);
    }
  }
  return [...found.values()]
    .map(({subject, verbs, through}) => ({
      subject,
      verbs: STEALING_VERBS.filter(verb => verbs.has(verb)),
      through,
      standing: standingOf(subject, known),
    }))
    .toSorted((a, b) => RANKS.indexOf(a.standing) - RANKS.indexOf(b.standing));
}

const RANKS: readonly Standing[] = ['stranger', 'workload', 'operator', 'system'];

/** deletecollection can't be limited to names: a rule with names grants none of it. */
export function verbsOn(lease: string, rules: readonly RbacRule[]): StealingVerb[] {
  return STEALING_VERBS.filter(verb =>
    rules.some(({verbs = [], apiGroups = [], resources = [], resourceNames = []}) => {
      const isNamed =
        resourceNames.length === 0 || (verb !== 'deletecollection' && resourceNames.includes(lease));
      return (
        isNamed &&
        (verbs.includes('*') || verbs.includes(verb)) &&
        (apiGroups.includes('*') || apiGroups.includes('coordination.k8s.io')) &&
        (resources.includes('*') || resources.includes('leases'))
      );
    }),
  );
}

function standingOf(subject: RbacSubject, {workload, operator}: Known): Standing {
  const {kind, name, namespace} = subject;
  const is = (account: ServiceAccount | undefined) =>
    account !== undefined &&
    ((kind === 'ServiceAccount' && namespace === account.namespace && name === account.name) ||
      (kind === 'User' && name === `system:serviceaccount:${account.namespace}:${account.name}`));
  if (is(workload)) return 'workload';
  if (is(operator)) return 'operator';
  return isSystem(subject) ? 'system' : 'stranger';
}

/** Groups of all accounts, and of all users, begin with system: too, and are no part of the control plane. */
const EVERYBODY = /^system:(serviceaccounts(:|$)|authenticated$|unauthenticated$|anonymous$)/;

function isSystem({kind, name, namespace}: RbacSubject): boolean {
  if (kind === 'ServiceAccount') return namespace === 'kube-system';
  if (/^system:serviceaccounts?:kube-system(:|$)/.test(name)) return true;
  return name.startsWith('system:') && !EVERYBODY.test(name) && !name.startsWith('system:serviceaccount:');
}

export function subjectText({kind, name, namespace}: RbacSubject): string {
  return kind === 'ServiceAccount' ? `ServiceAccount ${namespace ?? ''}/${name}` : `${kind} ${name}`;
}
