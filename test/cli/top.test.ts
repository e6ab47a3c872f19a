/** The live view as a function of what is known, what the user chose, and the size of the terminal. */
import {stripVTControlCharacters} from 'node:util';
import test from 'ava';
import {
  FIRST_VIEW,
  frame,
  type TopModel,
  type TopRow,
  type TopView,
} from '../../src/cli/terminal/top-frame.ts';
import {keysIn, pressed} from '../../src/cli/terminal/top-keys.ts';

const row = (more: Partial<TopRow> = {}): TopRow => ({
  namespace: 'shop',
  name: 'payments-14c2529eb4',
  class: 'leader-election',
  evidence: 'label',
  because: '',
  state: 'held',
  policies: ['payments'],
  governedBy: [],
  subject: 'Deployment/api',
  holder: 'api-66d9c47458-hvdmx_1',
  holderWorkload: 'Deployment/api',
  durationSeconds: 15,
  acquireTime: null,
  renewTime: null,
  renewedSecondsAgo: 3,
  transitions: 4,
  findings: [],
  labels: {},
  ageMs: 3000,
  ...more,
});

const FINDING = {
  policy: 'payments',
  reason: 'MisnamedLease',
  message: 'no policy allows Lease mylock in namespace shop; allowed here: payments-14c2529eb4',
  since: null,
};
const ROWS = [
  row({name: 'payments-87eba76e7f', ageMs: 12_000, holderWorkload: 'Deployment/web', transitions: 1}),
  row(),
  row({
    name: 'mylock',
    policies: [],
    holder: 'somebody\u001b[31m with a very long name 漢字',
    holderWorkload: null,
    ageMs: 99_000,
    findings: [FINDING],
  }),
  row({name: 'payments-0000000000', holder: '', holderWorkload: null, ageMs: undefined}),
];
const model = (rows: readonly TopRow[] = ROWS, problems: readonly string[] = []): TopModel => ({
  context: 'kind-kind',
  rows,
  problems,
  time: '14:05:10',
});
const SIZE = {columns: 80, rows: 14};
const draw = (view: Partial<TopView> = {}, size = SIZE, given = model()) =>
  frame(given, {...FIRST_VIEW, ...view}, size, false);

test('a frame of 80 columns', t => {
  t.deepEqual(draw(), [
    '14:05:10  kind-kind  4 Leases, 1 finding',
    'q quit  s sort: age  f findings: all  / filter: none',
    '',
    ' LEASE                       HOLDER          RENEWED       AGE    TRANS  FINDIN~',
    'payments (3)',
    ' shop/payments-87eba76e7f    Deployment/web  [########--]  12s    1',
    ' shop/payments-14c2529eb4    Deployment/api  [##--------]  3s     4',
    ' shop/payments-0000000000                    [          ]         4',
    'no policy (1)',
    ' shop/mylock                 somebody\\u001~  [##########]  99s    4      Misnam~',
    '',
    '',
    '',
    '',
  ]);
});

for (const columns of [20, 40, 80, 81, 132, 200]) {
  test(`no line is longer than ${columns} columns, and there are as many as rows`, t => {
    for (const view of [{}, {onlyFindings: true}, {typing: true, filter: 'x'.repeat(300)}]) {
      const lines = draw(view, {columns, rows: 9}, model(ROWS, ['leases (gone)'.repeat(30)]));
      t.is(lines.length, 9);
      for (const line of lines) t.true(line.length <= columns, `${line.length}: ${line}`);
    }
  });
}

test('a wider terminal shows more of the names and the findings', t => {
  const lines = draw({}, {columns: 120, rows: 14});
  t.true(lines.some(line => line.endsWith('MisnamedLease')));
});

test('colours have no width', t => {
  const plain = draw();
  const coloured = frame(model(), FIRST_VIEW, SIZE, true);
  t.notDeepEqual(coloured, plain);
  t.deepEqual(
    coloured.map(line => stripVTControlCharacters(line).trimEnd()),
    plain,
  );
});

test('findings alone come with their sentences', t => {
  const lines = draw({onlyFindings: true});
  t.is(lines[0], '14:05:10  kind-kind  1 of 4 Leases, 1 finding');
  t.true(lines.some(line => line.startsWith('   MisnamedLease: no policy allows Lease mylock')));
  t.false(lines.some(line => line.includes('payments-87')));
});

test('the filter looks at names, holders and subjects, and is shown while it is typed', t => {
  t.true(draw({filter: 'WEB'}).some(line => line.includes('87eba76e7f')));
  t.is(draw({filter: 'nothing like it'})[0], '14:05:10  kind-kind  0 of 4 Leases, 0 findings');
  t.is(draw({filter: 'we', typing: true})[1], 'filter: we_  (Enter keeps it, Esc clears it)');
});

for (const [sort, first] of [
  ['age', 'payments-87eba76e7f'],
  ['name', 'payments-0000000000'],
  ['transitions', 'payments-0000000000'],
  ['findings', 'payments-0000000000'],
] as const) {
  test(`sorted by ${sort} the first of a policy is ${first}`, t => {
    t.true(draw({sort})[5]?.startsWith(` shop/${first}`));
  });
}

test('what does not fit is scrolled to, and never beyond its end', t => {
  const small = {columns: 80, rows: 6};
  t.true(draw({scroll: 1}, small)[4]?.includes('87eba76e7f'));
  t.true(draw({scroll: 99}, small)[5]?.includes('mylock'));
});

test('what can not be read is told', t => {
  t.is(draw({}, SIZE, model([], ['leases (forbidden)']))[2], 'not up to date: leases (forbidden)');
});

const after = (keys: string, view: TopView = FIRST_VIEW) =>
  [...keysIn(keys)].reduce<TopView | undefined>((now, key) => now && pressed(key, now, 10), view);

test('keys sort, filter and quit', t => {
  t.is(after('s')?.sort, 'name');
  t.is(after('ssss')?.sort, 'age');
  t.true(after('f')?.onlyFindings);
  t.is(after('q'), undefined);
  t.is(after('\u0003'), undefined);
  t.is(after('/q\u0003'), undefined, 'Ctrl-C ends it also while something is typed');
});

test('a filter is typed, mended, kept and cleared', t => {
  t.like(after('/webx\u007f\r'), {filter: 'web', typing: false});
  t.like(after('/sq'), {filter: 'sq', typing: true, sort: 'age'});
  t.like(after('/web\u001b'), {filter: '', typing: false});
  t.like(after('/web\r\u001b'), {filter: ''});
});

test('arrows and pages scroll, and not above the first line', t => {
  t.is(after('\u001b[B\u001b[B\u001b[A')?.scroll, 1);
  t.is(after('\u001b[6~jk')?.scroll, 10);
  t.is(after('\u001b[5~')?.scroll, 0);
  t.is(after('x')?.scroll, 0);
});
