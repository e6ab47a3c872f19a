/** Keeps a store in step with the API server: a list-watch state machine that never ends the process. */
import type {KubeObject} from '../api/objects.ts';
import {escaped} from '../core/legible.ts';
import {AnswerTooLarge, ApiError, messageOf} from '../errors.ts';
import {checkList, isObject, isVersion} from './answers.ts';
import {type ApiClient, WATCH_GRACE_MS} from './client.ts';
import {backoffMs, delay, systemClock} from './clock.ts';
import {isNewer, type Row, type Store} from './store.ts';

/** Instead of the objects, of which a watch sends one and a list many. */
const metadataAs = (type: string) => `application/json;as=${type};g=meta.k8s.io;v=v1`;

const PAGE_SIZE = 500;
/** What is read again and again comes in small pieces, so that the heap needs no room for large ones. */
const POLL_PAGE_SIZE = 100;
/** In bytes. Objects have a kilobyte, and more than a megabyte where somebody wants to fill us. */
const PAGE_BYTES = 32 * 1024 * 1024;
/** The server ends a watch after a random time in this range; seconds. */
const WATCH_SECONDS = {min: 300, max: 600};
const BACKOFF_FIRST_MS = 200;
const BACKOFF_MOST_MS = 30_000;
/** A watch that lived this long was healthy: the next one starts at once. */
const HEALTHY_MS = 5_000;

export type InformerOptions<R extends Row> = {
  client: ApiClient;
  /** Path of the collection, such as /apis/apps/v1/deployments. */
  path: string;
  fieldSelector?: string | undefined;
  labelSelector?: string | undefined;
  store: Store<R>;
  /** Keeps what is needed of an object; the object itself is dropped. Undefined leaves it out of the store. */
  project: (object: KubeObject, previous: R | undefined) => R;
  /** Asks for metadata alone. */
  metadataOnly?: boolean | undefined;
  /** Lists anew after so many milliseconds, and watches nothing. */
  pollMs?: number | undefined;
  /** What one page may have in bytes, by default 32 MiB: where it has more, fewer objects are asked for. */
  pageBytes?: number;
  signal: AbortSignal;
  /** Told when a list or watch fails, and with undefined when it works again. */
  onProblem?: (error: ApiError | undefined) => void;
  /** Told when a complete list is in the store. */
  onList?: () => void;
  /** Told of each object that the watch delivers, after the store has it. */
  onEvent?: (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject) => void;
};

