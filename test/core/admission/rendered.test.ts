/** Rendered objects: whether one is as it should be, and in which order the others are written. */
import test from 'ava';
import fc from 'fast-check';
import type {RenderedKind} from '../../../src/api/objects.ts';
import {
  difference,
  isAsRendered,
  manifest,
  type Rendered,
  renderedView,
} from '../../../src/core/admission/rendered.ts';
import {served} from '../../support/builders.ts';

const owner = {
  apiVersion: 'leasepolicy.dev/v1alpha1',
  kind: 'LeasePolicy',
  name: 'payments',
  uid: 'policy-uid',
};

const rendered = (kind: RenderedKind, name: string, given: Partial<Rendered> = {}): Rendered => ({
  kind,
  name,
  policy: 'payments',
  owner,
  content: {spec: {failurePolicy: 'Fail', actions: ['Deny', 'Audit'], rule: {min: 1}}},
  ...given,
});

const check = rendered('ValidatingAdmissionPolicy', 'a');
const grant = rendered('RoleBinding', 'b', {
  namespace: 'shop',
  annotations: {'leasepolicy.dev/until-holder': 'api-0'},
  content: {roleRef: {kind: 'Role'}, subjects: [{name: 'x'}, {name: 'y'}]},
});

test('a manifest says whose it is, by labels and by its owner', t => {
  t.deepEqual(manifest(check) as object, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: {
      name: 'a',
      labels: {'app.kubernetes.io/managed-by': 'leasepolicy', 'leasepolicy.dev/policy': 'payments'},
      ownerReferences: [owner],
    },
    spec: check.content.spec,
  });
  t.like(manifest(grant), {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    metadata: {namespace: 'shop', annotations: {'leasepolicy.dev/until-holder': 'api-0'}},
    roleRef: {kind: 'Role'},
  });
});

test('a view keeps what is compared, and what the type check says', t => {
  const expressionWarnings = [{fieldRef: 'spec.validations[0].expression', warning: 'undefined field'}];
  const view = served(check, object => {
    object.status = {typeChecking: {expressionWarnings}};
  });
  t.deepEqual(view, {
    key: 'a',
    kind: 'ValidatingAdmissionPolicy',
    namespace: undefined,
    name: 'a',
    uid: 'uid-of-ValidatingAdmissionPolicy-a',
    resourceVersion: '7',
    policy: 'payments',
    ownerUids: ['policy-uid'],
    annotations: {},
    content: check.content,
    warnings: ['spec.validations[0].expression: undefined field'],
  });
  t.is(served(grant).key, 'shop/b');
});

test('a view of an object of nobody is total', t => {
  const metadata = {name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: ''};
  t.like(renderedView('Role', {metadata}), {policy: undefined, ownerUids: [], annotations: {}, warnings: []});
});

// biome-ignore lint/suspicious/noExplicitAny: an edit may do anything
type Edit = (object: any) => void;

const SEEN: [what: string, edit: Edit][] = [
  ['another value', each => Object.assign(each.spec, {failurePolicy: 'Ignore'})],
  ['a value that is gone', each => delete each.spec.failurePolicy],
  ['a field that was added', each => Object.assign(each.spec, {paramKind: {kind: 'ConfigMap'}})],
  ['a nested value', each => Object.assign(each.spec.rule, {min: 2})],
  ['a nested field that was added', each => Object.assign(each.spec.rule, {max: 2})],
  ['an entry that was added', each => each.spec.actions.push('Warn')],
  ['an entry that is gone', each => each.spec.actions.pop()],
  ['another order of a list', each => each.spec.actions.reverse()],
  ['a field beside spec', each => Object.assign(each, {data: {}})],
  ['a spec that is gone', each => delete each.spec],
  [
    'the label of another policy',
    each => Object.assign(each.metadata.labels, {'leasepolicy.dev/policy': 'x'}),
  ],
  ['a label that is gone', each => delete each.metadata.labels],
  ['an owner that is gone', each => delete each.metadata.ownerReferences],
  ['an owner of another uid', each => Object.assign(each.metadata.ownerReferences[0], {uid: 'x'})],
];

for (const [what, edit] of SEEN) {
  test(`${what} is seen, and is mended by force`, t => {
    const view = served(check, edit);
    t.false(isAsRendered(check, view));
    t.deepEqual(difference([check], [view]), [
      {type: 'applyObject', policy: 'payments', rendered: check, uid: view.uid},
    ]);
  });
}

const SEEN_OF_ANNOTATIONS: [what: string, edit: Edit][] = [
  ['another value', each => Object.assign(each.metadata.annotations, {'leasepolicy.dev/until-holder': 'x'})],
  ['one that is gone', each => delete each.metadata.annotations],
];
for (const [what, edit] of SEEN_OF_ANNOTATIONS) {
  test(`of an annotation of ours, ${what} is seen`, t => {
    t.true(isAsRendered(grant, served(grant)));
    t.false(isAsRendered(grant, served(grant, edit)));
  });
}

