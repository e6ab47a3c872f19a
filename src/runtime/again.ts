/** Begins anew what has to run until the end, should it fail by what nobody foresaw: that must not end the process. */
import {backoffMs, delay} from './clock.ts';

const BACKOFF_FIRST_MS = 1_000;
const BACKOFF_MOST_MS = 30_000;

export async function keepRunning(
  run: () => Promise<void>,
  signal: AbortSignal,
  onFailure: (error: unknown) => void,
): Promise<void> {
  for (let failures = 1; !signal.aborted; failures += 1) {
    try {
      return await run();
    } catch (error) {
      if (signal.aborted) return;
      onFailure(error);
      await delay(backoffMs(failures, BACKOFF_FIRST_MS, BACKOFF_MOST_MS), signal);
    }
  }
}
