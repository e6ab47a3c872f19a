/** How a plan is told to people, and when a status can't be told yet. */
import test from 'ava';
import type {LeasePolicyStatus} from '../../../src/api/leasepolicy.ts';
import type {Action} from '../../../src/core/plan/action.ts';
import {actionText} from '../../../src/core/plan/action-text.ts';
import {differingFields, isDoubtful} from '../../../src/core/plan/status-doubt.ts';
import {planWorkload} from '../../../src/core/plan/workload.ts';

const place = {namespace: 'shop', name: 'payments-14c2529eb4'};
const version = {...place, uid: 'u', resourceVersion: '1'};
const record = {
  holderIdentity: 'x',
  leaseDurationSeconds: 15,
  leaseTransitions: 0,
  acquireTime: '',
  renewTime: '',
};
const annotations = {'leasepolicy.dev/subject': 'Deployment/api'};
const labelling = (purpose: 'adopt' | 'markOrphaned' | 'reclaim'): Action => ({
  type: 'labelLease',
  purpose,
  policy: 'payments',
  ...place,
  uid: 'u',
  labels: {},
  annotations,
});
const about = {apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'api', uid: 'u'};
const registry = {names: {}, subjects: {}, exempt: [], exemptUntil: {}, allowed: '', retired: {}};

for (const [action, text] of [
  [
    {
      type: 'createLease',
      policy: 'payments',
      ...place,
      labels: {},
      annotations,
      record: {leaseDurationSeconds: 15},
    },
    'create Lease shop/payments-14c2529eb4 payments: for Deployment/api',
  ],
  [
    {type: 'createLease', policy: 'payments', ...place, labels: {}, annotations, record},
    'create Lease shop/payments-14c2529eb4 payments: for Deployment/api, closed until its old name is free',
  ],
  [labelling('adopt'), 'adopt Lease shop/payments-14c2529eb4 payments: it has the name of Deployment/api'],
  [
    labelling('markOrphaned'),
    'mark Lease shop/payments-14c2529eb4 payments: nobody holds it, and it is no longer the name of Deployment/api',
  ],
  [
    {type: 'writeRecord', purpose: 'seal', policy: 'payments', lease: version, record},
    'seal Lease shop/payments-14c2529eb4 payments: an old name, kept closed so that no old Pod leads by it',
  ],
  [
    {
      type: 'collectLease',
      policy: 'payments',
      lease: version,
      subject: 'Deployment/api',
      check: {expect: 'nothing'},
    },
    'delete Lease shop/payments-14c2529eb4 payments: nobody renews it, and Deployment/api is gone',
  ],
  [
    {type: 'deleteObject', policy: 'payments', kind: 'Role', ...version},
    'delete Role shop/payments-14c2529eb4 payments: the policy does not ask for it',
  ],
  [
    {type: 'createRegistry', namespace: 'shop', spec: {...registry, names: {}}},
    'create LeaseRegistry shop/leases -: with 0 names',
  ],
  [
    {
      type: 'patchRegistry',
      namespace: 'shop',
      patch: {names: {a: null, b: null}, retired: {c: {transitions: 1}}, exempt: ['x']},
    },
    'patch LeaseRegistry shop/leases -: names -2, retired +1, exempt',
  ],
  [
    {type: 'deleteRegistry', namespace: 'shop', uid: 'u', resourceVersion: '1'},
    'delete LeaseRegistry shop/leases -: no policy governs the namespace',
  ],
  [
    {type: 'writeStatus', policy: 'payments', status: {}},
    'status LeasePolicy -/payments payments: it has changed',
  ],
  [
    {type: 'emitEvent', about, severity: 'Normal', reason: 'LeaseCreated', message: 'created it'},
    'event Deployment shop/api -: LeaseCreated: created it',
  ],
] as [Action, string][]) {
  test(`${action.type}: ${text}`, t => {
    const {action: word, kind, namespace, name, policy, detail} = actionText(action);
    t.is(`${word} ${kind} ${namespace ?? '-'}/${name} ${policy ?? '-'}: ${detail}`, text);
  });
}

test('an empty plan has nothing to tell', t => {
  t.deepEqual(planWorkload({workload: undefined, claims: []}, {monotonicMs: 0, wallMs: 0}).actions, []);
});

const leases = {total: 1, unclaimed: 0, held: 0, expired: 1, released: 0, orphaned: 0, unknown: 0};
const finding = {reason: 'Leaderless', object: 'Deployment/shop/api', message: '', since: ''};
const written: LeasePolicyStatus = {
  observedGeneration: 1,
  subjectsKind: 'Deployment',
  conditions: [],
  subjects: 1,
  leases,
  violations: 1,
  findings: [finding],
};

test('a status that differs by what has to be watched is in doubt', t => {
  const seenHeld = {...written, leases: {...leases, held: 1, expired: 0}};
  t.deepEqual(differingFields(written, seenHeld), ['leases']);
  t.true(isDoubtful(written, seenHeld, 1));
  t.false(isDoubtful(written, seenHeld, 0), 'every Lease was seen for long enough');
  t.false(isDoubtful(written, {...seenHeld, subjects: 2}, 1), 'it differs in more than that');
  t.false(isDoubtful(undefined, seenHeld, 1), 'there is none yet');
});

test('findings that need time are in doubt, and others are not', t => {
  t.true(isDoubtful(written, {...written, violations: 0, findings: []}, 0));
  const misnamed = {...written, findings: [{...finding, reason: 'MisnamedLease'}]};
  t.false(isDoubtful(misnamed, {...misnamed, violations: 0, findings: []}, 0));
});
