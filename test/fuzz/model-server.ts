/** A server of one collection, which keeps a log as etcd does, and which fails in its answers as a script says. */
import type {KubeObject} from '../../src/api/objects.ts';
import {ApiError} from '../../src/errors.ts';
import type {ApiClient} from '../../src/runtime/client.ts';

export type Write = {readonly name: string; readonly isDeleted: boolean};

/** What one answer is, be it to a list or to a watch. */
export type Turn = {
  /** What others have written before it, and while a watch is open. */
  readonly before: readonly Write[];
  readonly during: readonly Write[];
  /** Whether the server forgets its log, so that no watch can go on. */
  readonly isCompacted: boolean;
  readonly list: 'whole' | 'refused' | 'expired' | 'broken' | 'with a broken item';
  /** How many events a watch delivers at most, and whether it begins with what was told already. */
  readonly events: number;
  readonly isRepeated: boolean;
  readonly end: 'ended' | 'cut' | 'failed' | 'gone' | 'broken' | 'bookmarked';
  /** What is sent where something is broken. */
  readonly line: string;
  readonly answer: unknown;
};

type Logged = {readonly version: number; readonly type: string; readonly object: KubeObject};

const PAGE = 2;
const failed = (status: number, reason = '') =>
  new ApiError('ask the server', {status, reason, message: 'no'});

export class ModelServer {
  readonly #objects = new Map<string, KubeObject>();
  readonly #log: Logged[] = [];
  readonly #turns: Turn[];
  #version = 10;
  #oldest = 10;
  /** Pages of a list that is under way, by its token. */
  readonly #pages = new Map<string, {items: KubeObject[]; version: number; isExpired: boolean}>();
  #caughtUp = Promise.withResolvers<void>();
  #woken = Promise.withResolvers<void>();
  #isIdle = false;

  constructor(turns: readonly Turn[]) {
    this.#turns = [...turns];
  }

  /** What there is, as name@version. */
  get contents(): string[] {
    return [...this.#objects.values()].map(textOf).sort();
  }

  /** Resolves when the script has ended and a watch has delivered everything that was written so far. */
  get caughtUp(): Promise<void> {
    return this.#caughtUp.promise;
  }

  /** Writes, and returns what the server answers to whoever has written. */
  write({name, isDeleted}: Write): KubeObject | undefined {
    const known = this.#objects.get(name);
    if (isDeleted && !known) return undefined;
    this.#version++;
    const metadata = {
      name,
      namespace: 'shop',
      uid: name,
      resourceVersion: `${this.#version}`,
      creationTimestamp: '',
    };
    const object: KubeObject = {metadata};
    const type = isDeleted ? 'DELETED' : known ? 'MODIFIED' : 'ADDED';
    this.#log.push({version: this.#version, type, object});
    if (isDeleted) this.#objects.delete(name);
    else this.#objects.set(name, object);
    if (this.#isIdle) this.#caughtUp = Promise.withResolvers<void>();
    this.#isIdle = false;
    this.#woken.resolve();
    return isDeleted ? undefined : object;
  }

  /** The part of a client that an informer needs. */
  client(): ApiClient {
    const double = {
      request: async (_: string, path: string) => this.#list(new URL(path, 'http://server').searchParams),
      lines: (path: string, signal: AbortSignal) =>
        this.#watch(new URL(path, 'http://server').searchParams, signal),
    };
    return double as unknown as ApiClient;
  }

  #next(): Turn | undefined {
    const turn = this.#turns.shift();
    for (const each of turn?.before ?? []) this.write(each);
    if (turn?.isCompacted) this.#oldest = this.#version;
    return turn;
  }

  #list(query: URLSearchParams): unknown {
    const token = query.get('continue');
    if (token !== null) return this.#page(token);
    const turn = this.#next();
    switch (turn?.list) {
      case 'refused':
        throw failed(500);
      case 'broken':
        return turn.answer;
      case 'with a broken item':
        return {
          metadata: {resourceVersion: `${this.#version}`},
          items: [...this.#objects.values(), turn.answer],
        };
      default: {
        const next = `${this.#pages.size}`;
        const isExpired = turn?.list === 'expired';
        this.#pages.set(next, {items: [...this.#objects.values()], version: this.#version, isExpired});
        return this.#page(next);
      }
    }
  }

  #page(token: string): unknown {
    const page = this.#pages.get(token);
    if (!page) throw failed(410, 'Expired');
    const items = page.items.splice(0, PAGE);
    if (page.isExpired && page.items.length > 0) this.#pages.delete(token);
    const rest = page.items.length > 0 ? {continue: token} : {};
    return {metadata: {resourceVersion: `${page.version}`, ...rest}, items};
  }

  async *#watch(query: URLSearchParams, signal: AbortSignal): AsyncGenerator<string, void> {
    const turn = this.#next();
    const from = Number(query.get('resourceVersion'));
    if (!Number.isInteger(from)) throw failed(400);
    if (from < this.#oldest) throw failed(410, 'Expired');
    if (turn?.isRepeated) yield* this.#repetitions(from);
    yield* this.#events(from, turn?.events ?? Number.POSITIVE_INFINITY);
    for (const each of turn?.during ?? []) this.write(each);
    yield* turn ? this.#end(turn, from) : this.#live(signal);
  }

  *#events(from: number, most: number): Generator<string> {
    let count = 0;
    for (const {version, type, object} of this.#log) {
      if (version > from && count++ < most) yield JSON.stringify({type, object});
    }
  }

  *#end(turn: Turn, from: number): Generator<string> {
    switch (turn.end) {
      case 'cut':
        throw failed(0);
      case 'failed':
        yield JSON.stringify({type: 'ERROR', object: {code: 500, message: 'no'}});
        return;
      case 'gone':
        yield JSON.stringify({type: 'ERROR', object: {code: 410, reason: 'Expired'}});
        return;
      case 'broken':
        yield turn.line;
        return;
      case 'bookmarked':
        yield* this.#events(from, Number.POSITIVE_INFINITY);
        yield this.#bookmark();
        return;
      default:
        return;
    }
  }

  /** What was told last of each object, once more; no server tells what was before that. */
  *#repetitions(from: number): Generator<string> {
    const told = this.#log.filter(({version}) => version <= from);
    for (const {version, type, object} of told) {
      const isLast = !told.some(
        each => each.version > version && each.object.metadata.name === object.metadata.name,
      );
      if (isLast) yield JSON.stringify({type, object});
    }
  }

  #bookmark(): string {
    return JSON.stringify({type: 'BOOKMARK', object: {metadata: {resourceVersion: `${this.#version}`}}});
  }

  /** The script has ended: the watch is open, and who asks for more has taken everything before. */
  async *#live(signal: AbortSignal): AsyncGenerator<string, void> {
    signal.addEventListener('abort', () => this.#woken.resolve(), {once: true});
    yield this.#bookmark();
    for (let at = this.#version; !signal.aborted; ) {
      const from = at;
      at = this.#version;
      yield* this.#events(from, Number.POSITIVE_INFINITY);
      if (at !== this.#version) continue;
      this.#woken = Promise.withResolvers<void>();
      this.#isIdle = true;
      this.#caughtUp.resolve();
      await this.#woken.promise;
    }
    throw failed(0);
  }
}

export const textOf = ({metadata: {name, resourceVersion}}: KubeObject) => `${name}@${resourceVersion}`;
