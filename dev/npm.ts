/**
 * The release step of the npm package: makes it in a folder, from the bundles in dist.
 *   make build
 *   node dev/npm.ts dist/npm REPOSITORY
 *   npm publish ./dist/npm
 * It has no dependencies, as the bundles have all of them inside; to install them beside would bring in the old client
 * of the framework, with its request, which only the overrides of this tree keep out. So the tree's own package.json is
 * private. The repository has to be that of the CI that publishes, or npm refuses the provenance.
 */
import {cpSync, mkdirSync, readFileSync, writeFileSync} from 'node:fs';
import path from 'node:path';

const ROOT = path.dirname(import.meta.dirname);

/** Of the tree's package.json, what those who install the package read. */
const PUBLISHED = [
  'name',
  'version',
  'description',
  'keywords',
  'license',
  'type',
  'engines',
  'bin',
  'exports',
  'files',
  'publishConfig',
];

type Manifest = Readonly<Record<string, unknown>> & {readonly files: readonly string[]};

function publishedOf(manifest: Manifest, repository: string): Record<string, unknown> {
  const place = repository.replace(/(\.git)?\/*$/, '');
  return {
    ...Object.fromEntries(PUBLISHED.map(name => [name, manifest[name]])),
    repository: {type: 'git', url: `git+${place}.git`},
    homepage: `${place}#readme`,
    bugs: {url: `${place}/issues`},
  };
}

function make(folder: string, repository: string): void {
  const manifest = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as Manifest;
  mkdirSync(folder, {recursive: true});
  for (const file of [...manifest.files, 'LICENSE', 'README.md'])
    cpSync(path.join(ROOT, file), path.join(folder, file));
  const text = JSON.stringify(publishedOf(manifest, repository), undefined, 2);
  writeFileSync(path.join(folder, 'package.json'), `${text}\n`);
}

const [folder = '', repository = ''] = process.argv.slice(2);
if (folder !== '' && URL.parse(repository)?.protocol === 'https:') make(folder, repository);
else {
  process.stderr.write('node dev/npm.ts FOLDER REPOSITORY, such as https://github.com/OWNER/leasepolicy\n');
  process.exitCode = 1;
}
