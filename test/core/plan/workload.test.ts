/** What a workload gets: a Lease, an adoption, a hand-over between two names. */
import test from 'ava';
import fc from 'fast-check';
import type {LeaseView} from '../../../src/core/lease/lifetime.ts';
import type {ClaimView} from '../../../src/core/plan/claim-plan.ts';
import {planWorkload, type WorkloadObservation} from '../../../src/core/plan/workload.ts';
import {ago, lease, micro, now, only, policy, steps, workload} from '../../support/builders.ts';

const NAME = 'payments-14c2529eb4';
const POD = 'api-5d8f-x2x4z';
const rules = policy().rules();
const claim = workload('api').under(rules);

const view = (given: Partial<ClaimView> = {}): ClaimView => ({
  claim,
  rules,
  winner: claim,
  lease: undefined,
  predecessors: [],
  namespace: 'active',
  retiredTransitions: 0,
  notAdopted: undefined,
  ...given,
});

const plan = (given: Partial<ClaimView> = {}, around: Partial<WorkloadObservation> = {}) =>
  planWorkload({workload: claim.workload, claims: [view(given)], ...around}, now);

const ABOUT = {apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'api', uid: 'uid-of-api'};
const NOTHING = {actions: [], findings: [], requeueAfterMs: undefined};

// Creation

test('a workload without its Lease gets one, and an Event says so', t => {
  t.deepEqual(plan().actions, [
    {
      type: 'createLease',
      policy: 'payments',
      namespace: 'shop',
      name: NAME,
      labels: {
        'app.kubernetes.io/managed-by': 'leasepolicy',
        'leasepolicy.dev/policy': 'payments',
        'leasepolicy.dev/origin': 'created',
        'leasepolicy.dev/naming': 'v1',
      },
      annotations: {'leasepolicy.dev/subject': 'Deployment/api'},
      record: {leaseDurationSeconds: 15},
    },
    {
      type: 'emitEvent',
      policy: 'payments',
      about: ABOUT,
      severity: 'Normal',
      reason: 'LeaseCreated',
      message: `created Lease ${NAME}`,
    },
  ]);
});

test('a new Lease has the labels and the duration that the policy gives', t => {
  const given = policy()
    .leases({labels: {team: 'a'}, durationSeconds: 30})
    .rules();
  const [create] = only(plan({rules: given}).actions, 'createLease');
  t.is(create?.labels.team, 'a');
  t.is(create?.record.leaseDurationSeconds, 30);
});

test('a name that comes back goes on with its fencing counter', t => {
  const [create] = only(plan({retiredTransitions: 41}).actions, 'createLease');
  t.deepEqual(create?.record, {leaseDurationSeconds: 15, leaseTransitions: 41});
});

test('a new name goes on with the highest counter of its subject', t => {
  const predecessors = [
    lease().named('a').made().afterTransitions(3),
    lease().named('b').made().afterTransitions(50),
  ];
  const [create] = only(plan({predecessors, retiredTransitions: 41}).actions, 'createLease');
  t.is(create?.record.leaseTransitions, 50);
});

test('a policy that does not create tells of the missing Lease', t => {
  const {actions, findings} = plan({rules: policy().leases({create: false}).rules()});
  t.deepEqual(actions, []);
  t.like(findings[0], {policy: 'payments', reason: 'MissingLease', about: ABOUT});
});

test('the younger of two workloads with one name gets a finding and no Lease', t => {
  const winner = workload('older').under(rules);
  const {actions, findings} = plan({winner});
  t.deepEqual(actions, []);
  t.is(findings.length, 1);
  t.like(findings[0], {reason: 'NameCollision', about: ABOUT});
  t.regex(findings[0]?.message ?? '', /Deployment\/older/);
});

test('the younger of two workloads does not touch the Lease of the older', t => {
  const winner = workload('older').under(rules);
  t.deepEqual(plan({winner, lease: lease().released()}).actions, []);
});

test('a workload that can have no name gets the finding that says why', t => {
  const nameless = workload('api').under(policy().template('{label:tier}-{hash}').rules());
  const {actions, findings} = plan({claim: nameless, winner: undefined});
  t.deepEqual(actions, []);
  t.like(findings, {length: 1, 0: {reason: 'InvalidName', about: ABOUT}});
});

test('where no registry allows a name yet nothing is done, until the registry wakes the workload', t => {
  t.deepEqual(plan({namespace: 'unregistered'}), NOTHING);
});

const GOING: Record<string, Partial<WorkloadObservation>> = {
  'that is gone': {workload: undefined},
  'that is being deleted': {workload: workload('api').beingDeleted()},
  'whose Lease is in a namespace that is being deleted': {claims: [view({namespace: 'terminating'})]},
};

