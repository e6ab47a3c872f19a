/** Each alert fires once for its fault, and for no other, in spite of a change of leader meanwhile. */
import test from 'ava';
import {onlyFiringAt, quietAt, sentAlert, testRules} from '../support/promtool.ts';
import {type Alert, alerts} from './rules.ts';
import {
  A,
  about,
  B,
  between,
  finding,
  HEALTHY,
  handOverAt,
  type Reading,
  type Scenario,
  seriesOf,
} from './scenario.ts';

const [FAULT, CHANGE, MENDED, END] = [30, 60, 90, 180];
/** The last scrape that still sees the fault. */
const LAST = MENDED - 0.5;
const during = (value: number, outside: number | undefined = 0) => between(FAULT, MENDED, value, outside);

type Case = Partial<Pick<Scenario, 'replicas' | 'leads'>> & {
  alert: string;
  title?: string;
  readings?: readonly Reading[];
  /** Minutes from the fault to the condition, and from its end to that of the condition. */
  shows?: number;
  lasts?: number;
};

/** Two policies see the same fault. */
const found = (
  alert: string,
  reason: string,
  policies = ['payments', 'orders'],
  subjects = 'Workload',
): Case => ({
  alert,
  title: `${alert} fires once for ${reason}`,
  readings: policies.flatMap(policy => [about(policy, subjects), finding(policy, reason, during(1))]),
});

const counter = (series: string, perMinute: number, by: Reading['by'] = 'leader'): Reading => ({
  series: `leasepolicy_${series}`,
  type: 'counter',
  by,
  at: during(perMinute),
});

const BOTH = [
  {instance: A, from: 0, to: Number.POSITIVE_INFINITY},
  {instance: B, from: 0, to: Number.POSITIVE_INFINITY},
];
const isFault = (minute: number) => minute >= FAULT && minute < MENDED;

const CASES: readonly Case[] = [
  {
    alert: 'LeasePolicyDown',
    replicas: [
      {instance: A, from: 0, to: FAULT},
      {instance: B, from: 0, to: FAULT},
      {instance: '10.0.0.3:8080', from: MENDED, to: Number.POSITIVE_INFINITY},
    ],
    leads: instance => instance !== B,
  },
  {alert: 'LeasePolicyNotLeading', leads: (instance, minute) => instance === A && !isFault(minute)},
  {alert: 'LeasePolicyTwoLeaders', leads: (instance, minute) => instance === A || isFault(minute)},
  {
    alert: 'LeasePolicyLeadershipUnstable',
    // Every four minutes the other one.
    leads: (instance, minute) => (instance === B) === (isFault(minute) && Math.floor(minute / 4) % 2 === 0),
    shows: 25,
    lasts: 55,
  },
  {
    alert: 'LeasePolicyReconcileFailing',
    readings: [
      counter('reconcile_failures_total{controller="admission",reason="Forbidden"}', 1),
      counter('reconcile_failures_total{controller="access",reason="Forbidden"}', 1),
    ],
    lasts: 5,
  },
  {
    alert: 'LeasePolicyWatchFailing',
    readings: [
      counter('watch_problems_total{resource="deployments"}', 2, 'replica'),
      counter('watch_problems_total{resource="leaseregistries"}', 2, 'replica'),
    ],
    lasts: 5,
  },
  {
    alert: 'LeasePolicyFallingBehind',
    readings: [{series: 'leasepolicy_queue_length', by: 'replica', at: during(4000, 2)}],
  },
  {
    alert: 'LeasePolicyNotEnforced',
    readings: ['orders', 'payments-api'].map(policy => ({
      series: `leasepolicy_enforced{policy="${policy}"}`,
      at: during(0, 1),
    })),
  },
  {
    alert: 'LeasePolicyCollectionStopped',
    readings: ['orders', 'payments-api'].map(policy => ({
      series: `leasepolicy_collection_stopped{policy="${policy}"}`,
      at: during(1),
    })),
  },
  {
    alert: 'LeasePolicyDeletionsUnusual',
    readings: [counter('actions_total{action="collectLease"}', 3)],
    shows: 10,
    lasts: 60,
  },
  ...['MissingLease', 'NameCollision', 'NameTooLong', 'InvalidName', 'NamespaceMissing'].map(reason =>
    found('LeasePolicySubjectWithoutLease', reason),
  ),
  found('LeasePolicyExemptionEnding', 'ExemptionEnding'),
  found('LeaseHeartbeatStale', 'StaleHeartbeat', ['nodes', 'all-nodes'], 'Node'),
  found('LeaseControlPlaneLeaderless', 'Leaderless', ['control-plane', 'always-led'], 'Component'),
  {
    alert: 'LeaseControlPlaneLeaderless',
    title: 'LeaseControlPlaneLeaderless fires once by the time without a leader',
    readings: [
      about('always-led', 'Component'),
      {
        series: 'leasepolicy_leaderless_seconds{policy="always-led",class="leader-election"}',
        at: minute => (isFault(minute) ? (minute - FAULT) * 60 : 0),
      },
    ],
    shows: 2,
  },
  // What a policy is called says nothing.
  found('LeaseWorkloadLeaderless', 'Leaderless', ['payments', 'kube-apps']),
  found('LeaseContested', 'ContestedLease'),
  found('LeaseContested', 'SharedElectionID'),
  found('LeaseFlapping', 'Flapping'),
  found('LeaseForeignHolder', 'ForeignHolder'),
  found('LeaseIdentityMismatch', 'IdentityMismatch'),
  found('LeaseIdentityMismatch', 'ReservedName'),
  found('LeaseClockWrong', 'FutureRenewTime'),
  found('LeaseHazardousOwner', 'HazardousOwner'),
  found('LeaseOwnerMissing', 'MissingOwner', ['nodes', 'all-nodes'], 'Node'),
  found('LeaseCandidateMissing', 'PreferredHolderMissing'),
  found('LeaseCandidateMissing', 'OrphanedCandidate'),
];

