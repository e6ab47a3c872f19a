/** The metrics that the operator has: those of a real registry, with something in each of them. */
import {type MetricSources, Metrics} from '../../src/telemetry/metrics.ts';

const ELECTION = {policy: 'payments', class: 'leader-election'};

const SOURCES: MetricSources = {
  leases: () => [{...ELECTION, state: 'held', count: 40}],
  renewAges: () => [{...ELECTION, count: 2}],
  leaderless: () => [{...ELECTION, count: 0}],
  stopped: () => [{policy: 'payments', count: 0}],
  findings: () => [{policy: 'payments', reason: 'MissingLease', count: 0}],
  enforced: () => [{policy: 'payments', count: 1}],
  policyInfo: () => [{policy: 'payments', subjects: 'Workload', count: 1}],
  cached: () => [{resource: 'leases', count: 40}],
  queueLength: () => 0,
  leading: () => true,
};

/** The metrics of a leader; the sources that are given take the place of the healthy ones. */
export function metricsOf(sources: Partial<MetricSources> = {}): Metrics {
  const metrics = new Metrics();
  metrics.observe({...SOURCES, ...sources});
  metrics.actions.inc({action: 'createLease'});
  metrics.failures.inc({controller: 'lease', reason: 'Conflict'});
  metrics.terms.inc();
  metrics.leaseWrites.inc(ELECTION);
  metrics.transitions.inc(ELECTION);
  metrics.requests.observe({verb: 'GET', status: '200'}, 0.01);
  metrics.reconciles.observe({controller: 'lease'}, 0.001);
  return metrics;
}

/** The names by which PromQL may ask for them; a histogram has three. */
export async function knownNames(): Promise<Set<string>> {
  const {registry} = metricsOf();
  const families = await registry.getMetricsAsJSON();
  const names = families.flatMap(({name, type}) =>
    `${type}` === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  );
  return new Set(names);
}
