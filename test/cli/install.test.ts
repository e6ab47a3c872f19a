/** What is installed is what config/ says, and install --print needs no cluster. */
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {parseAllDocuments} from 'yaml';
import {ensureBinaries} from '../../dev/controlplane/binaries.ts';
import {run} from '../../dev/controlplane/process.ts';
import {ROOT} from '../../dev/programs.ts';
import {imageReference, installation, nameOf} from '../../src/cli/cluster/installation.ts';
import {PART_NAMES, PARTS, type Part} from '../../src/cli/cluster/parts.ts';
import type {AnyObject} from '../../src/core/manifest/kustomization.ts';
import {call} from '../support/command.ts';

/** As kubectl reads them. */
const parse = (text: string) =>
  parseAllDocuments(text, {version: '1.1'}).map(each => each.toJS() as AnyObject);

const byName = (objects: readonly AnyObject[]) =>
  Object.fromEntries(objects.map(each => [`${each.metadata.namespace ?? ''}/${nameOf(each)}`, each]));

async function kustomized(folder: string): Promise<AnyObject[]> {
  const {kubectl} = await ensureBinaries();
  return parse((await run(kubectl, ['kustomize', folder])).stdout);
}

/** What kustomize makes of all parts, with further lines of an overlay. */
async function overlay(t: ExecutionContext, ...further: string[]): Promise<AnyObject[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-overlay-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const config = path.relative(folder, path.join(ROOT, 'config'));
  const content = [`resources: [${config}/default]`, ...further].join('\n');
  await writeFile(path.join(folder, 'kustomization.yaml'), content);
  return kustomized(folder);
}

test('the operator alone is what kubectl kustomize makes of config/default', async t => {
  const expected = await kustomized(path.join(ROOT, 'config/default'));
  t.true(expected.length > 10);
  t.deepEqual(byName(await installation({})), byName(expected));
});

test('and so is each part', async t => {
  for (const part of PART_NAMES) {
    const expected = [
      ...(await kustomized(path.join(ROOT, 'config/default'))),
      ...(await kustomized(path.join(ROOT, PARTS[part]))),
    ];
    t.deepEqual(byName(await installation({parts: [part]})), byName(expected), part);
  }
});

test('an image and a namespace are set as kustomize sets them', async t => {
  const expected = await overlay(
    t,
    'namespace: leases',
    'images: [{name: leasepolicy, newName: example.com:5000/lp, newTag: "1.0"}]',
  );
  const objects = await installation({image: 'example.com:5000/lp:1.0', namespace: 'leases'});
  t.deepEqual(byName(objects), byName(expected));
});

for (const [given, image] of [
  ['leasepolicy', 'leasepolicy:0.1.0'],
  ['example.com:5000/a/b', 'example.com:5000/a/b:0.1.0'],
  ['example.com/a:1', 'example.com/a:1'],
  [`a@sha256:${'0'.repeat(64)}`, `a@sha256:${'0'.repeat(64)}`],
] as const)
  test(`the image ${given}`, t => t.is(imageReference(given), image));

test('what others refer to goes first', async t => {
  const kinds = (await installation({parts: [...PART_NAMES] as Part[]})).map(({kind}) => kind);
  t.deepEqual(kinds.slice(0, 3), ['Namespace', 'CustomResourceDefinition', 'CustomResourceDefinition']);
  t.is(kinds.at(-1), 'LeasePolicy');
  t.true(kinds.lastIndexOf('ClusterRole') < kinds.indexOf('ClusterRoleBinding'));
  t.true(kinds.lastIndexOf('RoleBinding') < kinds.indexOf('Deployment'));
});

test('printed, it is read back by kubectl as it was, without any cluster', async t => {
  const env = {KUBECONFIG: '/no/such/file'};
  const {code, stdout, stderr} = await call(['install', '--print', '--with', 'flowcontrol'], {env});
  t.deepEqual([code, stderr], [0, '']);
  const objects = await installation({parts: ['flowcontrol']});
  t.deepEqual(parse(stdout), objects);
  t.regex(stdout, /"Off"/, 'a bare Off would be false');
  const json = await call(['install', '--print', '-o', 'json', '--with=flowcontrol'], {env});
  t.deepEqual(JSON.parse(json.stdout).items, objects);
});

for (const [args, sentence] of [
  [
    ['--image', 'UPPER case'],
    /--image UPPER case is no reference of an image: write it as REGISTRY\/NAME:TAG/,
  ],
  [
    ['--with', 'monitring'],
    /write some of flowcontrol, monitoring, system-policies.*see leasepolicy install --help/,
  ],
  [['--kubeconfig', '/no/such/file'], /the kubeconfig can't be read \(.*ENOENT.*\): set KUBECONFIG/],
] as const) {
  test(`one sentence for ${args.join(' ')}`, async t => {
    const {code, stdout, stderr} = await call(['install', ...args]);
    t.deepEqual([code, stdout], [1, '']);
    t.regex(stderr, sentence);
    t.is(stderr.trim().split('\n').length, 1);
    const json = await call(['install', ...args, '-o', 'json']);
    t.is(json.code, 1);
    t.regex(JSON.parse(json.stdout).error.message, /./);
  });
}
