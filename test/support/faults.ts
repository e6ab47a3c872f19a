/** What can happen to a request and its answer on their way, and to which requests it happens. */

/** A request that came to the proxy, and what has become of it. */
export type Passed = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Of a client-go program it may be protobuf. */
  readonly body: Buffer;
  readonly userAgent: string;
  readonly atMs: number;
  /** What was done to it, in this order. */
  readonly faults: Fault['kind'][];
  /** What the API server answered; undefined when it did not, or was never asked. */
  served?: number;
  /** What the process under test was answered; undefined when it was not. Its answer may have been cut later. */
  answered?: number;
};

/** Parts that are not given match everything. */
export type Matcher = {
  readonly method?: string | readonly string[];
  /** Of the path without the query. */
  readonly path?: RegExp;
  readonly query?: Readonly<Record<string, string>>;
};

/** All that apply to a request apply, in the order in which they were added. */
export type RequestFault =
  /** It reaches the server so much later. */
  | {readonly kind: 'delay'; readonly ms: number}
  /** It waits until the rule is removed. A write arrives then also when its sender has given up by now. */
  | {readonly kind: 'hold'}
  /** The connection is reset before the request reaches the server, and with it all that is on the connection. */
  | {readonly kind: 'cut'}
  /** Nobody ever answers: the half-open state of this one request, while the connection answers pings. */
  | {readonly kind: 'silence'}
  /** It is answered here and the server never sees it. */
  | {readonly kind: 'status'; readonly status: number; readonly retryAfterSeconds?: number};

/**
 * The first that applies is applied, to each event of a watch, also of one that was there before the rule, and to the
 * whole answer else.
 */
export type AnswerFault =
  /** The request was carried out, but the connection is reset instead of an answer. */
  | {readonly kind: 'lost'}
  /** It arrives so much later. */
  | {readonly kind: 'late'; readonly ms: number}
  /** It waits until the rule is removed, and all that follows on the same watch waits behind it. */
  | {readonly kind: 'stall'}
  /** It comes byte by byte until the rule is removed, and then the rest of it at once. */
  | {readonly kind: 'drip'; readonly everyMs: number}
  /** Its second half is missing, although it ends as if it were complete. */
  | {readonly kind: 'truncate'}
  /** So many events of a watch are kept and then sent in the opposite order; the rest when the rule is removed. */
  | {readonly kind: 'reorder'; readonly count: number};

export type Fault = RequestFault | AnswerFault;

const ANSWER_FAULTS: readonly string[] = [
  'lost',
  'late',
  'stall',
  'drip',
  'truncate',
  'reorder',
] satisfies AnswerFault['kind'][];

export const isAnswerFault = (fault: Fault): fault is AnswerFault => ANSWER_FAULTS.includes(fault.kind);

/** One fault for the requests that match, until it is removed. */
export class Rule {
  readonly fault: Fault;
  readonly #matcher: Matcher;
  readonly #first = Promise.withResolvers<Passed>();
  readonly #end = Promise.withResolvers<void>();
  #left: number;
  #removed = false;
  /** How often it was applied. */
  count = 0;

  constructor(matcher: Matcher, fault: Fault, times: number) {
    this.#matcher = matcher;
    this.fault = fault;
    this.#left = times;
  }

  /** The first request to which it was applied. */
  get met(): Promise<Passed> {
    return this.#first.promise;
  }

  /** Resolves when it is removed. */
  get end(): Promise<void> {
    return this.#end.promise;
  }

  get removed(): boolean {
    return this.#removed;
  }

  /** Ends it, and lets go what it holds. */
  remove(): void {
    this.#removed = true;
    this.#end.resolve();
  }

  /** Whether it is to be applied to the request, which counts as one time. */
  take(request: Passed): boolean {
    if (this.#removed || this.#left === 0 || !matches(this.#matcher, request)) return false;
    this.#left -= 1;
    this.count += 1;
    request.faults.push(this.fault.kind);
    this.#first.resolve(request);
    return true;
  }
}

export function matches({method, path, query = {}}: Matcher, request: Passed): boolean {
  return (
    (method === undefined || [method].flat().includes(request.method)) &&
    (path === undefined || path.test(request.path)) &&
    Object.entries(query).every(([name, value]) => request.query.get(name) === value)
  );
}
