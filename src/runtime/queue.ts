/** The work queue: keys only; each waits once, the earliest time wins, and none runs twice at once. */
import {backoffMs} from './clock.ts';

const BACKOFF_FIRST_MS = 50;
const BACKOFF_MOST_MS = 60_000;
/** A key that fails comes no sooner for its other work: a third of a second, as Leases last for one at least. */
const OTHER_WORK_MS = 333;
/** setTimeout can't wait longer. */
const TIMER_MOST_MS = 2 ** 31 - 1;

/** Entries of the heap that may be out of date before it is made anew, beside as many as are valid. */
const STALE_MOST = 1000;

type Waiting = {key: string; dueAtMs: number};
type Bounds = {atLeastMs?: number | undefined; atMostMs?: number | undefined};

export class WorkQueue {
  /** Due now, in the order in which they became so. */
  readonly #due = new Set<string>();
  readonly #dueAt = new Map<string, number>();
  /** A heap by time; an entry that dueAt no longer agrees with is skipped. */
  readonly #heap: Waiting[] = [];
  readonly #running = new Set<string>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  readonly #nowMs: () => number;
  #timer: NodeJS.Timeout | undefined;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** Keys that are due or running. */
  get length(): number {
    return this.#due.size + this.#running.size;
  }

  /** Whether nothing is due and nothing runs. */
  get idle(): boolean {
    return this.length === 0;
  }

  /** Wants the key to run, now or after a wait in milliseconds; an earlier time that it already has stays. */
  add(key: string, afterMs = 0): void {
    if (this.#due.has(key)) return;
    const dueAtMs = this.#nowMs() + afterMs;
    const known = this.#dueAt.get(key);
    if (known !== undefined && known <= dueAtMs) return;
    if (afterMs <= 0) {
      this.#dueAt.delete(key);
      this.#makeDue(key);
      return;
    }
    this.#dueAt.set(key, dueAtMs);
    push(this.#heap, {key, dueAtMs});
    if (this.#heap.length > STALE_MOST + 2 * this.#dueAt.size) this.#dropStale();
    if (this.#heap[0]?.key === key) this.#arm();
  }

  /** The next key, or undefined once the signal aborts. The taker must call done or failed for it. */
  take(signal: AbortSignal): Promise<string | undefined> | string | undefined {
    if (signal.aborted) return undefined;
    for (const key of this.#due) {
      if (this.#running.has(key)) continue;
      this.#due.delete(key);
      this.#running.add(key);
      return key;
    }
    return new Promise(resolve => {
      const give = (key: string | undefined) => {
        signal.removeEventListener('abort', leave);
        resolve(key);
      };
      const leave = () => {
        this.#takers.splice(this.#takers.indexOf(give), 1);
        resolve(undefined);
      };
      signal.addEventListener('abort', leave, {once: true});
      this.#takers.push(give);
    });
  }

  /** Ends a run that went well. */
  done(key: string, requeueAfterMs: number | undefined): void {
    this.#failures.delete(key);
    this.#finish(key);
    if (requeueAfterMs !== undefined) this.add(key, Math.max(1, requeueAfterMs));
  }

  /**
   * Ends a run that failed; the key comes again after its own backoff, sooner where it has other work then, and not
   * before the server wants it. Returns that wait in milliseconds.
   */
  failed(key: string, {atLeastMs = 0, atMostMs = BACKOFF_MOST_MS}: Bounds = {}): number {
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    this.#finish(key);
    const ownMs = backoffMs(failures, BACKOFF_FIRST_MS, BACKOFF_MOST_MS);
    const waitMs = Math.max(atLeastMs, Math.min(ownMs, Math.max(OTHER_WORK_MS, atMostMs)));
    this.add(key, waitMs);
    return waitMs;
  }

  /** Forgets everything that waits; what runs goes on. */
  clear(): void {
    this.#due.clear();
    this.#dueAt.clear();
    this.#heap.length = 0;
    this.#failures.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #finish(key: string): void {
    this.#running.delete(key);
    if (this.#due.delete(key)) this.#makeDue(key);
  }

  #makeDue(key: string): void {
    const taker = this.#running.has(key) ? undefined : this.#takers.shift();
    if (!taker) {
      this.#due.add(key);
      return;
    }
    this.#running.add(key);
    taker(key);
  }

  /** A sorted list is a heap. */
  #dropStale(): void {
    const valid = [...this.#dueAt].map(([key, dueAtMs]) => ({key, dueAtMs}));
    this.#heap.splice(0, Number.POSITIVE_INFINITY, ...valid.sort((a, b) => a.dueAtMs - b.dueAtMs));
  }

  #arm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const next = this.#heap[0];
    if (!next) return;
    const waitMs = Math.min(TIMER_MOST_MS, Math.max(0, next.dueAtMs - this.#nowMs()));
    this.#timer = setTimeout(() => this.#wake(), Math.ceil(waitMs));
  }

  #wake(): void {
    const nowMs = this.#nowMs();
    for (let next = this.#heap[0]; next && next.dueAtMs <= nowMs; next = this.#heap[0]) {
      pop(this.#heap);
      if (this.#dueAt.get(next.key) !== next.dueAtMs) continue;
      this.#dueAt.delete(next.key);
      this.#makeDue(next.key);
    }
    this.#arm();
  }
}

function push(heap: Waiting[], entry: Waiting): void {
  let at = heap.push(entry) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if ((heap[parent] as Waiting).dueAtMs <= entry.dueAtMs) break;
    heap[at] = heap[parent] as Waiting;
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Waiting[]): void {
  const last = heap.pop();
  if (!last || heap.length === 0) return;
  let at = 0;
  for (;;) {
    const left = 2 * at + 1;
    const right = left + 1;
    const child =
      right < heap.length && (heap[right] as Waiting).dueAtMs < (heap[left] as Waiting).dueAtMs
        ? right
        : left;
    if (child >= heap.length || (heap[child] as Waiting).dueAtMs >= last.dueAtMs) break;
    heap[at] = heap[child] as Waiting;
    at = child;
  }
  heap[at] = last;
}
