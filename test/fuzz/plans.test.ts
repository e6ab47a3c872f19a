/** Plans: whatever is observed, each is made, is the same each time, and does nothing that may never be done. */
import assert from 'node:assert/strict';
import type {LeaseView} from '../../src/core/lease/lifetime.ts';
import {accessActions} from '../../src/core/plan/access.ts';
import type {Action, Garbage} from '../../src/core/plan/action.ts';
import {planAdmission} from '../../src/core/plan/admission.ts';
import {planCandidates} from '../../src/core/plan/candidates.ts';
import type {ClaimView} from '../../src/core/plan/claim-plan.ts';
import {type CollectionObservation, planCollection} from '../../src/core/plan/collection.ts';
import {planComponents} from '../../src/core/plan/components.ts';
import {planHeartbeat} from '../../src/core/plan/heartbeat.ts';
import {planIdentities} from '../../src/core/plan/identities.ts';
import {planLease} from '../../src/core/plan/lease.ts';
import {planPolicy} from '../../src/core/plan/policy.ts';
import {planRegistry, type RegistryObservation} from '../../src/core/plan/registry.ts';
import {planWorkload} from '../../src/core/plan/workload.ts';
import {only} from '../support/builders.ts';
import {NOW} from './arbitraries.ts';
import {
  anyAccessObservation,
  anyAdmissionObservation,
  anyCandidatesObservation,
  anyCollectionObservation,
  anyComponentsObservation,
  anyHeartbeatObservation,
  anyIdentitiesObservation,
  anyLeaseObservation,
  anyPolicyObservation,
  anyRegistryObservation,
  anyWorkloadObservation,
} from './observations.ts';
import {forAll} from './property.ts';
import {
  earliestMs,
  isOurHold,
  isOurs,
  isPuzzling,
  isVersionOf,
  mayLead,
  moment,
  objection,
  plansAlike,
} from './safety.ts';

const MINUTE_MS = 60_000;

forAll(
  'a Lease is judged, and deleted by no judgement that speaks against its record',
  [anyLeaseObservation],
  observed => {
    const {actions, garbage = []} = plansAlike(each => planLease(each, NOW), observed);
    assert.ok(
      actions.every(each => each.type === 'labelLease'),
      'a verdict writes the record of nothing',
    );
    const {lease, rules, classification, claim, subjectsKnown, check, handingOver} = observed;
    if (claim || !subjectsKnown) assert.deepEqual([actions, garbage], [[], []]);
    assert.ok(garbage.length <= 1);
    const [found] = garbage;
    if (!found) return;
    assert.ok(lease && rules);
    isVersionOf(found, lease);
    assert.equal(objection(lease), undefined);
    const {class: kind} = classification;
    assert.ok(
      kind === 'leader-election' ||
        kind === 'tombstone' ||
        (kind === 'leader-election-bucket' && observed.isSuperseded),
    );
    assert.ok(check && !handingOver);
    assert.ok(isAllowed(rules.collection.mode, lease, observed));
    // One that is only about to be marked counts already, with the whole ttl before it.
    if (isOurs(lease) && moment(lease.orphanedSince) === undefined)
      assert.deepEqual(
        only(actions, 'labelLease').map(({purpose}) => purpose),
        ['markOrphaned'],
      );
    assert.ok(found.dueAtMs >= earliestMs(lease, rules.collection.ttlSeconds) - 1);
  },
);

/** Ours in both modes; those of others in one, and then neither what is exempt, nor our own, nor that of a product. */
function isAllowed(
  mode: string,
  lease: LeaseView,
  observed: {own: boolean; exemptUntilMs: number | undefined; classification: {entry?: unknown}},
): boolean {
  if (isOurs(lease)) return lease.subject !== undefined && (mode === 'Managed' || mode === 'All');
  const {own, exemptUntilMs, classification} = observed;
  return mode === 'All' && !own && exemptUntilMs === undefined && classification.entry === undefined;
}

// Workloads

const isTaken = (lease: LeaseView) => mayLead(lease) || isPuzzling(lease);

