/** What is rendered from a policy: which objects, where they are bound, and what can't change what they say. */
import test from 'ava';
import fc from 'fast-check';
import type {EnforcementAction, FailurePolicy} from '../../src/api/enforcement.ts';
import type {LabelSelector} from '../../src/api/leasepolicy.ts';
import type {AdmissionContext} from '../../src/core/admission/frame.ts';
import {lenientNamespaces} from '../../src/core/admission/frame.ts';
import {canInject} from '../../src/core/admission/injection.ts';
import {renderAdmission} from '../../src/core/admission/render.ts';
import {isAsRendered, type Rendered} from '../../src/core/rendered.ts';
import type {Rules} from '../../src/core/rules.ts';
import {compileSelector, type Labels} from '../../src/core/selector.ts';
import {admissionContext, policy, served} from '../support/builders.ts';
import {read} from './cel-text.ts';

const VAP = 'ValidatingAdmissionPolicy';
const MAP = 'MutatingAdmissionPolicy';

function rendered(rules: Rules, given: Partial<AdmissionContext> = {}): Rendered[] {
  return renderAdmission(rules, admissionContext(given)).flatMap(({objects}) => objects);
}
/** The objects of one part, such as injection. */
function partOf(part: string, rules: Rules, given: Partial<AdmissionContext> = {}): Rendered[] {
  const found = renderAdmission(rules, admissionContext(given)).find(each => each.part === part);
  return [...(found?.objects ?? [])];
}
const titles = (objects: readonly Rendered[]) =>
  objects.map(({kind, name}) => `${kind} ${name.replace('leasepolicy-', '').replace('-payments', '')}`);

type BindingSpec = {
  policyName: string;
  paramRef: {name: string; parameterNotFoundAction: string};
  matchResources: {namespaceSelector: LabelSelector; objectSelector: LabelSelector; matchPolicy: string};
  validationActions?: string[];
};
type PolicySpec = {
  failurePolicy: string;
  matchConstraints: {resourceRules: {operations: string[]; resources: string[]}[]};
  matchConditions: {name: string; expression: string}[];
  validations?: {expression: string; message: string; messageExpression: string; reason: string}[];
};
const bindings = (objects: readonly Rendered[]) =>
  objects.filter(({kind}) => kind.endsWith('Binding')).map(({content}) => content.spec as BindingSpec);
function policySpec(objects: readonly Rendered[], kind: string = VAP): PolicySpec {
  const found = objects.find(each => each.kind === kind);
  if (!found) throw new Error(`there is no ${kind}`);
  return found.content.spec as PolicySpec;
}

/** All conditions in one text. */
const conditionOf = (objects: readonly Rendered[]) =>
  policySpec(objects)
    .matchConditions.map(each => each.expression)
    .join(' && ');

// Which objects there are

const ALWAYS = [`${VAP} names`, `${VAP}Binding names`, `${VAP} durations`, `${VAP}Binding durations`];
const HOLDERS = [`${VAP} holders`, `${VAP}Binding holders`];
const MUTATION = [`${MAP} pods`, `${MAP}Binding pods`];
const GUARD = [`${VAP} pods`, `${VAP}Binding pods`];
const SETS_GUARD = [`${VAP} pods`, `${VAP}Binding pods.sets`];