for (const [what, around] of Object.entries(GOING)) {
  test(`a workload ${what} gets nothing`, t => {
    t.like(plan({}, around), {actions: [], findings: []});
  });
}

test('a missing namespace is a finding, and the other policies of the workload go on', t => {
  const {actions, findings} = plan({}, {claims: [view({namespace: 'missing'}), view()]});
  t.like(findings, {length: 1, 0: {reason: 'NamespaceMissing', about: ABOUT}});
  t.regex(findings[0]?.message ?? '', /namespace shop, which does not exist: create it/);
  t.is(only(actions, 'createLease').length, 1);
});

test('a workload has one Lease from each of its policies, and the sooner wait counts', t => {
  const billing = policy('billing').prefixed('billing').leases({durationSeconds: 30}).rules();
  const second = workload('api').under(billing);
  const held = lease().named('old').heldBy(POD);
  const claims = [
    view({predecessors: [held]}),
    view({claim: second, rules: billing, winner: second, predecessors: [held]}),
  ];
  const {actions, requeueAfterMs} = plan({}, {claims});
  t.deepEqual(
    only(actions, 'createLease').map(each => each.name),
    [NAME, 'billing-14c2529eb4'],
  );
  t.is(requeueAfterMs, 5000);
});

// Adoption

test('a Lease that is as it should be is left alone', t => {
  for (const each of [
    lease().made(),
    lease().adopted(),
    lease().made().heldBy(POD),
    lease().made().released(),
  ]) {
    t.deepEqual(plan({lease: each}), NOTHING);
  }
});

test('adoption writes labels and the subject, and nothing else', t => {
  const {actions} = plan({lease: lease().heldBy(POD)});
  t.deepEqual(steps(actions), ['adopt', 'emitEvent']);
  t.deepEqual(only(actions, 'labelLease'), [
    {
      type: 'labelLease',
      purpose: 'adopt',
      policy: 'payments',
      namespace: 'shop',
      name: 'payments-14c2529eb4',
      uid: 'lease-uid',
      labels: {
        'app.kubernetes.io/managed-by': 'leasepolicy',
        'leasepolicy.dev/policy': 'payments',
        'leasepolicy.dev/origin': 'adopted',
        'leasepolicy.dev/naming': 'v1',
      },
      annotations: {'leasepolicy.dev/subject': 'Deployment/api'},
    },
  ]);
});

const HELM = {'app.kubernetes.io/managed-by': 'Helm'};

test('a Lease that is managed by Helm stays so when it is adopted, and is then left alone', t => {
  const ofHelm = lease().heldBy(POD).with({labels: HELM});
  const [label] = only(plan({lease: ofHelm}).actions, 'labelLease');
  t.deepEqual(label?.labels, {
    ...HELM,
    'leasepolicy.dev/policy': 'payments',
    'leasepolicy.dev/origin': 'adopted',
    'leasepolicy.dev/naming': 'v1',
  });
  const adopted = lease().adopted().heldBy(POD);
  t.deepEqual(plan({lease: adopted.with({labels: {...adopted.labels, ...HELM}})}), NOTHING);
});

test('a Lease that is managed by Helm stays so when it is labelled anew', t => {
  const other = lease().adopted('billing');
  const [label] = only(plan({lease: other.with({labels: {...other.labels, ...HELM}})}).actions, 'labelLease');
  t.like(label?.labels, {...HELM, 'leasepolicy.dev/policy': 'payments'});
});

const NAMING = 'leasepolicy.dev/naming';
const SQUATTED: Record<string, ReturnType<typeof lease>> = {
  'the label of another policy': lease().with({labels: {'leasepolicy.dev/policy': 'bogus'}}),
  'an empty label': lease().with({labels: {'leasepolicy.dev/policy': '', team: 'a'}}),
  'another version of the names': lease().with({labels: {[NAMING]: 'v0'}}),
  'another subject': lease().with({subject: 'Deployment/web'}),
};
for (const [what, each] of Object.entries(SQUATTED)) {
  test(`on a Lease of somebody else with ${what}, what is ours alone is written first, in spite of anybody`, t => {
    const {actions} = plan({lease: each.heldBy('bob')});
    t.deepEqual(steps(actions), ['overwrite', 'adopt', 'emitEvent']);
    const [overwrite] = only(actions, 'labelLease');
    t.deepEqual(overwrite?.labels, {'leasepolicy.dev/policy': 'payments', [NAMING]: 'v1'});
    t.deepEqual(overwrite?.annotations, {'leasepolicy.dev/subject': 'Deployment/api'});
  });
}

