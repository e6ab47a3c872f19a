/** Computes CEL expressions as the API server does, but for the limit of what they may cost. */
import {isDeepStrictEqual} from 'node:util';
import {type Expression, parseCel} from './cel-syntax.ts';

/** A value of CEL: what JSON can hold, and moments. */
export type CelValue =
  | null
  | boolean
  | number
  | string
  | Moment
  | readonly CelValue[]
  | {readonly [key: string]: CelValue};

/** A timestamp, in wall milliseconds. */
class Moment {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
}

/** What CEL calls an error, such as a key that is not there; what nobody here understands is another one. */
export class CelError extends Error {
  override readonly name = 'CelError';
}

export type Variables = Readonly<Record<string, unknown>>;

/** Throws CelError where the API server would have an error. */
export function valueOfCel(text: string, variables: Variables): CelValue {
  return valueIn(parsed(text), variables as Readonly<Record<string, CelValue>>);
}

/** A condition, which must be true or false. */
export function holds(text: string, variables: Variables): boolean {
  const value = valueOfCel(text, variables);
  if (typeof value !== 'boolean') throw new CelError('it is no boolean');
  return value;
}

const cache = new Map<string, Expression>();

function parsed(text: string): Expression {
  const known = cache.get(text);
  if (known) return known;
  const expression = parseCel(text);
  cache.set(text, expression);
  return expression;
}

type Scope = Readonly<Record<string, CelValue>>;

function valueIn(node: Expression, scope: Scope): CelValue {
  switch (node.kind) {
    case 'literal':
      return node.value;
    case 'list':
      return node.items.map(each => valueIn(each, scope));
    case 'name':
      return own(scope, node.name);
    case 'field':
      return own(valueIn(node.of, scope), node.name);
    case 'index':
      return indexed(valueIn(node.of, scope), valueIn(node.at, scope));
    case 'not':
      return !truth(valueIn(node.of, scope));
    case 'choice':
      return truth(valueIn(node.test, scope)) ? valueIn(node.yes, scope) : valueIn(node.no, scope);
    case 'binary':
      return binary(node, scope);
    case 'call':
      return call(node, scope);
  }
}

type Fields = {readonly [key: string]: CelValue};

const isFields = (value: CelValue): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Moment);

function own(value: CelValue, name: string): CelValue {
  if (!isFields(value) || !Object.hasOwn(value, name)) throw new CelError(`no such key: ${name}`);
  return value[name] ?? null;
}

function indexed(value: CelValue, at: CelValue): CelValue {
  if (typeof at === 'string') return own(value, at);
  const item = Array.isArray(value) ? value[Number(at)] : undefined;
  if (item === undefined) throw new CelError(`index out of bounds: ${String(at)}`);
  return item;
}

function truth(value: CelValue): boolean {
  if (typeof value !== 'boolean') throw new CelError('no such overload');
  return value;
}

type Binary = Extract<Expression, {kind: 'binary'}>;

function binary({operator, left, right}: Binary, scope: Scope): CelValue {
  if (operator === '&&' || operator === '||')
    return decided(
      [left, right].map(side => () => valueIn(side, scope)),
      operator === '||',
    );
  const [a, b] = [valueIn(left, scope), valueIn(right, scope)];
  switch (operator) {
    case '==':
      return isDeepStrictEqual(a, b);
    case '!=':
      return !isDeepStrictEqual(a, b);
    case 'in':
      return isIn(a, b);
    case '+':
      return sum(a, b);
    case '-':
      return number(a) - number(b);
    default:
      return compared(operator, a, b);
  }
}

/** One that decides is enough, also where another one is an error. */
function decided(tests: Iterable<() => CelValue>, deciding: boolean): boolean {
  let error: CelError | undefined;
  for (const test of tests) {
    try {
      if (truth(test()) === deciding) return deciding;
    } catch (caught) {
      if (!(caught instanceof CelError)) throw caught;
      error ??= caught;
    }
  }
  if (error) throw error;
  return !deciding;
}

function isIn(value: CelValue, all: CelValue): boolean {
  if (Array.isArray(all)) return all.some(each => isDeepStrictEqual(each, value));
  if (!isFields(all) || typeof value !== 'string') throw new CelError('no such overload');
  return Object.hasOwn(all, value);
}

