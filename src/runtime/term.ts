/** The time in which this process leads, and the durations that bound it. */
import {JITTER} from '../core/lease/timing.ts';
import {UsageError} from '../errors.ts';
import type {Clock} from './clock.ts';

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