test('what is ours alone is written once, while the other labels wait for whoever manages them', t => {
  const labels = {'leasepolicy.dev/policy': 'payments', [NAMING]: 'v1', team: 'bobs'};
  const each = lease().with({labels, subject: 'Deployment/api'});
  t.deepEqual(steps(plan({lease: each}).actions), ['adopt', 'emitEvent']);
});

test('without adoption a label that hides the Lease from its policy is overwritten, and nothing else', t => {
  const rules = policy().leases({adopt: false}).rules();
  const hidden = lease().with({labels: {'leasepolicy.dev/policy': 'bogus', [NAMING]: 'v0'}, subject: 'x'});
  const {actions} = plan({lease: hidden, rules});
  t.deepEqual(steps(actions), ['overwrite']);
  t.deepEqual(only(actions, 'labelLease')[0]?.labels, {'leasepolicy.dev/policy': 'payments'});
  t.deepEqual(only(actions, 'labelLease')[0]?.annotations, {});
  const found = lease().with({labels: {'leasepolicy.dev/policy': 'payments'}});
  t.deepEqual(plan({lease: found, rules}), NOTHING);
});

test('a Lease that others keep from being adopted is a finding of its workload, and is tried again', t => {
  const notAdopted = 'metadata.labels.team is that of "helm"';
  const {actions, findings} = plan({lease: lease(), notAdopted});
  t.deepEqual(steps(actions), ['adopt', 'emitEvent']);
  t.deepEqual(findings, [
    {
      policy: 'payments',
      reason: 'AdoptionConflict',
      about: ABOUT,
      message: `Lease ${NAME} is not adopted: ${notAdopted}; take the label from lease.labels of the policy, or from the Lease`,
    },
  ]);
  t.deepEqual(plan({lease: lease().adopted(), notAdopted}), NOTHING);
});

test('what others may refuse is written after the records, which it would make another version', t => {
  const seal = lease().named('payments-old').made().keptClosedFor(NAME).renewed(ago(60));
  const {actions} = plan({lease: lease(), predecessors: [seal]});
  t.deepEqual(steps(actions), ['renew', 'adopt', 'emitEvent']);
  const closed = lease().made().with({subject: 'x'}).keptClosedFor('payments-old');
  t.deepEqual(steps(plan({lease: closed}).actions), ['open', 'label']);
});

test('a policy that does not adopt leaves the Lease of somebody else alone', t => {
  t.deepEqual(plan({lease: lease().heldBy(POD), rules: policy().leases({adopt: false}).rules()}), NOTHING);
});

const MENDED: Record<string, LeaseView> = {
  'of another policy': lease().made('billing'),
  'of another subject': lease().made('payments', 'Deployment/web'),
  'whose workload came back within the ttl': lease().made().orphaned(ago(60)),
};

for (const [what, each] of Object.entries(MENDED)) {
  test(`a Lease ${what} is labelled anew and stays created by us`, t => {
    const {actions} = plan({lease: each});
    t.deepEqual(steps(actions), ['label']);
    const [label] = only(actions, 'labelLease');
    t.is(label?.labels['leasepolicy.dev/policy'], 'payments');
    t.is(label?.labels['leasepolicy.dev/origin'], 'created');
    t.deepEqual(label?.annotations, {'leasepolicy.dev/subject': 'Deployment/api'});
  });
}

test('a label that the policy has newly is written on its Leases', t => {
  const {actions} = plan({
    lease: lease().made(),
    rules: policy()
      .leases({labels: {team: 'a'}})
      .rules(),
  });
  t.deepEqual(steps(actions), ['label']);
});

// Renaming

const old = lease().named('payments-old').made().afterTransitions(7);
const oldHeld = old.heldBy(POD);

test('while the old name is held, the new one is created closed', t => {
  const {actions, requeueAfterMs} = plan({predecessors: [oldHeld]});
  t.deepEqual(steps(actions), ['createLease', 'emitEvent']);
  t.deepEqual(only(actions, 'createLease')[0]?.record, {
    holderIdentity: 'leasepolicy-rename_payments-old',
    leaseDurationSeconds: 3600,
    leaseTransitions: 7,
    acquireTime: micro(now),
    renewTime: micro(now),
  });
  t.is(requeueAfterMs, 5000, 'a third of the duration of the policy');
});

test('the Event of a new name that stays closed says for whom', t => {
  const [event] = only(plan({predecessors: [oldHeld]}).actions, 'emitEvent');
  t.regex(event?.message ?? '', new RegExp(`stays closed until ${POD} gives up payments-old`));
});

test('while the old name is not understood, the new one is created closed', t => {
  const unclear = old.heldBy(POD).with({renewTime: undefined});
  const [create] = only(plan({predecessors: [unclear]}).actions, 'createLease');
  t.is(create?.record.holderIdentity, 'leasepolicy-rename_payments-old');
});

