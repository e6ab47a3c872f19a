/** What the doctor says of what was found. */
import test from 'ava';
import {
  checkClock,
  checkDefinition,
  checkFeatures,
  checkLeftovers,
  checkOperator,
  checkRights,
  checkVersion,
  checkWebhooks,
} from '../../../src/core/doctor/diagnosis.ts';
import {leaseWebhooks, matchesLeases, type Webhook} from '../../../src/core/doctor/lease-webhooks.ts';
import {type DateSample, leastSkewMs, skewOf} from '../../../src/core/lease/clock-skew.ts';
import {parseVersion} from '../../../src/core/server-version.ts';
import {ago, micro, now} from '../../support/builders.ts';

test('a server that is too old is a warning, as the rest works', t => {
  t.is(checkVersion(parseVersion({gitVersion: 'v1.36.3'})).health, 'ok');
  t.like(checkVersion(parseVersion({gitVersion: 'v1.29.9'})), {
    health: 'warn',
    next: 'upgrade it to 1.30 or newer',
  });
});

test('features go by what is served', t => {
  const healths = (...served: string[]) => checkFeatures(new Set(served)).map(({health}) => health);
  t.deepEqual(healths('ValidatingAdmissionPolicy', 'MutatingAdmissionPolicy'), ['ok', 'ok', 'ok']);
  t.deepEqual(healths('ValidatingAdmissionPolicy'), ['ok', 'warn', 'ok']);
  t.deepEqual(healths(), ['warn', 'warn', 'ok']);
});

const definition = (schema: object, further: object = {}) => ({
  spec: {versions: [{name: 'v1alpha1', served: true, schema, ...further}]},
  status: {conditions: [{type: 'Established', status: 'True'}]},
});
const OURS = definition({a: 1, b: [2]});

for (const [what, live, health] of [
  ['the same', definition({b: [2], a: 1}), 'ok'],
  ['missing', undefined, 'fail'],
  ['of another release', definition({a: 1}), 'warn'],
  ['without our version', definition({a: 1, b: [2]}, {name: 'v1'}), 'fail'],
  ['not served', definition({a: 1, b: [2]}, {served: false}), 'fail'],
  ['not established', {...OURS, status: {}}, 'fail'],
] as const) {
  test(`a definition that is ${what}`, t => {
    t.is(checkDefinition('leasepolicies.leasepolicy.dev', live, OURS).health, health);
  });
}

const LEASE = {holder: 'leasepolicy-1_x', renewTime: micro(ago(3)), durationSeconds: 15};
const state = (lease: Parameters<typeof checkOperator>[0]['lease']) => ({
  namespace: 'leasepolicy-system',
  lease,
  deployment: {name: 'lp', replicas: 2, ready: 2},
  pods: ['leasepolicy-1', 'leasepolicy-2'],
  serverNowMs: now.wallMs,
});

for (const [what, lease, health, message] of [
  ['renews', LEASE, 'ok', /^leasepolicy-1_x leads, and renewed its Lease 3 seconds ago$/],
  ['has a clock ahead of the server', {...LEASE, renewTime: micro(ago(-2))}, 'ok', / 0 seconds ago/],
  ['is silent', {...LEASE, renewTime: micro(ago(21))}, 'fail', /21 seconds ago, and it lasts 15/],
  ['gave up', {...LEASE, holder: ''}, 'fail', /gave its Lease up/],
  ['never renewed', {holder: 'x\u001b'}, 'fail', /^x\\u001b has never renewed/],
  ['never was', undefined, 'fail', /no operator has ever led in leasepolicy-system/],
  [
    'is no Pod',
    {...LEASE, holder: 'laptop_x'},
    'warn',
    /^laptop_x leads, .*; it is none of the Pods of the op/,
  ],
] as const) {
  test(`a leader that ${what}`, t => {
    const [, leader] = checkOperator(state(lease));
    t.is(leader?.health, health);
    t.regex(leader?.message ?? '', message);
    t.is(leader?.next === undefined, health === 'ok');
  });
}

test('replicas that are not ready are a failure, and none at all may run elsewhere', t => {
  const replicas = (deployment: {replicas: number; ready: number} | undefined) =>
    checkOperator({...state(LEASE), deployment: deployment && {name: 'lp', ...deployment}})[0]?.health;
  t.is(replicas({replicas: 2, ready: 1}), 'ok');
  t.is(replicas({replicas: 2, ready: 0}), 'fail');
  t.is(replicas(undefined), 'warn');
});

test('without a leader the Pods that are there are looked at, and where none are, one is installed', t => {
  const next = (deployment: Parameters<typeof checkOperator>[0]['deployment']) =>
    checkOperator({...state(undefined), deployment})[1]?.next;
  t.is(next({name: 'lp', replicas: 2, ready: 0}), 'look at kubectl logs -n leasepolicy-system deployment/lp');
  t.is(next(undefined), 'start one: leasepolicy install');
});

test('where Pods may not be looked at, nothing is said of whose the leader is', t => {
  const elsewhere = {...LEASE, holder: 'laptop_x'};
  t.is(checkOperator({...state(elsewhere), pods: undefined})[1]?.health, 'ok');
});

test('missing rights are named with the commands that need them', t => {
  t.is(checkRights('plan', '').health, 'ok');
  t.like(checkRights('plan', 'list leases'), {
    health: 'warn',
    message: 'you may not list leases, which plan needs',
  });
});

