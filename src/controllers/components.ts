/** Judges the Leases of the components that a policy lists. */
import type {LeaseView} from '../core/lease/lifetime.ts';
import {isOfComponent} from '../core/naming/system-rules.ts';
import type {Now} from '../core/now.ts';
import {type ComponentsObservation, type ComponentView, planComponents} from '../core/plan/components.ts';
import type {World} from '../world/world.ts';
import type {Controller} from './controller.ts';

export const componentsController: Controller<ComponentsObservation> = {
  name: 'components',
  observe(policy, world, now) {
    const rules = world.systemRules.get(policy);
    if (rules?.subjects.kind !== 'Component') return {rules: undefined, components: []};
    return {rules, components: rules.subjects.leases.map(each => viewOf(each, world, now))};
  },
  plan: planComponents,
};

function viewOf({namespace, name}: {namespace: string; name: string}, world: World, now: Now): ComponentView {
  const leases: LeaseView[] = [];
  for (const key of world.leaseIndex.inNamespace(namespace)) {
    const lease = world.lease(key, now.monotonicMs);
    if (lease && isOfComponent(lease.name, name)) leases.push(lease);
  }
  return {
    namespace,
    name,
    leases: leases.map(lease => ({
      lease,
      class: world.classify(lease).class,
      changes: world.history.of(lease.key),
    })),
  };
}
