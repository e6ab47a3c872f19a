/** The files of config/ and crds/ as they are in the tree; dev/bundle.ts puts what this returns into the bundle. */
import {globSync, readFileSync} from 'node:fs';
import path from 'node:path';

const ROOT = path.join(import.meta.dirname, '../../..');
const WANTED = ['crds/*', 'config/**/*.yaml', 'config/**/*.json'];

/** Text by path. Samples and what prometheusrule.yaml is made of are not installed. */
export function manifestFiles(): Record<string, string> {
  const names = globSync(WANTED, {cwd: ROOT})
    .filter(name => !/^config\/(samples\/|monitoring\/rules\.yaml$)/.test(name))
    .sort();
  return Object.fromEntries(names.map(name => [name, readFileSync(path.join(ROOT, name), 'utf8')]));
}
