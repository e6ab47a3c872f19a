/** A chart computes the names that the operator gives, whatever the policy's naming is, or says why there is none. */
import {writeFile} from 'node:fs/promises';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import fc from 'fast-check';
import {type NameParts, type Naming, nameOf, parseTemplate} from '../../src/core/naming/name.ts';
import golden from '../golden/names.json' with {type: 'json'};
import {helm, objectsIn} from '../support/helm.ts';
import {productChart, type Way} from '../support/lease-name-chart.ts';

/** What is given to the helper: fields of the naming and of the subject. */
type Given = Record<string, unknown>;

const TEMPLATE = `
kind: Names
metadata: {name: names}
names:
{{- range .Values.given }}
  - {{ include "leasepolicy.leaseName" . | quote }}
{{- end }}
`;

/** The names of many subjects, by one call of helm; or its complaint. */
async function namesBy(t: ExecutionContext, way: Way, given: readonly Given[]) {
  const chart = await productChart(t, way, {'names.yaml': TEMPLATE});
  await writeFile(path.join(chart, 'values.yaml'), JSON.stringify({given}));
  const {code, stdout, stderr} = await helm(['template', 'product', chart]);
  return code === 0 ? {names: objectsIn(stdout)[0]?.names as string[]} : {complaint: stderr};
}

for (const way of ['dependency', 'copy'] as const) {
  test(`by a ${way}, a chart computes every published name`, async t => {
    const given = golden.vectors.map(({naming, subject}) => ({...naming, ...subject}));
    const {names, complaint} = await namesBy(t, way, given);
    t.is(complaint, undefined);
    t.true(given.length > 20);
    t.deepEqual(
      names,
      golden.vectors.map(({expected}) => expected),
    );
  });
}

test('a chart computes the name that the operator computes', async t => {
  const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/);
  const part = fc.constantFrom('kind', 'namespace', 'name', 'label:app.kubernetes.io/component');
  const arbitrary = fc.record({
    prefix: label,
    template: fc.constantFrom(
      '{prefix}-{hash}',
      '{kind}.{namespace}.{hash}',
      'a-{hash}-{hash}',
      '{prefix}.{name}',
    ),
    hash: fc
      .tuple(fc.constantFrom('Hex', 'Base32', 'Safe'), fc.integer({min: 6, max: 52}))
      .chain(([encoding, length]) =>
        fc.record({
          of: fc.uniqueArray(part, {minLength: 1}),
          algorithm: fc.constant('SHA256'),
          encoding: fc.constant(encoding),
          length: fc.constant(length),
        }),
      ),
    kind: fc.constantFrom('Deployment', 'StatefulSet', 'Rollout'),
    namespace: label,
    name: label,
    labels: fc.record({
      'app.kubernetes.io/component': fc.stringMatching(/^[A-Za-z0-9]([-_.A-Za-z0-9]{0,9}[A-Za-z0-9])?$/),
    }),
  });
  const given = fc.sample(arbitrary, 300);
  const {names, complaint} = await namesBy(t, 'copy', given);
  t.is(complaint, undefined);
  t.deepEqual(
    names?.map(name => ({name})),
    given.map(({prefix, template, hash, ...subject}) =>
      nameOf({prefix, tokens: parseTemplate(template), hash} as Naming, subject as NameParts),
    ),
  );
});

test('only the prefix and the name have to be given', async t => {
  const given = [
    {prefix: 'payments', name: 'api'},
    {
      prefix: 'payments',
      name: 'api',
      hash: {of: ['kind', 'namespace', 'name']},
      kind: 'Deployment',
      namespace: 'shop',
    },
    {prefix: 'payments', name: 'api', hash: {length: 12}},
  ];
  const {names} = await namesBy(t, 'copy', given);
  t.deepEqual(names, ['payments-14c2529eb4', 'payments-d381c6448b', 'payments-14c2529eb449']);
});

const NO_NAME: [given: Given, sentence: string][] = [
  [{name: 'api'}, 'the name needs prefix, and it is not given or empty'],
  [{prefix: 'payments'}, 'the name needs name, and it is not given or empty'],
  [{prefix: 'payments', name: ''}, 'the name needs name, and it is not given or empty'],
  [
    {prefix: 'payments', name: 'api', hash: {of: ['namespace', 'name']}},
    'the name needs namespace, and it is not given or empty',
  ],
  [
    {prefix: 'payments', name: 'api', hash: {of: ['label:tier']}},
    'the name needs label:tier, and it is not given or empty',
  ],
  [
    {prefx: 'payments', name: 'api'},
    'there is no prefx; write prefix, template, hash, name, kind, namespace, labels',
  ],
  [
    {prefix: 'payments', name: 'api', hash: {lenght: 12}},
    'there is no lenght; write of, algorithm, encoding, length',
  ],
  [
    {prefix: 'payments', name: 'api', hash: {encoding: 'Base64'}},
    'there is no encoding Base64; write Hex, Base32 or Safe',
  ],
  [
    {prefix: 'payments', name: 'api', template: '{prefix}-{nmae}'},
    'there is no variable nmae; write prefix, kind, namespace, name, hash or label:KEY',
  ],
  [{prefix: 'Payments', name: 'api'}, '"Payments-14c2529eb4" is no valid name of a Lease'],
  [
    {prefix: 'payments', name: 'a'.repeat(250), template: '{prefix}-{name}'},
    'the name of the Lease would have 259 characters and 253 are allowed: use {hash}',
  ],
];
for (const [given, sentence] of NO_NAME) {
  test(`${JSON.stringify(given).slice(0, 80)} gives no name, but a sentence`, async t => {
    const {complaint = ''} = await namesBy(t, 'copy', [given]);
    t.true(complaint.includes(`leasepolicy.leaseName: ${sentence}`), complaint);
  });
}