forAll(
  'what a workload needs is planned, and no record is written that somebody may hold or nobody understands',
  [anyWorkloadObservation],
  observed => {
    const {actions} = plansAlike(each => planWorkload(each, NOW), observed);
    const leases = observed.claims.flatMap(({lease, predecessors}) => [
      ...(lease ? [lease] : []),
      ...predecessors,
    ]);
    for (const {lease: written} of only(actions, 'writeRecord')) {
      const judged = leases.filter(
        ({namespace, name}) => namespace === written.namespace && name === written.name,
      );
      assert.ok(
        judged.some(each => each.uid === written.uid && each.resourceVersion === written.resourceVersion),
      );
      assert.ok(
        judged.some(each => !isTaken(each)),
        `${written.name} is written`,
      );
    }
    assert.equal(only(actions, 'collectLease').length, 0);
  },
);

forAll(
  'a Lease is made for the one whose name it is, opened when no old name may be held, and goes on counting',
  [anyWorkloadObservation],
  ({workload, claims}) => {
    for (const view of claims) {
      const {actions} = planWorkload({workload, claims: [view]}, NOW);
      const made = only(actions, 'createLease');
      const opened = only(actions, 'writeRecord').filter(({purpose}) => purpose === 'open');
      for (const {namespace, name} of made)
        assert.ok(workload && !workload.terminating && mayCreate(view, namespace, name));
      if (view.predecessors.some(mayLead)) {
        assert.equal(opened.length, 0);
        for (const {record} of made) assert.match(record.holderIdentity ?? '', /^leasepolicy-rename_/);
      }
      goesOnCounting(view, actions);
    }
  },
);

function mayCreate(view: ClaimView, namespace: string, name: string): boolean {
  const {claim, winner, lease, rules} = view;
  const isName = claim.leaseNamespace === namespace && 'name' in claim.result && claim.result.name === name;
  return (
    isName && !lease && rules.lease.create && view.namespace === 'active' && (!winner || winner === claim)
  );
}

/** A fencing token never comes again. */
function goesOnCounting(
  {lease, predecessors, retiredTransitions}: ClaimView,
  actions: readonly Action[],
): void {
  const before = new Map([lease, ...predecessors].map(each => [each?.name, each?.transitions ?? 0]));
  const highest = Math.max(retiredTransitions, ...predecessors.map(each => each.transitions));
  for (const {lease: written, record} of only(actions, 'writeRecord'))
    assert.ok(record.leaseTransitions >= (before.get(written.name) ?? 0));
  for (const {record} of only(actions, 'createLease')) assert.ok((record.leaseTransitions ?? 0) >= highest);
}

// Collection

forAll(
  'a pass stays within its minute and its share, and tells before it deletes',
  [anyCollectionObservation],
  observed => {
    const plan = plansAlike(each => planCollection(each, NOW), observed);
    isWithinBounds(observed, plan.actions, plan.stopped);
  },
);

function isWithinBounds(
  observed: CollectionObservation,
  actions: readonly Action[],
  stopped: string | undefined,
): void {
  const {rules, garbage, total, last} = observed;
  const taken = only(actions, 'collectLease');
  if (stopped !== undefined) assert.equal(actions.length, 0);
  if (taken.length === 0) return;
  assert.ok(rules);
  const {maxPerMinute, maxPercent} = rules.collection;
  assert.ok(taken.length <= maxPerMinute - deletedThisMinute(last));
  const soon = garbage.filter(each => each.dueAtMs <= NOW.monotonicMs + MINUTE_MS);
  assert.ok(soon.length <= Math.ceil((total * maxPercent) / 100), `${soon.length} of ${total}`);
  for (const each of taken) {
    const found = garbage.find(({collect}) => collect === each);
    assert.ok(found && found.dueAtMs <= NOW.monotonicMs, 'what is deleted is garbage, and due');
  }
  const [status] = actions;
  assert.ok(status?.type === 'writeStatus' && status.resourceVersion === observed.resourceVersion);
  const record = status.status.lastGarbageCollection;
  assert.ok(record && record.deleted === taken.length && record.windowDeleted >= taken.length);
  keepsCounters(actions, garbage);
}

