/** What of a policy is in the API server, and the condition that says so. */
import test from 'ava';
import type {RenderedKind} from '../../../src/api/objects.ts';
import {renderAdmission} from '../../../src/core/admission/render.ts';
import type {RenderedView} from '../../../src/core/admission/rendered.ts';
import type {Rules} from '../../../src/core/naming/rules.ts';
import {
  type AdmissionObservation,
  type KindProblem,
  planAdmission,
} from '../../../src/core/plan/admission.ts';
import {admissionContext, only, policy, served} from '../../support/builders.ts';

const VAP = 'ValidatingAdmissionPolicy';
const MAP = 'MutatingAdmissionPolicy';
const context = admissionContext();
const injecting = policy().enforcing({names: 'Deny'}).injecting().rules();

/** Everything of these rules, as the API server has it. */
const inServer = (rules: Rules) =>
  renderAdmission(rules, context).flatMap(({objects}) => objects.map(each => served(each)));

const plan = (given: Partial<AdmissionObservation> = {}) =>
  planAdmission({rules: injecting, context, isTerminating: false, problems: new Map(), live: [], ...given});
const writes = (given: Partial<AdmissionObservation> = {}) =>
  plan(given).actions.map(each => {
    if (each.type === 'applyObject') return `apply ${each.rendered.kind} ${each.rendered.name}`;
    return each.type === 'deleteObject' ? `delete ${each.kind} ${each.name}` : each.type;
  });

const unserved = (...kinds: RenderedKind[]): ReadonlyMap<RenderedKind, KindProblem> =>
  new Map(
    kinds.map(
      kind => [kind, {reason: 'KindNotServed', message: `the API server serves no ${kind}`}] as const,
    ),
  );
const NO_MUTATION = unserved(MAP, `${MAP}Binding`);

test('a new policy has each part written, each policy before its binding, and is pending', t => {
  t.deepEqual(writes(), [
    `apply ${VAP} leasepolicy-names-payments`,
    `apply ${VAP}Binding leasepolicy-names-payments`,
    `apply ${VAP} leasepolicy-durations-payments`,
    `apply ${VAP}Binding leasepolicy-durations-payments`,
    `apply ${VAP}Binding leasepolicy-durations.unlabelled-payments`,
    `apply ${VAP}Binding leasepolicy-durations.create-payments`,
    `apply ${MAP} leasepolicy-pods-payments`,
    `apply ${MAP}Binding leasepolicy-pods-payments`,
    `apply ${VAP} leasepolicy-pods-payments`,
    `apply ${VAP}Binding leasepolicy-pods-payments`,
  ]);
  t.deepEqual(plan().enforced, {
    status: 'Unknown',
    reason: 'Pending',
    message: '10 objects are about to be written or removed',
  });
  t.deepEqual(plan().findings, []);
});

test('when everything is there, nothing is written and all of it is in force', t => {
  t.deepEqual(plan({live: inServer(injecting)}), {
    actions: [],
    findings: [],
    enforced: {
      status: 'True',
      reason: 'InForce',
      message: 'the API server checks names: Deny, durationSeconds: Deny, holders: Off, injection: Env',
    },
  });
});

const SAID: [what: string, rules: Rules, checks: string][] = [
  ['the defaults', policy().rules(), 'names: Audit, durationSeconds: Audit, holders: Off'],
  [
    'actions of their own',
    policy()
      .enforcing({names: 'Warn', holders: 'Deny', durationSeconds: {min: 1, max: 2, action: 'Audit'}})
      .rules(),
    'names: Warn, durationSeconds: Audit, holders: Deny',
  ],
  [
    'access',
    policy().granting().rules(),
    'names: Audit, durationSeconds: Audit, holders: Off, access: ServiceAccount',
  ],
  [
    'access and variables',
    policy().granting().injecting().rules(),
    'names: Audit, durationSeconds: Audit, holders: Off, access: ServiceAccount, injection: Env',
  ],
  [
    'variables for kinds that can’t have them',
    policy().forKinds('ReplicaSet').injecting().rules(),
    'names: Audit, durationSeconds: Audit, holders: Off',
  ],
];
for (const [what, rules, checks] of SAID) {
  test(`a policy with ${what} says that the API server checks ${checks}`, t => {
    const {enforced} = plan({rules, live: inServer(rules)});
    t.deepEqual(enforced, {status: 'True', reason: 'InForce', message: `the API server checks ${checks}`});
  });
}