const UNHELD = {
  unclaimed: lease().made(),
  released: lease().made().released(),
  expired: lease().made().heldBy(POD).renewed(ago(15)),
};

for (const [state, each] of Object.entries(UNHELD)) {
  test(`while the old name is held, an ${state} Lease of the new one is closed`, t => {
    const {actions, requeueAfterMs} = plan({lease: each.with({transitions: 2}), predecessors: [oldHeld]});
    t.deepEqual(actions, [
      {
        type: 'writeRecord',
        purpose: 'close',
        policy: 'payments',
        lease: {namespace: 'shop', name: NAME, uid: 'lease-uid', resourceVersion: '100'},
        record: {
          holderIdentity: 'leasepolicy-rename_payments-old',
          leaseDurationSeconds: 3600,
          leaseTransitions: 2,
          acquireTime: micro(now),
          renewTime: micro(now),
        },
      },
    ]);
    t.is(requeueAfterMs, 5000);
  });
}

test('a Lease of somebody else under the new name is adopted before it is closed', t => {
  t.deepEqual(steps(plan({lease: lease().released(), predecessors: [oldHeld]}).actions), [
    'adopt',
    'emitEvent',
  ]);
});

const closed = lease().made().keptClosedFor('payments-old').afterTransitions(7);

test('a closed Lease is renewed at a third of the duration of the policy, and no sooner', t => {
  const early = plan({lease: closed.renewed(ago(4)), predecessors: [oldHeld]});
  t.deepEqual(early, {actions: [], findings: [], requeueAfterMs: 1000});
  const due = plan({lease: closed.renewed(ago(5)), predecessors: [oldHeld]});
  t.deepEqual(steps(due.actions), ['renew']);
  t.is(due.requeueAfterMs, 5000);
});

test('while an old name is held, each renewal of ours moves acquireTime too', t => {
  const mine = closed.acquired(ago(600)).renewed(ago(5));
  const other = mine.named('payments-older').afterTransitions(3);
  const [seal, renew] = only(plan({lease: mine, predecessors: [oldHeld, other]}).actions, 'writeRecord');
  t.is(renew?.lease.name, NAME);
  t.deepEqual(renew?.record, {
    holderIdentity: 'leasepolicy-rename_payments-old',
    leaseDurationSeconds: 3600,
    leaseTransitions: 7,
    acquireTime: micro(now),
    renewTime: micro(now),
  });
  t.is(seal?.lease.name, 'payments-older');
  t.deepEqual(seal?.record, {...renew?.record, leaseTransitions: 3});
});

test('once no old name is held, a renewal of ours changes the renewTime alone', t => {
  const seal = old.keptClosedFor(NAME).acquired(ago(600)).renewed(ago(5));
  const [renew] = only(plan({lease: lease().made(), predecessors: [seal]}).actions, 'writeRecord');
  t.deepEqual(renew?.record, {
    holderIdentity: `leasepolicy-rename_${NAME}`,
    leaseDurationSeconds: 3600,
    leaseTransitions: 7,
    acquireTime: micro(ago(600)),
    renewTime: micro(now),
  });
});

for (const [state, each] of Object.entries({
  released: old.released(),
  expired: old.heldBy(POD).renewed(ago(15)),
})) {
  test(`once the old name is ${state}, it is sealed and then the new one opened`, t => {
    const {actions, requeueAfterMs} = plan({lease: closed.afterTransitions(2), predecessors: [each]});
    t.deepEqual(steps(actions), ['seal', 'open']);
    const [seal, open] = only(actions, 'writeRecord');
    t.is(seal?.lease.name, 'payments-old');
    t.deepEqual(seal?.record, {
      holderIdentity: `leasepolicy-rename_${NAME}`,
      leaseDurationSeconds: 3600,
      leaseTransitions: 7,
      acquireTime: micro(now),
      renewTime: micro(now),
    });
    t.is(open?.lease.name, NAME);
    t.deepEqual(open?.record, {
      holderIdentity: '',
      leaseDurationSeconds: 15,
      leaseTransitions: 7,
      acquireTime: micro(now),
      renewTime: micro(now),
    });
    t.is(requeueAfterMs, 5000);
  });
}

test('the counter of an opened name never goes down', t => {
  const [, open] = only(
    plan({lease: closed.afterTransitions(9), predecessors: [old.released()]}).actions,
    'writeRecord',
  );
  t.is(open?.record.leaseTransitions, 9);
});

test('a released old name is sealed before the new one is created', t => {
  const {actions} = plan({predecessors: [old.released()]});
  t.deepEqual(steps(actions), ['seal', 'createLease', 'emitEvent']);
  t.deepEqual(only(actions, 'createLease')[0]?.record, {leaseDurationSeconds: 15, leaseTransitions: 7});
});

