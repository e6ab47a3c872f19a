/** Where the metrics of the caches and of the findings are read from. */
import {RENDERED_KINDS, type RenderedKind} from '../api/objects.ts';
import type {WorkQueue} from '../runtime/queue.ts';
import type {MetricSources} from '../telemetry/metrics.ts';
import {isSuperseded} from './buckets.ts';
import {ageMs, leaderlessMs, longest} from './lease-ages.ts';
import type {World} from './world.ts';

/** What was judged is told by a leader alone: a former one knows no better than what it saw last. */
export function metricSources(
  world: World,
  queue: WorkQueue,
  leading: () => boolean,
  monotonicMs: () => number,
): MetricSources {
  const ofLeader =
    <T>(read: () => Iterable<T>) =>
    (): Iterable<T> =>
      leading() ? read() : [];
  return {
    leases: ofLeader(() => leaseCounts(world)),
    findings: ofLeader(() => findingCounts(world)),
    enforced: ofLeader(() => enforced(world)),
    stopped: ofLeader(() =>
      [...world.policies.values()].map(({key}) => ({policy: key, count: world.stopped.has(key) ? 1 : 0})),
    ),
    renewAges: ofLeader(() => renewAges(world, monotonicMs())),
    leaderless: ofLeader(() => leaderless(world, monotonicMs())),
    policyInfo: ofLeader(() => policyInfo(world)),
    cached: () => cached(world),
    queueLength: () => queue.length,
    leading,
  };
}

function* leaseCounts(world: World) {
  for (const [policy, {classes}] of world.ledger.tallies()) {
    for (const [kind, counts] of classes)
      for (const [state, count] of counts) yield {policy, class: kind, state, count};
  }
}

function* findingCounts(world: World) {
  for (const [policy, {reasons}] of world.ledger.tallies()) {
    for (const [reason, count] of reasons) yield {policy, reason, count};
  }
}

/** Of what Kubernetes itself leases nothing is enforced. */
function* enforced(world: World) {
  for (const {key} of world.policies.values()) {
    if (world.systemRules.has(key)) continue;
    yield {policy: key, count: world.enforcement.get(key)?.status === 'True' ? 1 : 0};
  }
}

const renewAges = (world: World, nowMs: number) => longest(world, nowMs, lease => ageMs(lease, nowMs));

/** A set of buckets that another one has replaced leads nothing, and nobody waits for it. */
const leaderless = (world: World, nowMs: number) =>
  longest(world, nowMs, (lease, kind) =>
    isSuperseded(lease, world, nowMs) ? undefined : leaderlessMs(lease, kind, nowMs),
  );

/** By this an alert knows a policy of components, whatever its name is. */
function* policyInfo(world: World) {
  for (const policy of world.rules.keys()) yield {policy, subjects: 'Workload', count: 1};
  for (const [policy, {subjects}] of world.systemRules) yield {policy, subjects: subjects.kind, count: 1};
}

function* cached(world: World) {
  yield {resource: 'leasepolicies', count: world.policies.size};
  yield {resource: 'leaseregistries', count: world.registries.size};
  yield {resource: 'namespaces', count: world.namespaces.size};
  yield {resource: 'leases', count: world.leases.size};
  yield {resource: 'leasecandidates', count: world.candidates.store.size};
  yield {resource: 'nodes', count: world.heartbeats.nodes.size};
  yield {resource: 'heartbeats', count: world.heartbeats.leases.size};
  for (const {resource, store} of world.sources.values()) yield {resource, count: store.size};
  for (const [kind, store] of Object.entries(world.rendered.stores))
    yield {resource: RENDERED_KINDS[kind as RenderedKind].plural, count: store.size};
}
