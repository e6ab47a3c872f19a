/** Policies of the input, and the workloads and Leases that they are about. */
import test from 'ava';
import {account, binding, ids, leasesRule, lintedObjects, role, workload} from '../../support/lint.ts';

const policy = (spec: object = {}, name = 'payments', naming: object = {}) => ({
  apiVersion: 'leasepolicy.dev/v1alpha1',
  kind: 'LeasePolicy',
  metadata: {name},
  spec: {subjects: {workloads: {}}, naming: {prefix: name, ...naming}, ...spec},
});
const namespace = (labels: object = {}, name = 'shop') => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {name, labels},
});
const lease = (name: string, spec?: object, home = 'shop') => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {name, namespace: home},
  spec,
});

const TEAM = {subjects: {workloads: {namespaceSelector: {matchLabels: {team: 'payments'}}}}};
const DENY = {enforcement: {names: 'Deny'}};
/** Of Deployment api and of mailer. */
const [API, MAILER] = ['payments-14c2529eb4', 'payments-2e4330b806'];
const byName = (name: string, options: Parameters<typeof workload>[0] = {}) =>
  workload({args: ['--leader-elect', `--leader-election-id=${name}`], ...options});

const told = (objects: readonly object[], ...rules: string[]) =>
  lintedObjects(objects)
    .filter(({rule}) => rules.includes(rule))
    .map(({severity, message}) => `${severity}: ${message}`);

test('a policy that can not be in force is told with the sentence of the API server', t => {
  t.deepEqual(told([policy({lease: {durationSeconds: 'x'}})], 'LP701'), [
    'error: spec.lease.durationSeconds: it is "x", write a whole number, 1 to 86400',
  ]);
  t.deepEqual(told([policy({enforcement: {durationSeconds: {min: 9, max: 3}}})], 'LP701').length, 2);
  t.deepEqual(told([policy({subjects: {}})], 'LP701').length, 2);
  t.deepEqual(told([policy(), policy({subjects: {nodes: {}}, naming: undefined}, 'nodes')], 'LP701'), []);
});

test('a sentence of the compiler points to its field', t => {
  const [found] = lintedObjects([policy({lease: {durationSeconds: 'x'}})]);
  t.deepEqual(found?.path, ['spec', 'lease', 'durationSeconds']);
  const [exempt] = lintedObjects([
    policy({enforcement: {exempt: [{namespace: '*', name: 'a', reason: 'b', until: 'never'}]}}),
  ]);
  t.deepEqual(exempt?.path.slice(0, 3), ['spec', 'enforcement', 'exempt']);
});

test('the names of the workloads are told, and what they rest on', t => {
  t.deepEqual(told([policy(), workload()], 'LP703'), [
    `info: policy payments gives it Lease ${API} in namespace shop`,
  ]);
  t.deepEqual(told([policy(TEAM), workload()], 'LP703'), [
    `info: policy payments gives it Lease ${API} in namespace shop, if namespaceSelector selects it`,
  ]);
  t.deepEqual(told([policy(TEAM), workload(), namespace({team: 'payments'})], 'LP703').length, 1);
  t.deepEqual(told([policy(TEAM), workload(), namespace({team: 'orders'})], 'LP703'), []);
  t.deepEqual(told([policy(), workload({namespace: 'kube-system'})], 'LP703'), []);
  t.deepEqual(told([policy(), workload({kind: 'StatefulSet'})], 'LP703'), []);
  t.deepEqual(told([policy(), workload({apiVersion: 'apps.example.com/v1'})], 'LP703'), []);
});

test('every namespace has its name as a label', t => {
  const selector = {matchLabels: {'kubernetes.io/metadata.name': 'shop'}};
  const shop = policy({subjects: {workloads: {namespaceSelector: selector}}});
  t.deepEqual(told([shop, workload(), namespace()], 'LP703').length, 1);
  t.deepEqual(told([shop, workload({namespace: 'bank'}), namespace({}, 'bank')], 'LP703'), []);
});

test('a workload without a name, or with that of another one', t => {
  const byTier = policy({}, 'payments', {hash: {of: ['name', 'label:tier']}});
  t.deepEqual(told([byTier, workload()], 'LP702'), [
    "error: policy payments gives it no Lease: it has no label tier, which its Lease's name needs",
  ]);
  t.deepEqual(told([byTier, workload({labels: {tier: 'front'}})], 'LP702'), []);
  const kinds = {subjects: {workloads: {kinds: [{kind: 'Deployment'}, {kind: 'StatefulSet'}]}}};
  t.deepEqual(told([policy(kinds), workload(), workload({kind: 'StatefulSet'})], 'LP702'), [
    'error: policy payments gives it the Lease of Deployment/api (policy payments): add kind to hash.of, or choose another prefix',
  ]);
  const other = {...policy(), metadata: {name: 'other'}};
  t.deepEqual(told([policy(), other, workload()], 'LP702'), [
    'error: policy other gives it the Lease that policy payments gives it: choose another prefix for one of the two',
  ]);
  t.deepEqual(told([policy(), workload(), workload()], 'LP702'), []);
});

