/** Which Leases are a product's, and which of them stay. */
import test from 'ava';
import type {Lease} from '../../../src/api/objects.ts';
import type {LeaseView} from '../../../src/core/lease/lifetime.ts';
import {
  isElectionOf,
  isLeaseOf,
  parseProduct,
  watchMs,
  whyItStays,
} from '../../../src/core/plan/leases-of.ts';
import {ago, lease, micro, now} from '../../support/builders.ts';

const API = {namespace: 'shop', kind: 'deployment', name: 'api'};

test('a product is written as namespace, kind and name', t => {
  t.deepEqual(parseProduct('shop/deployment/api'), API);
  for (const text of ['deployment/api', 'shop//api', 'shop/deployment/api/x', ''])
    t.is(parseProduct(text), undefined, text);
});

for (const [subject, namespace, origin, expected] of [
  ['Deployment/api', 'shop', 'created', true],
  ['Deployment/api', 'shop', 'adopted', true],
  ['Deployment/shop/api', 'leases', 'created', true],
  ['Deployment/api', 'store', 'created', false],
  ['Deployment/store/api', 'shop', 'created', false],
  ['StatefulSet/api', 'shop', 'created', false],
  ['Deployment/api-2', 'shop', 'created', false],
  ['Deployment/api', 'shop', undefined, false],
  ['', 'shop', 'created', false],
] as const) {
  test(`the Lease of "${subject}" in ${namespace}, ${origin}, is the product's: ${expected}`, t => {
    const labels = origin === undefined ? {} : {'leasepolicy.dev/origin': origin};
    const metadata = {namespace, labels, annotations: {'leasepolicy.dev/subject': subject}};
    t.is(isLeaseOf(API, {metadata} as unknown as Lease), expected);
  });
}

const won = (holder: string, further: Partial<LeaseView> = {}) =>
  lease().with({
    holder,
    acquireTime: micro(ago(60)),
    renewTime: micro(ago(30)),
    name: 'lock',
    ...further,
  });
const POD = 'api-66d9c47458-hvdmx_11111111-2222-3333-4444-555555555555';

test('an election that a Pod of the Deployment has won is its own, without any label', t => {
  t.true(isElectionOf(API, won(POD)));
  t.false(isElectionOf(API, won(POD, {namespace: 'store'})));
  t.false(isElectionOf(API, won(POD, {owners: [{group: 'longhorn.io', kind: 'Volume', name: 'v'}]})));
  t.false(isElectionOf(API, won('api-0_11111111-2222-3333-4444-555555555555')));
  t.false(isElectionOf({...API, kind: 'statefulset'}, won(POD)));
  t.false(isElectionOf({...API, name: 'ap'}, won(POD)));
});

for (const [what, given, because] of [
  ['released', won('', {changedAtMs: ago(20).monotonicMs}), undefined],
  [
    'never held by anybody',
    lease().with({labels: {'leasepolicy.dev/origin': 'created'}, changedAtMs: ago(20).monotonicMs}),
    undefined,
  ],
  ['silent for its duration', won(POD, {changedAtMs: ago(20).monotonicMs}), undefined],
  [
    'written meanwhile',
    won(POD, {changedAtMs: ago(1).monotonicMs}),
    /^api-66d9.* has written it under our eyes$/,
  ],
  [
    'not yet looked at for its duration',
    won(POD, {durationSeconds: 60, changedAtMs: ago(20).monotonicMs}),
    /long enough/,
  ],
  ['not understood', won('x', {renewTime: undefined, changedAtMs: ago(20).monotonicMs}), /not understood/],
  ['closed for a rename', won('leasepolicy-rename_x', {changedAtMs: ago(20).monotonicMs}), /rename/],
  ['on its way out', won('', {terminating: true, changedAtMs: ago(20).monotonicMs}), /finalizer/],
] as const) {
  test(`a Lease that is ${what} ${because ? 'stays' : 'goes'}`, t => {
    const answer = whyItStays(given, ago(20).monotonicMs, now.monotonicMs);
    if (because) t.regex(answer ?? '', because);
    else t.is(answer, undefined);
  });
}

test('without a duration it is looked at for as long as most have', t => {
  t.is(watchMs(lease().with({durationSeconds: undefined})), 15_000);
  t.is(watchMs(lease().with({durationSeconds: 4})), 4_000);
});