const OBJECTS: [what: string, rules: Rules, expected: string[]][] = [
  ['the defaults', policy().rules(), ALWAYS],
  ['a policy that checks holders', policy().enforcing({holders: 'Audit'}).rules(), [...ALWAYS, ...HOLDERS]],
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
    [...ALWAYS, ...MUTATION, ...GUARD, `${VAP}Binding pods.sets`],
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

test('every object belongs to its policy, has a name of its own, and is as rendered once it is there', t => {
  const objects = rendered(everything.rules(), {governsSystem: true});
  t.is(new Set(objects.map(({kind, name}) => `${kind}/${name}`)).size, objects.length);
  for (const each of objects) {
    t.is(each.policy, 'payments');
    t.is(each.owner.uid, 'policy-uid');
    t.is(each.namespace, undefined);
    t.true(isAsRendered(each, served(each)), each.name);
  }
});

test('every binding is of a policy that is rendered before it, and names the registry', t => {
  const seen = new Set<string>();
  for (const {kind, name, content} of rendered(everything.rules(), {governsSystem: true})) {
    if (!kind.endsWith('Binding')) seen.add(`${kind}Binding ${name}`);
    else {
      const {policyName, paramRef} = content.spec as BindingSpec;
      t.true(seen.has(`${kind} ${policyName}`), name);
      t.is(paramRef.name, 'leases');
    }
  }
});

test('only Pods of kinds that name their workload can be told', t => {
  for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet']) t.true(canInject('apps/v1', kind), kind);
  for (const kind of ['ReplicaSet', 'constructor', 'CronJob']) t.false(canInject('apps/v1', kind), kind);
  t.false(canInject('apps.kruise.io/v1alpha1', 'StatefulSet'));
});

test('creations are checked for their name; creations and updates for duration and holder', t => {
  const rules = policy().enforcing({holders: 'Warn'}).injecting().rules();
  const operations = (part: string) => policySpec(partOf(part, rules)).matchConstraints.resourceRules[0];
  t.like(operations('enforcement.names'), {operations: ['CREATE'], resources: ['leases']});
  t.like(operations('enforcement.durationSeconds'), {
    operations: ['CREATE', 'UPDATE'],
    resources: ['leases'],
  });
  t.like(operations('enforcement.holders'), {operations: ['CREATE', 'UPDATE'], resources: ['leases']});
  t.like(operations('injection'), {operations: ['CREATE'], resources: ['pods']});
});

test('no check of Leases is in the way of the operator or of the control plane', t => {
  const rules = policy().enforcing({names: 'Deny', holders: 'Deny'}).rules();
  for (const part of ['enforcement.names', 'enforcement.durationSeconds', 'enforcement.holders']) {
    const {literals} = read(conditionOf(partOf(part, rules)));
    for (const value of [
      'system:serviceaccount:leasepolicy-system:leasepolicy',
      'leasepolicy-system',
      'system:nodes',
      'system:apiserver',
      'system:kube-controller-manager',
      'system:kube-scheduler',
      'system:serviceaccount:kube-system:namespace-controller',
      'kube-scheduler',
      'apiserver.kubernetes.io/identity',
    ])
      t.true(literals.includes(value), `${part}: ${value}`);
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
    const durationSeconds = {min: 1, max: 9, action};
    const rules = policy().enforcing({holders: action, durationSeconds, failurePolicy}).rules();
    for (const part of ['enforcement.durationSeconds', 'enforcement.holders']) {
      const objects = partOf(part, rules, {governsSystem: true});
      for (const binding of bindings(objects)) {
        t.deepEqual(
          [
            binding.validationActions?.join(),
            policySpec(objects).failurePolicy,
            binding.paramRef.parameterNotFoundAction,
          ],
          expected,
        );
      }
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
  const objects = partOf('enforcement.durationSeconds', policy().allowing(5, 300).rules());
  const {validations} = policySpec(objects);
  t.regex(conditionOf(objects), /< 5 \|\| .* > 300\)/);
  t.regex(validations?.[0]?.messageExpression ?? '', /LeasePolicy payments allows 5 to 300/);
  t.regex(validations?.[0]?.message ?? '', /5 to 300/);
});

// Where it is bound

const OPERATOR = 'leasepolicy-system';
const TEAM_A: LabelSelector = {matchLabels: {team: 'a'}};
const withName = (name: string, labels: Labels) => ({...labels, 'kubernetes.io/metadata.name': name});

/** The bindings in whose scope a namespace is, with what they do where the registry is missing. */
function scopesOf(objects: readonly Rendered[], name: string, labels: Labels): string[] {
  return objects.flatMap(({kind, name: objectName, content}) => {
    if (!kind.endsWith('Binding')) return [];
    const {matchResources, paramRef} = content.spec as BindingSpec;
    const matches = compileSelector(matchResources.namespaceSelector, 'namespaceSelector');
    if (typeof matches === 'string') throw new Error(matches);
    if (!matches(withName(name, labels))) return [];
    // leasepolicy-names.system-payments: what stands behind the part.
    const suffix = /^leasepolicy-[a-z]+(\.[a-z]+)?-/.exec(objectName)?.[1] ?? 'main';
    return [`${suffix} ${paramRef.parameterNotFoundAction}`];
  });
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
    });
  }
}

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
    fc.option(anyNamespace, {nil: ''}),
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
  const guards = partOf('injection', rules).filter(({kind}) => kind === `${VAP}Binding`);
  t.deepEqual(
    bindings(guards).map(each => each.matchResources.objectSelector),
    [
      {matchExpressions: [{key: 'pod-template-hash', operator: 'Exists'}]},
      {matchExpressions: [{key: 'controller-revision-hash', operator: 'Exists'}]},
    ],
  );
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
  const names = ['payments', 'payments-system', 'system-payments', 'payments-fixed', 'payments-sets'].flatMap(
    name => {
      const rules = policy(name).enforcing({names: 'Deny', holders: 'Deny'}).injecting().leasesIn('leases');
      const parts = renderAdmission(
        rules.hashing('namespace', 'name').rules(),
        admissionContext({governsSystem: true}),
      );
      return parts.flatMap(({objects}) => objects.map(each => `${each.kind} ${each.name}`));
    },
  );
  t.is(new Set(names).size, names.length);
});
