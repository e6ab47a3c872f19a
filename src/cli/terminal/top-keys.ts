/** What each key does to the choices of the user. */
import {SORTS, type TopView} from './top-frame.ts';

/** Undefined ends the view. */
export function pressed(key: string, view: TopView, page: number): TopView | undefined {
  if (key === '\u0003') return undefined;
  if (view.typing) return typed(key, view);
  switch (key) {
    case 'q':
    case 'Q':
      return undefined;
    case 's':
      return {...view, sort: SORTS[(SORTS.indexOf(view.sort) + 1) % SORTS.length] ?? 'age'};
    case 'f':
      return {...view, onlyFindings: !view.onlyFindings, scroll: 0};
    case '/':
      return {...view, typing: true, scroll: 0};
    case '\u001b':
      return {...view, filter: '', scroll: 0};
    default:
      return {...view, scroll: Math.max(0, view.scroll + (STEPS[key] ?? 0) * (PAGES.has(key) ? page : 1))};
  }
}

/** As terminals send the arrows and the keys for pages. */
const STEPS: Readonly<Record<string, number>> = {
  j: 1,
  k: -1,
  ' ': 1,
  '\u001b[B': 1,
  '\u001b[A': -1,
  '\u001b[6~': 1,
  '\u001b[5~': -1,
};
const PAGES: ReadonlySet<string> = new Set([' ', '\u001b[6~', '\u001b[5~']);

function typed(key: string, view: TopView): TopView {
  if (key === '\r' || key === '\n') return {...view, typing: false};
  if (key === '\u001b') return {...view, typing: false, filter: ''};
  if (key === '\u007f' || key === '\b') return {...view, filter: view.filter.slice(0, -1)};
  return /^[ -~]$/.test(key) ? {...view, filter: view.filter + key} : view;
}

/** Several keys may come at once, as in a text that is pasted. */
export function* keysIn(chunk: string): Generator<string> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: keys are made of them
  for (const [key] of chunk.matchAll(/\u001b\[[0-9;]*[A-Za-z~]|[\s\S]/g)) yield key;
}
