/** What of a spec can be in force. */
import test from 'ava';
import {exemption, HEARTBEATS, type Rules, sharedVariable} from '../../../src/core/naming/rules.ts';
import {ahead, now, policy, stamp, workload} from '../../support/builders.ts';

const bad = {matchExpressions: [{key: 'tier', operator: 'In'}]};

const PROBLEMS: [why: string, problems: string[], expected: RegExp[]][] = [
  ['the selector', policy().selecting(bad).problems(), [/^selector: tier In needs/]],
  ['the namespaceSelector', policy().inNamespaces(bad).problems(), [/^namespaceSelector: tier In needs/]],
  [
    'both selectors and an exemption at once',
    policy().selecting(bad).inNamespaces(bad).exempting({name: 'x', until: 'soon'}).problems(),
    [/^namespaceSelector/, /^selector/, /^enforcement\.exempt: until "soon" of x is no date and time$/],
  ],
  [
    'a hash without namespace for Leases in one namespace',
    policy().leasesIn('leases').problems(),
    [/^naming\.hash\.of/],
  ],
  [
    'a template without namespace for Leases in one namespace',
    policy().leasesIn('leases').template('{prefix}-{name}').problems(),
    [/^naming\.template: "\{prefix\}-\{name\}" could give two subjects one Lease: use \{hash\}$/],
  ],
  [
    'a template that does not keep namespaces apart',
    policy().leasesIn('leases').template('{namespace}-{name}').problems(),
    [/^naming\.template/],
  ],
  [
    'a template without kind for several kinds',
    policy().forKinds('Deployment', 'StatefulSet').template('{prefix}-{name}').problems(),
    [/^naming\.template/],
  ],
  [
    'kinds that differ only by case, in a template without hash',
    policy().forKinds('StatefulSet', 'Statefulset').template('{kind}-{name}').problems(),
    [/^naming\.template: "\{kind\}-\{name\}" could give two subjects one Lease: use \{hash\}$/],
  ],
  [
    'one kind of two groups, in a template without hash',
    policy().forKinds('Deployment', 'Deployment').template('{kind}-{name}').problems(),
    [/^naming\.template/],
  ],
  [
    'a label in a template without hash',
    policy().template('{label:tier}.{name}').problems(),
    [/^naming\.template: "\{label:tier\}\.\{name\}" could give two subjects one Lease: use \{hash\}$/],
  ],
  [
    'a label beside the name alone, in a template without hash',
    policy().template('{name}-{label:constructor}').problems(),
    [/^naming\.template/],
  ],
  [
    'Leases among the heartbeats of nodes',
    policy().leasesIn('kube-node-lease').hashing('namespace', 'name').problems(),
    [/^lease\.namespace: kube-node-lease is for the heartbeats of nodes: choose another namespace$/],
  ],
  ['a template without name', policy().template('{prefix}').problems(), [/^naming\.template/]],
];

for (const [why, problems, expected] of PROBLEMS) {
  test(`a policy can't be in force because of ${why}`, t => {
    t.is(problems.length, expected.length, problems.join('\n'));
    expected.forEach((each, at) => {
      t.regex(problems[at] ?? '', each);
    });
  });
}

const ACCEPTED = {
  'the defaults': policy(),
  'a hash with namespace for Leases in one namespace': policy()
    .leasesIn('leases')
    .hashing('namespace', 'name'),
  'a template that keeps namespaces apart': policy().leasesIn('leases').template('{namespace}.{name}'),
  'a template that keeps kinds apart': policy()
    .forKinds('Deployment', 'StatefulSet')
    .template('{kind}-{name}'),
  'kinds that differ only by case, told apart by the hash': policy()
    .forKinds('StatefulSet', 'Statefulset')
    .hashing('kind', 'name'),
  'a label beside the hash': policy().template('{label:tier}-{hash}'),
  'a label in the hash': policy().hashing('label:tier', 'name'),
  'a label in a hash that the template does not use': policy()
    .hashing('label:tier', 'name')
    .template('{prefix}-{name}'),
  'a template with namespace and name in the namespaces of the workloads':
    policy().template('{namespace}-{name}'),
};

for (const [what, each] of Object.entries(ACCEPTED)) {
  test(`a policy with ${what} can be in force`, t => {
    t.deepEqual(each.problems(), []);
  });
}

test('rules know their policy, its generation and its bounds', t => {
  const {policy: name, generation, enforcement} = policy('billing').allowing(5, 60).rules(7);
  const {durationSeconds} = enforcement;
  t.deepEqual(
    {name, generation, durationSeconds},
    {name: 'billing', generation: 7, durationSeconds: {min: 5, max: 60}},
  );
});

test('an empty namespaceSelector selects all namespaces but those of the control plane', t => {
  const {governsNamespace} = policy().rules();
  t.true(governsNamespace('shop', {}));
  for (const system of ['kube-system', 'kube-public', 'kube-node-lease'])
    t.false(governsNamespace(system, {}), system);
});

test('a namespaceSelector selects by labels alone, also a namespace of the control plane', t => {
  const {governsNamespace} = policy()
    .inNamespaces({matchLabels: {team: 'a'}})
    .rules();
  t.true(governsNamespace('kube-system', {team: 'a'}));
  t.false(governsNamespace('shop', {}));
});

test('a selector selects workloads by their labels', t => {
  const {selectsWorkload} = policy()
    .selecting({matchLabels: {tier: 'web'}})
    .rules();
  t.true(selectsWorkload({tier: 'web'}));
  t.false(selectsWorkload({}));
});

