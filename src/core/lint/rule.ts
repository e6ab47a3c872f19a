/** What a rule of the linter is, what it reads, and what it says. */
import type {Path} from '../fields.ts';
import type {Bundle} from './bundle.ts';
import type {LintObject} from './object.ts';

/** By their weight. */
export const SEVERITIES = ['error', 'warning', 'info'] as const;
export type Severity = (typeof SEVERITIES)[number];

export type RuleId = `LP${number}`;

export type LintRule = {
  readonly id: RuleId;
  readonly severity: Severity;
  /** What is wrong, as a sentence without its full stop. */
  readonly title: string;
  /** What comes of it, and what to do, for the docs. */
  readonly why: string;
  /** Manifests of which the rule says something, and of which no rule does. */
  readonly bad: string;
  readonly good: string;
  readonly find: (bundle: Bundle) => Iterable<Remark>;
};

/** Where the docs tell of it. */
export const pageOf = ({id}: Pick<LintRule, 'id'>) => `docs/check.md#${id.toLowerCase()}`;

/** What a rule has to say. */
export type Remark = {
  readonly object: LintObject;
  /** Where in the object. */
  readonly path: Path;
  readonly message: string;
  /** Where it weighs less than the rule says. */
  readonly severity?: Severity;
};
