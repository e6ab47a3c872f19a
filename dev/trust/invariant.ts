/**
 * Invariant I: at no instant do two replicas make guarded writes that the server accepts under different terms. And what
 * it rests on: nobody leads beside another one, and each change of the holder is counted once. Each function gets a
 * history and returns a sentence for each violation, so that none is proof.
 */

/** A time in microseconds since 1970, as the API server notes it. */
export type Micros = number;

/** A write that the server has accepted, with the term in which its writer believed to be. */
export type GuardedWrite = {
  identity: string;
  term: number;
  /** What was written, for people. */
  what: string;
  /** The server accepted it at some instant between the two. */
  receivedUs: Micros;
  answeredUs: Micros;
};

/**
 * Terms must not interleave: all writes of a term were answered before the first of the next was received, and nobody
 * else writes in it. That is stricter than the invariant, as it leaves the instant of acceptance open.
 */
export function interleavings(history: readonly GuardedWrite[]): string[] {
  const found: string[] = [];
  let latest: GuardedWrite | undefined;
  let lastAnswered: GuardedWrite | undefined;
  for (const write of history.toSorted((a, b) => a.receivedUs - b.receivedUs)) {
    const violation = latest && lastAnswered && violationOf(write, latest, lastAnswered);
    if (violation) found.push(violation);
    if (!latest || write.term >= latest.term) latest = write;
    if (!lastAnswered || write.answeredUs > lastAnswered.answeredUs) lastAnswered = write;
  }
  return found;
}

/** What is wrong with a write after the latest term's last one, and the one before it that was answered last. */
function violationOf(
  write: GuardedWrite,
  latest: GuardedWrite,
  lastAnswered: GuardedWrite,
): string | undefined {
  if (write.term < latest.term) return `${text(write)} came after ${text(latest)}`;
  if (write.term === latest.term)
    return write.identity === latest.identity
      ? undefined
      : `${text(write)} is of one term with ${text(latest)}`;
  return lastAnswered.answeredUs > write.receivedUs
    ? `${text(write)} came before the answer to ${text(lastAnswered)}`
    : undefined;
}

const text = ({identity, term, what, receivedUs}: GuardedWrite) =>
  `${what} of ${identity} in term ${term} (${clock(receivedUs)})`;

const clock = (us: Micros) => `${new Date(Math.floor(us / 1000)).toISOString().slice(11, 23)}`;

/** One version of the Lease. */
export type HeldRecord = {holder: string; transitions: number};

/** The counter grows by one when another one becomes the holder, and never otherwise. */
export function miscounts(records: readonly HeldRecord[]): string[] {
  const found: string[] = [];
  let holder: string | undefined;
  let before: HeldRecord | undefined;
  for (const record of records) {
    // A release names nobody; who comes next is another one, be it the same again.
    const isNew = record.holder !== '' && (record.holder !== holder || before?.holder === '');
    const expected = before === undefined ? record.transitions : before.transitions + (isNew ? 1 : 0);
    if (record.transitions !== expected) {
      found.push(
        `${record.holder || 'nobody'} after ${before?.holder || 'nobody'}: ${record.transitions} transitions instead of ${expected}`,
      );
    }
    if (record.holder !== '') holder = record.holder;
    before = record;
  }
  return found;
}

/** A time in which a process believed to lead; milliseconds since 1970. */
export type Reign = {identity: string; fromMs: number; toMs: number};

/** Nobody begins to lead before the one before has ended. */
export function overlaps(reigns: readonly Reign[]): string[] {
  const sorted = reigns.toSorted((a, b) => a.fromMs - b.fromMs);
  const found: string[] = [];
  let last: Reign | undefined;
  for (const reign of sorted) {
    if (last && reign.fromMs < last.toMs)
      found.push(`${reign.identity} led ${last.toMs - reign.fromMs} ms beside ${last.identity}`);
    if (!last || reign.toMs > last.toMs) last = reign;
  }
  return found;
}
