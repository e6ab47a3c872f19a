/** What is installed is what was chosen: exact versions, each with its hash, and none that is known to be bad. */
import {createHash} from 'node:crypto';
import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import type {Lock} from '../dev/bill.ts';
import {ROOT} from '../dev/programs.ts';

const text = (file: string) => readFileSync(path.join(ROOT, file), 'utf8');
const json = <T>(file: string) => JSON.parse(text(file)) as T;

type Versions = Record<string, string>;
type Package = {
  dependencies: Versions;
  devDependencies: Versions;
  overrides: Record<string, Versions>;
  allowScripts: Record<string, boolean>;
};
type Locked = Lock['packages'][string] & {resolved?: string; link?: boolean; hasInstallScript?: boolean};

const manifest = json<Package>('package.json');
const lock = json<Lock & {lockfileVersion: number}>('package-lock.json');
const root = lock.packages[''] as unknown as Package;
const packages = Object.entries(lock.packages as Record<string, Locked>).filter(([folder]) => folder !== '');
const nameOf = (folder: string) => folder.split('node_modules/').at(-1) ?? '';
const EXACT = /^\d+\.\d+\.\d+$/;

test('package.json names one version of each dependency, and the lock file has the same', t => {
  for (const kind of ['dependencies', 'devDependencies'] as const) {
    for (const [name, version] of Object.entries(manifest[kind])) {
      t.regex(version, EXACT, name);
      t.is(lock.packages[`node_modules/${name}`]?.version, version, name);
    }
    t.deepEqual(root[kind], manifest[kind]);
  }
  t.regex(text('.npmrc'), /^save-exact=true$/m);
});

test('each package in the lock file has a hash, and comes from the registry that is configured', t => {
  t.true(packages.length > 200);
  t.is(lock.lockfileVersion, 3);
  for (const [folder, {version, integrity, resolved, link}] of packages) {
    t.regex(integrity ?? '', /^sha512-[A-Za-z0-9+/]{86}==$/, folder);
    t.regex(version, /^\d+\.\d+\.\d+(-[-.\w]+)?$/, folder);
    t.is(resolved, undefined, folder);
    t.is(link, undefined, folder);
  }
  t.regex(text('.npmrc'), /^omit-lockfile-registry-resolved=true$/m);
  t.notRegex(text('package-lock.json'), /"(resolved|version)": "(https?|git|file)/);
  t.notRegex(text('package-lock.json'), /registry\.|git\+ssh/);
});

test('only packages that are named in package.json run a script when they are installed', t => {
  const scripted = packages.filter(([, each]) => each.hasInstallScript).map(([folder]) => nameOf(folder));
  t.deepEqual(
    scripted.filter(name => manifest.allowScripts[name] !== true),
    [],
  );
});

test('the Node that a script of its package has fetched is the one that was looked at', t => {
  const {node = ''} = manifest.devDependencies;
  const known = new Map(
    text('dev/node.sha256')
      .split('\n')
      .flatMap(line => {
        const [, sum, name] = /^([0-9a-f]{64}) {2}(\S+)$/.exec(line) ?? [];
        return sum && name ? [[name, sum] as const] : [];
      }),
  );
  t.deepEqual(
    [...known.keys()],
    ['x64', 'arm64'].map(arch => `node-linux-${arch}@${node}`),
  );
  const expected = known.get(`node-${process.platform}-${process.arch}@${node}`);
  if (expected === undefined) return t.log(`no sum is known for ${process.platform} on ${process.arch}`);
  const program = readFileSync(path.join(ROOT, 'node_modules/node/bin/node'));
  t.is(createHash('sha256').update(program).digest('hex'), expected);
});

test('the framework uses our client, so that the chain of request is not installed', t => {
  t.deepEqual(manifest.overrides['@dot-i/k8s-operator'], {
    '@kubernetes/client-node': '$@kubernetes/client-node',
  });
  const clients = packages.filter(([folder]) => nameOf(folder) === '@kubernetes/client-node');
  t.is(clients.length, 1);
  const names = new Set(packages.map(([folder]) => nameOf(folder)));
  for (const name of ['request', 'request-promise-core', 'tough-cookie', 'har-validator', 'http-signature'])
    t.false(names.has(name), name);
});

type Advisory = {package: string; versions: string; advisory: string};

test('no version is installed of which an advisory in the list says that it is bad', t => {
  const advisories = json<Advisory[]>('test/advisories.json');
  t.true(advisories.length > 20);
  for (const {package: name, versions, advisory} of advisories) {
    const bad = packages.filter(([folder, {version}]) => nameOf(folder) === name && isIn(version, versions));
    t.deepEqual(
      bad.map(([folder, {version}]) => `${folder} ${version}: ${advisory}`),
      [],
    );
  }
});

test('a version is told from those of an advisory', t => {
  for (const [version, range, expected] of [
    ['4.1.2', '<4.1.3', true],
    ['4.1.3', '<4.1.3', false],
    ['10.2.0', '<10.10.0', true],
    ['3.5.0', '<2.5.4 || >=3.0.0 <3.6.0', true],
    ['2.9.0', '<2.5.4 || >=3.0.0 <3.6.0', false],
    ['4.4.2', '=4.4.2', true],
    ['4.4.3', '=4.4.2', false],
    ['0.0.1', '*', true],
  ] as const)
    t.is(isIn(version, range), expected, `${version} ${range}`);
});

/** Ranges as advisories write them. A version before a release, such as 1.0.0-beta, counts as the release. */
function isIn(version: string, range: string): boolean {
  return range
    .split(' || ')
    .some(part => part === '*' || part.split(' ').every(each => holds(version, each)));
}

function holds(version: string, comparator: string): boolean {
  const [, operator = '', bound = ''] = /^(<|>=|=)([\d.]+)$/.exec(comparator) ?? [];
  const order = compare(version, bound);
  if (operator === '<') return order < 0;
  return operator === '=' ? order === 0 : order >= 0;
}

function compare(a: string, b: string): number {
  const [left, right] = [a, b].map(each => (each.split('-')[0] ?? '').split('.').map(Number));
  const differences = (left ?? []).map((digit, index) => digit - (right?.[index] ?? 0));
  return differences.find(each => each !== 0) ?? 0;
}

test('each Go program has the hashes of its modules', t => {
  for (const folder of [
    'dev/controlplane',
    'dev/candidate',
    'dev/promtool',
    'bench/harness',
    'bench/controller-runtime',
  ])
    t.true(existsSync(path.join(ROOT, folder, 'go.sum')), folder);
});
