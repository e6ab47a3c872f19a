/** Requests to the API server: JSON in, JSON or an ApiError out, and watch streams as lines. */
import type {ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader} from 'node:http2';
import {AnswerTooLarge, ApiError, messageOf, TermEndedError} from '../errors.ts';
import {Connection, type KubeConfigSource} from './connection.ts';
import {readRefusal} from './refusal.ts';

const REQUEST_TIMEOUT_MS = 30_000;
/** A watch is answered at once, also where there is nothing to tell. */
const WATCH_ANSWER_MS = 30_000;
/** How long after its time the server may end a watch. */
export const WATCH_GRACE_MS = 30_000;

export const MERGE_PATCH = 'application/merge-patch+json';
export const JSON_PATCH = 'application/json-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';

export type RequestOptions = {
  body?: unknown;
  contentType?: string;
  /** What is asked for, where that is not the whole object. */
  accept?: string;
  signal?: AbortSignal;
  /** Called when there is a connection, right before the request goes out; what it throws keeps it from being sent. */
  guard?: () => void;
  /** Stands behind the user agent, so that the API server's audit log has it. */
  remark?: string;
  /** How long it may take, from the wait for a connection up to the last byte of the answer. */
  timeoutMs?: number;
  /** Beyond this the answer is given up with AnswerTooLarge. */
  maxBytes?: number;
  /** Told of the headers of the answer, such as the server's time. */
  onHeaders?: (headers: IncomingHttpHeaders) => void;
};

export type WatchOptions = {
  accept?: string | undefined;
  /** Within how many milliseconds there must be a connection, and then an answer, and the server must have ended the watch. */
  limits?: {answerMs?: number; endMs: number};
};

/** Told of every answer, for metrics. Status 0: there was none. */
export type RequestObserver = (method: string, status: number, seconds: number) => void;

type Answer = {stream: ClientHttp2Stream; status: number; headers: IncomingHttpHeaders};

export class ApiClient {
  readonly #connection: Connection;
  readonly #observe: RequestObserver;
  readonly #userAgent: string;
  #unanswered = false;

  constructor(kubeConfig: KubeConfigSource, userAgent = 'leasepolicy', observe: RequestObserver = () => {}) {
    this.#connection = new Connection(kubeConfig);
    this.#userAgent = userAgent;
    this.#observe = observe;
  }

  get server(): string {
    return this.#connection.server;
  }

  /** Sends one request and parses the answer. Throws ApiError for every status above 299 and for no answer. */
  async request<T>(method: string, path: string, options: RequestOptions = {}): Promise<T> {
    const text = await this.send(method, path, options);
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw asApiError(method, path, error);
    }
  }

  /** The same without parsing, which costs as much as the request, for an answer that nobody reads. */
  async send(method: string, path: string, options: RequestOptions = {}): Promise<string> {
    const startMs = performance.now();
    let status = 0;
    let isSent = false;
    try {
      const {timeoutMs = REQUEST_TIMEOUT_MS} = options;
      const answer = await this.#open(method, path, {...options, timeoutMs}, stream => {
        isSent = true;
        const leftMs = startMs + timeoutMs - performance.now();
        limit(stream, leftMs, `no answer within ${timeoutMs} ms`);
      });
      options.onHeaders?.(answer.headers);
      const text = await readText(answer.stream, options.maxBytes, `${method} ${path}`);
      status = answer.status;
      if (status > 299) throw this.#refusal(method, path, answer, text);
      return text;
    } catch (error) {
      throw asApiError(method, path, error);
    } finally {
      if (isSent && status === 0 && method !== 'GET') this.#unanswered = true;
      this.#observe(method, status, (performance.now() - startMs) / 1000);
    }
  }

  /** Opens a stream of newline-delimited JSON; it ends when the server ends it. Throws ApiError as request does. */
  async *lines(
    path: string,
    signal: AbortSignal,
    {accept, limits}: WatchOptions = {},
  ): AsyncGenerator<string, void> {
    const startMs = performance.now();
    const timeoutMs = limits?.answerMs ?? WATCH_ANSWER_MS;
    const options = {signal, timeoutMs, ...(accept === undefined ? {} : {accept})};
    let status = 0;
    try {
      const answer = await this.#open('GET', path, options, stream => limitWatch(stream, limits));
      status = answer.status;
      if (status > 299) throw this.#refusal('GET', path, answer, await readText(answer.stream));
      this.#observe('WATCH', status, (performance.now() - startMs) / 1000);
      yield* splitLines(answer.stream as AsyncIterable<Buffer>);
    } catch (error) {
      if (status === 0) this.#observe('WATCH', 0, (performance.now() - startMs) / 1000);
      throw asApiError('WATCH', path, error);
    }
  }

  /**
   * Ends the connection if a write on it got no answer, so that it can't arrive any more; to be called when its time is
   * over. What else was on the connection fails.
   */
  abandonUnanswered(): void {
    if (this.#unanswered) this.#connection.reset();
    this.#unanswered = false;
  }

  close(): void {
    this.#connection.close();
  }

  async #open(
    method: string,
    path: string,
    options: RequestOptions & {timeoutMs: number},
    limited: (stream: ClientHttp2Stream) => void,
  ): Promise<Answer> {
    options.signal?.throwIfAborted();
    const [session, authorization] = await this.#connection.ready(options.timeoutMs, options.signal);
    options.signal?.throwIfAborted();
    options.guard?.();
    const body = options.body === undefined ? undefined : JSON.stringify(options.body);
    const headers = {
      ...authorization,
      ':method': method,
      ':path': path,
      accept: options.accept ?? 'application/json',
      'user-agent': this.#userAgent + comment(options.remark),
      ...(body === undefined ? {} : {'content-type': options.contentType ?? 'application/json'}),
    };
    // Without endStream Node ends a DELETE before its body: the preconditions would be lost.
    const stream = session.request(headers, {endStream: body === undefined});
    if (options.signal) abortWith(stream, options.signal);
    limited(stream);
    if (body !== undefined) stream.end(body);
    return response(stream);
  }

  #refusal(method: string, path: string, {status, headers}: Answer, text: string): ApiError {
    if (status === 401) this.#connection.forgetCredentials();
    return new ApiError(`${method} ${path}`, readRefusal(status, headers['retry-after'], text));
  }
}

