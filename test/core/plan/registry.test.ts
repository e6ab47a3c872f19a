/** What a namespace's registry says, by the smallest patch. */
import test from 'ava';
import type {LeaseRegistrySpec} from '../../../src/api/leaseregistry.ts';
import {allowedText, planRegistry, type RegistryObservation} from '../../../src/core/plan/registry.ts';
import {ago, ahead, lease, now, policy, stamp, workload} from '../../support/builders.ts';

const NAME = 'payments-14c2529eb4';
const rules = policy().rules();
const api = workload('api').runningAs('api-account').under(rules);
const API = {policy: 'payments', subject: 'Deployment/api', serviceAccount: 'api-account'};

const EMPTY: LeaseRegistrySpec = {
  names: {},
  subjects: {},
  exempt: [],
  exemptUntil: {},
  allowed: 'none',
  retired: {},
};
/** The registry of a world in which api is the only workload. */
const SETTLED: LeaseRegistrySpec = {
  ...EMPTY,
  names: {[NAME]: API},
  subjects: {'Deployment/api': {payments: NAME}},
  allowed: NAME,
};

const existing = (spec: Partial<LeaseRegistrySpec>) => ({
  uid: 'u',
  resourceVersion: '7',
  spec: {...EMPTY, ...spec},
});

/** Exemptions without an end. */
const exempt = (...names: string[]) => new Map(names.map(name => [name, Number.POSITIVE_INFINITY]));

const plan = (given: Partial<RegistryObservation> = {}) =>
  planRegistry(
    {
      namespace: 'shop',
      governed: true,
      terminating: false,
      claims: [api],
      heldOld: [],
      bystanders: [],
      heldForMs: () => 0,
      exempt: new Map(),
      current: undefined,
      exists: () => false,
      ...given,
    },
    now,
  );

const actions = (given: Partial<RegistryObservation> = {}) => plan(given).actions;

test('it looks again when the first exemption ends, and not before without one', t => {
  t.is(
    plan({
      exempt: new Map([
        ['a', now.wallMs + 5000],
        ['b', Infinity],
      ]),
    }).requeueAfterMs,
    5000,
  );
  t.is(plan().requeueAfterMs, undefined);
});

/** The patch of a registry that says this so far. */
const patch = (spec: Partial<LeaseRegistrySpec>, given: Partial<RegistryObservation> = {}) => {
  const [action] = actions({current: existing(spec), ...given});
  return action?.type === 'patchRegistry' ? action.patch : undefined;
};

test('a governed namespace gets a registry that tells names and subjects, both ways', t => {
  t.deepEqual(actions(), [{type: 'createRegistry', namespace: 'shop', spec: SETTLED}]);
});

test('a namespace that no policy governs gets none', t => {
  t.deepEqual(actions({governed: false, claims: []}), []);
});

test('a namespace that is being deleted is left alone', t => {
  t.deepEqual(actions({terminating: true}), []);
  t.deepEqual(actions({terminating: true, current: existing({})}), []);
});

test('an unchanged world changes nothing', t => {
  t.deepEqual(actions({current: existing(SETTLED)}), []);
  const full = {...SETTLED, exempt: ['a', 'b'], allowed: `${NAME}, a, b`, retired: {old: {transitions: 3}}};
  t.deepEqual(actions({current: existing(full), exempt: exempt('b', 'a')}), []);
});

test('a new workload is one key in each direction', t => {
  const web = workload('web').under(rules);
  const name = 'name' in web.result ? web.result.name : '';
  t.deepEqual(patch(SETTLED, {claims: [api, web]}), {
    names: {[name]: {policy: 'payments', subject: 'Deployment/web', serviceAccount: 'default'}},
    subjects: {'Deployment/web': {payments: name}},
    allowed: `${NAME}, ${name}`,
  });
});

test('a workload that is gone is taken out by null, in each direction', t => {
  t.deepEqual(patch(SETTLED, {claims: []}), {
    names: {[NAME]: null},
    subjects: {'Deployment/api': null},
    allowed: 'none',
  });
});

test('another service account is written under the name alone', t => {
  const moved = workload('api').runningAs('other').under(rules);
  t.deepEqual(patch(SETTLED, {claims: [moved]}), {names: {[NAME]: {...API, serviceAccount: 'other'}}});
});

