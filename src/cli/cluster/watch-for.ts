/** Looks on for some seconds before anything is judged, as the operator judges by what it has seen itself. */
import {setTimeout as delay} from 'node:timers/promises';
import {countOption} from '../terminal/options.ts';
import type {Streams} from '../terminal/output.ts';

export type WatchForFlags = {watchFor?: number};

export const watchForOption = () =>
  countOption('--watch-for <seconds>', 'look on for so long first, so that silence can be told', 0, 3600);

/** From this on it is told, as somebody waits. */
const TOLD_SECONDS = 2;

export async function watchFor({watchFor: seconds = 0}: WatchForFlags, {stderr}: Streams): Promise<void> {
  if (seconds >= TOLD_SECONDS) stderr.write(`looking on for ${seconds} seconds\n`);
  if (seconds > 0) await delay(seconds * 1000);
}
