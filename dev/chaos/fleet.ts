/** Workloads with living candidates: who led which Lease when, and since when each workload exists. */
import {randomUUID} from 'node:crypto';
import {setTimeout as sleep} from 'node:timers/promises';
import {hashOf} from '../../src/core/hash.ts';
import {ApiError} from '../../src/errors.ts';
import type {ApiClient} from '../../src/runtime/client.ts';
import {LeaderElector} from '../../src/runtime/elector.ts';
import type {Reign} from '../trust/invariant.ts';

export const NAMESPACE = 'shop';
export const PREFIX = 'chaos';
/** One renewal of each Lease in four seconds is what two cores bear beside the control plane. */
const TIMING = {leaseDurationSeconds: 15, renewDeadlineSeconds: 10, retryPeriodSeconds: 4};
const CANDIDATES = 2;
/** For how long the candidates of a deleted workload go on, as Pods do that are slow to end. */
const LINGER_MS = 10_000;
const AGAIN_MS = 500;

export type Workload = {
  name: string;
  lease: string;
  fromMs: number;
  /** When its deletion was asked for; undefined while it is to exist. */
  toMs?: number;
  reigns: Reign[];
  stop: AbortController;
  /** Settles when its candidates have released and ended. */
  ended: Promise<unknown>;
};

export class Fleet {
  readonly all: Workload[] = [];
  readonly #clients: readonly ApiClient[];
  readonly #end: AbortSignal;
  #made = 0;

  /** The clients are shared by all candidates. */
  constructor(clients: readonly ApiClient[], end: AbortSignal) {
    this.#clients = clients;
    this.#end = end;
  }

  get living(): Workload[] {
    return this.all.filter(({toMs}) => toMs === undefined);
  }

  /** Makes a Deployment, and candidates that contend for its Lease from now on. */
  async add(): Promise<void> {
    const name = `app-${this.#made}`;
    this.#made += 1;
    const lease = `${PREFIX}-${hashOf([name], {encoding: 'Hex', length: 10})}`;
    const workload: Workload = {
      name,
      lease,
      fromMs: Date.now(),
      reigns: [],
      stop: new AbortController(),
      ended: Promise.resolve(),
    };
    await this.#create(name);
    workload.ended = Promise.all(Array.from({length: CANDIDATES}, () => this.#contend(workload)));
    this.all.push(workload);
  }

  /** Deletes the oldest workload, whose candidates go on for a while. */
  async retire(): Promise<void> {
    const oldest = this.living[0];
    if (!oldest) return;
    oldest.toMs = Date.now();
    await this.#delete(oldest.name);
    void sleep(LINGER_MS, undefined, {signal: this.#end})
      .catch(() => {})
      .then(() => oldest.stop.abort());
  }

  /** Deletes a workload and makes it again at once, while its candidates go on. */
  async replace(): Promise<void> {
    const some = this.living[Math.floor(Math.random() * this.living.length)];
    if (!some) return;
    await this.#delete(some.name);
    await this.#create(some.name);
  }

  /** Ends every candidate; resolves when the last has released its Lease. */
  async stop(): Promise<void> {
    for (const {stop} of this.all) stop.abort();
    await Promise.all(this.all.map(({ended}) => ended));
  }

  async #contend(workload: Workload): Promise<void> {
    const client = this.#clients[this.#made % this.#clients.length] as ApiClient;
    const identity = `${workload.name}-${randomUUID()}`;
    const {signal} = workload.stop;
    const elector = new LeaderElector({
      client,
      namespace: NAMESPACE,
      name: workload.lease,
      identity,
      timing: TIMING,
      signal,
    });
    for await (const term of elector.terms()) {
      const fromMs = Date.now();
      await new Promise(resolve => term.signal.addEventListener('abort', resolve, {once: true}));
      // A busy process learns late that its deadline has passed; no write began after that.
      workload.reigns.push({identity, fromMs, toMs: Date.now() + Math.min(0, term.leftMs)});
    }
    await elector.release().catch(() => {});
  }

  #create(name: string): Promise<void> {
    const labels = {app: name};
    const template = {metadata: {labels}, spec: {containers: [{name: 'main', image: 'none'}]}};
    const body = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: {name, labels},
      spec: {replicas: 0, selector: {matchLabels: labels}, template},
    };
    return this.#insist('POST', '', body);
  }

  #delete(name: string): Promise<void> {
    return this.#insist('DELETE', `/${name}`);
  }

  /** Tries until it is done, as the API server may be down; that it was done already is what a lost answer leaves. */
  async #insist(method: string, path: string, body?: object): Promise<void> {
    const url = `/apis/apps/v1/namespaces/${NAMESPACE}/deployments${path}`;
    const [client] = this.#clients;
    while (!this.#end.aborted) {
      try {
        await client?.request(method, url, {body, timeoutMs: 5_000});
        return;
      } catch (error) {
        if (error instanceof ApiError && (error.isConflict || error.isNotFound)) return;
        await sleep(AGAIN_MS);
      }
    }
  }
}