test('a new name replaces the old one', t => {
  const renamed = workload('api').runningAs('api-account').under(policy().prefixed('pay').rules());
  t.deepEqual(patch(SETTLED, {claims: [renamed]}), {
    names: {[NAME]: null, 'pay-14c2529eb4': API},
    subjects: {'Deployment/api': {payments: 'pay-14c2529eb4'}},
    allowed: 'pay-14c2529eb4',
  });
});

test('a subject of several policies loses the one of a policy that is gone', t => {
  const both = {...SETTLED, subjects: {'Deployment/api': {payments: NAME, billing: 'billing-1'}}};
  t.deepEqual(patch(both), {subjects: {'Deployment/api': {billing: null, payments: NAME} as never}});
});

test('a subject has its name from each of its policies', t => {
  const billing = workload('api').under(policy('billing').prefixed('billing').rules());
  t.deepEqual(patch(SETTLED, {claims: [api, billing]})?.subjects, {
    'Deployment/api': {payments: NAME, billing: 'billing-14c2529eb4'},
  });
});

test('an old name that somebody still holds stays allowed, for the same subject', t => {
  const heldOld = [{lease: lease().named('payments-old').heldBy('api-5d8f-x2x4z'), claim: api}];
  const allowed = `${NAME}, payments-old`;
  t.deepEqual(patch(SETTLED, {heldOld}), {names: {'payments-old': API}, allowed});
  const names = {[NAME]: API, 'payments-old': API};
  t.is(patch({...SETTLED, names, allowed}, {heldOld}), undefined);
});

test('an old name that another workload claims by now is that of the other', t => {
  const heldOld = [{lease: lease().named(NAME).heldBy('web-0'), claim: workload('web').under(rules)}];
  t.deepEqual(actions({current: existing(SETTLED), heldOld}), []);
});

const inherited = workload('constructor').under(policy().template('{name}').rules());
const INHERITED = {policy: 'payments', subject: 'Deployment/constructor', serviceAccount: 'default'};
/** Compares what is sent, as the server reads it. */
const sent = (value: unknown) => JSON.parse(JSON.stringify(value ?? null));

test('a Lease called constructor is written like any other', t => {
  t.deepEqual(sent(actions({claims: [inherited]})[0]), {
    type: 'createRegistry',
    namespace: 'shop',
    spec: {
      ...EMPTY,
      names: {constructor: INHERITED},
      subjects: {'Deployment/constructor': {payments: 'constructor'}},
      allowed: 'constructor',
    },
  });
  t.deepEqual(sent(patch(SETTLED, {claims: [api, inherited]})), {
    names: {constructor: INHERITED},
    subjects: {'Deployment/constructor': {payments: 'constructor'}},
    allowed: `constructor, ${NAME}`,
  });
});

test('a Lease called constructor is taken out like any other', t => {
  const names = {...SETTLED.names, constructor: INHERITED};
  t.deepEqual(sent(patch({...SETTLED, names})), {names: {constructor: null}});
});

test('an old name constructor that somebody still holds stays allowed', t => {
  const heldOld = [{lease: lease().named('constructor').heldBy('api-5d8f-x2x4z'), claim: api}];
  t.deepEqual(sent(patch(SETTLED, {heldOld})), {
    names: {constructor: API},
    allowed: `constructor, ${NAME}`,
  });
});

test('a subject loses the name from a policy called constructor that is gone', t => {
  const both = {...SETTLED, subjects: {'Deployment/api': {payments: NAME, constructor: 'x-1'}}};
  t.deepEqual(sent(patch(both)), {subjects: {'Deployment/api': {constructor: null, payments: NAME}}});
});

test('a retired counter of a Lease called constructor is kept, and goes when it goes on', t => {
  const retired = {constructor: {transitions: 3}};
  t.is(patch({...SETTLED, retired}), undefined);
  t.deepEqual(sent(patch({...SETTLED, retired}, {exists: () => true})), {retired: {constructor: null}});
});

const elsewhere = workload('api')
  .in('shop')
  .under(policy().leasesIn('leases').hashing('namespace', 'name').rules());
const ELSEWHERE = 'payments-737a40b9f8';

test('where Leases are in another namespace, names stand there and subjects here', t => {
  t.deepEqual(patch({}, {claims: [elsewhere]}), {
    subjects: {'Deployment/api': {payments: `leases/${ELSEWHERE}`}},
  });
  t.deepEqual(patch({}, {namespace: 'leases', claims: [elsewhere]}), {
    names: {[ELSEWHERE]: {policy: 'payments', subject: 'Deployment/shop/api', serviceAccount: 'default'}},
    allowed: ELSEWHERE,
  });
});

