/** Access: who may write a Lease, and for how long. */
import test from 'ava';
import type {RenderedView} from '../../../src/core/admission/rendered.ts';
import type {LeaseView} from '../../../src/core/lease/lifetime.ts';
import {
  type AccessObservation,
  accessActions,
  accessName,
  leaseOfAccess,
} from '../../../src/core/plan/access.ts';
import {lease, only, policy, served, workload} from '../../support/builders.ts';

const NAME = 'payments-14c2529eb4';
const HOLDER = 'api-5d8f-x2x4z';
const rules = policy().granting().rules();
const claimOfAccount = (account: string) => workload('api').runningAs(account).under(rules);
const claim = claimOfAccount('old');
const owned = lease().made();
const held = owned.heldBy(HOLDER);

const actions = (given: Partial<AccessObservation>) =>
  accessActions({
    lease: owned,
    rules,
    claim,
    readable: true,
    role: undefined,
    binding: undefined,
    ...given,
  });

test('as long as Roles can not be read nothing is granted and nothing taken away', t => {
  t.deepEqual(actions({readable: false}), []);
  t.deepEqual(actions({readable: false, rules: policy().rules()}), []);
});

/** What is there after the actions for this. */
function granted(given: Partial<AccessObservation> = {}): {role: RenderedView; binding: RenderedView} {
  const applied = only(actions(given), 'applyObject').map(each => served(each.rendered));
  const role = applied.find(each => each.kind === 'Role') ?? given.role;
  const binding = applied.find(each => each.kind === 'RoleBinding') ?? given.binding;
  if (!role || !binding) throw new Error('nothing is granted');
  return {role, binding};
}

const accounts = ({binding}: {binding: RenderedView}) =>
  (binding.content.subjects as {namespace: string; name: string}[]).map(
    each => `${each.namespace}/${each.name}`,
  );

