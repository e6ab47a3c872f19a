/** Keeps processes of this machine out of each other's way, by a folder that only one of them can make. */
import {mkdir, readFile, rm, stat, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {isAlive} from './process.ts';

const pollMilliseconds = 50;
/** A lock without a pid is being made or removed just now, unless it is older than this. */
const namelessMilliseconds = 5_000;

export interface Waiting {
  /** Called once, with the holder's pid, when there is something to wait for. */
  readonly onWait?: (pid: number) => void;
  /** Ends the wait when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs `action` while this caller alone holds `lock`, a folder that exists for that time and names our pid.
 * The lock of a dead process is taken over. Rejects as `action` does, and on abort while it waits.
 */
export async function withLock<T>(lock: string, action: () => Promise<T>, waiting: Waiting = {}): Promise<T> {
  await acquire(lock, waiting);
  try {
    return await action();
  } finally {
    await rm(lock, {recursive: true, force: true});
  }
}

async function acquire(lock: string, {onWait, signal}: Waiting): Promise<void> {
  await mkdir(path.dirname(lock), {recursive: true});
  let told = false;
  while (!(await tryAcquire(lock))) {
    const holder = await holderOf(lock);
    if (holder === 'dead') await rm(lock, {recursive: true, force: true});
    if (typeof holder === 'number' && !told) {
      told = true;
      onWait?.(holder);
    }
    await delay(pollMilliseconds);
    signal?.throwIfAborted();
  }
}

async function tryAcquire(lock: string): Promise<boolean> {
  try {
    await mkdir(lock);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  await writeFile(path.join(lock, 'pid'), String(process.pid));
  return true;
}

async function holderOf(lock: string): Promise<number | 'dead' | 'unknown'> {
  const pid = Number(await readFile(path.join(lock, 'pid'), 'utf8').catch(() => ''));
  if (pid > 0) return isAlive(pid) ? pid : 'dead';
  const made = await stat(lock).catch(() => undefined);
  return made && Date.now() - made.mtimeMs > namelessMilliseconds ? 'dead' : 'unknown';
}
