/** Label selectors, compiled once into a predicate. */
import type {LabelSelector} from '../api/leasepolicy.ts';

export type Labels = Readonly<Record<string, string>>;

/** A label's value; a label may be called constructor, which every object inherits. */
export const ownValue = (labels: Labels, key: string) =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;

export function sameLabels(a: Labels, b: Labels): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every(key => a[key] === b[key]);
}

/** The label by which a selector can name a namespace. */
export const NAMESPACE_NAME = 'kubernetes.io/metadata.name';

/** The API server gives each namespace the label of its name, whatever is written. */
export const labelsOfNamespace = (name: string, written: Labels = {}): Labels => ({
  ...written,
  [NAMESPACE_NAME]: name,
});

export type Matcher = (labels: Labels) => boolean;

/** A predicate with the API server's meaning, or a sentence that says why the selector can't be parsed. */
export function compileSelector(selector: LabelSelector, where: string): Matcher | string {
  const tests: Matcher[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    const problem = labelProblem(key, [value]);
    if (problem) return `${where}: ${problem}`;
    tests.push(labels => ownValue(labels, key) === value);
  }
  for (const {key, operator, values = []} of selector.matchExpressions ?? []) {
    const takesValues = operator === 'In' || operator === 'NotIn';
    if (takesValues && values.length === 0) return `${where}: ${key} ${operator} needs at least one value`;
    if (!takesValues && values.length > 0) return `${where}: ${key} ${operator} takes no values`;
    const problem = labelProblem(key, values);
    if (problem) return `${where}: ${problem}`;
    tests.push(expression(key, operator, values));
  }
  return labels => tests.every(test => test(labels));
}

const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** Why the API server would not take this label, or undefined. */
export function labelProblem(key: string, values: readonly string[]): string | undefined {
  if (!LABEL_KEY.test(key)) return `"${key}" is no label key`;
  const wrong = values.find(value => !LABEL_VALUE.test(value));
  return wrong === undefined ? undefined : `"${wrong}" is no value of label ${key}`;
}

function expression(key: string, operator: string, values: readonly string[]): Matcher {
  switch (operator) {
    case 'In':
      return labels => Object.hasOwn(labels, key) && values.includes(labels[key] ?? '');
    case 'NotIn':
      return labels => !Object.hasOwn(labels, key) || !values.includes(labels[key] ?? '');
    case 'Exists':
      return labels => Object.hasOwn(labels, key);
    default:
      return labels => !Object.hasOwn(labels, key);
  }
}

export const isEmptySelector = ({matchLabels = {}, matchExpressions = []}: LabelSelector) =>
  Object.keys(matchLabels).length === 0 && matchExpressions.length === 0;

type Requirement = {key: string; operator: string; values: readonly string[]};

function requirements({matchLabels = {}, matchExpressions = []}: LabelSelector): Requirement[] {
  return [
    ...Object.entries(matchLabels).map(([key, value]) => ({key, operator: 'In', values: [value]})),
    ...matchExpressions.map(({key, operator, values = []}) => ({key, operator, values})),
  ];
}

/** Whether the selectors themselves show that no object can match both; false when that depends on the objects. */
export function areDisjoint(a: LabelSelector, b: LabelSelector): boolean {
  return requirements(a).some(left => requirements(b).some(right => contradict(left, right)));
}

function contradict(a: Requirement, b: Requirement): boolean {
  if (a.key !== b.key) return false;
  const [first, second] = a.operator <= b.operator ? [a, b] : [b, a];
  // In alphabetical order: DoesNotExist, Exists, In, NotIn.
  switch (`${first.operator} ${second.operator}`) {
    case 'DoesNotExist Exists':
    case 'DoesNotExist In':
      return true;
    case 'In In':
      return first.values.every(value => !second.values.includes(value));
    case 'In NotIn':
      return first.values.every(value => second.values.includes(value));
    default:
      return false;
  }
}
