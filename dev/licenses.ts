/** The licenses of the packages in the bundles, with the texts that these want to be passed on. */
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {described, type Lock} from './bill.ts';

/** What may be in a program that is passed on under Apache-2.0. */
export const ALLOWED = [
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'ISC',
  'MIT',
  'PSF-2.0',
  'Unlicense',
];

const LICENSE_FILE = /^(licen[cs]e|copying|notice)([-.].*)?$/i;
const RULE = '='.repeat(80);

type Manifest = {readonly author?: string | {readonly name: string}};

/** Of the packages in these folders under the root. The same packages give the same text, wherever the root is. */
export function licensesOf(lock: Lock, folders: Iterable<string>, root: string): string {
  const parts = [...folders].map(folder => ({folder, ...described(lock, folder)}));
  const refused = parts.filter(({licenses}) => !licenses.every(({license}) => ALLOWED.includes(license.id)));
  if (refused.length > 0)
    throw new Error(`in the bundles, under a license that may not be: ${listed(refused)}`);
  parts.sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1));
  const texts = parts.map(part => `${RULE}\n${listed([part])}\n\n${textOf(path.join(root, part.folder))}\n`);
  return `The programs beside this file have parts of the packages below in them.\n\n${texts.join('\n')}`;
}

const listed = (parts: readonly ReturnType<typeof described>[]) =>
  parts.map(part => `${part['bom-ref']} (${part.licenses.map(({license}) => license.id).join()})`).join(', ');

function textOf(folder: string): string {
  const files = readdirSync(folder).filter(name => LICENSE_FILE.test(name));
  if (files.length === 0) return `It has no file with its license. Its author: ${authorIn(folder)}`;
  const texts = files.sort().map(name => readFileSync(path.join(folder, name), 'utf8'));
  return texts.map(text => text.replaceAll('\r\n', '\n').trim()).join('\n\n');
}

function authorIn(folder: string): string {
  const {author} = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Manifest;
  return (typeof author === 'string' ? author : author?.name) ?? 'not named';
}
