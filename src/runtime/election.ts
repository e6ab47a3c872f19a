/**
 * Leader election by a Lease, with client-go's record and rules: any client-go candidate can share the Lease.
 *
 * Only what this process saw change, on its own monotonic clock, says whether a holder still lives; the record's
 * own duration counts; every write carries the resourceVersion that was read. The rules are those of
 * k8s.io/client-go/tools/leaderelection; a standby differs in that it watches the Lease, so that it takes a released
 * one at once.
 */
import type {Lease, LeaseSpec} from '../api/objects.ts';
import {formatMicroTime, parseMicroTime} from '../core/microtime.ts';
import {ApiError, UsageError} from '../errors.ts';
import type {ApiClient} from './client.ts';
import {type Clock, delay, systemClock} from './clock.ts';

/** Durations in seconds; LeaseDuration > RenewDeadline > 1.2 x RetryPeriod, as client-go demands. */
export type ElectionTiming = {
  leaseDurationSeconds: number;
  renewDeadlineSeconds: number;
  retryPeriodSeconds: number;
};

export const DEFAULT_TIMING: ElectionTiming = {
  leaseDurationSeconds: 15,
  renewDeadlineSeconds: 10,
  retryPeriodSeconds: 2,
};

/** client-go adds up to this share of the retry period, so that candidates do not come in step. */
const JITTER = 1.2;

export type ElectionOptions = {
  client: ApiClient;
  namespace: string;
  name: string;
  /** Unique to the process, such as <pod name>_<uuid>. */
  identity: string;
  timing?: ElectionTiming;
  labels?: Record<string, string>;
  /** Ends the election; a term that is under way is released. */
  signal: AbortSignal;
  clock?: Clock;
  /** Told of each holder that is seen, and of each failed attempt. */
  onHolder?: (holder: string) => void;
  onProblem?: (error: Error) => void;
};

/** The time in which this process leads. */
export class Term {
  readonly #end = new AbortController();
  readonly #clock: Clock;
  #deadlineMs: number;
  /** The fencing counter: it grows with every change of the holder. */
  readonly transitions: number;

  constructor(deadlineMs: number, transitions: number, clock: Clock) {
    this.#deadlineMs = deadlineMs;
    this.transitions = transitions;
    this.#clock = clock;
  }

  /** Aborts when the term is over, whether lost or given up. */
  get signal(): AbortSignal {
    return this.#end.signal;
  }

  /** Whether a guarded write may begin now: the term lives and its deadline has not passed. */
  get mayWrite(): boolean {
    return !this.#end.signal.aborted && this.#clock.monotonicMs() < this.#deadlineMs;
  }

  /** Milliseconds for which the term is safe without another renewal. */
  get leftMs(): number {
    return this.#deadlineMs - this.#clock.monotonicMs();
  }

  extend(deadlineMs: number): void {
    this.#deadlineMs = deadlineMs;
  }

  end(reason: Error): void {
    this.#end.abort(reason);
  }
}

/** Refuses durations that could give two leaders. Throws UsageError with the rule that is broken. */
export function checkTiming(timing: ElectionTiming): void {
  const {leaseDurationSeconds: lease, renewDeadlineSeconds: renew, retryPeriodSeconds: retry} = timing;
  if (!(retry > 0)) throw new UsageError(`the retry period must be above 0 seconds, and is ${retry}`);
  if (!(renew > JITTER * retry)) {
    throw new UsageError(
      `the renew deadline (${renew} s) must be above 1.2 times the retry period (${retry} s)`,
    );
  }
  if (!(lease > renew)) {
    throw new UsageError(`the lease duration (${lease} s) must be above the renew deadline (${renew} s)`);
  }
  if (!Number.isInteger(lease))
    throw new UsageError(`the lease duration must be whole seconds, and is ${lease}`);
}

export class LeaderElection {
  readonly #options: ElectionOptions;
  readonly #timing: ElectionTiming;
  readonly #clock: Clock;
  readonly #path: string;
  #observed: {lease: Lease; record: string; atMs: number} | undefined;
  #holder: string | undefined;

