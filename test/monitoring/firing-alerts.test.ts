/** What the helper of the end-to-end tests says of text that was scraped. */
import test from 'ava';
import type {MetricSources} from '../../src/telemetry/metrics.ts';
import {firingAlerts} from '../support/promtool.ts';
import {metricsOf} from './registry.ts';

const textOf = (sources: Partial<MetricSources> = {}) => metricsOf(sources).registry.metrics();
const found = (...reasons: string[]): Partial<MetricSources> => ({
  findings: () => reasons.map(reason => ({policy: 'payments', reason, count: 2})),
});

test('a healthy leader and its standby fire nothing', async t => {
  const standby = {leading: () => false, leases: () => [], findings: () => [], enforced: () => []};
  const texts = [
    {atSeconds: 0, text: await textOf()},
    {atSeconds: 0, text: await textOf(standby), instance: 'standby'},
  ];
  t.deepEqual(await firingAlerts(texts), []);
});

test('what lasts fires, sorted by name', async t => {
  const text = await textOf({...found('Leaderless', 'FutureRenewTime'), leading: () => false});
  t.deepEqual(await firingAlerts([{atSeconds: 7, text}]), [
    'LeaseClockWrong',
    'LeasePolicyNotLeading',
    'LeaseWorkloadLeaderless',
  ]);
});

test('what has passed by the last text does not fire', async t => {
  const texts = [
    {atSeconds: 600, text: await textOf()},
    {atSeconds: 0, text: await textOf(found('Flapping'))},
  ];
  t.deepEqual(await firingAlerts(texts), []);
});

test('a process without text is one that is down', async t => {
  t.deepEqual(await firingAlerts([{atSeconds: 0, text: ''}]), ['LeasePolicyDown']);
});

test('text that promtool does not take is an error and no silence', async t => {
  await t.throwsAsync(firingAlerts([{atSeconds: 0, text: 'leasepolicy_leader{x=} 1\n'}]), {message: /parse/});
});
