/** Writes findings as SARIF 2.1.0, which GitHub, GitLab and editors read. */
import {createHash} from 'node:crypto';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import {LINT_RULES} from '../../core/lint/lint.ts';
import {textOfObject} from '../../core/lint/object.ts';
import {type LintRule, pageOf, type Severity} from '../../core/lint/rule.ts';
import {PRODUCT_VERSION} from '../../version.ts';
import {jsonText} from '../terminal/output.ts';
import type {PlacedFinding, Report} from './report.ts';

const LEVELS: Readonly<Record<Severity, string>> = {error: 'error', warning: 'warning', info: 'note'};

export function sarifText({findings, failures}: Report): string {
  const rules = LINT_RULES.map(ruleOf);
  return jsonText({
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {driver: {name: 'leasepolicy check', version: PRODUCT_VERSION, rules}},
        columnKind: 'utf16CodeUnits',
        invocations: [
          {
            executionSuccessful: failures.length === 0,
            toolExecutionNotifications: failures.map(({sentence}) => ({
              level: 'error',
              message: {text: sentence},
            })),
          },
        ],
        results: findings.map(resultOf),
      },
    ],
  });
}

const ruleOf = ({id, severity, title, why, bad, good}: LintRule) => ({
  id,
  shortDescription: {text: title},
  fullDescription: {text: why},
  help: {
    text: `${why} See ${pageOf({id})}.`,
    markdown: `${why}\n\nTold of:\n\n\`\`\`yaml\n${bad}\n\`\`\`\n\nRight:\n\n\`\`\`yaml\n${good}\n\`\`\``,
  },
  defaultConfiguration: {level: LEVELS[severity]},
});

function resultOf(finding: PlacedFinding) {
  const {rule, severity, file, line, object, message, ignored} = finding;
  const name = textOfObject(object);
  return {
    ruleId: rule,
    ruleIndex: LINT_RULES.findIndex(({id}) => id === rule),
    level: LEVELS[severity],
    message: {text: `${name}: ${message}`},
    locations: [
      {
        physicalLocation: {artifactLocation: {uri: uriOf(file)}, region: {startLine: line}},
        logicalLocations: [{fullyQualifiedName: name, kind: 'object'}],
      },
    ],
    partialFingerprints: {'leasepolicy/v1': fingerprint(finding)},
    suppressions: ignored === undefined ? [] : [{kind: 'inSource', justification: ignored}],
  };
}

/** The same finding in another line is still the same. */
const fingerprint = ({rule, file, object, message}: PlacedFinding) =>
  createHash('sha256')
    .update([rule, file, textOfObject(object), message].join('\n'))
    .digest('hex')
    .slice(0, 32);

/** Below the present folder as a relative one, as GitHub wants it. */
function uriOf(file: string): string {
  if (file === '-') return 'stdin';
  const relative = path.relative('.', file);
  if (relative.startsWith('..') || path.isAbsolute(relative)) return pathToFileURL(file).href;
  return relative.split(path.sep).map(encodeURIComponent).join('/');
}
