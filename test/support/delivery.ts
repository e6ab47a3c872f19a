/** Hands the answer of an API server on to the process under test, whole or a watch event at a time, with faults. */
import type {IncomingMessage} from 'node:http';
import {PassThrough} from 'node:stream';
import {setTimeout as delay} from 'node:timers/promises';
import type {AnswerFault, Rule} from './faults.ts';

/** An event of a watch with its line end, or a whole answer. */
export type Piece = {readonly bytes: Buffer; readonly atMs: number};

/** Where the answer goes. */
export type Sink = {write(bytes: Buffer): void; readonly left: AbortSignal};

const NEWLINE = 0x0a;
/** Of a protobuf event, in the four bytes before it. */
const LENGTH_BYTES = 4;

/** Reads all that comes at once, so that each piece has the time at which it came. */
export function piecesOf(answer: IncomingMessage, isWatch: boolean): AsyncIterable<Piece> {
  const pieces = new PassThrough({objectMode: true, highWaterMark: Number.MAX_SAFE_INTEGER});
  let rest = Buffer.alloc(0);
  const put = (bytes: Buffer) => pieces.write({bytes, atMs: performance.now()} satisfies Piece);
  const endOf = /protobuf/.test(answer.headers['content-type'] ?? '') ? endOfFrame : endOfLine;
  answer.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    if (!isWatch) return;
    for (let end = endOf(rest); end > 0 && end <= rest.length; end = endOf(rest)) {
      put(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  });
  answer.once('end', () => {
    if (rest.length > 0) put(rest);
    pieces.end();
  });
  answer.once('error', error => pieces.destroy(error));
  return pieces;
}

const endOfLine = (bytes: Buffer) => bytes.indexOf(NEWLINE) + 1;

const endOfFrame = (bytes: Buffer) =>
  bytes.length < LENGTH_BYTES ? 0 : LENGTH_BYTES + bytes.readUInt32BE(0);

/** The faults of one answer. */
export class Delivery {
  readonly #sink: Sink;
  readonly #ruleNow: () => Rule | undefined;
  #kept: Buffer[] = [];

  /** The rule is asked for anew for each piece. */
  constructor(sink: Sink, ruleNow: () => Rule | undefined) {
    this.#sink = sink;
    this.#ruleNow = ruleNow;
  }

  /** Sends a piece; false when the connection is to be reset instead. */
  async send(piece: Piece): Promise<boolean> {
    const rule = this.#ruleNow();
    if (rule?.fault.kind !== 'reorder') this.flush();
    if (!rule) this.#sink.write(piece.bytes);
    return rule ? this.#apply(rule, rule.fault as AnswerFault, piece) : true;
  }

  /** Sends what was kept in its true order. */
  flush(): void {
    for (const bytes of this.#kept.splice(0)) this.#sink.write(bytes);
  }

  async #apply(rule: Rule, fault: AnswerFault, {bytes, atMs}: Piece): Promise<boolean> {
    switch (fault.kind) {
      case 'lost':
        return false;
      case 'late':
        await delay(Math.max(0, atMs + fault.ms - performance.now()));
        break;
      case 'stall':
        await rule.end;
        break;
      case 'drip':
        await this.#drip(bytes, fault.everyMs, rule);
        return true;
      case 'truncate':
        this.#sink.write(half(bytes));
        return true;
      case 'reorder':
        this.#keep(bytes, fault.count, rule);
        return true;
      default:
        return fault satisfies never;
    }
    this.#sink.write(bytes);
    return true;
  }

  async #drip(bytes: Buffer, everyMs: number, rule: Rule): Promise<void> {
    let sent = 0;
    for (; sent < bytes.length && !rule.removed && !this.#sink.left.aborted; sent += 1) {
      this.#sink.write(bytes.subarray(sent, sent + 1));
      await Promise.race([delay(everyMs), rule.end]);
    }
    this.#sink.write(bytes.subarray(sent));
  }

  #keep(bytes: Buffer, count: number, rule: Rule): void {
    if (this.#kept.length === 0) void rule.end.then(() => this.flush());
    this.#kept.push(bytes);
    if (this.#kept.length < count) return;
    this.#kept.reverse();
    this.flush();
  }
}

/** A line stays a line, as it is the JSON in it that is broken. */
function half(bytes: Buffer): Buffer {
  const first = bytes.subarray(0, bytes.length / 2);
  return bytes.at(-1) === NEWLINE ? Buffer.concat([first, Buffer.from([NEWLINE])]) : first;
}
