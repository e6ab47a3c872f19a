/** The package's leader election, for any Node program: `import {LeaderElection} from 'leasepolicy/election'`. */
import {randomUUID} from 'node:crypto';
import {hostname} from 'node:os';
import {UsageError} from './errors.ts';
import {ApiClient} from './runtime/client.ts';
import type {KubeConfigSource} from './runtime/connection.ts';
import {DEFAULT_TIMING, LeaderElector} from './runtime/elector.ts';

export {ApiError, DuplicateIdentityError, UsageError} from './errors.ts';
export type {KubeConfigSource} from './runtime/connection.ts';

export type LeaderElectionOptions = {
  /** Says where the API server is and who we are; one of @kubernetes/client-node fits. */
  kubeConfig: KubeConfigSource;
  /** Namespace of the Lease; it must exist. */
  namespace: string;
  /** Name of the Lease; it is made when it is missing. */
  name: string;
  /** Unique to the process. Without it: $POD_NAME, or else the host name, and a UUID, as in `api-7d9f-x2x5z_<uuid>`. */
  identity?: string;
  /** Ends the election: the term under way ends, and when its work is done the Lease is released. */
  signal?: AbortSignal;
  /** For how long others leave the Lease to a holder that does not renew it; whole seconds, 15 by default. */
  leaseDurationSeconds?: number;
  /** When a leader that can't renew gives up; below the duration, 10 by default. */
  renewDeadlineSeconds?: number;
  /** Between two renewals, or two attempts; at most 1/1.2 of the deadline, 2 by default. */
  retryPeriodSeconds?: number;
  /** Labels of the Lease, where it is made. */
  labels?: Record<string, string>;
  /** What the API server's audit log shows as our user agent. */
  userAgent?: string;
  /** Told of each holder that is seen, first of all the one at the start; empty when nobody holds the Lease. */
  onHolder?: (holder: string) => void;
  /** Told of what went wrong and is tried again: an ApiError, or a DuplicateIdentityError. */
  onProblem?: (error: Error) => void;
};

/** The time in which this process leads. */
export type Term = {
  /** Aborts when the term is over; its reason is an Error that says why. All work of the leader has to end then. */
  readonly signal: AbortSignal;
  /** Whether a write may begin now. False from the deadline on, also while a busy process has no time for its timers. */
  readonly mayWrite: boolean;
  /** Milliseconds for which the term is safe without another renewal: a limit for requests. */
  readonly leftMs: number;
  /** The fencing counter: each term of another process has a greater one. */
  readonly transitions: number;
};

export type Health = {readonly healthy: boolean; readonly message: string};

/**
 * One candidate for one Lease. It shares the Lease with candidates of client-go, and of everything else that keeps to
 * client-go's rules.
 */
export class LeaderElection {
  readonly identity: string;
  readonly #client: ApiClient;
  readonly #elector: LeaderElector;
  readonly #onProblem: (error: Error) => void;
  #isRead = false;
  /** When the term ended whose work goes on. */
  #endedAtMs: number | undefined;

  /** Throws UsageError for durations that could give two leaders, an empty name, and a KubeConfig without a cluster or that is none. */
  constructor(options: LeaderElectionOptions) {
    const {kubeConfig, namespace, name, userAgent = 'leasepolicy-election', ...others} = options;
    const {
      leaseDurationSeconds = DEFAULT_TIMING.leaseDurationSeconds,
      renewDeadlineSeconds = DEFAULT_TIMING.renewDeadlineSeconds,
      retryPeriodSeconds = DEFAULT_TIMING.retryPeriodSeconds,
    } = others;
    this.identity = options.identity ?? `${process.env.POD_NAME || hostname()}_${randomUUID()}`;
    for (const [what, value] of Object.entries({namespace, name, identity: this.identity})) {
      if (!value) throw new UsageError(`${what} is empty: a candidate needs one`);
    }
    this.#onProblem = options.onProblem ?? (() => {});
    this.#client = new ApiClient(kubeConfig, userAgent);
    this.#elector = new LeaderElector({
      client: this.#client,
      namespace,
      name,
      identity: this.identity,
      timing: {leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds},
      signal: options.signal ?? new AbortController().signal,
      labels: options.labels ?? {},
      onHolder: options.onHolder ?? (() => {}),
      onProblem: this.#onProblem,
    });
  }

  /** The holder that was last seen, empty when there is none. */
  get holder(): string {
    return this.#elector.holder;
  }

  /**
   * Contends, and yields each term as it begins. A term is over when its signal aborts, or when the body of the loop
   * ends; then the candidate contends again, until `signal` aborts or the loop is left. Last of all the Lease is
   * released, so that the next leader need not wait. To be read once. Never throws for what the API server does: that
   * is told to onProblem and tried again.
   */
  async *terms(): AsyncGenerator<Term, void> {
    if (this.#isRead)
      throw new UsageError('terms() was read before: a second reader needs a second LeaderElection');
    this.#isRead = true;
    try {
      for await (const term of this.#elector.terms()) {
        const note = () => {
          this.#endedAtMs = performance.now();
        };
        term.signal.addEventListener('abort', note, {once: true});
        try {
          yield term;
        } finally {
          term.signal.removeEventListener('abort', note);
          this.#endedAtMs = undefined;
        }
      }
    } finally {
      await this.#elector.release().catch(error => this.#onProblem(error as Error));
      this.#client.close();
    }
  }

  /**
   * For a liveness probe: unhealthy when a term has been over for longer than `graceSeconds` while its work goes on,
   * which is when two processes do what only the leader may. To be without leadership, or without the API server, is
   * healthy: a restart would not help.
   */
  health(graceSeconds = 30): Health {
    const overMs = this.#endedAtMs === undefined ? 0 : performance.now() - this.#endedAtMs;
    if (overMs > graceSeconds * 1000) {
      const seconds = Math.round(overMs / 1000);
      return {
        healthy: false,
        message: `the term ended ${seconds} s ago and its work has not: it ignores term.signal`,
      };
    }
    return {
      healthy: true,
      message: this.holder === this.identity ? 'leading' : `led by ${this.holder || 'nobody'}`,
    };
  }
}
