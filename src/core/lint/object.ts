/** An object of the input, as the rules of the linter are given it. */
import type {Manifest} from '../manifest/manifest.ts';

export type LintObject = {
  readonly manifest: Manifest;
  /** The namespace that is written, or the one that is meant where none is; empty for what has none. */
  readonly namespace: string;
  /** Rules that are not to be told of this object, and why. */
  readonly ignored: ReadonlyMap<string, string>;
  /** What was to silence a rule, and does not. */
  readonly notUnderstood: readonly string[];
};

export const textOfObject = ({manifest: {kind, metadata}, namespace}: LintObject) =>
  namespace === '' ? `${kind}/${metadata.name}` : `${kind}/${namespace}/${metadata.name}`;
