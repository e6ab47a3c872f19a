/** Does with a value what the API server does by the schema of a CRD: fills in defaults, and tells what does not fit. */
import {type Fields, isFields} from '../fields.ts';

/** The part of JSON schema that src/api uses. */
export type Schema = {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly nullable?: boolean;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly default?: unknown;
};

const own = (value: Fields, name: string): unknown => (Object.hasOwn(value, name) ? value[name] : undefined);

/** The schema of each value of a map, where the object is one. */
const valuesOf = (schema: Schema): Schema | undefined => Object.values(schema.patternProperties ?? {})[0];

/** A copy in which every field has its default; what does not fit stays as it is, for `problemsOf`. */
export function withDefaults(schema: Schema, given: unknown): unknown {
  const value = given === undefined ? structuredClone(schema.default) : given;
  if (Array.isArray(value)) return value.map(each => withDefaults(schema.items ?? {}, each));
  if (!isFields(value)) return value;
  const filled: Record<string, unknown> = {...value};
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const content = withDefaults(field, own(value, name) ?? undefined);
    if (content !== undefined) filled[name] = content;
    // The API server drops a null.
    else delete filled[name];
  }
  return filled;
}

/** A sentence for each field that the schema refuses, with its path; nothing when the value fits. */
export function problemsOf(schema: Schema, value: unknown, path: string): string[] {
  if (schema.nullable && value === null) return [];
  if (schema.enum && !schema.enum.includes(value))
    return [`${path}: it is ${textOf(value)}, write one of ${schema.enum.join(', ')}`];
  switch (schema.type) {
    case 'object':
      return objectProblems(schema, value, path);
    case 'array':
      return arrayProblems(schema, value, path);
    case 'string':
      return stringProblems(schema, value, path);
    case 'integer':
      return integerProblems(schema, value, path);
    case 'boolean':
      return typeof value === 'boolean' ? [] : [`${path}: it is ${textOf(value)}, write true or false`];
    default:
      return [];
  }
}

function textOf(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

function objectProblems(schema: Schema, value: unknown, path: string): string[] {
  if (!isFields(value)) return [`${path}: it is ${textOf(value)}, write a map of fields`];
  const {properties = {}, required = [], maxProperties = Number.POSITIVE_INFINITY} = schema;
  const values = valuesOf(schema);
  const names = Object.keys(value);
  if (names.length > maxProperties)
    return [`${path}: it has ${names.length} fields, at most ${maxProperties}`];
  const missing = required.filter(name => own(value, name) === undefined);
  return [
    ...missing.map(name => `${path}.${name}: it is missing`),
    ...names.flatMap(name => {
      const field = Object.hasOwn(properties, name) ? properties[name] : values;
      if (!field)
        return [`${path}.${name}: there is no such field, only ${Object.keys(properties).join(', ')}`];
      return problemsOf(field, value[name], `${path}.${name}`);
    }),
  ];
}

function arrayProblems(schema: Schema, value: unknown, path: string): string[] {
  if (!Array.isArray(value)) return [`${path}: it is ${textOf(value)}, write a list`];
  const {items = {}, minItems = Number.NEGATIVE_INFINITY, maxItems = Number.POSITIVE_INFINITY} = schema;
  if (value.length < minItems || value.length > maxItems)
    return [`${path}: it has ${value.length} entries, write ${range(minItems, maxItems)}`];
  return value.flatMap((each, at) => problemsOf(items, each, `${path}[${at}]`));
}

function stringProblems(schema: Schema, value: unknown, path: string): string[] {
  if (typeof value !== 'string')
    return [`${path}: it is ${textOf(value)}, write a text (in quotes, if need be)`];
  const {minLength = Number.NEGATIVE_INFINITY, maxLength = Number.POSITIVE_INFINITY} = schema;
  if (value.length >= minLength && value.length <= maxLength) return [];
  return [`${path}: it has ${value.length} characters, write ${range(minLength, maxLength)}`];
}

function integerProblems(schema: Schema, value: unknown, path: string): string[] {
  const {minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY} = schema;
  const fits = Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum;
  return fits ? [] : [`${path}: it is ${textOf(value)}, write a whole number, ${range(minimum, maximum)}`];
}

function range(least: number, most: number): string {
  if (!Number.isFinite(most)) return Number.isFinite(least) ? `at least ${least}` : 'any';
  return Number.isFinite(least) ? `${least} to ${most}` : `at most ${most}`;
}
