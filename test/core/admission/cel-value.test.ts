/** CEL as the API server computes it: the part of it that this product writes. */
import test from 'ava';
import {CelError, holds, parseCel, valueOfCel} from '../../../src/core/admission/cel-value.ts';

const SCOPE = {
  self: {
    name: 'api',
    size: 3,
    labels: {team: 'a'},
    list: ['x', 'y'],
    half: 0.5,
    nothing: null,
    dash: {'a-b': 1},
    odd: {constructor: 1, toString: 2},
    same: {toString: 2, constructor: 1},
  },
  params: {spec: {names: {'payments-1': {subject: 'Deployment/api'}}}},
  oldObject: null,
};

for (const [text, value] of [
  ['1 + 2 == 3', true],
  ['"a" + "b"', 'ab'],
  ["'it''s' == 'x'", undefined],
  ['"\\u0022\\\\\\U0001f600\\n" == "\\"\\\\😀\\n"', true],
  ['[1, 2] + [3] == [1, 2, 3]', true],
  ['self.size > 2 && self.size <= 3 && !(self.size < 3) && self.size >= 3', true],
  ['self.size - 1', 2],
  ['self.labels["team"] + self.name', 'aapi'],
  ['self.list[1]', 'y'],
  ['"team" in self.labels && "x" in self.list && !("toString" in self.labels)', true],
  ['has(self.labels.team) && !has(self.labels.tier)', true],
  ['self.nothing == null', true],
  ['self.size == "3"', false],
  ['"a" < "b" && self.half > 0 && self.half < self.size', true],
  ['oldObject == null && self != null && null == oldObject', true],
  ['self.labels == {"team": "a"} && self.list != ["x"] && self.labels in [self.labels]', true],
  ['self.size == 3 ? "yes" : self.none', 'yes'],
  ['true ? false ? 1 : 2 : 3', 2],
  ['self.list.all(each, each in ["x", "y"]) && self.list.exists(each, each == "y")', true],
  ['self.list.filter(each, each != "x").map(each, each + self.name)', ['yapi']],
  ['self.labels.exists(key, key == "team")', true],
  ['[self.name].exists(n, n.startsWith("a") && n.endsWith("i") && n.contains("p"))', true],
  ['size(self.list) == 2 && self.list.size() == 2 && size("a😀") == 2 && size(self.labels) == 1', true],
  ['"a-b_c".replace("-", "_").split("_")', ['a', 'b', 'c']],
  ['"a$b".replace("$", "$&")', 'a$&b'],
  ['"a😀bc".substring(1, 3) + "abc".substring(2)', '😀bc'],
  ['[".substring(1)"].map(each, each.substring(1))', ['substring(1)']],
  ['"payments-14".matches("^[a-z]+-[0-9]{2}$")', true],
  ['string(15) + "s"', '15s'],
  ['timestamp("2026-03-01T12:00:00Z") < timestamp("2026-03-01T13:00:00+00:30")', true],
  ['params.spec.names["payments-1"].subject.split("/")[0]', 'Deployment'],
  [
    '"constructor" in self.odd && self.odd.constructor + self.odd["toString"] == 3 && size(self.odd) == 2',
    true,
  ],
  ['self.odd == self.same && has(self.odd.constructor) && self.odd.all(key, self.odd[key] > 0)', true],
  // One side that decides is enough, and comes before an error of the other.
  ['self.none || true', true],
  ['self.none && false', false],
  ['[1, 2].exists(each, each == 2 || self.none)', true],
] as const) {
  test(`${text} is ${JSON.stringify(value)}`, t => {
    if (value === undefined) t.throws(() => valueOfCel(text, SCOPE), {instanceOf: SyntaxError});
    else t.deepEqual(valueOfCel(text, SCOPE), value as never);
  });
}

for (const text of [
  'self.none',
  'self.labels["none"]',
  'self.list[2]',
  'self.none || false',
  'self.none && true',
  '[1].all(each, each == self.none)',
  'self.name.all(each, true)',
  '!self.name',
  'self.size + "a"',
  'self.size < "b"',
  '"abc".substring(4)',
  '"abc".substring(2, 1)',
  'timestamp("yesterday") < timestamp("2026-03-01T12:00:00Z")',
  'self.size.startsWith("3")',
  '1 in self.name',
  'unknown',
]) {
  test(`${text} is an error as with the API server`, t => {
    t.throws(() => valueOfCel(text, SCOPE), {instanceOf: CelError});
  });
}

test('a condition is true or false, and nothing else', t => {
  t.true(holds('self.size == 3', SCOPE));
  t.throws(() => holds('self.size', SCOPE), {instanceOf: CelError});
});

for (const text of ['', '1 +', '(1', '[1', '1 1', 'a.', 'a.1', '"open', '"a\nb"', '#', 'has(a, b', '"\\q"']) {
  test(`${JSON.stringify(text)} is no CEL`, t => {
    t.throws(() => parseCel(text), {instanceOf: SyntaxError});
  });
}

for (const text of [
  'constructor("x")',
  'self.name.hash()',
  'has(self)',
  '[1].map(1, 2)',
  '1 + "a"',
  '1 in "a"',
  '"a" && true',
]) {
  test(`${text} is CEL that the API server takes from nobody, and never passed over`, t => {
    t.throws(() => valueOfCel(text, SCOPE), {instanceOf: SyntaxError});
  });
}
