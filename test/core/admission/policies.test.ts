/** What is rendered from a policy: which objects, where they are bound, and what can't change what they say. */
import test from 'ava';
import fc from 'fast-check';
import type {EnforcementAction, FailurePolicy} from '../../../src/api/enforcement.ts';
import type {LabelSelector} from '../../../src/api/leasepolicy.ts';
import type {AdmissionContext} from '../../../src/core/admission/frame.ts';
import {lenientNamespaces} from '../../../src/core/admission/frame.ts';
import {canInject} from '../../../src/core/admission/injection.ts';
import {renderAdmission} from '../../../src/core/admission/render.ts';
import {isAsRendered, type Rendered} from '../../../src/core/admission/rendered.ts';
import type {Rules} from '../../../src/core/naming/rules.ts';
import {compileSelector, type Labels} from '../../../src/core/selector.ts';
import {admissionContext, policy, served} from '../../support/builders.ts';
import {evaluate, read} from './cel-text.ts';

const VAP = 'ValidatingAdmissionPolicy';
const MAP = 'MutatingAdmissionPolicy';

function rendered(rules: Rules, given: Partial<AdmissionContext> = {}): Rendered[] {
  return renderAdmission(rules, admissionContext(given)).flatMap(({objects}) => objects);
}
/** The objects of one part, such as injection. */
function partOf(part: string, rules: Rules, given: Partial<AdmissionContext> = {}): Rendered[] {
  const found = renderAdmission(rules, admissionContext(given)).find(each => each.part === part);
  if (!found) throw new Error(`there is no part ${part}`);
  return [...found.objects];
}
const titles = (objects: readonly Rendered[]) =>
  objects.map(({kind, name}) => `${kind} ${name.replace('leasepolicy-', '').replace('-payments', '')}`);

type BindingSpec = {
  policyName: string;
  paramRef: {name: string; parameterNotFoundAction: string};
  matchResources: {
    namespaceSelector: LabelSelector;
    objectSelector: LabelSelector;
    matchPolicy: string;
    resourceRules: {operations: string[]; resources: string[]}[];
  };
  validationActions?: string[];
};
type PolicySpec = {
  failurePolicy: string;
  matchConstraints: {
    namespaceSelector: LabelSelector;
    objectSelector: LabelSelector;
    matchPolicy: string;
    resourceRules: {operations: string[]; resources: string[]}[];
  };
  matchConditions: {name: string; expression: string}[];
  variables?: {name: string; expression: string}[];
  validations?: {expression: string; message: string; messageExpression: string; reason: string}[];
  auditAnnotations?: {key: string; valueExpression: string}[];
};
const bindings = (objects: readonly Rendered[]) =>
  objects.filter(({kind}) => kind.endsWith('Binding')).map(({content}) => content.spec as BindingSpec);
function policySpec(objects: readonly Rendered[], kind: string = VAP): PolicySpec {
  const found = objects.find(each => each.kind === kind);
  if (!found) throw new Error(`there is no ${kind}`);
  return found.content.spec as PolicySpec;
}

/** Each binding with its name and the policy that it binds. */
function bound(objects: readonly Rendered[]): {name: string; binding: BindingSpec; policy: PolicySpec}[] {
  return objects.flatMap(({kind, name, content}) => {
    if (!kind.endsWith('Binding')) return [];
    const binding = content.spec as BindingSpec;
    const found = objects.find(
      each => `${each.kind}Binding` === kind && each.name === binding.policyName,
    )?.content;
    if (!found) throw new Error(`${name} binds nothing`);
    return [{name, binding, policy: found.spec as PolicySpec}];
  });
}
const matches = (selector: LabelSelector, labels: Labels): boolean => {
  const compiled = compileSelector(selector, 'selector');
  if (typeof compiled === 'string') throw new Error(compiled);
  return compiled(labels);
};

/** All conditions in one text. */
const conditionOf = (objects: readonly Rendered[]) =>
  policySpec(objects)
    .matchConditions.map(each => each.expression)
    .join(' && ');

/** The operands of the outermost &&, one a line. */
const conjuncts = (objects: readonly Rendered[]) => conditionOf(objects).slice(1, -1).split(') &&\n(');

/** The first of them, which tells names that the registry knows from others, in its parts. */
function concernOf(objects: readonly Rendered[]) {
  const whole = conjuncts(objects)[0] ?? '';
  const parts = /^(object\S+ in params\S+) \? (params\S+ == "\w+") && \((.*)\) : (\(.*\))$/s.exec(whole);
  const [, isKnown = '', isOfPolicy = '', broken = '', bringsLabel = ''] = parts ?? [];
  return {whole, isKnown, isOfPolicy, broken, bringsLabel};
}

// Which objects there are

const DURATIONS_PART = 'enforcement.durationSeconds';
const HOLDERS_PART = 'enforcement.holders';
const WRITES_PART = 'enforcement.durationSeconds and enforcement.holders';

/** A policy with a binding for updates of what is labelled, one for those of what is not, and one for creations. */
const written = (part: string) => [
  `${VAP} ${part}`,
  `${VAP}Binding ${part}`,
  `${VAP}Binding ${part}.unlabelled`,
  `${VAP}Binding ${part}.create`,
];
const NAMES = [`${VAP} names`, `${VAP}Binding names`];
const ALWAYS = [...NAMES, ...written('durations')];
const MUTATION = [`${MAP} pods`, `${MAP}Binding pods`];
const GUARD = [`${VAP} pods`, `${VAP}Binding pods`];
const SETS_GUARD = [`${VAP} pods.sets`, `${VAP}Binding pods.sets`];

const OBJECTS: [what: string, rules: Rules, expected: string[]][] = [
  ['the defaults', policy().rules(), ALWAYS],
  [
    'a policy that checks holders as durations',
    policy().enforcing({holders: 'Audit'}).rules(),
    [...NAMES, ...written('writes')],
  ],
  [
    'a policy that checks holders otherwise than durations',
    policy().enforcing({holders: 'Deny'}).rules(),
    [...ALWAYS, ...written('holders')],
  ],
  [
    'a policy that checks holders as durations, and does not adopt',
    policy().leases({adopt: false}).enforcing({holders: 'Audit'}).rules(),
    [...NAMES, ...written('writes')],
  ],
  [
    'a policy that checks holders otherwise than durations, and does not adopt',
    policy().leases({adopt: false}).enforcing({holders: 'Deny'}).rules(),
    [...ALWAYS, ...written('holders')],
  ],
  ['a policy that injects', policy().injecting().rules(), [...ALWAYS, ...MUTATION, ...GUARD]],
  [
    'a policy that injects and lets Pods start without',
    policy().injecting({failurePolicy: 'Ignore'}).rules(),
    [...ALWAYS, ...MUTATION],
  ],
  [
    'a policy that injects into StatefulSets',
    policy().forKinds('StatefulSet').injecting().rules(),
    [...ALWAYS, ...MUTATION, ...SETS_GUARD],
  ],
  [
    'a policy that injects into all kinds',
    policy().forKinds('Deployment', 'StatefulSet', 'DaemonSet').injecting().rules(),
    [...ALWAYS, ...MUTATION, ...GUARD, ...SETS_GUARD],
  ],
  [
    'a policy that injects into kinds whose Pods do not name them',
    policy().forKinds('ReplicaSet').injecting().rules(),
    ALWAYS,
  ],
  ['a policy that grants', policy().granting().rules(), ALWAYS],
];

