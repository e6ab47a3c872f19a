/** Collects each policy's garbage, a pass at a time. */
import {type CollectionObservation, type CollectionPlan, planCollection} from '../core/plan-collection.ts';
import type {Controller} from './controller.ts';

export const collectionController: Controller<CollectionObservation> = {
  name: 'collection',
  observe(policy, world) {
    const row = world.policies.get(policy);
    const tally = world.ledger.tally(policy);
    return {
      rules: world.rules.get(policy),
      resourceVersion: row?.resourceVersion ?? '',
      garbage: [...tally.garbage.values()],
      total: tally.total,
      last: row?.status?.lastGarbageCollection,
    };
  },
  plan: planCollection,
  note(policy, plan: CollectionPlan, world) {
    if (plan.stopped === world.stopped.get(policy)) return;
    if (plan.stopped === undefined) world.stopped.delete(policy);
    else world.stopped.set(policy, plan.stopped);
    world.wantStatus([policy], 0);
  },
};
