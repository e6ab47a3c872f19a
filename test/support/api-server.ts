/** An API server that answers the requests of a script, in their order, and fails the test on every other one. */
import {once} from 'node:events';
import http2 from 'node:http2';
import type {AddressInfo, Socket} from 'node:net';
import {KubeConfig, type User} from '@kubernetes/client-node';
import type {ExecutionContext} from 'ava';
import {ApiClient} from '../../src/runtime/client.ts';

/** A test that waits longer than this for a request waits for ever. */
const PATIENCE_MS = 15_000;

export type Received = {
  method: string;
  path: string;
  query: URLSearchParams;
  headers: http2.IncomingHttpHeaders;
  /** The parsed body; undefined when there was none. */
  body: unknown;
  /** Number of the connection on which it came, from 0. */
  connection: number;
  socket: Socket;
  atMs: number;
};

export type Answer = (stream: http2.ServerHttp2Stream, request: Received) => void;

/** One request of the script, and the hands on its answer once it came. */
export class Exchange {
  readonly line: string;
  readonly answer: Answer;
  readonly #received = Promise.withResolvers<Received>();
  #stream: http2.ServerHttp2Stream | undefined;

  constructor(line: string, answer: Answer) {
    this.line = line;
    this.answer = answer;
    this.#received.promise.catch(() => {});
  }

  /** Resolves when the request is there. */
  get received(): Promise<Received> {
    return this.#received.promise;
  }

  get stream(): http2.ServerHttp2Stream {
    if (!this.#stream) throw new Error(`${this.line} has not come yet`);
    return this.#stream;
  }

  /** Resolves when the client has given the request up, or the answer is complete. */
  async closed(): Promise<void> {
    await this.received;
    if (this.stream.destroyed) return;
    await new Promise<void>(resolve => this.stream.once('close', () => resolve()));
  }

  /** It can't come any more: another request came instead. */
  fail(fault: string): void {
    this.#received.reject(new Error(fault));
  }

  /** Writes lines of a watch. */
  send(...events: object[]): void {
    for (const event of events) this.stream.write(`${JSON.stringify(event)}\n`);
  }

  play(stream: http2.ServerHttp2Stream, request: Received): void {
    this.#stream = stream;
    this.answer(stream, request);
    this.#received.resolve(request);
  }

  /** Whether method, path and the named query parameters agree; others may be there. */
  matches({method, path, query}: Received): boolean {
    const [expectedMethod, target = ''] = this.line.split(' ');
    const url = new URL(target, 'http://server');
    return (
      method === expectedMethod &&
      path === url.pathname &&
      [...url.searchParams].every(([name, value]) => query.get(name) === value)
    );
  }
}

export class ApiServer {
  readonly url: string;
  readonly requests: Received[] = [];
  readonly #t: ExecutionContext;
  readonly #server: http2.Http2Server;
  readonly #ca: string | undefined;
  readonly #sessions: http2.ServerHttp2Session[] = [];
  readonly #sockets: Socket[] = [];
  readonly #script: Exchange[] = [];
  readonly #faults: string[] = [];

  /** Starts one that ends with the test; with a key and a certificate it speaks TLS. */
  static async start(t: ExecutionContext, tls?: {key: string; cert: string}): Promise<ApiServer> {
    const server = tls ? http2.createSecureServer(tls) : http2.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new ApiServer(t, server, tls?.cert);
  }