for (const [what, rules, expected] of OBJECTS) {
  test(`${what} has ${expected.length} objects in the API server`, t => {
    t.deepEqual(titles(rendered(rules)), expected);
  });
}

const everything = policy()
  .forKinds('Deployment', 'StatefulSet', 'DaemonSet')
  .enforcing({names: 'Deny', holders: 'Deny'})
  .injecting()
  .inNamespaces({matchLabels: {team: 'a'}})
  .leasesIn('leases')
  .hashing('namespace', 'kind', 'name');

/** Everything there is, in each form that the checks of writes have. */
const FORMS: [what: string, rules: Rules][] = [
  ['durations and holders as one', everything.rules()],
  ['durations and holders apart', everything.enforcing({holders: 'Warn'}).rules()],
  ['durations and holders as one, without adoption', everything.leases({adopt: false}).rules()],
  [
    'durations and holders apart, without adoption',
    everything.enforcing({holders: 'Warn'}).leases({adopt: false}).rules(),
  ],
];

for (const [what, rules] of FORMS) {
  test(`with ${what}, every object belongs to its policy, has a name of its own, and is as rendered once it is there`, t => {
    const objects = rendered(rules, {governsSystem: true});
    t.is(new Set(objects.map(({kind, name}) => `${kind}/${name}`)).size, objects.length);
    for (const each of objects) {
      t.is(each.policy, 'payments');
      t.is(each.owner.uid, 'policy-uid');
      t.is(each.namespace, undefined);
      t.true(isAsRendered(each, served(each)), each.name);
    }
  });

  test(`with ${what}, every binding is of the policy of its part and scope, which is rendered before it, and names the registry`, t => {
    const seen = new Set<string>();
    for (const {kind, name, content} of rendered(rules, {governsSystem: true})) {
      if (!kind.endsWith('Binding')) seen.add(`${kind}Binding ${name}`);
      else {
        const {policyName, paramRef} = content.spec as BindingSpec;
        t.true(seen.has(`${kind} ${policyName}`), name);
        t.is(policyName, name.replace(/\.(?:unlabelled|create)-/, '-'));
        t.is(paramRef.name, 'leases');
      }
    }
  });
}

test('only Pods of kinds that name their workload can be told', t => {
  for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet']) t.true(canInject('apps/v1', kind), kind);
  for (const kind of ['ReplicaSet', 'constructor', 'CronJob']) t.false(canInject('apps/v1', kind), kind);
  t.false(canInject('apps.kruise.io/v1alpha1', 'StatefulSet'));
});

test('creations are checked for their name; creations and updates for duration and holder', t => {
  const rules = policy().enforcing({holders: 'Warn'}).injecting().rules();
  const operations = (part: string) => policySpec(partOf(part, rules)).matchConstraints.resourceRules[0];
  const writes = {operations: ['CREATE', 'UPDATE'], resources: ['leases']};
  t.like(operations('enforcement.names'), {operations: ['CREATE'], resources: ['leases']});
  t.like(operations(DURATIONS_PART), writes);
  t.like(operations(HOLDERS_PART), writes);
  t.like(operations('injection'), {operations: ['CREATE'], resources: ['pods']});
  const asOne = partOf(WRITES_PART, policy().enforcing({holders: 'Audit'}).rules());
  t.like(policySpec(asOne).matchConstraints.resourceRules[0], writes);
});

// Durations and holders are one object or two

const DENY_DURATIONS = {min: 1, max: 9, action: 'Deny'} as const;
const failing = (durationSeconds: FailurePolicy, holders: FailurePolicy) => ({
  failurePolicy: {names: 'Fail', durationSeconds, holders} as const,
});
const GROUPS: [
  what: string,
  enforcement: Parameters<ReturnType<typeof policy>['enforcing']>[0],
  parts: string[],
][] = [
  ['the same action, that of names', {names: 'Warn', holders: 'Warn'}, [WRITES_PART]],
  [
    'the same action, which is not that of names',
    {holders: 'Deny', durationSeconds: DENY_DURATIONS},
    [WRITES_PART],
  ],
  [
    'the same action and both Fail',
    {names: 'Deny', holders: 'Deny', ...failing('Fail', 'Fail')},
    [WRITES_PART],
  ],
  ['another action than names', {names: 'Deny', holders: 'Audit'}, [DURATIONS_PART, HOLDERS_PART]],
  [
    'the action of names, but not that of durations',
    {names: 'Audit', holders: 'Audit', durationSeconds: DENY_DURATIONS},
    [DURATIONS_PART, HOLDERS_PART],
  ],
  [
    'the same action, and durations alone that Fail',
    {names: 'Deny', holders: 'Deny', ...failing('Fail', 'Ignore')},
    [DURATIONS_PART, HOLDERS_PART],
  ],
  [
    'the same action, and holders alone that Fail',
    {names: 'Deny', holders: 'Deny', ...failing('Ignore', 'Fail')},
    [DURATIONS_PART, HOLDERS_PART],
  ],
  ['holders Off', {names: 'Deny', holders: 'Off'}, [DURATIONS_PART]],
  [
    'holders Off, and both Fail',
    {names: 'Deny', holders: 'Off', ...failing('Fail', 'Fail')},
    [DURATIONS_PART],
  ],
];
const PART_NAMES: Readonly<Record<string, string>> = {
  [WRITES_PART]: 'leasepolicy-writes-payments',
  [DURATIONS_PART]: 'leasepolicy-durations-payments',
  [HOLDERS_PART]: 'leasepolicy-holders-payments',
};

for (const [what, enforcement, parts] of GROUPS) {
  test(`with ${what}, writes are checked by ${parts.length === 1 ? 'one object' : 'two objects'}`, t => {
    const all = renderAdmission(policy().enforcing(enforcement).rules(), admissionContext());
    t.deepEqual(
      all.map(({part}) => part),
      ['enforcement.names', ...parts, 'injection'],
    );
    for (const {part, objects} of all.slice(1, -1)) {
      const policies = objects.filter(({kind}) => kind === VAP).map(({name}) => name);
      t.deepEqual(policies, [PART_NAMES[part] as string]);
    }
  });
}

const asOne = policy().enforcing({names: 'Deny', holders: 'Deny'});
const apart = asOne.enforcing({holders: 'Warn'});

test('one object of two rules says what they say apart, and the label comes once', t => {
  const both = partOf(WRITES_PART, asOne.rules());
  const durations = partOf(DURATIONS_PART, apart.rules());
  const holders = partOf(HOLDERS_PART, apart.rules());
  const [label, ...others] = policySpec(both).validations ?? [];
  t.deepEqual(policySpec(durations).validations?.[0], label);
  t.deepEqual(policySpec(holders).validations?.[0], label);
  const ofDurations = policySpec(durations).validations?.slice(1) ?? [];
  const ofHolders = policySpec(holders).validations?.slice(1) ?? [];
  t.deepEqual([ofDurations.length, ofHolders.length], [1, 3]);
  t.deepEqual(others, [...ofDurations, ...ofHolders]);
  t.deepEqual(policySpec(both).variables, policySpec(holders).variables);
  t.deepEqual(policySpec(both).auditAnnotations, policySpec(holders).auditAnnotations);
  t.deepEqual(
    policySpec(both).auditAnnotations?.map(({key}) => key),
    ['break-glass'],
  );
});

