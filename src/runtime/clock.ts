/** The two clocks, the one way to wait, and the end of a wait for something else. */
import {setTimeout as sleep} from 'node:timers/promises';
import type {Now} from '../core/now.ts';

/** Decisions about renewal use the monotonic clock, texts for people the wall. */
export type Clock = {monotonicMs(): number; wallMs(): number; now(): Now};

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  now: () => ({monotonicMs: performance.now(), wallMs: Date.now()}),
};

/** setTimeout can't wait longer, and returns at once when it is asked to. */
const LONGEST_MS = 2 ** 31 - 1;

/** Waits, for 24 days at most, and ends early without an error when the signal aborts. */
export async function delay(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(Math.min(LONGEST_MS, Math.max(0, ms)), undefined, {signal});
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/**
 * The outcome of a promise, or an end of the wait for it that leaves no timer and no listener: an Error of this complaint
 * after so many milliseconds, or the reason of the signal.
 */
export function inTime<T>(
  promise: Promise<T>,
  limitMs: number,
  complaint: string,
  signal?: AbortSignal,
): Promise<T> {
  const endMs = performance.now() + limitMs;
  return new Promise<T>((resolve, reject) => {
    const abort = () => leave(() => reject(signal?.reason));
    const late = () => leave(() => reject(new Error(complaint)));
    const timer = setTimeout(late, limitMs);
    const leave = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      settle();
    };
    signal?.addEventListener('abort', abort, {once: true});
    if (signal?.aborted) abort();
    promise.then(
      // A process that was stopped may learn of it before its timer runs.
      value => (performance.now() < endMs ? leave(() => resolve(value)) : late()),
      error => leave(() => reject(error)),
    );
  });
}

/** Exponential backoff with full jitter in its upper half; milliseconds for the n-th failure, counted from 1. */
export function backoffMs(failures: number, firstMs: number, mostMs: number): number {
  const ceiling = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}
