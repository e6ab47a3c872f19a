/** Policy tests as people and CI systems run them: each kind of expectation met and not met, formats, and bad files. */
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {ROOT} from '../../dev/programs.ts';
import {call, type Printed} from '../support/command.ts';

const POLICY = `apiVersion: leasepolicy.dev/v1alpha1
kind: LeasePolicy
metadata: {name: payments}
spec:
  subjects: {workloads: {namespaceSelector: {matchLabels: {team: payments}}}}
  naming: {prefix: payments}
  enforcement:
    names: Deny
    holders: Warn
    durationSeconds: {min: 5, max: 60, action: Audit}
    exempt: [{namespace: shop, name: built-in, reason: a test, until: "2026-06-30T00:00:00Z"}]
`;
const CLUSTER = `apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {team: payments}}
---
apiVersion: v1
kind: Namespace
metadata: {name: elsewhere}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: shop}
spec: {template: {spec: {serviceAccountName: api}}}
status: {readyReplicas: 1}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: elsewhere}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: payments-14c2529eb4, namespace: shop}
spec: {holderIdentity: api-6d4cf56db6-x7k2p_1, leaseDurationSeconds: 15, renewTime: "2026-03-01T11:59:50.000000Z"}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: my-lock, namespace: shop}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: built-in, namespace: shop}
`;
const HEAD = `apiVersion: cli.leasepolicy.dev/v1alpha1
kind: PolicyTest
metadata: {name: payments}
policies: [../policy.yaml]
resources: [../cluster.yaml]
`;
const AT = 'at: "2026-03-01T12:00:00Z"\n';

/** A folder with the policy and the cluster, and the test in a folder of its own. */
async function run(
  t: ExecutionContext,
  text: string,
  flags: readonly string[] = [],
  files: Record<string, string> = {},
): Promise<Printed> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-policy-test-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const tests = await mkdtemp(path.join(folder, 'tests-'));
  const all = {'policy.yaml': POLICY, 'cluster.yaml': CLUSTER, ...files};
  for (const [name, content] of Object.entries(all)) await writeFile(path.join(folder, name), content);
  await writeFile(path.join(tests, 'test.yaml'), text);
  const {code, stdout, stderr} = await call(['test', tests, ...flags]);
  const bare = (output: string) => output.replaceAll(`${tests}/`, '').replaceAll(`${folder}/`, '');
  return {code, stdout: bare(stdout), stderr: bare(stderr)};
}

/** What one expectation comes to. */
async function judged(t: ExecutionContext, expectation: string, head = HEAD + AT) {
  const {code, stdout, stderr} = await run(t, head + expectation, ['-o', 'json']);
  const [result] = JSON.parse(stdout).results;
  if (!result) throw new Error(stdout + stderr);
  t.is(code, result.passed ? 0 : 1);
  return result as {passed: boolean; expected: string; found: string; line: number};
}

for (const [expectation, passed, found] of [
  ['{workload: deployment/api, namespace: shop, lease: payments-14c2529eb4}', true, 'payments-14c2529eb4'],
  [
    '{workload: deploy/api, namespace: shop, policy: payments, lease: payments-14c2529eb4}',
    true,
    /^payments/,
  ],
  ['{workload: deployment/api, namespace: shop, lease: payments}', false, 'payments-14c2529eb4'],
  ['{workload: deployment/api, namespace: shop, lease: null}', false, 'payments-14c2529eb4'],
  ['{workload: deployment/api, namespace: elsewhere, lease: null}', true, /^no Lease/],
  [
    '{workload: deployment/api, namespace: elsewhere, lease: payments-14c2529eb4}',
    false,
    'no Lease (payments does not select namespace elsewhere)',
  ],
  [
    '{workload: deployment/none, namespace: shop, lease: null}',
    false,
    'there is no deployment/none in namespace shop in the files: add it to resources',
  ],
  ['{workload: api, namespace: shop, lease: null}', false, /^api names nothing: write kind and name/],
  [
    '{workload: deployment/api, namespace: shop, policy: other, lease: null}',
    false,
    'there is no policy other in the files, only payments',
  ],
] as const) {
  test(`names: ${expectation}`, async t => {
    const result = await judged(t, `names:\n  - ${expectation}\n`);
    t.is(result.passed, passed, JSON.stringify(result));
    if (typeof found === 'string') t.is(result.found, found);
    else t.regex(result.found, found);
    t.is(result.line, 8);
  });
}