test('what is looked at for its label or duration alone breaks no rule of holders, and no glass', t => {
  const spec = policySpec(partOf(WRITES_PART, asOne.rules()));
  const [, , ...ofHolders] = spec.validations ?? [];
  t.is(ofHolders.length, 3);
  const {isKnown} = concernOf(partOf(WRITES_PART, asOne.rules()));
  for (const {expression} of ofHolders)
    t.true(expression.startsWith(`!(${isKnown}) || !variables.writes || variables.breaksGlass || `));
  const [annotation] = spec.auditAnnotations ?? [];
  const breaks = `${isKnown} ? (variables.writes && variables.breaksGlass && !(`;
  t.true(annotation?.valueExpression.startsWith(breaks));
  // The condition asks the same before it asks by whom.
  const writes = spec.variables?.find(({name}) => name === 'writes')?.expression;
  t.true(concernOf(partOf(HOLDERS_PART, apart.rules())).broken.includes(` || (${writes} && !`));
});

test('an object of durations alone has no variables and no annotations, not even empty ones', t => {
  const spec = policySpec(partOf(DURATIONS_PART, apart.rules()));
  t.false('variables' in spec);
  t.false('auditAnnotations' in spec);
});

test('a write is looked at when it loses the label or breaks one of the rules of its object', t => {
  const both = concernOf(partOf(WRITES_PART, asOne.rules()));
  const durations = concernOf(partOf(DURATIONS_PART, apart.rules()));
  const holders = concernOf(partOf(HOLDERS_PART, apart.rules()));
  const [label, bounds] = policySpec(partOf(DURATIONS_PART, apart.rules())).validations ?? [];
  // A validation is the negation of what the condition asks.
  const {isKnown, isOfPolicy, bringsLabel} = both;
  const loses = label?.expression.slice(`!(${isKnown} ? `.length, -` : ${bringsLabel})`.length);
  t.is(label?.expression, `!(${isKnown} ? ${loses} : ${bringsLabel})`);
  const isOut = bounds?.expression.slice(`!(${isKnown}) || !`.length);
  t.is(durations.broken, `${loses} || ${isOut}`);
  t.true(holders.broken.startsWith(`${loses} || (`));
  t.is(both.broken, `${durations.broken} ||\n${holders.broken.slice(`${loses} || `.length)}`);
  for (const each of [durations, holders]) t.like(each, {isKnown, isOfPolicy, bringsLabel});
  const [, ...exclusions] = conjuncts(partOf(WRITES_PART, asOne.rules()));
  t.deepEqual(conjuncts(partOf(DURATIONS_PART, apart.rules())).slice(1), exclusions);
  t.is(exclusions.length, 4);
});

const POLICY_LABEL = 'leasepolicy.dev/policy';
const entryOf = (policyName: string) => ({
  spec: {names: {api: {policy: policyName, subject: 'Deployment/api'}}},
});

for (const [what, name, params, expected] of [
  ['of the policy', 'api', entryOf('payments'), true],
  ['of another policy', 'api', entryOf('billing'), false],
  ['that the registry does not know', 'other', entryOf('payments'), false],
] as const) {
  test(`a Lease ${what} that loses its label is ${expected ? '' : 'not '}looked at`, t => {
    const variables = {
      object: {metadata: {name}},
      oldObject: {metadata: {name, labels: {[POLICY_LABEL]: 'payments'}}},
      params,
    };
    for (const part of [WRITES_PART, DURATIONS_PART, HOLDERS_PART]) {
      const {whole, broken} = concernOf(partOf(part, part === WRITES_PART ? asOne.rules() : apart.rules()));
      t.is(
        evaluate(
          whole.replace(broken, () => broken.split(' || ')[0] ?? ''),
          variables,
        ),
        expected,
        part,
      );
    }
  });
}

// The label, by which the bindings find a Lease

const OURS: Labels = {[POLICY_LABEL]: 'payments', team: 'a'};
const GUARDED: [what: string, before: Labels | undefined, after: Labels | undefined, isRefused: boolean][] = [
  ['leaves it', OURS, OURS, false],
  ['changes another label', OURS, {...OURS, team: 'b'}, false],
  ['takes it away', OURS, {team: 'a'}, true],
  ['takes all labels away', OURS, undefined, true],
  ['gives it to another policy', OURS, {...OURS, [POLICY_LABEL]: 'billing'}, true],
  ['empties it', OURS, {...OURS, [POLICY_LABEL]: ''}, true],
  ['adds it', {team: 'a'}, OURS, false],
  ['adds it to none', undefined, OURS, false],
  ['adds an empty one, by which no binding finds it', {team: 'a'}, {[POLICY_LABEL]: ''}, true],
  ['adds that of another policy', {team: 'a'}, {[POLICY_LABEL]: 'billing'}, true],
  ['adds that of another policy to none', undefined, {[POLICY_LABEL]: 'billing'}, true],
  [
    'leaves that of another policy',
    {[POLICY_LABEL]: 'billing'},
    {[POLICY_LABEL]: 'billing', team: 'a'},
    false,
  ],
  [
    'changes that of another policy to that of a third',
    {[POLICY_LABEL]: 'billing'},
    {[POLICY_LABEL]: 'x'},
    true,
  ],
  ['takes that of another policy away', {[POLICY_LABEL]: 'billing'}, {}, true],
  ['takes that of another policy away with all labels', {[POLICY_LABEL]: 'billing'}, undefined, true],
  ['replaces that of another policy', {[POLICY_LABEL]: 'billing'}, OURS, false],
  ['has none before and after', undefined, undefined, false],
];
const metadata = (labels: Labels | undefined) => ({metadata: {name: 'api', ...(labels ? {labels} : {})}});

for (const [what, before, after, isRefused] of GUARDED) {
  test(`of the label of the policy, a write that ${what} is ${isRefused ? 'refused first' : 'let through'}`, t => {
    const variables = {object: metadata(after), oldObject: metadata(before), params: entryOf('payments')};
    const durations = partOf(DURATIONS_PART, apart.rules());
    t.is(evaluate(concernOf(durations).whole, variables), isRefused);
    for (const objects of [
      partOf(WRITES_PART, asOne.rules()),
      durations,
      partOf(HOLDERS_PART, apart.rules()),
    ]) {
      const [guard] = policySpec(objects).validations ?? [];
      t.is(evaluate(guard?.expression ?? '', variables), !isRefused);
      t.regex(guard?.message ?? '', /leasepolicy\.dev\/policy is written by the operator alone/);
      t.regex(
        guard?.messageExpression ?? '',
        /\(LeasePolicy payments\): its label leasepolicy\.dev\/policy /,
      );
    }
  });
}

