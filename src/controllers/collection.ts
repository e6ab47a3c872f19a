/** Collects each policy's garbage, a pass at a time. */
import type {Now} from '../core/now.ts';
import type {Garbage} from '../core/plan/action.ts';
import {type CollectionObservation, type CollectionPlan, planCollection} from '../core/plan/collection.ts';
import type {World} from '../world/world.ts';
import {componentsController} from './components.ts';
import type {Controller} from './controller.ts';
import {heartbeatController} from './heartbeat.ts';
import {leaseController} from './lease.ts';

export const collectionController: Controller<CollectionObservation> = {
  name: 'collection',
  observe(policy, world, now) {
    const row = world.policies.get(policy);
    const tally = world.ledger.tally(policy);
    const found = [...tally.garbageKeys.keys()].flatMap(key => judgedAnew(key, world, now));
    return {
      rules: world.inForce.of(policy),
      resourceVersion: row?.resourceVersion ?? '',
      garbage: found.filter(each => each.policy === policy),
      total: tally.total,
      last: row?.status?.lastGarbageCollection,
    };
  },
  plan: planCollection,
  note(policy, plan: CollectionPlan, world) {
    if (plan.stopped === world.stopped.get(policy)) return;
    if (plan.stopped === undefined) world.stopped.delete(policy);
    else world.stopped.set(policy, plan.stopped);
    world.triggers.status([policy], 0);
  },
};

/** Those that find garbage. */
const JUDGES: readonly Controller<unknown>[] = [leaseController, heartbeatController, componentsController];

/** The version that a delete names must be the one on which it was decided. */
function judgedAnew(key: string, world: World, now: Now): readonly Garbage[] {
  const judge = JUDGES.find(({name}) => key.startsWith(`${name}/`));
  if (!judge) return [];
  const observed = judge.observe(key.slice(judge.name.length + 1), world, now);
  return judge.plan(observed, now).garbage ?? [];
}
