/** Clocks of one process's own: a wall clock that is wrong, a monotonic clock that is too fast or too slow. */
import {mkdtemp, rename, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {ExecutionContext} from 'ava';

/** How far the wall clock is ahead, and how fast the monotonic clock and the timers run: 2 is twice as fast. */
export type Skew = {readonly offsetMs?: number; readonly rate?: number};

export type SkewedClock = {
  /** For the environment of the process, which has to be one of Node. */
  readonly env: NodeJS.ProcessEnv;
  /** Changes it while the process runs; in force within a few ten milliseconds. */
  set(skew: Skew): Promise<void>;
};

/** The file goes with the test, so the process must have ended by then. */
export async function skewedClock(t: ExecutionContext, skew: Skew = {}): Promise<SkewedClock> {
  const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-clock-'));
  t.teardown(() => rm(directory, {recursive: true, force: true}));
  const file = path.join(directory, 'clock.json');
  const set = async (to: Skew) => {
    await writeFile(`${file}.next`, JSON.stringify(to));
    await rename(`${file}.next`, file);
  };
  await set(skew);
  const preload = path.join(import.meta.dirname, 'clock-preload.ts');
  const {offsetMs = 0, rate = 1} = skew;
  return {
    set,
    env: {
      NODE_OPTIONS: `--import=${preload}`,
      CLOCK_OFFSET_MS: `${offsetMs}`,
      CLOCK_RATE: `${rate}`,
      CLOCK_FILE: file,
    },
  };
}
