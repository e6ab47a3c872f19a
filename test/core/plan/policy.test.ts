/** A policy's status, written when it differs. */
import test from 'ava';
import type {LeasePolicyStatus, StatusFinding} from '../../../src/api/leasepolicy.ts';
import type {Now} from '../../../src/core/now.ts';
import type {Enforced} from '../../../src/core/plan/admission.ts';
import type {Acceptance, PolicyObservation} from '../../../src/core/plan/policy.ts';
import {planPolicy} from '../../../src/core/plan/policy.ts';
import {ago, ahead, now, only, policy, stamp} from '../../support/builders.ts';
import {HOSTILE, UNSEEN} from '../../support/hostile.ts';

const accepted: Acceptance = {accepted: true};
const pending: Acceptance = {accepted: undefined, message: 'looking up Rollout in argoproj.io/v1alpha1'};
const refused: Acceptance = {
  accepted: false,
  reason: 'InvalidSpec',
  message: 'selector: tier In needs a value',
};

const inForce: Enforced = {status: 'True', reason: 'InForce', message: 'the API server checks names: Audit'};

/** What its Events are about. */
const ABOUT = {
  apiVersion: 'leasepolicy.dev/v1alpha1',
  kind: 'LeasePolicy',
  namespace: '',
  name: 'payments',
  uid: 'policy-uid',
};

const observation = (given: Partial<PolicyObservation> = {}): PolicyObservation => ({
  policy: 'payments',
  generation: 2,
  specText: '{"the":"spec"}',
  kinds: ['Deployment', 'StatefulSet'],
  acceptance: accepted,
  rules: policy().rules(2),
  subjects: 3,
  lifetimes: {held: 2, released: 1},
  violations: 0,
  withoutLease: 0,
  findings: [],
  settled: true,
  stopped: undefined,
  enforced: inForce,
  uid: 'policy-uid',
  status: undefined,
  ...given,
});

function statusOf(given: Partial<PolicyObservation> = {}, at = now): LeasePolicyStatus {
  const [write] = only(planPolicy(observation(given), at).actions, 'writeStatus');
  if (!write) throw new Error('no status is written');
  return write.status as LeasePolicyStatus;
}

test('an Event tells once that the collection is stopped', t => {
  const stopped = '9 of 10 would go';
  const {actions} = planPolicy(observation({stopped}), now);
  t.deepEqual(actions[1], {
    type: 'emitEvent',
    policy: 'payments',
    about: ABOUT,
    severity: 'Warning',
    reason: 'CollectionStopped',
    message: stopped,
  });
  const events = (given: Partial<PolicyObservation>) =>
    only(planPolicy(observation(given), now).actions, 'emitEvent').length;
  t.is(events({stopped: '8 of 10 would go', status: statusOf({stopped})}), 0);
  t.is(events({stopped: undefined, status: statusOf({stopped})}), 0);
  t.is(events({stopped, status: statusOf()}), 1);
});

test('status tells all that was counted', t => {
  t.deepEqual(planPolicy(observation(), now).actions, [
    {
      type: 'writeStatus',
      policy: 'payments',
      status: {
        observedGeneration: 2,
        subjectsKind: 'Deployment,StatefulSet',
        conditions: [
          {
            type: 'Accepted',
            status: 'True',
            reason: 'Accepted',
            message: 'the policy is in force',
            lastTransitionTime: '2026-03-01T12:00:00Z',
            observedGeneration: 2,
          },
          {
            type: 'Enforced',
            status: 'True',
            reason: 'InForce',
            message: 'the API server checks names: Audit',
            lastTransitionTime: '2026-03-01T12:00:00Z',
            observedGeneration: 2,
          },
          {
            type: 'Ready',
            status: 'True',
            reason: 'Reconciled',
            message: 'every subject has its Lease',
            lastTransitionTime: '2026-03-01T12:00:00Z',
            observedGeneration: 2,
          },
        ],
        subjects: 3,
        leases: {total: 3, unclaimed: 0, held: 2, expired: 0, released: 1, orphaned: 0, unknown: 0},
        violations: 0,
        findings: [],
        lastAccepted: {generation: 2, spec: '{"the":"spec"}'},
      },
    },
  ]);
});

