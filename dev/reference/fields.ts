/** Makes tables for readers from the schema of a resource. */
import {stringify} from 'yaml';
import type {Schema} from '../../src/core/manifest/structural.ts';

/** What a table tells of a schema. */
export type FieldSchema = Omit<Schema, 'properties' | 'patternProperties' | 'items'> & {
  readonly description?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, FieldSchema>>;
  readonly patternProperties?: Readonly<Record<string, FieldSchema>>;
  readonly items?: FieldSchema;
  readonly 'x-kubernetes-validations'?: readonly {readonly message: string}[];
};

type Row = {readonly path: string; readonly schema: FieldSchema; readonly isRequired: boolean};

/** What a table of fields is about: what people write, or what the operator reports. */
export type Audience = 'writers' | 'readers';

/** A row for each field below the schema, in its order. Defaults are for those who write. */
export function fieldTable(schema: FieldSchema, audience: Audience): string {
  const columns = ['field', 'values', ...(audience === 'writers' ? ['default'] : []), 'meaning'];
  const rows = rowsBelow(schema, '').map(row => [
    code(row.path),
    valuesOf(row.schema),
    ...(audience === 'writers' ? [defaultOf(row)] : []),
    marked(row.schema),
  ]);
  return [columns, columns.map(() => '---'), ...rows].map(line).join('\n');
}

const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`.replaceAll('  ', ' ');

/** Each sentence by which the API server refuses what is below the schema, with the field. */
export function ruleList(schema: FieldSchema, at: string): string {
  const own = (schema['x-kubernetes-validations'] ?? []).map(({message}) => `- ${code(at)}: ${message}`);
  const below = childrenOf(schema).flatMap(([suffix, child]) => ruleList(child, at + suffix) || []);
  return [...own, ...below].join('\n');
}

/** The schemas within a schema, each with what it adds to the path. */
function childrenOf({properties, patternProperties, items}: FieldSchema): [string, FieldSchema][] {
  return [
    ...Object.entries(properties ?? {}).map(([key, child]): [string, FieldSchema] => [`.${key}`, child]),
    ...Object.values(patternProperties ?? {}).map((child): [string, FieldSchema] => ['.NAME', child]),
    ...(items ? [['[]', items] as [string, FieldSchema]] : []),
  ];
}

function rowsBelow(schema: FieldSchema, above: string): Row[] {
  return childrenOf(schema).flatMap(([suffix, child]) => {
    const path = (above + suffix).replace(/^\./, '');
    const isRequired = schema.required?.includes(suffix.slice(1)) === true && child.default === undefined;
    // The values of a map or a list are told of by the map or the list.
    const own = suffix.startsWith('.') && suffix !== '.NAME' ? [{path, schema: child, isRequired}] : [];
    return [...own, ...(isSelector(child) ? [] : rowsBelow(child, path))];
  });
}

const isSelector = ({properties}: FieldSchema) => properties?.matchExpressions !== undefined;

function valuesOf(schema: FieldSchema): string {
  if (isSelector(schema)) return 'selector';
  if (schema.enum) return schema.enum.map(each => code(yaml(each))).join(', ');
  switch (schema.type) {
    case 'integer':
      return schema.maximum === undefined ? 'number' : `${schema.minimum} to ${schema.maximum}`;
    case 'boolean':
      return '`true`, `false`';
    case 'array':
      return `list${bounds(schema.minItems, schema.maxItems)}`;
    case 'string':
      return schema.format === 'date-time' ? 'time' : `text${bounds(schema.minLength, schema.maxLength)}`;
    default:
      return schema.patternProperties ? `map${bounds(undefined, schema.maxProperties)}` : '';
  }
}

function bounds(least: number | undefined, most: number | undefined): string {
  if (most === undefined) return '';
  return least === undefined ? `, at most ${most}` : `, ${least} to ${most}`;
}

function defaultOf({schema, isRequired}: Row): string {
  if (isRequired) return '(required)';
  const isGroup = schema.properties !== undefined && !isSelector(schema);
  return schema.default === undefined || isGroup ? '' : code(yaml(schema.default));
}

/** As kubectl reads it, in which a bare Off is false; in one line. */
const yaml = (value: unknown) =>
  stringify(value, {
    version: '1.1',
    collectionStyle: 'flow',
    flowCollectionPadding: false,
    lineWidth: 0,
  }).trim();

const code = (text: string) => `\`${text}\``;

/** What is to be typed or is a name in the API. */
const TERMS = /"[^"]+"|\{[^}]+\}|\b[a-zA-Z]+(?:\.[a-zA-Z]+)+\b|\bkube-[a-z-]+\b|\blabel:KEY\b/g;

/** The description, in which values and other terms are set as code. */
function marked({description = '', enum: values = [], items}: FieldSchema): string {
  const named = [...values, ...(items?.enum ?? [])].map(String);
  const text = description.replaceAll(TERMS, code).replaceAll('|', '\\|');
  return named.reduce(
    (rest, value) => rest.replaceAll(new RegExp(`(?<![\\w\`])${value}(?=[:, ]| and )`, 'g'), code(value)),
    text,
  );
}
