/**
 * Bugs that others have reported of their Leases, each as the report tells it: what was written when, and what of ours
 * finds it or does not let it happen. dev/mutations.ts proves that these tests fail without it.
 */
import test from 'ava';
import type {LeaseSpec} from '../src/api/objects.ts';
import {leaseController} from '../src/controllers/lease.ts';
import type {Now} from '../src/core/now.ts';
import type {WriteRecord} from '../src/core/plan/action.ts';
import {planCollection} from '../src/core/plan/collection.ts';
import {heldRecord, nextMove, releasedRecord} from '../src/core/plan/election.ts';
import {planLease} from '../src/core/plan/lease.ts';
import {planRegistry} from '../src/core/plan/registry.ts';
import {planWorkload} from '../src/core/plan/workload.ts';
import {TermEndedError} from '../src/errors.ts';
import {apply} from '../src/runtime/apply.ts';
import type {ApiClient} from '../src/runtime/client.ts';
import {ObservedLease} from '../src/runtime/observed-lease.ts';
import {DEFAULT_TIMING, Term} from '../src/runtime/term.ts';
import {projectLease, projectNamespace, projectPolicy, projectWorkload} from '../src/world/project.ts';
import {World} from '../src/world/world.ts';
import {FakeClock} from './runtime/fake-clock.ts';
import {
  ago,
  ahead,
  idleWorld,
  lease,
  leaseObservation,
  micro,
  now,
  only,
  policy,
  workload,
} from './support/builders.ts';

const UUID = '0b1e6a3c-1111-4222-8333-444455556666';

// cilium/cilium#48084

const L2_ANNOUNCER = {
  address: 'https://github.com/cilium/cilium/issues/48084',
  says: 'Prefix, namespace and name were joined by "-", which is in both, so two Services had one Lease and one leader.',
  prefix: 'cilium-l2announce',
  services: [
    {namespace: 'foo', name: 'bar-baz'},
    {namespace: 'foo-bar', name: 'baz'},
  ],
  trace: [
    {seconds: 0, by: 'foo/bar-baz', lease: 'cilium-l2announce-foo-bar-baz', holder: 'node-1'},
    {
      seconds: 1,
      by: 'foo-bar/baz',
      lease: 'cilium-l2announce-foo-bar-baz',
      holder: 'node-1',
      isRefused: true,
    },
  ],
};

const services = policy('l2')
  .prefixed(L2_ANNOUNCER.prefix)
  .leasesIn('kube-system')
  .forKinds('Service')
  .template('{prefix}-{namespace}-{name}');
const service = ({namespace, name}: {namespace: string; name: string}) =>
  workload(name).in(namespace).ofKind('Service');

test('cilium #48084: a template that gives two Services one Lease is never in force', t => {
  const joined = L2_ANNOUNCER.services.map(
    ({namespace, name}) => `${L2_ANNOUNCER.prefix}-${namespace}-${name}`,
  );
  t.deepEqual(
    joined,
    L2_ANNOUNCER.trace.map(each => each.lease),
    'as it was: one name for both',
  );
  const [problem = ''] = services.problems();
  t.regex(problem, /naming\.template: .* could give two subjects one Lease: use \{hash\}/);
});

test('cilium #48084: hashed, the two Services have two Leases, as nothing that is hashed can be divided in two ways', t => {
  const rules = services.template('{prefix}-{hash}').hashing('namespace', 'name').rules();
  const names = L2_ANNOUNCER.services.map(each => service(each).under(rules).leaseKey);
  t.is(new Set(names).size, 2, `${names}`);
});

test('cilium #48084: where two subjects share a name all the same, the older keeps it and the other is told', t => {
  const rules = {
    ...services.template('{prefix}-{hash}').hashing('namespace', 'name').rules(),
    nameOf: () => ({name: 'one'}),
  };
  const [first, second] = L2_ANNOUNCER.services.map(each => service(each).under(rules));
  if (!first || !second) return t.fail();
  const view = {
    claim: second,
    rules,
    winner: first,
    lease: undefined,
    predecessors: [],
    notAdopted: undefined,
  };
  const claims = [{...view, namespace: 'active' as const, retiredTransitions: 0}];
  const {actions, findings} = planWorkload({workload: second.workload, claims}, now);
  t.deepEqual(actions, []);
  t.deepEqual(
    findings.map(({reason, about}) => `${reason} ${about.namespace}/${about.name}`),
    ['NameCollision foo-bar/baz'],
  );
});

// kubernetes/autoscaler#7461

