/** The reference of fields tells what the schema says, of each field of both resources. */
import test from 'ava';
import {type FieldSchema, fieldTable, ruleList} from '../../dev/reference/fields.ts';
import {leasePolicySchema} from '../../src/api/leasepolicy.ts';
import {leaseRegistrySchema} from '../../src/api/leaseregistry.ts';

const schema: FieldSchema = {
  type: 'object',
  required: ['mode', 'name', 'of'],
  properties: {
    mode: {
      type: 'string',
      enum: ['Off', 'All'],
      default: 'Off',
      description: 'Off: nothing | All: {prefix}.',
    },
    name: {type: 'string', minLength: 1, maxLength: 63, description: 'As in spec.name, or "*".'},
    of: {
      type: 'array',
      maxItems: 8,
      default: [],
      description: 'Parts.',
      items: {
        type: 'object',
        properties: {count: {type: 'integer', minimum: 1, maximum: 9, description: 'How many.'}},
        'x-kubernetes-validations': [{message: 'write less'}],
      },
    },
    labels: {type: 'object', patternProperties: {'.*': {type: 'string'}}, description: 'Texts.'},
  },
  'x-kubernetes-validations': [{message: 'write more'}],
};

test('a table has the values, the default and the meaning of each field', t => {
  t.is(
    fieldTable(schema, 'writers'),
    `| field | values | default | meaning |
| --- | --- | --- | --- |
| \`mode\` | \`"Off"\`, \`All\` | \`"Off"\` | \`Off\`: nothing \\| \`All\`: \`{prefix}\`. |
| \`name\` | text, 1 to 63 | (required) | As in \`spec.name\`, or \`"*"\`. |
| \`of\` | list, at most 8 | \`[]\` | Parts. |
| \`of[].count\` | 1 to 9 | | How many. |
| \`labels\` | map | | Texts. |`,
  );
});

test('what the operator reports has no defaults', t => {
  const [head, , first] = fieldTable(schema, 'readers').split('\n');
  t.is(head, '| field | values | meaning |');
  t.is(first, '| `mode` | `"Off"`, `All` | `Off`: nothing \\| `All`: `{prefix}`. |');
});

test('a list has each sentence of refusal, with its field', t => {
  t.is(ruleList(schema, 'spec'), '- `spec`: write more\n- `spec.of[]`: write less');
});

for (const [kind, resource] of Object.entries({
  LeasePolicy: leasePolicySchema,
  LeaseRegistry: leaseRegistrySchema,
}))
  test(`each field of a ${kind} says what it means`, t => {
    const whole = JSON.parse(JSON.stringify(resource)) as FieldSchema;
    const rows = fieldTable(whole, 'readers')
      .split('\n')
      .slice(2)
      .filter(row => !row.startsWith('| `metadata'));
    t.true(rows.length > 10);
    for (const row of rows) t.regex(row, /\S\. \|$/, row);
  });