type Conditions = [accepted: string, enforced: string, ready: string];
const CONDITIONS: [when: string, given: Partial<PolicyObservation>, expected: Conditions][] = [
  ['all is well', {}, ['True Accepted', 'True InForce', 'True Reconciled']],
  [
    'a kind is still looked up',
    {acceptance: pending, rules: undefined},
    ['Unknown Pending', 'False NotAccepted', 'False NotAccepted'],
  ],
  [
    'the spec is refused',
    {acceptance: refused, rules: undefined},
    ['False InvalidSpec', 'False NotAccepted', 'False NotAccepted'],
  ],
  [
    'the spec is refused and an earlier one is in force',
    {acceptance: refused},
    ['False InvalidSpec', 'True InForce', 'False NotAccepted'],
  ],
  [
    'the collection is stopped',
    {stopped: '9 of 10'},
    ['True Accepted', 'True InForce', 'False CollectionStopped'],
  ],
  [
    'nothing is known of the API server yet',
    {enforced: undefined},
    ['True Accepted', 'Unknown Pending', 'True Reconciled'],
  ],
  [
    'the API server can not do a part of it',
    {enforced: {status: 'False', reason: 'KindNotServed', message: 'injection is not enforced'}},
    ['True Accepted', 'False KindNotServed', 'True Reconciled'],
  ],
  [
    'nothing is in force, whatever is left in the API server',
    {acceptance: refused, rules: undefined, enforced: inForce},
    ['False InvalidSpec', 'False NotAccepted', 'False NotAccepted'],
  ],
  ['not all is looked at', {settled: false}, ['True Accepted', 'True InForce', 'False Reconciling']],
  [
    'a subject has no Lease',
    {withoutLease: 1},
    ['True Accepted', 'True InForce', 'False SubjectsWithoutLease'],
  ],
  [
    'it is stopped and not settled',
    {stopped: 'x', settled: false, withoutLease: 1},
    ['True Accepted', 'True InForce', 'False CollectionStopped'],
  ],
];

for (const [when, given, expected] of CONDITIONS) {
  test(`when ${when}, the conditions are ${expected.join(', ')}`, t => {
    const {conditions} = statusOf(given);
    t.deepEqual(
      conditions.map(each => each.type),
      ['Accepted', 'Enforced', 'Ready'],
    );
    t.deepEqual(
      conditions.map(each => `${each.status} ${each.reason}`),
      expected,
    );
  });
}

const message = (given: Partial<PolicyObservation>, type: string) =>
  statusOf(given).conditions.find(each => each.type === type)?.message;

test('a refused spec is told with what stays in force', t => {
  const earlier = {acceptance: refused, rules: policy().rules(1)};
  t.is(message(earlier, 'Accepted'), 'selector: tier In needs a value; generation 1 stays in force');
  t.is(message({acceptance: refused, rules: undefined}, 'Accepted'), 'selector: tier In needs a value');
});

test('a condition says what is waited for, why a pass is stopped, and how many have no Lease', t => {
  t.is(
    message({acceptance: pending, rules: undefined}, 'Accepted'),
    'looking up Rollout in argoproj.io/v1alpha1',
  );
  t.is(message({stopped: '9 of 10'}, 'Ready'), '9 of 10');
  t.is(message({withoutLease: 1}, 'Ready'), '1 of 3 subjects have no Lease: see findings');
});

test('a message of the API server is one line in a condition, and never longer than the CRD takes', t => {
  const failed = (text: string) =>
    message({enforced: {status: 'False', reason: 'WriteFailed', message: text}}, 'Enforced') ?? '';
  for (const text of HOSTILE) t.notRegex(failed(text), UNSEEN);
  t.is(failed('ERROR: <input>:1:1: undeclared\n | x'), 'ERROR: <input>:1:1: undeclared  | x');
  t.is(failed('x'.repeat(1_000_000)).length, 32_768);
});

