/** Opens a snapshot of the cluster that the flags name, tells how far it is, and what can't be read. */
import {type Catalogue, KNOWN} from '../../core/lease/catalogue.ts';
import {legible, MESSAGE_MOST} from '../../core/legible.ts';
import {ApiError} from '../../errors.ts';
import {Snapshot, type SnapshotOptions} from '../../rehearsal/snapshot.ts';
import {loadCatalogue} from '../../runtime/catalogue-file.ts';
import type {ApiClient} from '../../runtime/client.ts';
import {type FailureReason, failureOf} from '../terminal/failure.ts';
import type {OperatorFlags} from '../terminal/options.ts';
import type {Streams} from '../terminal/output.ts';
import {findOperator} from './find-operator.ts';

/** Work that takes longer says how far it is. */
const PROGRESS_MS = 2_000;

export type Opening = {
  readonly client: ApiClient;
  readonly flags: OperatorFlags;
  readonly streams: Streams;
  /** Resources without which the command has no answer. */
  readonly needs: readonly string[];
  readonly heartbeats: boolean;
  /** Read alone where the Leases of all namespaces may not be read. */
  readonly namespace?: string;
};

/** Does the work with a snapshot that is closed at its end. */
export async function withSnapshot<T>(
  opening: Opening,
  work: (snapshot: Snapshot) => Promise<T>,
): Promise<T> {
  const snapshot = await open(opening);
  try {
    return await work(snapshot);
  } finally {
    snapshot.close();
  }
}

async function open(opening: Opening): Promise<Snapshot> {
  const {client, flags, needs, heartbeats, namespace} = opening;
  const catalogue: Catalogue = flags.catalogue === undefined ? KNOWN : await loadCatalogue(flags.catalogue);
  const options: SnapshotOptions = {
    client,
    catalogue,
    operator: await findOperator(client, flags),
    needs: new Set(needs),
    heartbeats,
  };
  try {
    return await read(new Snapshot(options), opening);
  } catch (error) {
    const isRefused = error instanceof ApiError && error.status === 403;
    if (!isRefused || namespace === undefined || !needs.includes('leases')) throw error;
    return read(new Snapshot({...options, namespace}), opening);
  }
}

async function read(snapshot: Snapshot, {streams}: Opening): Promise<Snapshot> {
  const timer = setInterval(() => {
    const counts = [...snapshot.counts].map(([resource, count]) => `${count} ${resource}`);
    streams.stderr.write(`reading the cluster: ${counts.join(', ') || 'no answer yet'}\n`);
  }, PROGRESS_MS);
  try {
    await snapshot.read();
    return snapshot;
  } catch (error) {
    snapshot.close();
    throw error;
  } finally {
    clearInterval(timer);
  }
}

/** What could not be read, and what follows from it. */
export type Note = {readonly resource: string; readonly reason: FailureReason; readonly message: string};

export function notesOf({problems}: Snapshot): Note[] {
  return [...problems].map(([resource, error]) => {
    const {reason, message} = failureOf(error);
    return {resource, reason, message};
  });
}

export function tellNotes(notes: readonly Note[], {stderr}: Streams): void {
  const byMessage = Map.groupBy(notes, ({message}) => message);
  for (const [message, same] of byMessage) {
    const resources = same.map(({resource}) => resource).join(', ');
    stderr.write(`note: without ${resources}: ${legible(message, MESSAGE_MOST)}\n`);
  }
  if (notes.some(({resource, reason}) => resource === 'leasepolicies' && reason !== 'NotInstalled'))
    stderr.write('note: so findings are missing, and what is orphaned is told as if it were not\n');
}
