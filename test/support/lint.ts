/** Lints manifests that stand in a test as YAML. */
import {parseAllDocuments} from 'yaml';
import {type LintFinding, lint} from '../../src/core/lint/lint.ts';
import type {Severity} from '../../src/core/lint/rule.ts';
import {itemsOf, type Manifest} from '../../src/core/manifest.ts';

export function linted(yaml: string, namespace?: string): LintFinding[] {
  const documents = parseAllDocuments(yaml).map(each => each.toJS() as unknown);
  const manifests = documents.flatMap(each => itemsOf(each)) as Manifest[];
  const sources = manifests.map(manifest => ({manifest, comments: []}));
  return lint(sources, namespace);
}

export const ids = (findings: readonly LintFinding[], ...severities: readonly Severity[]) =>
  findings
    .filter(({severity}) => severities.length === 0 || severities.includes(severity))
    .map(({rule}) => rule);
