/** Puts CEL expressions together so that no value can change what they say. */

/** A piece of CEL; only the functions of this file make one. */
export class Cel {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = Cel | string | number | readonly string[];

/** A template of CEL text: another piece is put in as it is, everything else as a literal. */
export function cel(strings: TemplateStringsArray, ...values: readonly Value[]): Cel {
  return new Cel(strings.map((text, index) => text + written(values[index])).join(''));
}

/** All of them, looked at in their order until one is false; a line each, for those who read it with kubectl. */
export const allOf = (pieces: readonly Cel[]): Cel =>
  new Cel(pieces.map(({text}) => `(${text})`).join(' &&\n'));

/** A boolean expression in which the name stands for the value, which is computed once: CEL has no other way. */
export const where = (name: string, value: Cel, holds: Cel): Cel =>
  new Cel(`[${value.text}].exists(${name}, ${holds.text})`);

function written(value: Value | undefined): string {
  if (value === undefined) return '';
  if (value instanceof Cel) return value.text;
  if (typeof value === 'number') return `${value}`;
  if (typeof value === 'string') return literal(value);
  return `[${value.map(literal).join(', ')}]`;
}

/**
 * A string literal of CEL, in printable ASCII; "String and bytes values" in the language definition of CEL lists the
 * escapes. A lone surrogate, which no API object can hold, becomes U+FFFD.
 */
export function literal(value: string): string {
  return `"${[...value].map(escaped).join('')}"`;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === '"' || character === '\\') return `\\${character}`;
  if (code >= 0x20 && code < 0x7f) return character;
  if (code >= 0xd800 && code <= 0xdfff) return '\\ufffd';
  const digits = code.toString(16);
  return code > 0xffff ? `\\U${digits.padStart(8, '0')}` : `\\u${digits.padStart(4, '0')}`;
}
