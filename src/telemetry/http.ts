/** The HTTP endpoints for probes and Prometheus; they read and never write. */
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import type {Registry} from 'prom-client';

export type HttpOptions = {
  host: string;
  /** 0 takes any free port. */
  port: number;
  registry: Registry;
  /** Why it can't do its work yet, or undefined. */
  unready: () => string | undefined;
};

export type HttpEndpoint = {port: number; close: () => Promise<void>};

/** Listens. Throws when the port is taken. */
export async function serveHttp(options: HttpOptions): Promise<HttpEndpoint> {
  const server = createServer(async (request, response) => {
    const {status, type = 'text/plain', body} = await answer(request.method, request.url, options);
    response.writeHead(status, {'content-type': type}).end(request.method === 'HEAD' ? undefined : body);
  });
  await new Promise<void>((resolve, reject) => {
    server
      .once('error', error => reject(cannotListen(options, error)))
      .listen(options.port, options.host, resolve);
  });
  return {port: (server.address() as AddressInfo).port, close: () => close(server)};
}

function cannotListen({host, port}: HttpOptions, error: Error): Error {
  const where = host ? `${host}, port ${port}` : `port ${port}`;
  return new Error(`can't listen on ${where} (${error.message}): choose another --http-host or --http-port`, {
    cause: error,
  });
}

type Answer = {status: number; type?: string; body: string};

async function answer(method = '', url = '', options: HttpOptions): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return {status: 405, body: 'only GET\n'};
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
  problem === undefined ? {status: 200, body: 'ok\n'} : {status: 503, body: `${problem}\n`};

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise(resolve => server.close(() => resolve()));
}
