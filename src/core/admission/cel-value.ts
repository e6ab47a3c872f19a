/**
 * Computes CEL expressions as the API server does, but for the limit of what they may cost; the one place that knows the
 * library for it. In one thing the library is milder: has() of a field of a text is false to it, and no error.
 */
import {Environment, EvaluationError, type ParseError} from '@marcbachmann/cel-js';

/** What CEL calls an error, such as a key that is not there. */
export class CelError extends Error {
  override readonly name = 'CelError';
}

/** What JSON can hold. */
export type Variables = Readonly<Record<string, unknown>>;

/** Throws CelError where the API server would have an error, and SyntaxError for what is no expression to it. */
export function valueOfCel(text: string, variables: Variables): unknown {
  const program = programOf(text);
  try {
    return asJson(program(asCel(variables) as Map<string, unknown>));
  } catch (error) {
    if (error instanceof EvaluationError) throw new CelError(summaryOf(error), {cause: error});
    throw error;
  }
}

/** A condition, which must be true or false. */
export function holds(text: string, variables: Variables): boolean {
  const value = valueOfCel(text, variables);
  if (typeof value !== 'boolean') throw new CelError('it is no boolean');
  return value;
}

/** Which type a variable has is not told: objects have the types of their schemas, which stand in no expression. */
const LANGUAGE = new Environment({unlistedVariablesAreDyn: true});

const withoutLimit = (text: string, part: string, other: string) => text.replaceAll(part, () => other);
LANGUAGE.registerFunction('string.replace(string, string): string', withoutLimit);

/** The library cuts texts between UTF-16 units, and CEL between code points. */
const CUT = 'codePoints';
const cut = (text: string, from: bigint, to?: bigint) => {
  const points = [...text];
  const [start, end] = [Number(from), to === undefined ? points.length : Number(to)];
  if (start < 0 || end > points.length || start > end) throw new EvaluationError('index out of range');
  return points.slice(start, end).join('');
};
LANGUAGE.registerFunction(`string.${CUT}(int): string`, cut);
LANGUAGE.registerFunction(`string.${CUT}(int, int): string`, cut);

type Program = ReturnType<typeof LANGUAGE.parse>;
const programs = new Map<string, Program>();

function programOf(text: string): Program {
  const known = programs.get(text);
  if (known) return known;
  const program = parseCel(text);
  programs.set(text, program);
  return program;
}

/** Throws SyntaxError for what the API server would not take as an expression. */
export function parseCel(text: string): Program {
  try {
    const program = LANGUAGE.parse(text);
    renameCuts(program.ast);
    const {valid, error} = program.check();
    if (valid) return program;
    throw error;
  } catch (error) {
    throw new SyntaxError(summaryOf(error as LibraryError), {cause: error});
  }
}

type LibraryError = Pick<EvaluationError | ParseError, 'message'>;

/** The message goes on with the place in the expression. */
const summaryOf = ({message}: LibraryError) => message.split('\n')[0] ?? '';

type Node = {op?: string; args?: unknown};

/** In the tree, as a literal may hold the same text. */
function renameCuts(node: unknown): void {
  if (Array.isArray(node)) for (const each of node) renameCuts(each);
  if (typeof node !== 'object' || node === null || !('op' in node)) return;
  const {op, args} = node as Node;
  if (op === 'rcall' && Array.isArray(args) && args[0] === 'substring') args[0] = CUT;
  renameCuts(args);
}

/**
 * The whole numbers of JSON are ints in CEL, as they are in the objects of the API server. What has keys becomes a Map:
 * the library asks an object for its constructor, and a Lease may be called so.
 */
function asCel(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(asCel);
  if (typeof value !== 'object' || value === null) return value;
  return new Map(
    Object.entries(value).flatMap(([key, each]) => (each === undefined ? [] : [[key, asCel(each)]])),
  );
}

function asJson(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(asJson);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries([...value].map(([key, each]) => [key, asJson(each)]));
}
