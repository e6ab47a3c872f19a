/** Reads the CEL that this product writes into a tree: the part of the language that src/core/admission and src/api use. */

export type Expression =
  | {readonly kind: 'literal'; readonly value: string | number | boolean | null}
  | {readonly kind: 'list'; readonly items: readonly Expression[]}
  | {readonly kind: 'name'; readonly name: string}
  | {readonly kind: 'field'; readonly of: Expression; readonly name: string}
  | {readonly kind: 'index'; readonly of: Expression; readonly at: Expression}
  | {readonly kind: 'not'; readonly of: Expression}
  | {
      readonly kind: 'binary';
      readonly operator: string;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {readonly kind: 'choice'; readonly test: Expression; readonly yes: Expression; readonly no: Expression}
  /** A function, or a method of what stands before it. */
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly of: Expression | undefined;
      readonly args: readonly Expression[];
    };

/** Throws for what is no CEL, or is CEL that nobody here writes. */
export function parseCel(text: string): Expression {
  const parser = new Parser(tokensOf(text));
  const expression = parser.choice();
  parser.end();
  return expression;
}

type Token = {readonly type: 'text' | 'number' | 'word' | 'sign' | 'end'; readonly text: string};

const TOKEN =
  /\s*(?:(?<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?<number>\d+)|(?<word>[A-Za-z_]\w*)|(?<sign>\|\||&&|[=!<>]=|[-!<>?:+.,()[\]]))/y;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const groups = TOKEN.exec(text)?.groups;
    const [type, found] = Object.entries(groups ?? {}).find(([, each]) => each !== undefined) ?? [];
    if (type === undefined || found === undefined)
      throw new SyntaxError(`${text.slice(at, at + 20)} is no CEL`);
    tokens.push({type: type as Token['type'], text: found});
  }
  return [...tokens, {type: 'end', text: ''}];
}

/** Operators by how tightly they bind, the loosest first. */
const BINARY: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['==', '!=', '<', '<=', '>', '>=', 'in'],
  ['+', '-'],
];

const CONSTANTS: Readonly<Record<string, boolean | null>> = {true: true, false: false, null: null};

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  choice(): Expression {
    const test = this.#binary(0);
    if (!this.#takes('?')) return test;
    const yes = this.choice();
    this.#expect(':');
    return {kind: 'choice', test, yes, no: this.choice()};
  }

  end(): void {
    if (this.#next.type !== 'end') throw new SyntaxError(`"${this.#next.text}" is one too many`);
  }

  get #next(): Token {
    return this.#tokens[this.#at] ?? {type: 'end', text: ''};
  }

  #binary(level: number): Expression {
    const operators = BINARY[level];
    if (!operators) return this.#unary();
    let left = this.#binary(level + 1);
    while (this.#next.type !== 'text' && operators.includes(this.#next.text)) {
      const operator = this.#take().text;
      left = {kind: 'binary', operator, left, right: this.#binary(level + 1)};
    }
    return left;
  }

  #unary(): Expression {
    if (this.#takes('!')) return {kind: 'not', of: this.#unary()};
    return this.#member(this.#primary());
  }

  #member(of: Expression): Expression {
    if (this.#takes('[')) {
      const at = this.choice();
      this.#expect(']');
      return this.#member({kind: 'index', of, at});
    }
    if (!this.#takes('.')) return of;
    const name = this.#word();
    if (!this.#takes('(')) return this.#member({kind: 'field', of, name});
    return this.#member({kind: 'call', name, of, args: this.#list(')')});
  }

  #primary(): Expression {
    const token = this.#take();
    if (token.type === 'text') return {kind: 'literal', value: unescaped(token.text.slice(1, -1))};
    if (token.type === 'number') return {kind: 'literal', value: Number(token.text)};
    if (token.text === '[') return {kind: 'list', items: this.#list(']')};
    if (token.text === '(') {
      const inner = this.choice();
      this.#expect(')');
      return inner;
    }
    if (token.type !== 'word') throw new SyntaxError(`"${token.text}" is not expected`);
    if (Object.hasOwn(CONSTANTS, token.text)) {
      return {kind: 'literal', value: CONSTANTS[token.text] ?? null};
    }
    if (!this.#takes('(')) return {kind: 'name', name: token.text};
    return {kind: 'call', name: token.text, of: undefined, args: this.#list(')')};
  }

  #list(closing: string): Expression[] {
    const items: Expression[] = [];
    while (!this.#takes(closing)) {
      if (items.length > 0) this.#expect(',');
      items.push(this.choice());
    }
    return items;
  }

  #word(): string {
    const {type, text} = this.#take();
    if (type !== 'word') throw new SyntaxError(`"${text}" is no name`);
    return text;
  }

  #take(): Token {
    const token = this.#next;
    this.#at++;
    return token;
  }

  #takes(sign: string): boolean {
    const isIt = this.#next.type === 'sign' && this.#next.text === sign;
    if (isIt) this.#at++;
    return isIt;
  }

  #expect(sign: string): void {
    if (!this.#takes(sign)) throw new SyntaxError(`"${this.#next.text}" stands where "${sign}" should`);
  }
}

const ESCAPES: Readonly<Record<string, string>> = {n: '\n', r: '\r', t: '\t', '\\': '\\', '"': '"', "'": "'"};

function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-f]{4})|U([0-9a-f]{8})|(.))/g, (all, short, long, character) => {
    if (short !== undefined || long !== undefined)
      return String.fromCodePoint(Number.parseInt(short ?? long, 16));
    const meant = ESCAPES[character];
    if (meant === undefined) throw new SyntaxError(`${all} is no escape`);
    return meant;
  });
}
