/** Waits for the world to come to a state, by asking for it. */
import {setTimeout as delay} from 'node:timers/promises';

const EVERY_MS = 200;

/**
 * Asks until the answer is neither undefined nor false, and returns it. An error is an answer too, and the next time
 * may be better. Throws at the deadline, with what was waited for and the last error.
 */
export async function eventually<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  withinMs = 30_000,
): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  let cause: unknown;
  do {
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    await delay(EVERY_MS);
  } while (performance.now() < deadlineMs);
  const last = cause instanceof Error ? `: ${cause.message}` : '';
  throw new Error(`not within ${withinMs / 1000} s: ${what}${last}`, {cause});
}
