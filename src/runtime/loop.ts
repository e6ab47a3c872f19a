/** Runs keys of the queue by a number of workers until a signal aborts. */
import {ApiError, TermEndedError} from '../errors.ts';
import type {WorkQueue} from './queue.ts';

export type LoopOptions = {
  queue: WorkQueue;
  workers: number;
  signal: AbortSignal;
  /** Reconciles a key. Returns the milliseconds after which time alone changes the answer. */
  reconcile: (key: string) => Promise<number | undefined>;
  /** Told of a failure and of the wait before the next try; a conflict is one too. */
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
    try {
      queue.done(key, await reconcile(key));
    } catch (error) {
      if (!(error instanceof ApiError) && !(error instanceof TermEndedError)) {
        queue.failed(key);
        throw error;
      }
      const retryAfterMs = error instanceof ApiError ? error.retryAfterMs : undefined;
      onFailure(key, error, queue.failed(key, retryAfterMs));
    }
  }
}
