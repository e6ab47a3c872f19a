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
    tests.push(labels => ownValue(labels, key) === value);
  }
  for (const {key, operator, values = []} of selector.matchExpressions ?? []) {
    const takesValues = operator === 'In' || operator === 'NotIn';
    if (takesValues && values.length === 0) return `${where}: ${key} ${operator} needs at least one value`;
    if (!takesValues && values.length > 0) return `${where}: ${key} ${operator} takes no values`;
    if (!LABEL_KEY.test(key)) return `${where}: "${key}" is no label key`;
    tests.push(expression(key, operator, values));
  }
  return labels => tests.every(test => test(labels));
}

const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

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