const RULE = {
  apiGroups: ['coordination.k8s.io'],
  apiVersions: ['v1'],
  resources: ['leases'],
  operations: ['UPDATE'],
};

for (const [what, rule, expected] of [
  ['Leases', RULE, true],
  ['everything', {apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'], operations: ['*']}, true],
  ['namespaced things', {...RULE, scope: 'Namespaced'}, true],
  ['things of the cluster', {...RULE, scope: 'Cluster'}, false],
  ['Pods', {...RULE, apiGroups: [''], resources: ['pods']}, false],
  ['subresources', {...RULE, resources: ['*/status', 'leases/status']}, false],
  ['connections', {...RULE, operations: ['CONNECT']}, false],
  ['another version', {...RULE, apiVersions: ['v1beta1']}, false],
  ['nothing', {}, false],
] as const) {
  test(`a webhook about ${what} is asked about Leases: ${expected}`, t =>
    t.is(matchesLeases(rule), expected));
}

const NAMESPACES = new Map([
  ['kube-system', {'kubernetes.io/metadata.name': 'kube-system'}],
  ['kube-node-lease', {'kubernetes.io/metadata.name': 'kube-node-lease'}],
]);
const NOT_SYSTEM = {
  matchExpressions: [
    {key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', 'kube-node-lease']},
  ],
} as const;

for (const [what, further, risk, health] of [
  ['fails by default', {}, 'fatal', 'fail'],
  ['spares the control plane', {namespaceSelector: NOT_SYSTEM}, 'failing', 'warn'],
  ['has conditions', {matchConditions: [{}]}, 'failing', 'warn'],
  ['selects objects', {objectSelector: {matchLabels: {a: 'b'}}}, 'failing', 'warn'],
  ['selects all objects', {objectSelector: {matchLabels: {}}}, 'fatal', 'fail'],
  [
    'has a selector that nobody understands',
    {namespaceSelector: {matchLabels: {'a b': 'c'}}},
    'fatal',
    'fail',
  ],
  ['is ignored when it is away', {failurePolicy: 'Ignore'}, 'slow', 'warn'],
] as const) {
  test(`a webhook that ${what} is ${risk}`, t => {
    const webhook = {name: 'w', rules: [RULE], ...further} as unknown as Webhook;
    const found = leaseWebhooks([{kind: 'K', name: 'c', webhooks: [webhook]}], NAMESPACES);
    t.is(found[0]?.risk, risk);
    t.is(checkWebhooks(found)[0]?.health, health);
  });
}

test('without such a webhook all is well', t => {
  t.deepEqual(
    checkWebhooks([]).map(({health}) => health),
    ['ok'],
  );
});

/** An answer as a server writes it whose clock is that far ahead. */
function sample(sentMs: number, aheadMs: number, tripMs: number): DateSample {
  const writtenMs = sentMs + tripMs / 2 + aheadMs;
  return {sentMs, receivedMs: sentMs + tripMs, dateMs: Math.floor(writtenMs / 1000) * 1000};
}

for (const aheadMs of [0, 400, -2500, 61_234]) {
  test(`a clock that is ${aheadMs} ms ahead is found within the error`, t => {
    const samples = [0, 170, 340, 510, 680, 850].map(ms => sample(1_000_000 + ms, aheadMs, 20));
    const skew = skewOf(samples) ?? {leastMs: 0, mostMs: -1};
    t.true(skew.leastMs <= aheadMs && aheadMs <= skew.mostMs, JSON.stringify(skew));
    t.true(skew.mostMs - skew.leastMs <= 200, 'several answers narrow it down');
  });
}

test('a slow answer proves little, and contradictions prove nothing', t => {
  const slow = skewOf([sample(1_000_000, 0, 30_000)]);
  t.is(slow && leastSkewMs(slow), 0);
  t.is(skewOf([sample(1_000_000, 0, 10), sample(1_000_000, 9_000, 10)]), undefined);
  t.is(skewOf([]), undefined);
});

for (const [skew, health] of [
  [{leastMs: -100, mostMs: 100}, 'ok'],
  [{leastMs: 1_900, mostMs: 2_900}, 'ok'],
  [{leastMs: 2_500, mostMs: 2_900}, 'warn'],
  [{leastMs: -16_900, mostMs: -16_000}, 'fail'],
  [undefined, 'warn'],
] as const) {
  test(`a skew of ${JSON.stringify(skew)} is ${health}`, t => t.is(checkClock(skew).health, health));
}

test('the skew is told with its direction and its error', t => {
  t.is(
    checkClock({leastMs: -2_600, mostMs: -2_400}).message,
    "the server's clock is 2.5 s behind this one, give or take 0.1 s",
  );
});

test('what is left of a policy is a failure where it refuses', t => {
  const rendered = [
    {kind: 'ValidatingAdmissionPolicyBinding', name: 'b', policy: 'gone'},
    {kind: 'ValidatingAdmissionPolicy', name: 'p', policy: 'gone'},
    {kind: 'ValidatingAdmissionPolicy', name: 'q', policy: 'there'},
  ];
  const checks = checkLeftovers(rendered, new Set(['there']));
  t.deepEqual(
    checks.map(({health}) => health),
    ['fail', 'warn'],
  );
  t.deepEqual(
    checkLeftovers(rendered.slice(2), new Set(['there'])).map(({health}) => health),
    ['ok'],
  );
});