test('the names that are given are borne, and others are not', t => {
  const {nameOf, bears} = policy().rules();
  t.deepEqual(nameOf(workload('api')), {name: 'payments-14c2529eb4'});
  t.true(bears('payments-14c2529eb4'));
  t.false(bears('ingress-nginx-leader'));
});

const tomorrow = ahead(86_400);

test('an exemption without until never ends', t => {
  const rules = policy().exempting({name: 'nginx'}).rules();
  t.is(exemption(rules, 'shop', 'nginx', now.wallMs), Number.POSITIVE_INFINITY);
});

test('an exemption ends at its moment by itself', t => {
  const rules = policy()
    .exempting({name: 'nginx', until: stamp(tomorrow)})
    .rules();
  t.is(exemption(rules, 'shop', 'nginx', now.wallMs), tomorrow.wallMs);
  t.is(exemption(rules, 'shop', 'nginx', tomorrow.wallMs - 1), tomorrow.wallMs);
  t.is(exemption(rules, 'shop', 'nginx', tomorrow.wallMs), undefined);
});

test('of several exemptions the last one to end counts', t => {
  const soon = {name: 'nginx', until: stamp(ahead(60))};
  const later = {name: 'nginx', until: stamp(tomorrow)};
  const rules = policy().exempting(later, soon).rules();
  t.is(exemption(rules, 'shop', 'nginx', now.wallMs), tomorrow.wallMs);
});

test('an exemption is for one name, in one namespace unless it says *', t => {
  const rules = policy().exempting({name: 'nginx', namespace: 'shop'}).rules();
  t.is(exemption(rules, 'shop', 'nginx', now.wallMs), Number.POSITIVE_INFINITY);
  t.is(exemption(rules, 'bank', 'nginx', now.wallMs), undefined);
  t.is(exemption(rules, 'shop', 'nginx-2', now.wallMs), undefined);
});

test('no selector reaches the heartbeats of nodes', t => {
  t.is(HEARTBEATS, 'kube-node-lease');
  t.false(policy().rules().governsNamespace(HEARTBEATS, {}));
  const labelled = policy()
    .inNamespaces({matchLabels: {team: 'a'}})
    .rules();
  t.false(labelled.governsNamespace(HEARTBEATS, {team: 'a'}));
});

test('the scope is as it is written, and is the default when the selector of namespaces is empty', t => {
  const selector = {matchLabels: {team: 'a'}};
  t.deepEqual(policy().selecting(selector).rules().scope, {
    namespaces: {},
    isDefault: true,
    workloads: selector,
  });
  t.deepEqual(policy().inNamespaces(selector).rules().scope, {
    namespaces: selector,
    isDefault: false,
    workloads: {},
  });
});

test('what is not asked for is not in the rules', t => {
  const {injection, grantsAccess} = policy().rules();
  t.is(injection, undefined);
  t.false(grantsAccess);
  t.true(policy().granting().rules().grantsAccess);
  t.deepEqual(policy().injecting().rules().injection, {
    nameEnv: 'LEASE_NAME',
    namespaceEnv: 'LEASE_NAMESPACE',
    failurePolicy: 'Fail',
  });
});

// A Pod can't be told two names by one variable

const team = (name: string) => ({matchLabels: {team: name}});
const ours = policy('ours').injecting();
const theirs = policy('theirs').injecting();

const SHARED: [what: string, a: Rules, b: Rules, shared: string | undefined][] = [
  ['write both variables', ours.rules(), theirs.rules(), 'LEASE_NAME'],
  [
    'write one variable for the namespace',
    ours.rules(),
    theirs.injecting({nameEnv: 'X'}).rules(),
    'LEASE_NAMESPACE',
  ],
  [
    'write one variable, for the name and for the namespace',
    ours.injecting({nameEnv: 'X'}).rules(),
    theirs.injecting({namespaceEnv: 'X'}).rules(),
    'X',
  ],
  [
    'write other variables',
    ours.rules(),
    theirs.injecting({nameEnv: 'X', namespaceEnv: 'Y'}).rules(),
    undefined,
  ],
  [
    'are told apart by case',
    ours.rules(),
    theirs.injecting({nameEnv: 'lease_name', namespaceEnv: 'Y'}).rules(),
    undefined,
  ],
  ['are one that injects and one that does not', ours.rules(), policy('theirs').rules(), undefined],
  ['have no kind in common', ours.rules(), theirs.forKinds('StatefulSet').rules(), undefined],
  [
    'have one kind in common',
    ours.forKinds('Deployment', 'DaemonSet').rules(),
    theirs.forKinds('StatefulSet', 'DaemonSet').rules(),
    'LEASE_NAME',
  ],
  [
    'select other namespaces',
    ours.inNamespaces(team('a')).rules(),
    theirs.inNamespaces(team('b')).rules(),
    undefined,
  ],
  [
    'select other workloads',
    ours.selecting(team('a')).rules(),
    theirs.selecting(team('b')).rules(),
    undefined,
  ],
  [
    'select workloads by one label and namespaces by another value of it',
    ours.selecting(team('a')).rules(),
    theirs.inNamespaces(team('b')).rules(),
    'LEASE_NAME',
  ],
  [
    'may select one workload',
    ours.selecting(team('a')).rules(),
    theirs.selecting({matchLabels: {tier: 'b'}}).rules(),
    'LEASE_NAME',
  ],
];

for (const [what, a, b, shared] of SHARED) {
  test(`policies that ${what} share ${shared ?? 'nothing'}`, t => {
    t.is(sharedVariable(a, b), shared);
    t.is(sharedVariable(b, a) === undefined, shared === undefined, 'either way round');
  });
}
