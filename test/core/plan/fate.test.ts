/** What becomes of a Lease, and why: a table of what can keep it, and the two times at which it goes. */
import test from 'ava';
import {KNOWN} from '../../../src/core/lease/catalogue.ts';
import {classify} from '../../../src/core/lease/classify.ts';
import {asHeard, isSilent, renewalAgeMs} from '../../../src/core/lease/heard.ts';
import {type LeaseView, lifetime} from '../../../src/core/lease/lifetime.ts';
import {type FateQuestion, fateOf, type System} from '../../../src/core/plan/fate.ts';
import {planLease} from '../../../src/core/plan/lease.ts';
import type {LeaseObservation} from '../../../src/core/plan/lease-observation.ts';
import {ago, lease, leaseObservation, now, only, policy, workload} from '../../support/builders.ts';

const rules = policy().rules();

/** As explain asks it, of a process that began to look at this moment. */
function question(view: LeaseView, more: Partial<LeaseObservation> = {}): FateQuestion {
  const observed = leaseObservation({
    lease: view,
    rules,
    governing: [rules],
    check: {expect: 'absent', path: '/x'},
    classification: classify(view, KNOWN, false),
    ...more,
  });
  const heard = asHeard(view, now.monotonicMs, now);
  const plan = planLease({...observed, lease: heard}, now);
  return {
    lease: view,
    heard,
    state: plan.states?.[0]?.lifetime ?? lifetime(heard, true, now.monotonicMs).state,
    observed,
    system: undefined,
    garbage: plan.garbage?.[0],
    stopped: undefined,
  };
}

const made = () => lease().made('payments', 'Deployment/web');
/** Renewed at that time by its own word, and seen first now. */
const silent = (seconds: number) => {
  const view = made().heldBy('web-5d8fbc7f9d-x2x4z_1').renewed(ago(seconds));
  return view.with({changedAtMs: now.monotonicMs});
};
const all = policy().collecting({mode: 'All'}).rules();

for (const [what, asked, because] of [
  [
    'it has its subject',
    question(made(), {claim: workload('web').under(rules)}),
    'it is the name of Deployment/web under policy payments',
  ],
  [
    'it has its subject, and is closed as long as an old name is held',
    question(made().keptClosedFor('orders-1'), {claim: workload('web').under(rules)}),
    'it is the name of Deployment/web under policy payments, and opens when orders-1 is given up',
  ],
  ['it is our own', question(made(), {own: true}), "by it the operator's own leader is elected"],
  ['no policy is about it', question(lease(), {rules: undefined, governing: []}), 'no policy is about it'],
  [
    'a policy is about its namespace alone',
    question(lease(), {rules: undefined}),
    'it belongs to no policy; the names that may be created beside it are those of payments',
  ],
  ['its policy is gone', question(made(), {rules: undefined}), 'its policy payments is not in force'],
  [
    'not every workload is known',
    question(made(), {subjectsKnown: false}),
    'it is not known which workloads there are',
  ],
  [
    'its class is never deleted',
    question(made().with({strategy: 'OldestEmulationVersion', labels: {}}), {rules: all}),
    'the API server chooses its holder by OldestEmulationVersion, and a Lease of class coordinated-leader-election is never deleted',
  ],
  [
    'the mode says so',
    question(made(), {rules: policy().collecting({mode: 'Report'}).rules()}),
    'garbageCollection.mode of policy payments is Report',
  ],
  [
    'somebody renews it',
    question(silent(3)),
    'web-5d8fbc7f9d-x2x4z_1 renews it; when that ends it is deleted after 3600 seconds',
  ],
  [
    'its record is not understood',
    question(made().with({holder: 'x', renewTime: 'yesterday'})),
    'its record is not understood, and what is not understood is never touched',
  ],
  [
    'nobody can tell whether its subject is gone',
    question(made(), {check: undefined}),
    'its subject is of no kind of its policy, so nobody can tell whether it is gone',
  ],
  [
    'only its finalizers keep it',
    question(made().with({terminating: true}).orphaned(ago(9999)), {
      rules: policy().collecting({mode: 'Report'}).rules(),
    }),
    'it was deleted already, and is there as long as its finalizers are',
  ],
  [
    'an old name is handed over',
    question(made().orphaned(ago(9999)), {handingOver: true}),
    'another old name of its subject is still held',
  ],
] as [string, FateQuestion, string][]) {
  test(`a Lease is kept when ${what}`, t => {
    t.deepEqual(fateOf(asked, now), {what: 'kept', because});
  });
}