/** The readings of a case take the place of healthy ones of the same series. */
function scenarioOf({replicas = BOTH, leads = handOverAt(CHANGE), readings = []}: Case): Scenario {
  const replaced = new Set(readings.map(({series}) => series));
  const healthy = HEALTHY.filter(({series}) => !replaced.has(series));
  return {minutes: END, replicas, leads, readings: [...healthy, ...readings]};
}

function* halfMinutes(from: number, to: number): Generator<number> {
  for (let seconds = from * 60; seconds <= to * 60; seconds += 30) yield seconds;
}

/** Silence before, the alert without a gap until the fault is mended, and silence after. */
function expectations({shows = 0, lasts = 0}: Case, {alert, forMinutes, severity}: Alert) {
  const fires = FAULT + forMinutes;
  return [
    ...halfMinutes(1, fires - 1).map(quietAt),
    ...halfMinutes(fires + shows + 2, LAST).map(seconds => onlyFiringAt(seconds, alert, severity)),
    ...halfMinutes(MENDED + lasts + 10, END).map(quietAt),
  ];
}

for (const each of CASES) {
  test(each.title ?? `${each.alert} fires once`, async t => {
    const alert = alerts.find(({alert: name}) => name === each.alert);
    if (!alert) return t.fail(`no rule for ${each.alert}`);
    const series = seriesOf(scenarioOf(each));
    t.is(await testRules(series, expectations(each, alert)), '');
    const sent = await sentAlert(series, LAST * 60, each.alert);
    t.regex(sent, new RegExp(`alertname="${each.alert}"`));
    t.notRegex(sent, /error expanding|<no value>|%!/);
    for (const name of namesIn(each.readings ?? [])) t.regex(sent, new RegExp(`[" ]${name}[",\\\\ ]`));
  });
}

/** Those that an alert must name: policies, controllers, watched resources. */
function namesIn(readings: readonly Reading[]): string[] {
  return readings.flatMap(({series}) => /\b(?:policy|controller|resource)="([^"]+)"/.exec(series)?.[1] ?? []);
}

