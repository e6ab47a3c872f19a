/** Access: a Role on one Lease, for the service account of its workload. */
import {ANNOTATIONS} from '../../api/objects.ts';
import {difference, type Rendered, type RenderedView} from '../admission/rendered.ts';
import {isManaged, type LeaseView} from '../lease/lifetime.ts';
import type {Claim} from '../naming/claims.ts';
import type {Rules} from '../naming/rules.ts';
import type {Action} from './action.ts';

/** What a candidate does with a Lease that exists; nobody needs to create one. */
const VERBS = ['get', 'watch', 'update', 'patch'];

const RBAC = 'rbac.authorization.k8s.io';
const PREFIX = 'leasepolicy-';

/** Name of the Role, and of its binding, of a Lease. */
export const accessName = (lease: string) => `${PREFIX}${lease}`;
/** The Lease of a Role or binding that is ours. */
export const leaseOfAccess = (name: string) => name.slice(PREFIX.length);

export type AccessObservation = {
  readonly lease: LeaseView | undefined;
  readonly rules: Rules | undefined;
  readonly claim: Claim | undefined;
  /** Whether Roles and RoleBindings are in the caches and can be written; else nothing is done. */
  readonly readable: boolean;
  readonly role: RenderedView | undefined;
  readonly binding: RenderedView | undefined;
};

/**
 * The API server's collector removes both after their Lease. A Lease whose subject is gone, or has another name, keeps
 * its grant: Pods that still hold it have to be able to release it.
 */
export function accessActions({lease, rules, claim, readable, role, binding}: AccessObservation): Action[] {
  if (!lease || !readable) return [];
  const live = [role, binding].filter(view => view !== undefined);
  if (!rules?.grantsAccess) return difference([], live);
  if (claim) return difference(rendered(lease, claim, binding), live);
  return isManaged(lease) ? [] : difference([], live);
}

function rendered(lease: LeaseView, claim: Claim, binding: RenderedView | undefined): Rendered[] {
  const name = accessName(lease.name);
  const common = {
    namespace: lease.namespace,
    name,
    policy: claim.policy,
    owner: {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: lease.name, uid: lease.uid},
  };
  const rule = {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: [lease.name],
    verbs: VERBS,
  };
  const {accounts, annotations} = accountsOf(lease, claim, binding);
  return [
    {...common, kind: 'Role', content: {rules: [rule]}},
    {
      ...common,
      kind: 'RoleBinding',
      annotations,
      content: {
        roleRef: {apiGroup: RBAC, kind: 'Role', name},
        subjects: accounts.map(account => {
          const [namespace, name] = account.split('/');
          return {kind: 'ServiceAccount', name, namespace};
        }),
      },
    },
  ];
}

type Accounts = {
  readonly accounts: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
};

/**
 * When the service account of a workload changes, the holder of the Lease still has the old one: that keeps its grant
 * as long as the same holder is there, so that a rollout takes the Lease from nobody. Annotations of ours remember it:
 * the subjects may be what somebody has edited.
 */
function accountsOf({holder}: LeaseView, {workload}: Claim, binding: RenderedView | undefined): Accounts {
  const present = `${workload.namespace}/${workload.serviceAccount}`;
  const said = binding?.annotations ?? {};
  const last = said[ANNOTATIONS.serviceAccount] ?? present;
  // After several changes it is the account of the first that the holder has.
  const isHolders = said[ANNOTATIONS.untilHolder] === holder;
  const former = last === present || isHolders ? said[ANNOTATIONS.formerAccount] : last;
  const until = last === present ? said[ANNOTATIONS.untilHolder] : holder;
  const annotations = {[ANNOTATIONS.serviceAccount]: present};
  if (former === undefined || former === present || holder === '' || until !== holder)
    return {accounts: [present], annotations};
  return {
    accounts: [present, former],
    annotations: {...annotations, [ANNOTATIONS.formerAccount]: former, [ANNOTATIONS.untilHolder]: holder},
  };
}
