/** Leases: whatever stands in one is projected, classified, dated and judged, always in the same way. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {supersededBuckets} from '../../src/core/lease/buckets.ts';
import {KNOWN} from '../../src/core/lease/catalogue.ts';
import {CLASSES, classify, EVIDENCE} from '../../src/core/lease/classify.ts';
import {type HolderChange, HolderHistory} from '../../src/core/lease/history.ts';
import {deploymentOf, hostsOf, isHeldBy, isPodOf, workloadOf} from '../../src/core/lease/holder.ts';
import {apiServerIdentity, IDENTITY_FORMS, identityForm} from '../../src/core/lease/identity.ts';
import {holding, isHeldByOthers, LIFETIMES, lifetime} from '../../src/core/lease/lifetime.ts';
import {formatMicroTime, parseMicroTime} from '../../src/core/lease/microtime.ts';
import {recordAilments} from '../../src/core/lease/record.ts';
import {bucketOf} from '../../src/core/naming/bucket.ts';
import {heldRecord, nextMove, releasedRecord} from '../../src/core/plan/election.ts';
import {ailments} from '../../src/core/plan/health.ts';
import {projectHeartbeat, projectLease} from '../../src/world/project.ts';
import {
  anyHolder,
  anyKind,
  anyLabel,
  anyLease,
  anyLeaseObject,
  anyLeaseSpec,
  anyName,
  anySeconds,
  anySeenMs,
  anyText,
  anyTime,
  anyTransitions,
  NOW,
  perhaps,
  podOf,
} from './arbitraries.ts';
import {forAll} from './property.ts';
import {isWait, mayLead, moment} from './safety.ts';

const {monotonicMs} = NOW;

forAll(
  'what is kept of a Lease is whole, and the same each time',
  [anyLeaseObject, anySeenMs],
  (object, at) => {
    const view = projectLease(object, undefined, at);
    assert.equal(view.changedAtMs, at);
    for (const field of ['key', 'namespace', 'name', 'holder'] as const)
      assert.equal(typeof view[field], 'string');
    assert.equal(typeof view.transitions, 'number');
    assert.deepEqual(projectLease(object, undefined, at), view);
    // Seen again as it was, it has not changed.
    assert.deepEqual(projectLease(object, view, at + 1000), view);
  },
);

forAll(
  'a renewal, and nothing else, makes a Lease fresh',
  [anyLeaseObject, anyLeaseSpec, anySeenMs],
  (object, spec, at) => {
    const before = projectLease(object, undefined, at);
    const after = projectLease({...object, spec} as typeof object, before, at + 5);
    const isSame = (['holder', 'renewTime', 'transitions', 'durationSeconds'] as const).every(
      field => before[field] === after[field],
    );
    assert.equal(after.changedAtMs, isSame ? at : at + 5);
  },
);

forAll(
  'a heartbeat keeps what it says, however much of it is shared',
  [anyLeaseObject, anyLeaseSpec, anySeenMs],
  (object, spec, at) => {
    const first = projectHeartbeat(object, undefined, undefined, at);
    const renewed = {...object, spec} as typeof object;
    const {key: _, namespace: __, ...view} = projectHeartbeat(renewed, first, undefined, at + 5);
    const {
      key: ___,
      namespace: ____,
      ...plain
    } = projectLease(renewed, projectLease(object, undefined, at), at + 5);
    assert.deepEqual(view, plain);
  },
);

forAll('every Lease is of one class, by one evidence', [anyLease, fc.boolean()], (lease, isNamed) => {
  const result = classify(lease, KNOWN, isNamed);
  assert.ok(CLASSES.includes(result.class) && EVIDENCE.includes(result.evidence) && result.because !== '');
  assert.deepEqual(classify(lease, KNOWN, isNamed), result);
});

forAll(
  'every Lease has one lifetime, which ends when it says',
  [anyLease, fc.boolean()],
  (lease, claimed) => {
    const {state, changesInMs} = lifetime(lease, claimed, monotonicMs);
    assert.ok(LIFETIMES.includes(state));
    isWait(changesInMs);
    assert.deepEqual(lifetime(lease, claimed, monotonicMs), {state, changesInMs});
    if (changesInMs === undefined) return;
    const earlier = monotonicMs + changesInMs - 1;
    assert.equal(holding(lease, earlier).state, 'held');
    assert.notEqual(holding(lease, monotonicMs + changesInMs).state, 'held');
  },
);

forAll(
  'a holder counts until its duration has passed under our eyes, and for ever if it is not understood',
  [anyLease],
  lease => {
    assert.equal(isHeldByOthers(lease, monotonicMs), mayLead(lease));
  },
);

forAll(
  'a text is a time or none, and a time is read as it was written',
  [
    anyText,
    anyTime,
    fc.date({min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true}),
  ],
  (text, time, date) => {
    for (const each of [text, time]) {
      const read = parseMicroTime(each);
      assert.ok(read === undefined || Number.isFinite(read));
    }
    assert.equal(parseMicroTime(formatMicroTime(date.getTime())), date.getTime());
    assert.match(formatMicroTime(date.getTime()), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  },
);

// Holders

const anyWorkloads = fc.uniqueArray(fc.record({kind: anyKind, name: anyName}), {
  maxLength: 6,
  selector: ({kind, name}) => `${kind}/${name}`,
});

forAll(
  'a holder is of no workload, or of one that exists and has such a Pod',
  [anyHolder, anyWorkloads],
  (holder, workloads) => {
    const exists = (kind: string, name: string) =>
      workloads.some(each => each.kind === kind && each.name === name);
    const found = workloadOf(holder, exists);
    assert.ok(hostsOf(holder).every(each => each !== ''));
    assert.ok(['string', 'undefined'].includes(typeof deploymentOf(holder)));
    if (!found) return;
    assert.ok(exists(found.kind, found.name));
    assert.ok(isHeldBy(found, holder));
    // Never by a bare prefix: what the holder names begins with the workload's name, as far as that is not cut, and "-".
    const stem = found.name.length > 57 ? found.name.slice(0, 58) : `${found.name}-`;
    assert.ok(holder.includes(stem), `${holder} is that of ${found.kind}/${found.name}`);
  },
);

forAll(
  'a Pod that its controller made is told to be of its workload',
  [
    anyName.filter(name => name.length < 240),
    fc.constantFrom('Deployment', 'StatefulSet', 'DaemonSet'),
    fc.nat({max: 99}),
  ],
  (name, kind, number) => {
    const pod = podNamed(kind, name, number);
    if (pod.length > 63) return;
    assert.ok(isPodOf({kind, name}, pod), `${pod} of ${kind}/${name}`);
    assert.ok(isHeldBy({kind, name}, `${pod}_0b1e6a3c-1111-4222-8333-444455556666`));
  },
);

/** As controllers name them: a generated name is cut at 58 and gets five characters. */
function podNamed(kind: string, name: string, number: number): string {
  if (kind === 'StatefulSet') return `${name}-${number}`;
  const base = kind === 'Deployment' ? `${name}-66d9c47458-` : `${name}-`;
  return `${base.slice(0, 58)}x2x4z`;
}