test('every alert has a case', t => {
  t.deepEqual([...new Set(CASES.map(each => each.alert))].sort(), alerts.map(({alert}) => alert).sort());
});

test('of one fault with several findings only the cause is told', async t => {
  const reasons = ['ContestedLease', 'SharedElectionID', 'Flapping', 'ForeignHolder'];
  const readings = reasons.map(reason => finding('payments', reason, during(1)));
  const scenario = scenarioOf({alert: 'LeaseContested', readings});
  const expected = halfMinutes(FAULT + 7, LAST).map(seconds =>
    onlyFiringAt(seconds, 'LeaseContested', 'warning'),
  );
  t.is(await testRules(seriesOf(scenario), [...expected, ...halfMinutes(MENDED + 10, END).map(quietAt)]), '');
});

test('an API server that is away is one alert: nobody leads', async t => {
  const readings = [counter('watch_problems_total{resource="leases"}', 2, 'replica')];
  const leads = (instance: string, minute: number) => instance === A && !isFault(minute);
  const scenario = scenarioOf({alert: 'LeasePolicyNotLeading', readings, leads});
  const expected = halfMinutes(FAULT + 7, LAST).map(seconds =>
    onlyFiringAt(seconds, 'LeasePolicyNotLeading', 'critical'),
  );
  t.is(await testRules(seriesOf(scenario), [...expected, ...halfMinutes(MENDED + 10, END).map(quietAt)]), '');
});

test('a Pod that is scraped twice makes no second leader', async t => {
  const series = seriesOf(scenarioOf({alert: 'LeasePolicyTwoLeaders'}));
  const twice = ['annotations', 'monitor'].flatMap(job =>
    series.map(each => ({...each, series: each.series.replace('{', `{job="${job}",`)})),
  );
  t.is(await testRules(twice, [...halfMinutes(0, END)].map(quietAt)), '');
});

test('what a former leader said in a bad moment raises no alarm', async t => {
  const moment = (value: number, outside: number) => between(CHANGE - 1, CHANGE, value, outside);
  const reasons = [
    'Leaderless',
    'StaleHeartbeat',
    'Flapping',
    'ContestedLease',
    'ForeignHolder',
    'MissingLease',
  ];
  const readings: Reading[] = [
    ...reasons.map(reason => finding('control-plane', reason, moment(1, 0))),
    {series: 'leasepolicy_enforced{policy="payments"}', at: moment(0, 1)},
    {series: 'leasepolicy_collection_stopped{policy="payments"}', at: moment(1, 0)},
  ];
  const scenario = scenarioOf({alert: '', readings});
  t.is(await testRules(seriesOf(scenario), [...halfMinutes(0, END)].map(quietAt)), '');
});

for (const [policy, reason, alert, severity] of [
  ['payments', 'Flapping', 'LeaseFlapping', 'warning'],
  ['control-plane', 'Leaderless', 'LeaseControlPlaneLeaderless', 'critical'],
] as const) {
  test(`a change of leader while ${alert} is pending does not delay it`, async t => {
    const readings = [finding(policy, reason, during(1))];
    const scenario = scenarioOf({alert, readings, leads: handOverAt(FAULT + 3)});
    const expected = halfMinutes(FAULT + 6, LAST).map(seconds => onlyFiringAt(seconds, alert, severity));
    t.is(await testRules(seriesOf(scenario), [...expected]), '');
  });
}

test('an alert goes on while nobody leads for four minutes', async t => {
  const readings = [finding('payments', 'Flapping', during(1))];
  const leads = (instance: string, minute: number) =>
    instance === A && (minute < CHANGE || minute >= CHANGE + 4);
  const expected = halfMinutes(FAULT + 7, LAST).map(seconds =>
    onlyFiringAt(seconds, 'LeaseFlapping', 'warning'),
  );
  const scenario = scenarioOf({alert: 'LeaseFlapping', readings, leads});
  t.is(await testRules(seriesOf(scenario), [...expected]), '');
});
