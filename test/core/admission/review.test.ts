/** The answer to a request by rules that are rendered: the API server's own steps, each where it decides. */
import test from 'ava';
import {leaseRequest, type Writer} from '../../../src/core/admission/lease-request.ts';
import type {Rendered} from '../../../src/core/admission/rendered.ts';
import {type Breach, review, verdictOf} from '../../../src/core/admission/review.ts';

const owner = {apiVersion: 'leasepolicy.dev/v1alpha1', kind: 'LeasePolicy', name: 'payments', uid: '1'};
const rule = {
  apiGroups: ['coordination.k8s.io'],
  apiVersions: ['*'],
  operations: ['CREATE', 'UPDATE'],
  resources: ['leases'],
  scope: 'Namespaced',
};
const everywhere = {namespaceSelector: {}, objectSelector: {}, resourceRules: [rule]};

type Parts = {
  policy?: object;
  binding?: object;
  validation?: object;
};

/** A policy that refuses everything, and its binding, but for what is told otherwise. */
function rendered({policy = {}, binding = {}, validation = {}}: Parts = {}): Rendered[] {
  const one = {expression: 'false', message: 'the fallback', messageExpression: '"no " + request.operation'};
  const spec = {
    failurePolicy: 'Fail',
    matchConstraints: everywhere,
    matchConditions: [{name: 'concerned', expression: 'true'}],
    validations: [{...one, ...validation}],
    ...policy,
  };
  const bound = {
    policyName: 'p',
    paramRef: {name: 'leases', parameterNotFoundAction: 'Deny'},
    matchResources: everywhere,
    validationActions: ['Deny', 'Audit'],
    ...binding,
  };
  return [
    {kind: 'ValidatingAdmissionPolicy', name: 'p', policy: 'payments', owner, content: {spec}},
    {
      kind: 'ValidatingAdmissionPolicyBinding',
      name: 'b',
      policy: 'payments',
      owner,
      content: {spec: bound},
    },
  ];
}

const REGISTRY = {names: {}, subjects: {}, exempt: [], exemptUntil: {}, allowed: '', retired: {}};
const NOON = Date.parse('2026-03-01T12:00:00Z');

const lease = (labels?: Record<string, string>) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {name: 'api', namespace: 'shop', ...(labels ? {labels} : {})},
});

type Asked = {
  after?: ReturnType<typeof lease>;
  before?: ReturnType<typeof lease>;
  registry?: typeof REGISTRY | null;
  by?: Writer;
};

function asked(parts: Parts, {after = lease(), before, registry = REGISTRY, by}: Asked = {}): Breach[] {
  const request = leaseRequest(by ?? {user: 'jane'}, after, before, {team: 'a'}, NOON);
  return review(rendered(parts), request, registry ?? undefined);
}

const messages = (parts: Parts, asking?: Asked) => asked(parts, asking).map(({message}) => message);

test('a rule that is broken is told with the objects that say so', t => {
  t.deepEqual(asked({}), [
    {
      policy: 'payments',
      admissionPolicy: 'p',
      binding: 'b',
      actions: ['Deny', 'Audit'],
      message: 'no CREATE',
    },
  ]);
  t.deepEqual(messages({}, {before: lease()}), ['no UPDATE']);
  t.deepEqual(messages({validation: {expression: 'true'}}), []);
});

for (const [what, parts] of [
  [
    'another operation',
    {policy: {matchConstraints: {...everywhere, resourceRules: [{...rule, operations: ['UPDATE']}]}}},
  ],
  [
    'another resource',
    {policy: {matchConstraints: {...everywhere, resourceRules: [{...rule, resources: ['pods']}]}}},
  ],
  [
    'another namespace',
    {policy: {matchConstraints: {...everywhere, namespaceSelector: {matchLabels: {team: 'b'}}}}},
  ],
  [
    'another namespace of the binding',
    {binding: {matchResources: {...everywhere, namespaceSelector: {matchLabels: {team: 'b'}}}}},
  ],
  [
    'another operation of the binding',
    {binding: {matchResources: {...everywhere, resourceRules: [{...rule, operations: ['UPDATE']}]}}},
  ],
  ['a binding of another policy', {binding: {policyName: 'q'}}],
  ['a condition that is false', {policy: {matchConditions: [{name: 'concerned', expression: 'false'}]}}],
  [
    'a false condition beside one that is an error',
    {
      policy: {
        matchConditions: [
          {name: 'a', expression: 'object.none'},
          {name: 'b', expression: 'false'},
        ],
      },
    },
  ],
] as const) {
  test(`${what} is not concerned`, t => {
    t.deepEqual(asked(parts), []);
  });
}

