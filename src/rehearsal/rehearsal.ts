/** Lets the controllers look at everything, as in a term, and keeps what they would do: nothing is written. */
import {CONTROLLERS} from '../controllers/controllers.ts';
import {byName, type Look, lookAt} from '../controllers/look.ts';
import type {Now} from '../core/now.ts';
import type {World} from '../world/world.ts';

export class Rehearsal {
  readonly #world: World;
  readonly #controllers = byName(CONTROLLERS);
  readonly #looks = new Map<string, Look>();
  /** Keys that want to be looked at; those that sum up what others say come last. */
  readonly #now = new Set<string>();
  readonly #last = new Set<string>();
  /** Monotonic milliseconds at which time alone changes the answer. */
  readonly #due = new Map<string, number>();
  #begun = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** Whether it has looked already. */
  get begun(): boolean {
    return this.#begun;
  }

  /** What the operator waits for before it looks, so that many changes are one, needs no wait here. */
  want(key: string, afterMs = 0): void {
    if (!this.#begun) return;
    if (afterMs > 0) this.#last.add(key);
    else this.#now.add(key);
  }

  /** Looks at what has changed since the last time, at first at everything. Each key has one look, the latest. */
  advance(now: Now): ReadonlyMap<string, Look> {
    if (!this.#begun) {
      this.#begun = true;
      this.#world.ledger.clear();
      this.#world.enforcement.clear();
      this.#world.triggers.all();
    }
    for (const [key, dueMs] of this.#due) if (dueMs <= now.monotonicMs) this.#now.add(key);
    for (let key = this.#next(); key !== undefined; key = this.#next()) this.#look(key, now);
    return this.#looks;
  }

  #next(): string | undefined {
    const from = this.#now.size > 0 ? this.#now : this.#last;
    const [key] = from;
    if (key !== undefined) from.delete(key);
    return key;
  }

  #look(key: string, now: Now): void {
    const look = lookAt(key, this.#controllers, this.#world, now);
    const {actions, findings, requeueAfterMs} = look.plan;
    if (actions.length > 0 || findings.length > 0) this.#looks.set(key, look);
    else this.#looks.delete(key);
    if (requeueAfterMs === undefined) this.#due.delete(key);
    else this.#due.set(key, now.monotonicMs + Math.max(1, requeueAfterMs));
  }
}
