/** What is known of each policy's enforcement: its state, and what stands in the way of it. */
import test from 'ava';
import type {Enforced} from '../../src/core/plan/admission.ts';
import {Enforcement} from '../../src/world/enforcement.ts';

const IN_FORCE: Enforced = {status: 'True', reason: 'InForce', message: 'the API server checks names: Deny'};
const PENDING: Enforced = {
  status: 'Unknown',
  reason: 'Pending',
  message: '2 objects are about to be written',
};

/** One with the policies whose state has changed. */
function enforcement(): {of: Enforcement; told: string[]} {
  const told: string[] = [];
  return {of: new Enforcement(policy => told.push(policy)), told};
}

test('a state is told when it changes, and only then', t => {
  const {of, told} = enforcement();
  t.is(of.get('payments'), undefined);
  of.set('payments', PENDING);
  of.set('payments', {...PENDING});
  of.set('payments', IN_FORCE);
  t.deepEqual(told, ['payments', 'payments']);
  t.is(of.get('payments'), IN_FORCE);
  t.is(of.get('billing'), undefined);
});

test('a policy without a state has none', t => {
  const {of, told} = enforcement();
  of.set('payments', IN_FORCE);
  of.set('payments', undefined);
  t.is(of.get('payments'), undefined);
  of.set('payments', undefined);
  t.is(told.length, 2);
});

test('a write that was refused hides the state until it succeeds', t => {
  const {of, told} = enforcement();
  of.set('payments', IN_FORCE);
  of.failed('payments', 'shop/a', 'forbidden');
  of.failed('payments', 'shop/a', 'forbidden');
  t.like(of.get('payments'), {status: 'False', reason: 'WriteFailed'});
  of.set('payments', PENDING);
  t.is(of.get('payments')?.reason, 'WriteFailed');
  of.succeeded('shop/a');
  t.is(of.get('payments'), PENDING);
  t.is(told.length, 3);
});

test('as long as one of several writes is refused, that is told', t => {
  const {of} = enforcement();
  of.set('payments', IN_FORCE);
  of.failed('payments', 'shop/a', 'a is forbidden');
  of.failed('payments', 'shop/b', 'b is forbidden');
  of.succeeded('shop/c');
  t.regex(of.get('payments')?.message ?? '', /^a is forbidden/);
  of.succeeded('shop/a');
  t.regex(of.get('payments')?.message ?? '', /^b is forbidden/);
  of.succeeded('shop/b');
  t.is(of.get('payments'), IN_FORCE);
});

test('when a term begins nothing is known, and nobody is told', t => {
  const {of, told} = enforcement();
  of.set('payments', IN_FORCE);
  of.failed('payments', 'shop/a', 'forbidden');
  of.set('billing', PENDING);
  told.length = 0;
  of.clear();
  t.is(of.get('payments'), undefined);
  t.is(of.get('billing'), undefined);
  of.succeeded('shop/a');
  t.deepEqual(told, []);
  of.set('payments', IN_FORCE);
  t.is(of.get('payments'), IN_FORCE);
});

test('what is refused to one policy is not told of another', t => {
  const {of, told} = enforcement();
  of.set('billing', IN_FORCE);
  of.failed('payments', 'shop/a', 'forbidden');
  t.is(of.get('billing'), IN_FORCE);
  of.succeeded('shop/b');
  t.is(of.get('payments')?.reason, 'WriteFailed');
  t.deepEqual(told, ['billing', 'payments']);
});
