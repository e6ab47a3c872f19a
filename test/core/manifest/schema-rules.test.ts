/** What the API server would refuse of a policy by the rules of its CRD, told without one. */
import test from 'ava';
import {resources} from '../../../src/api/crd.ts';
import type {CelRule} from '../../../src/api/schema.ts';
import {parseCel} from '../../../src/core/admission/cel-value.ts';
import {manifestOf, rulesOf} from '../../../src/core/manifest/manifest.ts';

/** Every rule of every schema, wherever it stands. */
function* rulesIn(schema: unknown): Generator<CelRule> {
  if (typeof schema !== 'object' || schema === null) return;
  for (const [key, value] of Object.entries(schema)) {
    if (key === 'x-kubernetes-validations') yield* value as CelRule[];
    else yield* rulesIn(value);
  }
}

test('every rule of the CRDs is understood', t => {
  const rules = resources.flatMap(({schema}) => [...rulesIn(schema)]);
  t.true(rules.length > 25);
  for (const {rule} of rules) t.notThrows(() => parseCel(rule), rule);
});

const problemsOf = (spec: object, name = 'payments') => {
  const manifest = manifestOf({
    apiVersion: 'leasepolicy.dev/v1alpha1',
    kind: 'LeasePolicy',
    metadata: {name},
    spec,
  });
  if (typeof manifest === 'string') throw new Error(manifest);
  const rules = rulesOf(manifest);
  return Array.isArray(rules) ? rules : [];
};

const workloads = (rest: object = {}, naming: object = {}) => ({
  subjects: {workloads: {}},
  naming: {prefix: 'payments', ...naming},
  ...rest,
});

test('a policy that the API server takes has no problem', t => {
  t.deepEqual(problemsOf(workloads()), []);
  t.deepEqual(problemsOf({subjects: {nodes: {}}}), []);
});

for (const [spec, sentence] of [
  [workloads({}, {prefix: 'Pay'}), /^spec\.naming\.prefix: prefix must be a DNS label/],
  [
    workloads({}, {template: '{prefix}'}),
    /^spec\.naming\.template: template could give two subjects one Lease/,
  ],
  [
    workloads({}, {template: '{prefix}-{node}-{hash}'}),
    /^spec\.naming\.template: template has only lower-case/,
  ],
  [workloads({}, {hash: {of: ['name', 'name']}}), /^spec\.naming\.hash\.of: hash\.of names a part twice/],
  [workloads({}, {hash: {of: ['uid']}}), /^spec\.naming\.hash\.of\[0\]: a part of hash\.of is one of/],
  [
    workloads({}, {hash: {encoding: 'Base32', length: 60}}),
    /^spec\.naming\.hash: a SHA-256 in Base32 has 52/,
  ],
  [
    workloads({lease: {namespace: 'leases'}}),
    /^spec: lease\.namespace collects the Leases of many namespaces/,
  ],
  [workloads({lease: {durationSeconds: 5000}}), /^spec: .*lease\.durationSeconds is/],
  [
    workloads({enforcement: {durationSeconds: {min: 9, max: 3}}}),
    /^spec\.enforcement\.durationSeconds: .*min is above max/,
  ],
  [
    workloads({injection: {mode: 'Env', nameEnv: 'A', namespaceEnv: 'A'}}),
    /^spec\.injection: .*are one variable/,
  ],
  [
    workloads({enforcement: {exempt: [{namespace: 'a*', name: 'b', reason: 'c'}]}}),
    /^spec\.enforcement\.exempt\[0\]\.namespace: /,
  ],
  [{subjects: {nodes: {}, apiServers: {}}}, /^spec\.subjects: subjects has exactly one of/],
  [{subjects: {nodes: {}}, naming: {prefix: 'a'}}, /^spec: naming is for workloads/],
  [{subjects: {nodes: {}}, enforcement: {names: 'Deny'}}, /^spec: what Kubernetes writes is never refused/],
  [
    {subjects: {apiServers: {}}, garbageCollection: {mode: 'All'}},
    /^spec: the API server deletes the Leases of API servers/,
  ],
] as const) {
  test(`it is told: ${String(sentence)}`, t => {
    const problems = problemsOf(spec);
    t.true(
      problems.some(each => sentence.test(each)),
      problems.join('\n'),
    );
  });
}

test('the name of a policy has its limit too', t => {
  t.deepEqual(problemsOf(workloads(), 'a'.repeat(64)), [
    'the name of a LeasePolicy is written into labels: use at most 63 characters',
  ]);
});