  constructor(options: ElectionOptions) {
    this.#options = options;
    this.#timing = options.timing ?? DEFAULT_TIMING;
    this.#clock = options.clock ?? systemClock;
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
    checkTiming(this.#timing);
  }

  /** The holder that was last seen, empty when there is none. */
  get holder(): string {
    return this.#holder ?? '';
  }

  /** Contends until the signal aborts. Yields each term as it begins; the next one follows after that has ended. */
  async *terms(): AsyncGenerator<Term, void> {
    const {signal} = this.#options;
    while (!signal.aborted) {
      const term = await this.#acquire();
      if (!term) return;
      const renewing = this.#renew(term);
      try {
        yield term;
      } finally {
        term.end(new Error('the term was given up'));
        await renewing;
      }
    }
  }

  /** Gives the Lease up as client-go does: no holder, duration 1, the counter kept. Call it when all work has ended. */
  async release(): Promise<void> {
    const {lease} = this.#observed ?? {};
    if (lease?.spec?.holderIdentity !== this.#options.identity) return;
    const now = formatMicroTime(this.#clock.wallMs());
    const {leaseTransitions = 0} = lease.spec;
    await this.#write(lease, {
      holderIdentity: '',
      leaseDurationSeconds: 1,
      acquireTime: now,
      renewTime: now,
      leaseTransitions,
    });
  }

  async #acquire(): Promise<Term | undefined> {
    const {signal, onProblem} = this.#options;
    let beaten = false;
    while (!signal.aborted) {
      const startMs = this.#clock.monotonicMs();
      try {
        if (await this.#tryAcquireOrRenew()) return this.#begin(startMs);
      } catch (error) {
        // Somebody was faster: read at once whose Lease it is, as its duration counts from then.
        const again: boolean = !beaten && error instanceof ApiError && error.isConflict;
        beaten = again;
        if (again) continue;
        if (!signal.aborted) onProblem?.(error as Error);
      }
      await this.#untilWorthTrying();
    }
    return undefined;
  }

  #begin(startMs: number): Term {
    const transitions = this.#observed?.lease.spec?.leaseTransitions ?? 0;
    return new Term(startMs + this.#timing.renewDeadlineSeconds * 1000, transitions, this.#clock);
  }

  /** Renews until the term ends or its deadline passes; the deadline counts from the start of a renewal that succeeded. */
  async #renew(term: Term): Promise<void> {
    const {signal, onProblem} = this.#options;
    const {retryPeriodSeconds, renewDeadlineSeconds} = this.#timing;
    const ended = AbortSignal.any([signal, term.signal]);
    let expiry: NodeJS.Timeout | undefined;
    const guard = () => {
      if (term.leftMs <= 0)
        term.end(new Error(`the Lease was not renewed within ${renewDeadlineSeconds} seconds`));
      else expiry = setTimeout(guard, Math.ceil(term.leftMs));
    };
    try {
      guard();
      while (!ended.aborted) {
        await delay(retryPeriodSeconds * 1000, ended);
        if (ended.aborted) return;
        const startMs = this.#clock.monotonicMs();
        try {
          if (await this.#tryAcquireOrRenew(term.leftMs)) term.extend(startMs + renewDeadlineSeconds * 1000);
          else term.end(new Error(`the Lease is held by ${this.holder}`));
        } catch (error) {
          if (!ended.aborted) onProblem?.(error as Error);
        }
      }
    } finally {
      clearTimeout(expiry);
      term.end(new Error('the election has ended'));
    }
  }

  /** One attempt. True: we hold the Lease. Throws ApiError when the server refused, or somebody else wrote first. */
  async #tryAcquireOrRenew(timeoutMs = this.#timing.renewDeadlineSeconds * 1000): Promise<boolean> {
    const {client, name, identity, labels} = this.#options;
    const options = {signal: this.#options.signal, timeoutMs: Math.max(1, timeoutMs)};
    let lease: Lease;
    try {
      lease = await client.request<Lease>('GET', `${this.#path}/${name}`, options);
    } catch (error) {
      if (!(error instanceof ApiError && error.isNotFound)) throw error;
      const body = {...this.#manifest(), metadata: {name, labels}, spec: this.#record(undefined)};
      this.#observe(await client.request<Lease>('POST', this.#path, {timeoutMs: options.timeoutMs, body}));
      return true;
    }
    this.#observe(lease);
    const holder = lease.spec?.holderIdentity ?? '';
    if (holder !== '' && holder !== identity && this.#leftMs() > 0) return false;
    await this.#write(lease, this.#record(lease.spec), options.timeoutMs);
    return true;
  }

  /** The record that makes us the holder; a change of the holder counts, a renewal does not. */
  #record(before: LeaseSpec | undefined): LeaseSpec {
    const now = formatMicroTime(this.#clock.wallMs());
    const renewal = before?.holderIdentity === this.#options.identity;
    const transitions = before?.leaseTransitions ?? 0;
    return {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: this.#timing.leaseDurationSeconds,
      acquireTime:
        renewal && parseMicroTime(before.acquireTime) !== undefined ? (before.acquireTime as string) : now,
      renewTime: now,
      leaseTransitions: renewal || before === undefined ? transitions : transitions + 1,
    };
  }

  async #write(lease: Lease, spec: LeaseSpec, timeoutMs = 5_000): Promise<void> {
    const body = {...this.#manifest(), metadata: lease.metadata, spec: {...lease.spec, ...spec}};
    const path = `${this.#path}/${this.#options.name}`;
    // Not bound to the signal: a write whose answer we don't wait for may still arrive at the server.
    this.#observe(await this.#options.client.request<Lease>('PUT', path, {body, timeoutMs}));
  }

  #manifest() {
    return {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease'};
  }

  /** Notes what the record says and, when it differs from the last time, when this process saw that. */
  #observe(lease: Lease): void {
    const record = JSON.stringify([lease.metadata.uid, lease.spec]);
    if (this.#observed?.record !== record) this.#observed = {lease, record, atMs: this.#clock.monotonicMs()};
    else this.#observed = {...this.#observed, lease};
    this.#see(lease.spec?.holderIdentity ?? '');
  }

  #see(holder: string): void {
    if (holder !== this.#holder) this.#options.onHolder?.(holder);
    this.#holder = holder;
  }

  /** Milliseconds until the observed holder's duration has passed under our eyes. */
  #leftMs(): number {
    if (!this.#observed) return 0;
    const seconds = this.#observed.lease.spec?.leaseDurationSeconds ?? 0;
    return this.#observed.atMs + seconds * 1000 - this.#clock.monotonicMs();
  }

  /** Waits until the holder's duration has passed, or the retry period, and less when the watch shows no holder. */
  async #untilWorthTrying(): Promise<void> {
    const {signal, identity} = this.#options;
    const retryMs = this.#timing.retryPeriodSeconds * 1000 * (1 + Math.random() * (JITTER - 1));
    const waited = new AbortController();
    const stop = AbortSignal.any([signal, waited.signal]);
    const watching = this.#watchForRelease(stop)
      // Without a watch a standby looks again after the retry period, as client-go does.
      .catch(() => false)
      .then(released => (released ? undefined : delay(retryMs, stop)))
      .then(() => waited.abort());
    const leftMs = this.holder === identity ? 0 : this.#leftMs();
    await delay(this.holder !== '' && leftMs > 0 ? leftMs : retryMs, stop);
    waited.abort();
    await watching;
  }

  /** Follows the Lease from the version that was read. True: it is free, or gone. */
  async #watchForRelease(signal: AbortSignal): Promise<boolean> {
    const {client, name} = this.#options;
    const version = this.#observed?.lease.metadata.resourceVersion;
    if (!version || this.holder === '') return false;
    const query = new URLSearchParams({
      watch: '1',
      fieldSelector: `metadata.name=${name}`,
      resourceVersion: version,
    });
    for await (const line of client.lines(`${this.#path}?${query}`, signal)) {
      const {type, object} = JSON.parse(line) as {type: string; object: Lease};
      if (type === 'ERROR') return false;
      if (type === 'DELETED') {
        // Gone is free, and nothing is left to watch: a creation that fails is tried again after the retry period.
        this.#observed = undefined;
        this.#see('');
        return true;
      }
      this.#observe(object);
      if (this.holder === '') return true;
    }
    return false;
  }
}
