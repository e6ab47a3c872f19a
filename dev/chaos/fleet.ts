/** Workloads with living candidates: who led which Lease when, and since when each workload exists. */
import {randomUUID} from 'node:crypto';
import {setTimeout as sleep} from 'node:timers/promises';
import {hashOf} from '../../src/core/naming/hash.ts';
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
  candidates: Candidate[];
};

type Candidate = {
  /** Ends it: the reason CRASH without a release, as if it was killed. */
  stop: AbortController;
  /** Settles when it has ended, and released the Lease if it led. */
  ended: Promise<void>;
  leads: boolean;
};
const CRASH = 'crash';

export class Fleet {
  readonly all: Workload[] = [];
  readonly #clients: readonly ApiClient[];
  readonly #end: AbortSignal;
  #made = 0;
  #contending = 0;

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
      candidates: [],
    };
    await this.#create(name);
    for (let count = 0; count < CANDIDATES; count += 1) this.#start(workload);
    this.all.push(workload);
  }

  /** Ends the leader of a workload as a kill would, and starts another candidate in its place. */
  crash(): void {
    const some = this.#some();
    const leader = some?.candidates.find(({leads}) => leads);
    if (!some || !leader) return;
    leader.stop.abort(CRASH);
    this.#start(some);
  }

  /** Deletes the oldest workload, whose candidates go on for a while. */
  async retire(): Promise<void> {
    const oldest = this.living[0];
    if (!oldest) return;
    oldest.toMs = Date.now();
    await this.#delete(oldest.name);
    void sleep(LINGER_MS, undefined, {signal: this.#end})
      .catch(() => {})
      .then(() => stopAll(oldest));
  }

  /** Deletes a workload and makes it again at once, while its candidates go on. */
  async replace(): Promise<void> {
    const some = this.#some();
    if (!some) return;
    await this.#delete(some.name);
    await this.#create(some.name);
  }

  /** Ends every candidate; resolves when the last has released its Lease. */
  async stop(): Promise<void> {
    for (const workload of this.all) stopAll(workload);
    await Promise.all(this.all.flatMap(({candidates}) => candidates.map(({ended}) => ended)));
  }

  #some(): Workload | undefined {
    return this.living[Math.floor(Math.random() * this.living.length)];
  }

  #start(workload: Workload): void {
    const candidate: Candidate = {stop: new AbortController(), ended: Promise.resolve(), leads: false};
    candidate.ended = this.#contend(workload, candidate);
    workload.candidates.push(candidate);
  }

  async #contend(workload: Workload, candidate: Candidate): Promise<void> {
    this.#contending += 1;
    const client = this.#clients[this.#contending % this.#clients.length] as ApiClient;
    const identity = `${workload.name}-${randomUUID()}`;
    const {signal} = candidate.stop;
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
      candidate.leads = true;
      await new Promise(resolve => term.signal.addEventListener('abort', resolve, {once: true}));
      // A busy process learns late that its deadline has passed; no write began after that.
      candidate.leads = false;
      workload.reigns.push({identity, fromMs, toMs: Date.now() + Math.min(0, term.leftMs)});
    }
    if (signal.reason !== CRASH) await elector.release().catch(() => {});
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

function stopAll({candidates}: Workload): void {
  for (const {stop} of candidates) stop.abort();
}
