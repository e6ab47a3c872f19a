/** What a rule of the linter is, what it reads, and what it says. */
import type {Manifest} from '../manifest.ts';
import type {Bundle} from './bundle.ts';

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

/** The keys and indexes that lead to a value. */
export type Path = readonly (string | number)[];

/** An object of the input. */
export type LintObject = {
  readonly manifest: Manifest;
  /** The namespace that is written, or the one that is meant where none is; empty for what has none. */
  readonly namespace: string;
  /** Rules that are not to be told of this object, and why. */
  readonly ignored: ReadonlyMap<string, string>;
  /** What was to silence a rule, and does not. */
  readonly notUnderstood: readonly string[];
};

/** What a rule has to say. */
export type Remark = {
  readonly object: LintObject;
  /** Where in the object. */
  readonly path: Path;
  readonly message: string;
  /** Where it weighs less than the rule says. */
  readonly severity?: Severity;
};

export const textOfObject = ({manifest: {kind, metadata}, namespace}: LintObject) =>
  namespace === '' ? `${kind}/${metadata.name}` : `${kind}/${namespace}/${metadata.name}`;
