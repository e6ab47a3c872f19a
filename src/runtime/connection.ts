/** One HTTP/2 connection to the API server, with the credentials of a kubeconfig, made anew whenever it is lost. */
import http2, {type ClientHttp2Session, type OutgoingHttpHeaders} from 'node:http2';
import type {RequestOptions} from 'node:https';
import net, {type Socket} from 'node:net';
import tls from 'node:tls';
import {UsageError} from '../errors.ts';
import {inTime} from './clock.ts';

/** What KubeConfig falls back to when there is no kubeconfig and no Pod around us; no API server serves it. */
const NO_CLUSTER = 'http://localhost:8080';
/** How long a connection may take to be ready. */
const CONNECT_TIMEOUT_MS = 10_000;
/** An idle or half-open connection is found by a ping that gets no answer; both in milliseconds. */
export const PING_EVERY_MS = 15_000;
const PING_TIMEOUT_MS = 10_000;
/** Tokens from files and plugins change; they are asked for again after this long. */
const CREDENTIALS_FRESH_MS = 30_000;
/** A plugin that takes longer is taken to hang, and asked again. */
const CREDENTIALS_TIMEOUT_MS = 60_000;
/**
 * What the server may send in an answer before we have read any of it: the largest object that etcd takes by default.
 * With less, a write of a process that is stopped is done, and not answered before that goes on, so that nobody can tell
 * from the server's log whether it was done in its term.
 */
const ANSWER_BYTES = 1.5 * 1024 * 1024;

/** The part of @kubernetes/client-node's KubeConfig, of any version, that a connection needs. */
export type KubeConfigSource = {
  getCurrentCluster(): {readonly name: string; readonly server: string; readonly proxyUrl?: string} | null;
  /** Adds certificates and tokens; called again whenever they may have changed. */
  applyToHTTPSOptions(options: RequestOptions): Promise<void>;
};

/** No type has checked what a program in JavaScript gives. */
function checkSource(given: Partial<KubeConfigSource> | null | undefined): void {
  for (const method of ['getCurrentCluster', 'applyToHTTPSOptions'] as const)
    if (typeof given?.[method] !== 'function')
      throw new UsageError(
        `kubeConfig has no method ${method}: give a KubeConfig of @kubernetes/client-node`,
      );
}

/**
 * Hands out a live session; requests share it as streams. One session makes 64 requests at once without 64 TLS
 * handshakes, and a stream costs less than half of what a request over HTTP/1.1 does.
 */
export class Connection {
  readonly #kubeConfig: KubeConfigSource;
  readonly server: string;
  #session: Promise<ClientHttp2Session> | undefined;
  /** By what is under their TLS; also those that the server has asked us to leave and that have streams yet. */
  readonly #sessions = new Map<Socket, ClientHttp2Session>();
  #headers: {value: OutgoingHttpHeaders; readAtMs: number} | undefined;
  #asked: Promise<RequestOptions> | undefined;
  readonly #end = new AbortController();

  constructor(kubeConfig: KubeConfigSource) {
    checkSource(kubeConfig);
    const cluster = kubeConfig.getCurrentCluster();
    if (!cluster || cluster.server === NO_CLUSTER) {
      throw new UsageError('no cluster to talk to: set KUBECONFIG to a file whose current-context names one');
    }
    if (cluster.proxyUrl) {
      throw new UsageError(
        `cluster ${cluster.name} has a proxy-url, which is not supported: connect without a proxy`,
      );
    }
    this.#kubeConfig = kubeConfig;
    this.server = cluster.server;
  }

