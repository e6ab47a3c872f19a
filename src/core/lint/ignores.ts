/** Silences: which rules are not to be told of an object, each with the reason that somebody gave. */
import {GROUP} from '../../api/objects.ts';
import type {Manifest} from '../manifest/manifest.ts';
import {at, text} from './values.ts';

/** An annotation, or a comment that begins with it: leasepolicy.dev/ignore: LP101=reason; LP202=another */
export const IGNORE = `${GROUP}/ignore`;

const COMMENT = new RegExp(`^\\s*${IGNORE.replaceAll('.', '\\.')}:\\s*(.*)$`);
const ENTRY = /^(LP\d+)\s*=\s*(\S.*)$/s;

export type Ignores = {
  readonly ignored: ReadonlyMap<string, string>;
  /** Entries that silence nothing, as they are not understood. */
  readonly notUnderstood: readonly string[];
};

export function ignoresOf({metadata}: Manifest, comments: readonly string[]): Ignores {
  const annotation = text(at(metadata, 'annotations', IGNORE));
  const lines = comments.flatMap(each => each.split('\n')).flatMap(line => COMMENT.exec(line)?.[1] ?? []);
  const entries = [...(annotation === undefined ? [] : [annotation]), ...lines]
    .flatMap(each => each.split(/[;\n](?=\s*LP\d)/))
    .map(each => each.trim().replace(/;$/, ''))
    .filter(each => each !== '');
  const ignored = new Map<string, string>();
  const notUnderstood: string[] = [];
  for (const entry of entries) {
    const [, id, reason] = ENTRY.exec(entry) ?? [];
    if (id === undefined || reason === undefined) notUnderstood.push(entry);
    else ignored.set(id, reason);
  }
  return {ignored, notUnderstood};
}
