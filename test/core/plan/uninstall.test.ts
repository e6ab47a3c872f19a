/** What an uninstallation removes, in which order, and what it keeps. */
import test from 'ava';
import type {Lease} from '../../../src/api/objects.ts';
import {
  planUninstall,
  type Thing,
  thingText,
  type UninstallObservation,
} from '../../../src/core/plan/uninstall.ts';

const OURS = {'app.kubernetes.io/part-of': 'leasepolicy'};
const SYSTEM = 'leasepolicy-system';
const OWN = 'leasepolicy-d704b00044';

let uids = 0;
function thing(apiVersion: string, kind: string, name: string, further: Partial<Thing> = {}): Thing {
  uids += 1;
  return {apiVersion, kind, name, uid: `${uids}`, resourceVersion: '1', labels: OURS, ...further};
}

const lease = (name: string, holderIdentity: string, namespace = 'shop', subject = 'Deployment/api') =>
  ({
    metadata: {name, namespace, annotations: {'leasepolicy.dev/subject': subject}},
    spec: {holderIdentity, leaseDurationSeconds: 3600},
  }) as unknown as Lease;

const ADMISSION = 'admissionregistration.k8s.io/v1';
const RBAC = 'rbac.authorization.k8s.io/v1';

const place = thing('v1', 'Namespace', SYSTEM);
const deployment = thing('apps/v1', 'Deployment', 'leasepolicy', {namespace: SYSTEM});
const policies = thing(
  'apiextensions.k8s.io/v1',
  'CustomResourceDefinition',
  'leasepolicies.leasepolicy.dev',
  {
    labels: {},
  },
);
const role = thing(RBAC, 'ClusterRole', 'leasepolicy-operator');
const binding = thing(ADMISSION, 'ValidatingAdmissionPolicyBinding', 'b', {labels: {}});
const rule = thing(ADMISSION, 'ValidatingAdmissionPolicy', 'p', {labels: {}});
const grant = thing(RBAC, 'RoleBinding', 'g', {namespace: 'shop', labels: {}});
const payments = thing('leasepolicy.dev/v1alpha1', 'LeasePolicy', 'payments', {labels: {}});

const observed = (further: Partial<UninstallObservation> = {}): UninstallObservation => ({
  policies: [payments],
  rendered: [grant, rule, binding],
  registries: [thing('leasepolicy.dev/v1alpha1', 'LeaseRegistry', 'leases', {namespace: 'shop'})],
  installed: [place, policies, role, deployment],
  leases: [],
  lent: [],
  home: [deployment],
  namespace: SYSTEM,
  ownLease: OWN,
  ...further,
});

const kinds = (things: readonly Thing[]) => things.map(({kind}) => kind);

test('with the policies gone, what denies goes next, and the operator after it', t => {
  const {removals, kept} = planUninstall(observed(), true);
  t.deepEqual(kinds(removals), [
    'LeasePolicy',
    'ValidatingAdmissionPolicyBinding',
    'ValidatingAdmissionPolicy',
    'RoleBinding',
    'Deployment',
    'LeaseRegistry',
    'CustomResourceDefinition',
    'ClusterRole',
    'Namespace',
  ]);
  t.deepEqual(kept, []);
});

test('while policies stay the operator goes first, as it would make anew what denies', t => {
  const {removals, kept} = planUninstall(observed(), false);
  t.deepEqual(kinds(removals).slice(0, 3), [
    'Deployment',
    'ValidatingAdmissionPolicyBinding',
    'ValidatingAdmissionPolicy',
  ]);
  t.false(removals.includes(policies) || removals.includes(payments));
  t.deepEqual(
    kept.map(({thing, because}) => `${thing}: ${because}`),
    [
      'leasepolicy.leasepolicy.dev/payments: you keep the policies',
      'customresourcedefinition.apiextensions.k8s.io/leasepolicies.leasepolicy.dev: 1 LeasePolicies are of this kind',
    ],
  );
});

test('without policies there is nothing to keep of them', t => {
  t.true(planUninstall(observed({policies: []}), false).removals.includes(policies));
});

test("an object of our name without our label is somebody else's", t => {
  const stranger = thing(RBAC, 'ClusterRole', 'leasepolicy-viewer', {labels: {}});
  const {removals, kept} = planUninstall(observed({installed: [stranger]}), true);
  t.false(removals.includes(stranger));
  t.regex(kept[0]?.because ?? '', /has not the label app\.kubernetes\.io\/part-of=leasepolicy/);
});

