/** How far the clock of a server is from ours, by what its answers say, and how sure that is. */

/** One request: the times of our clock around it, and the second that the server wrote into its answer. */
export type DateSample = {readonly sentMs: number; readonly receivedMs: number; readonly dateMs: number};

/** The server's clock less ours lies between these; milliseconds. */
export type Skew = {readonly leastMs: number; readonly mostMs: number};

const SECOND_MS = 1000;

/**
 * A Date says the second in which the answer was written, and it was written between sending and receiving. Each
 * answer narrows it down; undefined where they contradict each other, as when a clock was set meanwhile.
 */
export function skewOf(samples: readonly DateSample[]): Skew | undefined {
  if (samples.length === 0) return undefined;
  const leastMs = Math.max(...samples.map(({dateMs, receivedMs}) => dateMs - receivedMs));
  const mostMs = Math.min(...samples.map(({dateMs, sentMs}) => dateMs + SECOND_MS - sentMs));
  return leastMs <= mostMs ? {leastMs, mostMs} : undefined;
}

/** How far they are apart at least, whatever the error. */
export function leastSkewMs({leastMs, mostMs}: Skew): number {
  return Math.max(0, leastMs, -mostMs);
}
