/** Identity Leases of API servers. */
import test from 'ava';
import type {LeaseView} from '../../../src/core/lease/lifetime.ts';
import {planIdentities} from '../../../src/core/plan/identities.ts';
import {ago, lease, now, systemPolicy} from '../../support/builders.ts';

const rules = systemPolicy({apiServers: {}}).rules('api-servers');
const OF_VM = 'apiserver-wlv32tlttr4jl3gtroqexyxapa';

const identity = (name = OF_VM, hostname = 'vm') =>
  lease()
    .named(name)
    .in('kube-system')
    .heldBy(`${name}_93a5`)
    .lasting(3600)
    .with({
      labels: {'apiserver.kubernetes.io/identity': 'kube-apiserver', 'kubernetes.io/hostname': hostname},
    });
const plan = (...leases: LeaseView[]) =>
  planIdentities(
    {rules, leases: leases.map(each => ({lease: each, class: 'apiserver-identity' as const}))},
    now,
  );
const reasons = (...leases: LeaseView[]) => plan(...leases).findings.map(({reason}) => reason);

test('an API server whose name is the hash of its host has no finding', t => {
  const {findings, states} = plan(identity());
  t.deepEqual(findings, []);
  t.like(states, {length: 1, 0: {policy: 'api-servers', class: 'apiserver-identity', lifetime: 'held'}});
});

test('a name that is not the hash of the host is a mismatch', t => {
  t.deepEqual(reasons(identity(OF_VM, 'other')), ['IdentityMismatch']);
});

test('a holder that is not the API server of that name is a mismatch', t => {
  t.deepEqual(reasons(identity().heldBy('thief_1')), ['IdentityMismatch']);
});

test('older API servers have names that are no hash of the host', t => {
  const v126 = identity('kube-apiserver-abcdefghijklmnopqrstuvwxyz');
  const v125 = identity('kube-apiserver-0f5d6a0e-93a5-4f5e-8a4e-2b3c4d5e6f70');
  t.deepEqual(reasons(v126, v125), []);
});

test('an API server that let its Lease run out is told of, and nothing is ever deleted', t => {
  const {findings, garbage} = plan(identity().renewed(ago(3600)));
  t.like(findings, {length: 1, 0: {reason: 'StaleHeartbeat'}});
  t.is(garbage, undefined);
});

test('without a policy there is nothing to say', t => {
  t.deepEqual(planIdentities({rules: undefined, leases: []}, now), {actions: [], findings: []});
});
