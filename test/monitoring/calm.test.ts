/** Nothing fires in a cluster where nothing is wrong, however often the leader changes. */
import test from 'ava';
import {testRules} from '../support/promtool.ts';
import {A, B, HEALTHY, type Replica, seriesOf} from './scenario.ts';

const DAYS = 10;
const ROLLOUT_MINUTES = 2;
const DAY = 24 * 60;
/** As many changes and rollouts as a month has with one each hour and each second day, in a third of the time. */
const TURN = 20;
const GENERATION = 16 * 60;

/** The replicas are replaced now and then, one after the other. */
const generations = Array.from({length: (DAYS * DAY) / GENERATION}, (_, index) => index);
const replicas: Replica[] = generations.flatMap(index => {
  const [from, to] = [index * GENERATION, (index + 1) * GENERATION];
  return [
    {instance: `${A}-${index}`, from, to},
    {instance: `${B}-${index}`, from: Math.max(0, from - ROLLOUT_MINUTES), to: to - ROLLOUT_MINUTES},
  ];
});

/** At each turn the other one leads; at a crash nobody does for a minute and a half. */
function leads(instance: string, minute: number): boolean {
  const turn = Math.floor(minute / TURN);
  if (turn % 3 === 0 && minute % TURN < 1.5) return false;
  const generation = Math.floor(minute / GENERATION);
  const lastMinutes = minute % GENERATION >= GENERATION - ROLLOUT_MINUTES;
  const leader = lastMinutes || turn % 2 === 0 ? A : B;
  return instance === `${leader}-${generation}`;
}

test('720 changes of the leader and fifteen rollouts in ten days are quiet', async t => {
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