test('the service account of the workload gets a Role on its one Lease, which goes with the Lease', t => {
  const common = {
    namespace: 'shop',
    name: `leasepolicy-${NAME}`,
    policy: 'payments',
    owner: {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', name: NAME, uid: 'lease-uid'},
  };
  const rule = {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: [NAME],
    verbs: ['get', 'watch', 'update', 'patch'],
  };
  const roleRef = {apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: common.name};
  const subjects = [{kind: 'ServiceAccount', name: 'old', namespace: 'shop'}];
  t.deepEqual(
    only(actions({}), 'applyObject').map(each => each.rendered as object),
    [
      {...common, kind: 'Role', content: {rules: [rule]}},
      {
        ...common,
        kind: 'RoleBinding',
        annotations: {'leasepolicy.dev/service-account': 'shop/old'},
        content: {roleRef, subjects},
      },
    ],
  );
});

test('nobody may create, delete or list Leases', t => {
  const [{verbs} = {verbs: []}] = granted().role.content.rules as {verbs: string[]}[];
  for (const verb of ['create', 'delete', 'deletecollection', 'list', '*'])
    t.false(verbs.includes(verb), verb);
});

test('a workload in another namespace than its Lease is granted there', t => {
  const elsewhere = policy().leasesIn('leases').hashing('namespace', 'name').granting().rules();
  const given = {
    lease: owned.in('leases'),
    rules: elsewhere,
    claim: workload('api').runningAs('app').under(elsewhere),
  };
  const found = granted(given);
  t.is(found.role.namespace, 'leases');
  t.deepEqual(accounts(found), ['shop/app']);
});

const there = granted();

const KEPT: [when: string, given: Partial<AccessObservation>][] = [
  ['nothing has changed', {}],
  ['the Lease is held', {lease: held}],
  ['the subject is gone or has another name: Pods still have to release it', {claim: undefined}],
  ['a Lease that was found is held by its subject', {lease: lease().adopted()}],
];
for (const [when, given] of KEPT) {
  test(`a grant stays as it is when ${when}`, t => {
    t.deepEqual(actions({...there, ...given}), []);
  });
}

const REMOVED: [when: string, given: Partial<AccessObservation>][] = [
  ['the policy grants no more', {rules: policy().rules()}],
  ['the policy grants no more, and the subject is gone', {rules: policy().rules(), claim: undefined}],
  ['the policy is gone', {rules: undefined, claim: undefined}],
  ['the Lease is nobody’s, and not ours', {lease: lease(), claim: undefined}],
];
for (const [when, given] of REMOVED) {
  test(`a grant is removed, the binding first, when ${when}`, t => {
    t.deepEqual(
      only(actions({...there, ...given}), 'deleteObject').map(each => each.kind),
      ['RoleBinding', 'Role'],
    );
    t.deepEqual(actions({...given}), [], 'and then nothing is left to do');
  });
}

test('after a Lease that is gone the collector of the API server removes them', t => {
  t.deepEqual(actions({lease: undefined}), []);
  t.deepEqual(actions({...there, lease: undefined, rules: undefined}), []);
});

test('a half of the grant that is missing is made anew, and the other is left alone', t => {
  const kinds = (given: Partial<AccessObservation>) =>
    only(actions({...there, ...given}), 'applyObject').map(each => each.rendered.kind);
  t.deepEqual(kinds({role: undefined}), ['Role']);
  t.deepEqual(kinds({binding: undefined}), ['RoleBinding']);
});

test('a Lease that was made anew gets a grant of its own', t => {
  const again: LeaseView = owned.with({uid: 'another'});
  t.is(only(actions({...there, lease: again}), 'applyObject').length, 2);
});

// A service account that changes

const changed = claimOfAccount('new');
const both = granted({...there, lease: held, claim: changed});

test('while the Lease is held, the old account keeps its grant beside the new one', t => {
  t.deepEqual(accounts(both), ['shop/new', 'shop/old']);
  t.deepEqual(both.binding.annotations, {
    'leasepolicy.dev/service-account': 'shop/new',
    'leasepolicy.dev/former-service-account': 'shop/old',
    'leasepolicy.dev/until-holder': HOLDER,
  });
  t.deepEqual(actions({...both, lease: held, claim: changed}), [], 'and then it is as it should be');
});

const ENDS: [when: string, view: LeaseView][] = [
  ['another Pod holds the Lease', held.heldBy('api-6e9a-aaaaa')],
  ['the Lease is released', owned.released()],
];
for (const [when, view] of ENDS) {
  test(`the old account loses its grant when ${when}`, t => {
    const given = {...both, lease: view, claim: changed};
    const after = granted(given);
    t.deepEqual(accounts(after), ['shop/new']);
    t.deepEqual(after.binding.annotations, {'leasepolicy.dev/service-account': 'shop/new'});
    t.deepEqual(actions({...after, lease: view, claim: changed}), []);
  });
}

test('when nobody holds the Lease, the account changes at once', t => {
  t.deepEqual(accounts(granted({...there, claim: changed})), ['shop/new']);
});

test('of several changes during one hold one former account stays until the holder changes', t => {
  const newest = claimOfAccount('newest');
  const two = granted({...both, lease: held, claim: newest});
  t.deepEqual(accounts(two), ['shop/newest', 'shop/old']);
  t.deepEqual(actions({...two, lease: held, claim: newest}), []);
  const later = {...two, lease: held.heldBy('api-6e9a-aaaaa'), claim: newest};
  t.deepEqual(accounts(granted(later)), ['shop/newest']);
});

test('back to the old account in the same hold, it is the only one', t => {
  const back = granted({...both, lease: held, claim});
  t.deepEqual(accounts(back), ['shop/old']);
  t.deepEqual(actions({...back, lease: held, claim}), []);
});

test('a subject that somebody has added is taken out', t => {
  const {binding, role} = there;
  const subjects = [
    ...(binding.content.subjects as object[]),
    {kind: 'ServiceAccount', name: 'x', namespace: 'x'},
  ];
  const edited = {...binding, content: {...binding.content, subjects}};
  t.deepEqual(accounts(granted({role, binding: edited, lease: held})), ['shop/old']);
});

// Subjects that somebody has edited

const withSubjects = ({role, binding}: typeof there, ...names: string[]) => {
  const subjects = names.map(name => ({kind: 'ServiceAccount', name, namespace: 'shop'}));
  return {role, binding: {...binding, content: {...binding.content, subjects}}};
};

const EDITED: [what: string, names: string[]][] = [
  ['another account alone', ['intruder']],
  ['another account before the right one', ['intruder', 'old']],
  ['nobody', []],
];
for (const [what, subjects] of EDITED) {
  test(`a grant that was edited to ${what} is for its account again, also while the Lease is held`, t => {
    const edited = withSubjects(there, ...subjects);
    for (const view of [owned, held]) {
      const after = granted({...edited, lease: view});
      t.deepEqual(accounts(after), ['shop/old']);
      t.deepEqual(after.binding.annotations, there.binding.annotations);
    }
  });

  test(`a grant that was edited to ${what} names two accounts after a change in a hold, and no third`, t => {
    const edited = withSubjects(there, ...subjects);
    t.deepEqual(accounts(granted({...edited, lease: held, claim: changed})), ['shop/new', 'shop/old']);
    const later = withSubjects(both, ...subjects);
    t.deepEqual(accounts(granted({...later, lease: held, claim: changed})), ['shop/new', 'shop/old']);
  });
}

test('a grant that says of no account whom it was for is for the present one alone', t => {
  const edited = withSubjects(there, 'intruder');
  const {role} = edited;
  const binding = {...edited.binding, annotations: {}};
  t.deepEqual(accounts(granted({role, binding, lease: held, claim: changed})), ['shop/new']);
});

test('the name of a grant says which Lease it is for', t => {
  t.is(leaseOfAccess(accessName(NAME)), NAME);
});