test('the last accepted version stays in status while a later one is refused', t => {
  const status = statusOf();
  const later = {status, generation: 3, specText: '{"another":"spec"}', acceptance: refused};
  t.deepEqual(statusOf(later).lastAccepted, {generation: 2, spec: '{"the":"spec"}'});
  t.is(statusOf(later).observedGeneration, 3);
  t.false('lastAccepted' in statusOf({acceptance: refused, rules: undefined}));
});

test('an unchanged world writes nothing, however late', t => {
  const findings = [finding('a', 60), finding('b', 30)];
  const given = {violations: 2, withoutLease: 1, findings};
  const status = statusOf(given);
  t.deepEqual(planPolicy(observation({...given, status}), ahead(3600)), {
    actions: [],
    findings: [],
    requeueAfterMs: undefined,
  });
  t.deepEqual(planPolicy(observation({...given, findings: findings.toReversed(), status}), now).actions, []);
});

test('what the collection has written is neither overwritten nor a change', t => {
  const lastGarbageCollection = {
    time: stamp(now),
    deleted: 1,
    kept: 0,
    windowStart: stamp(now),
    windowDeleted: 1,
  };
  const status = {...statusOf(), lastGarbageCollection};
  t.deepEqual(planPolicy(observation({status}), now).actions, []);
  t.false('lastGarbageCollection' in statusOf({status, subjects: 4}));
});

test('a condition keeps the time of its last transition while its status is the same', t => {
  const status = statusOf({settled: false});
  const times = (given: Partial<PolicyObservation>) =>
    statusOf({status, ...given}, ahead(60)).conditions.map(each => each.lastTransitionTime);
  const [before, after] = [stamp(now), stamp(ahead(60))];
  t.deepEqual(times({withoutLease: 1}), [before, before, before], 'Ready is False for another reason');
  t.deepEqual(times({settled: true}), [before, before, after], 'Ready is True');
  t.deepEqual(times({generation: 3}), [before, before, after], 'Ready is True in a new generation');
});

const finding = (name: string, agoSeconds: number): StatusFinding => ({
  reason: 'OrphanedLease',
  object: `Lease/shop/${name}`,
  message: 'it is',
  since: stamp(ago(agoSeconds)),
});
const names = (findings: readonly StatusFinding[]) =>
  findings.map(each => each.object.replace('Lease/shop/', ''));

test('findings stand with the newest first, and by object where they are of one moment', t => {
  const findings = [finding('old', 90), finding('b', 30), finding('new', 1), finding('a', 30)];
  t.deepEqual(names(statusOf({findings}).findings), ['new', 'a', 'b', 'old']);
});

test('at most 20 findings are listed, and their number is exact', t => {
  const findings = Array.from({length: 50}, (_, at) => finding(`n${at}`, at));
  const status = statusOf({findings, violations: 50});
  t.is(status.violations, 50);
  t.deepEqual(names(status.findings), names(findings.slice(0, 20)));
});

// Exemptions that end

const WEEK = 7 * 24 * 3600;
type Exempt = {name: string; namespace?: string; until?: string; reason?: string};
const exempting = (list: Exempt[], at = now) => {
  const {findings, requeueAfterMs} = planPolicy(
    observation({
      rules: policy()
        .exempting(...list)
        .rules(2),
    }),
    at,
  );
  return {findings: findings.map(each => each.message), requeueAfterMs};
};
const until = (at: Now, name = 'nginx') => ({name, until: stamp(at)});
const told = (text: string) =>
  `exemptions end within a week, and then these Leases need an allowed name: ${text}`;

