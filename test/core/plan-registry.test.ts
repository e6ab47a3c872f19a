/** What a namespace's registry says, by the smallest patch. */
import test from 'ava';
import type {LeaseRegistrySpec} from '../../src/api/leaseregistry.ts';
import {planRegistry, type RegistryObservation} from '../../src/core/plan-registry.ts';
import {lease, now, policy, workload} from '../support/builders.ts';

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
  });
});

test('a workload that is gone is taken out by null, in each direction', t => {
  t.deepEqual(patch(SETTLED, {claims: []}), {names: {[NAME]: null}, subjects: {'Deployment/api': null}});
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
  t.deepEqual(patch(SETTLED, {heldOld}), {names: {'payments-old': API}});
  t.deepEqual(patch({...SETTLED, names: {[NAME]: API, 'payments-old': API}}, {heldOld}), undefined);
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
    },
  });
  t.deepEqual(sent(patch(SETTLED, {claims: [api, inherited]})), {
    names: {constructor: INHERITED},
    subjects: {'Deployment/constructor': {payments: 'constructor'}},
  });
});

test('a Lease called constructor is taken out like any other', t => {
  const names = {...SETTLED.names, constructor: INHERITED};
  t.deepEqual(sent(patch({...SETTLED, names})), {names: {constructor: null}});
});

test('an old name constructor that somebody still holds stays allowed', t => {
  const heldOld = [{lease: lease().named('constructor').heldBy('api-5d8f-x2x4z'), claim: api}];
  t.deepEqual(sent(patch(SETTLED, {heldOld})), {names: {constructor: API}});
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
      patch: {names: {[NAME]: null}, subjects: {'Deployment/api': null}},
    },
  ]);
});
