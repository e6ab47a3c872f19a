/** Candidates of coordinated election. */
import test from 'ava';
import {type CandidateView, planCandidates} from '../../../src/core/plan/candidates.ts';
import {ago, ahead, lease, micro, now} from '../../support/builders.ts';

const candidate = (given: Partial<CandidateView> = {}): CandidateView => ({
  namespace: 'kube-system',
  name: 'cp-1',
  uid: 'uid-of-cp-1',
  leaseName: 'kube-scheduler',
  pingTime: undefined,
  renewTime: micro(ago(600)),
  changedAtMs: now.monotonicMs,
  ...given,
});
const scheduler = () =>
  lease().named('kube-scheduler').in('kube-system').heldBy('cp-1').with({strategy: 'OldestEmulationVersion'});

const reasons = (view: ReturnType<typeof scheduler> | undefined, list: CandidateView[], at = now) =>
  planCandidates({lease: view, candidates: list, policies: ['control-plane']}, at).findings.map(
    each => `${each.reason} ${each.about.kind}/${each.about.name}`,
  );

test('candidates of a Lease that is led have no finding, however long ago they were pinged', t => {
  t.deepEqual(reasons(scheduler(), [candidate(), candidate({name: 'cp-2'})], ahead(86_400)), []);
});

test('a preferred holder that is no candidate is told of the Lease, and one that is is not', t => {
  const yielding = scheduler().with({preferredHolder: 'cp-9'});
  t.deepEqual(reasons(yielding, [candidate()]), ['PreferredHolderMissing Lease/kube-scheduler']);
  t.deepEqual(reasons(yielding, [candidate(), candidate({name: 'cp-9'})]), []);
});

test('a candidate that owes an answer for a minute is an orphan, and no moment earlier', t => {
  const pinged = candidate({pingTime: micro(now)});
  t.deepEqual(reasons(scheduler(), [pinged], ahead(59.999)), []);
  t.deepEqual(reasons(scheduler(), [pinged], ahead(60)), ['OrphanedCandidate LeaseCandidate/cp-1']);
  t.deepEqual(
    reasons(scheduler(), [candidate({pingTime: micro(now), renewTime: micro(now)})], ahead(60)),
    [],
  );
  t.is(
    planCandidates({lease: scheduler(), candidates: [pinged], policies: []}, ahead(10)).requeueAfterMs,
    50_000,
  );
});

test('a candidate for a Lease that nobody makes is an orphan', t => {
  t.deepEqual(reasons(undefined, [candidate()], ahead(1)), []);
  t.deepEqual(reasons(undefined, [candidate()], ahead(60)), ['OrphanedCandidate LeaseCandidate/cp-1']);
});
