/** Collects each policy's garbage, a pass at a time. */
import {type CollectionObservation, type CollectionPlan, planCollection} from '../core/plan-collection.ts';
import {planLease} from '../core/plan-lease.ts';
import type {Controller} from './controller.ts';
import {leaseController} from './lease.ts';

export const collectionController: Controller<CollectionObservation> = {
  name: 'collection',
  observe(policy, world, now) {
    const row = world.policies.get(policy);
    const tally = world.ledger.tally(policy);
    // Judged anew: the version that a delete names must be the one on which it was decided.
    const garbage = [...tally.garbage.values()].flatMap(({collect: {lease}}) => {
      const observed = leaseController.observe(`${lease.namespace}/${lease.name}`, world, now);
      return planLease(observed, now).garbage ?? [];
    });
    return {
      rules: world.rules.get(policy),
      resourceVersion: row?.resourceVersion ?? '',
      garbage,
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
