/** Policies: whatever comes in gives rules or sentences, and rules have an answer for every subject. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {Compile} from 'typebox/compile';
import {type LeasePolicySpec, leasePolicySpecSchema} from '../../src/api/leasepolicy.ts';
import {isSpec} from '../../src/core/manifest/spec-form.ts';
import type {NameParts} from '../../src/core/naming/name.ts';
import {compile, exemption, type Rules, sharedVariable} from '../../src/core/naming/rules.ts';
import {
  compileSystem,
  isOfWorkloads,
  listsLease,
  type SystemRules,
} from '../../src/core/naming/system-rules.ts';
import {areDisjoint, compileSelector} from '../../src/core/selector.ts';
import {InForce} from '../../src/world/in-force.ts';
import type {PolicyRow} from '../../src/world/project.ts';
import {
  anyJson,
  anyJsonText,
  anyKind,
  anyLabel,
  anyLabels,
  anyName,
  anySpec,
  anyText,
  anyWorkloadSpec,
  damaged,
  NOW,
} from './arbitraries.ts';
import {forAll} from './property.ts';

const NAME = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

const anySubject = fc.record({kind: anyKind, namespace: anyLabel, name: anyName, labels: anyLabels});
/** What no API server lets through. */
const anyTexts = fc.record({
  kind: anyText,
  namespace: anyText,
  name: anyText,
  labels: fc.dictionary(fc.constantFrom('app.io/tier', 'team'), anyText),
});

const isSentences = (problems: readonly string[]) =>
  problems.length > 0 && problems.every(each => typeof each === 'string' && /\S/.test(each));

const compiled = (spec: LeasePolicySpec) =>
  isOfWorkloads(spec) ? compile('p', 1, spec) : compileSystem('p', 1, spec);

forAll('a policy gives rules or sentences', [anySpec], spec => {
  assert.ok(isSpec(spec));
  const result = compiled(spec);
  assert.ok(!Array.isArray(result) || isSentences(result));
});

const schema = Compile(leasePolicySpecSchema);

forAll('what the schema lets through has the form that is asked for', [damaged(anySpec)], spec => {
  // The library's pattern for the keys of a map knows no line breaks, and so lets any value through behind them.
  if (JSON.stringify(spec)?.includes('\\n')) return;
  assert.ok(!schema.Check(spec) || isSpec(spec));
});

forAll('what has the form gives rules or sentences', [damaged(anySpec)], spec => {
  if (!isSpec(spec)) return;
  const result = compiled(spec);
  if (Array.isArray(result)) assert.ok(isSentences(result));
  else isUsable(result);
});

forAll('anything has the form of a spec or has not', [anyJson], value => {
  assert.equal(typeof isSpec(value), 'boolean');
});

forAll('rules have an answer for every subject', [anyWorkloadSpec, anySubject], (spec, subject) => {
  const rules = compile('p', 1, spec);
  if (Array.isArray(rules)) return;
  hasAnswers(rules, subject);
  const result = rules.nameOf(subject);
  if ('name' in result) assert.ok(rules.bears(result.name), `${result.name} is not known again`);
});

forAll('rules have an answer for what is no subject', [anyWorkloadSpec, anyTexts], (spec, subject) => {
  const rules = compile('p', 1, spec);
  if (!Array.isArray(rules)) hasAnswers(rules, subject);
});

function hasAnswers(rules: Rules, subject: NameParts): void {
  const {namespace, name, labels} = subject;
  assert.equal(typeof rules.governsNamespace(namespace, labels), 'boolean');
  assert.ok(!rules.governsNamespace('kube-node-lease', labels));
  assert.equal(typeof rules.selectsWorkload(labels), 'boolean');
  assert.equal(typeof rules.bears(name), 'boolean');
  const result = rules.nameOf(subject);
  if ('problem' in result) assert.match(result.message, /\S/);
  else assert.match(result.name, NAME);
  assert.deepEqual(rules.nameOf(subject), result);
  const ends = exemption(rules, namespace, name, NOW.wallMs);
  assert.ok(ends === undefined || ends > NOW.wallMs);
}

