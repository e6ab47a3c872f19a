/** The one gate through which every write of the operator's work goes. */
import {FIELD_MANAGER, type KubeObject, type Lease, type RenderedKind} from '../api/objects.ts';
import type {Action, CollectLease, EmitEvent} from '../core/plan/action.ts';
import {ApiError, messageOf, TermEndedError} from '../errors.ts';
import {checkObject} from './answers.ts';
import type {ApiClient, RequestOptions} from './client.ts';

/** The kinds of object whose caches take the answer of a write. */
export type WrittenKind = 'lease' | 'registry' | 'policy' | RenderedKind;

/** What showed that a Lease is no garbage: what was read before the delete, or the API server's answer to it. */
export type Prevention = 'LiveRead' | 'Precondition';

export type WriterOptions = {
  client: ApiClient;
  /** Whether a guarded write may begin, and for how long its answer may take; milliseconds. */
  term: {readonly mayWrite: boolean; readonly leftMs: number; readonly transitions: number};
  /** Who writes. */
  identity: string;
  /** The server's answer, for the caches. */
  onWritten: (kind: WrittenKind, object: KubeObject) => void;
  /** Whether the policy is still the one by which it was decided. */
  isInForce: (policy: string) => boolean;
  /** The whole manifest of a Lease that is about to be deleted, for the log. */
  onCollect: (manifest: Lease, action: CollectLease) => void;
  /** Told of a Lease that is kept although it was judged garbage. */
  onPrevented: (by: Prevention) => void;
  onEvent: (event: EmitEvent) => void;
  /** Told of each action that was carried out. */
  onDone: (action: Action) => void;
};

export const MANAGER = `fieldManager=${FIELD_MANAGER}`;
/** A write that takes longer is given up, so that its answer is not awaited beyond the term. */
const WRITE_TIMEOUT_MS = 5_000;

/** The one gate of every write: none begins after the term's deadline, however long it waits for a connection. */
export function withinTerm(request: RequestOptions, {term, identity}: WriterOptions): RequestOptions {
  const guard = () => {
    if (!term.mayWrite) throw new TermEndedError();
  };
  guard();
  return {
    ...request,
    guard,
    timeoutMs: Math.min(WRITE_TIMEOUT_MS, Math.max(1, term.leftMs)),
    remark: `${identity}; term ${term.transitions}`,
  };
}

/** Sends a guarded write, and puts the answer into the caches. Throws ApiError or TermEndedError. */
export async function write(
  kind: WrittenKind,
  method: string,
  path: string,
  request: RequestOptions,
  options: WriterOptions,
): Promise<KubeObject> {
  const answer = await options.client.request(method, path, withinTerm(request, options));
  const written = checkObject(answer, `${method} ${path}`);
  try {
    options.onWritten(kind, written);
  } catch (error) {
    throw new ApiError(`READ ${path}`, {status: 0, message: messageOf(error)}, error);
  }
  return written;
}
