/** From bindings to the roles that they give, and from a service account to all that it may do with Leases. */
import type {Bundle} from './bundle.ts';
import {type LeaseRight, type LintBinding, type LintRole, type LintSubject, maybeSame} from './rights.ts';
import {labels} from './values.ts';
import type {LintWorkload} from './workloads.ts';

/** Roles that every cluster has, of which the manifests say nothing: these let change all Leases of their scope. */
const BUILT_IN = ['cluster-admin', 'admin', 'edit'];

export type Grant = {
  readonly binding: LintBinding;
  /** Undefined for one that every cluster has. */
  readonly role: LintRole | undefined;
};

/** What the binding gives, by each role of that name, as overlays may have several; none where there is no such role. */
export function grantsOf({roles}: Bundle, binding: LintBinding): Grant[] {
  const {kind, name} = binding.role;
  const named = roles.filter(
    each =>
      each.kind === kind &&
      each.name === name &&
      (kind === 'ClusterRole' || maybeSame(each.object.namespace, binding.namespace ?? '')),
  );
  if (named.length > 0) return named.map(role => ({binding, role}));
  return kind === 'ClusterRole' && BUILT_IN.includes(name) ? [{binding, role: undefined}] : [];
}

/** A role with those of which the control plane makes it. */
export const partsOf = ({roles}: Bundle, role: LintRole): LintRole[] => [
  role,
  ...roles.filter(
    each =>
      each.kind === 'ClusterRole' && role.takesIn?.(labels(each.object.manifest.metadata.labels)) === true,
  ),
];

/** Whether a role applies everywhere, by itself or as a part of another one, as far as the input tells. */
export function isClusterWide({roles, bindings}: Bundle, role: LintRole): boolean {
  if (role.kind === 'Role') return false;
  const own = labels(role.object.manifest.metadata.labels);
  const wholes = roles.filter(({takesIn}) => takesIn?.(own)).map(({name}) => name);
  const names = new Set([role.name, ...wholes]);
  return bindings.some(
    binding =>
      binding.namespace === undefined && binding.role.kind === 'ClusterRole' && names.has(binding.role.name),
  );
}

const isFor = ({kind, name, namespace}: LintSubject, account: string, home: string) => {
  if (kind === 'ServiceAccount') return name === account && maybeSame(namespace, home);
  if (kind !== 'Group') return false;
  return (
    name === 'system:authenticated' ||
    name === 'system:serviceaccounts' ||
    name === `system:serviceaccounts:${home}`
  );
};

export type AccountRights = {
  /** Whether the input has the account, a binding of it, and every role that is bound. */
  readonly areKnown: boolean;
  readonly isOfController: boolean;
  readonly rights: readonly (LeaseRight & {readonly namespace: string | undefined})[];
};

/** What the Pods of a workload may do with Leases. */
export function rightsOf(bundle: Bundle, {serviceAccount, object}: LintWorkload): AccountRights {
  const bindings = bundle.bindings.filter(({subjects}) =>
    subjects.some(each => isFor(each, serviceAccount, object.namespace)),
  );
  const granted = bindings.map(binding => grantsOf(bundle, binding));
  const grants = granted.flat();
  const roles = grants.flatMap(grant =>
    grant.role ? partsOf(bundle, grant.role).map(role => ({...grant, role})) : [],
  );
  const isThere = bundle.serviceAccounts.some(
    each => each.manifest.metadata.name === serviceAccount && maybeSame(each.namespace, object.namespace),
  );
  return {
    areKnown:
      isThere &&
      bindings.length > 0 &&
      granted.every(each => each.length > 0) &&
      grants.every(({role}) => role && !role.takesIn),
    isOfController: roles.some(({role}) => role.isOfController),
    rights: roles.flatMap(({role, binding: {namespace}}) =>
      role.rights.map(right => ({...right, namespace})),
    ),
  };
}