/** What a status says that somebody has left in this minute, whatever clock wrote it. */
function deletedThisMinute(last: CollectionObservation['last']): number {
  const startMs = last === undefined ? Number.NaN : new Date(last.windowStart).getTime();
  return Math.abs(NOW.wallMs - startMs) < MINUTE_MS ? Math.max(0, last?.windowDeleted ?? 0) : 0;
}

/** Each counter is written before its Lease goes. */
function keepsCounters(actions: readonly Action[], garbage: readonly Garbage[]): void {
  const kept = new Map<string, number>();
  for (const action of actions) {
    if (action.type === 'patchRegistry')
      for (const [name, counter] of Object.entries(action.patch.retired ?? {}))
        kept.set(`${action.namespace}/${name}`, counter?.transitions ?? 0);
    if (action.type !== 'collectLease') continue;
    const {namespace, name} = action.lease;
    const found = garbage.find(({collect}) => collect === action);
    assert.equal(kept.get(`${namespace}/${name}`) ?? 0, found?.transitions);
  }
}

// What Kubernetes itself leases

forAll(
  'the heartbeat of a node is judged, and deleted only when both are gone for long',
  [anyHeartbeatObservation],
  observed => {
    const {actions, garbage = []} = plansAlike(each => planHeartbeat(each, NOW), observed);
    assert.deepEqual(actions, []);
    const {lease, policies, absentSinceMs, class: kind} = observed;
    for (const found of garbage) {
      const rules = policies.find(
        ({policy, collection}) => policy === found.policy && collection.mode === 'All',
      );
      assert.ok(lease && rules && absentSinceMs !== undefined);
      isVersionOf(found, lease);
      assert.ok(!mayLead(lease) && !isPuzzling(lease));
      assert.ok(kind === 'node-heartbeat' && lease.holder === lease.name);
      assert.deepEqual(found.collect.check, {expect: 'absent', path: `/api/v1/nodes/${lease.name}`});
      const seconds = Math.max(rules.collection.ttlSeconds, lease.durationSeconds ?? 0);
      assert.ok(found.dueAtMs >= Math.max(absentSinceMs, lease.changedAtMs) + seconds * 1000);
    }
  },
);

forAll('identities are judged, and never written or deleted', [anyIdentitiesObservation], observed => {
  const {actions, garbage} = plansAlike(each => planIdentities(each, NOW), observed);
  assert.deepEqual([actions, garbage], [[], undefined]);
});

forAll(
  'components are judged, and of them only buckets of a set that another one has replaced are deleted',
  [anyComponentsObservation],
  observed => {
    const {actions, garbage = []} = plansAlike(each => planComponents(each, NOW), observed);
    assert.deepEqual(actions, []);
    for (const found of garbage) {
      const {namespace, name} = found.collect.lease;
      const component = observed.components.find(each =>
        each.leases.some(({lease}) => lease.name === name && lease.namespace === namespace),
      );
      const judged = component?.leases.find(
        ({lease}) => lease.name === name && lease.namespace === namespace,
      );
      assert.ok(component && judged && observed.rules?.collection.mode === 'All');
      isVersionOf(found, judged.lease);
      assert.equal(judged.class, 'leader-election-bucket');
      const views = component.leases.map(each => each.lease);
      assert.ok(isReplaced(judged.lease, views), `${name} of ${views.map(each => each.name)}`);
      const seconds = Math.max(observed.rules.collection.ttlSeconds, judged.lease.durationSeconds ?? 0);
      assert.ok(found.dueAtMs >= judged.lease.changedAtMs + seconds * 1000);
    }
  },
);

/** Of how many buckets it is one; none for what only looks like a bucket. */
function countOf({name}: LeaseView): number | undefined {
  const [, index, count] = /\.(\d+)-of-(\d+)$/.exec(name) ?? [];
  return Number(index) < Number(count) ? Number(count) : undefined;
}

/** Nobody holds any of its set, and somebody each of another one that is whole. */
function isReplaced(lease: LeaseView, all: readonly LeaseView[]): boolean {
  const count = countOf(lease);
  const own = all.filter(each => countOf(each) === count);
  const isWhole = (other: number | undefined) => {
    const set = all.filter(each => countOf(each) === other);
    return (
      set.length === other &&
      set.every(each => each.holder !== '' && moment(each.renewTime) !== undefined && isHeld(each))
    );
  };
  return (
    own.every(each => !isHeld(each) && !isPuzzling(each)) &&
    all.some(each => countOf(each) !== count && isWhole(countOf(each)))
  );
}