function sum(a: CelValue, b: CelValue): CelValue {
  if (typeof a === 'string' && typeof b === 'string') return a + b;
  if (Array.isArray(a) && Array.isArray(b)) return [...a, ...b];
  return number(a) + number(b);
}

function number(value: CelValue): number {
  if (typeof value !== 'number') throw new CelError('no such overload');
  return value;
}

function compared(operator: string, a: CelValue, b: CelValue): boolean {
  const [left, right] = a instanceof Moment && b instanceof Moment ? [a.ms, b.ms] : [number(a), number(b)];
  if (operator === '<') return left < right;
  if (operator === '<=') return left <= right;
  return operator === '>' ? left > right : left >= right;
}

type Call = Extract<Expression, {kind: 'call'}>;

function call({name, of, args}: Call, scope: Scope): CelValue {
  if (name === 'has') return has(args[0], scope);
  const [first, second] = args;
  if (of && first && second && Object.hasOwn(MACROS, name))
    return macro(name, valueIn(of, scope), nameOf(first), second, scope);
  const values = (of ? [of, ...args] : args).map(each => valueIn(each, scope));
  const known = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (!known) throw new SyntaxError(`${name}() is not understood here`);
  return known(...values);
}

function has(field: Expression | undefined, scope: Scope): boolean {
  if (field?.kind !== 'field') throw new SyntaxError('has() takes a field');
  const value = valueIn(field.of, scope);
  if (!isFields(value)) throw new CelError('no such overload');
  return Object.hasOwn(value, field.name);
}

function nameOf(node: Expression): string {
  if (node.kind !== 'name') throw new SyntaxError('a macro takes a name first');
  return node.name;
}

type Each = (item: CelValue) => CelValue;

const MACROS: Readonly<Record<string, (list: readonly CelValue[], each: Each) => CelValue>> = {
  all: (list, each) =>
    decided(
      list.map(item => () => each(item)),
      false,
    ),
  exists: (list, each) =>
    decided(
      list.map(item => () => each(item)),
      true,
    ),
  filter: (list, each) => list.filter(item => truth(each(item))),
  map: (list, each) => list.map(each),
};

function macro(name: string, of: CelValue, item: string, body: Expression, scope: Scope): CelValue {
  const list = Array.isArray(of) ? of : isFields(of) ? Object.keys(of) : undefined;
  if (!list) throw new CelError('no such overload');
  const run = MACROS[name];
  return run ? run(list, value => valueIn(body, {...scope, [item]: value})) : null;
}

/** Texts are counted in code points. */
const points = (value: CelValue | undefined) => [...text(value)];

function text(value: CelValue | undefined): string {
  if (typeof value !== 'string') throw new CelError('no such overload');
  return value;
}

const FUNCTIONS: Readonly<Record<string, (...values: CelValue[]) => CelValue>> = {
  size: of =>
    Array.isArray(of)
      ? of.length
      : of !== undefined && isFields(of)
        ? Object.keys(of).length
        : points(of).length,
  string: of => String(of),
  timestamp: of => momentOf(text(of)),
  contains: (of, part) => text(of).includes(text(part)),
  startsWith: (of, part) => text(of).startsWith(text(part)),
  endsWith: (of, part) => text(of).endsWith(text(part)),
  matches: (of, pattern) => new RegExp(text(pattern), 'u').test(text(of)),
  split: (of, separator) => text(of).split(text(separator)),
  replace: (of, part, other) => text(of).replaceAll(text(part), () => text(other)),
  substring: (of, from, to) => substring(points(of), from, to),
};

function momentOf(written: string): Moment {
  const ms = Date.parse(written);
  if (Number.isNaN(ms)) throw new CelError(`${written} is no timestamp`);
  return new Moment(ms);
}

function substring(all: readonly string[], from: CelValue | undefined, to?: CelValue): string {
  const [start, end] = [number(from ?? null), to === undefined ? all.length : number(to)];
  if (start < 0 || end > all.length || start > end) throw new CelError('index out of range');
  return all.slice(start, end).join('');
}
