/**
 * Leader election by a Lease, with client-go's record and rules: any client-go candidate can share the Lease.
 *
 * Only what this process saw change, on its own monotonic clock, says whether a holder still lives; the record's
 * own duration counts; every write carries the resourceVersion that was read. The rules are those of
 * k8s.io/client-go/tools/leaderelection, with three differences: a standby watches the Lease, so that it takes a
 * released one at once; a held Lease that is deleted is not free before its holder's duration has passed, and keeps its
 * fencing counter; and a record that bears our name without being ours is another process's. With a candidacy the API
 * server says whose the Lease is; how long a term lasts is the same.
 */
import type {Lease, LeaseSpec} from '../api/objects.ts';
import {JITTER} from '../core/lease/timing.ts';
import {
  type ElectionWay,
  heldRecord,
  isOurs,
  isRelieved,
  nextMove,
  releasedRecord,
  UNASSIGNED_MS,
} from '../core/plan/election.ts';
import {ApiError, DuplicateIdentityError} from '../errors.ts';
import type {Candidacy} from './candidacy.ts';
import type {ApiClient, RequestOptions} from './client.ts';
import {type Clock, delay, systemClock} from './clock.ts';
import {ObservedLease} from './observed-lease.ts';
import {OwnRecords} from './own-records.ts';
import {checkTiming, DEFAULT_TIMING, type ElectionTiming, Term} from './term.ts';
import {watchOne} from './watch-one.ts';

export {checkTiming, DEFAULT_TIMING, type ElectionTiming, Term};

export type ElectorOptions = {
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
  /** Makes the election a coordinated one. */
  candidacy?: Candidacy;
  /** Told of each holder that is seen, and of each failed attempt. */
  onHolder?: (holder: string) => void;
  onProblem?: (error: Error) => void;
  /** Told why a coordinated election does without the API server's choice. */
  onFallback?: (reason: string) => void;
};

/** A Lease to be written. */
type Draft = {metadata: object; spec: LeaseSpec};

export class LeaderElector {
  readonly #options: ElectorOptions;
  readonly #timing: ElectionTiming;
  readonly #clock: Clock;
  readonly #path: string;
  /** Ends the candidacy with the last term. */
  readonly #end = new AbortController();
  readonly #seen: ObservedLease;
  readonly #own = new OwnRecords();
  /** The record of another process that bears our name, as it was last seen. */
  #double: string | undefined;
  #way: ElectionWay;
  #standing: Promise<void> | undefined;

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#timing = options.timing ?? DEFAULT_TIMING;
    this.#clock = options.clock ?? systemClock;
    this.#seen = new ObservedLease(options.identity, this.#clock, options.onHolder);
    this.#way = options.candidacy ? 'coordinated' : 'classic';
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
    checkTiming(this.#timing);
  }

  /** The holder that was last seen, empty when there is none. */
  get holder(): string {
    return this.#seen.holder;
  }

  /** Contends until the signal aborts. Yields each term as it begins; the next one follows after that has ended. */
  async *terms(): AsyncGenerator<Term, void> {
    try {
      for (let term = await this.#acquire(); term; term = await this.#acquire()) {
        const renewing = this.#renew(term);
        try {
          yield term;
        } finally {
          term.end(new Error('the term was given up'));
          await renewing;
        }
        await this.#handOver();
      }
    } finally {
      this.#end.abort();
      await this.#standing;
    }
  }

  /** Gives the Lease up as client-go does: no holder, duration 1, the counter kept. Call it when all work has ended. */
  async release(): Promise<void> {
    try {
      await this.#giveUp();
    } catch (error) {
      if (!(error instanceof ApiError && error.isConflict)) throw error;
      // Whoever wrote need not have taken the Lease: the API server notes there whom it would rather have.
      await this.#look({timeoutMs: this.#timing.renewDeadlineSeconds * 1000});
      await this.#giveUp();
    }
  }

