/** What Prometheus would make of metrics, by promtool and the rules in config/monitoring. */
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {type Finished, run} from '../../dev/controlplane/process.ts';
import {ROOT} from '../../dev/programs.ts';
import {ensurePromtool} from '../../dev/promtool/promtool.ts';

export const RULES = path.join(ROOT, 'config/monitoring/rules.yaml');
const STEP_SECONDS = 30;
/** Longer than any `for`, so that nothing is still pending at the end. */
const HELD_SECONDS = 30 * 60;
const FIRING = 'ALERTS{alertstate="firing"}';

/** A series in promtool's notation, such as `1+0x10 _x4 stale`, one value each 30 seconds. */
export type Series = {series: string; values: string};

/** What an expression must be at a time: one entry for each series. */
export type Expectation = {atSeconds: number; expr: string; samples: {labels: string; value: number}[]};

/** The text of /metrics of one process at a time; without an instance all texts are of one process. */
export type Scrape = {atSeconds: number; text: string; instance?: string};

export async function promtool(args: readonly string[], input?: string): Promise<Finished> {
  const program = await ensurePromtool();
  return run(program, args, {cwd: ROOT, ...(input === undefined ? {} : {input})});
}

/** Runs the rules over the series. Returns what is not as expected in promtool's words, or nothing. */
export function testRules(
  input: readonly Series[],
  expectations: readonly Expectation[],
  stepSeconds = STEP_SECONDS,
): Promise<string> {
  const promql = expectations.map(({atSeconds, expr, samples}) => ({
    expr,
    eval_time: `${atSeconds}s`,
    exp_samples: samples,
  }));
  return runTest({input_series: input, promql_expr_test: promql}, stepSeconds);
}

/** An alert's labels and annotations as they would be sent at this time, or nothing while it does not fire. */
export function sentAlert(input: readonly Series[], atSeconds: number, alert: string): Promise<string> {
  // What promtool did not expect it prints.
  const none = {alertname: alert, eval_time: `${atSeconds}s`, exp_alerts: []};
  return runTest({input_series: input, alert_rule_test: [none]}, STEP_SECONDS);
}

async function runTest(body: object, stepSeconds: number): Promise<string> {
  const interval = `${stepSeconds}s`;
  const tests = {rule_files: [RULES], evaluation_interval: interval, tests: [{interval, ...body}]};
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-rules-'));
  try {
    const file = path.join(folder, 'test.yaml');
    await writeFile(file, JSON.stringify(tests)); // JSON is YAML too
    const {code, stdout, stderr} = await promtool(['test', 'rules', file]);
    return code === 0 ? '' : `${stdout}${stderr}`.trim() || `promtool ended with ${code}`;
  } finally {
    await rm(folder, {recursive: true, force: true});
  }
}

/** No alert fires at this time. */
export const quietAt = (atSeconds: number): Expectation => ({atSeconds, expr: FIRING, samples: []});

/** This alert and no other fires at this time, once. */
export const onlyFiringAt = (atSeconds: number, alert: string, severity: string): Expectation => ({
  atSeconds,
  expr: FIRING,
  samples: [
    {
      labels: `ALERTS{alertname="${alert}",alertstate="firing",severity="${severity}"}`,
      value: 1,
    },
  ],
});

/**
 * The alerts that would fire, sorted, if each process said what it said until its next text, and after its last one
 * for another 30 minutes. Counters rise between texts only.
 */
export async function firingAlerts(metricsTexts: readonly Scrape[]): Promise<string[]> {
  const lastSeconds = Math.max(...metricsTexts.map(({atSeconds}) => atSeconds));
  const atSeconds = Math.ceil((lastSeconds + HELD_SECONDS) / STEP_SECONDS) * STEP_SECONDS;
  const answer = await testRules(inputSeries(metricsTexts, atSeconds), [quietAt(atSeconds)]);
  const names = [...answer.matchAll(/alertname="(\w+)"/g)].map(([, name = '']) => name);
  if (answer !== '' && names.length === 0) throw new Error(answer);
  return [...new Set(names)].sort();
}

/** The series of the texts, each with the instance that Prometheus would add. */
function inputSeries(scrapes: readonly Scrape[], untilSeconds: number): Series[] {
  const processes = Map.groupBy(scrapes, ({instance}) => instance ?? 'operator:8080');
  return [...processes].flatMap(([instance, texts]) => {
    const inTime = texts.toSorted((a, b) => a.atSeconds - b.atSeconds);
    const samples = inTime.map(({text}) => samplesOf(text));
    const names = new Set(samples.flatMap(each => [...each.keys()]));
    return [...names].map(name => ({
      series: withLabel(name, `instance="${instance}"`),
      values: held(inTime, samples, name, untilSeconds),
    }));
  });
}

/** One value for each step: nothing before the first text, and a series that a text lacks is at an end. */
function held(
  inTime: readonly Scrape[],
  samples: readonly ReadonlyMap<string, string>[],
  name: string,
  untilSeconds: number,
): string {
  const steps = (seconds: number) => Math.ceil(seconds / STEP_SECONDS);
  const before = steps(inTime[0]?.atSeconds ?? 0);
  const values = inTime.map(({atSeconds}, index) => {
    const count = steps(inTime[index + 1]?.atSeconds ?? untilSeconds + STEP_SECONDS) - steps(atSeconds);
    const value = samples[index]?.get(name) ?? 'stale';
    return count > 0 ? Array(count).fill(value).join(' ') : '';
  });
  return [...Array(before).fill('_'), ...values].filter(Boolean).join(' ');
}

/** The samples of our own metrics in a text, by name and labels. */
function samplesOf(text: string): Map<string, string> {
  const lines = text.matchAll(/^(leasepolicy_\w+(?:\{.*\})?) (\S+)$/gm);
  return new Map([...lines].map(([, name = '', value = '']) => [name, value]));
}

/** A series' name with one more label. */
export const withLabel = (name: string, label: string) =>
  name.includes('{') ? name.replace('{', `{${label},`) : `${name}{${label}}`;