const UNSEEN: [what: string, edit: Edit][] = [
  ['nothing', () => {}],
  ['a label of others', each => Object.assign(each.metadata.labels, {team: 'a'})],
  ['an annotation of others', each => Object.assign(each.metadata, {annotations: {team: 'a'}})],
  ['a second owner', each => each.metadata.ownerReferences.push({...owner, uid: 'x'})],
  ['status', each => Object.assign(each, {status: {observedGeneration: 2}})],
  ['another version', each => Object.assign(each.metadata, {resourceVersion: '8', generation: 2})],
];

for (const [what, edit] of UNSEEN) {
  test(`${what} is no edit of ours`, t => {
    t.deepEqual(difference([check], [served(check, edit)]), []);
  });
}

const KINDS = [
  'Role',
  'ValidatingAdmissionPolicyBinding',
  'MutatingAdmissionPolicy',
  'RoleBinding',
  'ValidatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
] as const;

test('what is wanted comes first, and then the rest goes, what refuses first, bindings before their policies', t => {
  const live = KINDS.map(kind => served(rendered(kind, `old-${kind}`)));
  const actions = difference([rendered('ValidatingAdmissionPolicy', 'new')], live);
  t.deepEqual(
    actions.map(each => ('kind' in each ? `delete ${each.kind}` : each.type)),
    [
      'applyObject',
      'delete ValidatingAdmissionPolicyBinding',
      'delete ValidatingAdmissionPolicy',
      'delete MutatingAdmissionPolicyBinding',
      'delete MutatingAdmissionPolicy',
      'delete RoleBinding',
      'delete Role',
    ],
  );
});

test('what is wanted is written in the order in which it was rendered', t => {
  const wanted = [check, rendered('ValidatingAdmissionPolicyBinding', 'a'), rendered('Role', 'c')];
  t.deepEqual(
    difference(wanted, []),
    wanted.map(each => ({type: 'applyObject', policy: 'payments', rendered: each, uid: undefined})),
  );
});

test('an object that was edited is mended before anything else goes', t => {
  const edited = served(check, each => delete each.spec.failurePolicy);
  const old = served(rendered('ValidatingAdmissionPolicyBinding', 'old'));
  t.deepEqual(
    difference([check], [old, edited]).map(each => each.type),
    ['applyObject', 'deleteObject'],
  );
});

test('whatever is wanted and there, nothing goes before all that is wanted has come, no policy before its binding, and no mutation before what refuses', t => {
  const anyObjects = fc.uniqueArray(fc.tuple(fc.constantFrom(...KINDS), fc.constantFrom('a', 'b', 'c')), {
    selector: each => each.join(),
  });
  const property = fc.property(anyObjects, anyObjects, fc.boolean(), (wanted, live, isEdited) => {
    const objects = wanted.map(([kind, name]) => rendered(kind, name));
    const edit: Edit = isEdited ? each => delete each.spec.failurePolicy : () => {};
    const actions = difference(
      objects,
      live.map(([kind, name]) => served(rendered(kind, name), edit)),
    );
    const types = actions.map(each => each.type);
    const removed = actions.flatMap(each =>
      each.type === 'deleteObject' ? [`${each.kind} ${each.name}`] : [],
    );
    const ids = new Set(wanted.map(each => each.join(' ')));
    const expected = live.map(each => each.join(' ')).filter(id => !ids.has(id));
    const after = (id: string) => removed.slice(removed.indexOf(id) + 1);
    const lateBinding = removed.some(id =>
      after(id).some(other => other.startsWith(id.replace(/ .*/, 'Binding '))),
    );
    const refusesLate =
      removed.findLastIndex(id => id.startsWith('Validating')) >
      removed.findIndex(id => id.startsWith('Mutating'));
    const isLate = refusesLate && removed.some(id => id.startsWith('Mutating'));
    const comesLate = types.lastIndexOf('applyObject') > types.indexOf('deleteObject') && removed.length > 0;
    return !comesLate && !lateBinding && !isLate && `${removed.toSorted()}` === `${expected.toSorted()}`;
  });
  t.notThrows(() => fc.assert(property, {numRuns: 500}));
});

test('a removal is of the version that was seen', t => {
  t.deepEqual(difference([], [served(grant)]), [
    {
      type: 'deleteObject',
      policy: 'payments',
      kind: 'RoleBinding',
      namespace: 'shop',
      name: 'b',
      uid: 'uid-of-RoleBinding-b',
      resourceVersion: '7',
    },
  ]);
});

test('objects are told apart by kind, namespace and name', t => {
  const wanted = [rendered('Role', 'x', {namespace: 'shop'})];
  const others = [
    served(rendered('RoleBinding', 'x', {namespace: 'shop'})),
    served(rendered('Role', 'x', {namespace: 'bank'})),
    served(rendered('Role', 'y', {namespace: 'shop'})),
  ];
  const actions = difference(wanted, others);
  t.deepEqual(
    actions.map(each => each.type),
    ['applyObject', 'deleteObject', 'deleteObject', 'deleteObject'],
  );
  t.like(actions[0], {type: 'applyObject', uid: undefined});
});