forAll(
  'whether anything holds for anything',
  [fc.oneof(anyHolder, anyText), anyKind, fc.oneof(anyName, anyText)],
  (holder, kind, name) => {
    assert.equal(typeof isHeldBy({kind, name}, holder), 'boolean');
    assert.equal(typeof isPodOf({kind, name}, holder), 'boolean');
  },
);

forAll(
  'a Pod of foo-2 never holds for foo',
  [anyLabel.filter(name => name.length < 20), fc.constantFrom('Deployment', 'DaemonSet', 'StatefulSet')],
  (name, kind) => {
    const other = `${name}-2x`;
    for (const made of ['Deployment', 'DaemonSet'] as const) {
      const pod = podNamed(made, other, 0);
      // foo-2x-x2x4z may be a Pod of the Deployment foo, whose hash is 2x; nothing else is.
      if (kind === 'Deployment' && made === 'DaemonSet') continue;
      assert.ok(!isHeldBy({kind, name}, pod), `${pod} of ${kind}/${name}`);
    }
  },
);

// Health

const anyChange: fc.Arbitrary<HolderChange> = fc.record({
  atMs: anySeenMs,
  from: anyHolder,
  to: anyHolder,
  transitions: anyTransitions,
});
const inOrder = (changes: readonly HolderChange[]) => changes.toSorted((a, b) => a.atMs - b.atMs);
const anyElecting = perhaps(fc.record({kind: anyKind, name: anyName, readySinceMs: perhaps(anySeenMs)}));

