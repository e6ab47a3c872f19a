/**
 * The release step of the kubectl plugin: packs the archive, and writes the krew manifest for it.
 *   node dev/krew.ts pack dist/leasepolicy.tar.gz
 *   node dev/krew.ts manifest dist/leasepolicy.tar.gz URI HOMEPAGE > leasepolicy.yaml
 */
import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import {readFileSync} from 'node:fs';
import path from 'node:path';
import {parse, stringify} from 'yaml';
import {PRODUCT_VERSION} from '../src/version.ts';

const ROOT = path.dirname(import.meta.dirname);
const TEMPLATE = path.join(ROOT, 'deploy/krew/leasepolicy.yaml');

type Platform = {bin: string; files: {from: string}[]; uri?: string; sha256?: string};
type Manifest = {spec: {platforms: Platform[]; version?: string; homepage?: string}};

const template = (): Manifest => parse(readFileSync(TEMPLATE, 'utf8')) as Manifest;
const filesOf = ({spec}: Manifest) => spec.platforms.flatMap(({files}) => files.map(({from}) => from));

/** Equal files give an equal archive, whoever packs them and when. */
function pack(archive: string): void {
  const places = filesOf(template()).flatMap(name => [
    '-C',
    path.join(ROOT, name === 'LICENSE' ? '' : 'dist'),
    name,
  ]);
  const same = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=a+rX'];
  execFileSync('tar', [...same, '-I', 'gzip -n', '-cf', path.resolve(archive), ...places]);
}

function manifest(archive: string, uri: string, homepage: string): string {
  const made = template();
  const listed = execFileSync('tar', ['-tzf', archive], {encoding: 'utf8'}).trimEnd().split('\n');
  const missing = filesOf(made).filter(name => !listed.includes(name));
  if (missing.length > 0)
    throw new Error(`${archive} lacks ${missing.join(', ')}: pack it by node dev/krew.ts pack`);
  const sha256 = createHash('sha256').update(readFileSync(archive)).digest('hex');
  const {platforms, ...spec} = made.spec;
  return stringify({
    ...made,
    spec: {
      version: `v${PRODUCT_VERSION}`,
      homepage,
      ...spec,
      platforms: platforms.map(each => ({...each, uri, sha256})),
    },
  });
}

const USAGE = 'node dev/krew.ts pack ARCHIVE, or node dev/krew.ts manifest ARCHIVE URI HOMEPAGE';

const [step, archive = '', uri = '', homepage = ''] = process.argv.slice(2);
if (step === 'pack' && archive !== '') pack(archive);
else if (step === 'manifest' && [uri, homepage].every(each => URL.canParse(each)))
  process.stdout.write(manifest(archive, uri, homepage));
else {
  process.stderr.write(`${USAGE}\n`);
  process.exitCode = 1;
}
