/** Waits for the cluster to come to a state, and says so when it takes a while. */
import {delay} from '../../runtime/clock.ts';
import {Failure} from './failure.ts';
import type {Streams} from './output.ts';

const LOOK_EVERY_MS = 250;
/** What takes longer says what it waits for. */
const PATIENCE_MS = 2_000;

export type Waiting = {
  readonly streams: Pick<Streams, 'stderr'>;
  /** Completes "waiting until". */
  readonly what: string;
  readonly mostMs: number;
  /** What to do when it does not come about. */
  readonly next: string;
};

/** The first answer that is neither undefined nor false. */
export async function waitUntil<T>(
  {streams, what, mostMs, next}: Waiting,
  ask: () => Promise<T | undefined | false>,
): Promise<T> {
  const startMs = performance.now();
  let isTold = false;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    const waitedMs = performance.now() - startMs;
    if (waitedMs > mostMs)
      throw new Failure(
        'Refused',
        `waited ${mostMs / 1000} seconds in vain until ${what}`,
        `${next}, then again`,
      );
    if (!isTold && waitedMs > PATIENCE_MS) streams.stderr.write(`waiting until ${what} ...\n`);
    isTold ||= waitedMs > PATIENCE_MS;
    await delay(LOOK_EVERY_MS, new AbortController().signal);
  }
}