for (const [what, given] of [
  ['is gone', {rules: undefined, context: undefined}],
  ['is about to go', {rules: undefined}],
  ['is not known to the caches any more', {context: undefined}],
] as [string, Partial<AdmissionObservation>][]) {
  test(`of a policy that ${what} everything is removed, what refuses first and bindings before it, and no condition is left`, t => {
    const live = inServer(injecting);
    const planned = plan({...given, live});
    const kinds = only(planned.actions, 'deleteObject').map(each => each.kind);
    t.is(planned.actions.length, live.length);
    t.deepEqual(kinds, [...Array(5).fill(`${VAP}Binding`), ...Array(3).fill(VAP), `${MAP}Binding`, MAP]);
    t.false('enforced' in planned);
    t.deepEqual(plan({...given, live: []}).actions, []);
  });
}

test('without its installation nothing is left in force, and the condition says what is gone', t => {
  const live = inServer(injecting);
  const planned = plan({missingInstallation: 'leasepolicy-operator', live});
  t.is(only(planned.actions, 'deleteObject').length, live.length);
  t.deepEqual(planned.enforced, {
    status: 'False',
    reason: 'NotInstalled',
    message:
      'ClusterRole leasepolicy-operator is gone, and with it all that is enforced: apply the installation again',
  });
  t.deepEqual(plan({missingInstallation: 'leasepolicy-operator'}).actions, []);
});