test('an old name that was never held needs no seal', t => {
  t.deepEqual(steps(plan({lease: closed, predecessors: [old]}).actions), ['open']);
  t.deepEqual(steps(plan({predecessors: [old]}).actions), ['createLease', 'emitEvent']);
});

test('a seal is renewed for the ttl, and then no more', t => {
  const sealed = old.keptClosedFor(NAME).renewed(ago(5));
  const young = plan({lease: lease().made(), predecessors: [sealed.acquired(ago(3599))]});
  t.deepEqual(steps(young.actions), ['renew']);
  t.is(only(young.actions, 'writeRecord')[0]?.lease.name, 'payments-old');
  t.deepEqual(plan({lease: lease().made(), predecessors: [sealed.acquired(ago(3600))]}), NOTHING);
});

test('a released old name is sealed also when the new one is already held', t => {
  t.deepEqual(steps(plan({lease: lease().made().heldBy(POD), predecessors: [old.released()]}).actions), [
    'seal',
  ]);
});

test('where both names are held, nothing is written until the old hold can end', t => {
  const {actions, requeueAfterMs} = plan({
    lease: lease().made().heldBy('b'),
    predecessors: [oldHeld.renewed(ago(5))],
  });
  t.deepEqual(actions, []);
  t.is(requeueAfterMs, 10_000);
});

test('a name that is taken back while the next one is held stays closed', t => {
  const sealed = lease().made().keptClosedFor('payments-next').renewed(ago(5));
  const next = lease().named('payments-next').made().heldBy(POD);
  t.deepEqual(steps(plan({lease: sealed, predecessors: [next]}).actions), ['renew']);
});

// The end of the old hold is waited for

const endsInTwo = oldHeld.renewed(ago(13));
const WAITS: Record<string, Partial<ClaimView>> = {
  'a new name is created': {predecessors: [endsInTwo]},
  'a new name is closed': {lease: lease().made(), predecessors: [endsInTwo]},
  'a new name was closed': {lease: closed, predecessors: [endsInTwo]},
  'a new name is renewed': {lease: closed.renewed(ago(5)), predecessors: [endsInTwo]},
  'a new name is held too': {lease: lease().made().heldBy('b'), predecessors: [endsInTwo]},
  'a new name is held by others': {
    lease: lease().heldBy('b'),
    predecessors: [endsInTwo],
    rules: policy().leases({adopt: false}).rules(),
  },
  'another old name is held for longer': {lease: closed, predecessors: [oldHeld.named('longer'), endsInTwo]},
};

for (const [what, given] of Object.entries(WAITS)) {
  test(`the end of the old hold is waited for when ${what}`, t => {
    t.is(plan(given).requeueAfterMs, 2000);
  });
}

// Renaming where the policy does not create

const uncreated = {rules: policy().leases({create: false}).rules()};
const seal = old.named('payments-older').keptClosedFor(NAME).acquired(ago(600)).renewed(ago(5));

test('also beside the finding of a missing Lease, old names are sealed and their seals renewed', t => {
  const {actions, findings, requeueAfterMs} = plan({...uncreated, predecessors: [old.released(), seal]});
  t.deepEqual(steps(actions), ['seal', 'renew']);
  t.deepEqual(
    only(actions, 'writeRecord').map(each => [each.lease.name, each.record.holderIdentity]),
    [
      ['payments-old', `leasepolicy-rename_${NAME}`],
      ['payments-older', `leasepolicy-rename_${NAME}`],
    ],
  );
  t.like(findings, {length: 1, 0: {reason: 'MissingLease', about: ABOUT}});
  t.is(requeueAfterMs, 5000);
});

test('also beside the finding of a missing Lease, a seal is renewed as long as an old name is held', t => {
  const long = seal.acquired(ago(86_400));
  const {actions, findings, requeueAfterMs} = plan({...uncreated, predecessors: [endsInTwo, long]});
  t.deepEqual(steps(actions), ['renew']);
  t.is(only(actions, 'writeRecord')[0]?.lease.name, 'payments-older');
  t.like(findings, {length: 1, 0: {reason: 'MissingLease'}});
  t.is(requeueAfterMs, 2000);
});

// What is not understood

test('a holder that is not understood keeps the new name closed', t => {
  for (const fields of [{renewTime: undefined}, {renewTime: 'junk'}, {durationSeconds: undefined}]) {
    const unclear = old.heldBy(POD).renewed(ago(86_400)).with(fields);
    t.deepEqual(steps(plan({lease: closed.renewed(ago(5)), predecessors: [unclear]}).actions), ['renew']);
  }
});

