/** Texts that people write and read on the command line: durations, selectors, kinds, and Pods in holders. */
import test from 'ava';
import {durationText} from '../../src/core/duration-text.ts';
import {podFacts, podNamesIn} from '../../src/core/lease/pod-of-holder.ts';
import {meansKind, parseSubject} from '../../src/core/naming/subject-names.ts';
import {parseSelector} from '../../src/core/selector-text.ts';

// As HumanDuration of k8s.io/apimachinery writes them.
for (const [seconds, text] of [
  [-5, '0s'],
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [125, '2m5s'],
  [599, '9m59s'],
  [600, '10m'],
  [10_799, '179m'],
  [10_800, '3h'],
  [11_000, '3h3m'],
  [28_800, '8h'],
  [172_799, '47h'],
  [172_800, '2d'],
  [180_000, '2d2h'],
  [691_200, '8d'],
  [63_072_000, '2y'],
  [63_158_400, '2y1d'],
  [252_288_000, '8y'],
] as const) {
  test(`${seconds} seconds are ${text}`, t => {
    t.is(durationText(seconds), text);
  });
}

const selected = (text: string, labels: Record<string, string>) => {
  const selects = parseSelector(text);
  return typeof selects === 'string' ? selects : selects(labels);
};

for (const [text, yes, no] of [
  ['team=payments', {team: 'payments'}, {team: 'orders'}],
  ['team==payments', {team: 'payments'}, {}],
  ['team!=payments', {}, {team: 'payments'}],
  ['team=payments,tier!=db', {team: 'payments'}, {team: 'payments', tier: 'db'}],
  ['team in (a, b),tier', {team: 'b', tier: ''}, {team: 'c', tier: ''}],
  ['team notin (a,b)', {team: 'c'}, {team: 'a'}],
  ['!legacy', {team: 'a'}, {legacy: ''}],
  ['team=', {team: ''}, {team: 'a'}],
  ['leasepolicy.dev/policy=payments', {'leasepolicy.dev/policy': 'payments'}, {}],
] as [string, Record<string, string>, Record<string, string>][]) {
  test(`the selector ${text}`, t => {
    t.true(selected(text, yes));
    t.false(selected(text, no));
  });
}

for (const [text, sentence] of [
  ['a b', /"a b" is no requirement of a label/],
  ['a=b=c', /"a=b=c" is no requirement of a label/],
  ['', /"" is no requirement of a label/],
  ['a in ()', /"" is no requirement|needs at least one value|no value/],
  ['-a=b', /"-a" is no label key/],
  ['a=b_', /"b_" is no value of label a/],
] as const) {
  test(`refused as a selector: "${text}"`, t => {
    const found = parseSelector(text);
    if (text === 'a in ()') t.false(typeof found !== 'string' && found({a: 'x'}));
    else t.regex(String(found), sentence);
  });
}

test('a kind is meant by its name, its plural, its short name, and with its group', t => {
  const of = (apiVersion: string, kind: string) => (text: string) => meansKind(text, {apiVersion, kind});
  const isDeployment = of('apps/v1', 'Deployment');
  for (const text of ['deployment', 'Deployments', 'deploy', 'deployment.apps', 'deploy.apps'])
    t.true(isDeployment(text), text);
  for (const text of ['deployment.batch', 'deploymen', 'sts', 'deployments.v1.apps'])
    t.false(isDeployment(text), text);
  t.true(of('example.com/v1', 'Policy')('policies.example.com'));
  t.true(of('v1', 'Pod')('po'));
});

test('a workload is a kind and a name', t => {
  t.deepEqual(parseSubject('deploy/api'), {kind: 'deploy', name: 'api'});
  for (const text of ['api', '/api', 'deploy/', 'a/b/c', '']) t.is(parseSubject(text), undefined, text);
});

test('the names of Pods in a holder are tried in their order', t => {
  t.deepEqual(podNamesIn('api-66d9c47458-hvdmx_5d0fc7b8-31c2-4b8e-9d0c-111111111111'), [
    'api-66d9c47458-hvdmx',
    '5d0fc7b8-31c2-4b8e-9d0c-111111111111',
  ]);
  t.deepEqual(podNamesIn('host-a.example.com_1'), ['host-a.example.com', 'host-a', '1']);
  t.deepEqual(podNamesIn('NOT/a Pod?'), []);
  t.deepEqual(podNamesIn('x'.repeat(2000)), []);
});

test('a Pod is of the Deployment that made its ReplicaSet, or of its owner', t => {
  const pod = (kind: string, name: string, labels = {}) => ({
    metadata: {name: 'p', labels, ownerReferences: [{apiVersion: 'apps/v1', kind, name, uid: 'u'}]},
    spec: {nodeName: 'n'},
    status: {phase: 'Running'},
  });
  t.deepEqual(podFacts(pod('ReplicaSet', 'api-66d9c47458', {'pod-template-hash': '66d9c47458'})), {
    name: 'p',
    phase: 'Running',
    node: 'n',
    workload: 'Deployment/api',
  });
  t.is(podFacts(pod('ReplicaSet', 'by-hand')).workload, 'ReplicaSet/by-hand');
  t.is(podFacts(pod('StatefulSet', 'db')).workload, 'StatefulSet/db');
  t.is(podFacts({metadata: {name: 'p'}}).workload, null);
});
