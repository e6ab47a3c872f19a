/** Policies that inject variables into the same Pods: who had a variable first keeps it. */
import test, {type ExecutionContext} from 'ava';
import type {LabelSelector} from '../../src/api/leasepolicy.ts';
import type {KindAnswer} from '../../src/runtime/kinds.ts';
import {INJECTION_CONFLICT, InForce} from '../../src/world/in-force.ts';
import type {PolicyRow} from '../../src/world/project.ts';
import {World} from '../../src/world/world.ts';
import {idleWorld, policy, systemPolicy} from '../support/builders.ts';

type TestPolicy = ReturnType<typeof policy>;

const SERVED: KindAnswer = {state: 'served', plural: 'deployments', group: 'apps', version: 'v1'};
const A: LabelSelector = {matchLabels: {team: 'a'}};
const B: LabelSelector = {matchLabels: {team: 'b'}};

/** A policy as the caches keep it; the versions of its resource count on. */
let version = 10;
function row({name, spec}: TestPolicy, generation = 1, accepted?: TestPolicy): PolicyRow {
  version += 1;
  const lastAccepted = accepted && {generation, spec: JSON.stringify(accepted.spec)};
  return {
    key: name,
    uid: `uid-of-${name}`,
    resourceVersion: `${version}`,
    generation,
    terminating: false,
    spec,
    status: lastAccepted && ({lastAccepted} as never),
  };
}
/** One that an earlier leader had in force as it is. */
const known = (each: TestPolicy) => row(each, 1, each);

function world(answer: () => KindAnswer = () => SERVED): World {
  const made = new World({...idleWorld, kinds: {get: () => answer()}});
  made.policies.replace(new Map(), '1');
  return made;
}
function state(of: World | InForce, name: string): string {
  const {acceptance} = of instanceof World ? of.inForce : of;
  const found = acceptance.get(name);
  if (!found) return 'unknown';
  if (found.accepted === false) return found.reason;
  return found.accepted ? 'accepted' : 'pending';
}
const states = (of: World | InForce, ...names: string[]) => names.map(name => state(of, name));

const first = policy('first').injecting();
const second = policy('second').injecting();

test('the second policy that injects a variable is refused, and told by whom it is injected', t => {
  const both = world();
  both.policies.put(row(first));
  both.policies.put(row(second));
  t.deepEqual(states(both, 'first', 'second'), ['accepted', INJECTION_CONFLICT]);
  t.is(INJECTION_CONFLICT, 'InjectionConflict');
  t.regex(
    (both.inForce.acceptance.get('second') as {message: string}).message,
    /^policy first injects LEASE_NAME into Pods that this one may select: choose other variables/,
  );
  t.deepEqual([...both.rules.keys()], ['first']);
});

const TOGETHER: [what: string, one: TestPolicy, other: TestPolicy][] = [
  ['namespaces that exclude each other', first.inNamespaces(A), second.inNamespaces(B)],
  ['workloads that exclude each other', first.selecting(A), second.selecting(B)],
  ['other variables', first, second.injecting({nameEnv: 'X', namespaceEnv: 'Y'})],
  ['other kinds', first, second.forKinds('StatefulSet')],
  ['one that injects nothing', first, policy('second')],
];
for (const [what, one, other] of TOGETHER) {
  test(`two policies with ${what} are in force beside each other`, t => {
    const both = world();
    both.policies.put(row(one));
    both.policies.put(row(other));
    t.deepEqual(states(both, 'first', 'second'), ['accepted', 'accepted']);
  });
}

const ENDS: [what: string, change: (both: World) => void][] = [
  ['goes', both => both.policies.delete('first', '1000')],
  ['injects no more', both => both.policies.put(row(policy('first'), 2))],
  [
    'injects other variables',
    both => both.policies.put(row(first.injecting({nameEnv: 'X', namespaceEnv: 'Y'}), 2)),
  ],
];
for (const [what, change] of ENDS) {
  test(`when the first one ${what}, the second is accepted`, t => {
    const both = world();
    both.policies.put(row(first));
    both.policies.put(row(second));
    change(both);
    t.is(state(both, 'second'), 'accepted');
    t.true(both.rules.get('second')?.injection !== undefined);
  });
}

test('when the first one goes, one of two that wait is accepted and the other goes on waiting', t => {
  const all = world();
  for (const each of [first, second, policy('third').injecting()]) all.policies.put(row(each));
  all.policies.delete('first', '1000');
  t.deepEqual(states(all, 'second', 'third').sort(), [INJECTION_CONFLICT, 'accepted']);
});

test('what a refused policy had in force stays in force', t => {
  const both = world();
  both.policies.put(row(first));
  both.policies.put(row(policy('second')));
  both.policies.put(row(second, 2));
  t.is(state(both, 'second'), INJECTION_CONFLICT);
  t.is(both.rules.get('second')?.generation, 1);
  t.is(both.rules.get('second')?.injection, undefined);
});

// After a restart

/** Judges the rows in every order, as a first list may have them, when all of them are in the caches. */
function afterRestart(t: ExecutionContext, rows: PolicyRow[], expected: string[]): void {
  for (const order of [rows, rows.toReversed()]) {
    const inForce: InForce = new InForce({
      kinds: {get: () => SERVED},
      watchKind: () => {},
      policies: () => rows,
      onWorkload: () => {},
      nodesProblem: () => undefined,
      onOtherSubjects: () => {},
      onRules: () => {},
    });
    for (const each of order) inForce.judge(each);
    t.deepEqual(states(inForce, 'first', 'second'), expected);
  }
}