const EMPTY: Record<string, LeaseView> = {
  'that was adopted without a spec': lease().named('o').adopted().with({durationSeconds: undefined}),
  'that was adopted and never held': lease().named('o').adopted(),
  'without a holder, whose renewTime is no time': lease().named('o').made().with({renewTime: 'junk'}),
};

for (const [what, each] of Object.entries(EMPTY)) {
  test(`an old name ${what} does not keep the new one closed, and is not written`, t => {
    t.deepEqual(steps(plan({lease: closed, predecessors: [each]}).actions), ['open']);
    const [create, ...rest] = plan({predecessors: [each]}).actions;
    t.like(create, {type: 'createLease', record: {leaseDurationSeconds: 15}});
    t.deepEqual(steps(rest), ['emitEvent']);
  });
}

const UNCLEAR: Record<string, LeaseView> = {
  'adopted and never held': lease().adopted(),
  'adopted and without a spec': lease().adopted().with({durationSeconds: undefined}),
  'without a holder, with a renewTime that is no time': lease().made().with({renewTime: 'junk'}),
  'with a holder but no renewTime': lease().made().heldBy(POD).with({renewTime: undefined}),
  'with a holder but no duration': lease().made().heldBy(POD).with({durationSeconds: undefined}),
};

for (const [what, each] of Object.entries(UNCLEAR)) {
  test(`while the old name is held, a new one ${what} is not written`, t => {
    t.deepEqual(plan({lease: each, predecessors: [oldHeld]}).actions, []);
  });
}

test('a Lease of somebody else under the new name is never closed without adoption', t => {
  const rulesWithout = policy().leases({adopt: false}).rules();
  for (const each of [lease(), lease().released(), lease().heldBy(POD).renewed(ago(15))]) {
    t.deepEqual(plan({lease: each, predecessors: [oldHeld], rules: rulesWithout}).actions, []);
  }
});

// Renaming anew before the last rename has ended

/** What is written to which Lease, in order. */
const writes = (given: Partial<ClaimView>) =>
  plan(given).actions.flatMap(action => {
    if (action.type === 'createLease') return [`create ${action.record.holderIdentity ?? 'open'}`];
    return action.type === 'writeRecord' ? [`${action.purpose} ${action.lease.name}`] : [];
  });

const a = lease().named('a').made().heldBy(POD).renewed(ago(5));
const b = lease().named('b').made().keptClosedFor('a').lasting(3600).renewed(ago(5));
const c = lease().made();
const SEALS = {fresh: ago(10), 'as old as the ttl': ago(3600), 'far older than the ttl': ago(86_400)};

for (const [age, since] of Object.entries(SEALS)) {
  test(`while A is held, B that was closed for it stays so and C is closed too: the seal is ${age}`, t => {
    for (const predecessors of [
      [a, b.acquired(since)],
      [b.acquired(since), a],
    ]) {
      t.deepEqual(writes({predecessors}), ['renew b', 'create leasepolicy-rename_a']);
      t.deepEqual(writes({lease: c, predecessors}), ['renew b', `close ${NAME}`]);
      t.deepEqual(writes({lease: c.released(), predecessors}), ['renew b', `close ${NAME}`]);
      const kept = c.keptClosedFor('a').renewed(ago(5));
      t.deepEqual(writes({lease: kept, predecessors}), ['renew b', `renew ${NAME}`]);
      t.deepEqual(writes({lease: c.heldBy('x'), predecessors}), ['renew b']);
    }
  });
}

test('while A is held, B that was given up is sealed in the same plan in which C is closed', t => {
  for (const each of [b.released(), b.heldBy(POD).lasting(15).renewed(ago(15))]) {
    for (const predecessors of [
      [a, each],
      [each, a],
    ]) {
      t.deepEqual(writes({predecessors}), ['seal b', 'create leasepolicy-rename_a']);
      t.deepEqual(writes({lease: c, predecessors}), ['seal b', `close ${NAME}`]);
      t.deepEqual(writes({lease: c.keptClosedFor('a').renewed(ago(5)), predecessors}), [
        'seal b',
        `renew ${NAME}`,
      ]);
      t.deepEqual(writes({lease: c.heldBy('x'), predecessors}), ['seal b']);
    }
  }
});

test('when A is given up, it is sealed, B stays closed, and then C is opened', t => {
  const predecessors = [a.released(), b.acquired(ago(600))];
  t.deepEqual(writes({predecessors}), ['seal a', 'renew b', 'create open']);
  t.deepEqual(writes({lease: c.keptClosedFor('a'), predecessors}), ['seal a', 'renew b', `open ${NAME}`]);
});

