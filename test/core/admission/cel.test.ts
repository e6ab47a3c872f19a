/** CEL literals: no value changes what an expression says. */
import test from 'ava';
import fc from 'fast-check';
import {allOf, cel, literal, where} from '../../../src/core/admission/cel.ts';
import {decode, read} from './cel-text.ts';

const LITERALS: [what: string, value: string, written: string][] = [
  ['nothing', '', '""'],
  ['plain text', 'api-0', '"api-0"'],
  ['a space and a tilde, the ends of printable ASCII,', ' ~', '" ~"'],
  ['a double quote', 'a"b', String.raw`"a\"b"`],
  ['a single quote', "a'b", `"a'b"`],
  ['a backslash', 'a\\b', String.raw`"a\\b"`],
  ['a backslash before a quote', '\\"', String.raw`"\\\""`],
  ['what looks like an escape', '\\n', String.raw`"\\n"`],
  ['a newline', 'a\nb', String.raw`"a\u000ab"`],
  ['a carriage return and a tab', '\r\t', String.raw`"\u000d\u0009"`],
  ['the character 0', '\0', String.raw`"\u0000"`],
  ['the character 127', '\x7f', String.raw`"\u007f"`],
  ['a letter with an accent', 'é', String.raw`"\u00e9"`],
  ['the last character of four digits', '\uffff', String.raw`"\uffff"`],
  ['the first character of five digits', '\u{10000}', String.raw`"\U00010000"`],
  ['a character of two code units', '😀', String.raw`"\U0001f600"`],
  ['a line separator', '\u2028', String.raw`"\u2028"`],
  ['a lone high surrogate', 'a\ud800b', String.raw`"a\ufffdb"`],
  ['a lone low surrogate', '\udc00', String.raw`"\ufffd"`],
  ['an attempt to get out', '" || true || "', String.raw`"\" || true || \""`],
];

for (const [what, value, written] of LITERALS) {
  test(`${what} is written as ${written}`, t => {
    t.is(literal(value), written);
    t.is(decode(written), value.toWellFormed());
  });
}

const codeUnits = fc
  .array(fc.integer({min: 0, max: 0xffff}))
  .map(codes => codes.map(code => String.fromCharCode(code)).join(''));
const breaking = fc
  .array(
    fc.constantFrom('"', "'", '\\', '\n', '\r', '`', '?', 'u', 'x41', '\\u0022', ' || ', 'true', '${', '}'),
  )
  .map(parts => parts.join(''));
const anyText = fc.oneof(fc.string({unit: 'binary'}), codeUnits, breaking, fc.string({unit: 'grapheme'}));

test('any literal is printable ASCII, and says what it was made of', t => {
  const property = fc.property(anyText, value => {
    const written = literal(value);
    return /^"[\x20-\x7e]*"$/.test(written) && decode(written) === value.toWellFormed();
  });
  t.notThrows(() => fc.assert(property, {numRuns: 2000}));
});

test('the code around any literals stays as it is', t => {
  const property = fc.property(anyText, fc.array(anyText), (one, many) => {
    const {code, literals} = read(cel`a == ${one} || b in ${many} && c`.text);
    const blanks = many.map(() => '""').join(', ');
    return (
      code === `a == "" || b in [${blanks}] && c` &&
      JSON.stringify(literals) === JSON.stringify([one, ...many].map(each => each.toWellFormed()))
    );
  });
  t.notThrows(() => fc.assert(property, {numRuns: 1000}));
});

test('a piece of CEL is put in as it is, a number as its digits and a list in brackets', t => {
  const piece = cel`a.b == ${'c"'}`;
  t.is(
    cel`!(${piece}) && d < ${3600} && e in ${['f', 'g\\']} && h in ${[]}`.text,
    String.raw`!(a.b == "c\"") && d < 3600 && e in ["f", "g\\"] && h in []`,
  );
});

test('what looks like a piece of CEL, and is none, is a literal', t => {
  const value = {text: 'true'} as unknown as string;
  t.throws(() => cel`a == ${value}`);
});

test('of all pieces each one stays together, in their order', t => {
  const {text} = allOf([cel`a || b`, cel`c ? d : ${'e'}`, cel`f`]);
  t.is(text.replaceAll(/\s+/g, ' '), '(a || b) && (c ? d : "e") && (f)');
});

test('a name stands for a value that is computed once', t => {
  t.is(
    where('x', cel`a + ${'b'}`, cel`x == ${'c'} || x == y`).text,
    '[a + "b"].exists(x, x == "c" || x == y)',
  );
});
