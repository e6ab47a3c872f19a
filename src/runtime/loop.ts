/** Runs keys of the queue by a number of workers until a signal aborts. */
import {type ApiError, TermEndedError} from '../errors.ts';
import type {WorkQueue} from './queue.ts';

/** How a run of a key went. */
export type Outcome = {
  /** What was refused; a conflict is a refusal too. */
  readonly failures: readonly ApiError[];
  /** The milliseconds after which time alone changes the answer: also a key that fails has work to do then. */
  readonly requeueAfterMs: number | undefined;
};

export type LoopOptions = {
  queue: WorkQueue;
  workers: number;
  signal: AbortSignal;
  /** Reconciles a key. Throws TermEndedError; whatever else it throws is a fault and ends the workers. */
  reconcile: (key: string) => Promise<Outcome>;
  /** Told of each failure and of the wait before the next try. */
  onFailure: (key: string, error: Error, retryInMs: number) => void;
};

/** Resolves when the signal has aborted and every key that was under way has ended. */
export async function runWorkers(options: LoopOptions): Promise<void> {
  await Promise.all(Array.from({length: options.workers}, () => work(options)));
}

async function work({queue, signal, reconcile, onFailure}: LoopOptions): Promise<void> {
  for (;;) {
    const key = await queue.take(signal);
    if (key === undefined) return;
    const outcome = await reconcile(key).catch((error: unknown) => {
      const retryInMs = queue.failed(key);
      if (!(error instanceof TermEndedError)) throw error;
      onFailure(key, error, retryInMs);
    });
    if (!outcome) continue;
    const {failures, requeueAfterMs} = outcome;
    if (failures.length === 0) {
      queue.done(key, requeueAfterMs);
      continue;
    }
    const atLeastMs = Math.max(...failures.map(({retryAfterMs = 0}) => retryAfterMs));
    const retryInMs = queue.failed(key, {atLeastMs, atMostMs: requeueAfterMs});
    for (const error of failures) onFailure(key, error, retryInMs);
  }
}
