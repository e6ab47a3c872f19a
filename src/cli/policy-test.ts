/** Runs policy tests without a cluster: names, findings and verdicts as the product itself gives them. */
import {type Catalogue, KNOWN} from '../core/lease/catalogue.ts';
import {legible} from '../core/legible.ts';
import {isPolicy} from '../core/manifest/manifest.ts';
import {judgeAdmission, judgeFindings, judgeName, type Outcome} from '../rehearsal/expectations.ts';
import {FileWorld} from '../rehearsal/file-world.ts';
import {loadCatalogue} from '../runtime/catalogue-file.ts';
import {operatorOf} from './cluster/find-operator.ts';
import type {Call} from './command.ts';
import {type Found, invalidPolicy} from './files/manifests.ts';
import {readTests, type TestFile} from './files/test-files.ts';
import {junitText} from './reports/junit.ts';
import {EXIT, Failure, failureLine} from './terminal/failure.ts';
import type {OperatorFlags} from './terminal/options.ts';
import {type Column, hasColours, print, type Streams, styled} from './terminal/output.ts';

type Flags = OperatorFlags & {readonly output: 'table' | 'wide' | 'json' | 'yaml' | 'junit'};

/** An outcome, and where its expectation stands. */
type Result = Outcome & {readonly test: string; readonly file: string; readonly line: number};

type Report = {readonly results: readonly Result[]; readonly failures: readonly Failure[]};

export async function run({args, flags: given, streams, program}: Call): Promise<number> {
  const flags = given as Flags;
  if (args.length === 0)
    throw new Failure(
      'Usage',
      'there is nothing to test',
      'write files or folders of policy tests, or - for standard input',
    );
  const catalogue = flags.catalogue === undefined ? KNOWN : await loadCatalogue(flags.catalogue);
  const {tests, failures} = await readTests(args, streams, Date.now());
  const reports = tests.map(test => reportOn(test, catalogue, flags));
  const report: Report = {
    results: reports.flatMap(each => each.results),
    failures: [...failures, ...reports.flatMap(each => each.failures)],
  };
  await tell(report, flags, streams, program);
  return report.failures.length + failedIn(report).length > 0 ? EXIT.failed : EXIT.done;
}

function reportOn(test: TestFile, catalogue: Catalogue, flags: Flags): Report {
  const {manifests, names = [], findings = [], admission, wallMs, name} = test;
  const operator = operatorOf(flags, undefined);
  const files = new FileWorld({manifests: manifests.map(each => each.manifest), catalogue, operator, wallMs});
  const failures = manifests.flatMap(each => problemOf(each, files) ?? []);
  if (failures.length > 0) return {results: [], failures};
  const placed = (field: string, outcomes: readonly Outcome[]) =>
    outcomes.map((outcome, at) => {
      const {file, lineOf} = test.found;
      return {test: name, file, line: lineOf([field, at]), ...outcome};
    });
  const results = [
    ...placed(
      'names',
      names.map(each => judgeName(each, files)),
    ),
    ...placed(
      'findings',
      findings.map(each => judgeFindings(each, files)),
    ),
    ...placed(
      'admission',
      admission.map(each => judgeAdmission(each, files)),
    ),
  ];
  return {results, failures: []};
}

/** What would leave the object out of the test without a word. */
function problemOf(found: Found, {world}: FileWorld): Failure | undefined {
  const {file, line, manifest} = found;
  const {apiVersion, kind, metadata} = manifest;
  const acceptance = isPolicy(manifest) ? world.inForce.acceptance.get(metadata.name) : undefined;
  if (acceptance && acceptance.accepted !== true) return invalidPolicy(found, [acceptance.message]);
  const what = `${file}, line ${line}: ${kind} ${metadata.name}`;
  if (metadata.namespace === undefined) {
    const isPlaced = kind === 'Lease' || world.inForce.source({apiVersion, kind}) !== undefined;
    return isPlaced ? new Failure('InvalidFile', `${what} has no namespace`, 'write it') : undefined;
  }
  if (world.namespaces.get(metadata.namespace)) return undefined;
  const next = 'add it to resources, as its labels say which policies select it';
  return new Failure(
    'InvalidFile',
    `${what} is in namespace ${metadata.namespace}, which is no file's`,
    next,
  );
}

const failedIn = ({results}: Report) => results.filter(({passed}) => !passed);

async function tell(report: Report, {output}: Flags, streams: Streams, program: string): Promise<void> {
  const {results, failures} = report;
  if (output === 'junit') streams.stdout.write(junitText('leasepolicy test', suitesOf(report)));
  else if (output === 'json' || output === 'yaml' || results.length > 0) {
    const document = () => documentOf(report);
    await print({rows: results, columns: COLUMNS, document, empty: ''}, output, streams);
  }
  if (output === 'json' || output === 'yaml') return;
  if (output !== 'junit') {
    for (const each of failedIn(report)) streams.stdout.write(failureText(each, hasColours(streams)));
    if (results.length > 0) streams.stdout.write(`\n${summaryText(report)}\n`);
  }
  for (const {sentence} of failures) streams.stderr.write(failureLine(sentence, program));
}

const wordOf = ({passed}: Result) => (passed ? 'PASS' : 'FAIL');
const styleOf = ({passed}: Result) => (passed ? 'green' : 'red');

const COLUMNS: readonly Column<Result>[] = [
  {title: 'Result', text: wordOf, style: styleOf},
  {title: 'Test', text: ({test}) => test},
  {title: 'Place', text: ({file, line}) => `${file}:${line}`, wide: true},
  {title: 'Expectation', text: ({what}) => what},
  {title: 'Found', text: ({found}) => legible(found, 1024), wide: true},
];

function failureText(result: Result, coloured: boolean): string {
  const {test, what, file, line, expected, found} = result;
  const head = coloured ? styled(styleOf(result), wordOf(result)) : wordOf(result);
  const lines = [
    `${head} ${legible(`${test}: ${what}`, 1024)} (${file}:${line})`,
    `  expected: ${legible(expected, 1024)}`,
    `  found:    ${legible(found, 1024)}`,
  ];
  return `\n${lines.join('\n')}\n`;
}

function summaryText(report: Report): string {
  const {results, failures} = report;
  const failed = failedIn(report).length;
  const unread = failures.length > 0 ? `, ${failures.length} could not be run` : '';
  return `${results.length - failed} passed, ${failed} failed${unread}`;
}

const documentOf = (report: Report) => ({
  results: report.results.map(({test, file, line, what, passed, expected, found, answer}) => ({
    ...{test, file, line},
    expectation: what,
    ...{passed, expected, found},
    admission: answer ?? null,
  })),
  errors: report.failures.map(({reason, message, next}) => ({reason, message, next})),
  summary: {
    passed: report.results.length - failedIn(report).length,
    failed: failedIn(report).length,
    errors: report.failures.length,
  },
});

/** A suite for each test, and one for what could not be run. */
function suitesOf({results, failures}: Report) {
  const suites = Map.groupBy(results, ({file, test}) => `${file}: ${test}`);
  const unread = failures.map(({message, sentence}) => ({name: message, error: sentence}));
  return [
    ...[...suites].map(([name, own]) => ({name, cases: own.map(caseOf)})),
    ...(unread.length > 0 ? [{name: 'not run', cases: unread}] : []),
  ];
}

function caseOf({what: name, passed, expected, found, file, line}: Result) {
  return passed ? {name} : {name, failure: `${file}:${line}: expected ${expected}, found ${found}`};
}