  /**
   * A session that was alive when last heard of, and authorization headers that are fresh within CREDENTIALS_FRESH_MS.
   * The signal ends the wait for them, and so do the limit and close; what is under way goes on for whoever asks next.
   */
  async ready(limitMs: number, signal?: AbortSignal): Promise<[ClientHttp2Session, OutgoingHttpHeaders]> {
    if (this.#end.signal.aborted) throw closed();
    const both = Promise.all([this.#live(), this.#authorization()]);
    return inTime(both, limitMs, `no connection within ${limitMs} ms`, signal);
  }

  /** Asks for credentials anew at the next request, as after an answer 401. */
  forgetCredentials(): void {
    this.#headers = undefined;
  }

  /**
   * Ends every session without sending what is on its way. A connection that is closed in the ordinary way may deliver
   * minutes later, when a broken network is back, what was written on it before.
   */
  reset(): void {
    this.#session = undefined;
    for (const [socket, session] of this.#sessions) {
      socket.resetAndDestroy();
      // Else a watch would seem to have been ended by the server, with nothing missed.
      session.destroy(new Error('the connection was given up'));
    }
  }

  /** Ends every session, and with it every stream that is still open, and every wait for one. */
  close(): void {
    this.#end.abort(closed());
    for (const session of this.#sessions.values()) session.destroy(session.connecting ? closed() : undefined);
  }

  async #live(): Promise<ClientHttp2Session> {
    if (!this.#session) {
      const session = this.#connect(() => {
        if (this.#session === session) this.#session = undefined;
      });
      this.#session = session;
    }
    return this.#session;
  }

  async #authorization(): Promise<OutgoingHttpHeaders> {
    const nowMs = performance.now();
    if (!this.#headers || nowMs - this.#headers.readAtMs > CREDENTIALS_FRESH_MS) {
      this.#headers = {value: authorization(await this.#credentials()), readAtMs: nowMs};
    }
    return this.#headers.value;
  }

  /** Whoever asks at the same time shares the answer: it may come from a program that is started for it, and may hang. */
  #credentials(): Promise<RequestOptions> {
    this.#asked ??= this.#ask().finally(() => {
      this.#asked = undefined;
    });
    return this.#asked;
  }

  async #ask(): Promise<RequestOptions> {
    const options: RequestOptions = {};
    const complaint = `no credentials within ${CREDENTIALS_TIMEOUT_MS} ms`;
    const asked = this.#kubeConfig.applyToHTTPSOptions(options);
    await inTime(asked, CREDENTIALS_TIMEOUT_MS, complaint, this.#end.signal);
    return options;
  }

  async #connect(forget: () => void): Promise<ClientHttp2Session> {
    try {
      const {ca, cert, key, pfx, passphrase, servername, rejectUnauthorized} = await this.#credentials();
      this.#end.signal.throwIfAborted();
      const trust = definedOnly({ca, cert, key, pfx, passphrase, servername, rejectUnauthorized});
      const socket = dial(this.server);
      const session = http2.connect(this.server, {
        settings: {initialWindowSize: ANSWER_BYTES},
        createConnection: () => secured(socket, this.server, trust),
      });
      this.#sessions.set(socket, session);
      socket.once('close', () => this.#sessions.delete(socket));
      session.on('close', forget).on('goaway', () => {
        forget();
        session.close();
      });
      await connected(session);
      // All answers and watches share this one, so that it holds one answer beside what watches have not read.
      session.setLocalWindowSize(2 * ANSWER_BYTES);
      keepAlive(session, () => socket.resetAndDestroy());
      return session;
    } catch (error) {
      forget();
      throw error;
    }
  }
}

const closed = () => new Error('the connection is closed');

function dial(server: string): Socket {
  const {protocol, hostname, port} = new URL(server);
  const socket = net.connect(Number(port) || (protocol === 'http:' ? 80 : 443), unbracketed(hostname));
  socket.setNoDelay();
  return socket;
}

function secured(socket: Socket, server: string, trust: tls.ConnectionOptions): Socket {
  const {protocol, hostname} = new URL(server);
  if (protocol === 'http:') return socket;
  const host = unbracketed(hostname);
  // The name of a server must not be an address.
  const name = net.isIP(host) === 0 ? {servername: host} : {};
  return tls.connect({socket, host, ALPNProtocols: ['h2'], ...name, ...trust});
}

const unbracketed = (hostname: string) => hostname.replace(/^\[(.*)\]$/, '$1');

function definedOnly<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

/** Who asks, and as whom: without the second an impersonation would silently have the rights of the first. */
function authorization({headers, auth}: RequestOptions): OutgoingHttpHeaders {
  const given = (headers ?? {}) as Record<string, string>;
  const impersonated = given['Impersonate-User'];
  const basic = auth ? `Basic ${Buffer.from(auth).toString('base64')}` : undefined;
  const credentials = given.Authorization || basic;
  return {
    ...(credentials !== undefined && {authorization: credentials}),
    ...(impersonated !== undefined && {'impersonate-user': impersonated}),
  };
}

function connected(session: ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => session.destroy(new Error(`no connection within ${CONNECT_TIMEOUT_MS} ms`)),
      CONNECT_TIMEOUT_MS,
    );
    // Later errors reach every stream; without a listener they would end the process.
    session.on('error', reject);
    session.once('connect', () => resolve());
    session.once('close', () => reject(new Error('the server closed the connection')));
    session.once('connect', () => clearTimeout(timer));
    session.once('close', () => clearTimeout(timer));
  });
}

function keepAlive(session: ClientHttp2Session, reset: () => void): void {
  const timer = setInterval(() => {
    // It is told closed only some turns after it was destroyed, and a ping by then would end the process.
    if (session.destroyed) return;
    const late = setTimeout(() => {
      session.destroy(new Error('the server does not answer'));
      reset();
    }, PING_TIMEOUT_MS);
    late.unref();
    session.ping(() => clearTimeout(late));
  }, PING_EVERY_MS);
  timer.unref();
  session.once('close', () => clearInterval(timer));
}
