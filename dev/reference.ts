/**
 * Writes the tables of fields in docs/policy.md from the schemas in src/api; with --check it only says whether they are in
 * step. What stands between the tables is written by hand.
 */
import {readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {leasePolicySchema} from '../src/api/leasepolicy.ts';
import {leaseRegistrySchema} from '../src/api/leaseregistry.ts';
import {FINDING_REASONS} from '../src/core/lease/finding.ts';
import {ROOT} from './programs.ts';
import {type FieldSchema, fieldTable, ruleList} from './reference/fields.ts';

const PAGE = 'docs/policy.md';
const SCHEMAS = {LeasePolicy: leasePolicySchema, LeaseRegistry: leaseRegistrySchema};
/** Such as `fields of LeasePolicy spec.naming`; what the operator reports is no field to be written. */
const PLACE =
  /(<!-- (fields|reports|refusals) of (\w+) ([\w.]+): written by `make reference` from src\/api -->\n).*?(<!-- end of the \2 -->)/gs;

function withTables(page: string): string {
  return page.replace(PLACE, (_, begin, what, kind, at, end) => {
    const schema = schemaAt(kind, at);
    const text =
      what === 'refusals'
        ? ruleList(schema, at)
        : fieldTable(schema, what === 'fields' ? 'writers' : 'readers');
    return `${begin}${linked(text)}\n${end}`;
  });
}

function schemaAt(kind: keyof typeof SCHEMAS, at: string): FieldSchema {
  let schema: FieldSchema | undefined = JSON.parse(JSON.stringify(SCHEMAS[kind]));
  for (const key of at.split('.')) schema = schema?.properties?.[key];
  if (!schema) throw new Error(`${PAGE}: ${kind} has no ${at}`);
  return schema;
}

/** With each finding as a link to what can be done. */
const linked = (text: string) =>
  FINDING_REASONS.reduce(
    (rest, reason) =>
      rest.replaceAll(
        new RegExp(`\\b${reason}\\b`, 'g'),
        `[\`${reason}\`](findings.md#${reason.toLowerCase()})`,
      ),
    text,
  );

const file = path.join(ROOT, PAGE);
const page = readFileSync(file, 'utf8');
const wanted = withTables(page);
if (!process.argv.includes('--check')) {
  writeFileSync(file, wanted);
} else if (page !== wanted) {
  process.stderr.write(`${PAGE} is not in step with src/api: run make reference\n`);
  process.exitCode = 1;
}