const RECOMMENDERS = {
  address: 'https://github.com/kubernetes/autoscaler/issues/7461',
  says: "GKE's own recommender and one that people install use the Lease vpa-recommender in kube-system: after an upgrade of the control plane the second has it, and the first is dead while it looks healthy.",
  namespace: 'kube-system',
  name: 'vpa-recommender',
  trace: [
    {seconds: 0, holder: `gke-8f21c0de-vm_${UUID}`, transitions: 3},
    {seconds: 10, holder: `gke-8f21c0de-vm_${UUID}`, transitions: 3},
    // The control plane is upgraded, and its recommender is away for longer than the Lease lasts.
    {seconds: 60, holder: `vpa-recommender-66d9c47458-x2x4z_${UUID}`, transitions: 4},
    {seconds: 70, holder: `vpa-recommender-66d9c47458-x2x4z_${UUID}`, transitions: 4},
  ],
};

const meta = (name: string) => ({
  name,
  uid: `uid-of-${name}`,
  resourceVersion: '1',
  creationTimestamp: '2026-01-01T00:00:00Z',
});

/** A cluster whose kube-system is governed, with a Deployment in it. */
function governedKubeSystem(deployment: string): World {
  const kinds = {
    get: () => ({state: 'served', plural: 'deployments', group: 'apps', version: 'v1'}) as const,
  };
  const world = new World({...idleWorld, kinds});
  const labels = {governed: 'true'};
  world.namespaces.put(projectNamespace({metadata: {...meta('kube-system'), labels}}));
  const {name, spec} = policy('platform').inNamespaces({matchLabels: labels});
  world.policies.put(projectPolicy({metadata: {...meta(name), generation: 1}, spec} as never));
  const project = projectWorkload('deployments.apps', 'apps/v1', 'Deployment', () => now.monotonicMs);
  const row = project({metadata: {...meta(deployment), namespace: 'kube-system'}});
  for (const {store} of world.sources.values()) store.replace(new Map([[row.key, row]]), '1');
  return world;
}

/** Plays the records into the caches, one after the other, and tells what is wrong at the end. */
function findingsOf(world: World, {namespace, name, trace}: typeof RECOMMENDERS) {
  for (const [index, {seconds, holder, transitions}] of trace.entries()) {
    const at = ahead(seconds);
    const spec = {
      holderIdentity: holder,
      leaseDurationSeconds: 15,
      acquireTime: micro(now),
      renewTime: micro(at),
      leaseTransitions: transitions,
    };
    const object = {metadata: {...meta(name), namespace, resourceVersion: `${index + 1}`}, spec};
    world.leases.put(projectLease(object, world.leases.get(`${namespace}/${name}`), at.monotonicMs));
  }
  const end = ahead(trace.at(-1)?.seconds ?? 0);
  return planLease(leaseController.observe(`${namespace}/${name}`, world, end), end).findings;
}

test('autoscaler #7461: the workload that takes the lock of a managed cloud is told so', t => {
  const found = findingsOf(governedKubeSystem('vpa-recommender'), RECOMMENDERS).filter(
    each => each.reason === 'ReservedName',
  );
  t.deepEqual(
    found.map(({about}) => `${about.kind}/${about.namespace}/${about.name}`),
    ['Deployment/kube-system/vpa-recommender'],
  );
  t.regex(found[0]?.message ?? '', /also the lock of what GKE runs itself: give it another name/);
});

test('autoscaler #7461: the name that was chosen to mend it is no finding', t => {
  const mended = {...RECOMMENDERS, name: 'vpa-recommender-lease'};
  const reasons = findingsOf(governedKubeSystem('vpa-recommender'), mended).map(each => each.reason);
  t.false(reasons.includes('ReservedName'));
});

// akka/akka-management#910

const SHARDS = {
  address: 'https://github.com/akka/akka-management/issues/910',
  says: 'Names were cut at 63 characters, which took off all that differed, so shards lost one Lease to each other for ever.',
  cutAt: 63,
  names: [
    'application-shard-sharded-daemon-process-customer-events-projection-tag-1',
    'application-shard-sharded-daemon-process-customer-events-projection-tag-2',
  ],
  trace: [
    {
      seconds: 0,
      lease: 'application-shard-sharded-daemon-process-customer-events-projec',
      holder: 'application@10.42.2.68:25520',
    },
    {
      seconds: 1,
      lease: 'application-shard-sharded-daemon-process-customer-events-projec',
      holder: 'application@10.42.2.68:25520',
      isConflict: true,
    },
  ],
};

const plain = policy().template('{name}').rules();

