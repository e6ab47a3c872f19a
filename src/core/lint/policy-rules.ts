/** Rules of LeasePolicies, and of the workloads and Leases of the same input. */
import type {Path} from '../fields.ts';
import {sharedVariable} from '../naming/rules.ts';
import type {Bundle} from './bundle.ts';
import {durationText} from './duration.ts';
import {type Election, electionOf} from './elections.ts';
import {rightsOf} from './grants.ts';
import {type LintObject, textOfObject} from './object.ts';
import {
  type Given,
  givenNames,
  governing,
  homeOf,
  inForce,
  injectedInto,
  isExempt,
  isProblem,
} from './policy-names.ts';
import {allows, maybeSame} from './rights.ts';
import type {LintRule, Remark} from './rule.ts';
import {at, count} from './values.ts';

const policy = (rest: string, name = 'payments') => `apiVersion: leasepolicy.dev/v1alpha1
kind: LeasePolicy
metadata: {name: ${name}}
spec:
  subjects: {workloads: {}}
  naming: {prefix: ${name}}
${rest}`;

const deployment = (args: string, name = 'api') => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}, namespace: shop}
spec:
  template:
    spec:
      containers: [{name: main, image: ${name}, args: [${args}]}]`;

const both = (...manifests: string[]) => manifests.map(each => each.trimEnd()).join('\n---\n');

const INJECTED = policy('  injection: {mode: Env}');
const GOOD = both(INJECTED, deployment('--leader-elect, --leader-election-id=$(LEASE_NAME)'));

/** Sentences of the compiler begin with the path of what they are about. */
function pathIn(sentence: string): Path {
  const [, written = ''] = /^([A-Za-z][\w.[\]]*): /.exec(sentence) ?? [];
  const keys = written
    .split(/[.[\]]/)
    .filter(key => key !== '')
    .map(key => (/^\d+$/.test(key) ? Number(key) : key));
  return keys.length > 0 && keys[0] !== 'spec' ? ['spec', ...keys] : keys;
}

const isInvalid: LintRule = {
  id: 'LP701',
  severity: 'error',
  title: 'A LeasePolicy can not be in force',
  why: 'kubectl apply refuses it, or its condition Accepted is False and nothing of it is enforced. The sentence is the one that the API server or the operator would give.',
  bad: policy('').replace('prefix: payments', 'prefix: payments, template: "{prefix}"'),
  good: INJECTED,
  *find({policies}) {
    for (const {object, rules} of policies) {
      if (!isProblem(rules)) continue;
      for (const sentence of rules) yield {object, path: pathIn(sentence), message: sentence};
    }
  },
};

const about = ({workload: {object}}: Given, message: string): Remark => ({
  object,
  path: ['metadata', 'name'],
  message,
});

const leaseKey = ({namespace, result}: Given) =>
  'name' in result ? `${namespace}/${result.name}` : undefined;

function* collisions(given: readonly Given[]): Generator<Remark> {
  const taken = new Map<string, Given>();
  for (const each of given) {
    const key = leaseKey(each);
    if (key === undefined) continue;
    const first = taken.get(key);
    if (!first) taken.set(key, each);
    else if (!isTwice(each, first)) yield about(each, collisionText(each, first));
  }
}

/** One object may stand in several files, such as a base and what is made of it. */
const isTwice = (a: Given, b: Given) =>
  a.policy === b.policy && textOfObject(a.workload.object) === textOfObject(b.workload.object);

const collisionText = (each: Given, first: Given) =>
  first.subject === each.subject
    ? `policy ${each.policy} gives it the Lease that policy ${first.policy} gives it: choose another prefix for one of the two`
    : `policy ${each.policy} gives it the Lease of ${first.subject} (policy ${first.policy}): add kind to hash.of, or choose another prefix`;

const noName: LintRule = {
  id: 'LP702',
  severity: 'error',
  title: 'A policy gives a workload no name, or that of another one',
  why: 'The operator makes no Lease for it, and the policy is not Ready: the template gives no valid name, or one that an older workload has.',
  bad: both(
    policy('').replace('prefix: payments', 'prefix: payments, hash: {of: [name, "label:tier"]}'),
    deployment('--leader-elect'),
  ),
  good: GOOD,
  *find(bundle) {
    const given = givenNames(bundle);
    for (const each of given) {
      if ('problem' in each.result)
        yield about(each, `policy ${each.policy} gives it no Lease: ${each.result.message}`);
    }
    yield* collisions(given);
  },
};

const nameTold: LintRule = {
  id: 'LP703',
  severity: 'info',
  title: 'The Lease that a policy gives a workload',
  why: 'So that the name can be compared with what the workload is told. Where the Namespace is not in the input, a namespaceSelector is taken to select it, and the sentence says so.',
  bad: GOOD,
  good: deployment('--leader-elect'),
  *find(bundle) {
    for (const each of givenNames(bundle)) {
      const {result, policy: from, namespace, assumed} = each;
      if (!('name' in result)) continue;
      const provided = assumed.length > 0 ? `, if ${assumed.join(' and ')} selects it` : '';
      yield about(each, `policy ${from} gives it Lease ${result.name} in namespace ${namespace}${provided}`);
    }
  },
};

/** A Lease that is made or written, by an election or by the manifest itself. */
type Use = {
  readonly object: LintObject;
  readonly path: Path;
  readonly namespace: string;
  readonly name: string;
  /** The flag or variable that names it. */
  readonly from: string | undefined;
};

function* usesIn(bundle: Bundle, given: readonly Given[]): Generator<Use> {
  for (const {object, election} of elections(bundle, given)) {
    const {name, namespace, isOn} = election;
    if (!name?.value || namespace === undefined || isOn === false) continue;
    const home = namespace === '' ? homeOf(object) : namespace;
    yield {object, path: name.path, namespace: home, name: name.value, from: name.from};
  }
  for (const object of bundle.leases) {
    const {name} = object.manifest.metadata;
    yield {object, path: ['metadata', 'name'], namespace: homeOf(object), name, from: undefined};
  }
}

function* elections(
  bundle: Bundle,
  given: readonly Given[],
): Generator<{object: LintObject; election: Election}> {
  for (const workload of bundle.workloads) {
    const injected = injectedInto(workload, given);
    for (const container of workload.containers)
      yield {object: workload.object, election: electionOf(workload, container, injected)};
  }
}

const hasName = (namespace: string, name: string) => (each: Given) =>
  each.namespace === namespace && 'name' in each.result && each.result.name === name;

const textOf = ({policy, subject}: Given) => `${policy} ${subject}`;

/** What is wrong with a use of a name by the policies that govern its namespace; undefined when nothing is. */
function misuse({object, namespace, name, from}: Use, given: readonly Given[]): string | undefined {
  const whose = given.filter(hasName(namespace, name));
  if (whose.some(({workload}) => workload.object === object)) return undefined;
  const [other] = whose.toSorted((a, b) => (textOf(a) < textOf(b) ? -1 : 1));
  // A Lease of the input is that of its workload.
  if (other && from === undefined) return undefined;
  const own = given.filter(({workload}) => workload.object === object);
  const names = own.flatMap(({result}) => ('name' in result ? [result.name] : [])).toSorted();
  const next =
    names.length > 0 ? `write ${names.join(' or ')}` : 'use a name that a policy gives, or have it exempted';
  if (other) return `Lease ${name} is that of ${other.subject} by policy ${other.policy}: ${next}`;
  return `no policy allows Lease ${name} in namespace ${namespace}: ${next}`;
}

const notAllowed: LintRule = {
  id: 'LP704',
  severity: 'error',
  title: 'An election by a name that the policies do not allow',
  why: 'The policies of the input govern the namespace, and none gives the workload this name. Under enforcement.names Deny the API server refuses to create the Lease, and the workload never leads; under Audit and Warn it is the finding MisnamedLease, and here a warning. Let the flag be $(LEASE_NAME) with injection.mode Env, and it is always right.',
  bad: both(
    policy('  enforcement: {names: Deny}'),
    deployment('--leader-elect, --leader-election-id=my-lock'),
  ),
  good: GOOD,
  *find(bundle) {
    const given = givenNames(bundle);
    for (const use of usesIn(bundle, given)) {
      const {object, path, namespace, name} = use;
      const policies = governing(bundle, namespace);
      if (policies.length === 0 || isExempt(policies, namespace, name)) continue;
      const message = misuse(use, given);
      if (message === undefined) continue;
      const isDenied = policies.some(({rules}) => rules.enforcement.names === 'Deny');
      yield {object, path, message, severity: isDenied ? 'error' : 'warning'};
    }
  },
};

function* durationsIn(
  bundle: Bundle,
  given: readonly Given[],
): Generator<{each: Given; object: LintObject; path: Path; ms: number}> {
  for (const {object, election} of elections(bundle, given)) {
    const duration = election.durations.leaseDuration;
    if (duration?.ms === undefined || election.isOn === false) continue;
    for (const each of given.filter(({workload}) => workload.object === object))
      yield {each, object, path: duration.setting.path, ms: duration.ms};
  }
  for (const object of bundle.leases) {
    const seconds = count(at(object.manifest, 'spec', 'leaseDurationSeconds'));
    if (seconds === undefined) continue;
    for (const each of given.filter(hasName(homeOf(object), object.manifest.metadata.name)))
      yield {each, object, path: ['spec', 'leaseDurationSeconds'], ms: seconds * 1000};
  }
}

const outOfRange: LintRule = {
  id: 'LP705',
  severity: 'warning',
  title: 'A lease duration outside the bounds of its policy',
  why: 'Under Deny the API server refuses the first write of the candidate, and it never leads; else it is the finding DurationOutOfRange. Change the flag, or enforcement.durationSeconds of the policy.',
  bad: both(
    policy('  enforcement: {durationSeconds: {min: 5, max: 60}}'),
    deployment('--leader-elect, --leader-elect-lease-duration=137s, --leader-elect-renew-deadline=107s'),
  ),
  good: GOOD,
  *find(bundle) {
    for (const {each, object, path, ms} of durationsIn(bundle, givenNames(bundle))) {
      const {min, max} = each.rules.enforcement.durationSeconds;
      if (ms >= min * 1000 && ms <= max * 1000) continue;
      const message = `a lease duration of ${durationText(ms)}, and policy ${each.policy} allows ${durationText(min * 1000)} to ${durationText(max * 1000)}`;
      yield {object, path, message};
    }
  },
};

const oneVariable: LintRule = {
  id: 'LP706',
  severity: 'error',
  title: 'Two policies write one variable into the same Pods',
  why: 'A Pod that both select would be told one Lease by the name of the other: the policy that is newer is not accepted. Give one of them another injection.nameEnv and namespaceEnv, or selectors that exclude each other.',
  bad: both(INJECTED, policy('  injection: {mode: Env}', 'orders')),
  good: both(
    INJECTED,
    policy('  injection: {mode: Env, nameEnv: ORDERS_LEASE, namespaceEnv: ORDERS_NAMESPACE}', 'orders'),
  ),
  *find(bundle) {
    const policies = inForce(bundle);
    for (const [index, {object, rules}] of policies.entries()) {
      for (const other of policies.slice(0, index)) {
        const variable = sharedVariable(rules, other.rules);
        if (variable === undefined) continue;
        const message = `policies ${rules.policy} and ${other.name} may both write ${variable} into one Pod: choose other variables`;
        yield {object, path: ['spec', 'injection'], message};
      }
    }
  },
};

const needlessCreate: LintRule = {
  id: 'LP707',
  severity: 'info',
  title: 'A workload may create Leases, and a policy makes its own',
  why: 'create can not be limited to a name, so with it the workload may occupy any name of the namespace. The operator makes the Lease before its first candidate comes: leave create out, and let access.grant write the role.',
  bad: `${both(policy(''), deployment('--leader-elect'))}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: default, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: api, namespace: shop}
rules: [{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [create]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: api, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: api}
subjects: [{kind: ServiceAccount, name: default, namespace: shop}]`,
  good: GOOD,
  *find(bundle) {
    for (const each of givenNames(bundle)) {
      const {rules, namespace, workload, assumed} = each;
      const {rights} = rightsOf(bundle, workload);
      const creates = rights.some(
        right =>
          allows(right, 'create') &&
          !right.names &&
          (right.namespace === undefined || maybeSame(right.namespace, namespace)),
      );
      if (!creates || !rules.lease.create || assumed.length > 0) continue;
      yield about(
        each,
        `${workload.serviceAccount} may create Leases, and policy ${each.policy} makes that of this workload: take the right away`,
      );
    }
  },
};

export const POLICY_RULES: readonly LintRule[] = [
  isInvalid,
  noName,
  nameTold,
  notAllowed,
  outOfRange,
  oneVariable,
  needlessCreate,
];
