/** The errors of the operator, named by what failed and decided once from the HTTP status. */

type Refusal = {
  status: number;
  reason?: string;
  message: string;
  retryAfterMs?: number | undefined;
  kept?: readonly string[];
};

/** Reasons of the API server itself, and ours. A webhook may give any text. */
const REASONS: ReadonlySet<string> = new Set([
  'AdoptionConflict',
  'AlreadyExists',
  'BadRequest',
  'Conflict',
  'Expired',
  'Forbidden',
  'Gone',
  'InternalError',
  'Invalid',
  'MethodNotAllowed',
  'NotAcceptable',
  'NotFound',
  'NotOurs',
  'RequestEntityTooLarge',
  'ServerTimeout',
  'ServiceUnavailable',
  'Timeout',
  'TooManyRequests',
  'Unauthorized',
  'UnsupportedMediaType',
]);

/** A request that the API server refused, or that never got an answer (status 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  /** The server's machine-readable reason, such as AlreadyExists. */
  readonly reason: string;
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** Fields that other managers keep from being applied, and whose they are. */
  readonly kept: readonly string[];

  constructor(activity: string, answer: Refusal, cause?: unknown) {
    super(`${activity}: ${answer.message}`, {cause});
    this.status = answer.status;
    this.reason = answer.reason ?? '';
    this.retryAfterMs = answer.retryAfterMs;
    this.kept = answer.kept ?? [];
  }

  /** One of a bounded set, for metrics: the reason where it is a known one, else the status. */
  get knownReason(): string {
    return REASONS.has(this.reason) ? this.reason : `${this.status}`;
  }

  /** Somebody else was faster: look again. */
  get isConflict(): boolean {
    return this.status === 409;
  }

  /** The server has not carried it out; after no answer, or an error of its own, it may have. */
  get isRefusal(): boolean {
    return this.status >= 400 && this.status < 500;
  }

  get isNotFound(): boolean {
    return this.status === 404;
  }

  /** The version that a list or watch asked for is compacted away: list anew. */
  get isGone(): boolean {
    return this.status === 410 || this.reason === 'Expired';
  }
}

/** An answer of which no more was read, as it has more bytes than it may. */
export class AnswerTooLarge extends ApiError {
  constructor(activity: string, bytes: number) {
    super(activity, {status: 0, message: `the answer has more than ${bytes} bytes`});
  }
}

/** A Lease that stays somebody else's, as others manage labels that it should have: to look again does not help. */
export class AdoptionConflict extends ApiError {
  /** Namespace and name. */
  readonly lease: string;
  readonly why: string;

  constructor(lease: string, why: string, cause: ApiError) {
    super(`adopt Lease ${lease}`, {status: 422, reason: 'AdoptionConflict', message: why}, cause);
    this.lease = lease;
    this.why = why;
  }
}

/** Another process contends for the same Lease under the same name, so that its records look like ours. */
export class DuplicateIdentityError extends Error {
  override readonly name = 'DuplicateIdentityError';
  readonly identity: string;

  constructor(identity: string) {
    super(`another process holds the Lease as ${identity}: give each candidate an identity of its own`);
    this.identity = identity;
  }
}

/** The term ended before a write began; nothing was sent. */
export class TermEndedError extends Error {
  override readonly name = 'TermEndedError';
  constructor() {
    super('leadership ended before the write: the next leader goes on');
  }
}

/** What the user gave can't work; the message says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What commander says of wrong usage, which may be two sentences and a guess, as one that can go on. */
export const usageSentence = (message: string): string =>
  message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .replace(
      /^(.* is invalid(?: for argument '[^']*')?|too many arguments[^.]*)\. (.*?)\.?$/,
      (_, wrong, right) => `${wrong} (${right.charAt(0).toLowerCase()}${right.slice(1)})`,
    );

/** The sentence of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