test('akka-management #910: names that differ at their end alone stay two', t => {
  t.deepEqual(
    SHARDS.names.map(name => name.slice(0, SHARDS.cutAt)),
    SHARDS.trace.map(each => each.lease),
    'as it was: one name for both',
  );
  const keys = SHARDS.names.map(name => workload(name).under(plain).leaseKey);
  t.deepEqual(
    keys,
    SHARDS.names.map(name => `shop/${name}`),
  );
  const hashed = SHARDS.names.map(name => workload(name).under(policy().rules()).leaseKey);
  t.is(new Set(hashed).size, 2);
});

test('akka-management #910: a name that is too long is told with its length, and never cut', t => {
  const long = workload(`${SHARDS.names[0]}.${'x'.repeat(200)}`);
  const claim = long.under(plain);
  const view = {
    claim,
    rules: plain,
    winner: undefined,
    lease: undefined,
    predecessors: [],
    notAdopted: undefined,
  };
  const claims = [{...view, namespace: 'active' as const, retiredTransitions: 0}];
  const {actions, findings} = planWorkload({workload: long, claims}, now);
  t.deepEqual(actions, []);
  t.deepEqual(
    findings.map(each => each.reason),
    ['NameTooLong'],
  );
  t.regex(findings[0]?.message ?? '', /would have 274 characters and 253 are allowed/);
});

// cilium/cilium#42920

const OPERATORS = {
  address: 'https://github.com/cilium/cilium/pull/42920',
  says: 'A leader that could not renew went on for as long as its shutdown took, beside the next one, and both gave one range of addresses to two nodes.',
  /** Seconds; a renewal that fails is the last but not the least that the leader hears. */
  trace: [
    {seconds: 0, renews: true},
    {seconds: 2, renews: true},
    {seconds: 4, renews: false},
    {seconds: 11.9, writes: 'sent'},
    // Ten seconds after the last renewal that succeeded began.
    {seconds: 12, writes: 'kept'},
    {seconds: 16.9, writes: 'kept', standby: 'wait'},
    {seconds: 17, writes: 'kept', standby: 'take'},
    // Its shutdown is still under way.
    {seconds: 30, writes: 'kept', standby: 'take'},
  ],
} as const;

/** What a leader wants to write: the record of a Lease, as of any other object. */
const write: WriteRecord = {
  type: 'writeRecord',
  purpose: 'renew',
  policy: 'payments',
  lease: {namespace: 'shop', name: 'a', uid: 'u', resourceVersion: '1'},
  record: {
    holderIdentity: 'x',
    leaseDurationSeconds: 15,
    leaseTransitions: 1,
    acquireTime: '',
    renewTime: '',
  },
};

/** A leader whose work goes on, whatever happens, and a standby that watches its Lease; on one clock. */
class Pair {
  readonly #clock = new FakeClock();
  readonly #startMs = this.#clock.monotonicMs();
  readonly #term = new Term(this.#startMs + DEFAULT_TIMING.renewDeadlineSeconds * 1000, 1, this.#clock);
  readonly #standby = new ObservedLease('standby', this.#clock);
  #sent = 0;

  to(seconds: number): void {
    this.#clock.pass(this.#startMs + seconds * 1000 - this.#clock.monotonicMs());
  }