forAll(
  'every election has ailments or none, always the same ones',
  [anyLease, fc.array(anyChange, {maxLength: 8}), anyElecting, fc.boolean(), anyWorkloads],
  (lease, changes, workload, alwaysLed, others) => {
    const exists = (kind: string, name: string) =>
      others.some(each => each.kind === kind && each.name === name);
    const observed = {lease, changes: inOrder(changes), workload, exists, alwaysLed, durationSeconds: 15};
    const result = ailments(observed, NOW);
    isWait(result.requeueAfterMs);
    for (const {reason, message} of result.ailments) {
      assert.ok(['Leaderless', 'Flapping', 'ContestedLease', 'ForeignHolder'].includes(reason));
      assert.match(message, /\S/);
    }
    assert.deepEqual(ailments(observed, NOW), result);
    // Somebody leads, or nobody does; not both.
    const reasons = result.ailments.map(each => each.reason);
    assert.ok(!reasons.includes('Leaderless') || !reasons.includes('ForeignHolder'));
  },
);

forAll(
  'a history keeps the latest changes of each Lease, and no more than it may',
  [fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), anyChange), {maxLength: 40})],
  list => {
    const history = new HolderHistory();
    const steps = list.toSorted(([, a], [, b]) => a.atMs - b.atMs);
    for (const [key, change] of steps) {
      history.note(key, change);
      assert.equal(history.of(key).at(-1), change);
      assert.ok(history.of(key).length <= 16);
    }
  },
);

forAll('a record has ailments or none', [anyLease, anySeconds, anySeconds], (lease, min, max) => {
  for (const {reason, message} of recordAilments(lease, {min, max}, NOW)) {
    assert.ok(['DurationOutOfRange', 'FutureRenewTime'].includes(reason));
    assert.match(message, /\S/);
  }
});

// Names that mean something

forAll(
  'a bucket is one of a set, and a set is replaced by another one alone',
  [fc.array(anyLease, {maxLength: 5})],
  leases => {
    for (const {name} of leases) {
      const bucket = bucketOf(name);
      assert.ok(!bucket || (bucket.index < bucket.count && name.startsWith(`${bucket.base}.`)));
    }
    const superseded = supersededBuckets(leases, monotonicMs);
    for (const each of superseded) {
      assert.ok(leases.includes(each));
      assert.ok(!isHeldByOthers(each, monotonicMs));
      assert.ok(leases.some(other => bucketOf(other.name) && !superseded.includes(other)));
    }
  },
);

forAll(
  'every name of an API server has a form, and every host a name',
  [anyLease, fc.oneof(anyName, anyText)],
  (lease, host) => {
    assert.ok(IDENTITY_FORMS.includes(identityForm(lease)));
    assert.equal(identityForm({name: apiServerIdentity(host), labels: {}}), 'hash');
  },
);

// What a candidate does

const anyCandidate = fc.record({
  identity: fc.oneof(fc.constant('me'), anyHolder),
  way: fc.constantFrom('classic' as const, 'coordinated' as const),
  written: fc.boolean(),
  leftMs: fc.oneof(fc.constantFrom(0, -1, 1, -30_000, -30_001), fc.integer()),
});

forAll(
  'a candidate takes nothing from a holder whose time is not over',
  [perhaps(anyLeaseSpec), anyCandidate],
  (spec, candidate) => {
    const move = nextMove(spec, candidate);
    assert.ok(['renew', 'take', 'wait'].includes(move));
    assert.ok(move !== 'take' || candidate.leftMs <= 0);
    assert.ok(move !== 'renew' || spec?.holderIdentity === candidate.identity);
    assert.ok(move !== 'renew' || candidate.written || candidate.way === 'coordinated');
  },
);

forAll(
  'the record of a holder is whole, and its counter never goes back',
  [perhaps(anyLeaseSpec), anyCandidate, anySeconds],
  (before, {identity, way, written}, durationSeconds) => {
    const record = heldRecord(before, {identity, way, written, durationSeconds, wallMs: NOW.wallMs});
    assert.equal(record.holderIdentity, identity);
    assert.ok(moment(record.renewTime) !== undefined && moment(record.acquireTime) !== undefined);
    assert.ok(record.leaseTransitions >= (before?.leaseTransitions ?? 0));
    if (before === undefined) return;
    const released = releasedRecord(before, NOW.wallMs);
    assert.equal(released.holderIdentity, '');
    assert.equal(released.leaseTransitions, before.leaseTransitions ?? 0);
  },
);

forAll(
  'what a candidate of a Pod writes is told to be its own',
  [anyName.chain(name => podOf(name).map(pod => ({name, pod}))), anyKind],
  ({name, pod}, kind) => {
    if (!isPodOf({kind, name}, pod) || pod.length > 63) return;
    assert.ok(isHeldBy({kind, name}, `${pod}_0b1e6a3c-1111-4222-8333-444455556666`));
  },
);
