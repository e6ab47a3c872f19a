/** Sets of buckets that newer ones have replaced. */
import test from 'ava';
import {supersededBuckets} from '../../../src/core/lease/buckets.ts';
import {ago, lease, now} from '../../support/builders.ts';

const bucket = (index: number, count: number) =>
  lease().named(`x.${String(index).padStart(2, '0')}-of-${String(count).padStart(2, '0')}`);
const held = (index: number, count: number) => bucket(index, count).heldBy(`pod-${index}`);
const left = (index: number, count: number) => held(index, count).renewed(ago(3600));

const superseded = (...leases: ReturnType<typeof bucket>[]) =>
  supersededBuckets(leases, now.monotonicMs).map(({name}) => name);

test('the old set is superseded when the new one is complete and held, be it larger or smaller', t => {
  t.deepEqual(superseded(left(0, 1), held(0, 3), held(1, 3), held(2, 3)), ['x.00-of-01']);
  t.deepEqual(superseded(left(0, 2), left(1, 2), held(0, 1)), ['x.00-of-02', 'x.01-of-02']);
});

test('nothing is superseded while the new set lacks a bucket or a holder of one', t => {
  t.deepEqual(superseded(left(0, 1), held(0, 3), held(2, 3)), []);
  t.deepEqual(superseded(left(0, 1), held(0, 3), left(1, 3), held(2, 3)), []);
});

test('a set of which one bucket is still held is not superseded', t => {
  t.deepEqual(superseded(held(0, 2), left(1, 2), held(0, 1)), []);
});

test('a set with a bucket that is not understood is not superseded', t => {
  t.deepEqual(superseded(left(0, 1).with({renewTime: undefined}), held(0, 2), held(1, 2)), []);
});

test('of one set nothing is superseded, and names without a bucket do not count', t => {
  t.deepEqual(superseded(held(0, 1), lease().named('x').released()), []);
  t.deepEqual(superseded(), []);
});
