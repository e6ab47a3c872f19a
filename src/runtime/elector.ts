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
import {JITTER} from '../core/lease/timing.ts';
import {isRelieved, nextMove, UNASSIGNED_MS} from '../core/plan/election.ts';
import {ApiError, DuplicateIdentityError} from '../errors.ts';
import type {Candidacy} from './candidacy.ts';
import {type Clock, delay, systemClock} from './clock.ts';
import {ElectionLease, type ElectionLeaseOptions} from './election-lease.ts';
import {checkTiming, DEFAULT_TIMING, type ElectionTiming, Term} from './term.ts';

export {checkTiming, DEFAULT_TIMING, type ElectionTiming, Term};

export type ElectorOptions = ElectionLeaseOptions & {
  timing?: ElectionTiming;
  /** Ends the election; a term that is under way is released. */
  signal: AbortSignal;
  clock?: Clock;
  /** Makes the election a coordinated one. */
  candidacy?: Candidacy;
  /** Told of each failed attempt, too. */
  onProblem?: (error: Error) => void;
  /** Told why a coordinated election does without the API server's choice. */
  onFallback?: (reason: string) => void;
};

/** For how long a release may take. */
const RELEASE_MS = 5_000;

export class LeaderElector {
  readonly #options: ElectorOptions;
  readonly #timing: ElectionTiming;
  readonly #clock: Clock;
  readonly #lease: ElectionLease;
  /** Ends the candidacy with the last term. */
  readonly #end = new AbortController();
  #standing: Promise<void> | undefined;

  constructor(options: ElectorOptions) {
    this.#options = options;
    this.#timing = options.timing ?? DEFAULT_TIMING;
    this.#clock = options.clock ?? systemClock;
    this.#lease = new ElectionLease(options, options.candidacy ? 'coordinated' : 'classic', this.#clock);
    checkTiming(this.#timing);
  }

  /** The holder that was last seen, empty when there is none. */
  get holder(): string {
    return this.#lease.seen.holder;
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
      await this.#lease.giveUp(RELEASE_MS);
    } catch (error) {
      if (!(error instanceof ApiError && error.isConflict)) throw error;
      // Whoever wrote need not have taken the Lease: the API server notes there whom it would rather have.
      await this.#lease.look({timeoutMs: this.#timing.renewDeadlineSeconds * 1000});
      await this.#lease.giveUp(RELEASE_MS);
    }
  }

  /** All work of the term has ended: whom the API server would rather have need not wait for our duration to pass. */
  async #handOver(): Promise<void> {
    if (this.#options.signal.aborted || !this.#isRelieved) return;
    await this.release().catch(error => this.#options.onProblem?.(error));
  }

  get #isRelieved(): boolean {
    return this.#isCoordinated && isRelieved(this.#lease.seen.lease?.spec, this.#options.identity);
  }

  get #isCoordinated(): boolean {
    return this.#lease.way === 'coordinated';
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
    this.#lease.way = 'classic';
    onFallback?.(refusal);
  }

  /**
   * None where the Lease took longer to acquire than a term lasts, so that the next renewal is the beginning, and none
   * when the election has ended meanwhile: whoever was told of such a term would wait for its end in vain.
   */
  #begin(startMs: number): Term | undefined {
    const transitions = this.#lease.seen.lease?.spec?.leaseTransitions ?? 0;
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
    const {lease} = this.#lease.seen;
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
    const lease = await this.#lease.look({signal, timeoutMs});
    const {leftMs: freeInMs} = this.#lease.seen;
    const move = nextMove(lease?.spec, {...this.#lease.self(lease?.spec), leftMs: freeInMs});
    if (move === 'wait') return false;
    await this.#lease.hold(lease, this.#timing.leaseDurationSeconds, timeoutMs);
    if (move === 'take' && this.#isCoordinated)
      onFallback?.(`nobody has assigned the Lease for ${UNASSIGNED_MS / 1000} seconds`);
    // What the server has now counts, and not what was sent: something between may have changed or answered it.
    return this.holder === this.#options.identity;
  }

  /**
   * Milliseconds for which the Lease is kept without a term. Nobody takes what is held, but the API server assigns it
   * by the clocks of the wall, so a holder whose clock is wrong may not know yet that its Lease was given to us.
   */
  #quietMs(): number {
    return this.#isCoordinated ? this.#lease.seen.predecessorMs : 0;
  }

  /** Waits until the holder's duration has passed, or the retry period, and less when the watch shows a chance. */
  async #untilWorthTrying(): Promise<void> {
    const {signal, identity} = this.#options;
    const retryMs = this.#timing.retryPeriodSeconds * 1000 * (1 + Math.random() * (JITTER - 1));
    const waited = new AbortController();
    const stop = AbortSignal.any([signal, waited.signal]);
    const watching = this.#lease
      .watchForChance(stop)
      // Without a watch a standby looks again after the retry period, as client-go does.
      .catch(() => false)
      .then(chance => (chance ? undefined : delay(retryMs, stop)))
      .then(() => waited.abort());
    const leftMs = this.holder === identity ? this.#quietMs() : this.#lease.seen.leftMs;
    await delay(leftMs > 0 ? leftMs : retryMs, stop);
    waited.abort();
    await watching;
  }
}