const CREATED: [what: string, labels: Labels | undefined, isRefused: boolean][] = [
  ['no labels', undefined, false],
  ['other labels', {team: 'a'}, false],
  ['the label', OURS, false],
  ['the label, which is empty', {[POLICY_LABEL]: ''}, true],
  ['the label of another policy', {[POLICY_LABEL]: 'billing'}, true],
  ['the label of a policy whose name begins like this one', {[POLICY_LABEL]: 'payments-2'}, true],
];
for (const [what, labels, isRefused] of CREATED) {
  test(`a creation with ${what} is ${isRefused ? 'refused' : 'let through'}`, t => {
    const variables = {object: metadata(labels), oldObject: null, params: entryOf('payments')};
    t.is(evaluate(concernOf(partOf(DURATIONS_PART, apart.rules())).whole, variables), isRefused);
    for (const [part, rules] of [
      [WRITES_PART, asOne],
      [DURATIONS_PART, apart],
      [HOLDERS_PART, apart],
    ] as const) {
      const [guard] = policySpec(partOf(part, rules.rules())).validations ?? [];
      t.is(evaluate(guard?.expression ?? '', variables), !isRefused, part);
    }
  });
}

const UNKNOWN: [
  what: string,
  before: Labels | undefined | null,
  after: Labels | undefined,
  isRefused: boolean,
][] = [
  ['a creation without labels', null, undefined, false],
  ['a creation with other labels', null, {team: 'a'}, false],
  ['a creation with the label', null, OURS, true],
  ['a creation with that of another policy', null, {[POLICY_LABEL]: 'billing'}, true],
  ['a creation with an empty one', null, {[POLICY_LABEL]: ''}, true],
  ['an update that leaves it', OURS, {...OURS, team: 'b'}, false],
  ['an update that adds it', {team: 'a'}, OURS, true],
  ['an update that adds it to none', undefined, {[POLICY_LABEL]: 'billing'}, true],
  ['an update that changes it', {[POLICY_LABEL]: 'billing'}, OURS, true],
  ['an update that takes it away, which hides nothing', OURS, {team: 'a'}, false],
  ['an update of a Lease that has none', undefined, undefined, false],
];
for (const [what, before, after, isRefused] of UNKNOWN) {
  test(`of a Lease that the registry does not know, ${what} is ${isRefused ? 'refused for its label alone' : 'let through'}`, t => {
    const oldObject = before === null ? null : metadata(before);
    // The duration is out of bounds, and nobody's.
    const object = {...metadata(after), spec: {leaseDurationSeconds: 9000}};
    const variables = {object, oldObject, params: {spec: {names: {}}}};
    const durations = partOf(DURATIONS_PART, apart.rules());
    t.is(evaluate(concernOf(durations).whole, variables), isRefused);
    const holds = policySpec(durations).validations?.map(({expression}) => evaluate(expression, variables));
    t.deepEqual(holds, [!isRefused, true]);
    for (const [part, rules] of [
      [WRITES_PART, asOne],
      [HOLDERS_PART, apart],
    ] as const) {
      const [guard] = policySpec(partOf(part, rules.rules())).validations ?? [];
      t.is(evaluate(guard?.expression ?? '', variables), !isRefused, part);
    }
  });
}

test('the label is guarded also where nothing is adopted, as what the operator creates has it', t => {
  const guardOf = (rules: Rules) => policySpec(partOf(WRITES_PART, rules)).validations?.[0];
  t.deepEqual(guardOf(asOne.leases({adopt: false}).rules()), guardOf(asOne.rules()));
});

// Durations

type Spec = {leaseDurationSeconds?: number; holderIdentity?: string};
const BOUNDED: [what: string, before: Spec | undefined | null, after: Spec | undefined, isBroken: boolean][] =
  [
    ['a creation within the bounds', null, {leaseDurationSeconds: 5}, false],
    ['a creation at the upper bound', null, {leaseDurationSeconds: 300}, false],
    ['a creation below', null, {leaseDurationSeconds: 4}, true],
    ['a creation above', null, {leaseDurationSeconds: 301, holderIdentity: 'a'}, true],
    ['a creation without a duration', null, {}, false],
    ['a creation without a spec', null, undefined, false],
    [
      'a release',
      {leaseDurationSeconds: 15, holderIdentity: 'a'},
      {leaseDurationSeconds: 1, holderIdentity: ''},
      false,
    ],
    [
      'a release without a holder',
      {leaseDurationSeconds: 15, holderIdentity: 'a'},
      {leaseDurationSeconds: 1},
      false,
    ],
    [
      'a duration of 1 with a holder',
      {leaseDurationSeconds: 15},
      {leaseDurationSeconds: 1, holderIdentity: 'a'},
      true,
    ],
    ['a duration of 2 without a holder', {leaseDurationSeconds: 15}, {leaseDurationSeconds: 2}, true],
    [
      'a renewal',
      {leaseDurationSeconds: 900, holderIdentity: 'a'},
      {leaseDurationSeconds: 900, holderIdentity: 'a'},
      false,
    ],
    [
      'a take-over',
      {leaseDurationSeconds: 900, holderIdentity: 'a'},
      {leaseDurationSeconds: 900, holderIdentity: 'b'},
      true,
    ],
    [
      'a longer duration of the same holder',
      {leaseDurationSeconds: 900, holderIdentity: 'a'},
      {leaseDurationSeconds: 901, holderIdentity: 'a'},
      true,
    ],
    ['an update of a Lease without a spec', undefined, {leaseDurationSeconds: 900}, true],
    [
      'an update of a Lease without a duration',
      {holderIdentity: 'a'},
      {leaseDurationSeconds: 900, holderIdentity: 'a'},
      true,
    ],
  ];

for (const [what, before, after, isBroken] of BOUNDED) {
  test(`with bounds of 5 to 300, ${what} is ${isBroken ? 'refused' : 'let through'}`, t => {
    const withSpec = (spec: Spec | undefined) => ({...metadata(OURS), ...(spec ? {spec} : {})});
    const oldObject = before === null ? null : withSpec(before);
    const variables = {object: withSpec(after), oldObject, params: entryOf('payments')};
    const durations = partOf(DURATIONS_PART, apart.allowing(5, 300).rules());
    t.is(evaluate(concernOf(durations).whole, variables), isBroken);
    for (const objects of [durations, partOf(WRITES_PART, asOne.allowing(5, 300).rules())])
      t.is(evaluate(policySpec(objects).validations?.[1]?.expression ?? '', variables), !isBroken);
  });
}

test('no check of Leases is in the way of the operator or of the control plane', t => {
  const checks = [
    ['enforcement.names', asOne],
    [WRITES_PART, asOne],
    [DURATIONS_PART, apart],
    [HOLDERS_PART, apart],
  ] as const;
  for (const [part, given] of checks) {
    const {literals} = read(conditionOf(partOf(part, given.rules())));
    for (const value of [
      'system:serviceaccount:leasepolicy-system:leasepolicy',
      'leasepolicy-system',
      'system:nodes',
      'system:apiserver',
      'system:kube-controller-manager',
      'system:kube-scheduler',
      'system:serviceaccount:kube-system:namespace-controller',
      'kube-scheduler',
    ])
      t.true(literals.includes(value), `${part}: ${value}`);
    // Anybody can write a label.
    t.false(literals.includes('apiserver.kubernetes.io/identity'), part);
  }
});

// What is done where a rule is broken, and where it can't be evaluated

