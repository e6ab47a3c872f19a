/** docs/security.md: every threat has a test, and every test that it names is there. */
import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {ROOT} from '../dev/programs.ts';

const read = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const page = read('docs/security.md');

/** `file`: title, at the end of a row or of a paragraph. */
const proofs = [...page.matchAll(/`(test\/[\w/.-]+\.test\.ts)`: (.+?)(?: \|)?$/gm)].map(
  ([, file = '', title = '']) => ({
    file,
    title,
  }),
);

test('every test that the page names is there, by its whole title', t => {
  t.true(proofs.length > 40);
  for (const {file, title} of proofs) {
    const quoted = [`'${title.replaceAll("'", "\\'")}'`, `"${title}"`];
    t.true(existsSync(path.join(ROOT, file)), file);
    t.true(
      quoted.some(each => read(file).includes(each)),
      `${file}: ${title}`,
    );
  }
});

test('every row of a table of threats ends with a test', t => {
  const tables = page.split(/^\|---.*$/m).slice(2);
  t.is(tables.length, 5);
  for (const table of tables) {
    const rows = /^\n((?:\|.*\n)+)/.exec(table)?.[1]?.trim().split('\n') ?? [];
    t.true(rows.length >= 4);
    for (const row of rows) t.regex(row, /\| `test\/[\w/.-]+\.test\.ts`: [^|]+ \|$/);
  }
});

test('the page says that it was not audited, and what the bill of materials does not cover', t => {
  t.regex(page, /`npm audit` was tried/);
  t.regex(page, /\*\*Not covered\*\*: the C library/);
});

test('a hole is reported by an advisory, at no address that was made up', t => {
  const policy = read('SECURITY.md');
  t.regex(policy, /Report a vulnerability/);
  t.notRegex(policy, /[\w.]+@[\w.]+|https?:/);
  t.true(policy.includes('docs/security.md'));
});
