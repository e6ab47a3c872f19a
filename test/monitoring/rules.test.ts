/** The rules and the dashboard are valid, say what to do, and rest on metrics that there are. */
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {ROOT} from '../../dev/programs.ts';
import {FINDING_REASONS} from '../../src/core/lease/finding.ts';
import {promtool, RULES} from '../support/promtool.ts';
import {knownNames, metricsOf} from './registry.ts';
import {alerts, rules} from './rules.ts';

type Panel = {
  id: number;
  type: string;
  title: string;
  description?: string;
  gridPos: {x: number; y: number; w: number; h: number};
  targets?: {refId: string; expr: string}[];
};
type Variable = {name: string; definition?: string};
type Dashboard = {uid: string; title: string; panels: Panel[]; templating: {list: Variable[]}};

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const dashboard = JSON.parse(read('config/monitoring/dashboard.json')) as Dashboard;
const panels = dashboard.panels.filter(({type}) => type !== 'row');
const targets = panels.flatMap(panel => panel.targets ?? []);

/** What Grafana puts in the place of its variables. */
const filled = (expr: string) => expr.replaceAll('$__rate_interval', '2m').replaceAll('$policy', '.*');

/** The names of metrics in PromQL, without strings and what rules record. */
function namesIn(text: string): string[] {
  const bare = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').replaceAll(/[\w:]*:[\w:]*/g, '');
  return bare.match(/\b(leasepolicy|process|nodejs)_\w+/g) ?? [];
}

/** The queries in an annotation's template. */
const queriesIn = (text: string) =>
  [...text.matchAll(/query "((?:[^"\\]|\\.)*)"/g)].map(([, query = '']) => query.replaceAll('\\"', '"'));

const ruleQueries = rules.flatMap(({expr, annotations = {}}) => [
  expr,
  ...Object.values(annotations).flatMap(queriesIn),
]);

/** Whether promtool understands the expression; it says why not. */
async function refusal(expr: string): Promise<string> {
  const {code, stderr} = await promtool(['--experimental', 'promql', 'format', expr]);
  return code === 0 ? '' : stderr;
}

test('Prometheus accepts the rules', async t => {
  const {code, stdout, stderr} = await promtool(['check', 'rules', '--lint=all', '--lint-fatal', RULES]);
  t.is(code, 0, stdout + stderr);
});

test('Prometheus accepts each query in a template and in the dashboard', async t => {
  const queries = [...new Set([...ruleQueries, ...targets.map(({expr}) => filled(expr))])];
  t.true(queries.length > 60);
  for (const query of queries) t.is(await refusal(query), '', query);
  t.not(await refusal('sum by (x'), '', 'what is wrong is seen');
});

test('each metric of the rules and of the dashboard is one that the operator has', async t => {
  const known = await knownNames();
  const variables = dashboard.templating.list.map(({definition = ''}) => definition);
  const texts = [...ruleQueries, ...targets.map(({expr}) => expr), ...variables];
  const asked = [...new Set(texts.flatMap(namesIn))].sort();
  t.true(asked.length > 15);
  t.deepEqual(
    asked.filter(name => !known.has(name)),
    [],
  );
});

test('each series that a rule asks for by a recorded name is recorded', t => {
  const recorded = new Set(rules.map(({record}) => record));
  const asked = ruleQueries.flatMap(query => query.match(/\b\w+:\w+:\w+\b/g) ?? []);
  t.deepEqual(
    asked.filter(name => !recorded.has(name)),
    [],
  );
  t.deepEqual(
    [...recorded].filter(name => name !== undefined && !asked.includes(name)),
    [],
    'none is recorded for nothing',
  );
});

