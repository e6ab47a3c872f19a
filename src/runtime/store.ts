/** The cache of one resource: projections by key, never older than what was seen before. */

export type Row = {readonly key: string; readonly resourceVersion: string};

export type Change<R> =
  | {type: 'added' | 'modified'; row: R; previous: R | undefined}
  | {type: 'deleted'; row: R};

/** Whether the first resourceVersion is the newer; they are comparable decimal numbers within one resource. */
export function isNewer(a: string, b: string): boolean {
  return a.length === b.length ? a > b : a.length > b.length;
}

export class Store<R extends Row> {
  readonly #rows = new Map<string, R>();
  readonly #onChange: (change: Change<R>) => void;
  /** Keys that we wrote and that the watch has not delivered yet, at the version of the write. */
  readonly #written = new Map<string, string>();
  /** Changes whose listener threw, by their keys. */
  readonly #untold = new Map<string, Change<R>>();
  /** The version up to which the watch has delivered everything. */
  #seen = '0';
  #ready = false;
  /** Monotonic milliseconds up to which the rows are known to be right; undefined while the watch delivers. */
  #rightAtMs: number | undefined;

  constructor(onChange: (change: Change<R>) => void = () => {}) {
    this.#onChange = onChange;
  }

  get(key: string): R | undefined {
    return this.#rows.get(key);
  }

  values(): IterableIterator<R> {
    return this.#rows.values();
  }

  get size(): number {
    return this.#rows.size;
  }

  /** Whether a first list is complete. Before that an absent row means nothing. */
  get ready(): boolean {
    return this.#ready;
  }

  /**
   * Up to which moment nothing can have happened that is not here: this one while the watch delivers, else that of the
   * last list or the last that the watch delivered.
   */
  rightUntilMs(nowMs: number): number {
    return Math.min(nowMs, this.#rightAtMs ?? nowMs);
  }

  /** The rows were right at that moment, and what has happened since is not known; undefined when all is told at once. */
  isRightAt(monotonicMs: number | undefined): void {
    this.#rightAtMs = monotonicMs;
  }

  /** Swaps in a complete list; what vanished is reported as deleted, what we wrote after the list stays. */
  replace(rows: Map<string, R>, resourceVersion: string): void {
    for (const [key, version] of this.#written)
      if (!isNewer(version, resourceVersion)) this.#written.delete(key);
    const gone = [...this.#untold.values()].flatMap(({type, row}) => (type === 'deleted' ? row : []));
    for (const row of [...this.#rows.values(), ...gone])
      if (!rows.has(row.key) && !this.#written.has(row.key)) this.#delete(row);
    // Also an older version: after a restore of etcd the list is right and the cache is not.
    for (const row of rows.values()) {
      if (!this.#written.has(row.key) && !this.#isTold(row)) this.#set(row);
    }
    this.#seen = resourceVersion;
    this.#ready = true;
  }

  /**
   * Whether an object that an event tells of may have been deleted since: it is not here, and the watch is past the
   * event. No API server sends its events in such an order, but what is between may.
   */
  mayHaveLost(key: string, resourceVersion: string): boolean {
    return !this.#rows.has(key) && !isNewer(resourceVersion, this.#seen);
  }

  /** An event of the watch. */
  put(row: R): void {
    this.#progress(row.resourceVersion);
    this.#confirm(row.key, row.resourceVersion);
    this.#put(row);
  }

  /** A deletion of the watch, at the version that the deletion has. */
  delete(key: string, resourceVersion: string): void {
    this.#progress(resourceVersion);
    this.#confirm(key, resourceVersion);
    const row = this.#rows.get(key);
    if (row && !isNewer(row.resourceVersion, resourceVersion)) this.#delete(row);
  }

  /** The answer to a write of ours: so that the next look sees it, unless the watch is already past it. */
  putWritten(row: R): void {
    if (!isNewer(row.resourceVersion, this.#seen)) return;
    this.#written.set(row.key, row.resourceVersion);
    this.#put(row);
  }

  /** A bookmark of the watch. */
  bookmark(resourceVersion: string): void {
    this.#progress(resourceVersion);
  }

  /** The watch has come to, or past, what we wrote. */
  #confirm(key: string, resourceVersion: string): void {
    const written = this.#written.get(key);
    if (written !== undefined && !isNewer(written, resourceVersion)) this.#written.delete(key);
  }

  #progress(resourceVersion: string): void {
    if (isNewer(resourceVersion, this.#seen)) this.#seen = resourceVersion;
  }

  #put(row: R): void {
    const previous = this.#rows.get(row.key);
    const isOlder = previous !== undefined && isNewer(previous.resourceVersion, row.resourceVersion);
    if (!isOlder && !this.#isTold(row)) this.#set(row);
  }

  /** Whether this very version is here, and whoever is told of changes knows. */
  #isTold({key, resourceVersion}: R): boolean {
    return this.#rows.get(key)?.resourceVersion === resourceVersion && !this.#untold.has(key);
  }

  #set(row: R): void {
    const previous = this.#lastTold(row.key);
    this.#rows.set(row.key, row);
    this.#tell({type: previous ? 'modified' : 'added', row, previous});
  }

  #delete(row: R): void {
    this.#rows.delete(row.key);
    this.#tell({type: 'deleted', row});
  }

  #lastTold(key: string): R | undefined {
    const untold = this.#untold.get(key);
    if (!untold) return this.#rows.get(key);
    return untold.type === 'deleted' ? untold.row : untold.previous;
  }

  /** What threw is told once more, by the watch or the next list; a fault that stays must not keep the rest from being told for ever. */
  #tell(change: Change<R>): void {
    const {key} = change.row;
    if (!this.#untold.delete(key)) this.#untold.set(key, change);
    this.#onChange(change);
    this.#untold.delete(key);
  }
}