for (const [what, objects, expected] of [
  ['its own name', [policy(DENY), byName(API)], []],
  [
    'another name',
    [policy(DENY), byName('my-lock')],
    [`error: no policy allows Lease my-lock in namespace shop: write ${API}`],
  ],
  [
    'another name, which is only audited',
    [policy(), byName('my-lock')],
    [`warning: no policy allows Lease my-lock in namespace shop: write ${API}`],
  ],
  [
    'the name of another workload',
    [policy(DENY), byName(MAILER), workload({name: 'mailer'})],
    [`error: Lease ${MAILER} is that of Deployment/mailer by policy payments: write ${API}`],
  ],
  [
    'a workload of a kind that has no Lease',
    [policy(DENY), byName('my-lock', {kind: 'StatefulSet'})],
    [
      'error: no policy allows Lease my-lock in namespace shop: use a name that a policy gives, or have it exempted',
    ],
  ],
  [
    'an exempt name',
    [
      policy({enforcement: {exempt: [{namespace: '*', name: 'my-lock', reason: 'built in'}]}}),
      byName('my-lock'),
    ],
    [],
  ],
  [
    'a name that is exempt elsewhere',
    [
      policy({enforcement: {exempt: [{namespace: 'bank', name: 'my-lock', reason: 'built in'}]}}),
      byName('my-lock'),
    ],
    [`warning: no policy allows Lease my-lock in namespace shop: write ${API}`],
  ],
  ['a namespace that no policy governs', [policy(DENY), byName('my-lock', {namespace: 'kube-system'})], []],
  ['a namespace of which nobody knows', [policy({...TEAM, ...DENY}), byName('my-lock')], []],
  ['an injected name', [policy({...DENY, injection: {mode: 'Env'}}), byName('$(LEASE_NAME)')], []],
  ['a name that nobody injects', [policy(DENY), byName('$(LEASE_NAME)')], []],
  [
    'the election is off',
    [policy(DENY), byName('my-lock', {args: ['--leader-elect=false', '--leader-election-id=my-lock']})],
    [],
  ],
  ['a Lease of its workload', [policy(DENY), lease(API), workload()], []],
  [
    'a Lease of no workload',
    [policy(DENY), lease('my-lock'), workload()],
    [
      'error: no policy allows Lease my-lock in namespace shop: use a name that a policy gives, or have it exempted',
    ],
  ],
  [
    'Leases in one namespace',
    [
      policy({...DENY, lease: {namespace: 'leases'}}, 'payments', {hash: {of: ['namespace', 'name']}}),
      byName('my-lock', {args: ['--leader-election-id=my-lock', '--leader-election-namespace=leases']}),
    ],
    [/^error: no policy allows Lease my-lock in namespace leases: write payments-[0-9a-f]{10}$/],
  ],
] as const) {
  test(`an election by ${what}`, t => {
    const found = told(objects, 'LP704');
    t.is(found.length, expected.length, found.join('\n'));
    for (const [at, each] of expected.entries()) {
      if (typeof each === 'string') t.is(found[at], each);
      else t.regex(found[at] ?? '', each);
    }
  });
}

test('a lease duration outside the bounds of its policy', t => {
  const bounds = policy({enforcement: {durationSeconds: {min: 10, max: 60}}});
  const lasting = (duration: string) => workload({args: [`--leader-elect-lease-duration=${duration}`]});
  t.deepEqual(told([bounds, lasting('2m')], 'LP705'), [
    'warning: a lease duration of 2m, and policy payments allows 10s to 1m',
  ]);
  t.deepEqual(told([bounds, lasting('60s')], 'LP705'), []);
  t.deepEqual(told([bounds, lasting('2m')].slice(1), 'LP705'), []);
  t.deepEqual(told([bounds, workload(), lease(API, {leaseDurationSeconds: 9})], 'LP705').length, 1);
  t.deepEqual(told([bounds, workload(), lease('other', {leaseDurationSeconds: 9})], 'LP705'), []);
});

test('two policies that would write one variable into a Pod', t => {
  const env = {injection: {mode: 'Env'}};
  t.deepEqual(told([policy(env), policy(env, 'orders')], 'LP706'), [
    'error: policies orders and payments may both write LEASE_NAME into one Pod: choose other variables',
  ]);
  t.deepEqual(told([policy(env), policy({}, 'orders')], 'LP706'), []);
});

test('a right to create Leases that a policy makes needless', t => {
  const rights = [role([leasesRule(['create'])]), binding(account())];
  const subject = workload({account: 'api'});
  t.deepEqual(told([policy(), subject, ...rights], 'LP707').length, 1);
  t.deepEqual(told([policy({lease: {create: false}}), subject, ...rights], 'LP707'), []);
  t.deepEqual(told([policy(TEAM), subject, ...rights], 'LP707'), []);
  t.deepEqual(told([policy(), workload(), ...rights], 'LP707'), []);
});

test('policies of nodes and components give no workload a name', t => {
  const nodes = policy({subjects: {nodes: {}}, naming: undefined}, 'nodes');
  t.deepEqual(ids(lintedObjects([nodes, byName('api.example.com')])), []);
});
