/** Reads CEL text without the code that wrote it: what is code, what the literals say, and what simple code is. */
import {runInNewContext} from 'node:vm';

/** Escapes of one character, from the language definition of CEL. */
const SIMPLE: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '`': '`',
  '?': '?',
  '\\': '\\',
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** The code with every literal emptied, and what the literals say; throws where CEL's own lexer would. */
export function read(text: string): {code: string; literals: string[]} {
  const literals: string[] = [];
  let code = '';
  let at = 0;
  while (at < text.length) {
    const character = text[at] as string;
    const isOther = character === "'" || (character === '"' && /\b[rRbB]+$/.test(code));
    if (isOther) throw new Error(`another kind of literal at ${at}`);
    code += character;
    at += 1;
    if (character !== '"') continue;
    const {value, end} = readLiteral(text, at);
    literals.push(value);
    code += '"';
    at = end;
  }
  return {code, literals};
}

/** The one literal that the text is. */
export function decode(text: string): string {
  const {code, literals} = read(text);
  if (code !== '""') throw new Error(`${text} is not one literal`);
  return literals[0] as string;
}

/** From after the opening quote. */
function readLiteral(text: string, from: number): {value: string; end: number} {
  let value = '';
  let at = from;
  for (;;) {
    const character = text[at];
    if (character === undefined || character === '\n' || character === '\r')
      throw new Error('a literal has no end');
    if (character === '"') return {value, end: at + 1};
    if (character !== '\\') {
      value += character;
      at += 1;
      continue;
    }
    const {said, length} = readEscape(text.slice(at + 1, at + 10));
    value += said;
    at += 1 + length;
  }
}

function readEscape(text: string): {said: string; length: number} {
  const simple = SIMPLE[text[0] ?? ''];
  if (simple !== undefined) return {said: simple, length: 1};
  const match = /^(?:u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|[xX]([0-9a-fA-F]{2})|([0-3][0-7]{2}))/.exec(text);
  if (!match) throw new Error(`\\${text} is no escape`);
  const [all, short, long, byte, octal] = match;
  const code =
    octal === undefined ? Number.parseInt(short ?? long ?? byte ?? '', 16) : Number.parseInt(octal, 8);
  if (code >= 0xd800 && code <= 0xdfff) throw new Error(`\\${all} is no character`);
  return {said: String.fromCodePoint(code), length: all.length};
}

/**
 * What a boolean expression is, if it is one that JavaScript reads as CEL does: fields, has() of an optional one, keys
 * of maps, comparisons of texts and numbers, and the logic between them. Throws for anything else.
 */
export function evaluate(text: string, variables: Readonly<Record<string, unknown>>): boolean {
  const {code, literals} = read(text);
  const other = /\b(?!has\()[A-Za-z]+\(|\[(?!""|object\.)|\bin (?:\[|request)|[a-z]\.has\(/.exec(code);
  if (other) throw new Error(`${other[0]} is not understood: ${text}`);
  let at = 0;
  const script = code.replaceAll('""', () => JSON.stringify(literals[at++]));
  const value: unknown = runInNewContext(script, {
    ...variables,
    has: (field: unknown) => field !== undefined,
  });
  if (typeof value !== 'boolean') throw new Error(`${text} is ${value}`);
  return value;
}