type Actions = [validationActions: string, failurePolicy: string, whenMissing: string];
const NAMES_BY_ACTION: [names: EnforcementAction, failurePolicy: FailurePolicy, expected: Actions][] = [
  ['Audit', 'Fail', ['Audit', 'Ignore', 'Allow']],
  ['Audit', 'Ignore', ['Audit', 'Ignore', 'Allow']],
  ['Warn', 'Fail', ['Warn,Audit', 'Ignore', 'Allow']],
  ['Warn', 'Ignore', ['Warn,Audit', 'Ignore', 'Allow']],
  ['Deny', 'Fail', ['Deny,Audit', 'Fail', 'Deny']],
  ['Deny', 'Ignore', ['Deny,Audit', 'Ignore', 'Allow']],
];
const FAILURE = {names: 'Ignore', durationSeconds: 'Ignore', holders: 'Ignore'} as const;

for (const [names, failure, expected] of NAMES_BY_ACTION) {
  test(`names ${names} with failurePolicy ${failure}: ${expected.join(' ')}`, t => {
    const rules = policy()
      .enforcing({names, failurePolicy: {...FAILURE, names: failure}})
      .rules();
    const objects = partOf('enforcement.names', rules);
    const [binding] = bindings(objects);
    t.deepEqual(
      [
        binding?.validationActions?.join(),
        policySpec(objects).failurePolicy,
        binding?.paramRef.parameterNotFoundAction,
      ],
      expected,
    );
  });
}

const OTHERS_BY_ACTION: [action: EnforcementAction, failure: FailurePolicy, expected: Actions][] = [
  ['Audit', 'Fail', ['Audit', 'Ignore', 'Allow']],
  ['Warn', 'Fail', ['Warn,Audit', 'Ignore', 'Allow']],
  ['Deny', 'Ignore', ['Deny,Audit', 'Ignore', 'Allow']],
  ['Deny', 'Fail', ['Deny,Audit', 'Fail', 'Allow']],
];
for (const [action, failure, expected] of OTHERS_BY_ACTION) {
  test(`durations and holders ${action} with failurePolicy ${failure}: ${expected.join(' ')}`, t => {
    const failurePolicy = {...FAILURE, durationSeconds: failure, holders: failure};
    const [here, there] = [
      {min: 1, max: 9, action},
      {min: 1, max: 9, action: action === 'Deny' ? 'Warn' : 'Deny'},
    ] as const;
    const enforcing = (enforcement: object) =>
      policy()
        .enforcing({failurePolicy, ...enforcement})
        .rules();
    const checks = [
      [WRITES_PART, enforcing({holders: action, durationSeconds: here})],
      [DURATIONS_PART, enforcing({holders: 'Off', durationSeconds: here})],
      [DURATIONS_PART, enforcing({holders: there.action, durationSeconds: here})],
      [HOLDERS_PART, enforcing({holders: action, durationSeconds: there})],
    ] as const;
    for (const [part, rules] of checks) {
      const objects = partOf(part, rules, {governsSystem: true});
      t.deepEqual(
        bound(objects).map(({name, binding, policy: {failurePolicy: failing}}) => [
          name.includes('.system'),
          binding.validationActions?.join(),
          failing,
          binding.paramRef.parameterNotFoundAction,
        ]),
        [
          ...Array(3).fill([false, ...expected]),
          // In the operator's own namespace nothing is refused because it can't be evaluated.
          ...Array(3).fill([true, expected[0], 'Ignore', 'Allow']),
        ],
        part,
      );
    }
  });
}

test('durations are acted on as names are, unless they have an action of their own', t => {
  const actionOf = (enforcement: object) =>
    bindings(partOf('enforcement.durationSeconds', policy().enforcing(enforcement).rules()))[0]
      ?.validationActions?.[0];
  t.is(actionOf({names: 'Deny'}), 'Deny');
  t.is(actionOf({names: 'Warn'}), 'Warn');
  t.is(actionOf({names: 'Deny', durationSeconds: {min: 1, max: 9, action: 'Audit'}}), 'Audit');
});

test('a mutation never fails; the check behind it refuses also where the registry is missing', t => {
  const objects = partOf('injection', policy().injecting().rules());
  t.is(policySpec(objects, MAP).failurePolicy, 'Ignore');
  t.is(policySpec(objects, VAP).failurePolicy, 'Fail');
  const [mutation, guard] = bindings(objects);
  t.is(mutation?.paramRef.parameterNotFoundAction, 'Allow');
  t.is(mutation?.validationActions, undefined);
  t.is(guard?.paramRef.parameterNotFoundAction, 'Deny');
  t.deepEqual(guard?.validationActions, ['Deny', 'Audit']);
});

test('the bounds of durations stand in condition and message', t => {
  const bounded = policy().allowing(5, 300);
  for (const objects of [
    partOf(DURATIONS_PART, bounded.rules()),
    partOf(WRITES_PART, bounded.enforcing({holders: 'Audit'}).rules()),
  ]) {
    const {validations} = policySpec(objects);
    t.regex(conditionOf(objects), /< 5 \|\| \S+ > 300\)/);
    t.regex(validations?.[1]?.messageExpression ?? '', /LeasePolicy payments allows 5 to 300/);
    t.regex(validations?.[1]?.message ?? '', /5 to 300/);
  }
});

// Where it is bound

const OPERATOR = 'leasepolicy-system';
const TEAM_A: LabelSelector = {matchLabels: {team: 'a'}};
const withName = (name: string, labels: Labels) => ({...labels, 'kubernetes.io/metadata.name': name});

/** The bindings in whose scope, and that of their policy, a namespace is, with what they do without a registry. */
function scopesOf(objects: readonly Rendered[], name: string, labels: Labels): string[] {
  return bound(objects).flatMap(
    ({name: objectName, binding: {matchResources, paramRef}, policy: {matchConstraints}}) => {
      const both = [matchConstraints, matchResources];
      if (!both.every(({namespaceSelector}) => matches(namespaceSelector, withName(name, labels)))) return [];
      // leasepolicy-names.system-payments: what stands behind the part.
      const suffix = /^leasepolicy-[a-z]+(\.[a-z.]+)?-/.exec(objectName)?.[1] ?? 'main';
      return [`${suffix} ${paramRef.parameterNotFoundAction}`];
    },
  );
}

const deny = policy().enforcing({names: 'Deny'});
const own = deny.inNamespaces(TEAM_A);
const fixed = deny.leasesIn('leases').hashing('namespace', 'name');
const fixedOwn = fixed.inNamespaces(TEAM_A);

type Place = [name: string, labels: Labels, expected: string[]];
const SCOPES: [what: string, rules: Rules, governsSystem: boolean, places: Place[]][] = [
  [
    'the default selector',
    deny.rules(),
    true,
    [
      ['shop', {}, ['main Deny']],
      ['kube-system', {}, []],
      ['kube-public', {}, []],
      ['kube-node-lease', {}, []],
      [OPERATOR, {}, ['.system Allow']],
    ],
  ],
  [
    'a selector of its own that reaches the system',
    own.rules(),
    true,
    [
      ['shop', {team: 'a'}, ['main Deny']],
      ['shop', {}, []],
      ['kube-system', {team: 'a'}, ['.system Allow']],
      ['kube-system', {}, []],
      ['kube-public', {team: 'a'}, ['main Deny']],
      ['kube-node-lease', {team: 'a'}, []],
      [OPERATOR, {team: 'a'}, ['.system Allow']],
    ],
  ],
  [
    'a selector of its own that does not',
    own.rules(),
    false,
    [
      ['shop', {team: 'a'}, ['main Deny']],
      ['kube-system', {}, []],
      [OPERATOR, {}, []],
    ],
  ],
  [
    'a fixed namespace beside the default selector',
    fixed.rules(),
    true,
    [
      ['leases', {}, ['.fixed Deny']],
      ['shop', {}, ['main Deny']],
      ['kube-system', {}, []],
      [OPERATOR, {}, ['.system Allow']],
    ],
  ],
  [
    'a fixed namespace that the selector does not select',
    fixedOwn.rules(),
    false,
    [
      ['leases', {}, ['.fixed Deny']],
      ['leases', {team: 'a'}, ['.fixed Deny']],
      ['shop', {team: 'a'}, ['main Deny']],
      ['shop', {}, []],
    ],
  ],
  [
    'a fixed namespace that is kube-system',
    deny.leasesIn('kube-system').hashing('namespace', 'name').rules(),
    true,
    [
      ['kube-system', {}, ['.fixed Allow']],
      ['shop', {}, ['main Deny']],
    ],
  ],
  [
    'a fixed namespace that is that of the operator',
    deny.leasesIn(OPERATOR).hashing('namespace', 'name').rules(),
    true,
    [
      [OPERATOR, {}, ['.fixed Allow']],
      ['shop', {}, ['main Deny']],
    ],
  ],
];