for (const [expectation, passed, found, at = AT] of [
  ['{about: lease/my-lock, namespace: shop, reasons: [MisnamedLease]}', true, 'MisnamedLease'],
  ['{about: lease/my-lock, namespace: shop, reasons: []}', false, /^MisnamedLease \(payments: .*my-lock/],
  ['{about: lease/my-lock, namespace: shop, reasons: [MisnamedLease, Flapping]}', false, /^MisnamedLease/],
  ['{about: deployment/api, namespace: shop, reasons: []}', true, 'none'],
  ['{about: deployment/api, namespace: shop, reasons: [Leaderless]}', false, 'none'],
  // Two minutes later nobody has renewed it.
  [
    '{about: deployment/api, namespace: shop, reasons: [Leaderless]}',
    true,
    'Leaderless',
    'at: "2026-03-01T12:02:00Z"\n',
  ],
  ['{about: lease/built-in, namespace: shop, reasons: []}', true, 'none'],
  [
    '{about: lease/built-in, namespace: shop, policy: payments, reasons: [MisnamedLease]}',
    true,
    'MisnamedLease',
    'at: "2026-07-01T00:00:00Z"\n',
  ],
  ['{about: lease/none, namespace: shop, reasons: []}', false, /^there is no lease\/none in namespace shop/],
] as const) {
  test(`findings: ${expectation} ${at}`, async t => {
    const result = await judged(t, `findings:\n  - ${expectation}\n`, HEAD + at);
    t.is(result.passed, passed, JSON.stringify(result));
    if (typeof found === 'string') t.is(result.found, found);
    else t.regex(result.found, found);
  });
}

const OWN = 'metadata: {name: payments-14c2529eb4, namespace: shop}';
const create = (lease: string, rest: string) => `{create: {${lease}}, ${rest}}`;
const rogue = create('metadata: {name: rogue, namespace: shop}', 'user: jane, verdict: Deny');
const api = 'user: system:serviceaccount:shop:api';

for (const [expectation, passed, found, at = AT] of [
  [rogue, true, /^Deny: no policy allows Lease rogue in namespace shop \(LeasePolicy payments\); allowed/],
  [rogue.replace('Deny', 'Allow'), false, /^Deny: /],
  [rogue.replace('Deny', 'Warn'), false, /^Deny: /],
  [rogue.replace('Deny', 'Deny, message: allowed here'), true, /^Deny: /],
  [rogue.replace('Deny', 'Deny, message: nothing like it'), false, /^Deny: /],
  [rogue.replace('Deny', 'Deny, policy: payments'), true, /^Deny: /],
  [rogue.replace('Deny', 'Deny, policy: other'), false, /^there is no policy other in the files/],
  [rogue.replace('shop', 'elsewhere').replace('Deny', 'Allow'), true, 'Allow'],
  [rogue.replace('shop', 'none'), false, /^there is no namespace\/none in the files/],
  [create('metadata: {name: built-in, namespace: shop}', 'user: jane, verdict: Allow'), true, 'Allow'],
  [
    create('metadata: {name: built-in, namespace: shop}', 'user: jane, verdict: Deny'),
    true,
    /^Deny: /,
    'at: "2026-06-30T00:00:00Z"\n',
  ],
  [create(`${OWN}, spec: {holderIdentity: me}`, `${api}, verdict: Allow`), true, 'Allow'],
  [
    create(`${OWN}, spec: {holderIdentity: me}`, 'user: jane, verdict: Warn, message: not jane'),
    true,
    /^Warn: Lease payments-14c2529eb4 is that of Deployment\/api/,
  ],
  [create(`${OWN}, spec: {leaseDurationSeconds: 900}`, `${api}, verdict: Allow`), true, /^Allow: .*900/],
  [
    create(`${OWN}, spec: {leaseDurationSeconds: 900}`, `${api}, verdict: Allow, message: allows 5 to 60`),
    true,
    /^Allow: /,
  ],
  [
    create(`${OWN}, spec: {holderIdentity: me}`, 'user: root, groups: [system:masters], verdict: Allow'),
    true,
    'Allow',
  ],
  [
    `{update: {from: {${OWN}}, to: {${OWN}, spec: {holderIdentity: api-6d4cf56db6-x7k2p_1}}}, ${api}, pod: api-6d4cf56db6-x7k2p, verdict: Allow}`,
    true,
    'Allow',
  ],
  [
    `{update: {from: {${OWN}}, to: {${OWN}, spec: {holderIdentity: other}}}, ${api}, pod: other-6d4cf56db6-x7k2p, verdict: Warn}`,
    true,
    /^Warn: .*only its Pods may write it, and other-6d4cf56db6-x7k2p is none of them/,
  ],
  // Who writes the Leases of the operator, by the way it writes them, is the operator.
  [
    rogue
      .replace('jane', 'system:serviceaccount:leasepolicy-system:leasepolicy, fieldManager: leasepolicy')
      .replace('Deny', 'Allow'),
    true,
    'Allow',
  ],
] as const) {
  test(`admission: ${expectation} ${at}`, async t => {
    const result = await judged(t, `admission:\n  - ${expectation}\n`, HEAD + at);
    t.is(result.passed, passed, JSON.stringify(result));
    if (typeof found === 'string') t.is(result.found, found);
    else t.regex(result.found, found);
  });
}

test('a Lease may stand in a file of its own', async t => {
  const text = `${HEAD}admission:\n  - {create: ../lease.yaml, user: jane, verdict: Deny}\n`;
  const lease = 'apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: rogue, namespace: shop}\n';
  t.is((await run(t, text, [], {'lease.yaml': lease})).code, 0);
  const {code, stderr} = await run(t, text, [], {'lease.yaml': `${lease}---\n${lease}`});
  t.is(code, 1);
  t.is(
    stderr,
    'leasepolicy: test.yaml, line 7: PolicyTest payments: admission[0].create: ../lease.yaml holds 2 objects, not one Lease: correct it\n',
  );
});

test('of two policies each gives its name, and without one named neither is the answer', async t => {
  const second = POLICY.replace('name: payments', 'name: second').replace(
    'prefix: payments',
    'prefix: second',
  );
  const files = {'policy.yaml': `${POLICY}---\n${second}`};
  const text = `${HEAD}names:
  - {workload: deployment/api, namespace: shop, policy: second, lease: second-14c2529eb4}
  - {workload: deployment/api, namespace: shop, lease: second-14c2529eb4}
admission:
  - {create: {metadata: {name: rogue, namespace: shop}}, user: jane, policy: second, verdict: Deny, message: LeasePolicy second}
  - {create: {metadata: {name: rogue, namespace: shop}}, user: jane, policy: second, verdict: Deny, message: LeasePolicy payments}
`;
  const {stdout} = await run(t, text, ['-o', 'json'], files);
  const {results} = JSON.parse(stdout) as {results: {passed: boolean; found: string}[]};
  t.deepEqual(
    results.map(({passed}) => passed),
    [true, false, true, false],
  );
  t.is(results[1]?.found, 'payments-14c2529eb4, second-14c2529eb4');
});

test('two workloads with one name: the older one has the Lease', async t => {
  const twins = ['Deployment', 'StatefulSet']
    .map(kind => `apiVersion: apps/v1\nkind: ${kind}\nmetadata: {name: twin, namespace: shop}\n`)
    .join('---\n');
  const policy = POLICY.replace(
    'workloads: {',
    'workloads: {kinds: [{kind: Deployment}, {kind: StatefulSet}], ',
  );
  const names = `names:
  - {workload: deployment/twin, namespace: shop, lease: payments-8e0a5ec8e6}
  - {workload: statefulset/twin, namespace: shop, lease: null}
findings:
  - {about: statefulset/twin, namespace: shop, reasons: [NameCollision]}
`;
  const files = {'policy.yaml': policy, 'cluster.yaml': `${CLUSTER}---\n${twins}`};
  const {stdout} = await run(t, HEAD + names, ['-o', 'json'], files);
  const found = JSON.parse(stdout).results.map((each: {found: string}) => each.found);
  t.regex(found[0], /^payments-[0-9a-f]{10}$/);
  t.is(found[1], `no Lease (payments gives ${found[0]} to an older workload)`);
  t.is(found[2], 'NameCollision');
});

test('nodes and components have findings too', async t => {
  const policies = `apiVersion: leasepolicy.dev/v1alpha1
kind: LeasePolicy
metadata: {name: nodes}
spec: {subjects: {nodes: {}}}
---
apiVersion: leasepolicy.dev/v1alpha1
kind: LeasePolicy
metadata: {name: control-plane}
spec: {subjects: {components: [{namespace: kube-system, name: kube-scheduler}]}}
---
apiVersion: v1
kind: Node
metadata: {name: node-1}
---
apiVersion: v1
kind: Node
metadata: {name: node-2}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata:
  name: node-2
  namespace: kube-node-lease
  ownerReferences: [{apiVersion: v1, kind: Node, name: node-2, uid: a}]
spec: {holderIdentity: node-2, leaseDurationSeconds: 40, renewTime: "2026-03-01T11:59:50.000000Z"}
`;
  const text = `${HEAD.replace(/policies.*\n.*\n/, 'policies: [../policy.yaml]\n')}${AT}findings:
  - {about: node/node-1, reasons: [MissingLease]}
  - {about: node/node-2, reasons: []}
  - {about: lease/kube-scheduler, namespace: kube-system, reasons: [MissingLease]}
`;
  const {stdout} = await run(t, text, ['-o', 'json'], {'policy.yaml': policies});
  const found = JSON.parse(stdout).results.map((each: {found: string}) => each.found);
  t.deepEqual(found, ['MissingLease', 'none', 'MissingLease']);
});

test('a Lease that is due to be deleted is judged as it is', async t => {
  t.timeout(20_000);
  const orphan = `---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata:
  name: payments-0123456789
  namespace: shop
  labels: {leasepolicy.dev/policy: payments, leasepolicy.dev/origin: created}
  annotations: {leasepolicy.dev/subject: Deployment/gone, leasepolicy.dev/orphaned-since: "2026-02-01T12:00:00Z"}
spec: {holderIdentity: "", leaseDurationSeconds: 1, renewTime: "2026-02-01T12:00:00.000000Z", leaseTransitions: 3}
`;
  const text = `${HEAD}${AT}findings:
  - {about: lease/payments-0123456789, namespace: shop, reasons: [OrphanedLease]}
`;
  const {code, stdout} = await run(t, text, [], {'cluster.yaml': CLUSTER + orphan});
  t.is(code, 0, stdout);
});

test('a registry that the operator would delete is gone before anything is judged', async t => {
  t.timeout(20_000);
  const names = 'names: [{workload: deployment/api, namespace: elsewhere, lease: null}]\n';
  const registry = `---
apiVersion: leasepolicy.dev/v1alpha1
kind: LeaseRegistry
metadata: {name: leases, namespace: elsewhere}
spec: {names: {}, subjects: {}, exempt: [], exemptUntil: {}, allowed: "", retired: {}}
`;
  const {code, stdout} = await run(t, HEAD + names, [], {'cluster.yaml': CLUSTER + registry});
  t.is(code, 0, stdout);
});

const TWO = `names:
  - {workload: deployment/api, namespace: shop, lease: payments-14c2529eb4}
  - {workload: deployment/api, namespace: shop, lease: wrong}
`;

test('a table has a line for each expectation, then what failed, and last the sum', async t => {
  t.deepEqual(await run(t, HEAD + TWO), {
    code: 1,
    stdout: `RESULT   TEST       EXPECTATION
PASS     payments   name of deployment/api in namespace shop
FAIL     payments   name of deployment/api in namespace shop

FAIL payments: name of deployment/api in namespace shop (test.yaml:8)
  expected: wrong
  found:    payments-14c2529eb4

1 passed, 1 failed
`,
    stderr: '',
  });
});

test('wide has the place and what was found', async t => {
  const {stdout} = await run(t, HEAD + TWO, ['-o', 'wide']);
  t.regex(stdout, /^PASS {5}payments {3}test\.yaml:7 {2,}name of .* {3}payments-14c2529eb4$/m);
});

test('yaml and junit say the same', async t => {
  const yaml = await run(t, HEAD + TWO, ['-o', 'yaml']);
  t.is(yaml.code, 1);
  t.regex(yaml.stdout, /summary:\n {2}passed: 1\n {2}failed: 1\n {2}errors: 0\n$/);
  const junit = await run(t, HEAD + TWO, ['-o', 'junit']);
  t.is(junit.code, 1);
  t.regex(junit.stdout, /<testsuites name="leasepolicy test" tests="2" failures="1" errors="0" skipped="0">/);
  t.regex(junit.stdout, /<testsuite name="test.yaml: payments" /);
  t.regex(junit.stdout, /<failure message="test\.yaml:8: expected wrong, found payments-14c2529eb4">/);
});

test('colours are for terminals', async t => {
  const folder = path.join(ROOT, 'config/samples/tests');
  const on = await call(['test', folder], {isTerminal: true});
  t.true(on.stdout.includes('\u001b[32mPASS\u001b[39m'));
  t.false((await call(['test', folder])).stdout.includes('\u001b'));
});

test('the samples hold', async t => {
  const {code, stdout, stderr} = await call(['test', path.join(ROOT, 'config/samples/tests')]);
  t.is(stderr, '');
  t.regex(stdout, /\n\d\d passed, 0 failed\n$/);
  t.is(code, 0);
});

const NAMES = 'names: [{workload: deployment/api, namespace: shop, lease: null}]\n';
const EMPTY_LEASE = 'metadata: {name: a, namespace: shop}';

for (const [what, text, sentence] of [
  ['no YAML', `${HEAD}names: [`, /^leasepolicy: test\.yaml, line \d+: it is no YAML \(/],
  [
    'an unknown field',
    `${HEAD}${NAMES}expect: []\n`,
    /^leasepolicy: test\.yaml, line 7: PolicyTest payments: expect: there is no such field, only apiVersion, /,
  ],
  [
    'an unknown field of an expectation',
    `${HEAD}names:\n  - {workload: deployment/api, namespace: shop, leas: x}\n`,
    /PolicyTest payments: names\[0\]\.lease: it is missing.*\n.*line 7: .*names\[0\]\.leas: there is no such field, only workload/s,
  ],
  [
    'a wrong type',
    `${HEAD}names: [{workload: deployment/api, namespace: shop, lease: 7}]\n`,
    /names\[0\]\.lease: it is 7, write a text/,
  ],
  [
    'another version',
    HEAD.replace('v1alpha1', 'v1') + NAMES,
    /there is no cli\.leasepolicy\.dev\/v1 PolicyTest: write cli\.leasepolicy\.dev\/v1alpha1 PolicyTest/,
  ],
  [
    'nothing expected',
    HEAD,
    /^leasepolicy: test\.yaml, line 1: PolicyTest payments: it expects nothing: write names, findings or admission\n/,
  ],
  [
    'no moment',
    `${HEAD}at: yesterday\n${NAMES}`,
    /line 6: PolicyTest payments: at: yesterday is no time: write it as 2026-03-01T12:00:00Z/,
  ],
  [
    'a missing file',
    HEAD.replace('cluster.yaml', 'nowhere.yaml') + NAMES,
    /^leasepolicy: test\.yaml, line 5: PolicyTest payments: resources\[0\]: nowhere\.yaml can't be read \(ENOENT.*\): write the path of a manifest\n$/,
  ],
  [
    'a missing file of a Lease',
    `${HEAD}admission: [{create: nowhere.yaml, user: jane, verdict: Deny}]\n`,
    /^leasepolicy: test\.yaml, line 6: PolicyTest payments: admission\[0\]\.create: nowhere\.yaml can't be read/,
  ],
  [
    'a reason that no finding has',
    `${HEAD}findings: [{about: lease/my-lock, namespace: shop, reasons: [MisnamedLease, Mispelt]}]\n`,
    /line 6: PolicyTest payments: findings\[0\]\.reasons\[1\]: there is no reason "Mispelt": write some of .*MisnamedLease, /,
  ],
  [
    'no policy',
    HEAD.replace('policies: [../policy.yaml]\n', '') + NAMES,
    /PolicyTest payments: there is no LeasePolicy in its files: name one in policies/,
  ],
  [
    'neither create nor update',
    `${HEAD}admission: [{user: jane, verdict: Deny}]\n`,
    /admission\[0\]: it needs either create or update/,
  ],
  [
    'two Leases in an update',
    `${HEAD}admission: [{update: {from: {${EMPTY_LEASE}}, to: {${EMPTY_LEASE.replace(': a', ': b')}}}, user: jane, verdict: Deny}]\n`,
    /admission\[0\]\.update: from and to are not the same Lease/,
  ],
  [
    'a verdict that is none',
    `${HEAD}admission: [{create: {${EMPTY_LEASE}}, user: jane, verdict: Audit}]\n`,
    /admission\[0\]\.verdict: it is "Audit", write one of Allow, Warn, Deny/,
  ],
  [
    'a Lease with an unknown field',
    `${HEAD}admission: [{create: {${EMPTY_LEASE}, spec: {holder: me}}, user: jane, verdict: Deny}]\n`,
    /admission\[0\]\.create\.spec\.holder: there is no such field, only holderIdentity/,
  ],
  [
    'a time of a Lease that no API server takes',
    `${HEAD}admission: [{create: {${EMPTY_LEASE}, spec: {renewTime: "2026-03-01T12:00:00Z"}}, user: jane, verdict: Deny}]\n`,
    /create\.spec\.renewTime: 2026-03-01T12:00:00Z is no time: write it as 2026-03-01T12:00:00\.000000Z/,
  ],
  [
    'a moment that is none',
    `${HEAD}admission: [{create: {${EMPTY_LEASE}, spec: {acquireTime: "2026-13-01T12:00:00.000000Z"}}, user: jane, verdict: Deny}]\n`,
    /create\.spec\.acquireTime: 2026-13-01T12:00:00\.000000Z is no time/,
  ],
  [
    'a moment as the API server does not write it',
    `${HEAD}admission: [{create: {${EMPTY_LEASE}, spec: {renewTime: "2026-03-01T12:00:00.000000+01:00"}}, user: jane, verdict: Deny}]\n`,
    /create\.spec\.renewTime: 2026-03-01T12:00:00\.000000\+01:00 is no time: write it as/,
  ],
  [
    'a duration that no API server takes',
    `${HEAD}admission: [{create: {${EMPTY_LEASE}, spec: {leaseDurationSeconds: 2147483648}}, user: jane, verdict: Deny}]\n`,
    /create\.spec\.leaseDurationSeconds: it is 2147483648, write a whole number, 1 to 2147483647/,
  ],
] as const) {
  test(`${what} is told with its place, and fails`, async t => {
    const {code, stdout, stderr} = await run(t, text);
    t.is(code, 1);
    t.is(stdout, '');
    t.regex(stderr, sentence);
  });
}

for (const [what, files, sentence] of [
  [
    'a policy that the schema refuses',
    {'policy.yaml': POLICY.replace('names: Deny', 'names: Never')},
    /^leasepolicy: policy\.yaml, line 1: LeasePolicy payments can't be in force \(spec\.enforcement\.names: it is "Never"/,
  ],
  [
    'a policy that a rule of the CRD refuses',
    {'policy.yaml': POLICY.replace('min: 5', 'min: 90')},
    /^leasepolicy: policy\.yaml, line 1: LeasePolicy payments can't be in force \(.*durationSeconds\.min is above max/,
  ],
  [
    'a policy that another one keeps out of force',
    {
      'policy.yaml': ['a', 'b']
        .map(name =>
          POLICY.replace('name: payments', `name: ${name}`).replace('prefix: payments', `prefix: ${name}`),
        )
        .map(text => `${text}  injection: {mode: Env}\n`)
        .join('---\n'),
    },
    /^leasepolicy: policy\.yaml, line 14: LeasePolicy b can't be in force \(policy a injects LEASE_NAME into Pods/,
  ],
  [
    'a policy that stands there twice, with two contents',
    {'policy.yaml': `${POLICY}---\n${POLICY.replace('names: Deny', 'names: Audit')}`},
    /^leasepolicy: policy\.yaml, line 13: LeasePolicy payments: another one stands in policy\.yaml, line 1: leave one of them out/,
  ],
  [
    'a namespace that is no file',
    {'cluster.yaml': CLUSTER.replace('name: elsewhere}', 'name: other}')},
    /^leasepolicy: cluster\.yaml, line \d+: Deployment api is in namespace elsewhere, which is no file's: add it to resources/,
  ],
  [
    'a workload without a namespace',
    {'cluster.yaml': CLUSTER.replace('name: api, namespace: shop', 'name: api')},
    /^leasepolicy: cluster\.yaml, line \d+: Deployment api has no namespace: write it/,
  ],
] as const) {
  test(`${what} is told with its place, and nothing is judged`, async t => {
    const {code, stdout, stderr} = await run(t, HEAD + NAMES, [], files);
    t.is(code, 1);
    t.is(stdout, '');
    t.regex(stderr, sentence);
  });
}

test('a file that is named twice is read as one', async t => {
  const {stdout} = await run(t, HEAD.replace('[../cluster.yaml]', '[../cluster.yaml, ..]') + NAMES);
  t.regex(stdout, /found: +payments-14c2529eb4\n/);
});

test('one test that is broken does not hide the results of the others', async t => {
  const {code, stdout} = await run(t, `${HEAD}${TWO.replace(/.*wrong.*\n/, '')}---\n${HEAD}`, ['-o', 'json']);
  t.is(code, 1);
  const {summary, errors} = JSON.parse(stdout);
  t.deepEqual(summary, {passed: 1, failed: 0, errors: 1});
  t.is(errors[0].next, 'write names, findings or admission');
});

test('a folder without tests, and no folder at all, are told with the next step', async t => {
  const without = await call(['test', path.join(ROOT, 'config/crd')]);
  t.is(without.code, 1);
  t.regex(
    without.stderr,
    /there is no PolicyTest in .*config\/crd: write one as docs\/policy-tests\.md says\n$/,
  );
  const none = await call(['test']);
  t.is(none.code, 1);
  t.is(
    none.stderr,
    'leasepolicy: there is nothing to test: write files or folders of policy tests, or - for standard input\n',
  );
});

test('a test from standard input names its files from the current folder', async t => {
  const stdin = `apiVersion: cli.leasepolicy.dev/v1alpha1
kind: PolicyTest
metadata: {name: payments}
policies: [${path.relative(process.cwd(), path.join(ROOT, 'config/samples/payments.yaml'))}]
resources: [${path.relative(process.cwd(), path.join(ROOT, 'config/samples/tests/shop.yaml'))}]
names: [{workload: deployment/api, namespace: shop, lease: payments-14c2529eb4}]
`;
  const {code, stdout, stderr} = await call(['test', '-'], {stdin});
  t.is(code, 0, stderr);
  t.regex(stdout, /^PASS +payments +name of deployment\/api in namespace shop\n\n1 passed, 0 failed\n/m);
});

test('files below a folder that hold no test are passed over, whatever is in them', async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-policy-test-'));
  t.teardown(() => rm(folder, {recursive: true}));
  await writeFile(path.join(folder, 'template.yaml'), 'a: {{ .Values.a }}\n');
  await writeFile(
    path.join(folder, 'test.yaml'),
    `${HEAD.replace(/policies.*\n.*\n/, '')}${NAMES}---\n${POLICY}---\n${CLUSTER}`,
  );
  const {code, stdout, stderr} = await call(['test', folder]);
  t.is(stderr, '');
  t.regex(stdout, /0 passed, 1 failed\n$/);
  t.is(code, 1);
});
