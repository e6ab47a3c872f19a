/** A proxy between a process and an API server that does to requests and answers what bad networks and servers do. */
import {once} from 'node:events';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import type {IncomingMessage, OutgoingHttpHeaders} from 'node:http';
import http2, {type Http2ServerRequest, type Http2ServerResponse} from 'node:http2';
import https, {type RequestOptions} from 'node:https';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {KubeConfig} from '@kubernetes/client-node';
import type {ExecutionContext} from 'ava';
import {cert, key} from '../runtime/certificate.ts';
import {Delivery, piecesOf} from './delivery.ts';
import {type Fault, isAnswerFault, type Matcher, matches, type Passed, Rule} from './faults.ts';
import {Network} from './network.ts';

/** Below the time after which the API server closes an idle connection, as a request on such a one is lost. */
const IDLE_MS = 30_000;
/** Of one hop; and the proxy reads answers, so that they may not be compressed. */
const OWN_HEADERS =
  /^(:.*|host|connection|keep-alive|transfer-encoding|te|upgrade|content-length|authorization|accept-encoding)$/;

type Upstream = {readonly server: string; readonly options: RequestOptions; readonly agent: https.Agent};
type Exchange = {
  readonly request: Passed;
  /** Path and query as they came. */
  readonly target: string;
  readonly headers: OutgoingHttpHeaders;
  readonly response: Http2ServerResponse;
  /** Aborts when the process no longer waits for the answer, or has it. */
  readonly left: AbortSignal;
  /** Resets the connection on which it came. */
  cut(): void;
};

export class FaultProxy {
  /** Path of the kubeconfig for the process under test. */
  readonly kubeconfig: string;
  /** Every request in the order in which they came; entries change while their requests go on. */
  readonly log: Passed[] = [];
  /** What is between the process and the proxy: can be cut, frozen (half-open) and refusing as a whole. */
  readonly network: Network;
  readonly #upstream: Upstream;
  #rules: Rule[] = [];

  /** Starts one that ends with the test, and asks the API server with the credentials of a kubeconfig. */
  static async start(t: ExecutionContext, kubeconfig: string): Promise<FaultProxy> {
    const upstream = await upstreamOf(kubeconfig);
    const server = http2.createSecureServer({key, cert, allowHTTP1: true});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const network = await Network.before((server.address() as AddressInfo).port);
    const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-proxy-'));
    const proxy = new FaultProxy(upstream, network, path.join(directory, 'kubeconfig'));
    await writeFile(proxy.kubeconfig, JSON.stringify(kubeconfigFor(network.port)));
    server.on('request', (request, response) => void proxy.#serve(request, response));
    server.on('session', session => session.on('error', () => {}));
    t.teardown(async () => {
      proxy.clear();
      upstream.agent.destroy();
      await network.close();
      await new Promise(resolve => server.close(resolve));
      await rm(directory, {recursive: true, force: true});
    });
    return proxy;
  }

  private constructor(upstream: Upstream, network: Network, kubeconfig: string) {
    this.#upstream = upstream;
    this.network = network;
    this.kubeconfig = kubeconfig;
  }

  /** Does this to all requests that match, or to the next few, until the rule is removed. */
  add(matcher: Matcher, fault: Fault, times = Number.POSITIVE_INFINITY): Rule {
    const rule = new Rule(matcher, fault, times);
    this.#rules = this.#rules.filter(each => !each.removed);
    this.#rules.push(rule);
    return rule;
  }

  /** Removes all rules, and opens the network. */
  clear(): void {
    for (const rule of this.#rules.splice(0)) rule.remove();
    this.network.state = 'open';
  }

  /** What has passed so far and matches. */
  passed(matcher: Matcher): Passed[] {
    return this.log.filter(each => matches(matcher, each));
  }

  async #serve(incoming: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const leaving = new AbortController();
    response.on('error', () => {}).once('close', () => leaving.abort());
    const peer = incoming.socket.remotePort ?? 0;
    const cut = () => this.network.cut(peer);
    try {
      const request = await received(incoming);
      this.log.push(request);
      const headers = handedOn(incoming.headers);
      const exchange = {request, target: incoming.url, headers, response, left: leaving.signal, cut};
      if (await this.#isStopped(exchange)) return;
      await this.#deliver(exchange, await this.#ask(exchange));
    } catch {
      // The API server is gone, which the process notices by the end of its connection.
      if (!leaving.signal.aborted) cut();
    }
  }

  /** Applies what happens before the server; whether that is all that happens. */
  async #isStopped({request, response, left, cut}: Exchange): Promise<boolean> {
    for (const rule of [...this.#rules]) {
      const {fault} = rule;
      if (isAnswerFault(fault) || !rule.take(request)) continue;
      if (fault.kind === 'delay') await delay(fault.ms);
      if (fault.kind === 'hold') await rule.end;
      if (fault.kind === 'cut') cut();
      if (fault.kind === 'status') refuse(response, request, fault);
      if (['cut', 'silence', 'status'].includes(fault.kind)) return true;
    }
    return request.method === 'GET' && left.aborted;
  }

  async #ask({request, target, headers, left}: Exchange): Promise<IncomingMessage> {
    const {server, options, agent} = this.#upstream;
    const {method, body} = request;
    const length = body.length === 0 ? {} : {'content-length': body.length};
    const asked = https.request(new URL(target, server), {
      ...options,
      agent,
      method,
      headers: {...headers, ...options.headers, ...length} as OutgoingHttpHeaders,
    });
    // A write that is on its way arrives, also when its sender has given up.
    if (method === 'GET') left.addEventListener('abort', () => asked.destroy(), {once: true});
    asked.end(body);
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    asked.on('error', () => {}); // it is the answer's too
    request.served = answer.statusCode ?? 0;
    return answer;
  }

  async #deliver({request, response, left, cut}: Exchange, answer: IncomingMessage): Promise<void> {
    const status = answer.statusCode ?? 0;
    const isWatch = status === 200 && isWatching(request);
    const open = () => {
      if (response.headersSent || left.aborted) return;
      response.writeHead(status, handedOn(answer.headers));
      request.answered = status;
    };
    const write = (bytes: Buffer) => {
      open();
      if (!left.aborted) response.write(bytes);
    };
    const ruleNow = () => this.#rules.find(each => isAnswerFault(each.fault) && each.take(request));
    const delivery = new Delivery({write, left}, ruleNow);
    if (isWatch) write(Buffer.alloc(0));
    for await (const piece of piecesOf(answer, isWatch)) {
      if (!(await delivery.send(piece))) return cut();
    }
    delivery.flush();
    open();
    response.end();
  }
}

