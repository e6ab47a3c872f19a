/** The series of an operator's replicas over hours and days, as Prometheus would scrape them. */
import {type Series, withLabel} from '../support/promtool.ts';

/** A replica, and the minutes in which it runs. */
export type Replica = {instance: string; from: number; to: number};

/** What a replica says. A gauge is the value at a minute, a counter what it rises by per minute; undefined is silence. */
export type Reading = {
  series: string;
  type?: 'gauge' | 'counter';
  /** The leader, the replicas that run, or once per change of leader. */
  by?: 'leader' | 'replica';
  at: (minute: number) => number | undefined;
};

export type Scenario = {
  minutes: number;
  stepSeconds?: number;
  replicas: readonly Replica[];
  leads: (instance: string, minute: number) => boolean;
  readings: readonly Reading[];
};

/** The series of every replica; silence after a value is marked as Prometheus does it. */
export function seriesOf({minutes, stepSeconds = 30, replicas, leads, readings}: Scenario): Series[] {
  const steps = Array.from(
    {length: (minutes * 60) / stepSeconds + 1},
    (_, step) => (step * stepSeconds) / 60,
  );
  return replicas.flatMap(replica => {
    const runs = (minute: number) => minute >= replica.from && minute < replica.to;
    const leading = (minute: number) => runs(minute) && leads(replica.instance, minute);
    const values = (reading: Reading) => {
      const speaks = reading.by === 'replica' ? runs : leading;
      return reading.type === 'counter'
        ? counted(steps, reading, runs, speaks, stepSeconds / 60)
        : steps.map(minute => (speaks(minute) ? reading.at(minute) : undefined));
    };
    return [...readings, ...leadership(leading, stepSeconds / 60)].map(reading => ({
      series: withLabel(reading.series, `instance="${replica.instance}"`),
      values: notation(values(reading)),
    }));
  });
}

/** The gauge and the counter that tell of the leader. */
function leadership(leading: (minute: number) => boolean, stepMinutes: number): Reading[] {
  const begins = (minute: number) => leading(minute) && !leading(minute - stepMinutes);
  return [
    {series: 'leasepolicy_leader', by: 'replica', at: minute => (leading(minute) ? 1 : 0)},
    {
      series: 'leasepolicy_leader_terms_total',
      type: 'counter',
      by: 'replica',
      at: minute => (begins(minute) ? 1 / stepMinutes : 0),
    },
  ];
}

/** A counter stays where it is while its process does not count, and is gone with the process. */
function counted(
  steps: readonly number[],
  {at}: Reading,
  runs: (minute: number) => boolean,
  counts: (minute: number) => boolean,
  stepMinutes: number,
): (number | undefined)[] {
  let sum = 0;
  return steps.map(minute => {
    if (!runs(minute)) {
      sum = 0;
      return undefined;
    }
    if (counts(minute)) sum += (at(minute) ?? 0) * stepMinutes;
    return sum;
  });
}

/** Runs of one value are written as one. */
function notation(values: readonly (number | undefined)[]): string {
  const words: string[] = [];
  for (let start = 0, end = 0; start < values.length; start = end) {
    const value = values[start];
    while (end < values.length && values[end] === value) end += 1;
    words.push(...(value === undefined ? silence(end - start, start > 0) : [run(`${value}`, end - start)]));
  }
  return words.join(' ');
}

const run = (value: string, count: number) => (count === 1 ? value : `${value}x${count - 1}`);

function silence(count: number, afterValue: boolean): string[] {
  if (!afterValue) return [`_x${count}`];
  return count > 1 ? ['stale', `_x${count - 1}`] : ['stale'];
}

/** A reading that has this value in [from, to) and another one, 0 if not given, outside. */
export const between = (from: number, to: number, value: number, outside: number | undefined = 0) => {
  return (minute: number) => (minute >= from && minute < to ? value : outside);
};

/** A reading that has this value for some minutes at the end of each period, and 0 before. */
const blip = (everyMinutes: number, lastMinutes: number, value = 1) => {
  return (minute: number) => (minute % everyMinutes >= everyMinutes - lastMinutes ? value : 0);
};

const always = (value: number) => () => value;

