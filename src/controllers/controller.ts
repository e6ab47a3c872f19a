/** What every controller is: a concern with keys, an observation from the caches, and a pure plan. */
import type {Now} from '../core/now.ts';
import type {Plan} from '../core/plan/action.ts';
import type {World} from '../world/world.ts';

export interface Controller<Observed> {
  /** The prefix of its keys. */
  readonly name: string;
  /** Reads the caches, and nothing else. The key comes without the prefix. */
  observe(key: string, world: World, now: Now): Observed;
  plan(observed: Observed, now: Now): Plan;
  /** Notes what the plan says beside its actions and findings. */
  note?(key: string, plan: Plan, world: World): void;
  /** Told when everything of a plan was written, or what was refused; that is tried again. */
  ended?(key: string, error: Error | undefined, world: World): void;
}
