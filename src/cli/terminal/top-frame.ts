/** One picture of the live view as lines of text, from what is known and what the user has chosen. */
import {styleText} from 'node:util';
import {durationText} from '../../core/duration-text.ts';
import {escaped} from '../../core/legible.ts';
import type {LeaseFacts} from '../../rehearsal/lease-facts.ts';
import {findingsText, holderText} from './lease-view.ts';
import type {Style} from './output.ts';

export type TopRow = LeaseFacts & {
  /** Milliseconds since the last renewal: as it was seen, or else by the times in the Lease. */
  readonly ageMs: number | undefined;
};

export const SORTS = ['age', 'name', 'transitions', 'findings'] as const;
export type Sort = (typeof SORTS)[number];

/** What the user has chosen. */
export type TopView = {
  readonly sort: Sort;
  /** A part of the namespace, name, holder or subject. */
  readonly filter: string;
  /** Whether the filter is being typed. */
  readonly typing: boolean;
  readonly onlyFindings: boolean;
  /** The first line that is shown. */
  readonly scroll: number;
};

export const FIRST_VIEW: TopView = {
  sort: 'age',
  filter: '',
  typing: false,
  onlyFindings: false,
  scroll: 0,
};

export type TopModel = {
  readonly context: string;
  readonly rows: readonly TopRow[];
  /** What can't be read. */
  readonly problems: readonly string[];
  /** The time of day. */
  readonly time: string;
};

export type Size = {readonly columns: number; readonly rows: number};

/** Lines above the Leases. */
const HEAD = 4;
const BAR = 10;
const TITLES = ['LEASE', 'HOLDER', 'RENEWED', 'AGE', 'TRANS', 'FINDINGS'];

/** Exactly as many lines as there are rows, none longer than the terminal is wide; colours have no width. */
export function frame(model: TopModel, view: TopView, size: Size, coloured: boolean): string[] {
  const shown = chosen(model.rows, view);
  const body = bodyOf(shown, view, size.columns, coloured);
  const room = Math.max(0, size.rows - HEAD);
  const from = Math.min(view.scroll, Math.max(0, body.length - room));
  const lines = [...headOf(model, view, shown, size.columns), ...body.slice(from, from + room)];
  return Array.from({length: size.rows}, (_, at) => lines[at] ?? '');
}

/** How far it can be scrolled. */
export const linesOf = (rows: readonly TopRow[], view: TopView): number =>
  bodyOf(chosen(rows, view), view, 80, false).length;

export function chosen(rows: readonly TopRow[], {filter, onlyFindings}: TopView): TopRow[] {
  const text = filter.toLowerCase();
  return rows.filter(
    row =>
      (!onlyFindings || row.findings.length > 0) &&
      [row.namespace, row.name, row.holder, row.subject ?? '', row.holderWorkload ?? '']
        .join('\n')
        .toLowerCase()
        .includes(text),
  );
}

function headOf(
  {context, problems, time, rows}: TopModel,
  {sort, filter, typing, onlyFindings}: TopView,
  shown: readonly TopRow[],
  columns: number,
): string[] {
  const findings = shown.reduce((sum, row) => sum + row.findings.length, 0);
  const count = shown.length === rows.length ? `${rows.length}` : `${shown.length} of ${rows.length}`;
  const state = `${time}  ${context}  ${count} Leases, ${findings} ${findings === 1 ? 'finding' : 'findings'}`;
  const keys = typing
    ? `filter: ${filter}_  (Enter keeps it, Esc clears it)`
    : `q quit  s sort: ${sort}  f findings: ${onlyFindings ? 'only' : 'all'}  / filter: ${filter || 'none'}`;
  const warning = problems.length > 0 ? `not up to date: ${problems.join('; ')}` : '';
  const titles = cellsOf(TITLES, columns).join('  ');
  return [state, keys, warning, ` ${titles}`].map(line => cut(ascii(line).trimEnd(), columns));
}