test('a claim without a valid name is not written', t => {
  const nameless = workload('x').under(policy().template('{label:tier}-{hash}').rules());
  t.deepEqual(actions({current: existing(SETTLED), claims: [api, nameless]}), []);
});

test('exempt names are sorted, and written as a whole', t => {
  const before = {...SETTLED, exempt: ['b'], allowed: `${NAME}, b`};
  t.deepEqual(patch(before, {exempt: exempt('c', 'a')}), {exempt: ['a', 'c'], allowed: `${NAME}, a, c`});
  t.deepEqual(patch(before), {exempt: [], allowed: NAME});
});

// What exemptions end, and when

const ends = new Map([
  ['later', ahead(90_000).wallMs],
  ['never', Number.POSITIVE_INFINITY],
  ['soon', ahead(60).wallMs],
]);
const ENDING = {
  ...SETTLED,
  exempt: ['later', 'never', 'soon'],
  exemptUntil: {later: stamp(ahead(90_000)), soon: stamp(ahead(60))},
  allowed: `${NAME}, later, never and 1 more`,
};

test('exemptions that end stand with their end, by the clock of the API server', t => {
  t.deepEqual(actions({exempt: ends}), [{type: 'createRegistry', namespace: 'shop', spec: ENDING}]);
  t.deepEqual(actions({exempt: ends, current: existing(ENDING)}), []);
});

const EXEMPT_CHANGES: [what: string, given: ReadonlyMap<string, number>, expected: object][] = [
  [
    'that is prolonged is one key',
    new Map([...ends, ['soon', ahead(120).wallMs]]),
    {exemptUntil: {soon: stamp(ahead(120))}},
  ],
  [
    'that does not end any more loses its end',
    new Map([...ends, ['soon', Number.POSITIVE_INFINITY]]),
    {exemptUntil: {soon: null}},
  ],
  [
    'that gets an end is one key',
    new Map([...ends, ['never', ahead(5).wallMs]]),
    {exemptUntil: {never: stamp(ahead(5))}},
  ],
  [
    'that has ended goes with its end',
    new Map([...ends].filter(([name]) => name !== 'soon')),
    {exempt: ['later', 'never'], exemptUntil: {soon: null}, allowed: `${NAME}, later, never`},
  ],
];
for (const [what, given, expected] of EXEMPT_CHANGES) {
  test(`an exemption ${what}`, t => {
    t.deepEqual(sent(patch(ENDING, {exempt: given})), expected);
  });
}

test('an exemption called constructor ends like any other', t => {
  const exempt = new Map([['constructor', ahead(60).wallMs]]);
  t.deepEqual(sent(patch(SETTLED, {exempt})), {
    exempt: ['constructor'],
    exemptUntil: {constructor: stamp(ahead(60))},
    allowed: `${NAME}, constructor`,
  });
});

test('an end has no fraction of a second, as the timestamps of the API server', t => {
  const exempt = new Map([['a', now.wallMs + 1234]]);
  t.deepEqual({...patch(SETTLED, {exempt})?.exemptUntil}, {a: '2026-03-01T12:00:01Z'});
});

const WAITS: [what: string, given: Partial<RegistryObservation>, expected: number | undefined][] = [
  ['when the first exemption ends', {exempt: ends}, 60_000],
  ['at once when one ends now', {exempt: new Map([['a', now.wallMs]])}, 0],
  ['by no time without an end', {exempt: exempt('never')}, undefined],
  ['also in a namespace that is being deleted', {exempt: ends, terminating: true}, 60_000],
  ['also when nothing changes', {exempt: ends, current: existing(ENDING)}, 60_000],
];
for (const [what, given, expected] of WAITS) {
  test(`it looks again ${what}`, t => {
    t.is(plan(given).requeueAfterMs, expected);
  });
}

// What a message lists

const ALLOWED: [names: string[], text: string][] = [
  [[], 'none'],
  [['a'], 'a'],
  [['a', 'b', 'c'], 'a, b, c'],
  [['a', 'b', 'c', 'd'], 'a, b, c and 1 more'],
  [['a', 'b', 'c', 'd', 'e', 'f'], 'a, b, c and 3 more'],
];
for (const [names, text] of ALLOWED) {
  test(`of ${names.length} allowed names a message says ${text}`, t => {
    t.is(allowedText(names), text);
  });
}

