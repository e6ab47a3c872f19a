/** Label selectors as kubectl takes them: team=payments,tier!=db,env in (a, b),!legacy. */
import type {LabelSelector} from '../api/leasepolicy.ts';
import {compileSelector, type Matcher} from './selector.ts';

type Expression = NonNullable<LabelSelector['matchExpressions']>[number];

/** A predicate, or a sentence that says what can't be read. */
export function parseSelector(text: string): Matcher | string {
  const expressions: Expression[] = [];
  for (const part of text.split(/,(?![^(]*\))/).map(each => each.trim())) {
    const parsed = requirement(part);
    if (parsed === undefined) return `"${part}" is no requirement of a label`;
    expressions.push(parsed);
  }
  return compileSelector({matchExpressions: expressions}, 'selector');
}

const SET = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/;
const EQUALITY = /^([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)$/;
const EXISTENCE = /^(!?)\s*([^\s=!()]+)$/;

function requirement(text: string): Expression | undefined {
  const [, setKey, operator, list = ''] = SET.exec(text) ?? [];
  if (setKey !== undefined) {
    const values = list.split(',').map(each => each.trim());
    return {key: setKey, operator: operator === 'in' ? 'In' : 'NotIn', values};
  }
  const [, key, sign, value = ''] = EQUALITY.exec(text) ?? [];
  if (key !== undefined) return {key, operator: sign === '!=' ? 'NotIn' : 'In', values: [value]};
  const [, not, name] = EXISTENCE.exec(text) ?? [];
  return name === undefined ? undefined : {key: name, operator: not === '!' ? 'DoesNotExist' : 'Exists'};
}
