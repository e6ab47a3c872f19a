/** The two clocks and the one way to wait. */
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

/** Exponential backoff with full jitter in its upper half; milliseconds for the n-th failure, counted from 1. */
export function backoffMs(failures: number, firstMs: number, mostMs: number): number {
  const ceiling = Math.min(mostMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return ceiling / 2 + (Math.random() * ceiling) / 2;
}
