/** Label selectors, compiled once into a predicate. */
import type {LabelSelector} from '../api/leasepolicy.ts';

export type Labels = Readonly<Record<string, string>>;

/** A label's value; a label may be called constructor, which every object inherits. */
export const ownValue = (labels: Labels, key: string) =>
  Object.hasOwn(labels, key) ? labels[key] : undefined;

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