const system = (kind: System['kind'], more: Partial<System> = {}): System => ({
  kind,
  mode: 'All',
  policy: 'nodes',
  hasNode: false,
  ...more,
});

for (const [what, asked, because] of [
  ['an API server', system('APIServer'), /API servers delete the identities/],
  ['a node that is there', system('Node', {hasNode: true}), /^its node is there$/],
  ['a node under no policy', system('Node', {mode: undefined}), /^no policy is about the node/],
  [
    'a node that is only reported',
    system('Node', {mode: 'Report'}),
    /mode of policy nodes is Report; All would/,
  ],
  ['a node of which nobody is sure', system('Node'), /^it is not sure/],
  ['a component', system('Component'), /only looked at$/],
] as [string, System, RegExp][]) {
  test(`the Lease of ${what} is kept`, t => {
    const fate = fateOf({...question(lease()), system: asked, garbage: undefined}, now);
    t.is(fate.what, 'kept');
    t.regex(fate.because, because);
  });
}

test('an orphan that is marked goes when its ttl ends, for whoever looks', t => {
  const fate = fateOf(question(made().orphaned(ago(600))), now);
  t.like(fate, {what: 'deleted', because: 'nobody holds it, and it is no longer the name of Deployment/web'});
  t.is(fate.dueWallMs, now.wallMs + 3000_000);
  t.is(fate.notBeforeWallMs, fate.dueWallMs);
});

test('one whose holder is silent is taken for held by who starts now, and its ttl begins anew', t => {
  const view = silent(7200).orphaned(ago(7000));
  const fate = fateOf(question(view), now);
  t.is(fate.dueWallMs, now.wallMs - 7000_000 + 3600_000);
  t.is(fate.notBeforeWallMs, now.wallMs + 15_000 + 3600_000);
  const {actions} = planLease(question(view).observed as LeaseObservation, now);
  t.deepEqual(
    only(actions, 'labelLease').map(({purpose}) => purpose),
    ['reclaim'],
  );
});

for (const [what, orphanedSince] of [
  ['is not marked yet', undefined],
  ['bears a mark that is no time', 'long ago'],
] as const) {
  test(`one that ${what} gets the whole ttl from its mark`, t => {
    const fate = fateOf(question(silent(7200).with({orphanedSince})), now);
    t.is(fate.dueWallMs, now.wallMs + 3600_000);
    t.is(fate.notBeforeWallMs, now.wallMs + 15_000 + 3600_000);
  });
}

test('one of others gets the whole ttl under the eyes of who starts now', t => {
  const view = lease()
    .named('payments-0000000000')
    .heldBy('x')
    .renewed(ago(3000))
    .with({changedAtMs: now.monotonicMs});
  const asked = question(view, {
    rules: all,
    check: {expect: 'nothing'},
    classification: classify(view, KNOWN, true),
  });
  const fate = fateOf(asked, now);
  t.is(fate.dueWallMs, now.wallMs + 600_000);
  t.is(fate.notBeforeWallMs, now.wallMs + 15_000 + 3600_000);
});

test('a collection that is stopped deletes nothing', t => {
  const fate = fateOf({...question(made().orphaned(ago(9999))), stopped: 'too many at once'}, now);
  t.deepEqual(fate, {what: 'stopped', because: 'too many at once'});
});

test('what is heard of a renewal counts until a change is seen', t => {
  const view = silent(60);
  t.is(renewalAgeMs(view, now), 60_000);
  t.is(asHeard(view, now.monotonicMs, now).changedAtMs, now.monotonicMs - 60_000);
  t.true(isSilent(view, asHeard(view, now.monotonicMs, now), now));
  // Its change was seen after the first look, so the clock of its holder is wrong.
  const seen = view.with({changedAtMs: now.monotonicMs - 1_000});
  t.is(asHeard(seen, now.monotonicMs - 5_000, now), seen);
  t.false(isSilent(seen, asHeard(seen, now.monotonicMs - 5_000, now), now));
});

test('a clock that is ahead, and a time that is none, change nothing', t => {
  const ahead = lease().heldBy('x').renewed(ago(-60)).with({changedAtMs: now.monotonicMs});
  t.is(renewalAgeMs(ahead, now), 0);
  t.is(asHeard(ahead, now.monotonicMs, now).changedAtMs, now.monotonicMs);
  const odd = lease().with({holder: 'x', renewTime: 'yesterday'});
  t.is(renewalAgeMs(odd, now), undefined);
  t.false(isSilent(odd, asHeard(odd, now.monotonicMs, now), now));
});