for (const [what, rules, governsSystem, places] of SCOPES) {
  for (const [name, labels, expected] of places) {
    const text = `${name}${labels.team ? ' of team a' : ''}`;
    test(`with ${what}, ${text} is ${expected.length > 0 ? `bound by ${expected}` : 'not bound'}`, t => {
      t.deepEqual(scopesOf(partOf('enforcement.names', rules, {governsSystem}), name, labels), expected);
      const suffixes = expected.map(each => each.replace(/^main| \w+$/g, ''));
      t.deepEqual(
        scopesOf(partOf(DURATIONS_PART, rules, {governsSystem}), name, labels),
        suffixes.flatMap(suffix => [
          `${suffix || 'main'} Allow`,
          `${suffix}.unlabelled Allow`,
          `${suffix}.create Allow`,
        ]),
      );
    });
  }
}

test('every policy is looked at for the namespaces and Pods of its scope alone: the kind of the registry may be missing', t => {
  for (const [what, rules] of FORMS) {
    const all = bound(rendered(rules, {governsSystem: true}));
    t.true(all.length >= 10, what);
    for (const {
      name,
      binding,
      policy: {matchConstraints},
    } of all) {
      const {namespaceSelector} = matchConstraints;
      t.deepEqual(namespaceSelector, binding.matchResources.namespaceSelector, name);
      t.not(namespaceSelector.matchExpressions?.length ?? 0, 0, name);
    }
  }
});

test('the policies of two scopes say the same but where they are looked at and whether they fail', t => {
  const rules = everything.enforcing({names: 'Deny', failurePolicy: {...FAILURE, names: 'Fail'}}).rules();
  for (const part of ['enforcement.names', WRITES_PART]) {
    const [first, ...others] = partOf(part, rules, {governsSystem: true})
      .filter(({kind}) => kind === VAP)
      .map(({content}) => {
        const {failurePolicy: _, matchConstraints, ...same} = content.spec as PolicySpec;
        return {...same, matchConstraints: {...matchConstraints, namespaceSelector: undefined}};
      });
    t.is(others.length, 2);
    for (const other of others) t.deepEqual(other, first);
  }
});

const ALL_FAIL = {names: 'Fail', durationSeconds: 'Fail', holders: 'Fail'} as const;

type Failing = [home: string, holders: 'Deny' | 'Warn', part: string, suffix: string, expected: string];
const FAILING: Failing[] = ['leases', 'kube-system', OPERATOR].flatMap(home => {
  const fixedIs = (strict: string) => (home === 'leases' ? strict : 'Ignore Allow');
  const places = (holders: 'Deny' | 'Warn', part: string, strict: string): Failing[] => [
    [home, holders, part, '', strict],
    [home, holders, part, '.system', 'Ignore Allow'],
    [home, holders, part, '.fixed', fixedIs(strict)],
  ];
  return [
    ...places('Deny', 'enforcement.names', 'Fail Deny'),
    ...places('Deny', WRITES_PART, 'Fail Allow'),
    ...places('Warn', DURATIONS_PART, 'Fail Allow'),
    ...places('Warn', HOLDERS_PART, 'Ignore Allow'),
  ];
});

for (const [home, holders, part, suffix, expected] of FAILING) {
  test(`with Leases in ${home} and holders ${holders}, what ${part} does in the scope "${suffix}" without a registry: ${expected}`, t => {
    const enforcement = {
      failurePolicy: ALL_FAIL,
      names: 'Deny',
      holders,
      durationSeconds: DENY_DURATIONS,
    } as const;
    const rules = everything.enforcing(enforcement).leasesIn(home).rules();
    const found = bound(partOf(part, rules, {governsSystem: true})).filter(
      ({binding}) => binding.policyName.replace(/^leasepolicy-[a-z]+|-payments$/g, '') === suffix,
    );
    t.is(found.length, part === 'enforcement.names' ? 1 : 3);
    for (const {name, binding, policy: given} of found)
      t.is(`${given.failurePolicy} ${binding.paramRef.parameterNotFoundAction}`, expected, name);
  });
}

test('no policy that may fail is looked at in kube-system or in the namespace of the operator', t => {
  for (const [what, rules] of FORMS) {
    for (const {name, policy: given} of bound(rendered(rules, {governsSystem: true}))) {
      const isThere = lenientNamespaces(OPERATOR).some(namespace =>
        matches(given.matchConstraints.namespaceSelector, withName(namespace, {team: 'a'})),
      );
      t.false(isThere && given.failurePolicy === 'Fail', `${what}: ${name}`);
    }
  }
});

test('a selector with expressions goes into the binding as it is', t => {
  const expression = {key: 'env', operator: 'Exists'};
  const rules = deny.inNamespaces({matchLabels: {team: 'a'}, matchExpressions: [expression]}).rules();
  const [binding] = bindings(partOf('enforcement.names', rules));
  t.deepEqual(binding?.matchResources.namespaceSelector, {
    matchLabels: {team: 'a'},
    matchExpressions: [
      expression,
      {
        key: 'kubernetes.io/metadata.name',
        operator: 'NotIn',
        values: ['kube-node-lease', 'kube-system', OPERATOR],
      },
    ],
  });
});

test('an operator in kube-system names that namespace once', t => {
  const operator = {username: 'u', namespace: 'kube-system'};
  const objects = partOf('enforcement.names', own.rules(), {operator, governsSystem: true});
  const [, system] = bindings(objects);
  const values = system?.matchResources.namespaceSelector.matchExpressions?.[0]?.values;
  t.deepEqual(values, ['kube-system']);
});

const anyNamespace = fc.constantFrom(
  'shop',
  'leases',
  'kube-system',
  'kube-public',
  'kube-node-lease',
  OPERATOR,
);
/** The heartbeats of nodes are the home of no policy. */
const anyHome = fc.option(
  anyNamespace.filter(name => name !== 'kube-node-lease'),
  {nil: ''},
);
const anyTeam = fc.constantFrom<Labels>({}, {team: 'a'}, {team: 'b'});
const anySelector = fc.constantFrom<LabelSelector>(
  {},
  TEAM_A,
  {matchExpressions: [{key: 'team', operator: 'DoesNotExist'}]},
  {matchExpressions: [{key: 'team', operator: 'NotIn', values: ['b']}]},
);

