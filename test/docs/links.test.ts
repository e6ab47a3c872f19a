/** Every link of README and docs to a file, and to a heading of a page, leads somewhere. */
import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {ROOT} from '../../dev/programs.ts';
import {pages} from './blocks.ts';

const read = (page: string) => readFileSync(path.join(ROOT, page), 'utf8');

/** What readers see as text; in code nothing is a link or a heading. */
const prose = (text: string) => text.replaceAll(/^```[\s\S]*?^```$/gm, '').replaceAll(/`[^`\n]*`/g, code);
const code = (text: string) => text.replaceAll(/[[\]()]/g, '');

/** As GitHub makes them of headings. */
function anchors(page: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading = ''] of prose(read(page)).matchAll(/^#+ (.+)$/gm)) {
    const plain = heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = plain;
    for (let count = 1; found.has(anchor); count += 1) anchor = `${plain}-${count}`;
    found.add(anchor);
  }
  return found;
}

/** The links of a text that are not to other hosts. */
const linksIn = (text: string) =>
  [...prose(text).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter(target => !/^https?:/.test(target));

/** Why a link of the page leads nowhere. */
function problem(page: string, target: string): string | undefined {
  const [file = '', anchor] = target.split('#');
  const to = file === '' ? page : path.join(path.dirname(page), file);
  if (!existsSync(path.join(ROOT, to))) return `${page}: there is no ${to}`;
  if (anchor !== undefined && !anchors(to).has(anchor)) return `${page}: ${to} has no heading #${anchor}`;
  return undefined;
}

test('links lead to files and headings that are there', async t => {
  let count = 0;
  for (const page of [...(await pages()), 'SECURITY.md']) {
    for (const target of linksIn(read(page))) {
      count += 1;
      t.is(problem(page, target), undefined);
    }
  }
  t.true(count > 100, `${count}`);
});

test('a link that leads nowhere is seen', t => {
  t.is(problem('docs/naming.md', 'no-page.md'), 'docs/naming.md: there is no docs/no-page.md');
  t.is(problem('docs/naming.md', '#no-heading'), 'docs/naming.md: docs/naming.md has no heading #no-heading');
  t.deepEqual(linksIn('[a](b.md#c) and `[d](e.md)`\n```\n[f](g.md)\n```\n[h](https://example.com)'), [
    'b.md#c',
  ]);
});

test('README leads to every page', async t => {
  const linked = new Set(linksIn(read('README.md')).map(target => target.split('#')[0]));
  for (const page of (await pages()).slice(1)) t.true(linked.has(page), page);
});

test('a page that the program or the manifests name is there', t => {
  const files = [
    'src/cli/check.ts',
    'src/cli/reports/sarif.ts',
    'src/cli/explain.ts',
    'src/core/lint/lint.ts',
  ];
  const others = ['config/monitoring/rules.yaml', 'config/monitoring/dashboard.json'];
  for (const file of [...files, ...others, 'charts/leasepolicy/values.yaml'])
    for (const [page] of read(file).matchAll(/docs\/[\w-]+\.md/g))
      t.true(existsSync(path.join(ROOT, page)), file);
});
