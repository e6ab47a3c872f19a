/** The three durations of an election, and what follows from them. */

/** client-go adds up to this share of the retry period, so that candidates do not come in step. */
export const JITTER = 1.2;

/** In milliseconds. */
export type Timing = {readonly leaseMs: number; readonly renewMs: number; readonly retryMs: number};

/** What client-go and controller-runtime take where nothing is said. */
export const CLIENT_GO_TIMING: Timing = {leaseMs: 15_000, renewMs: 10_000, retryMs: 2000};

export const isLeaseLongEnough = ({leaseMs, renewMs}: Pick<Timing, 'leaseMs' | 'renewMs'>) =>
  leaseMs > renewMs;
export const isRenewLongEnough = ({renewMs, retryMs}: Pick<Timing, 'renewMs' | 'retryMs'>) =>
  renewMs > JITTER * retryMs;

/** In milliseconds. */
export type TimingFigures = {
  /** How far the clocks of two candidates may run apart before both lead. */
  readonly skewTolerated: number;
  /** How long the API server may be away without an end of the term. */
  readonly downtimeSurvived: number;
  /** The longest time without a leader after a crash, and after a release. */
  readonly takeoverAfterCrash: number;
  readonly takeoverAfterRelease: number;
};

/** By the formulas that OpenShift has published for its operators. */
export function timingFigures({leaseMs, renewMs, retryMs}: Timing): TimingFigures {
  return {
    skewTolerated: leaseMs - renewMs,
    downtimeSurvived: Math.max(0, (Math.floor(renewMs / retryMs) - 1) * retryMs),
    takeoverAfterCrash: leaseMs + retryMs,
    takeoverAfterRelease: retryMs,
  };
}