  renew(): void {
    this.#term.extend(this.#clock.monotonicMs() + DEFAULT_TIMING.renewDeadlineSeconds * 1000);
    const spec = {
      holderIdentity: 'leader',
      leaseDurationSeconds: DEFAULT_TIMING.leaseDurationSeconds,
      renewTime: micro(this.#clock.now()),
    };
    this.#standby.note({metadata: {...meta('a'), namespace: 'b'}, spec});
  }

  /** Whether a write is sent, or kept because the term has ended. */
  async write(): Promise<string> {
    const before = this.#sent;
    const request = async () => {
      this.#sent++;
      return {metadata: meta('a')};
    };
    const client = {request, send: request} as unknown as ApiClient;
    const told = {
      onWritten: () => {},
      onCollect: () => {},
      onEvent: () => {},
      onDone: () => {},
      onPrevented: () => {},
    };
    const options = {client, term: this.#term, identity: 'leader', isInForce: () => true, ...told};
    try {
      for (const failure of await apply([write], options)) throw failure;
    } catch (error) {
      if (!(error instanceof TermEndedError)) throw error;
    }
    return this.#sent > before ? 'sent' : 'kept';
  }

  move(): string {
    return nextMove(this.#standby.lease?.spec, {
      identity: 'standby',
      way: 'classic',
      written: false,
      leftMs: this.#standby.leftMs,
    });
  }
}

test('cilium #42920: who could not renew writes nothing any more, seconds before anybody else may lead', async t => {
  const pair = new Pair();
  for (const step of OPERATORS.trace) {
    pair.to(step.seconds);
    if ('renews' in step && step.renews) pair.renew();
    if ('writes' in step) t.is(await pair.write(), step.writes, `after ${step.seconds} s`);
    if ('standby' in step) t.is(pair.move(), step.standby, `after ${step.seconds} s`);
  }
});

// stacklok/mecatl#1517

const SESSIONS = {
  address: 'https://github.com/stacklok/mecatl/issues/1517',
  says: 'A Lease for each session can only be deleted if the counter that fences its former holders is kept elsewhere, as a Lease that is made anew begins at 0.',
  trace: [
    {seconds: 0, does: 'hold', by: `api-66d9c47458-x2x4z_${UUID}`, transitions: 41},
    {seconds: 60, does: 'release'},
    {seconds: 4000, does: 'collect'},
    {seconds: 5000, does: 'make again'},
    {seconds: 5001, does: 'hold', by: `api-7c5b9d6f44-bbbbb_${UUID}`, transitions: 42},
  ],
} as const;

const rules = policy().rules();
const claim = workload('api').under(rules);
const EMPTY = {names: {}, subjects: {}, exempt: [], exemptUntil: {}, allowed: 'none', retired: {}};

/** What the registry keeps of the counters when the Lease, which nobody needs, is collected. */
function retiredBy(spec: LeaseSpec, at: Now) {
  const left = lease()
    .made()
    .released(ago(4000))
    .orphaned(ago(4000))
    .afterTransitions(spec.leaseTransitions ?? 0);
  const check = {expect: 'absent', path: '/apis/apps/v1/namespaces/shop/deployments/api'} as const;
  const {garbage = []} = planLease(leaseObservation({lease: left, check}), at);
  const {actions} = planCollection({rules, resourceVersion: '1', garbage, total: 4, last: undefined}, at);
  const steps = actions.map(each => each.type);
  return {
    isFirst: steps.indexOf('patchRegistry') < steps.indexOf('collectLease'),
    steps,
    patch: only(actions, 'patchRegistry')[0]?.patch.retired ?? {},
  };
}

test('mecatl #1517: a Lease that is deleted and made again never repeats a fencing token', t => {
  const [first, , , , last] = SESSIONS.trace;
  const holding = {way: 'classic', written: false, durationSeconds: 15, wallMs: now.wallMs} as const;
  const held = heldRecord({leaseTransitions: first.transitions - 1}, {identity: first.by, ...holding});
  t.is(held.leaseTransitions, first.transitions);
  const {isFirst, steps, patch} = retiredBy(releasedRecord(held, now.wallMs), now);
  t.true(isFirst, `the counter is kept before the Lease goes: ${steps}`);
  const retired = patch['payments-14c2529eb4']?.transitions ?? 0;
  const view = {claim, rules, winner: claim, lease: undefined, predecessors: [], notAdopted: undefined};
  const claims = [{...view, namespace: 'active' as const, retiredTransitions: retired}];
  const [made] = only(planWorkload({workload: claim.workload, claims}, now).actions, 'createLease');
  const again = heldRecord(made?.record, {identity: last.by, ...holding});
  t.is(again.leaseTransitions, last.transitions);
});

test('mecatl #1517: the counter is kept until a Lease of the name has gone on with it', t => {
  const retired = {'payments-14c2529eb4': {transitions: 41}};
  const observed = {
    namespace: 'shop',
    governed: false,
    terminating: false,
    claims: [],
    heldOld: [],
    bystanders: [],
    heldForMs: () => 0,
    exempt: new Map(),
    current: {uid: 'u', resourceVersion: '1', spec: {...EMPTY, retired}},
  };
  const counted = (transitions: number) => (_: string, least: number) => transitions >= least;
  t.deepEqual(
    planRegistry({...observed, exists: counted(0)}, now).actions,
    [],
    'not by one that has just begun',
  );
  t.deepEqual(planRegistry({...observed, exists: counted(41)}, now).actions, [
    {type: 'patchRegistry', namespace: 'shop', patch: {retired: {'payments-14c2529eb4': null}}},
  ]);
});

test('each report has its address and says in one sentence what happened', t => {
  for (const {address, says, trace} of [L2_ANNOUNCER, RECOMMENDERS, SHARDS, OPERATORS, SESSIONS]) {
    t.regex(address, /^https:\/\/github\.com\/[-\w]+\/[-\w]+\/(issues|pull)\/\d+$/);
    t.regex(says, /^[^.]+[\s\S]*\.$/);
    t.true(trace.length > 1);
  }
});