test('the namespace stays with what others have put into it, or where nobody knows', t => {
  const comes = [
    thing('v1', 'ConfigMap', 'kube-root-ca.crt', {labels: {}}),
    thing('v1', 'ServiceAccount', 'default', {labels: {}}),
    thing('v1', 'Pod', 'leasepolicy-1', {labels: {'app.kubernetes.io/name': 'leasepolicy'}}),
    thing('coordination.k8s.io/v1', 'Lease', OWN, {namespace: SYSTEM}),
    thing('v1', 'Event', 'x'),
  ];
  const alone = planUninstall(observed({home: comes}), true).removals;
  t.deepEqual(alone.slice(-2).map(thingText), [
    `lease.coordination.k8s.io/${OWN} in namespace ${SYSTEM}`,
    `namespace/${SYSTEM}`,
  ]);
  const others = [thing('v1', 'Secret', 'mine'), thing('coordination.k8s.io/v1', 'Lease', 'product')];
  const shared = planUninstall(observed({home: [...comes, ...others]}), true);
  t.false(shared.removals.includes(place));
  t.deepEqual(shared.kept[0], {
    thing: `namespace/${SYSTEM}`,
    because: 'others are in it: Secret mine and 1 more',
  });
  const unknown = planUninstall(observed({home: {unknown: 'secrets is forbidden'}}), true);
  t.deepEqual(unknown.kept[0]?.because, 'what is in it is not known (secrets is forbidden)');
});

test('every Lease of a workload stays, and the line says why', t => {
  const leases = [
    lease('a', 'api-1_x\u001b'),
    lease('b', ''),
    lease('c', 'leasepolicy-rename_old'),
    lease('d', '', 'leases', 'StatefulSet/shop/db'),
    lease(OWN, 'leasepolicy-1_x', SYSTEM),
  ];
  const home = [thing('coordination.k8s.io/v1', 'Lease', OWN, {namespace: SYSTEM})];
  const {kept, removals} = planUninstall(observed({leases, home}), true);
  t.deepEqual(
    removals.filter(({kind}) => kind === 'Lease'),
    home,
  );
  t.deepEqual(
    kept.map(({because}) => because),
    [
      'its holder is api-1_x\\u001b',
      'nobody holds it, and its product may take it; when that is gone, --leases-of shop/Deployment/api removes it',
      'it is closed for a rename (leasepolicy-rename_old), and opens by itself within 3600 seconds',
      'nobody holds it, and its product may take it; when that is gone, --leases-of shop/StatefulSet/db removes it',
    ],
  );
});

test('a Lease that a policy gave the operator itself goes with it, unless somebody has taken it', t => {
  const home = [thing('coordination.k8s.io/v1', 'Lease', 'all-1', {namespace: SYSTEM, labels: {}})];
  const given = (holder: string) => {
    const made = lease('all-1', holder, SYSTEM, 'Deployment/leasepolicy');
    Object.assign(made.metadata, {labels: {'leasepolicy.dev/origin': 'created'}});
    return planUninstall(observed({home, leases: [made]}), true);
  };
  t.deepEqual(kinds(given('').removals).slice(-2), ['Lease', 'Namespace']);
  t.deepEqual(given('').kept, []);
  t.false(kinds(given('x').removals).includes('Namespace'));
  t.deepEqual(
    given('x').kept.map(({because}) => because),
    ['others are in it: Lease all-1', 'its holder is x'],
  );
});

test("a Lease of the operator's Deployment stays where that is somebody else's, or its namespace can't be read", t => {
  const made = lease('all-1', '', SYSTEM, 'Deployment/leasepolicy');
  Object.assign(made.metadata, {labels: {'leasepolicy.dev/origin': 'created'}});
  const home = ['all-1', OWN].map(name =>
    thing('coordination.k8s.io/v1', 'Lease', name, {namespace: SYSTEM, labels: {}}),
  );
  const foreign = thing('apps/v1', 'Deployment', 'leasepolicy', {namespace: SYSTEM, labels: {}});
  for (const further of [{home, installed: [role, foreign]}, {home: {unknown: 'secrets is forbidden'}}]) {
    const {removals, kept} = planUninstall(observed({leases: [made], ...further}), true);
    t.false(kinds(removals).includes('Lease'));
    t.is(kept.at(-1)?.thing, `lease.coordination.k8s.io/all-1 in namespace ${SYSTEM}`);
  }
});

test("of a cluster without it nothing is removed, and a ClusterRole that lends a kind is its maker's", t => {
  const lent = [thing(RBAC, 'ClusterRole', 'rollouts', {labels: {}})];
  const nothing = {policies: [], rendered: [], registries: [], installed: [], home: []};
  const {removals, kept} = planUninstall(observed({...nothing, lent}), true);
  t.deepEqual(removals, []);
  t.deepEqual(kept, [
    {
      thing: 'clusterrole.rbac.authorization.k8s.io/rollouts',
      because: 'you made it, to let the operator read further kinds',
    },
  ]);
});
