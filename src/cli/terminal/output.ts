/** Prints what a command has found: as a table like those of kubectl, or for programs. */
import type {Readable, Writable} from 'node:stream';
import {styleText} from 'node:util';
import {escaped} from '../../core/legible.ts';
import type {Output} from './options.ts';

/** Where a command reads and writes; `process` is one. */
export type Streams = {
  readonly stdin: Readable & {isTTY?: boolean};
  readonly stdout: Writable & {isTTY?: boolean; columns?: number};
  readonly stderr: Writable & {isTTY?: boolean};
  readonly env: NodeJS.ProcessEnv;
};

export type Style = Parameters<typeof styleText>[0];

export type Column<Row> = {
  /** Printed in capitals. */
  readonly title: string;
  readonly text: (row: Row) => string;
  /** Printed with -o wide alone. */
  readonly wide?: boolean;
  /** On a terminal. */
  readonly style?: (row: Row) => Style | undefined;
};

/** What a command has found, in all forms. */
export type View<Row> = {
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  /** For -o json and yaml: every fact, under names that stay. */
  readonly document: () => unknown;
  /** For -o name: resource/name, as kubectl takes it back. */
  readonly name?: (row: Row) => string;
  /** A sentence on standard error in place of an empty table. */
  readonly empty: string;
};

/** Between two columns, as kubectl has it. */
const GAP = 3;
const LEAST_WIDTH = 6;

/** Colours are for people: on a terminal that has them, and not where NO_COLOR is set. */
export const hasColours = ({stdout, env}: Streams): boolean =>
  stdout.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';

export async function print<Row>(view: View<Row>, output: Output, streams: Streams): Promise<void> {
  const {rows, document, name} = view;
  if (output === 'json') streams.stdout.write(jsonText(document()));
  else if (output === 'yaml') streams.stdout.write(await yamlText(document()));
  else if (output === 'name' && name) streams.stdout.write(rows.map(row => `${name(row)}\n`).join(''));
  else if (rows.length === 0) streams.stderr.write(`${view.empty}\n`);
  else streams.stdout.write(tableText(view, output === 'wide', hasColours(streams)));
}

export const styled = (style: Style, text: string) => styleText(style, text, {validateStream: false});

export const jsonText = (document: unknown) => `${JSON.stringify(document, null, 2)}\n`;

/** The library is loaded by those who need it. kubectl reads YAML 1.1, in which a bare Off is false. */
export async function yamlText(document: unknown): Promise<string> {
  const {stringify} = await import('yaml');
  return stringify(document, {version: '1.1', lineWidth: 0, aliasDuplicateObjects: false});
}

/** Lines as kubectl prints them: the width of a column is that of its widest cell, and the last one has no end. */
export function tableLines<Row>(
  {rows, columns}: Pick<View<Row>, 'rows' | 'columns'>,
  wide: boolean,
  coloured: boolean,
): {header: string; lines: string[]} {
  const shown = columns.filter(column => wide || column.wide !== true);
  const cells = rows.map(row => shown.map(column => cellText(column.text(row))));
  const titles = shown.map(({title}) => title.toUpperCase());
  const widths = titles.map((title, at) =>
    Math.max(LEAST_WIDTH, title.length, ...cells.map(row => row[at]?.length ?? 0)),
  );
  const line = (texts: readonly string[], paint: (text: string, at: number) => string = text => text) =>
    texts.map((text, at) => paint(text, at) + ' '.repeat(padding(at, texts, widths))).join('');
  const painted = (row: Row) => (text: string, at: number) => {
    const style = coloured ? shown[at]?.style?.(row) : undefined;
    return style === undefined ? text : styled(style, text);
  };
  return {header: line(titles), lines: rows.map((row, index) => line(cells[index] ?? [], painted(row)))};
}

export function tableText<Row>(
  view: Pick<View<Row>, 'rows' | 'columns'>,
  wide: boolean,
  coloured: boolean,
): string {
  const {header, lines} = tableLines(view, wide, coloured);
  return [header, ...lines].map(text => `${text}\n`).join('');
}

function padding(at: number, texts: readonly string[], widths: readonly number[]): number {
  if (at === texts.length - 1) return 0;
  return (widths[at] ?? 0) - (texts[at]?.length ?? 0) + GAP;
}

/** What strangers wrote must neither end a line nor steer the terminal; an empty cell would be taken for the next. */
const cellText = (text: string) => (text === '' ? '<none>' : escaped(text));
