/** Nothing fires in a cluster where nothing is wrong, however often the leader changes. */
import test from 'ava';
import {testRules} from '../support/promtool.ts';
import {A, B, HEALTHY, type Replica, seriesOf} from './scenario.ts';

const DAYS = 30;
const ROLLOUT_MINUTES = 2;
const DAY = 24 * 60;

/** Each second day the replicas are replaced, one after the other. */
const generations = Array.from({length: DAYS / 2}, (_, index) => index);
const replicas: Replica[] = generations.flatMap(index => {
  const [from, to] = [index * 2 * DAY, (index + 1) * 2 * DAY];
  return [
    {instance: `${A}-${index}`, from, to},
    {instance: `${B}-${index}`, from: Math.max(0, from - ROLLOUT_MINUTES), to: to - ROLLOUT_MINUTES},
  ];
});

/** Each hour the other one leads; at a crash nobody does for a minute and a half. */
function leads(instance: string, minute: number): boolean {
  const hour = Math.floor(minute / 60);
  if (hour % 3 === 0 && minute % 60 < 1.5) return false;
  const generation = Math.floor(minute / (2 * DAY));
  const lastMinutes = minute % (2 * DAY) >= 2 * DAY - ROLLOUT_MINUTES;
  const turn = lastMinutes || hour % 2 === 0 ? A : B;
  return instance === `${turn}-${generation}`;
}

test('thirty days with a change of leader each hour and a rollout each second day are quiet', async t => {
  t.timeout(300_000);
  const series = seriesOf({minutes: DAYS * DAY, stepSeconds: 60, replicas, leads, readings: HEALTHY});
  // The last minute in which the last replicas run.
  const atSeconds = (DAYS * DAY - ROLLOUT_MINUTES - 1) * 60;
  const quiet = {
    atSeconds,
    expr: `sum(count_over_time(ALERTS{alertstate="firing"}[${DAYS}d]))`,
    samples: [],
  };
  // The rules had something to look at all the time; every six hours, as promtool's queries are bounded.
  const looked = {
    atSeconds,
    expr: `count_over_time(leasepolicy:leaders:count[${DAYS}d:6h])`,
    samples: [{labels: '{}', value: DAYS * 4}],
  };
  t.is(await testRules(series, [quiet, looked], 60), '');
});