/** Where findings alone are shown, each has a line. */
function bodyOf(
  rows: readonly TopRow[],
  {sort, onlyFindings}: TopView,
  columns: number,
  coloured: boolean,
): string[] {
  const groups = Map.groupBy(rows, ({policies}) => policies[0] ?? '');
  const names = [...groups.keys()].sort((a, b) => Number(a === '') - Number(b === '') || a.localeCompare(b));
  return names.flatMap(name => {
    const group = (groups.get(name) ?? []).toSorted((a, b) => ORDERS[sort](a, b) || byPlace(a, b));
    const title = cut(ascii(`${name === '' ? 'no policy' : name} (${group.length})`), columns);
    return [
      coloured ? styleText('bold', title, {validateStream: false}) : title,
      ...group.flatMap(row => [
        lineOf(row, columns, coloured),
        ...(onlyFindings ? findingLines(row, columns) : []),
      ]),
    ];
  });
}

const byPlace = (a: TopRow, b: TopRow) =>
  a.namespace.localeCompare(b.namespace) || a.name.localeCompare(b.name);

const ORDERS: Readonly<Record<Sort, (a: TopRow, b: TopRow) => number>> = {
  age: (a, b) => shareOf(b) - shareOf(a),
  name: byPlace,
  transitions: (a, b) => b.transitions - a.transitions,
  findings: (a, b) => b.findings.length - a.findings.length,
};

/** How much of its duration has passed since the last renewal; nothing for what nobody holds. */
function shareOf({holder, ageMs, durationSeconds}: TopRow): number {
  if (holder === '' || ageMs === undefined || !durationSeconds) return -1;
  return ageMs / (durationSeconds * 1000);
}

const findingLines = ({findings}: TopRow, columns: number) =>
  findings.map(({reason, message}) => cut(ascii(`   ${reason}: ${message}`), columns));

/** They sum up to 79 with two spaces between them; what is more goes to the name and the findings. */
function cellsOf(texts: readonly string[], columns: number): string[] {
  const more = Math.max(0, columns - 80);
  const widths = [26 + Math.ceil(more / 2), 14, BAR + 2, 5, 5, 7 + Math.floor(more / 2)];
  let left = columns - 1;
  return texts.map((text, at) => {
    const width = Math.min(widths[at] ?? 0, left);
    left = Math.max(0, left - width - 2);
    return cut(ascii(text), width).padEnd(width);
  });
}

function lineOf(row: TopRow, columns: number, coloured: boolean): string {
  const place = `${row.namespace}/${row.name}`;
  const texts = [place, holderText(row), barOf(row), ageText(row), `${row.transitions}`, findingsText(row)];
  const styles = [undefined, undefined, barStyle(row), undefined, undefined, 'red' as const];
  const painted = cellsOf(texts, columns).map((cell, at) => {
    const style = coloured && cell.trim() !== '' ? styles[at] : undefined;
    return style === undefined ? cell : styleText(style, cell, {validateStream: false});
  });
  return ` ${painted.join('  ').trimEnd()}`;
}

/** ASCII, as it is read over ssh. */
function barOf(row: TopRow): string {
  const share = shareOf(row);
  if (share < 0) return `[${' '.repeat(BAR)}]`;
  const filled = Math.min(BAR, Math.floor(share * BAR));
  return `[${'#'.repeat(filled)}${'-'.repeat(BAR - filled)}]`;
}

function barStyle(row: TopRow): Style | undefined {
  const share = shareOf(row);
  if (share >= 1) return 'red';
  if (share >= 2 / 3) return 'yellow';
  return share < 0 ? undefined : 'green';
}

const ageText = ({holder, ageMs}: TopRow) =>
  holder === '' || ageMs === undefined ? '' : durationText(ageMs / 1000);

/** Each character is one column wide then. */
const ascii = (text: string) => escaped(text).replaceAll(/[^ -~]/g, '?');

const cut = (text: string, width: number) =>
  text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}${width > 0 ? '~' : ''}`;
