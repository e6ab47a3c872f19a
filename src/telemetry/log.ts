/** The log: JSON lines in a Pod, readable ones on a terminal; object names can't forge a line in either. */
import winston from 'winston';

export type Logger = winston.Logger;

export const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const;
export const LOG_FORMATS = ['auto', 'json', 'text'] as const;

const {combine, timestamp, json, printf} = winston.format;

/** A logger on standard output; auto writes text on a terminal and JSON elsewhere. */
export function createLogger(level: string, format: string): Logger {
  const text = format === 'text' || (format === 'auto' && process.stdout.isTTY === true);
  return winston.createLogger({
    level,
    format: combine(timestamp(), text ? printf(line) : json()),
    transports: [new winston.transports.Console()],
  });
}

function line({timestamp: time, level, message, ...fields}: winston.Logform.TransformableInfo): string {
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${quoted(value)}`);
  return plain([String(time).slice(11, 23), level.toUpperCase().padEnd(5), message, ...rest].join(' '));
}

const quoted = (value: unknown) =>
  typeof value === 'string' && /^[\w./:-]+$/.test(value) ? value : JSON.stringify(value);

/** Control characters, which could end a line or colour a terminal, are written as escapes. */
const plain = (message: string) =>
  message.replace(/\p{Cc}/gu, each => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