const EXEMPTIONS: [when: string, list: Exempt[], findings: string[], requeueAfterMs: number | undefined][] = [
  ['there are none', [], [], undefined],
  ['one never ends', [{name: 'nginx'}], [], undefined],
  ['one ends in a year', [until(ahead(365 * 86_400))], [], (365 - 7) * 86_400_000],
  ['one ends a second after the week', [until(ahead(WEEK + 1))], [], 1000],
  [
    'one ends in exactly a week',
    [until(ahead(WEEK))],
    [told('nginx in all namespaces until 2026-03-08T12:00:00Z (known)')],
    WEEK * 1000,
  ],
  [
    'one ends in a minute',
    [until(ahead(60))],
    [told('nginx in all namespaces until 2026-03-01T12:01:00Z (known)')],
    60_000,
  ],
  ['one ends now', [until(now)], [], undefined],
  ['one has ended', [until(ago(1))], [], undefined],
  [
    'one of a namespace ends',
    [{...until(ahead(60)), namespace: 'shop', reason: 'built in'}],
    [told('nginx in shop until 2026-03-01T12:01:00Z (built in)')],
    60_000,
  ],
  [
    'two end, one never does and one has ended',
    [until(ahead(120), 'b'), until(ahead(60), 'a'), {name: 'c'}, until(ago(60), 'd')],
    [
      told(
        'b in all namespaces until 2026-03-01T12:02:00Z (known); a in all namespaces until 2026-03-01T12:01:00Z (known)',
      ),
    ],
    60_000,
  ],
  [
    'one ends this week and another one next week',
    [until(ahead(WEEK - 60), 'a'), until(ahead(WEEK + 60), 'b')],
    [told('a in all namespaces until 2026-03-08T11:59:00Z (known)')],
    60_000,
  ],
];

for (const [when, list, findings, requeueAfterMs] of EXEMPTIONS) {
  const again = requeueAfterMs === undefined ? 'never again' : `again in ${requeueAfterMs / 1000} s`;
  test(`when ${when}, there ${findings.length === 0 ? 'is no finding' : 'is a finding'}, and it looks ${again}`, t => {
    t.deepEqual(exempting(list), {findings, requeueAfterMs});
  });
}

test('an exemption is told of from a week before until its end, by looking again when it says so', t => {
  const list = [until(ahead(30 * 86_400))];
  const first = exempting(list);
  t.deepEqual(first.findings, []);
  const weekBefore = ahead((first.requeueAfterMs ?? 0) / 1000);
  t.deepEqual(weekBefore, ahead(23 * 86_400));
  const second = exempting(list, weekBefore);
  t.is(second.findings.length, 1);
  const end = ahead((first.requeueAfterMs ?? 0) / 1000 + (second.requeueAfterMs ?? 0) / 1000);
  t.deepEqual(end, ahead(30 * 86_400));
  t.deepEqual(exempting(list, end), {findings: [], requeueAfterMs: undefined});
});

test('the message is the same all week, and about the policy', t => {
  const rules = policy()
    .exempting(until(ahead(WEEK)))
    .rules(2);
  const findings = (at: Now) => planPolicy(observation({rules}), at).findings;
  t.deepEqual(findings(now), findings(ahead(WEEK - 1)));
  t.like(findings(now)[0], {
    policy: 'payments',
    reason: 'ExemptionEnding',
    about: ABOUT,
  });
});

test('without rules in force no exemption ends', t => {
  t.deepEqual(planPolicy(observation({acceptance: refused, rules: undefined}), now).findings, []);
});

test('a new leader says of enforcement what the last one said, until it has looked itself', t => {
  const inForce = {status: 'True', reason: 'InForce', message: 'the API server checks names: Deny'} as const;
  const status = statusOf({enforced: inForce});
  const first = planPolicy(observation({enforced: undefined, status}), now);
  t.deepEqual(only(first.actions, 'writeStatus'), []);
  const found = statusOf({enforced: {...inForce, message: 'names: Warn'}, status});
  t.is(found.conditions.find(each => each.type === 'Enforced')?.message, 'names: Warn');
});
