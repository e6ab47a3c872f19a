/** Label selectors, by the API server's meaning. */
import test from 'ava';
import fc from 'fast-check';
import type {LabelSelector} from '../../src/api/leasepolicy.ts';
import {areDisjoint, compileSelector, isEmptySelector, type Labels} from '../../src/core/selector.ts';

const selects = (selector: LabelSelector, labels: Labels) => {
  const matcher = compileSelector(selector, 'selector');
  if (typeof matcher === 'string') throw new Error(matcher);
  return matcher(labels);
};

const one = (key: string, operator: string, ...values: string[]): LabelSelector => ({
  matchExpressions: [values.length > 0 ? {key, operator, values} : {key, operator}],
});

const TABLE: [selector: LabelSelector, labels: Labels, expected: boolean][] = [
  [{}, {}, true],
  [{}, {tier: 'web'}, true],
  [{matchLabels: {}, matchExpressions: []}, {}, true],
  [{matchLabels: {tier: 'web'}}, {tier: 'web', app: 'api'}, true],
  [{matchLabels: {tier: 'web'}}, {tier: 'db'}, false],
  [{matchLabels: {tier: 'web'}}, {}, false],
  [{matchLabels: {tier: ''}}, {}, false],
  [{matchLabels: {tier: ''}}, {tier: ''}, true],
  [{matchLabels: {tier: 'web', app: 'api'}}, {tier: 'web'}, false],
  [one('tier', 'In', 'web', 'db'), {tier: 'db'}, true],
  [one('tier', 'In', 'web', 'db'), {tier: 'cache'}, false],
  [one('tier', 'In', 'web', 'db'), {}, false],
  [one('tier', 'NotIn', 'web', 'db'), {tier: 'db'}, false],
  [one('tier', 'NotIn', 'web', 'db'), {tier: 'cache'}, true],
  [one('tier', 'NotIn', 'web', 'db'), {}, true],
  ...['a.b', ''].flatMap((value): [LabelSelector, Labels, boolean][] => [
    [one('tier', 'In', value), {tier: value}, true],
    [one('tier', 'In', value), {tier: 'web'}, false],
    [one('tier', 'In', value), {}, false],
    [one('tier', 'NotIn', value), {tier: value}, false],
    [one('tier', 'NotIn', value), {tier: 'web'}, true],
    [one('tier', 'NotIn', value), {}, true],
  ]),
  [one('tier', 'Exists'), {tier: ''}, true],
  [one('tier', 'Exists'), {}, false],
  [one('tier', 'DoesNotExist'), {tier: ''}, false],
  [one('tier', 'DoesNotExist'), {}, true],
  [{matchLabels: {app: 'api'}, ...one('tier', 'Exists')}, {app: 'api'}, false],
  ...['constructor', 'toString'].flatMap((key): [LabelSelector, Labels, boolean][] => [
    [{matchLabels: {[key]: 'x'}}, {[key]: 'x'}, true],
    [{matchLabels: {[key]: 'x'}}, {}, false],
    [one(key, 'In', 'x'), {[key]: 'x'}, true],
    [one(key, 'In', 'x'), {}, false],
    [one(key, 'NotIn', 'x'), {[key]: 'x'}, false],
    [one(key, 'NotIn', 'x'), {}, true],
    [one(key, 'Exists'), {[key]: ''}, true],
    [one(key, 'Exists'), {}, false],
    [one(key, 'DoesNotExist'), {[key]: ''}, false],
    [one(key, 'DoesNotExist'), {}, true],
  ]),
  [{matchLabels: {app: 'api'}, ...one('tier', 'Exists')}, {app: 'api', tier: 'web'}, true],
];

for (const [selector, labels, expected] of TABLE) {
  test(`${JSON.stringify(selector)} ${expected ? 'selects' : 'leaves out'} ${JSON.stringify(labels)}`, t => {
    t.is(selects(selector, labels), expected);
  });
}

const PROBLEMS: [selector: LabelSelector, problem: string][] = [
  [one('tier', 'In'), 'selector: tier In needs at least one value'],
  [one('tier', 'NotIn'), 'selector: tier NotIn needs at least one value'],
  [one('tier', 'Exists', 'web'), 'selector: tier Exists takes no values'],
  [one('tier', 'DoesNotExist', 'web'), 'selector: tier DoesNotExist takes no values'],
  [one('a tier', 'Exists'), 'selector: "a tier" is no label key'],
  [one('-tier', 'Exists'), 'selector: "-tier" is no label key'],
  [one('a/b/c', 'Exists'), 'selector: "a/b/c" is no label key'],
  [one('tier', 'In', 'a b'), 'selector: "a b" is no value of label tier'],
  [{matchLabels: {'a b': 'c'}}, 'selector: "a b" is no label key'],
  [{matchLabels: {tier: 'c d'}}, 'selector: "c d" is no value of label tier'],
];

for (const [selector, problem] of PROBLEMS) {
  test(`it is told that ${problem}`, t => {
    t.is(compileSelector(selector, 'selector'), problem);
  });
}

test('a label key may have a domain and capitals', t => {
  t.true(selects(one('app.kubernetes.io/Name_1', 'Exists'), {'app.kubernetes.io/Name_1': ''}));
});

