/** Keeps the latest changes of the holders of Leases, as this process saw them. */

/** How long a change is remembered. */
export const WINDOW_MS = 600_000;

/** Of one Lease, so that one that changes without end costs no more than others. */
export const CHANGES_MOST = 16;

export type HolderChange = {
  /** Monotonic milliseconds at which this process saw it. */
  readonly atMs: number;
  /** The holders before and after; empty for none. */
  readonly from: string;
  readonly to: string;
  /** leaseTransitions after the change. */
  readonly transitions: number;
};

/** Whether a change counts still; not as soon as the window has passed. */
export const isRecent = ({atMs}: HolderChange, monotonicMs: number) => monotonicMs - atMs < WINDOW_MS;

/** A mutable index; every method is synchronous. */
export class HolderHistory {
  /** The Lease that changed last is the last, so that those with nothing left stand in front. */
  readonly #changes = new Map<string, readonly HolderChange[]>();

  /** Changes come in the order of their time. */
  note(key: string, change: HolderChange): void {
    const kept = this.of(key).filter(each => isRecent(each, change.atMs));
    this.#changes.delete(key);
    this.#changes.set(key, [...kept, change].slice(-CHANGES_MOST));
    this.#forgetBefore(change.atMs);
  }

  /** The oldest first; some may have left the window since the last change. */
  of(key: string): readonly HolderChange[] {
    return this.#changes.get(key) ?? [];
  }

  forget(key: string): void {
    this.#changes.delete(key);
  }

  /** How many Leases have changes that are remembered. */
  get size(): number {
    return this.#changes.size;
  }

  #forgetBefore(atMs: number): void {
    for (const [key, changes] of this.#changes) {
      const last = changes.at(-1);
      if (last && isRecent(last, atMs)) return;
      this.#changes.delete(key);
    }
  }
}
