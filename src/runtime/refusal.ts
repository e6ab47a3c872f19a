/** Reads what a refusal says: one of the API server, or of whatever stands before it and answers as it likes. */
import {escaped, legible} from '../core/legible.ts';
import type {ApiError} from '../errors.ts';

type Refusal = Pick<ApiError, 'status' | 'reason' | 'message' | 'retryAfterMs' | 'kept'>;
type Fields = Readonly<Record<string, unknown>>;

/** A proxy that asks for more than this would keep us from seeing that it is well again. */
const RETRY_AFTER_MOST_MS = 60_000;
/** What the API server says may be what a webhook says, or have an object's texts in it. */
const MESSAGE_MOST = 4096;
/** What a log line bears of a text that is no message. */
const TEXT_MOST = 200;

export function readRefusal(status: number, retryAfter: string | undefined, text: string): Refusal {
  const {message, reason, details} = fieldsOf(parsed(text));
  const {causes} = fieldsOf(details);
  return {
    status,
    reason: textOf(reason),
    message: legible(textOf(message) || text.slice(0, TEXT_MOST) || `HTTP ${status}`, MESSAGE_MOST),
    retryAfterMs: waitOf(retryAfter),
    kept: Array.isArray(causes) ? causes.flatMap(keptField) : [],
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null ? (value as Fields) : {};
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

function waitOf(header: string | undefined): number | undefined {
  const seconds = Number(header);
  return seconds >= 0 ? Math.min(seconds * 1000, RETRY_AFTER_MOST_MS) : undefined;
}

/** Without the time at which the manager wrote last, which changes while the conflict stays the same. */
function keptField(cause: unknown): string | [] {
  const {reason, field, message} = fieldsOf(cause);
  if (reason !== 'FieldManagerConflict') return [];
  const manager = /^conflict with ("[^"]*")/.exec(textOf(message))?.[1] ?? 'somebody else';
  return escaped(`${textOf(field).replace(/^\./, '')} is that of ${manager}`);
}