const isWatching = ({query}: Passed) => ['1', 'true'].includes(query.get('watch') ?? '');

async function received(incoming: Http2ServerRequest): Promise<Passed> {
  const {pathname, searchParams} = new URL(incoming.url, 'https://proxy');
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return {
    method: incoming.method,
    path: pathname,
    query: searchParams,
    body: Buffer.concat(chunks),
    userAgent: incoming.headers['user-agent'] ?? '',
    atMs: performance.now(),
    faults: [],
  };
}

const handedOn = (headers: NodeJS.Dict<string | string[]>): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !OWN_HEADERS.test(name)));

/** Answers as an API server, or a proxy before it, that can't. */
function refuse(
  response: Http2ServerResponse,
  request: Passed,
  {status, retryAfterSeconds}: Extract<Fault, {kind: 'status'}>,
): void {
  const after = retryAfterSeconds === undefined ? {} : {'retry-after': `${retryAfterSeconds}`};
  const reason = status === 429 ? 'TooManyRequests' : 'InternalError';
  const message = `fault ${status}`;
  request.answered = status;
  response.writeHead(status, {'content-type': 'application/json', ...after});
  response.end(
    JSON.stringify({kind: 'Status', apiVersion: 'v1', status: 'Failure', message, reason, code: status}),
  );
}

async function upstreamOf(kubeconfig: string): Promise<Upstream> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const options: RequestOptions = {};
  await config.applyToHTTPSOptions(options);
  const agent = new https.Agent({keepAlive: true, timeout: IDLE_MS});
  return {server: config.getCurrentCluster()?.server ?? '', options, agent};
}

function kubeconfigFor(port: number): object {
  const authority = Buffer.from(cert).toString('base64');
  const cluster = {server: `https://127.0.0.1:${port}`, 'certificate-authority-data': authority};
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{name: 'proxy', cluster}],
    users: [{name: 'proxy', user: {token: 'replaced-on-the-way'}}],
    contexts: [{name: 'proxy', context: {cluster: 'proxy', user: 'proxy'}}],
    'current-context': 'proxy',
  };
}
