/** The errors of the operator, named by what failed and decided once from the HTTP status. */

/** A request that the API server refused, or that never got an answer (status 0). */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  /** The server's machine-readable reason, such as AlreadyExists. */
  readonly reason: string;
  /** How long the server asks to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    activity: string,
    answer: {status: number; reason?: string; message: string; retryAfterMs?: number | undefined},
    cause?: unknown,
  ) {
    super(`${activity}: ${answer.message}`, {cause});
    this.status = answer.status;
    this.reason = answer.reason ?? '';
    this.retryAfterMs = answer.retryAfterMs;
  }

  /** Somebody else was faster: look again. */
  get isConflict(): boolean {
    return this.status === 409;
  }

  get isNotFound(): boolean {
    return this.status === 404;
  }

  /** The version that a list or watch asked for is compacted away: list anew. */
  get isGone(): boolean {
    return this.status === 410 || this.reason === 'Expired';
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

/** The sentence of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