/** Everything that a plan reads of rules. */
function isUsable(rules: Rules | SystemRules): void {
  const {mode, ttlSeconds, maxPercent, maxPerMinute} = rules.collection;
  assert.ok(['Off', 'Report', 'Managed', 'All'].includes(mode));
  assert.ok(ttlSeconds >= 1 && maxPercent >= 1 && maxPercent <= 100 && maxPerMinute >= 1);
  if ('subjects' in rules) {
    assert.equal(typeof listsLease(rules, {namespace: 'a', name: 'b'}), 'boolean');
    assert.ok(rules.durationSeconds.min >= 1 && rules.durationSeconds.max >= 1);
    return;
  }
  assert.ok(rules.lease.durationSeconds >= 1);
  assert.ok(['Audit', 'Warn', 'Deny'].includes(rules.enforcement.names));
  assert.ok(rules.enforcement.durationSeconds.max >= 1);
  hasAnswers(rules, {kind: 'Deployment', namespace: 'shop', name: 'api', labels: {}});
}

forAll(
  'two policies are told apart in any case',
  [anyWorkloadSpec, anyWorkloadSpec, anyLabels],
  (a, b, labels) => {
    const [one, other] = [compile('a', 1, a), compile('b', 1, b)];
    if (Array.isArray(one) || Array.isArray(other)) return;
    assert.equal(sharedVariable(one, other) === undefined, sharedVariable(other, one) === undefined);
    for (const selectors of [
      [one.scope.workloads, other.scope.workloads],
      [one.scope.namespaces, other.scope.namespaces],
    ] as const) {
      // Said to exclude each other, they never select one object.
      const [first, second] = selectors.map(each => compileSelector(each, ''));
      assert.ok(typeof first === 'function' && typeof second === 'function');
      assert.ok(!areDisjoint(...selectors) || !first(labels) || !second(labels));
    }
  },
);

const KINDS = {
  get: (apiVersion: string, kind: string) =>
    kind === 'Widget'
      ? ({state: 'refused', reason: 'KindNotServed', message: 'no'} as const)
      : ({state: 'served', plural: 'deployments', group: apiVersion, version: 'v1'} as const),
};

function judged(row: PolicyRow): InForce {
  const inForce = new InForce({
    kinds: KINDS,
    watchKind: () => {},
    policies: () => [row],
    onWorkload: () => {},
    nodesProblem: () => undefined,
    onOtherSubjects: () => {},
    onRules: () => {},
  });
  inForce.judge(row);
  return inForce;
}

const anyGeneration = fc.nat({max: 3});
const accepted = (spec: fc.Arbitrary<string>) => fc.record({generation: anyGeneration, spec});
/** As another version of the operator has left it, or somebody who edits what is not theirs. */
const anyLastAccepted = fc.oneof(
  accepted(anyJsonText),
  accepted(anySpec.map(spec => JSON.stringify(spec))),
  accepted(damaged(anySpec).map(spec => JSON.stringify(spec) ?? '')),
);
const anyStatus = fc.option(fc.record({lastAccepted: anyLastAccepted}), {nil: undefined});
/** As a CRD of another version lets it through, which knows the subjects at least. */
const anyStoredSpec = fc.oneof(
  anySpec,
  fc
    .tuple(anySpec, damaged(anySpec))
    .map(([{subjects}, other]) => ({...(other as LeasePolicySpec), subjects})),
);

forAll(
  'what is in force is whole, whatever the CRD let through and status says of the version before',
  [anyStoredSpec, anyStatus, anyGeneration],
  (spec, status, generation) => {
    const key = 'payments';
    const row = {key, uid: 'p', resourceVersion: '1', generation, terminating: false, spec};
    const inForce = judged({...row, status: status as PolicyRow['status']});
    assert.ok(inForce.acceptance.get(key));
    const rules = inForce.of(key);
    if (rules) isUsable(rules);
  },
);