const isHeld = (lease: LeaseView) =>
  mayLead(lease) ||
  (isOurHold(lease) &&
    NOW.monotonicMs - lease.changedAtMs < (lease.durationSeconds ?? Number.POSITIVE_INFINITY) * 1000);

forAll('candidates are judged, and nothing is written', [anyCandidatesObservation], observed => {
  assert.deepEqual(plansAlike(each => planCandidates(each, NOW), observed).actions, []);
});

// What is written of all this

forAll(
  'a registry is planned, once and for all, and its counters are never touched but when their names go on',
  [anyRegistryObservation],
  observed => {
    const {actions} = plansAlike(each => planRegistry(each, NOW), observed);
    const [action, ...more] = actions;
    assert.equal(more.length, 0);
    const retired = observed.current?.spec.retired ?? {};
    for (const {patch} of only(actions, 'patchRegistry'))
      for (const [name, counter] of Object.entries(patch.retired ?? {}))
        assert.ok(counter === null && observed.exists(name, retired[name]?.transitions ?? 0));
    if (action?.type === 'deleteRegistry') assert.deepEqual(Object.keys(retired), []);
    const [next] = afterwards(observed, action);
    // Where nobody governs it goes once its last counter has gone.
    assert.ok(next === undefined || (!observed.governed && next.type === 'deleteRegistry'));
  },
);

/** What is planned when the action has been carried out. */
function afterwards(observed: RegistryObservation, action: Action | undefined): readonly Action[] {
  const {current} = observed;
  if (action?.type === 'createRegistry') {
    const made = {uid: 'u', resourceVersion: '4', spec: jsonOf(action.spec)};
    return planRegistry({...observed, current: made}, NOW).actions;
  }
  if (action?.type !== 'patchRegistry' || !current) return [];
  const patched = {...current, spec: merged(jsonOf(current.spec), jsonOf(action.patch))};
  return planRegistry({...observed, current: patched}, NOW).actions;
}

const jsonOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** A JSON merge patch (RFC 7396), as the API server applies it. */
function merged<T>(target: T, patch: unknown): T {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch as T;
  const fields = new Map(Object.entries(typeof target === 'object' && target !== null ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) fields.delete(name);
    else fields.set(name, merged(fields.get(name), value));
  }
  return Object.fromEntries(fields) as T;
}

forAll('a status is planned, and written only where it differs', [anyPolicyObservation], observed => {
  const [write] = only(plansAlike(each => planPolicy(each, NOW), observed).actions, 'writeStatus');
  if (!write) return;
  const status = {...observed.status, ...write.status} as NonNullable<typeof observed.status>;
  assert.ok(status.findings.length <= 20 && status.conditions.length === 3);
  assert.deepEqual(planPolicy({...observed, status}, NOW).actions, []);
});

forAll(
  'what the API server enforces is planned, and objects of nobody else are deleted',
  [anyAdmissionObservation],
  observed => {
    const {actions} = plansAlike(planAdmission, observed);
    for (const {name, uid, resourceVersion} of only(actions, 'deleteObject'))
      assert.ok(
        observed.live.some(
          each => each.name === name && each.uid === uid && each.resourceVersion === resourceVersion,
        ),
      );
  },
);

forAll(
  'access is planned, for one Lease and without the right to make one',
  [anyAccessObservation],
  observed => {
    const {actions} = plansAlike(each => ({actions: accessActions(each), findings: []}), observed);
    for (const {rendered} of only(actions, 'applyObject')) {
      if (rendered.kind !== 'Role') continue;
      const [rule, ...more] = (rendered.content as {rules: {resourceNames: string[]; verbs: string[]}[]})
        .rules;
      assert.deepEqual(rule?.resourceNames, [observed.lease?.name]);
      assert.deepEqual(
        rule?.verbs.filter(verb => !['get', 'watch', 'update', 'patch'].includes(verb)),
        [],
      );
      assert.deepEqual(more, []);
    }
  },
);