// Selectors that exclude each other

const all = (...list: LabelSelector[]): LabelSelector => ({
  matchExpressions: list.flatMap(each => each.matchExpressions ?? []),
});

const DISJOINT: [a: LabelSelector, b: LabelSelector, expected: boolean][] = [
  [{}, {}, false],
  [{}, {matchLabels: {tier: 'web'}}, false],
  [{matchLabels: {tier: 'web'}}, {matchLabels: {tier: 'web'}}, false],
  [{matchLabels: {tier: 'web'}}, {matchLabels: {tier: 'db'}}, true],
  [{matchLabels: {tier: 'web'}}, {matchLabels: {app: 'db'}}, false],
  [{matchLabels: {tier: 'web', app: 'a'}}, {matchLabels: {tier: 'web', app: 'b'}}, true],
  [one('tier', 'In', 'web', 'db'), one('tier', 'In', 'db', 'cache'), false],
  [one('tier', 'In', 'web', 'db'), one('tier', 'In', 'cache'), true],
  [{matchLabels: {tier: 'web'}}, one('tier', 'In', 'db'), true],
  [one('tier', 'In', 'web'), one('tier', 'NotIn', 'web'), true],
  [one('tier', 'In', 'web', 'db'), one('tier', 'NotIn', 'db', 'web', 'cache'), true],
  [one('tier', 'In', 'web', 'db'), one('tier', 'NotIn', 'db'), false],
  [one('tier', 'NotIn', 'web'), one('tier', 'NotIn', 'db'), false],
  [one('tier', 'Exists'), one('tier', 'DoesNotExist'), true],
  [one('tier', 'Exists'), one('app', 'DoesNotExist'), false],
  [one('tier', 'In', 'web'), one('tier', 'DoesNotExist'), true],
  [{matchLabels: {tier: 'web'}}, one('tier', 'DoesNotExist'), true],
  [one('tier', 'NotIn', 'web'), one('tier', 'DoesNotExist'), false],
  [one('tier', 'NotIn', 'web'), one('tier', 'Exists'), false],
  [one('tier', 'In', 'web'), one('tier', 'Exists'), false],
  [one('tier', 'Exists'), one('tier', 'Exists'), false],
  [one('tier', 'DoesNotExist'), one('tier', 'DoesNotExist'), false],
  [all(one('app', 'Exists'), one('tier', 'Exists')), one('tier', 'DoesNotExist'), true],
  [{matchLabels: {constructor: 'a'}}, {matchLabels: {tier: 'a'}}, false],
];

for (const [a, b, expected] of DISJOINT) {
  const says = expected ? 'exclude each other' : 'may match one object';
  test(`${JSON.stringify(a)} and ${JSON.stringify(b)} ${says}`, t => {
    t.is(areDisjoint(a, b), expected);
    t.is(areDisjoint(b, a), expected);
  });
}

const anyKey = fc.constantFrom('tier', 'app');
const anyValue = fc.constantFrom('a', 'b', 'c');
const anyExpression = fc.oneof(
  fc.record({
    key: anyKey,
    operator: fc.constantFrom('In', 'NotIn'),
    values: fc.uniqueArray(anyValue, {minLength: 1}),
  }),
  fc.record({key: anyKey, operator: fc.constantFrom('Exists', 'DoesNotExist')}),
);
const anySelector: fc.Arbitrary<LabelSelector> = fc.record(
  {
    matchLabels: fc.dictionary(anyKey, anyValue, {maxKeys: 2}),
    matchExpressions: fc.array(anyExpression, {maxLength: 2}),
  },
  {requiredKeys: []},
);

/** Every set of labels with these keys, with a value that no selector names. */
const VALUES = [undefined, 'a', 'b', 'c', 'z'];
const LABEL_SETS = VALUES.flatMap(tier =>
  VALUES.map((app): Labels => ({...(tier ? {tier} : {}), ...(app ? {app} : {})})),
);

test('no labels match two selectors that exclude each other', t => {
  let disjoint = 0;
  const property = fc.property(anySelector, anySelector, (a, b) => {
    if (!areDisjoint(a, b)) return true;
    disjoint += 1;
    return LABEL_SETS.every(labels => !(selects(a, labels) && selects(b, labels)));
  });
  t.notThrows(() => fc.assert(property, {numRuns: 3000}));
  t.true(disjoint > 100, `${disjoint} pairs were disjoint`);
});

test('two selectors of one requirement each exclude each other exactly when no labels match both', t => {
  const single = anyExpression.map((each): LabelSelector => ({matchExpressions: [each]}));
  const property = fc.property(single, single, (a, b) => {
    const both = LABEL_SETS.some(labels => selects(a, labels) && selects(b, labels));
    return areDisjoint(a, b) === !both;
  });
  t.notThrows(() => fc.assert(property, {numRuns: 2000}));
});

test('a selector is empty when it requires nothing', t => {
  for (const empty of [{}, {matchLabels: {}}, {matchLabels: {}, matchExpressions: []}])
    t.true(isEmptySelector(empty));
  for (const given of [{matchLabels: {a: 'b'}}, one('tier', 'Exists')]) t.false(isEmptySelector(given));
});
