/** Makes a table of a chart's values from the comments of its values.yaml. */
import {isMap, isScalar, type Pair, parseDocument, stringify, type YAMLMap} from 'yaml';

/** A value, or a group of values that has a comment of its own. */
export type ValueRow = {
  readonly path: string;
  /** As YAML in one line; of a value that is null, what the comment says in parentheses; empty for a group. */
  readonly preset: string;
  readonly meaning: string;
};

/** The rows in the order of the file. A comment counts that begins with `# --`. */
export function valueRows(values: string): ValueRow[] {
  const {contents} = parseDocument(values);
  if (!isMap(contents)) throw new Error('the values are no map');
  return rowsOf(contents, []);
}

export function valuesTable(values: string): string {
  const rows = valueRows(values).map(({path, preset, meaning}) => {
    const shown = preset === '' ? '' : `\`${preset}\``;
    return `| \`${path}\` | ${shown} | ${meaning} |`.replaceAll('  ', ' ');
  });
  return ['| value | default | meaning |', '|---|---|---|', ...rows].join('\n');
}

function rowsOf(map: YAMLMap, above: readonly string[]): ValueRow[] {
  return map.items.flatMap((pair, index) => {
    // The comment of the first key is that of its map.
    const comment = index === 0 ? (map.commentBefore ?? commentOf(pair)) : commentOf(pair);
    return rowsOfPair(pair, [...above, String(pair.key)], meaningOf(comment));
  });
}

function commentOf({key}: Pair): string | null | undefined {
  return isScalar(key) ? key.commentBefore : undefined;
}

function meaningOf(comment: string | null | undefined): string {
  const lines = (comment ?? '').split('\n').map(line => line.trim());
  const start = lines.findIndex(line => line.startsWith('-- '));
  return start < 0 ? '' : lines.slice(start).join(' ').slice('-- '.length);
}

function rowsOfPair({value}: Pair, path: readonly string[], meaning: string): ValueRow[] {
  const row = {path: path.join('.'), meaning};
  if (isMap(value) && value.items.length > 0) {
    const group = meaning === '' ? [] : [{...row, preset: ''}];
    return [...group, ...rowsOf(value, path)];
  }
  const plain = (value as {toJSON(): unknown}).toJSON();
  if (plain !== null) return [{...row, preset: inOneLine(plain)}];
  const [, before = meaning, preset = ''] = /^(.*) \(([^()]+)\)$/.exec(meaning) ?? [];
  return [{path: row.path, preset, meaning: before}];
}

function inOneLine(value: unknown): string {
  const text = stringify(value, {collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false});
  return text.trim();
}
