/** Grants each workload of a policy what it may do with its one Lease. */
import {LABELS} from '../api/objects.ts';
import {type AccessObservation, accessActions, accessName} from '../core/plan/access.ts';
import type {Plan} from '../core/plan/action.ts';
import type {World} from '../world/world.ts';
import type {Controller} from './controller.ts';

export const accessController: Controller<AccessObservation> = {
  name: 'access',
  observe(key, world) {
    const lease = world.leases.get(key);
    const claim = world.claims.winner(key);
    const [namespace, name = ''] = key.split('/');
    const row = `${namespace}/${accessName(name)}`;
    return {
      lease,
      claim,
      rules: world.rules.get(policyOf(key, world) ?? ''),
      readable: isReadable(namespace ?? '', world),
      role: world.rendered.stores.Role.get(row),
      binding: world.rendered.stores.RoleBinding.get(row),
    };
  },
  plan: (observed): Plan => ({actions: accessActions(observed), findings: []}),
  ended(key, error, world) {
    const policy = policyOf(key, world);
    if (error && policy !== undefined) world.enforcement.failed(policy, key, error.message);
    else world.enforcement.succeeded(key);
  },
};

const policyOf = (key: string, world: World): string | undefined =>
  world.claims.winner(key)?.policy ?? world.leases.get(key)?.labels[LABELS.policy];

/** In a namespace that is about to go, what is removed must not come back. */
function isReadable(namespace: string, world: World): boolean {
  const {Role, RoleBinding} = world.rendered.stores;
  return Role.ready && RoleBinding.ready && world.namespaces.get(namespace)?.terminating === false;
}
