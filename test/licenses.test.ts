/** The licenses that are passed on with the bundles: a text for each package in them, and none that may not be. */
import {mkdir, mkdtemp, readFile, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {bundledIn, type Lock} from '../dev/bill.ts';
import {licensesOf} from '../dev/licenses.ts';
import {operatorCommand, ROOT} from '../dev/programs.ts';

const text = (file: string) => readFile(path.join(ROOT, file), 'utf8');
const lockFile = async () => JSON.parse(await text('package-lock.json')) as Lock;

async function built() {
  await operatorCommand();
  return {
    folders: [...(await bundledIn(path.join(ROOT, 'dist')))],
    lock: await lockFile(),
    written: await text('dist/THIRD-PARTY-LICENSES.txt'),
  };
}

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-licenses-'));
  t.teardown(() => rm(folder, {recursive: true}));
  return folder;
}

test('each package in the bundles is there with its version, its license and the text of that', async t => {
  const {folders, lock, written} = await built();
  t.true(folders.length > 40);
  const [, ...parts] = written.split(/^={80}\n/m);
  t.is(parts.length, folders.length);
  for (const folder of folders) {
    const {version, license} = lock.packages[folder] ?? {};
    const head = `${folder.split('node_modules/').at(-1)}@${version} (${license})\n\n`;
    const part = parts.find(each => each.startsWith(head)) ?? '';
    t.regex(part, /permi(t|ssion)|Apache License/i, head);
    t.notRegex(part, /no file with its license/);
  }
  const ours = await text('node_modules/winston/LICENSE');
  t.true(written.includes(ours.trim()), 'a text is there whole');
});

test('code that came inside of the file of another package is named as well', async t => {
  const {written} = await built();
  const bundle = await text('dist/operator.mjs');
  for (const [name, sign] of [
    ['jsep', 'max_unop_len'],
    ['@jsep-plugin/regex', 'FSLASH_CODE'],
    ['color-string', 'aliceblue'],
  ] as const) {
    t.true(bundle.includes(sign), sign);
    t.regex(written, new RegExp(`^${name}@.* \\(MIT\\)$`, 'm'));
  }
});

test('it is the same in whatever order and folder, and says nothing of the machine', async t => {
  const {folders, lock, written} = await built();
  const other = await folderOf(t);
  await symlink(path.join(ROOT, 'node_modules'), path.join(other, 'node_modules'));
  t.is(licensesOf(lock, folders.toReversed(), other), written);
  t.false(written.includes(ROOT));
  t.notRegex(written, /\r|\/home\/|\/tmp\/|\/root\//);
});

const one = (license: string) => ({
  name: 'x',
  version: '1.0.0',
  packages: {'node_modules/@s/a': {version: '2.0.0', license}},
});

test('a package under a license that may not be is not bundled, even as one of two to choose from', t => {
  for (const license of [
    'GPL-3.0-only',
    'AGPL-3.0-or-later',
    '(MIT OR GPL-2.0)',
    'UNLICENSED',
    'SEE LICENSE IN x',
  ])
    t.throws(() => licensesOf(one(license), ['node_modules/@s/a'], ROOT), {
      message: `in the bundles, under a license that may not be: @s/a@2.0.0 (${license})`,
    });
  t.throws(() => licensesOf(one(''), ['node_modules/@s/a'], ROOT), {
    message: /no license of node_modules\/@s\/a/,
  });
});

test('all files with a license or a notice are taken, and without any its author is named', async t => {
  const root = await folderOf(t);
  const folder = path.join(root, 'node_modules/@s/a');
  await mkdir(folder, {recursive: true});
  const made = () => licensesOf(one('MIT'), ['node_modules/@s/a'], root).split('\n\n').slice(2).join('|');
  for (const [author, told] of [
    ['A <a@example.com>', 'A <a@example.com>'],
    [{name: 'B'}, 'B'],
    [undefined, 'not named'],
  ]) {
    await writeFile(path.join(folder, 'package.json'), JSON.stringify({author}));
    t.is(made(), `It has no file with its license. Its author: ${told}\n`);
  }
  for (const name of ['NOTICE', 'LICENSE-MIT', 'licence.md', 'COPYING.txt', 'licenses.js', 'README.md'])
    await writeFile(path.join(folder, name), `${name}\r\nof it\n`);
  t.is(made(), 'COPYING.txt\nof it|LICENSE-MIT\nof it|NOTICE\nof it|licence.md\nof it\n');
});
