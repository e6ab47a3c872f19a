/** The log: JSON lines in a Pod, readable ones on a terminal; object names can't forge a line in either. */
import winston from 'winston';
import {escaped} from '../core/legible.ts';

export type Logger = winston.Logger;

const {combine, timestamp, json, printf} = winston.format;

/** Where winston keeps what came behind the message, and the line that it writes. */
const SPLAT = Symbol.for('splat');
const LINE = Symbol.for('message');

/** A message may be what the API server says. With a "%d" in it winston would leave out the fields. */
const withFields = winston.format(info => {
  const [fields] = (info[SPLAT] ?? []) as object[];
  return {...fields, ...info};
});

/** What could end a line, steer a terminal or hide in it is written as an escape, which JSON reads back. */
const onOneLine = winston.format(info => ({...info, [LINE]: escaped(String(info[LINE]))}));

/** A logger on standard output; auto writes text on a terminal and JSON elsewhere. */
export function createLogger(level: string, format: string): Logger {
  const text = format === 'text' || (format === 'auto' && process.stdout.isTTY === true);
  return winston.createLogger({
    level,
    format: combine(withFields(), timestamp(), text ? printf(line) : json(), onOneLine()),
    transports: [new winston.transports.Console()],
  });
}

function line({timestamp: time, level, message, ...fields}: winston.Logform.TransformableInfo): string {
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${quoted(value)}`);
  return [String(time).slice(11, 23), level.toUpperCase().padEnd(5), message, ...rest].join(' ');
}

const quoted = (value: unknown) =>
  typeof value === 'string' && /^[\w./:-]+$/.test(value) ? value : JSON.stringify(value);
