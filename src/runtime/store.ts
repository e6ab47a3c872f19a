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
  /** The version up to which the watch has delivered everything. */
  #seen = '0';
  #ready = false;

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

  /** Swaps in a complete list; what vanished is reported as deleted, what we wrote after the list stays. */
  replace(rows: Map<string, R>, resourceVersion: string): void {
    for (const row of [...this.#rows.values()]) {
      if (!rows.has(row.key) && !isNewer(row.resourceVersion, resourceVersion)) this.#delete(row);
    }
    for (const row of rows.values()) this.#put(row);
    this.#seen = resourceVersion;
    this.#ready = true;
  }

  /** An event of the watch. */
  put(row: R): void {
    this.#progress(row.resourceVersion);
    this.#put(row);
  }

  /** A deletion of the watch, at the version that the deletion has. */
  delete(key: string, resourceVersion: string): void {
    this.#progress(resourceVersion);
    const row = this.#rows.get(key);
    if (row && !isNewer(row.resourceVersion, resourceVersion)) this.#delete(row);
  }

  /** The answer to a write of ours: so that the next look sees it, unless the watch is already past it. */
  putWritten(row: R): void {
    if (isNewer(row.resourceVersion, this.#seen)) this.#put(row);
  }

  /** A bookmark of the watch. */
  bookmark(resourceVersion: string): void {
    this.#progress(resourceVersion);
  }

  #progress(resourceVersion: string): void {
    if (isNewer(resourceVersion, this.#seen)) this.#seen = resourceVersion;
  }

  #put(row: R): void {
    const previous = this.#rows.get(row.key);
    if (previous && !isNewer(row.resourceVersion, previous.resourceVersion)) return;
    this.#rows.set(row.key, row);
    this.#onChange({type: previous ? 'modified' : 'added', row, previous});
  }

  #delete(row: R): void {
    this.#rows.delete(row.key);
    this.#onChange({type: 'deleted', row});
  }
}