test('a namespace is in one scope when a policy governs it, and in none otherwise', t => {
  const property = fc.property(
    anySelector,
    anyHome,
    fc.constantFrom(OPERATOR, 'kube-system', 'shop'),
    anyNamespace,
    anyTeam,
    (selector, home, operatorNamespace, name, labels) => {
      const rules = deny.inNamespaces(selector).leasesIn(home).hashing('namespace', 'name').rules();
      const operator = {username: 'u', namespace: operatorNamespace};
      const lenient = lenientNamespaces(operatorNamespace);
      const governed = rules.governsNamespace(name, labels);
      const governsSystem = lenient.includes(name) ? governed : true;
      const objects = partOf('enforcement.names', rules, {operator, governsSystem});
      const found = scopesOf(objects, name, labels);
      if (!governed && name !== home) return found.length === 0;
      return found.length === 1 && found[0]?.endsWith(lenient.includes(name) ? ' Allow' : ' Deny');
    },
  );
  t.notThrows(() => fc.assert(property, {numRuns: 1000}));
});

// Which writes a binding is for

type Operation = 'CREATE' | 'UPDATE';
type Target = {
  namespace: string;
  namespaceLabels: Labels;
  operation: Operation;
  /** Of the Lease before, if there was one, and after: one that matches is enough. */
  versions: readonly Labels[];
};

/** The bindings that a write of a Lease comes to, as the API server finds them. */
function bindingsFor(objects: readonly Rendered[], target: Target): string[] {
  const namespace = withName(target.namespace, target.namespaceLabels);
  return bound(objects)
    .filter(({binding: {matchResources}, policy: {matchConstraints}}) =>
      [matchConstraints, matchResources].every(
        ({namespaceSelector, objectSelector, resourceRules}) =>
          matches(namespaceSelector, namespace) &&
          target.versions.some(labels => matches(objectSelector, labels)) &&
          resourceRules.some(
            ({operations, resources}) =>
              operations.includes(target.operation) && resources.includes('leases'),
          ),
      ),
    )
    .map(({name}) => name.replace('leasepolicy-', '').replace('-payments', ''));
}

const NONE: Labels = {};
const OF_ANOTHER: Labels = {[POLICY_LABEL]: 'billing'};
const WRITTEN: [what: string, operation: Operation, versions: Labels[], expected: string[]][] = [
  ['a creation without labels', 'CREATE', [NONE], ['writes.create']],
  ['a creation with the label', 'CREATE', [OURS], ['writes.create']],
  ['a creation with the label of another policy', 'CREATE', [OF_ANOTHER], ['writes.create']],
  ['an update of a Lease of the policy', 'UPDATE', [OURS, OURS], ['writes']],
  ['an update that takes the label away', 'UPDATE', [OURS, NONE], ['writes', 'writes.unlabelled']],
  ['an update that gives it to another policy', 'UPDATE', [OURS, OF_ANOTHER], ['writes']],
  ['an update that adds the label', 'UPDATE', [NONE, OURS], ['writes', 'writes.unlabelled']],
  ['an update of a Lease of another policy', 'UPDATE', [OF_ANOTHER, OF_ANOTHER], []],
  [
    'an update that takes the label of another policy away',
    'UPDATE',
    [OF_ANOTHER, NONE],
    ['writes.unlabelled'],
  ],
  ['an update that replaces the label of another policy', 'UPDATE', [OF_ANOTHER, OURS], ['writes']],
  ['an update that adds the label of another policy', 'UPDATE', [NONE, OF_ANOTHER], ['writes.unlabelled']],
  ['an update of a Lease without labels', 'UPDATE', [NONE, NONE], ['writes.unlabelled']],
];

for (const [what, operation, versions, expected] of WRITTEN) {
  test(`${what} comes to ${expected.join(' and ') || 'no binding'}, whether the policy adopts or not`, t => {
    const target = {namespace: 'shop', namespaceLabels: {}, operation, versions};
    t.deepEqual(bindingsFor(partOf(WRITES_PART, asOne.rules()), target), expected);
    const unadopted = partOf(WRITES_PART, asOne.leases({adopt: false}).rules());
    t.deepEqual(bindingsFor(unadopted, target), expected);
    for (const part of ['durations', 'holders']) {
      const objects = partOf(part === 'holders' ? HOLDERS_PART : DURATIONS_PART, apart.rules());
      t.deepEqual(
        bindingsFor(objects, target),
        expected.map(name => name.replace('writes', part)),
      );
    }
  });
}

test('bindings for updates go by the label or its absence, those for creations by nothing, also without adoption', t => {
  const rule = {
    apiGroups: ['coordination.k8s.io'],
    apiVersions: ['*'],
    resources: ['leases'],
    scope: 'Namespaced',
  };
  const resourcesOf = (objects: readonly Rendered[]) =>
    bindings(objects).map(({matchResources: {namespaceSelector: _, ...others}}) => others);
  const given = {governsSystem: true};
  const updates = {
    matchPolicy: 'Equivalent',
    objectSelector: {matchLabels: {'leasepolicy.dev/policy': 'payments'}},
    resourceRules: [{...rule, operations: ['UPDATE']}],
  };
  const unlabelled = {
    ...updates,
    objectSelector: {matchExpressions: [{key: 'leasepolicy.dev/policy', operator: 'DoesNotExist'}]},
  };
  const creations = {
    matchPolicy: 'Equivalent',
    objectSelector: {},
    resourceRules: [{...rule, operations: ['CREATE']}],
  };
  for (const [part, rules] of [
    [WRITES_PART, asOne],
    [DURATIONS_PART, apart],
    [HOLDERS_PART, apart],
  ] as const) {
    const expected = [updates, unlabelled, creations, updates, unlabelled, creations];
    t.deepEqual(resourcesOf(partOf(part, rules.rules(), given)), expected, part);
    t.deepEqual(resourcesOf(partOf(part, rules.leases({adopt: false}).rules(), given)), expected, part);
  }
  // Creations alone are checked for their name, by every binding.
  t.deepEqual(resourcesOf(partOf('enforcement.names', asOne.rules(), given)), [creations, creations]);
});

test('each scope has a policy and its bindings for updates and creations, of the same namespaces', t => {
  const rules = asOne.inNamespaces(TEAM_A).leasesIn('leases').hashing('namespace', 'name').rules();
  const objects = partOf(WRITES_PART, rules, {governsSystem: true});
  t.deepEqual(titles(objects), [
    ...written('writes'),
    ...written('writes.system'),
    ...written('writes.fixed'),
  ]);
  const selectors = (given: readonly Rendered[]) =>
    bindings(given).map(({matchResources}) => matchResources.namespaceSelector);
  const ofNames = selectors(partOf('enforcement.names', rules, {governsSystem: true}));
  t.deepEqual(
    selectors(objects),
    ofNames.flatMap(selector => [selector, selector, selector]),
  );
});

