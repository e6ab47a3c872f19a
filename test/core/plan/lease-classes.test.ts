/** What the class of a Lease, and what is known of its name, mean for its verdict. */
import test from 'ava';
import type {CatalogueEntry} from '../../../src/core/lease/catalogue.ts';
import {CLASSES, type Classification} from '../../../src/core/lease/classify.ts';
import {planLease} from '../../../src/core/plan/lease.ts';
import type {LeaseObservation} from '../../../src/core/plan/lease-observation.ts';
import {ago, lease, leaseObservation, now, policy, workload} from '../../support/builders.ts';

const all = policy().collecting({mode: 'All'}).rules();
const as = (kind: Classification['class'], entry?: CatalogueEntry): Classification => ({
  class: kind,
  evidence: entry ? 'name' : 'pattern',
  because: 'the test says so',
  ...(entry && {entry}),
});
const plan = (given: Partial<LeaseObservation>) => planLease(leaseObservation({rules: all, ...given}), now);
const reasons = (given: Partial<LeaseObservation>) => plan(given).findings.map(each => each.reason);

const ours = lease().made().released(ago(86_400)).orphaned(ago(7200));
const theirs = lease().heldBy('x-5d8f-x2x4z').renewed(ago(7200));

for (const kind of CLASSES) {
  const isElection = kind === 'leader-election' || kind === 'tombstone';
  test(`a Lease of class ${kind} ${isElection ? 'may' : 'may never'} be deleted, whoever made it`, t => {
    const counts = [ours, theirs].map(
      each => plan({lease: each, classification: as(kind)}).garbage?.length ?? 0,
    );
    t.deepEqual(counts, isElection ? [1, 1] : [0, 0]);
  });
}

test('a bucket may be deleted when its set is superseded', t => {
  const given = {lease: theirs, classification: as('leader-election-bucket')};
  t.is(plan({...given, isSuperseded: true}).garbage?.length, 1);
  t.deepEqual(reasons({...given, isSuperseded: true}), ['OrphanedLease']);
});

test('an orphan of ours whose class forbids to delete it says why it stays', t => {
  const {findings} = plan({lease: ours, classification: as('data-lock')});
  t.regex(findings[0]?.message ?? '', /the test says so, so it stays$/);
});

const product: CatalogueEntry = {name: 'x', namespace: '*', component: 'X', class: 'leader-election'};

test('a Lease of a known product is never garbage of a policy that did not make it', t => {
  t.is(plan({lease: theirs, classification: as('leader-election', product)}).garbage, undefined);
  t.is(plan({lease: ours, classification: as('leader-election', product)}).garbage?.length, 1);
});

// Names

const reserved: CatalogueEntry = {...product, reserved: true, provider: 'GKE'};
const claim = workload('api').under(all);

test('a workload whose Lease is the lock of a managed cloud is told, by name or by holding it', t => {
  const classification = as('leader-election', reserved);
  t.deepEqual(reasons({lease: lease().made().heldBy('x'), claim, classification}), ['ReservedName']);
  const {findings} = plan({lease: theirs, holderWorkload: workload('vpa'), classification});
  t.like(findings, {
    length: 2,
    0: {reason: 'MisnamedLease'},
    1: {reason: 'ReservedName', about: {name: 'vpa'}},
  });
  t.deepEqual(reasons({lease: theirs, classification}), ['MisnamedLease'], 'the cloud itself holds it');
});

test('products that lead by one ID of a scaffold, or by one default, in several namespaces are told', t => {
  const given = {lease: theirs, holderWorkload: workload('x'), namesakes: ['Deployment/other/y']};
  for (const shared of [{scaffold: true}, {generic: true}]) {
    const classification = as('leader-election', {...product, ...shared});
    t.deepEqual(reasons({...given, classification}), ['MisnamedLease', 'SharedElectionID']);
  }
  t.deepEqual(reasons({...given, classification: as('leader-election', product)}), ['MisnamedLease']);
});

// Health

test('the health of an election is told of its workload', t => {
  const readySinceMs = ago(3600).monotonicMs;
  const {findings} = plan({lease: lease().made().released(ago(3600)), claim, readySinceMs});
  t.like(findings, {length: 1, 0: {reason: 'Leaderless', about: {kind: 'Deployment', name: 'api'}}});
});

test('two products that contend for a Lease of nobody are told to those who govern the namespace', t => {
  const holders = ['a-7d9f8c6b5d-x2x4z', 'b-7d9f8c6b5d-x2x4z', 'a-7d9f8c6b5d-x2x4z', 'b-7d9f8c6b5d-x2x4z'];
  const changes = holders.slice(1).map((to, index) => ({
    atMs: ago(10 - index).monotonicMs,
    from: holders[index] ?? '',
    to,
    transitions: index,
  }));
  const given = {lease: theirs.heldBy(holders[3] ?? ''), changes, exists: () => true};
  const exists = (kind: string, name: string) => kind === 'Deployment' && ['a', 'b'].includes(name);
  t.true(reasons({...given, exists}).includes('ContestedLease'));
  t.false(reasons({...given, exists, classification: as('status')}).includes('ContestedLease'));
});