test('claimed names stand before exempt ones, each in their order', t => {
  const web = workload('web').under(rules);
  const given = {claims: [web, api], exempt: exempt('b', 'a')};
  t.is(patch({}, given)?.allowed, `${NAME}, payments-4b5e57f6eb, a and 1 more`);
});

test('a name that is claimed and exempt is listed once', t => {
  t.is(patch({}, {exempt: exempt(NAME)})?.allowed, NAME);
});

test('where an old name is still held, it is allowed', t => {
  const heldOld = [{lease: lease().named('old').heldBy('api-5d8f-x2x4z').renewed(ago(1)), claim: api}];
  t.is(patch(SETTLED, {heldOld})?.allowed, `old, ${NAME}`);
});

test('registries of the version before get the text that they lack, and nothing else', t => {
  t.deepEqual(patch({...SETTLED, allowed: ''}), {allowed: NAME});
});

// Workloads that no policy selects

test('a bystander is a subject without names, so that its Pods do not wait', t => {
  t.deepEqual(patch(SETTLED, {bystanders: ['Deployment/other']}), {subjects: {'Deployment/other': {}}});
  const there = {...SETTLED, subjects: {...SETTLED.subjects, 'Deployment/other': {}}};
  t.is(patch(there, {bystanders: ['Deployment/other']}), undefined);
  t.deepEqual(patch(there), {subjects: {'Deployment/other': null}});
});

test('among the bystanders a workload that is selected keeps its names', t => {
  t.is(patch(SETTLED, {bystanders: ['Deployment/api']}), undefined);
});

test('a bystander that is selected from now on gets its name, and one that is no more loses it', t => {
  const before = {...EMPTY, subjects: {'Deployment/api': {}}};
  t.deepEqual(sent(patch(before, {bystanders: ['Deployment/api']})?.subjects), {
    'Deployment/api': {payments: NAME},
  });
  t.deepEqual(sent(patch(SETTLED, {claims: [], bystanders: ['Deployment/api']})?.subjects), {
    'Deployment/api': {payments: null},
  });
});

test('a retired counter goes when a Lease of that name goes on with it', t => {
  const retired = {back: {transitions: 3}, lower: {transitions: 9}, away: {transitions: 1}};
  const exists = (name: string, transitions: number) => name !== 'away' && transitions <= 5;
  t.deepEqual(patch({...SETTLED, retired}, {exists}), {retired: {back: null}});
});

test('of too many retired counters the first ones go', t => {
  const retired = Object.fromEntries(Array.from({length: 2003}, (_, at) => [`n${at}`, {transitions: at}]));
  t.deepEqual(patch({...SETTLED, retired}), {retired: {n0: null, n1: null, n2: null}});
});

test('retired counters are never touched by other changes', t => {
  t.is(patch({...SETTLED, retired: {old: {transitions: 3}}}, {claims: []})?.retired, undefined);
});

test('the registry of a namespace that is no longer governed is deleted, at the version that was seen', t => {
  t.deepEqual(actions({governed: false, claims: [], current: existing(SETTLED)}), [
    {type: 'deleteRegistry', namespace: 'shop', uid: 'u', resourceVersion: '7'},
  ]);
});

test('a registry that keeps fencing counters is emptied instead', t => {
  const spec = {...SETTLED, retired: {old: {transitions: 3}}};
  t.deepEqual(actions({governed: false, claims: [], current: existing(spec)}), [
    {
      type: 'patchRegistry',
      namespace: 'shop',
      patch: {names: {[NAME]: null}, subjects: {'Deployment/api': null}, allowed: 'none'},
    },
  ]);
});

test('a name whose workload is gone stays as long as somebody holds its Lease', t => {
  const gone = {claims: [], heldForMs: (name: string) => (name === NAME ? 9000 : 0)};
  const {actions: kept, requeueAfterMs} = plan({current: existing(SETTLED), ...gone});
  t.deepEqual(kept, [
    {type: 'patchRegistry', namespace: 'shop', patch: {subjects: {'Deployment/api': null}}},
  ]);
  t.is(requeueAfterMs, 9000);
  t.deepEqual(patch(SETTLED, {claims: []}), {
    names: {[NAME]: null},
    subjects: {'Deployment/api': null},
    allowed: 'none',
  });
});
