/** The grammar of Lease names: build a name, recognise one, and prove that a template keeps subjects apart. */
import type {HashSpec} from '../../api/leasepolicy.ts';
import {ownValue} from '../selector.ts';
import {hashOf, hashPattern} from './hash.ts';

/** The limit of a Lease's name (DNS-1123 subdomain), in characters. */
export const MAX_NAME_LENGTH = 253;

/** What a name is made from. */
export type NameParts = {
  kind: string;
  namespace: string;
  name: string;
  labels: Readonly<Record<string, string>>;
};

/** The compiled naming of a policy. */
export type Naming = {prefix: string; tokens: readonly Token[]; hash: HashSpec};

type Token = {literal: string} | {variable: string};

/** A name, or why there is none. */
export type NameResult = {name: string} | {problem: 'NameTooLong' | 'InvalidName'; message: string};

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const MAX_NAMESPACE_LENGTH = 63;

/** Of these the API server takes every name that is one part of a path. */
const FREELY_NAMED = /^(cluster)?role(binding)?s?(\.|$)/i;

/** Whether the API server takes an object of that kind and name; the kind may be written as for kubectl. */
export function isNameOf(kind: string, name: string): boolean {
  if (FREELY_NAMED.test(kind)) return !['', '.', '..'].includes(name) && !/[/%]/.test(name);
  return name.length <= MAX_NAME_LENGTH && SUBDOMAIN.test(name);
}

export const isNamespaceName = (name: string) => name.length <= MAX_NAMESPACE_LENGTH && LABEL.test(name);

/** Splits a template into literals and variables; the schema has refused every other form. */
export function parseTemplate(template: string): Token[] {
  const tokens: Token[] = [];
  for (const match of template.matchAll(/\{([^}]+)\}|[^{]+/g)) {
    tokens.push(match[1] === undefined ? {literal: match[0]} : {variable: match[1]});
  }
  return tokens;
}

/** The name of the subject's Lease under this naming. Total: what gives no valid name is told, never cut. */
export function nameOf(naming: Naming, subject: NameParts): NameResult {
  const missing = missingLabel(naming, subject);
  if (missing)
    return {problem: 'InvalidName', message: `it has no label ${missing}, which its Lease's name needs`};
  const name = naming.tokens.map(token => text(token, naming, subject)).join('');
  if (name.length > MAX_NAME_LENGTH) {
    const message = `its Lease's name would have ${name.length} characters and ${MAX_NAME_LENGTH} are allowed: use {hash}`;
    return {problem: 'NameTooLong', message};
  }
  if (!SUBDOMAIN.test(name))
    return {problem: 'InvalidName', message: `"${name}" is no valid name of a Lease`};
  return {name};
}

function missingLabel(naming: Naming, subject: NameParts): string | undefined {
  const used = naming.tokens.flatMap(token => ('variable' in token ? [token.variable] : []));
  return [...used, ...(used.includes('hash') ? naming.hash.of : [])]
    .filter(part => part.startsWith('label:'))
    .map(part => part.slice('label:'.length))
    .find(key => !ownValue(subject.labels, key));
}

function text(token: Token, naming: Naming, subject: NameParts): string {
  if ('literal' in token) return token.literal;
  switch (token.variable) {
    case 'prefix':
      return naming.prefix;
    case 'kind':
      return subject.kind.toLowerCase();
    case 'hash':
      return hashOf(
        naming.hash.of.map(part => raw(part, subject)),
        naming.hash,
      );
    default:
      return raw(token.variable, subject);
  }
}

function raw(part: string, subject: NameParts): string {
  if (part === 'kind') return subject.kind;
  if (part === 'namespace') return subject.namespace;
  if (part === 'name') return subject.name;
  return ownValue(subject.labels, part.slice('label:'.length)) ?? '';
}

/** From the places up to which the tokens before have read a name, those up to which this one reads it. */
type Reader = (name: string, from: readonly number[]) => number[];

/**
 * Recognises the names that this naming can give. Not by a regular expression: one with several variables takes, for a
 * name with many "-", longer than anybody can wait.
 */
export function recognise(naming: Naming): (name: string) => boolean {
  const readers = naming.tokens.map(token => reader(token, naming));
  return name =>
    readers.reduce<number[]>((from, read) => (from.length > 0 ? read(name, from) : from), [0]).at(-1) ===
    name.length;
}

function reader(token: Token, {prefix, hash}: Naming): Reader {
  if ('literal' in token) return literal(token.literal);
  switch (token.variable) {
    case 'prefix':
      return literal(prefix);
    case 'hash':
      return fixed(new RegExp(`^${hashPattern(hash)}$`), hash.length);
    case 'kind':
      return word('');
    case 'namespace':
      return word('-');
    default:
      return word('-.');
  }
}

const literal =
  (text: string): Reader =>
  (name, from) =>
    from.flatMap(at => (name.startsWith(text, at) ? at + text.length : []));

const fixed =
  (form: RegExp, length: number): Reader =>
  (name, from) =>
    from.flatMap(at => (form.test(name.slice(at, at + length)) ? at + length : []));

/** Letters and digits, with the others between them only. */
function word(between: string): Reader {
  return (name, from) => {
    const starts = new Set(from);
    const ends: number[] = [];
    let isOpen = false;
    for (let at = from[0] ?? name.length; at < name.length; at++) {
      const character = name.charAt(at);
      const isOuter = /[a-z0-9]/.test(character);
      isOpen = isOuter ? isOpen || starts.has(at) : isOpen && between.includes(character);
      if (isOuter && isOpen) ends.push(at + 1);
    }
    return ends;
  };
}

/**
 * Whether a template without {hash} keeps any two subjects apart. What varies within one namespace of Leases must
 * all be in the template, and be readable back from either end: a namespace has no ".", a kind neither "." nor "-",
 * so the character beside it shows where it ends. Prefix + namespace + "-" + name fails this test.
 */
export function isInjective(tokens: readonly Token[], varying: readonly string[]): boolean {
  const list = tokens.filter(token => 'literal' in token || varying.includes(token.variable));
  const present = list.flatMap(token => ('variable' in token ? [token.variable] : []));
  return varying.every(part => present.filter(other => other === part).length === 1) && peels(list);
}

/** Takes one variable after the other off either end, as long as the text beside it can't be part of it. */
function peels(tokens: readonly Token[]): boolean {
  const first = tokens.findIndex(token => 'variable' in token);
  const last = tokens.findLastIndex(token => 'variable' in token);
  if (first === last) return true;
  if (endsAt(tokens[first], tokens[first + 1], 0)) return peels(tokens.slice(first + 1));
  if (endsAt(tokens[last], tokens[last - 1], -1)) return peels(tokens.slice(0, last));
  return false;
}

function endsAt(variable: Token | undefined, beside: Token | undefined, at: 0 | -1): boolean {
  if (!variable || !beside || !('variable' in variable) || !('literal' in beside)) return false;
  const character = beside.literal.at(at) ?? '';
  if (variable.variable === 'kind') return '.-'.includes(character);
  return variable.variable === 'namespace' && character === '.';
}
