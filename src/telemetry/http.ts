/** The HTTP endpoints for probes and Prometheus; they read and never write. */
import {createServer, type Server, type ServerOptions} from 'node:http';
import type {AddressInfo} from 'node:net';
import type {Registry} from 'prom-client';
import {escaped} from '../core/legible.ts';

export type HttpOptions = {
  host: string;
  /** 0 takes any free port. */
  port: number;
  registry: Registry;
  /** Why it can't do its work yet, or undefined. */
  unready: () => string | undefined;
  /** Told why a request could not be answered. */
  onProblem?: (error: Error) => void;
  limits?: Partial<HttpLimits>;
};

/** What one client may take; milliseconds. */
export type HttpLimits = {
  /** For the request as a whole. */
  requestMs: number;
  /** For a connection on which nothing moves, such as that of a client that does not read. */
  idleMs: number;
  headerBytes: number;
  connections: number;
};

/** Probes and scrapes are short, and ask with a few headers from a few places. */
const LIMITS: HttpLimits = {requestMs: 5_000, idleMs: 10_000, headerBytes: 8_192, connections: 500};

export type HttpEndpoint = {port: number; close: () => Promise<void>};

/** Listens. Throws when the port is taken. */
export async function serveHttp(options: HttpOptions): Promise<HttpEndpoint> {
  const server = limited({...LIMITS, ...options.limits});
  server.on('request', async (request, response) => {
    const {status, type = 'text/plain', headers, body} = await answerTo(request.method, request.url, options);
    const length = Buffer.byteLength(body);
    response.writeHead(status, {'content-type': type, 'content-length': length, ...headers});
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  await new Promise<void>((resolve, reject) => {
    server
      .once('error', error => reject(cannotListen(options, error)))
      .listen(options.port, options.host, resolve);
  });
  return {port: (server.address() as AddressInfo).port, close: () => close(server)};
}

/** A server on which a slow client, or many, keep nobody else waiting for long. */
function limited({requestMs, idleMs, headerBytes, connections}: HttpLimits): Server {
  const options: ServerOptions = {
    requestTimeout: requestMs,
    headersTimeout: requestMs,
    // How often the two above are looked at.
    connectionsCheckingInterval: Math.ceil(requestMs / 5),
    keepAliveTimeout: idleMs,
    maxHeaderSize: headerBytes,
  };
  const server = createServer(options);
  server.maxConnections = connections;
  server.setTimeout(idleMs);
  return server;
}

function cannotListen({host, port}: HttpOptions, error: Error): Error {
  const where = host ? `${host}, port ${port}` : `port ${port}`;
  return new Error(`can't listen on ${where} (${error.message}): choose another --http-host or --http-port`, {
    cause: error,
  });
}

type Answer = {status: number; type?: string; headers?: Record<string, string>; body: string};

async function answerTo(method = '', url = '', options: HttpOptions): Promise<Answer> {
  try {
    return await answer(method, url, options);
  } catch (error) {
    options.onProblem?.(error as Error);
    return {status: 500, body: 'see the log\n'};
  }
}

async function answer(method: string, url: string, options: HttpOptions): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD')
    return {status: 405, headers: {allow: 'GET, HEAD'}, body: 'only GET and HEAD\n'};
  switch (url.split('?')[0]) {
    case '/livez':
      return {status: 200, body: 'ok\n'};
    case '/readyz':
      return verdict(options.unready());
    case '/metrics':
      return {status: 200, type: options.registry.contentType, body: await options.registry.metrics()};
    default:
      return {status: 404, body: 'there are /livez, /readyz and /metrics\n'};
  }
}

const verdict = (problem: string | undefined): Answer =>
  problem === undefined
    ? {status: 200, body: 'ok\n'}
    : {status: 503, body: `${problem.split('\n').map(escaped).join('\n')}\n`};

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise(resolve => server.close(() => resolve()));
}
