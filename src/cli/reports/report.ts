/** What the linter has found, with the places in the files. */
import {type LintFinding, lint} from '../../core/lint/lint.ts';
import {type RuleId, SEVERITIES, type Severity} from '../../core/lint/rule.ts';
import type {Readable} from '../files/manifests.ts';

/** A finding, and where it stands. */
export type PlacedFinding = LintFinding & {readonly file: string; readonly line: number};

export type Report = Readable & {
  /** In the order of the files and lines. */
  readonly findings: readonly PlacedFinding[];
  /** Whether a finding of this weight makes the command fail. */
  readonly fails: (severity: Severity) => boolean;
};

export type ReportOptions = {
  /** Of objects that name none. */
  readonly namespace?: string;
  readonly failOn: Severity | 'never';
};

export function reportOn(read: Readable, options: ReportOptions, skipped: readonly RuleId[]): Report {
  const {failOn} = options;
  const findings = lint(read.found, options.namespace)
    .filter(({rule}) => !skipped.includes(rule))
    .flatMap((each): PlacedFinding[] => {
      const source = read.found[each.source];
      return source ? [{...each, file: source.file, line: source.lineOf(each.path)}] : [];
    });
  return {
    ...read,
    findings: inOrder(findings, read.files),
    fails: severity => failOn !== 'never' && SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(failOn),
  };
}

function inOrder(findings: readonly PlacedFinding[], files: readonly string[]): PlacedFinding[] {
  const order = new Map(files.map((file, index) => [file, index]));
  const place = ({file}: PlacedFinding) => order.get(file) ?? 0;
  return findings.toSorted((a, b) => place(a) - place(b) || a.line - b.line || (a.rule < b.rule ? -1 : 1));
}

export const numberOf = ({findings}: Report, severity: Severity) =>
  findings.filter(each => each.severity === severity && each.ignored === undefined).length;

export const ignoredIn = ({findings}: Report) => findings.filter(({ignored}) => ignored !== undefined).length;