test('after a restart the policy that had the variable keeps it, whichever is judged first', t => {
  afterRestart(t, [known(first), row(second)], ['accepted', INJECTION_CONFLICT]);
  afterRestart(t, [row(first), known(second)], [INJECTION_CONFLICT, 'accepted']);
});

test('after a restart both are in force that were so', t => {
  afterRestart(t, [known(first.selecting(A)), known(second.selecting(B))], ['accepted', 'accepted']);
});

test('after a restart two that were in force beside each other stay so, though they share a variable', t => {
  afterRestart(t, [known(first), known(second)], ['accepted', 'accepted']);
});

test('after a restart a version that was edited meanwhile is refused, and the one before stays', t => {
  const edited = {
    ...row(second, 2),
    status: {lastAccepted: {generation: 1, spec: JSON.stringify(policy('second').spec)}},
  } as never;
  afterRestart(t, [known(first), edited], ['accepted', INJECTION_CONFLICT]);
});

const {enforcement: _, ...withoutEnforcement} = first.spec;
for (const [what, spec] of [
  ['no JSON', '{'],
  ['null', 'null'],
  ['an empty object', '{}'],
  ['a spec without a section, as of another version', JSON.stringify(withoutEnforcement)],
] as const) {
  test(`a status that is ${what} is as none`, t => {
    const broken = {...row(first, 2), status: {lastAccepted: {generation: 1, spec}}} as never;
    const both = world();
    both.policies.put(known(second));
    both.policies.put(broken);
    t.deepEqual(states(both, 'first', 'second'), [INJECTION_CONFLICT, 'accepted']);
  });
}

test('a spec that lacks a section, by the CRD of another version, is refused with what to do', t => {
  const one = world();
  one.policies.put({...row(first), spec: withoutEnforcement as never});
  t.like(one.inForce.acceptance.get('first'), {accepted: false, reason: 'InvalidSpec'});
  t.regex((one.inForce.acceptance.get('first') as {message: string}).message, /kubectl apply -f crds/);
});

for (const order of ['first', 'second']) {
  test(`after a restart the kinds are asked for first, and then the one that had it keeps it: ${order} is listed first`, t => {
    let answer: KindAnswer = {state: 'asking'};
    const both = world(() => answer);
    const rows = [row(first), known(second)].map(each => [each.key, each] as const);
    both.policies.replace(new Map(order === 'first' ? rows : rows.toReversed()), '900');
    t.is(state(both, 'second'), 'pending');
    answer = SERVED;
    both.triggers.kindChanged({apiVersion: 'apps/v1', kind: 'Deployment'});
    t.deepEqual(states(both, 'first', 'second'), [INJECTION_CONFLICT, 'accepted']);
    t.deepEqual([...both.rules.keys()], ['second']);
  });
}

test('a policy that was deleted and made anew while nobody watched is judged anew', t => {
  const one = world();
  one.policies.put(row(first));
  one.policies.replace(new Map([['first', {...row(policy('first')), uid: 'another'}]]), '900');
  t.is(one.rules.get('first')?.injection, undefined);
});

// Other subjects

const nodes = systemPolicy({nodes: {selector: {}}}).spec;
const components = systemPolicy({components: [{namespace: 'kube-system', name: 'x'}]}).spec;
const judged = (policyName: string, reason: 'StaleHeartbeat' | 'MissingLease') => ({
  findings: [
    {
      policy: policyName,
      reason,
      about: {apiVersion: 'v1', kind: 'Node', namespace: '', name: 'a', uid: ''},
      message: '',
    },
  ],
  states: [{policy: policyName, class: 'node-heartbeat', lifetime: 'held', claimed: true} as const],
});

for (const [from, key, to] of [
  [nodes, 'heartbeat/a', components],
  [nodes, 'heartbeat/a', policy('system').spec],
  [components, 'components/system', nodes],
  [policy('system').spec, 'lease/shop/a', nodes],
] as const) {
  const kindOf = ({subjects}: typeof from) => Object.keys(subjects)[0];
  test(`a policy that goes from ${kindOf(from)} to ${kindOf(to)} counts nothing and finds nothing of what it was`, t => {
    const one = world();
    const before = {...row(policy('system')), spec: from} as PolicyRow;
    one.policies.put(before);
    one.ledger.record(key, judged('system', 'StaleHeartbeat'), 0);
    one.ledger.record('heartbeat/b', judged('other', 'StaleHeartbeat'), 0);
    one.policies.put({...row(policy('system'), 2), spec: to} as PolicyRow);
    t.is(one.inForce.of('system')?.generation, 2);
    t.deepEqual([one.ledger.tally('system').total, one.ledger.tally('system').findings.size], [0, 0]);
    t.is(one.ledger.tally('other').total, 1, 'what others found stays');
  });
}

test('a policy whose subjects stay of one kind keeps what was found until it is judged anew', t => {
  const one = world();
  one.policies.put({...row(policy('system')), spec: nodes} as PolicyRow);
  one.ledger.record('heartbeat/a', judged('system', 'StaleHeartbeat'), 0);
  one.policies.put({...row(policy('system'), 2), spec: nodes} as PolicyRow);
  t.is(one.ledger.tally('system').total, 1);
});
