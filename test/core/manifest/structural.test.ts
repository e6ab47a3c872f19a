/** Defaults and problems of specs that no API server has seen, against the schema of the CRD. */
import test from 'ava';
import fc from 'fast-check';
import {leasePolicySpecSchema} from '../../../src/api/leasepolicy.ts';
import {isSpec} from '../../../src/core/manifest/spec-form.ts';
import {problemsOf, type Schema, withDefaults} from '../../../src/core/manifest/structural.ts';

const SPEC = leasePolicySpecSchema as unknown as Schema;
const MINIMAL = {subjects: {workloads: {}}, naming: {prefix: 'payments'}};

const problems = (spec: unknown) => problemsOf(SPEC, withDefaults(SPEC, spec), 'spec');

test('the smallest spec becomes whole', t => {
  const spec = withDefaults(SPEC, MINIMAL);
  t.true(isSpec(spec));
  t.like(spec, {
    subjects: {workloads: {kinds: [{apiVersion: 'apps/v1', kind: 'Deployment'}], selector: {}}},
    naming: {template: '{prefix}-{hash}', hash: {of: ['name'], encoding: 'Hex', length: 10}},
    lease: {create: true, durationSeconds: 15, namespace: ''},
    garbageCollection: {mode: 'Managed', ttlSeconds: 3600},
  });
  t.deepEqual(problems(MINIMAL), []);
});

test('what is written stays, also inside of lists, and the given is not changed', t => {
  const given = {subjects: {workloads: {kinds: [{kind: 'Job'}]}}, naming: {prefix: 'a', hash: {length: 20}}};
  const before = structuredClone(given);
  t.like(withDefaults(SPEC, given), {
    subjects: {workloads: {kinds: [{apiVersion: 'apps/v1', kind: 'Job'}]}},
    naming: {hash: {length: 20, of: ['name']}},
  });
  t.deepEqual(given, before);
});

for (const [spec, ...sentences] of [
  [undefined, 'spec: it is missing, write a map of fields'],
  ['text', 'spec: it is "text", write a map of fields'],
  [{...MINIMAL, namin: {}}, /^spec\.namin: there is no such field, only subjects, naming, /],
  [{...MINIMAL, naming: {}}, 'spec.naming.prefix: it is missing'],
  [{...MINIMAL, lease: {create: 'yes'}}, 'spec.lease.create: it is "yes", write true or false'],
  [
    {...MINIMAL, lease: {durationSeconds: 0}},
    'spec.lease.durationSeconds: it is 0, write a whole number, 1 to 86400',
  ],
  [
    {...MINIMAL, enforcement: {holders: false}},
    'spec.enforcement.holders: it is false, write one of Off, Audit, Warn, Deny',
  ],
  [{...MINIMAL, naming: {prefix: 7}}, 'spec.naming.prefix: it is 7, write a text (in quotes, if need be)'],
  [
    {...MINIMAL, subjects: {workloads: {kinds: []}}},
    'spec.subjects.workloads.kinds: it has 0 entries, write 1 to 16',
  ],
  [
    {...MINIMAL, naming: {prefix: 'a'.repeat(64)}},
    'spec.naming.prefix: it has 64 characters, write at most 63',
  ],
  [
    {...MINIMAL, subjects: {components: [{namespace: 'a'}, 'b']}},
    'spec.subjects.components[0].name: it is missing',
    'spec.subjects.components[1]: it is "b", write a map of fields',
  ],
  [
    {...MINIMAL, lease: {labels: {team: 7}}},
    'spec.lease.labels.team: it is 7, write a text (in quotes, if need be)',
  ],
] as [unknown, ...(string | RegExp)[]][]) {
  test(`told with its path: ${String(sentences[0])}`, t => {
    const found = problems(spec);
    t.is(found.length, sentences.length, found.join('\n'));
    for (const [at, sentence] of sentences.entries()) {
      if (typeof sentence === 'string') t.is(found[at], sentence);
      else t.regex(found[at] ?? '', sentence);
    }
  });
}

/** Each field of a value, with the fields that lead to it. */
function* pathsIn(value: unknown, path: string[] = []): Generator<string[]> {
  if (path.length > 0) yield path;
  if (typeof value !== 'object' || value === null) return;
  for (const [name, field] of Object.entries(value)) yield* pathsIn(field, [...path, name]);
}

function put(value: unknown, [name = '', ...rest]: readonly string[], content: unknown): void {
  const fields = value as Record<string, unknown>;
  if (rest.length > 0) put(fields[name], rest, content);
  else fields[name] = content;
}

const WHOLE = withDefaults(SPEC, {
  ...MINIMAL,
  enforcement: {exempt: [{namespace: '*', name: 'a', reason: 'b', until: '2027-01-01T00:00:00Z'}]},
});

test('whatever has no problem has the form that the operator takes', t => {
  let fits = 0;
  const contents = fc.oneof(
    fc.anything(),
    fc.constantFrom('Deny', 'Off', '*', 15, 1, true, false, [], {}, undefined),
  );
  const property = fc.property(fc.constantFrom(...pathsIn(WHOLE)), contents, (path, content) => {
    const spec = structuredClone(WHOLE);
    put(spec, path, content);
    const given = withDefaults(SPEC, spec);
    if (problemsOf(SPEC, given, 'spec').length > 0) return;
    fits += 1;
    t.true(isSpec(given), JSON.stringify(given));
  });
  fc.assert(property, {numRuns: 1000});
  t.true(fits > 50, `${fits}`);
});
