/** Looks at the CEL rules of a CRD, as the API server does before it stores an object. */
import type {CelRule} from '../../api/schema.ts';
import {CelError, holds} from '../admission/cel-value.ts';
import type {Schema} from './structural.ts';

type RuledSchema = Schema & {readonly 'x-kubernetes-validations'?: readonly CelRule[]};

/**
 * A sentence for each rule that the value breaks, with its path, which is empty for the whole object; the value has every
 * default and fits the schema.
 */
export function ruleProblems(schema: RuledSchema, value: unknown, path: string): string[] {
  if (value === undefined) return [];
  const broken = (schema['x-kubernetes-validations'] ?? []).filter(({rule}) => !isKept(rule, value));
  const own = broken.map(({message}) => (path === '' ? message : `${path}: ${message}`));
  return [...own, ...partProblems(schema, value, path)];
}

function partProblems(schema: RuledSchema, value: unknown, path: string): string[] {
  if (Array.isArray(value))
    return value.flatMap((each, at) => ruleProblems(schema.items ?? {}, each, `${path}[${at}]`));
  if (typeof value !== 'object' || value === null) return [];
  const fields: ReadonlyMap<string, unknown> = new Map(Object.entries(value));
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
    ruleProblems(field, fields.get(name), path === '' ? name : `${path}.${name}`),
  );
}

/** What can't be computed is not kept, as with the API server. */
function isKept(rule: string, self: unknown): boolean {
  try {
    return holds(rule, {self});
  } catch (error) {
    if (error instanceof CelError) return false;
    throw error;
  }
}