test('a write comes to the bindings for its labels where a policy governs, and to none otherwise', t => {
  const property = fc.property(
    anySelector,
    anyHome,
    fc.boolean(),
    fc.boolean(),
    anyNamespace,
    anyTeam,
    fc.constantFrom<Operation>('CREATE', 'UPDATE'),
    fc.tuple(fc.constantFrom(NONE, OURS, OF_ANOTHER), fc.constantFrom(NONE, OURS, OF_ANOTHER)),
    (selector, home, adopt, isOne, namespace, namespaceLabels, operation, [before, after]) => {
      const given = (isOne ? asOne : apart).inNamespaces(selector).leasesIn(home).leases({adopt});
      const rules = given.hashing('namespace', 'name').rules();
      const governed = rules.governsNamespace(namespace, namespaceLabels);
      const governsSystem = lenientNamespaces(OPERATOR).includes(namespace) ? governed : true;
      const versions = operation === 'CREATE' ? [after] : [before, after];
      const updated = versions.flatMap(each => (each === OURS ? [''] : each === NONE ? ['.unlabelled'] : []));
      const suffixes = operation === 'CREATE' ? ['.create'] : [...new Set(updated)].sort();
      const expected = governed || namespace === home ? suffixes : [];
      const parts = isOne ? [WRITES_PART] : [DURATIONS_PART, HOLDERS_PART];
      return parts.every(part => {
        const target = {namespace, namespaceLabels, operation, versions};
        const found = bindingsFor(partOf(part, rules, {governsSystem}), target);
        // Of one scope, whichever it is.
        const scopes = new Set(found.map(name => name.replace(/\.(?:unlabelled|create)$/, '')));
        const ends = found.map(name => /\.(?:unlabelled|create)$/.exec(name)?.[0] ?? '');
        return `${ends.sort()}` === `${expected}` && ends.length === expected.length && scopes.size <= 1;
      });
    },
  );
  t.notThrows(() => fc.assert(property, {numRuns: 1000}));
});

test('variables are written wherever the policy governs, and Pods of the control plane and of ours never wait', t => {
  const objects = partOf('injection', policy().injecting().inNamespaces(TEAM_A).rules());
  const places: Place[] = [
    ['shop', {team: 'a'}, ['main Allow', 'main Deny']],
    ['shop', {}, []],
    ['kube-system', {team: 'a'}, ['main Allow']],
    [OPERATOR, {team: 'a'}, ['main Allow']],
    ['kube-node-lease', {team: 'a'}, []],
  ];
  for (const [name, labels, expected] of places) t.deepEqual(scopesOf(objects, name, labels), expected, name);
});

test('by default neither variables nor waiting reach the control plane', t => {
  const objects = partOf('injection', policy().injecting().rules());
  t.deepEqual(scopesOf(objects, 'kube-system', {}), []);
  t.deepEqual(scopesOf(objects, 'kube-public', {}), []);
  t.deepEqual(scopesOf(objects, OPERATOR, {}), ['main Allow']);
});

test('only Pods with the label of their controllers wait', t => {
  const rules = policy().forKinds('Deployment', 'StatefulSet', 'DaemonSet').injecting().rules();
  const guards = partOf('injection', rules).filter(({kind}) => kind.startsWith(VAP));
  t.deepEqual(
    bindings(guards).map(each => each.matchResources.objectSelector),
    [
      {matchExpressions: [{key: 'pod-template-hash', operator: 'Exists'}]},
      {matchExpressions: [{key: 'controller-revision-hash', operator: 'Exists'}]},
    ],
  );
  for (const {
    name,
    binding,
    policy: {matchConstraints},
  } of bound(guards))
    t.deepEqual(matchConstraints.objectSelector, binding.matchResources.objectSelector, name);
});

// No value changes what an expression says

/** Every CEL expression in the objects, in their order. */
function expressions(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === 'string' && /expression$/i.test(key) ? [inner] : expressions(inner),
  );
}
const texts = (objects: readonly Rendered[]) => objects.flatMap(({content}) => expressions(content));

const HOSTILE = [
  '" || true || "',
  '\\',
  '\\" || true',
  "'",
  '"',
  '\n',
  '"]) || true || ("" in ["',
  '$' + '{x}',
  '\u2028"',
  '😀"',
];
const hostile = fc.oneof(fc.constantFrom(...HOSTILE), fc.string({unit: 'binary', minLength: 1}));

function withValues(
  name: string,
  nameEnv: string,
  namespaceEnv: string,
  username: string,
  namespace: string,
) {
  const rules = policy(name)
    .forKinds('Deployment', 'StatefulSet', 'DaemonSet')
    .enforcing({names: 'Deny', holders: 'Deny'})
    .injecting({nameEnv, namespaceEnv})
    .rules();
  return texts(rendered(rules, {operator: {username, namespace}, governsSystem: true}));
}
const harmless = withValues('payments', 'A', 'B', 'user', 'there').map(text => read(text).code);

test('every policy has expressions that are read', t => {
  for (const {kind, name, content} of rendered(everything.rules()))
    t.is(expressions(content).length > 1, !kind.endsWith('Binding'), name);
  t.true(harmless.length > 15);
});

test('names of policies, variables, users and namespaces stand in literals alone, whatever they are', t => {
  const values = fc.tuple(hostile, hostile, hostile, hostile, hostile);
  const property = fc.property(values, given => {
    const written = withValues(...given).map(read);
    const said = written.flatMap(each => each.literals);
    return (
      written.every(({code}, at) => code === harmless[at]) &&
      written.length === harmless.length &&
      given.every(value => said.some(each => each.includes(value)))
    );
  });
  t.notThrows(() => fc.assert(property, {numRuns: 300}));
});

test('expressions are ASCII without control characters but the line ends of our own', t => {
  for (const text of withValues(...(HOSTILE.slice(5) as [string, string, string, string, string])))
    t.regex(text, /^[\x20-\x7e\n]*$/);
});

test('the labels of workloads and namespaces stand in no expression', t => {
  const selector = {matchLabels: {'hostile-key': 'hostile-value'}};
  const rules = everything.selecting(selector).inNamespaces(selector).rules();
  for (const text of texts(rendered(rules))) t.notRegex(text, /hostile/);
});

test('no two policies give an object the same name', t => {
  const policies = [
    'payments',
    'payments-system',
    'system-payments',
    'payments-fixed',
    'payments-sets',
    'create-payments',
    'payments-create',
    'create.payments',
    'system.create-payments',
    'writes-payments',
    'durations-payments',
  ];
  const enforcements = [
    {names: 'Deny', holders: 'Deny'},
    {names: 'Deny', holders: 'Warn'},
  ] as const;
  for (const enforcement of enforcements) {
    for (const adopt of [true, false]) {
      const names = policies.flatMap(name => {
        const rules = policy(name).enforcing(enforcement).injecting().leasesIn('leases').leases({adopt});
        const objects = rendered(rules.hashing('namespace', 'name').rules(), {governsSystem: true});
        return objects.map(each => `${each.kind} ${each.name}`);
      });
      t.is(new Set(names).size, names.length);
    }
  }
});

test('one object for two rules has a name of its own, so that both forms can be there while one replaces the other', t => {
  const namesOf = (rules: Rules, parts: string[]) =>
    parts.flatMap(part =>
      partOf(part, rules, {governsSystem: true}).map(({kind, name}) => `${kind} ${name}`),
    );
  const before = namesOf(apart.rules(), [DURATIONS_PART, HOLDERS_PART]);
  const after = namesOf(asOne.rules(), [WRITES_PART]);
  t.is(before.length + after.length, 24);
  t.is(new Set([...before, ...after]).size, 24);
});