test('each alert waits, has a severity and says in one sentence what to do', t => {
  t.is(new Set(alerts.map(({alert}) => alert)).size, alerts.length);
  for (const {alert, forMinutes, severity, annotations} of alerts) {
    t.true(forMinutes >= 5 && forMinutes <= 15, `${alert} waits longer than a last word counts`);
    t.regex(severity, /^(critical|warning|info)$/, alert);
    t.regex(annotations.summary ?? '', /^[A-Z{].{15,100}\.$/, alert);
    t.regex(
      annotations.description ?? '',
      /^[A-Z{][^.]*(\.[a-zA-Z][^.]*)*: .{20,}\.$/,
      `${alert}: one sentence`,
    );
    t.is(annotations.runbook, `docs/operations.md, section Alerts, ${alert}`);
  }
});

test('what rests on the Leases goes on without data while the leader changes', t => {
  const ofLeases = rules.filter(({alert, expr}) => alert !== undefined && expr.includes(':leasepolicy_'));
  t.true(ofLeases.length > 10);
  for (const {alert, keep_firing_for} of ofLeases) t.is(keep_firing_for, '5m', alert);
});

test('the documentation has each alert and each metric', async t => {
  const text = read('docs/operations.md');
  const rows = [...text.matchAll(/^\| (.+?) \|/gm)].map(([, cell = '']) => cell);
  for (const {alert, severity} of alerts)
    t.true(text.includes(`| \`${alert}\` | ${severity} |`), `${alert} is in the table`);
  const documented = rows.flatMap(cell => [...cell.matchAll(/`([A-Z]\w+)`/g)].map(([, name]) => name));
  const alertNames = new Set(alerts.map(({alert}) => alert));
  const strangers = documented.filter(name => /^Lease[A-Z]/.test(name ?? '') && !alertNames.has(name ?? ''));
  t.deepEqual(strangers, []);
  const families = await metricsOf().registry.getMetricsAsJSON();
  const ours = families.map(({name}) => name).filter(name => name.startsWith('leasepolicy_'));
  for (const name of ours)
    t.true(
      rows.some(cell => cell.includes(`\`${name}\``)),
      `${name} is in the table`,
    );
});

test('the documentation tells how many series there are for each controller', t => {
  const files = readdirSync(path.join(ROOT, 'src/controllers')).map(file => read(`src/controllers/${file}`));
  const {length} = files.filter(text => /^export const \w+: Controller<\w+> =/m.test(text));
  const text = read('docs/operations.md');
  const row = (metric: string) =>
    new RegExp(`^\\| \`leasepolicy_${metric}\` .*\\| (\\d+) x [^|]+\\|$`, 'm').exec(text)?.[1];
  t.is(row('reconcile_seconds'), `${length}`);
  t.is(row('reconcile_failures_total'), `${length}`);
});

test('the documentation tells how many findings there are', t => {
  t.regex(read('docs/operations.md'), new RegExp(`P x ${FINDING_REASONS.length} \\|`));
});

test('the metrics are as Prometheus wants them', async t => {
  const text = await metricsOf().registry.metrics();
  const {code, stdout, stderr} = await promtool(['check', 'metrics'], text);
  t.true(code === 0 || code === 3, stderr); // 3 is for style: the metrics of Node.js itself have none
  const complaints = `${stdout}${stderr}`.split('\n').filter(line => line.startsWith('leasepolicy_'));
  t.deepEqual(complaints, []);
  const {code: broken} = await promtool(['check', 'metrics'], 'leasepolicy_leases{state="held} 1\n');
  t.is(broken, 1, 'what is wrong is seen');
});

test('the dashboard shows each panel once, in its place, from the data source that was chosen', t => {
  const ids = dashboard.panels.map(({id}) => id);
  t.is(new Set(ids).size, ids.length);
  t.is(dashboard.uid, 'leasepolicy');
  for (const {title, description, targets: queries = []} of panels) {
    t.regex(description ?? '', /\.$/, `${title} says what it shows`);
    t.true(queries.length > 0, title);
    t.is(new Set(queries.map(({refId}) => refId)).size, queries.length, title);
  }
  const sources = JSON.stringify(dashboard).match(/"uid":"(?!leasepolicy")[^"]*"/g) ?? [];
  t.deepEqual([...new Set(sources)], [`"uid":"\${datasource}"`]);
});

test('no two panels of the dashboard overlap', t => {
  const cells = dashboard.panels.flatMap(({gridPos: {x, y, w, h}}) => {
    t.true(x + w <= 24);
    return Array.from({length: w * h}, (_, index) => `${x + (index % w)}/${y + Math.floor(index / w)}`);
  });
  t.is(new Set(cells).size, cells.length);
});
