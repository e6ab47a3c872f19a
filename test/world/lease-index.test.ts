/** Leases by their subject or their namespace. */
import test from 'ava';
import type {LeaseView} from '../../src/core/lease/lifetime.ts';
import {LeaseIndex} from '../../src/world/lease-index.ts';
import {lease} from '../support/builders.ts';

const ofApi = (index: LeaseIndex, namespace = 'shop') =>
  index.ofSubject('payments', namespace, 'Deployment/api');

function indexOf(...leases: LeaseView[]): LeaseIndex {
  const index = new LeaseIndex(({name}) => name.startsWith('shared'));
  for (const each of leases) index.put(each, undefined);
  return index;
}

const present = lease().named('new').made();
const earlier = lease().named('old').made();

test('all Leases of a subject are found: that of its name and those of earlier names', t => {
  t.deepEqual(ofApi(indexOf(present, earlier)), ['shop/new', 'shop/old']);
});

test('a Lease is found for its policy, its namespace and its subject alone', t => {
  const index = indexOf(present);
  t.deepEqual(index.ofSubject('billing', 'shop', 'Deployment/api'), []);
  t.deepEqual(index.ofSubject('payments', 'bank', 'Deployment/api'), []);
  t.deepEqual(index.ofSubject('payments', 'shop', 'Deployment/ap'), []);
});

test('a Lease without a subject or a policy is found by its namespace alone', t => {
  const index = indexOf(lease().named('theirs'), lease().named('bare').made().with({subject: undefined}));
  t.deepEqual(ofApi(index), []);
  t.deepEqual([...index.inNamespace('shop')], ['shop/theirs', 'shop/bare']);
});

test('a Lease that changes without another subject is found once', t => {
  const index = indexOf(present);
  index.put(present.heldBy('a'), present);
  t.deepEqual(ofApi(index), ['shop/new']);
  t.deepEqual([...index.inNamespace('shop')], ['shop/new']);
});

test('a Lease that is bound to another subject is found there alone', t => {
  const index = indexOf(present, earlier);
  index.put(present.made('payments', 'Deployment/web'), present);
  t.deepEqual(ofApi(index), ['shop/old']);
  t.deepEqual(index.ofSubject('payments', 'shop', 'Deployment/web'), ['shop/new']);
});

test('a Lease that is adopted is found from then on, and one that lost its labels no more', t => {
  const theirs = lease().named('new');
  const index = indexOf(theirs);
  index.put(theirs.adopted(), theirs);
  t.deepEqual(ofApi(index), ['shop/new']);
  index.put(theirs, theirs.adopted());
  t.deepEqual(ofApi(index), []);
});

test('a Lease that is gone is not found', t => {
  const index = indexOf(present, earlier, present.in('bank'));
  index.remove(present);
  t.deepEqual(ofApi(index), ['shop/old']);
  t.deepEqual([...index.inNamespace('shop')], ['shop/old']);
  t.deepEqual(ofApi(index, 'bank'), ['bank/new']);
  index.remove(earlier);
  t.deepEqual([...ofApi(index), ...index.inNamespace('shop')], []);
});

test('only of names that products may share all are found, in whichever namespaces', t => {
  const index = indexOf(lease().named('shared'), lease().named('shared').in('bank'), lease().named('own'));
  t.deepEqual([...index.ofName('shared')], ['shop/shared', 'bank/shared']);
  t.deepEqual([...index.ofName('own')], []);
});

test('nothing is kept for namespaces, names and policies that have no Leases any more', t => {
  const leases = [present, earlier, present.in('bank'), lease().named('shared').made('billing')];
  const index = indexOf(...leases);
  t.true(index.size > 0);
  for (const each of leases) index.remove(each);
  t.is(index.size, 0);
});

test('a Lease that was never there can be removed', t => {
  const index = indexOf(earlier);
  index.remove(present);
  t.deepEqual(ofApi(index), ['shop/old']);
});
