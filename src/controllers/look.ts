/** One look at one key: it observes, plans, and notes what was found. To carry out the plan is left to the caller. */
import type {Finding} from '../core/lease/finding.ts';
import type {Now} from '../core/now.ts';
import type {Plan} from '../core/plan/action.ts';
import type {World} from '../world/world.ts';
import type {Controller} from './controller.ts';

export type Look = {
  readonly controller: Controller<unknown>;
  /** The key without the name of its controller. */
  readonly own: string;
  readonly plan: Plan;
  /** Findings that were not known before. */
  readonly fresh: readonly Finding[];
};

/** Wants a new status, and a new collection, of the policies whose sums changed. */
export function lookAt(
  key: string,
  controllers: ReadonlyMap<string, Controller<unknown>>,
  world: World,
  now: Now,
): Look {
  const [name, own] = splitKey(key);
  const controller = controllers.get(name);
  if (!controller) throw new Error(`no controller has the key ${key}`);
  const plan = controller.plan(controller.observe(own, world, now), now);
  controller.note?.(own, plan, world);
  const {changed, fresh} = world.ledger.record(key, judgementOf(plan), now.wallMs);
  world.triggers.status(changed);
  for (const policy of changed) world.options.enqueue(`collection/${policy}`);
  return {controller, own, plan, fresh};
}

/** Without the actions, which need not be kept. */
const judgementOf = ({findings, states = [], garbage = []}: Plan) => ({findings, states, garbage});

/** A controller's name, and its own key. */
export function splitKey(key: string): [string, string] {
  const at = key.indexOf('/');
  return [key.slice(0, at), key.slice(at + 1)];
}

export const byName = (
  controllers: readonly Controller<unknown>[],
): ReadonlyMap<string, Controller<unknown>> => new Map(controllers.map(each => [each.name, each]));