type WatchEvent = {type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'; object: KubeObject};

export class Informer<R extends Row> {
  readonly #options: InformerOptions<R>;
  #failures = 0;
  #failing = false;
  /** Up to when the store is right, should the watch deliver no more. */
  #rightAtMs: number | undefined;

  constructor(options: InformerOptions<R>) {
    this.#options = options;
  }

  /**
   * Runs until the signal aborts: list, watch from there, and list again only when the server can't go on. Where each
   * object changes all the time, to poll is cheaper for both sides than to be told of each change.
   */
  async run(): Promise<void> {
    const {signal} = this.#options;
    let version: string | undefined;
    while (!signal.aborted) {
      const startMs = performance.now();
      try {
        version ??= await this.#list();
        if (this.#options.pollMs !== undefined) {
          version = undefined;
          this.#failures = 0;
          await delay(this.#options.pollMs, signal);
          continue;
        }
        version = await this.#watch(version);
        if (performance.now() - startMs > HEALTHY_MS) this.#failures = 0;
        else await this.#backOff(undefined);
      } catch (error) {
        if (signal.aborted) return;
        const problem = this.#problemOf(error);
        if (problem.isGone || problem !== error) version = undefined;
        if (!problem.isGone) this.#tell(problem);
        await this.#backOff(problem.retryAfterMs);
      }
    }
  }

  /** A fault of whoever is told of a change is a problem of this resource too: what it missed is listed anew. */
  #problemOf(error: unknown): ApiError {
    if (error instanceof ApiError) return error;
    return new ApiError(`TAKE ${this.#options.path}`, {status: 0, message: messageOf(error)}, error);
  }

  async #backOff(retryAfterMs: number | undefined): Promise<void> {
    this.#failures += 1;
    const ownMs = backoffMs(this.#failures, BACKOFF_FIRST_MS, BACKOFF_MOST_MS);
    await delay(Math.max(retryAfterMs ?? 0, ownMs), this.#options.signal);
  }

  /** Lists in pages into a side buffer and swaps it in whole. Returns the version to watch from. */
  async #list(): Promise<string> {
    const {store, pollMs} = this.#options;
    const most = pollMs === undefined ? PAGE_SIZE : POLL_PAGE_SIZE;
    let limit = most;
    const rows = new Map<string, R>();
    let next: string | undefined;
    let version = '';
    const askedAtMs = systemClock.monotonicMs();
    do {
      const {page, size} = await this.#page(limit, next);
      // Large objects may stand together: what follows them need not be asked for one by one.
      limit = Math.min(most, size * 2);
      for (const object of page.items ?? []) {
        const row = this.#read(object);
        rows.set(row.key, row);
      }
      version = page.metadata.resourceVersion;
      next = page.metadata.continue || undefined;
    } while (next);
    store.replace(rows, version);
    this.#rightAtMs = askedAtMs;
    store.isRightAt(askedAtMs);
    this.#options.onList?.();
    this.#tell(undefined);
    return version;
  }

  /**
   * A page of at most so many objects, or of fewer where these are too large for one answer. What is too large for a page
   * of one is taken as it is: the server does not page.
   */
  async #page(limit: number, next: string | undefined) {
    const {client, path, signal, metadataOnly, pageBytes = PAGE_BYTES} = this.#options;
    const accept = metadataOnly ? {accept: metadataAs('PartialObjectMetadataList')} : {};
    for (let size = limit; ; size = Math.ceil(size / 8)) {
      const query = this.#query({limit: `${size}`, continue: next});
      const bound = size > 1 ? {maxBytes: pageBytes} : {};
      try {
        const answer = await client.request('GET', `${path}?${query}`, {signal, ...bound, ...accept});
        return {page: checkList(answer, `GET ${path}`), size};
      } catch (error) {
        if (!(error instanceof AnswerTooLarge)) throw error;
      }
    }
  }

  /** Applies events until the server ends the stream. Returns the version to go on from. */
  async #watch(from: string): Promise<string> {
    const {client, path, store, signal, metadataOnly} = this.#options;
    const accept = metadataOnly ? metadataAs('PartialObjectMetadata') : undefined;
    const seconds = WATCH_SECONDS.min + Math.floor(Math.random() * (WATCH_SECONDS.max - WATCH_SECONDS.min));
    const query = this.#query({
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: from,
      timeoutSeconds: `${seconds}`,
    });
    const limits = {endMs: seconds * 1000 + WATCH_GRACE_MS};
    const held = {version: from};
    try {
      for await (const line of client.lines(`${path}?${query}`, signal, {accept, limits})) {
        const event = parseEvent(line, path);
        const version = event.object.metadata.resourceVersion;
        this.#take(event);
        // Not before: that a watch is answered does not say that what was missed has come.
        this.#rightAtMs = systemClock.monotonicMs();
        store.isRightAt(undefined);
        if (isNewer(version, held.version)) held.version = version;
        this.#failures = 0;
        if (this.#failing) this.#tell(undefined);
      }
      this.#rightAtMs = systemClock.monotonicMs();
      store.isRightAt(this.#rightAtMs);
      return held.version;
    } catch (error) {
      if (!(error instanceof ApiError) || error.isGone) throw error;
      if (signal.aborted || isNewer(held.version, from) === false) throw error;
      // What was delivered is in the store: go on after it instead of listing again.
      this.#tell(error);
      return held.version;
    }
  }

  #tell(problem: ApiError | undefined): void {
    this.#failing = problem !== undefined;
    if (problem && this.#rightAtMs !== undefined) this.#options.store.isRightAt(this.#rightAtMs);
    this.#options.onProblem?.(problem);
  }

  #take({type, object}: WatchEvent): void {
    const {store, onEvent, path} = this.#options;
    const {resourceVersion} = object.metadata;
    if (type === 'BOOKMARK') store.bookmark(resourceVersion);
    if (type === 'BOOKMARK' || type === 'ERROR') return;
    if (type !== 'DELETED' && store.mayHaveLost(keyOf(object), resourceVersion))
      throw new ApiError(`WATCH ${path}`, {
        status: 410,
        reason: 'Expired',
        message: 'events came out of order',
      });
    if (type === 'DELETED') store.delete(keyOf(object), resourceVersion);
    else store.put(this.#read(object));
    onEvent?.(type, object);
  }

  /** What is kept of an object. One that can't be read is an answer that failed, and no reason to end the process. */
  #read(object: KubeObject): R {
    const {path, store, project} = this.#options;
    const key = keyOf(object);
    try {
      return project(object, store.get(key));
    } catch (error) {
      throw new ApiError(`READ ${path}`, {status: 0, message: `${key}: ${messageOf(error)}`}, error);
    }
  }

  #query(parameters: Record<string, string | undefined>): string {
    const {fieldSelector, labelSelector} = this.#options;
    const given = Object.entries({...parameters, fieldSelector, labelSelector});
    return new URLSearchParams(
      given.filter((entry): entry is [string, string] => entry[1] !== undefined),
    ).toString();
  }
}

/** namespace/name, or the name alone for what has no namespace. */
export function keyOf({metadata: {namespace, name}}: KubeObject): string {
  return namespace === undefined ? name : `${namespace}/${name}`;
}

function isEvent(event: Partial<WatchEvent> | null): event is WatchEvent {
  switch (event?.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return isObject(event.object);
    case 'BOOKMARK':
      return isVersion(event.object?.metadata?.resourceVersion);
    case 'ERROR':
      return Boolean(event.object);
    default:
      return false;
  }
}

type StatusObject = {code?: number; reason?: string; message?: string};

function parseEvent(line: string, path: string): WatchEvent {
  let event: Partial<WatchEvent> | null;
  try {
    event = JSON.parse(line) as Partial<WatchEvent> | null;
  } catch (error) {
    throw new ApiError(
      `WATCH ${path}`,
      {status: 0, message: 'the server sent an event that is no JSON'},
      error,
    );
  }
  if (!isEvent(event))
    throw new ApiError(`WATCH ${path}`, {status: 0, message: 'the server sent what is no event'});
  if (event.type !== 'ERROR') return event;
  const {code = 500, reason = '', message = 'the watch failed'} = event.object as unknown as StatusObject;
  throw new ApiError(`WATCH ${path}`, {status: code, reason, message: escaped(message)});
}
