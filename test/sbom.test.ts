/** The bill of materials: all that is installed to run, what of it is in the bundle, and nothing of this machine. */
import {readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {billOf, bundledIn, type Lock} from '../dev/bill.ts';
import {ALLOWED} from '../dev/licenses.ts';
import {operatorCommand, ROOT} from '../dev/programs.ts';

const json = <T>(file: string) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')) as T;
const lock = json<Lock>('package-lock.json');
const manifest = json<{version: string; dependencies: Record<string, string>}>('package.json');

async function bill() {
  await operatorCommand();
  const bundled = await bundledIn(path.join(ROOT, 'dist'));
  return {bundled: [...bundled], ...billOf(lock, bundled)};
}

test('it names each dependency of package.json with its version, its license and its hash', async t => {
  const {metadata, components} = await bill();
  t.like(metadata.component, {type: 'application', name: 'leasepolicy', version: manifest.version});
  t.deepEqual(metadata.component.licenses, [{license: {id: 'Apache-2.0'}}]);
  for (const [name, version] of Object.entries(manifest.dependencies)) {
    const found = components.find(each => each['bom-ref'] === `${name}@${version}`);
    t.like(found, {name, version, purl: `pkg:npm/${name.replace('@', '%40')}@${version}`});
  }
  for (const {type, licenses, hashes, version, ...rest} of components) {
    t.regex(version, /^\d+\.\d+\.\d+/);
    t.true(
      licenses.length > 0 && licenses.every(({license}) => ALLOWED.includes(license.id)),
      rest['bom-ref'],
    );
    if (type === 'library') t.regex(hashes?.[0]?.content ?? '', /^[0-9a-f]{128}$/, rest['bom-ref']);
  }
});

test('it has every package of which there is something in the bundle, and says of the others that there is not', async t => {
  const {bundled, components} = await bill();
  t.true(bundled.length > 30);
  const required = components.filter(({type, scope}) => type === 'library' && scope === 'required');
  const refs = bundled.map(
    folder => `${folder.split('node_modules/').at(-1)}@${lock.packages[folder]?.version}`,
  );
  t.deepEqual(
    required.map(each => each['bom-ref']),
    [...new Set(refs)].sort(),
  );
  const others = components.filter(({scope}) => scope === 'excluded').map(each => each.name);
  // Left out by dev/bundle.ts, and only needed to build.
  for (const name of ['undici', 'gaxios', 'ws']) t.true(others.includes(name), name);
});

/** By package, what it never loads there. What is new here may be inside of its file: then it belongs into INSIDE. */
const LEFT_OUT = {
  '@dot-i/k8s-operator': ['gaxios'],
  '@kubernetes/client-node': [
    'form-data',
    'hpagent',
    'isomorphic-ws',
    'socks',
    'socks-proxy-agent',
    'stream-buffers',
    'tar-fs',
    'undici',
    'ws',
  ],
  'js-yaml': ['argparse'],
  'openid-client': ['jose'],
  winston: ['@colors/colors'],
};

const withoutVersion = (ref: string) => ref.replace(/@[^@]*$/, '');

test('what a package of the bundle needs is in the bundle too, but for what is known to be left out', async t => {
  const {components, dependencies} = await bill();
  const required = new Set(components.filter(each => each.scope === 'required').map(each => each['bom-ref']));
  const without = dependencies.flatMap(({ref, dependsOn}) => {
    const others = dependsOn.filter(each => !required.has(each) && !each.startsWith('@types/'));
    return required.has(ref) && others.length > 0
      ? [[withoutVersion(ref), others.map(withoutVersion).sort()]]
      : [];
  });
  t.deepEqual(Object.fromEntries(without), LEFT_OUT);
});

test('it names the Node of the image', async t => {
  const {components} = await bill();
  const runtime = components.filter(({type}) => type === 'platform');
  t.deepEqual(
    runtime.map(each => each['bom-ref']),
    [`node@${process.versions.node}`],
  );
});

test('it has no package that only development needs, and every one that others of it need', async t => {
  const {components, dependencies} = await bill();
  const names = new Set(components.map(({name}) => name));
  for (const name of ['ava', 'esbuild', 'typescript', 'fast-check', '@biomejs/biome'])
    t.false(names.has(name), name);
  const refs = new Set(components.map(each => each['bom-ref']));
  for (const {ref, dependsOn} of dependencies) {
    for (const needed of dependsOn.filter(each => !isDevelopment(each)))
      t.true(refs.has(needed), `${ref}: ${needed}`);
  }
  // npm sbom leaves these two out, as development needs them too.
  t.true(names.has('debug') && names.has('ms'));
});

/** The project itself needs both kinds. */
const isDevelopment = (ref: string) =>
  Object.entries(lock.packages).every(
    ([folder, {version, dev}]) =>
      `${folder.split('node_modules/').at(-1)}@${version}` !== ref || dev === true,
  );

test('it says nothing of the machine and the moment, so that anybody gets the same', async t => {
  const first = JSON.stringify(await bill());
  t.is(JSON.stringify(await bill()), first);
  t.false(first.includes(ROOT));
  t.notRegex(first, /"\/|\/home\/|\/tmp\/|\/root\/|localhost|timestamp|serialNumber|https?:/);
});

test('a package finds what it needs as Node does: the nearest on the way up', t => {
  const one = (version: string, dependencies: Record<string, string> = {}) => ({
    version,
    license: 'MIT',
    dependencies,
  });
  const {dependencies} = billOf(
    {
      name: 'x',
      version: '1.0.0',
      packages: {
        '': one('1.0.0', {a: '1'}),
        'node_modules/a': one('1.0.0', {b: '1', '@s/c': '1', gone: '1'}),
        'node_modules/a/node_modules/b': one('2.0.0', {'@s/c': '1'}),
        'node_modules/b': one('1.0.0'),
        'node_modules/@s/c': one('1.0.0', {b: '1'}),
        'node_modules/node': {...one('26.0.0'), dev: true},
      },
    },
    new Set(),
  );
  t.deepEqual(dependencies, [
    {ref: 'x@1.0.0', dependsOn: ['a@1.0.0']},
    {ref: 'a@1.0.0', dependsOn: ['b@2.0.0', '@s/c@1.0.0']},
    {ref: 'b@2.0.0', dependsOn: ['@s/c@1.0.0']},
    {ref: 'b@1.0.0', dependsOn: []},
    {ref: '@s/c@1.0.0', dependsOn: ['b@1.0.0']},
  ]);
});
