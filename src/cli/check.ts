/** Lints manifests without a cluster: Leases, the rights on them, and how programs elect their leaders. */
import {LINT_RULES} from '../core/lint/lint.ts';
import {textOfObject} from '../core/lint/object.ts';
import {type LintRule, pageOf, SEVERITIES} from '../core/lint/rule.ts';
import type {Call} from './command.ts';
import {readWhatIsGood} from './files/manifests.ts';
import {junitText} from './reports/junit.ts';
import {
  ignoredIn,
  numberOf,
  type PlacedFinding,
  type Report,
  type ReportOptions,
  reportOn,
} from './reports/report.ts';
import {sarifText} from './reports/sarif.ts';
import {EXIT, Failure, failureLine} from './terminal/failure.ts';
import {type Column, hasColours, print, type Streams} from './terminal/output.ts';

type Flags = ReportOptions & {
  readonly output: 'table' | 'wide' | 'json' | 'yaml' | 'sarif' | 'junit';
  readonly skip?: readonly string[];
  readonly explain?: string;
};

export async function run({args, flags: given, streams, program}: Call): Promise<number> {
  const flags = given as Flags;
  if (flags.explain !== undefined) return explain(ruleNamed(flags.explain), streams);
  if (args.length === 0)
    throw new Failure('Usage', 'there is nothing to check', 'write files, folders, or - for standard input');
  const skipped = (flags.skip ?? []).map(each => ruleNamed(each).id);
  const report = reportOn(await readWhatIsGood(args, streams), flags, skipped);
  await tell(report, flags, streams, program);
  if (report.failures.length > 0) return EXIT.failed;
  return report.findings.some(each => report.fails(each.severity) && each.ignored === undefined)
    ? EXIT.found
    : EXIT.done;
}

function ruleNamed(id: string): LintRule {
  const rule = LINT_RULES.find(each => each.id === id.toUpperCase());
  if (rule) return rule;
  const [first, last] = [LINT_RULES[0]?.id, LINT_RULES.at(-1)?.id];
  throw new Failure('Usage', `there is no rule ${id}`, `they go from ${first} to ${last}, see docs/check.md`);
}

async function tell(report: Report, {output}: Flags, streams: Streams, program: string): Promise<void> {
  if (output === 'sarif') streams.stdout.write(sarifText(report));
  else if (output === 'junit') streams.stdout.write(junitText('leasepolicy check', suitesOf(report)));
  else if (output === 'json' || output === 'yaml' || report.found.length > 0 || isRead(report)) {
    const rows = report.findings.filter(({ignored}) => ignored === undefined);
    const empty = `Nothing found in ${counted(report.found.length, 'object')}.`;
    await print({rows, columns: COLUMNS, document: () => documentOf(report), empty}, output, streams);
  }
  if (output === 'json' || output === 'yaml' || output === 'sarif') return;
  for (const {sentence} of report.failures) streams.stderr.write(failureLine(sentence, program));
  if (report.findings.length > 0) streams.stderr.write(`${summaryText(report)}\n`);
}

/** Of what could not be read, "nothing found" would be taken for an answer. */
const isRead = ({failures}: Report) => failures.length === 0;

const STYLES = {error: 'red', warning: 'yellow', info: 'cyan'} as const;

const COLUMNS: readonly Column<PlacedFinding>[] = [
  {title: 'Place', text: ({file, line}) => `${file}:${line}`},
  {title: 'Severity', text: ({severity}) => severity, style: ({severity}) => STYLES[severity]},
  {title: 'Rule', text: ({rule}) => rule},
  {title: 'Object', text: ({object}) => textOfObject(object)},
  {title: 'Title', text: ({rule}) => titleOf(rule), wide: true},
  {title: 'Message', text: ({message}) => message},
];

const titleOf = (id: string) => LINT_RULES.find(each => each.id === id)?.title ?? '';

const counted = (count: number, what: string) => `${count} ${what}${count === 1 ? '' : 's'}`;

function summaryText(report: Report): string {
  const [errors, warnings, infos] = SEVERITIES.map(each => numberOf(report, each));
  const ignored = ignoredIn(report);
  const parts = [
    counted(errors ?? 0, 'error'),
    counted(warnings ?? 0, 'warning'),
    `${infos} for information`,
    ...(ignored > 0 ? [`${ignored} ignored`] : []),
  ];
  return `${parts.join(', ')} in ${counted(report.found.length, 'object')}; leasepolicy check --explain RULE says more.`;
}

const documentOf = (report: Report) => ({
  findings: report.findings.map(({rule, severity, file, line, object, message, ignored}) => ({
    rule,
    severity,
    file,
    line,
    object: {
      apiVersion: object.manifest.apiVersion,
      kind: object.manifest.kind,
      namespace: object.namespace,
      name: object.manifest.metadata.name,
    },
    message,
    ignored: ignored ?? null,
  })),
  errors: report.failures.map(({reason, message, next}) => ({reason, message, next})),
  summary: {
    files: report.files.length,
    objects: report.found.length,
    errors: numberOf(report, 'error'),
    warnings: numberOf(report, 'warning'),
    infos: numberOf(report, 'info'),
    ignored: ignoredIn(report),
  },
});

/** A suite for each file, a case for each finding, and one for each object of which nothing was found. */
function suitesOf({findings, found, failures, files, fails}: Report) {
  const unreadable = failures.map(({message, next}) => ({name: message, error: `${message}: ${next}`}));
  const suites = files.map(file => ({
    name: file,
    cases: found.flatMap((source, index) => {
      if (source.file !== file) return [];
      const own = findings.filter(each => each.source === index);
      const name = `${source.manifest.kind}/${source.manifest.metadata.name}`;
      return own.length === 0 ? [{name}] : own.map(each => caseOf(each, fails(each.severity)));
    }),
  }));
  return [
    ...suites.filter(({cases}) => cases.length > 0),
    ...(unreadable.length > 0 ? [{name: 'unreadable', cases: unreadable}] : []),
  ];
}

function caseOf({rule, object, file, line, severity, message, ignored}: PlacedFinding, isFailure: boolean) {
  const name = `${rule} ${textOfObject(object)}`;
  const text = `${file}:${line}: ${severity}: ${message}`;
  if (ignored !== undefined) return {name, skipped: ignored};
  return isFailure ? {name, failure: text} : {name, output: text};
}

function explain({id, severity, title, why, bad, good}: LintRule, streams: Streams): number {
  const strong = hasColours(streams)
    ? (text: string) => `\u001b[1m${text}\u001b[22m`
    : (text: string) => text;
  const indented = (yaml: string) => yaml.replace(/^/gm, '  ');
  streams.stdout.write(
    [
      strong(`${id} (${severity}): ${title}`),
      why,
      `${strong('Told of:')}\n\n${indented(bad)}`,
      `${strong('Right:')}\n\n${indented(good)}`,
      `See ${pageOf({id})}.`,
    ].join('\n\n'),
  );
  streams.stdout.write('\n');
  return EXIT.done;
}
