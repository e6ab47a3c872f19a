/** Judges the identity Leases of the API servers, for each policy of them. */
import type {Now} from '../core/now.ts';
import {type IdentitiesObservation, planIdentities} from '../core/plan/identities.ts';
import type {World} from '../world/world.ts';
import type {Controller} from './controller.ts';

export const identitiesController: Controller<IdentitiesObservation> = {
  name: 'identities',
  observe(policy, world, now) {
    const rules = world.systemRules.get(policy);
    if (rules?.subjects.kind !== 'APIServer') return {rules: undefined, leases: []};
    return {rules, leases: [...identityLeases(world)].flatMap(key => viewOf(key, world, now))};
  },
  plan: planIdentities,
};

/** Keys of their Leases. API servers write theirs in kube-system alone. */
export function* identityLeases(world: World): Generator<string> {
  for (const key of world.leaseIndex.inNamespace('kube-system')) {
    const lease = world.leases.get(key);
    if (lease && world.classify(lease).class === 'apiserver-identity') yield key;
  }
}

function viewOf(key: string, world: World, {monotonicMs}: Now): IdentitiesObservation['leases'] {
  const lease = world.lease(key, monotonicMs);
  return lease ? [{lease, class: 'apiserver-identity'}] : [];
}