test('of an update either version is enough for a selector of objects', t => {
  const selector = {matchConstraints: {...everywhere, objectSelector: {matchLabels: {a: 'b'}}}};
  t.deepEqual(messages({policy: selector}, {before: lease({a: 'b'})}), ['no UPDATE']);
  t.deepEqual(messages({policy: selector}, {after: lease({a: 'b'}), before: lease()}), ['no UPDATE']);
  t.deepEqual(messages({policy: selector}, {before: lease()}), []);
  t.deepEqual(messages({policy: selector}), []);
});

test('without a registry the binding decides, and only where the policy may fail', t => {
  const without = {registry: null};
  const [breach] = asked({binding: {validationActions: ['Warn']}}, without);
  t.deepEqual(breach?.actions, ['Deny']);
  t.regex(breach?.message ?? '', /^failed to configure binding: no params found/);
  t.deepEqual(asked({policy: {failurePolicy: 'Ignore'}}, without), []);
  const allows = {paramRef: {name: 'leases', parameterNotFoundAction: 'Allow'}};
  t.deepEqual(asked({binding: allows}, without), []);
});

for (const [what, parts, sentence] of [
  [
    'a validation',
    {validation: {expression: 'object.none == 1'}},
    /^expression 'object\.none == 1' resulted in error: /,
  ],
  [
    'a condition',
    {policy: {matchConditions: [{name: 'a', expression: 'object.none == 1'}]}},
    /No such key: none/,
  ],
] as const) {
  test(`what can't be computed in ${what} is refused by a policy that may fail, and else ignored`, t => {
    t.regex(messages(parts)[0] ?? '', sentence);
    t.deepEqual(
      messages({...parts, policy: {...('policy' in parts ? parts.policy : {}), failurePolicy: 'Ignore'}}),
      [],
    );
  });
}

for (const [what, messageExpression] of [
  ["that can't be computed", 'object.none'],
  ['that is empty', '"  "'],
  ['that is no text', '1'],
  ['of two lines', '"a\\nb"'],
  ['that is too long', `"${'a'.repeat(5121)}"`],
] as const) {
  test(`a message ${what} gives way to the one beside it`, t => {
    t.deepEqual(messages({validation: {messageExpression}}), ['the fallback']);
  });
}

test('variables know those before them, and one that is an error is one only where it is asked for', t => {
  const variables = [
    {name: 'name', expression: 'object.metadata.name'},
    {name: 'broken', expression: 'object.none'},
    {name: 'twice', expression: 'variables.name + variables.name'},
  ];
  const [policy, validation] = [{variables}, {messageExpression: 'variables.twice'}];
  t.deepEqual(messages({policy, validation}), ['apiapi']);
  t.regex(
    messages({policy, validation: {expression: 'variables.broken == 1'}})[0] ?? '',
    /resulted in error/,
  );
});

test('the object is as the server has it: with a spec, a time, and without what is empty', t => {
  const told = (expression: string, asking?: Asked) =>
    messages({validation: {expression}}, asking).length === 0;
  t.true(told('has(object.spec) && object.metadata.creationTimestamp == "2026-03-01T12:00:00Z"'));
  t.true(told('!has(object.metadata.labels)', {after: lease({})}));
  t.true(told('oldObject == null'));
  t.true(told('oldObject != null && has(oldObject.spec)', {before: lease()}));
});

test('a service account has the groups of its authenticator, and the Pod of its token', t => {
  const told = (expression: string, by: Writer) => messages({validation: {expression}}, {by}).length === 0;
  const user = 'system:serviceaccount:shop:api';
  t.true(told('"system:serviceaccounts:shop" in request.userInfo.groups', {user}));
  t.true(told('"system:authenticated" in request.userInfo.groups', {user: 'jane'}));
  t.false(told('"system:serviceaccounts" in request.userInfo.groups', {user: 'jane'}));
  t.true(told('!has(request.userInfo.extra)', {user}));
  const pod = 'request.userInfo.extra["authentication.kubernetes.io/pod-name"][0] == "api-1"';
  t.true(told(pod, {user, pod: 'api-1'}));
  t.true(told('!has(request.options.fieldManager)', {user}));
  t.true(told('request.options.fieldManager == "me"', {user, fieldManager: 'me'}));
});

test('a refusal weighs more than a warning, and what is audited is allowed', t => {
  t.is(verdictOf([]), 'Allow');
  t.is(verdictOf([{actions: ['Audit']}]), 'Allow');
  t.is(verdictOf([{actions: ['Audit']}, {actions: ['Warn', 'Audit']}]), 'Warn');
  t.is(verdictOf([{actions: ['Warn', 'Audit']}, {actions: ['Deny', 'Audit']}]), 'Deny');
});
