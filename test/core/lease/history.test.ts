/** What is remembered of the changes of holders. */
import test from 'ava';
import fc from 'fast-check';
import {
  CHANGES_MOST,
  type HolderChange,
  HolderHistory,
  isRecent,
  WINDOW_MS,
} from '../../../src/core/lease/history.ts';

const at = (atMs: number): HolderChange => ({atMs, from: `a${atMs}`, to: `b${atMs}`, transitions: atMs});

function historyOf(...noted: [key: string, atMs: number][]): HolderHistory {
  const history = new HolderHistory();
  for (const [key, atMs] of noted) history.note(key, at(atMs));
  return history;
}
const times = (history: HolderHistory, key: string) => history.of(key).map(each => each.atMs);

test('changes are kept by Lease, the oldest first and as they were noted', t => {
  const history = historyOf(['shop/a', 1], ['shop/b', 2], ['shop/a', 3]);
  t.deepEqual(history.of('shop/a'), [at(1), at(3)]);
  t.deepEqual(history.of('shop/b'), [at(2)]);
  t.deepEqual(history.of('shop/c'), []);
});

test('of one Lease the latest are kept', t => {
  const noted = Array.from({length: CHANGES_MOST + 2}, (_, index): [string, number] => ['shop/a', index]);
  t.deepEqual(
    times(historyOf(...noted), 'shop/a'),
    noted.slice(2).map(([, atMs]) => atMs),
  );
});

test('a change is recent until the window has passed', t => {
  t.true(isRecent(at(0), WINDOW_MS - 1));
  t.false(isRecent(at(0), WINDOW_MS));
});

test('a later change drops those that have left the window, and no others', t => {
  t.deepEqual(times(historyOf(['shop/a', 0], ['shop/a', 1], ['shop/a', WINDOW_MS]), 'shop/a'), [
    1,
    WINDOW_MS,
  ]);
});

test('Leases with nothing left are forgotten when another changes', t => {
  const history = historyOf(['shop/a', 0], ['shop/b', 0], ['shop/a', 1], ['shop/c', WINDOW_MS]);
  t.deepEqual([history.size, times(history, 'shop/b')], [2, []]);
  history.note('shop/c', at(WINDOW_MS + 1));
  t.is(history.size, 1);
});

test('a Lease that is gone is forgotten, and one that was never there can be', t => {
  const history = historyOf(['shop/a', 1], ['shop/b', 2]);
  history.forget('shop/a');
  history.forget('shop/c');
  t.deepEqual([times(history, 'shop/a'), times(history, 'shop/b'), history.size], [[], [2], 1]);
});

test('what was read stays as it was', t => {
  const history = historyOf(['shop/a', 1]);
  const read = history.of('shop/a');
  history.note('shop/a', at(2));
  t.deepEqual(read, [at(1)]);
});

test('nothing recent is lost but by number, and nothing is kept of a Lease without it', t => {
  const steps = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.nat(WINDOW_MS / 2)), {maxLength: 60});
  const property = fc.property(steps, list => {
    const [history, noted] = [new HolderHistory(), new Map<string, HolderChange[]>()];
    let atMs = 0;
    for (const [key, later] of list) {
      atMs += later;
      history.note(key, at(atMs));
      noted.set(key, [...(noted.get(key) ?? []), at(atMs)]);
    }
    const recent = [...noted].map(([key, all]) => [key, all.filter(each => isRecent(each, atMs))] as const);
    const agree = recent.every(([key, expected]) => {
      const found = history.of(key).filter(each => isRecent(each, atMs));
      return JSON.stringify(found) === JSON.stringify(expected.slice(-CHANGES_MOST));
    });
    return agree && history.size === recent.filter(([, expected]) => expected.length > 0).length;
  });
  t.notThrows(() => fc.assert(property));
});