test('with A and B both held, C is closed for one of them until both are given up', t => {
  const kept = c.keptClosedFor('a').renewed(ago(5));
  const taken = b.heldBy('y').lasting(15);
  t.deepEqual(writes({predecessors: [a, taken]}), ['create leasepolicy-rename_a']);
  t.deepEqual(writes({lease: kept, predecessors: [a.released(), taken]}), ['seal a', `renew ${NAME}`]);
  t.deepEqual(writes({lease: kept, predecessors: [a.released(), taken.released()]}), [
    'seal a',
    'seal b',
    `open ${NAME}`,
  ]);
});

// What no plan may ever do

const anyState = fc.record({
  holder: fc.constantFrom('', POD, 'leasepolicy-rename_other'),
  durationSeconds: fc.constantFrom(undefined, 1, 15, 3600, 2_147_483_647),
  acquireTime: fc.constantFrom(undefined, micro(ago(10)), micro(ago(7200)), 'junk'),
  renewTime: fc.constantFrom(undefined, micro(now), 'junk', '9999-12-31T23:59:59.999999Z'),
  changedAtMs: fc.constantFrom(now.monotonicMs, ago(10).monotonicMs, ago(7200).monotonicMs),
  orphanedSince: fc.constantFrom(undefined, micro(ago(60)), 'junk'),
  transitions: fc.nat(9),
  labels: fc.constantFrom(lease().labels, lease().made().labels, lease().adopted().labels),
});
const named = (name: string) => anyState.map(fields => lease().named(name).with(fields));

const anyView = fc.record({
  lease: fc.option(named(NAME), {nil: undefined}),
  predecessors: fc.tuple(named('old-1'), named('old-2')).chain(both => fc.subarray(both)),
  namespace: fc.constant('active' as const),
  retiredTransitions: fc.nat(9),
  notAdopted: fc.constantFrom(undefined, 'a label is that of "helm"'),
  rules: fc.record({create: fc.boolean(), adopt: fc.boolean()}).map(given => policy().leases(given).rules()),
});

const isOurs = ({holder}: LeaseView) => holder.startsWith('leasepolicy-rename_');
const hasTime = ({renewTime}: LeaseView) => renewTime !== undefined && renewTime !== 'junk';

/** Whether somebody may lead by this Lease; told without the product's own words, as what follows. */
function isTaken(each: LeaseView): boolean {
  const {holder, durationSeconds, changedAtMs} = each;
  if (holder === '' || isOurs(each)) return false;
  if (!hasTime(each) || durationSeconds === undefined) return true;
  return now.monotonicMs - changedAtMs < durationSeconds * 1000;
}

/** Whether nobody holds it by its record, which yet isn't that of a release, nor of a Lease that we just made. */
function isPuzzling(each: LeaseView): boolean {
  if (each.holder !== '' || hasTime(each)) return false;
  return each.renewTime !== undefined || each.labels['leasepolicy.dev/origin'] !== 'created';
}

/** Whether somebody held it once, and nobody does. */
const isLeft = (each: LeaseView) => !isOurs(each) && !isTaken(each) && hasTime(each);

const forAnyView = (check: (given: Partial<ClaimView>, leases: LeaseView[]) => boolean) =>
  fc.assert(
    fc.property(anyView, given =>
      check(given, [...(given.lease ? [given.lease] : []), ...given.predecessors]),
    ),
    {numRuns: 1000},
  );

test('no plan writes the record of a Lease that somebody else may hold, or that is not understood', t => {
  t.notThrows(() =>
    forAnyView((given, leases) => {
      const taken = new Set(leases.filter(each => isTaken(each) || isPuzzling(each)).map(each => each.name));
      return only(plan(given).actions, 'writeRecord').every(write => !taken.has(write.lease.name));
    }),
  );
});

test('no plan opens or creates a name while an old one may be held', t => {
  t.notThrows(() =>
    forAnyView(given => {
      if (!given.predecessors?.some(isTaken)) return true;
      const {actions} = plan(given);
      const [create] = only(actions, 'createLease');
      return !steps(actions).includes('open') && (!create || create.record.holderIdentity !== undefined);
    }),
  );
});

test('no plan leaves two names open: the old ones are taken first, and the new one is closed while one is held', t => {
  t.notThrows(() =>
    forAnyView(given => {
      const {actions} = plan(given);
      const done = steps(actions);
      const sealed = only(actions, 'writeRecord').filter(each => each.purpose === 'seal');
      const left = (given.predecessors ?? []).filter(isLeft);
      const first = done.findIndex(step => step === 'open' || step === 'createLease');
      const isFree =
        given.lease &&
        !isTaken(given.lease) &&
        !isOurs(given.lease) &&
        !isPuzzling(given.lease) &&
        given.lease.labels['leasepolicy.dev/origin'] !== undefined;
      return (
        left.length === sealed.length &&
        left.every(each => sealed.some(seal => seal.lease.name === each.name)) &&
        (first < 0 || done.lastIndexOf('seal') < first) &&
        done.includes('close') === (isFree === true && given.predecessors?.some(isTaken) === true)
      );
    }),
  );
});