/** A comment of RFC 9110, in which no other character may stand. */
const comment = (remark: string | undefined) =>
  remark === undefined ? '' : ` (${remark.replaceAll(/[^ -~]|[()\\]/g, '?')})`;

function asApiError(method: string, path: string, error: unknown): ApiError | TermEndedError {
  if (error instanceof ApiError || error instanceof TermEndedError) return error;
  return new ApiError(`${method} ${path}`, {status: 0, message: messageOf(error)}, error);
}

/** Not only silence: an answer that drips would hold up for ever whoever waits for it. */
function limit(stream: ClientHttp2Stream, ms: number, complaint: string): () => void {
  const timer = setTimeout(() => stream.destroy(new Error(complaint)), ms);
  const clear = () => clearTimeout(timer);
  stream.once('close', clear);
  return clear;
}

/** Whoever is between us and the server may go on answering pings when the server is gone. */
function limitWatch(stream: ClientHttp2Stream, limits: WatchOptions['limits']): void {
  const {answerMs = WATCH_ANSWER_MS, endMs} = limits ?? {};
  stream.once('response', limit(stream, answerMs, `no answer within ${answerMs} ms`));
  if (endMs !== undefined) limit(stream, endMs, `the server did not end it within ${endMs} ms`);
}

function abortWith(stream: ClientHttp2Stream, signal: AbortSignal): void {
  const abort = () => stream.destroy(signal.reason instanceof Error ? signal.reason : new Error('cancelled'));
  signal.addEventListener('abort', abort, {once: true});
  stream.once('close', () => signal.removeEventListener('abort', abort));
}

function response(stream: ClientHttp2Stream): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const lost = () => reject(new Error('the connection was lost before an answer'));
    stream.once('close', lost);
    stream.once('error', reject);
    stream.once('response', (headers: IncomingHttpHeaders & IncomingHttpStatusHeader) => {
      stream.off('close', lost);
      resolve({stream, status: headers[':status'] ?? 0, headers});
    });
  });
}

function readText(
  stream: ClientHttp2Stream,
  maxBytes = Number.POSITIVE_INFINITY,
  activity = '',
): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) stream.destroy(new AnswerTooLarge(activity, maxBytes));
      else chunks.push(chunk);
    });
    stream.once('end', () => resolve(joined(chunks)));
    stream.once('error', reject);
    // Whatever ends it before its end: not every end that Node knows is told as an error, too. The end may follow at once.
    const lost = new Error('the connection was lost in the middle of an answer');
    stream.once('close', () => setImmediate(reject, lost));
  });
}

/** Most answers and lines are in one chunk, which need not be copied. */
function joined(chunks: readonly Buffer[]): string {
  const [only] = chunks;
  return only && chunks.length === 1 ? only.toString('utf8') : Buffer.concat(chunks).toString('utf8');
}

const NEWLINE = 0x0a;

/** The lines of a stream; what follows the last line break is no line. */
export async function* splitLines(stream: AsyncIterable<Buffer>): AsyncGenerator<string, void> {
  let pending: Buffer[] = [];
  for await (const chunk of stream) {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
      pending.push(chunk.subarray(start, end));
      yield joined(pending);
      pending = [];
      start = end + 1;
    }
    if (start < chunk.length) pending.push(chunk.subarray(start));
  }
}