  async #giveUp(): Promise<void> {
    const lease = this.#seen.lease;
    if (!lease?.spec || !isOurs(lease.spec, this.#self(lease.spec))) return;
    await this.#write(lease, releasedRecord(lease.spec, this.#clock.wallMs()));
  }

  /** All work of the term has ended: whom the API server would rather have need not wait for our duration to pass. */
  async #handOver(): Promise<void> {
    if (this.#options.signal.aborted || !this.#isRelieved) return;
    await this.release().catch(error => this.#options.onProblem?.(error));
  }

  get #isRelieved(): boolean {
    return this.#way === 'coordinated' && isRelieved(this.#seen.lease?.spec, this.#options.identity);
  }

  async #acquire(): Promise<Term | undefined> {
    const {signal, onProblem} = this.#options;
    let beaten = false;
    while (!signal.aborted) {
      const startMs = this.#clock.monotonicMs();
      try {
        const held = await this.#tryAcquireOrRenew();
        // Whoever can be chosen must have seen who held the Lease before.
        this.#standing ??= this.#stand();
        const term = held && this.#quietMs() <= 0 ? this.#begin(startMs) : undefined;
        if (term) return term;
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

  /** Lets the API server know of us until the election ends, and goes on the classic way if it does not want to. */
  async #stand(): Promise<void> {
    const {candidacy, signal, onFallback} = this.#options;
    const refusal = await candidacy?.stand(AbortSignal.any([signal, this.#end.signal]));
    if (refusal === undefined) return;
    this.#way = 'classic';
    onFallback?.(refusal);
  }

  /**
   * None where the Lease took longer to acquire than a term lasts, so that the next renewal is the beginning, and none
   * when the election has ended meanwhile: whoever was told of such a term would wait for its end in vain.
   */
  #begin(startMs: number): Term | undefined {
    const transitions = this.#seen.lease?.spec?.leaseTransitions ?? 0;
    const term = new Term(startMs + this.#timing.renewDeadlineSeconds * 1000, transitions, this.#clock);
    return term.mayWrite && !this.#options.signal.aborted ? term : undefined;
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
          else term.end(new Error(this.#whyNot()));
        } catch (error) {
          if (!ended.aborted) onProblem?.(error as Error);
        }
      }
    } finally {
      clearTimeout(expiry);
      term.end(new Error('the election has ended'));
    }
  }

  #whyNot(): string {
    const {lease} = this.#seen;
    if (this.#isRelieved) return `the API server prefers ${lease?.spec?.preferredHolder}`;
    if (!lease) return 'the Lease is gone';
    const {identity} = this.#options;
    return this.holder === identity
      ? new DuplicateIdentityError(identity).message
      : `the Lease is held by ${this.holder || 'nobody'}`;
  }

  /** One attempt. True: we hold the Lease. Throws ApiError when the server refused, or somebody else wrote first. */
  async #tryAcquireOrRenew(leftMs = this.#timing.renewDeadlineSeconds * 1000): Promise<boolean> {
    const {signal, onFallback} = this.#options;
    // An answer that is lost must leave time for another attempt before the deadline.
    const timeoutMs = Math.max(1, Math.min(leftMs, this.#timing.renewDeadlineSeconds * 500));
    const lease = await this.#look({signal, timeoutMs});
    const move = nextMove(lease?.spec, {...this.#self(lease?.spec), leftMs: this.#seen.leftMs});
    if (move === 'wait') return false;
    const record = this.#record(lease ? lease.spec : this.#seen.known);
    if (lease) await this.#write(lease, record, timeoutMs);
    else await this.#create(record, timeoutMs);
    if (move === 'take' && this.#way === 'coordinated')
      onFallback?.(`nobody has assigned the Lease for ${UNASSIGNED_MS / 1000} seconds`);
    // What the server has now counts, and not what was sent: something between may have changed or answered it.
    return this.holder === this.#options.identity;
  }

  /** Reads the Lease and notes what it says; undefined when there is none. */
  async #look(options: RequestOptions): Promise<Lease | undefined> {
    const {client, name} = this.#options;
    let lease: Lease | undefined;
    try {
      lease = await client.request<Lease>('GET', `${this.#path}/${name}`, options);
    } catch (error) {
      if (!(error instanceof ApiError && error.isNotFound)) throw error;
    }
    this.#seen.note(lease);
    this.#noteDouble(lease?.spec);
    return lease;
  }

  /** One that stands still may be of ourselves before a restart; one that moves has a living writer. */
  #noteDouble(spec: LeaseSpec | undefined): void {
    const {identity, onProblem} = this.#options;
    if (spec?.holderIdentity !== identity || isOurs(spec, this.#self(spec))) return;
    const record = JSON.stringify(spec);
    if (this.#double !== undefined && this.#double !== record)
      onProblem?.(new DuplicateIdentityError(identity));
    this.#double = record;
  }

  #self(spec: LeaseSpec | undefined) {
    const written = spec !== undefined && this.#own.has(spec);
    return {identity: this.#options.identity, way: this.#way, written};
  }

  #record(before: LeaseSpec | undefined): LeaseSpec {
    return heldRecord(before, {
      ...this.#self(before),
      durationSeconds: this.#timing.leaseDurationSeconds,
      wallMs: this.#clock.wallMs(),
    });
  }

  async #create(spec: LeaseSpec, timeoutMs: number): Promise<void> {
    const {name, labels} = this.#options;
    await this.#send('POST', this.#path, {...this.#manifest(), metadata: {name, labels}, spec}, timeoutMs);
  }

  async #write(lease: Lease, spec: LeaseSpec, timeoutMs = 5_000): Promise<void> {
    const body = {...this.#manifest(), metadata: lease.metadata, spec};
    await this.#send('PUT', `${this.#path}/${this.#options.name}`, body, timeoutMs);
  }

  /** Not bound to the signal: a write whose answer we don't wait for may still arrive at the server. */
  async #send(method: string, path: string, body: Draft, timeoutMs: number): Promise<void> {
    const {spec} = body;
    this.#own.sent(spec);
    try {
      this.#seen.note(await this.#options.client.request<Lease>(method, path, {body, timeoutMs}));
    } catch (error) {
      if (error instanceof ApiError && error.isRefusal) this.#own.refused(spec);
      throw error;
    }
    this.#own.accepted(spec);
    this.#double = undefined;
  }

  #manifest() {
    return {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease'};
  }

  /**
   * Milliseconds for which the Lease is kept without a term. Nobody takes what is held, but the API server assigns it
   * by the clocks of the wall, so a holder whose clock is wrong may not know yet that its Lease was given to us.
   */
  #quietMs(): number {
    return this.#way === 'classic' ? 0 : this.#seen.predecessorMs;
  }

  /** Waits until the holder's duration has passed, or the retry period, and less when the watch shows a chance. */
  async #untilWorthTrying(): Promise<void> {
    const {signal, identity} = this.#options;
    const retryMs = this.#timing.retryPeriodSeconds * 1000 * (1 + Math.random() * (JITTER - 1));
    const waited = new AbortController();
    const stop = AbortSignal.any([signal, waited.signal]);
    const watching = this.#watchForChance(stop)
      // Without a watch a standby looks again after the retry period, as client-go does.
      .catch(() => false)
      .then(chance => (chance ? undefined : delay(retryMs, stop)))
      .then(() => waited.abort());
    const leftMs = this.holder === identity ? this.#quietMs() : this.#seen.leftMs;
    await delay(leftMs > 0 ? leftMs : retryMs, stop);
    waited.abort();
    await watching;
  }

  /** Follows the Lease from the version that was read. True: it is worth to look at once. */
  async #watchForChance(signal: AbortSignal): Promise<boolean> {
    const {client, identity} = this.#options;
    const lease = this.#seen.lease;
    // A free Lease that could not be taken is tried again later; but it may be assigned.
    if (!lease || this.holder === identity || (this.holder === '' && this.#way === 'classic')) return false;
    for await (const next of watchOne(client, this.#path, lease, signal)) {
      this.#seen.note(next);
      // Gone, it can't be watched any more: from then on it is looked at once in a retry period.
      if (this.holder === '' || this.holder === identity) return true;
    }
    return false;
  }
}