test('no plan outsleeps the end of an old hold', t => {
  t.notThrows(() =>
    forAnyView(given => {
      const {requeueAfterMs = Number.POSITIVE_INFINITY} = plan(given);
      const ends = (given.predecessors ?? [])
        .filter(each => isTaken(each) && hasTime(each) && each.durationSeconds !== undefined)
        .map(each => each.changedAtMs + (each.durationSeconds ?? 0) * 1000 - now.monotonicMs);
      return ends.every(end => requeueAfterMs <= end);
    }),
  );
});

test('every written record rests on the version that was seen, and no Lease is written twice', t => {
  t.notThrows(() =>
    forAnyView((given, leases) => {
      const writes = only(plan(given).actions, 'writeRecord').map(each => each.lease);
      const versions = new Map(leases.map(each => [each.name, `${each.uid} ${each.resourceVersion}`]));
      return (
        writes.every(each => versions.get(each.name) === `${each.uid} ${each.resourceVersion}`) &&
        new Set(writes.map(each => each.name)).size === writes.length
      );
    }),
  );
});

test('labels are written without a record', t => {
  const fields = ['annotations', 'labels', 'name', 'namespace', 'policy', 'purpose', 'type', 'uid'];
  t.notThrows(() =>
    forAnyView(given =>
      only(plan(given).actions, 'labelLease').every(
        each => Object.keys(each).sort().join() === fields.join(),
      ),
    ),
  );
});

test('no plan lets a fencing counter go down', t => {
  t.notThrows(() =>
    forAnyView((given, leases) => {
      const before = new Map(leases.map(each => [each.name, each.transitions]));
      return only(plan(given).actions, 'writeRecord').every(
        ({lease: {name}, record}) => record.leaseTransitions >= (before.get(name) ?? 0),
      );
    }),
  );
});

// Variables of Pods

const injecting = policy().injecting({nameEnv: 'MY_LEASE'});
const ofKind = (kind: string) => injecting.forKinds(kind).rules();
const notInjected = (kind: string, given: Partial<ClaimView> = {}) => {
  const own = ofKind(kind);
  const its = workload('api').ofKind(kind).under(own);
  return plan({rules: own, claim: its, winner: its, ...given}, {workload: its.workload}).findings;
};

for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet']) {
  test(`the Pods of a ${kind} are told, so that there is no finding`, t => {
    t.deepEqual(notInjected(kind), []);
  });
}

test('a workload whose Pods can not be told the name of their Lease is a finding, with the variable to set', t => {
  t.deepEqual(notInjected('ReplicaSet'), [
    {
      policy: 'payments',
      reason: 'NotInjected',
      about: {...ABOUT, kind: 'ReplicaSet'},
      message: "the Pods of a ReplicaSet can't be told the name of their Lease: set MY_LEASE in its manifest",
    },
  ]);
});

test('it stands beside what else is wrong, and where all is well', t => {
  t.deepEqual(
    notInjected('ReplicaSet', {namespace: 'missing'}).map(each => each.reason),
    ['NamespaceMissing', 'NotInjected'],
  );
  t.deepEqual(
    notInjected('ReplicaSet', {lease: lease().made('payments', 'ReplicaSet/api')}).map(each => each.reason),
    ['NotInjected'],
  );
});

test('a policy that injects nothing misses nothing', t => {
  t.deepEqual(notInjected('ReplicaSet', {rules: policy().forKinds('ReplicaSet').rules()}), []);
});

test('a workload that is being deleted needs no variables', t => {
  const own = ofKind('ReplicaSet');
  const its = workload('api').ofKind('ReplicaSet').beingDeleted().under(own);
  t.deepEqual(plan({rules: own, claim: its}, {workload: its.workload}).findings, []);
});

test('each of two policies that can not tell it is a finding', t => {
  const own = [ofKind('ReplicaSet'), policy('billing').injecting().forKinds('ReplicaSet').rules()];
  const its = workload('api').ofKind('ReplicaSet');
  const claims = own.map(each => {
    const made = its.under(each);
    return view({rules: each, claim: made, winner: made});
  });
  const {findings, actions} = planWorkload({workload: its, claims}, now);
  t.deepEqual(
    findings.map(each => `${each.policy} ${each.reason}`),
    ['payments NotInjected', 'billing NotInjected'],
  );
  t.is(only(actions, 'createLease').length, 2, 'they have their Leases all the same');
});
