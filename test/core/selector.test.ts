/** Label selectors, by the API server's meaning. */
import test from 'ava';
import type {LabelSelector} from '../../src/api/leasepolicy.ts';
import {compileSelector, type Labels} from '../../src/core/selector.ts';

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