  private constructor(t: ExecutionContext, server: http2.Http2Server, ca: string | undefined) {
    this.#t = t;
    this.#server = server;
    this.#ca = ca;
    this.url = `${ca ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (socket: Socket) => this.#sockets.push(socket));
    server.on('session', session => this.#sessions.push(session.on('error', () => {})));
    server.on('stream', (stream: http2.ServerHttp2Stream, headers) => void this.#receive(stream, headers));
    t.timeout(PATIENCE_MS, 'the script did not come to its end');
    t.teardown(() => this.#end());
  }

  /** The next request must be this one, such as `GET /api/v1/pods?limit=500`. */
  expect(line: string, answer: Answer): Exchange {
    const exchange = new Exchange(line, answer);
    this.#script.push(exchange);
    return exchange;
  }

  kubeConfig(user: Partial<User> = {}): KubeConfig {
    const config = new KubeConfig();
    const ca = this.#ca ? {caData: Buffer.from(this.#ca).toString('base64')} : {};
    config.loadFromClusterAndUser(
      {name: 'test', server: this.url, skipTLSVerify: this.#ca === undefined, ...ca},
      {name: 'tester', ...user},
    );
    return config;
  }

  /** A client that is closed with the test. */
  client(config: KubeConfig = this.kubeConfig()): ApiClient {
    const client = new ApiClient(config);
    this.#t.teardown(() => client.close());
    return client;
  }

  /** Resolves when the last request of the script has come. */
  async idle(): Promise<void> {
    await this.#script.at(-1)?.received;
  }

  /** Resolves when the connection of that number is no more, on either side. */
  async left(connection: number): Promise<void> {
    const socket = this.#sockets[connection] as Socket;
    // A reset is an error before it is an end.
    if (!socket.closed) await new Promise<void>(resolve => socket.once('close', () => resolve()));
  }

  /** How many connections were made. */
  get connections(): number {
    return this.#sessions.length;
  }

  /** How many of them are still there. */
  get openConnections(): number {
    return this.#sessions.filter(session => !session.destroyed).length;
  }

  /** Asks the client to leave its last connection once its requests are answered; resolves when it knows. */
  async goAway(): Promise<void> {
    const session = this.#sessions.at(-1) as http2.ServerHttp2Session;
    const {promise, resolve} = Promise.withResolvers<void>();
    session.goaway(http2.constants.NGHTTP2_NO_ERROR, session.state.lastProcStreamID ?? 0);
    session.once('close', resolve);
    session.ping(() => resolve());
    await promise;
  }

  /** Cuts all connections, without a word. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Listens no more; the script must be done. */
  async close(): Promise<void> {
    this.cut();
    await new Promise(resolve => this.#server.close(resolve));
  }

  async #receive(stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders): Promise<void> {
    stream.on('error', () => {});
    const connection = this.#sessions.indexOf(stream.session as http2.ServerHttp2Session);
    let text = '';
    for await (const chunk of stream.setEncoding('utf8')) text += chunk;
    const {pathname: path, searchParams: query} = new URL(headers[':path'] ?? '', this.url);
    const method = headers[':method'] ?? '';
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    const socket = this.#sockets[connection] as Socket;
    const request = {method, path, query, headers, body, connection, socket, atMs: performance.now()};
    this.requests.push(request);
    const next = this.#script.shift();
    if (next?.matches(request)) {
      next.play(stream, request);
      return;
    }
    this.#fail(`got ${method} ${headers[':path']}, expected ${next?.line ?? 'nothing more'}`, next);
    refusal(500, 'Unexpected')(stream, request);
  }

  #fail(fault: string, missed: Exchange | undefined): void {
    this.#faults.push(fault);
    for (const each of [missed, ...this.#script.splice(0)]) each?.fail(fault);
  }

  #end(): void {
    this.cut();
    this.#server.close();
    const missing = this.#script.map(each => `${each.line} never came`);
    const faults = [...this.#faults, ...missing];
    if (faults.length > 0) throw new Error(faults.join('\n'));
  }
}

/** Answers with JSON. */
export function json(body: unknown, status = 200, headers: http2.OutgoingHttpHeaders = {}): Answer {
  return text(JSON.stringify(body), status, {'content-type': 'application/json', ...headers});
}

/** Answers with any text. */
export function text(body: string, status = 200, headers: http2.OutgoingHttpHeaders = {}): Answer {
  return stream => {
    stream.respond({':status': status, ...headers});
    stream.end(body);
  };
}

/** Answers with a Status object, as the API server refuses. */
export function refusal(
  status: number,
  reason: string,
  message = `refused: ${reason}`,
  headers: http2.OutgoingHttpHeaders = {},
): Answer {
  return json(
    {kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code: status},
    status,
    headers,
  );
}

/** Never answers. */
export const silence: Answer = () => {};

/** Answers with lines of a watch, and leaves it open. */
export function watching(...events: object[]): Answer {
  return stream => {
    stream.respond({':status': 200, 'content-type': 'application/json'});
    for (const event of events) stream.write(`${JSON.stringify(event)}\n`);
  };
}

/** Answers with lines of a watch, and ends it. */
export function watched(...events: object[]): Answer {
  return text(events.map(event => `${JSON.stringify(event)}\n`).join(''));
}

/** Sends the beginning of an answer and cuts the connection once it is on its way. */
export function cutAfter(beginning: string): Answer {
  return (stream, {socket}) => {
    stream.respond({':status': 200, 'content-type': 'application/json'});
    stream.write(beginning, () => setImmediate(() => socket.destroy()));
  };
}

/** Sends the beginning of an answer and resets the stream once it is on its way. */
export function resetAfter(beginning: string): Answer {
  return stream => {
    stream.respond({':status': 200, 'content-type': 'application/json'});
    stream.write(beginning, () => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  };
}
