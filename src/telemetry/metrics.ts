/** Prometheus metrics; labels are policies, classes, states and reasons, so their number is bounded. */
import {Counter, collectDefaultMetrics, Gauge, Histogram, Registry} from 'prom-client';

const PREFIX = 'leasepolicy_';

type Labels = {[name in 'policy' | 'subjects' | 'class' | 'state' | 'reason' | 'resource']?: string};

/** Where gauges are read from at the moment of a scrape. */
export type MetricSources = {
  leases: () => Iterable<{policy: string; class: string; state: string; count: number}>;
  /** Seconds. */
  renewAges: () => Iterable<{policy: string; class: string; count: number}>;
  leaderless: () => Iterable<{policy: string; class: string; count: number}>;
  /** 1 for a policy whose collection waits for a human. */
  stopped: () => Iterable<{policy: string; count: number}>;
  findings: () => Iterable<{policy: string; reason: string; count: number}>;
  /** 1 for a policy that is wholly enforced, else 0. */
  enforced: () => Iterable<{policy: string; count: number}>;
  /** 1 for a policy in force and what it is about. */
  policyInfo: () => Iterable<{policy: string; subjects: string; count: number}>;
  queueLength: () => number;
  leading: () => boolean;
  cached: () => Iterable<{resource: string; count: number}>;
};

export class Metrics {
  readonly registry = new Registry();
  readonly actions = this.#counter('actions_total', 'Actions carried out.', ['action']);
  readonly deletesPrevented = this.#counter(
    'deletes_prevented_total',
    'Leases that were judged garbage and kept, as a live read or a precondition showed that they are none.',
    ['by'],
  );
  readonly failures = this.#counter('reconcile_failures_total', 'Reconciliations that are tried again.', [
    'controller',
    'reason',
  ]);
  readonly eventsDropped = this.#counter('events_dropped_total', 'Kubernetes Events that were not sent.', []);
  readonly watchEvents = this.#counter('watch_events_total', 'Changes that watches delivered.', [
    'resource',
    'type',
  ]);
  readonly lists = this.#counter('lists_total', 'Complete lists of a resource.', ['resource']);
  readonly watchProblems = this.#counter('watch_problems_total', 'Lists and watches that failed.', [
    'resource',
  ]);
  readonly leaseWrites = this.#counter(
    'lease_writes_total',
    'Writes of Leases that were seen; of a polled heartbeat one for each poll at most.',
    ['policy', 'class'],
  );
  readonly transitions = this.#counter('transitions_total', 'Changes of a holder that were seen.', [
    'policy',
    'class',
  ]);
  readonly terms = this.#counter('leader_terms_total', 'Terms that this process has led.', []);
  readonly requests = new Histogram({
    name: `${PREFIX}request_seconds`,
    help: 'Requests to the API server.',
    labelNames: ['verb', 'status'],
    buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [this.registry],
  });
  readonly reconciles = new Histogram({
    name: `${PREFIX}reconcile_seconds`,
    help: 'Reconciliations of one key.',
    labelNames: ['controller'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [this.registry],
  });

  /** Makes the gauges, which ask their sources when they are scraped. */
  observe(sources: MetricSources): void {
    collectDefaultMetrics({register: this.registry});
    const ofClass = ['policy', 'class'];
    this.#gauge('leases', 'Leases by policy, class and state.', [...ofClass, 'state'], sources.leases);
    this.#gauge(
      'renew_age_seconds',
      'The longest time without a renewal of those with a holder.',
      ofClass,
      sources.renewAges,
    );
    this.#gauge(
      'leaderless_seconds',
      'The longest time for which nobody has led, of elections that were once held.',
      ofClass,
      sources.leaderless,
    );
    this.#gauge(
      'collection_stopped',
      '1 while maxPercent keeps a policy from collecting.',
      ['policy'],
      sources.stopped,
    );
    this.#gauge('findings', 'Findings by policy and reason.', ['policy', 'reason'], sources.findings);
    this.#gauge('enforced', '1 while the API server enforces all of a policy.', ['policy'], sources.enforced);
    this.#gauge(
      'policy_info',
      'Always 1; what a policy in force is about.',
      ['policy', 'subjects'],
      sources.policyInfo,
    );
    this.#gauge('cached_objects', 'Objects in the caches.', ['resource'], sources.cached);
    this.#gauge('queue_length', 'Keys that are due or running.', [], () => [{count: sources.queueLength()}]);
    this.#gauge('leader', '1 while this process leads.', [], () => [{count: sources.leading() ? 1 : 0}]);
  }

  #counter(name: string, help: string, labelNames: string[]): Counter {
    return new Counter({name: `${PREFIX}${name}`, help, labelNames, registers: [this.registry]});
  }

  #gauge(
    name: string,
    help: string,
    labelNames: string[],
    read: () => Iterable<{count: number} & Labels>,
  ): void {
    new Gauge({
      name: `${PREFIX}${name}`,
      help,
      labelNames,
      registers: [this.registry],
      collect() {
        this.reset();
        for (const {count, ...labels} of read()) this.set(labels, count);
      },
    });
  }
}