export const finding = (policy: string, reason: string, at: Reading['at']): Reading => ({
  series: `leasepolicy_findings{policy="${policy}",reason="${reason}"}`,
  at,
});

/** What a policy is about: Workload, Node, APIServer or Component. */
export const about = (policy: string, subjects: string): Reading => ({
  series: `leasepolicy_policy_info{policy="${policy}",subjects="${subjects}"}`,
  at: always(1),
});

const leases = (policy: string, leaseClass: string, state: string, count: number): Reading => ({
  series: `leasepolicy_leases{policy="${policy}",class="${leaseClass}",state="${state}"}`,
  at: always(count),
});

const perClass = (metric: string, policy: string, leaseClass: string, at: Reading['at']): Reading => ({
  series: `leasepolicy_${metric}{policy="${policy}",class="${leaseClass}"}`,
  ...(metric.endsWith('_total') ? {type: 'counter' as const} : {}),
  at,
});

/**
 * A cluster in which nothing is wrong: with the Leases that uninstalled software has left, a workload at zero replicas,
 * findings that an admin lives with, and what comes and goes by itself within minutes.
 */
export const HEALTHY: readonly Reading[] = [
  about('payments', 'Workload'),
  about('control-plane', 'Component'),
  about('nodes', 'Node'),
  leases('payments', 'leader-election', 'held', 40),
  leases('payments', 'leader-election', 'orphaned', 3),
  leases('control-plane', 'leader-election', 'held', 2),
  leases('nodes', 'node-heartbeat', 'held', 5),
  leases('', 'leader-election', 'expired', 7),
  leases('', 'unknown', 'unknown', 3),
  perClass('renew_age_seconds', 'nodes', 'node-heartbeat', blip(7, 1, 12)),
  perClass('renew_age_seconds', '', 'leader-election', always(8_000_000)),
  perClass('leaderless_seconds', 'payments', 'leader-election', minute => minute * 60),
  perClass('leaderless_seconds', 'control-plane', 'leader-election', blip(480, 1, 20)),
  perClass('leaderless_seconds', '', 'leader-election', always(8_000_000)),
  perClass('transitions_total', 'payments', 'leader-election', blip(60, 1, 3)),
  perClass('lease_writes_total', 'nodes', 'node-heartbeat', always(30)),
  finding('payments', 'OrphanedLease', always(3)),
  finding('payments', 'MisnamedLease', always(2)),
  finding('payments', 'DurationOutOfRange', always(1)),
  finding('payments', 'NotInjected', always(1)),
  finding('payments', 'MissingLease', blip(97, 1)),
  finding('payments', 'Leaderless', blip(61, 1)),
  finding('control-plane', 'Leaderless', blip(480, 1)),
  finding('nodes', 'StaleHeartbeat', blip(240, 1)),
  {series: 'leasepolicy_enforced{policy="payments"}', at: minute => 1 - blip(180, 2)(minute)},
  {series: 'leasepolicy_enforced{policy="nodes"}', at: always(1)},
  {series: 'leasepolicy_collection_stopped{policy="payments"}', at: always(0)},
  {
    series: 'leasepolicy_actions_total{action="collectLease"}',
    type: 'counter',
    at: blip(120, 1, 5),
  },
  {
    series: 'leasepolicy_reconcile_failures_total{controller="lease",reason="Conflict"}',
    type: 'counter',
    at: always(1),
  },
  {
    series: 'leasepolicy_reconcile_failures_total{controller="lease",reason="ServiceUnavailable"}',
    type: 'counter',
    at: blip(90, 1, 4),
  },
  {
    series: 'leasepolicy_watch_problems_total{resource="leases"}',
    type: 'counter',
    by: 'replica',
    at: blip(90, 1),
  },
  {series: 'leasepolicy_queue_length', by: 'replica', at: blip(60, 1, 5000)},
];

/** The replicas that most scenarios have. */
export const [A, B] = ['10.0.0.1:8080', '10.0.0.2:8080'] as const;

/** A leads; at the minute it crashes, and B leads 90 seconds later. */
export const handOverAt = (minute: number) => (instance: string, now: number) =>
  instance === A ? now < minute : now >= minute + 1.5;