test('bindings are handed from their policy to the installation, and nothing else is written', t => {
  const installation = {apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', name: 'x', uid: 'x'};
  const handed = {context: admissionContext({installation}), live: inServer(injecting)};
  t.deepEqual(
    writes(handed),
    writes().filter(each => each.includes('Binding ')),
  );
});

test('a policy that is being deleted says so as long as it is there, and no more that it is in force', t => {
  const given = {rules: undefined, isTerminating: true};
  t.deepEqual(plan({...given, live: inServer(injecting)}).enforced, {
    status: 'False',
    reason: 'Terminating',
    message: 'the policy is being deleted: 10 objects are about to be removed',
  });
  t.deepEqual(plan(given), {
    actions: [],
    findings: [],
    enforced: {
      status: 'False',
      reason: 'Terminating',
      message: 'the policy is being deleted: the API server checks nothing of it any more',
    },
  });
});

test('what the policy asks for no more is removed, and it is pending until then', t => {
  const rules = policy().enforcing({names: 'Deny'}).rules();
  const live = inServer(injecting);
  t.deepEqual(writes({rules, live}), [
    `delete ${VAP}Binding leasepolicy-pods-payments`,
    `delete ${VAP} leasepolicy-pods-payments`,
    `delete ${MAP}Binding leasepolicy-pods-payments`,
    `delete ${MAP} leasepolicy-pods-payments`,
  ]);
  t.is(plan({rules, live}).enforced?.message, '4 objects are about to be written or removed');
});

// A change leaves no gap: the new comes before the old goes

const asOne = policy().enforcing({names: 'Deny', holders: 'Deny'});
const apart = asOne.enforcing({holders: 'Warn'});
const names = (part: string) => [
  `${VAP} leasepolicy-${part}-payments`,
  `${VAP}Binding leasepolicy-${part}-payments`,
  `${VAP}Binding leasepolicy-${part}.unlabelled-payments`,
  `${VAP}Binding leasepolicy-${part}.create-payments`,
];
const CHANGES: [what: string, before: Rules, after: Rules, expected: string[]][] = [
  [
    'durations and holders become one object',
    apart.rules(),
    asOne.rules(),
    [
      ...names('writes').map(each => `apply ${each}`),
      `delete ${VAP}Binding leasepolicy-durations-payments`,
      `delete ${VAP}Binding leasepolicy-durations.unlabelled-payments`,
      `delete ${VAP}Binding leasepolicy-durations.create-payments`,
      `delete ${VAP}Binding leasepolicy-holders-payments`,
      `delete ${VAP}Binding leasepolicy-holders.unlabelled-payments`,
      `delete ${VAP}Binding leasepolicy-holders.create-payments`,
      `delete ${VAP} leasepolicy-durations-payments`,
      `delete ${VAP} leasepolicy-holders-payments`,
    ],
  ],
  [
    'durations and holders become two objects',
    asOne.rules(),
    apart.rules(),
    [
      ...[...names('durations'), ...names('holders')].map(each => `apply ${each}`),
      `delete ${VAP}Binding leasepolicy-writes-payments`,
      `delete ${VAP}Binding leasepolicy-writes.unlabelled-payments`,
      `delete ${VAP}Binding leasepolicy-writes.create-payments`,
      `delete ${VAP} leasepolicy-writes-payments`,
    ],
  ],
  [
    'holders are checked no more',
    asOne.rules(),
    asOne.enforcing({holders: 'Off'}).rules(),
    [
      ...names('durations').map(each => `apply ${each}`),
      `delete ${VAP}Binding leasepolicy-writes-payments`,
      `delete ${VAP}Binding leasepolicy-writes.unlabelled-payments`,
      `delete ${VAP}Binding leasepolicy-writes.create-payments`,
      `delete ${VAP} leasepolicy-writes-payments`,
    ],
  ],
];
for (const [what, before, rules, expected] of CHANGES) {
  test(`when ${what}, the new is there before the old goes`, t => {
    const live = inServer(before);
    t.deepEqual(writes({rules, live}), expected);
    t.is(
      plan({rules, live}).enforced?.message,
      `${expected.length} objects are about to be written or removed`,
    );
  });
}

test('whether a policy adopts changes nothing in the API server', t => {
  for (const each of [asOne, apart]) {
    const [adopting, other] = [each.rules(), each.leases({adopt: false}).rules()];
    t.deepEqual(writes({rules: other, live: inServer(adopting)}), []);
    t.deepEqual(writes({rules: adopting, live: inServer(other)}), []);
  }
});

test('an object that was edited or removed is mended, and nothing else is written', t => {
  const [first, second, ...rest] = inServer(injecting) as [RenderedView, RenderedView, ...RenderedView[]];
  const edited = {...first, content: {}};
  t.deepEqual(writes({live: [edited, ...rest]}), [
    `apply ${VAP} leasepolicy-names-payments`,
    `apply ${VAP}Binding leasepolicy-names-payments`,
  ]);
  const uids = only(plan({live: [edited, ...rest]}).actions, 'applyObject').map(each => each.uid);
  t.deepEqual(uids, [first.uid, undefined]);
  t.not(second.uid, undefined);
});

// What the API server can't do

const NAMES_AND_DURATIONS = [
  `apply ${VAP} leasepolicy-names-payments`,
  `apply ${VAP}Binding leasepolicy-names-payments`,
  `apply ${VAP} leasepolicy-durations-payments`,
  `apply ${VAP}Binding leasepolicy-durations-payments`,
  `apply ${VAP}Binding leasepolicy-durations.unlabelled-payments`,
  `apply ${VAP}Binding leasepolicy-durations.create-payments`,
];

for (const kinds of [[MAP], [`${MAP}Binding`], [MAP, `${MAP}Binding`]] as RenderedKind[][]) {
  test(`without ${kinds.join(' and ')} the whole injection stays away, so that no Pod waits for ever`, t => {
    const problems = unserved(...kinds);
    t.deepEqual(writes({problems}), NAMES_AND_DURATIONS);
    t.deepEqual(plan({problems}).enforced, {
      status: 'False',
      reason: 'KindNotServed',
      message: `injection not enforced: the API server serves no ${kinds[0]}; everything else is in force`,
    });
  });
}

test('when the API server ceases to serve mutations, the check behind them is removed', t => {
  const live = inServer(injecting).filter(each => !each.kind.startsWith('Mutating'));
  t.deepEqual(writes({live, problems: NO_MUTATION}), [
    `delete ${VAP}Binding leasepolicy-pods-payments`,
    `delete ${VAP} leasepolicy-pods-payments`,
  ]);
});

test('a kind that is not needed is no problem', t => {
  const rules = policy().rules();
  const live = inServer(rules);
  t.is(plan({rules, live, problems: NO_MUTATION}).enforced?.status, 'True');
  t.is(plan({rules, live, problems: unserved('Role', 'RoleBinding')}).enforced?.status, 'True');
});

test('each part that the API server has no means for is named', t => {
  const rules = policy().granting().injecting().enforcing({holders: 'Deny'}).rules();
  const {actions, enforced} = plan({rules, problems: unserved(VAP, 'RoleBinding')});
  t.deepEqual(actions, []);
  t.deepEqual(enforced, {
    status: 'False',
    reason: 'KindNotServed',
    message: `${[
      `enforcement.names not enforced: the API server serves no ${VAP}`,
      `enforcement.durationSeconds not enforced: the API server serves no ${VAP}`,
      `enforcement.holders not enforced: the API server serves no ${VAP}`,
      `injection not enforced: the API server serves no ${VAP}`,
      'access not enforced: the API server serves no RoleBinding',
    ].join('; ')}; everything else is in force`,
  });
});

test('a part for two rules is named by both', t => {
  const rules = policy().enforcing({holders: 'Audit'}).rules();
  t.is(
    plan({rules, problems: unserved(VAP)}).enforced?.message,
    `${[
      `enforcement.names not enforced: the API server serves no ${VAP}`,
      `enforcement.durationSeconds and enforcement.holders not enforced: the API server serves no ${VAP}`,
    ].join('; ')}; everything else is in force`,
  );
});

test('a kind that the operator may not read is told with its own reason', t => {
  const problem = {reason: 'KindNotReadable', message: 'roles is forbidden'} as const;
  const rules = policy().granting().rules();
  t.like(plan({rules, live: inServer(rules), problems: new Map([['Role', problem]])}).enforced, {
    status: 'False',
    reason: 'KindNotReadable',
    message: 'access not looked after: roles is forbidden; everything else is in force',
  });
});

// What the API server's type check says

const warned = (live: readonly RenderedView[]) =>
  live.map(each =>
    each.name === 'leasepolicy-durations-payments' && each.kind === VAP
      ? {...each, warnings: ['spec.validations[0].expression: undefined field "polcy"']}
      : each,
  );

test('a warning of the type check is told with its object', t => {
  const {actions, enforced} = plan({live: warned(inServer(injecting))});
  t.deepEqual(actions, []);
  t.deepEqual(enforced, {
    status: 'False',
    reason: 'TypeCheckFailed',
    message: `${VAP} leasepolicy-durations-payments: spec.validations[0].expression: undefined field "polcy"`,
  });
});

test('while something is about to be written, a warning waits: it may be of what is replaced', t => {
  t.is(plan({live: warned(inServer(injecting)).slice(1)}).enforced?.reason, 'Pending');
});

test('a part that is missing is told before pending', t => {
  t.is(plan({problems: NO_MUTATION}).enforced?.status, 'False');
});

test('a kind that can not be looked up at the moment takes away nothing that is there', t => {
  const problem = {
    reason: 'KindNotReadable',
    message: 'GET /apis/admissionregistration.k8s.io/v1: 503',
  } as const;
  const problems = new Map<RenderedKind, KindProblem>([[MAP, problem]]);
  const live = inServer(injecting).filter(each => each.kind !== MAP);
  t.deepEqual(only(plan({live, problems}).actions, 'deleteObject'), []);
});
