/** What a workload gets: a Lease, an adoption, a hand-over between two names. */
import test from 'ava';
import fc from 'fast-check';
import type {LeaseView} from '../../src/core/lifetime.ts';
import {type ClaimView, planWorkload, type WorkloadObservation} from '../../src/core/plan-workload.ts';
import {ago, lease, micro, now, only, policy, steps, workload} from '../support/builders.ts';

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
  retiredTransitions: 0,
  ...given,
});

const plan = (given: Partial<ClaimView> = {}, around: Partial<WorkloadObservation> = {}) =>
  planWorkload(
    {workload: claim.workload, namespaceTerminating: false, claims: [view(given)], ...around},
    now,
  );

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

const GOING: Record<string, Partial<WorkloadObservation>> = {
  'that is gone': {workload: undefined},
  'that is being deleted': {workload: workload('api').beingDeleted()},
  'in a namespace that is being deleted': {namespaceTerminating: true},
};

for (const [what, around] of Object.entries(GOING)) {
  test(`a workload ${what} gets nothing`, t => {
    t.deepEqual(plan({}, around), {actions: [], findings: []});
  });
}

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

test('a renewal of ours changes the renewTime alone', t => {
  const mine = closed.acquired(ago(600)).renewed(ago(5));
  const [renew] = only(plan({lease: mine, predecessors: [oldHeld]}).actions, 'writeRecord');
  t.deepEqual(renew?.record, {
    holderIdentity: 'leasepolicy-rename_payments-old',
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
      acquireTime: null,
      renewTime: null,
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

test('with one of several old names still held, the new one stays closed', t => {
  const {actions} = plan({
    lease: closed.renewed(ago(5)),
    predecessors: [old.released(), oldHeld.named('payments-older')],
  });
  t.false(steps(actions).includes('open'));
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
  retiredTransitions: fc.nat(9),
  rules: fc.record({create: fc.boolean(), adopt: fc.boolean()}).map(given => policy().leases(given).rules()),
});

/** Whether somebody may lead by this Lease, or what it says isn't understood; told without the product's own words. */
function isTaken({holder, renewTime, durationSeconds, changedAtMs, labels}: LeaseView): boolean {
  if (holder.startsWith('leasepolicy-rename_')) return false;
  const hasTime = renewTime !== undefined && renewTime !== 'junk';
  if (holder === '')
    return !hasTime && !(renewTime === undefined && labels['leasepolicy.dev/origin'] === 'created');
  return !hasTime || durationSeconds === undefined || now.monotonicMs - changedAtMs < durationSeconds * 1000;
}

const forAnyView = (check: (given: Partial<ClaimView>, leases: LeaseView[]) => boolean) =>
  fc.assert(
    fc.property(anyView, given =>
      check(given, [...(given.lease ? [given.lease] : []), ...given.predecessors]),
    ),
    {numRuns: 1000},
  );

test('no plan writes the record of a Lease that somebody else may hold', t => {
  t.notThrows(() =>
    forAnyView((given, leases) => {
      const taken = new Set(leases.filter(isTaken).map(each => each.name));
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
