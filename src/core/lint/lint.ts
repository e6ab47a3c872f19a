/** The linter: every rule on every object, and what is silenced. */
import type {Path} from '../fields.ts';
import type {Manifest} from '../manifest/manifest.ts';
import {bundleOf} from './bundle.ts';
import {IGNORE, ignoresOf} from './ignores.ts';
import {LEASE_RULES} from './lease-rules.ts';
import {NAME_RULES} from './name-rules.ts';
import type {LintObject} from './object.ts';
import {POLICY_RULES} from './policy-rules.ts';
import {RBAC_RULES} from './rbac-rules.ts';
import {ROLLOUT_RULES} from './rollout-rules.ts';
import type {LintRule, RuleId, Severity} from './rule.ts';
import {SETTING_RULES} from './setting-rules.ts';
import {TIMING_RULES} from './timing-rules.ts';
import {text} from './values.ts';

/** An object as it comes in, with the comments that stand in it. */
export type LintSource = {readonly manifest: Manifest; readonly comments: readonly string[]};

export type LintFinding = {
  readonly rule: RuleId;
  readonly severity: Severity;
  /** The index of the source. */
  readonly source: number;
  readonly object: LintObject;
  readonly path: Path;
  readonly message: string;
  /** The reason for which somebody has silenced it. */
  readonly ignored: string | undefined;
};

const CLUSTER_SCOPED: ReadonlySet<string> = new Set([
  'ClusterRole',
  'ClusterRoleBinding',
  'CustomResourceDefinition',
  'LeasePolicy',
  'Namespace',
  'Node',
]);

/** Its own rule is not among those that can be silenced. */
const badIgnore = (known: ReadonlySet<string>): LintRule => ({
  id: 'LP001',
  severity: 'warning',
  title: 'A silence is not understood',
  why: `An annotation or a comment ${IGNORE} names a rule and a reason, such as LP204=it serves all namespaces. Without a reason, or for a rule that there is not, nothing is silenced.`,
  bad: `apiVersion: v1
kind: ServiceAccount
metadata: {name: mailer, annotations: {${IGNORE}: LP204}}`,
  good: `apiVersion: v1
kind: ServiceAccount
metadata: {name: mailer, annotations: {${IGNORE}: LP204=it serves all namespaces}}`,
  *find({objects}) {
    for (const object of objects) {
      const unknown = [...object.ignored.keys()].filter(id => !known.has(id));
      for (const id of unknown)
        yield {object, path: ['metadata'], message: `there is no rule ${id} to ignore: see docs/check.md`};
      for (const entry of object.notUnderstood)
        yield {
          object,
          path: ['metadata'],
          message: `"${entry}" ignores nothing: write a rule and a reason, as LP204=reason`,
        };
    }
  },
});

const THEMES: readonly LintRule[] = [
  ...LEASE_RULES,
  ...RBAC_RULES,
  ...SETTING_RULES,
  ...TIMING_RULES,
  ...NAME_RULES,
  ...ROLLOUT_RULES,
  ...POLICY_RULES,
];

/** All rules, in the order of their ids. */
export const LINT_RULES: readonly LintRule[] = [badIgnore(new Set(THEMES.map(({id}) => id))), ...THEMES];

/** Total for any manifests. The namespace is that of objects which name none; findings are in the order of the sources. */
export function lint(sources: readonly LintSource[], namespace = ''): LintFinding[] {
  const objects = sources.map(source => objectOf(source, namespace));
  const places = new Map(objects.map((object, index) => [object, index]));
  const bundle = bundleOf(objects);
  const findings = LINT_RULES.flatMap(({id, severity, find}) =>
    [...find(bundle)].map(
      (remark): LintFinding => ({
        rule: id,
        source: places.get(remark.object) ?? 0,
        object: remark.object,
        path: remark.path,
        message: remark.message,
        severity: remark.severity ?? severity,
        ignored: remark.object.ignored.get(id),
      }),
    ),
  );
  return findings.toSorted((a, b) => a.source - b.source);
}

function objectOf({manifest, comments}: LintSource, namespace: string): LintObject {
  const home = CLUSTER_SCOPED.has(manifest.kind) ? '' : namespace;
  return {
    manifest,
    namespace: text(manifest.metadata.namespace) ?? home,
    ...ignoresOf(manifest, comments),
  };
}
