/** Reads command lines and the tables of kubectl. */

/** A row of a table, by the headers of its columns. */
export type Row = Readonly<Record<string, string>>;

/** The words of a command line as a shell sees them, as far as single quotes go. */
export function wordsOf(command: string): string[] {
  return (command.match(/(?:[^\s']|'[^']*')+/g) ?? []).map(word => word.replaceAll("'", ''));
}

/** Goes by where the headers stand, as cells may be empty. */
export function rowsOf(table: string): Row[] {
  const [header = '', ...lines] = table.trimEnd().split('\n');
  const columns = [...header.matchAll(/\S+/g)];
  const cellsOf = (line: string) =>
    columns.map(({0: name, index}, number) => [name, line.slice(index, columns[number + 1]?.index).trim()]);
  return lines.map(line => Object.fromEntries(cellsOf(line)));
}

/** For the middle of a sentence. */
export function oneLine(text: string): string {
  const lines = text.trim().split('\n');
  return lines.map(line => line.trim().replaceAll(/\s{2,}/g, '  ')).join(' | ') || 'nothing';
}
