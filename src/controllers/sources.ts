/** Where the metrics of the caches and of the findings are read from. */
import {RENDERED_KINDS, type RenderedKind} from '../api/objects.ts';
import type {WorkQueue} from '../runtime/queue.ts';
import type {MetricSources} from '../telemetry/metrics.ts';
import type {World} from './world.ts';

export function metricSources(world: World, queue: WorkQueue, leading: () => boolean): MetricSources {
  return {
    *leases() {
      for (const [policy, {lifetimes}] of world.ledger.tallies()) {
        for (const [state, count] of Object.entries(lifetimes)) yield {policy, state, count};
      }
    },
    *findings() {
      for (const [policy, {reasons}] of world.ledger.tallies()) {
        for (const [reason, count] of reasons) yield {policy, reason, count};
      }
    },
    *enforced() {
      if (!leading()) return;
      for (const {key} of world.policies.values())
        yield {policy: key, count: world.enforcement.get(key)?.status === 'True' ? 1 : 0};
    },
    *cached() {
      yield {resource: 'leasepolicies', count: world.policies.size};
      yield {resource: 'leaseregistries', count: world.registries.size};
      yield {resource: 'namespaces', count: world.namespaces.size};
      yield {resource: 'leases', count: world.leases.size};
      for (const {resource, store} of world.sources.values()) yield {resource, count: store.size};
      for (const [kind, store] of Object.entries(world.rendered.stores))
        yield {resource: RENDERED_KINDS[kind as RenderedKind].plural, count: store.size};
    },
    queueLength: () => queue.length,
    leading,
  };
}
