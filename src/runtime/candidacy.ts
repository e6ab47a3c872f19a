/**
 * Our LeaseCandidate, by which the API server knows that this process may be made the holder (KEP-4355).
 *
 * Before it chooses, the server asks each candidate whether it is still there: it sets pingTime, and whoever does not
 * move renewTime within 5 seconds is passed over. The rules are those of k8s.io/client-go/tools/leaderelection.
 */
import {CANDIDATES, type KubeObject} from '../api/objects.ts';
import {formatMicroTime, parseMicroTime} from '../core/lease/microtime.ts';
import {ApiError} from '../errors.ts';
import {checkItems, checkObject} from './answers.ts';
import type {ApiClient} from './client.ts';
import {type Clock, delay, systemClock} from './clock.ts';
import {watchOne} from './watch-one.ts';

type CandidateSpec = {
  leaseName: string;
  binaryVersion: string;
  emulationVersion: string;
  strategy: string;
  pingTime?: string;
  renewTime?: string;
};
type LeaseCandidate = KubeObject & {spec: CandidateSpec};

export type CandidacyOptions = {
  client: ApiClient;
  namespace: string;
  leaseName: string;
  /** Name of the candidate and, when it is chosen, of the holder. */
  identity: string;
  version: string;
  labels?: Record<string, string>;
  retryPeriodSeconds: number;
  clock?: Clock;
  onProblem?: (error: Error) => void;
};

/** The server collects a candidate that was not renewed for 30 minutes; client-go renews every 5. */
const RENEW_MS = 300_000;
const TIMEOUT_MS = 5_000;

/** What the API server takes for the name of a LeaseCandidate; more than for other objects, such as an underscore. */
export const CANDIDATE_NAME = /^(?!\.\.?$|\.\.)[-._a-zA-Z0-9]{1,253}$/;

export class Candidacy {
  readonly #options: CandidacyOptions;
  readonly #clock: Clock;
  readonly #path: string;
  /** The candidate as the server last had it, once this process has written it. */
  #own: LeaseCandidate | undefined;

  constructor(options: CandidacyOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#path = `/apis/${CANDIDATES.apiVersion}/namespaces/${options.namespace}/leasecandidates`;
  }

  /**
   * Stands until the signal aborts, and withdraws then. Ends before that, and says why, where the server knows no
   * LeaseCandidates or we may not write them; whatever else goes wrong is tried again.
   */
  async stand(signal: AbortSignal): Promise<string | undefined> {
    try {
      while (!signal.aborted) {
        try {
          await this.#answerPings(await this.#register(signal), signal);
        } catch (error) {
          if (isRefusal(error)) return refusal(error);
          if (!signal.aborted) this.#options.onProblem?.(error as Error);
        }
        await delay(this.#options.retryPeriodSeconds * 1000, signal);
      }
      return undefined;
    } finally {
      await this.#withdraw();
    }
  }

  /** Sees to it that the candidate is there, is ours, and has answered. */
  async #register(signal: AbortSignal): Promise<LeaseCandidate> {
    const query = new URLSearchParams({fieldSelector: `metadata.name=${this.#options.identity}`});
    const path = `${this.#path}?${query}`;
    const [found] = checkItems(await this.#request('GET', path, {signal}), `GET ${path}`) as LeaseCandidate[];
    if (!found) return this.#create();
    // One from before our time has the name of this process, and perhaps another version.
    return this.#own === undefined || this.#isDue(found) ? this.#renew(found) : found;
  }

  /** Follows the candidate until it is deleted or the server ends the watch. */
  async #answerPings(registered: LeaseCandidate, signal: AbortSignal): Promise<void> {
    try {
      for await (const candidate of watchOne(this.#options.client, this.#path, registered, signal)) {
        if (candidate && isPinged(candidate)) await this.#renew(candidate);
      }
    } catch (error) {
      // Without a watch the candidate is looked at once in a retry period, which is soon enough for a ping.
      if (!isRefusal(error)) throw error;
    }
  }

  #isDue(candidate: LeaseCandidate): boolean {
    const renewedMs = parseMicroTime(candidate.spec.renewTime) ?? 0;
    return isPinged(candidate) || this.#clock.wallMs() - renewedMs >= RENEW_MS;
  }

  async #create(): Promise<LeaseCandidate> {
    const {identity: name, labels} = this.#options;
    const body = {...manifest(), metadata: {name, labels}, spec: this.#spec()};
    try {
      this.#own = checkObject(await this.#request('POST', this.#path, {body}), `POST ${this.#path}`);
    } catch (error) {
      // Lists are answered where there is no namespace, so this does not say that candidates are not served.
      if (error instanceof ApiError && error.isNotFound) throw new Error(error.message, {cause: error});
      throw error;
    }
    return this.#own;
  }

  async #renew(found: LeaseCandidate): Promise<LeaseCandidate> {
    const body = {...manifest(), metadata: found.metadata, spec: {...found.spec, ...this.#spec(found.spec)}};
    const path = `${this.#path}/${found.metadata.name}`;
    try {
      this.#own = checkObject(await this.#request('PUT', path, {body}), `PUT ${path}`);
    } catch (error) {
      // It was pinged or deleted meanwhile, which the watch is about to tell.
      if (!(error instanceof ApiError && (error.isConflict || error.isNotFound))) throw error;
    }
    return found;
  }

  #spec({pingTime}: Partial<CandidateSpec> = {}): CandidateSpec {
    const {leaseName, version} = this.#options;
    const nowMs = this.#clock.wallMs();
    // The ping is by the server's clock: if ours is behind, the time of the ping is the only answer that counts.
    const late = pingTime !== undefined && nowMs <= (parseMicroTime(pingTime) ?? 0);
    return {
      leaseName,
      binaryVersion: version,
      emulationVersion: version,
      strategy: 'OldestEmulationVersion',
      renewTime: late ? pingTime : formatMicroTime(nowMs),
    };
  }

  /** Leaves nothing behind that could be chosen; a candidate of the same name that somebody else has made stays. */
  async #withdraw(): Promise<void> {
    if (!this.#own) return;
    const {name, uid} = this.#own.metadata;
    const body = {apiVersion: 'v1', kind: 'DeleteOptions', preconditions: {uid}};
    try {
      await this.#request('DELETE', `${this.#path}/${name}`, {body});
    } catch (error) {
      if (!(error instanceof ApiError && (error.isNotFound || error.isConflict)))
        this.#options.onProblem?.(error as Error);
    }
  }

  /** Writes are not bound to the signal: one whose answer we don't wait for may still arrive at the server. */
  #request<T>(method: string, path: string, options: {body?: unknown; signal?: AbortSignal}): Promise<T> {
    return this.#options.client.request<T>(method, path, {timeoutMs: TIMEOUT_MS, ...options});
  }
}

/** The server knows no candidates, or not from us: to ask again is of no use. */
const isRefusal = (error: unknown): error is ApiError =>
  error instanceof ApiError && (error.status === 403 || error.isNotFound);

const refusal = (error: ApiError) =>
  error.isNotFound ? `the API server serves no LeaseCandidate in ${CANDIDATES.apiVersion}` : error.message;

const manifest = () => ({...CANDIDATES});

function isPinged({spec}: LeaseCandidate): boolean {
  const {pingTime, renewTime} = spec;
  if (pingTime === undefined || pingTime === renewTime) return false;
  return (parseMicroTime(pingTime) ?? 0) >= (parseMicroTime(renewTime) ?? 0);
}
