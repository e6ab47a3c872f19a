/** The bill of materials of the operator in CycloneDX, from the lock file and the lists of what is in the bundles. */
import {readFile} from 'node:fs/promises';
import path from 'node:path';

/** A package as package-lock.json has it. */
export type LockedPackage = {
  readonly version: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
};

/** The folders of the packages that are in the bundles, from the lists that dev/bundle.ts leaves. */
export async function bundledIn(dist: string): Promise<ReadonlySet<string>> {
  const files = ['operator', 'leasepolicy', 'election', 'naming'].map(name =>
    path.join(dist, `${name}.packages.json`),
  );
  const texts = await Promise.all(files.map(file => readFile(file, 'utf8')));
  return new Set(texts.flatMap(text => JSON.parse(text) as string[]).sort());
}

/** By folder; that of the project itself is empty. */
export type Lock = {
  readonly name: string;
  readonly version: string;
  readonly packages: Readonly<Record<string, LockedPackage>>;
};

export type Component = {
  readonly type: 'application' | 'library' | 'platform';
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  /** Of a library: excluded where nothing of it is in the bundle. */
  readonly scope?: 'required' | 'excluded';
  readonly purl: string;
  readonly licenses: readonly {readonly license: {readonly id: string}}[];
  readonly hashes?: readonly {readonly alg: 'SHA-512'; readonly content: string}[];
};

export type Bill = {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.5';
  readonly version: number;
  readonly metadata: {readonly component: Component};
  readonly components: readonly Component[];
  readonly dependencies: readonly {readonly ref: string; readonly dependsOn: readonly string[]}[];
};

/**
 * All packages that an installation without development has, and Node, with which the image runs. `npm sbom` leaves out
 * packages that both need, such as debug, and names the project after its folder. Without a time and a number of its own,
 * the same lock file gives the same bill.
 */
export function billOf(lock: Lock, bundled: ReadonlySet<string>): Bill {
  const folders = Object.keys(lock.packages).filter(folder => folder !== '' && !at(lock, folder).dev);
  const required = new Set(folders.filter(folder => bundled.has(folder)).map(folder => refOf(lock, folder)));
  const components = new Map(folders.map(folder => [refOf(lock, folder), library(lock, folder, required)]));
  const depends = new Map(['', ...folders].map(folder => [refOf(lock, folder), needs(lock, folder)]));
  const runtime = platform(lock, 'node_modules/node');
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: {component: {...described(lock, ''), type: 'application'}},
    components: [...components.values(), runtime].sort(byRef),
    dependencies: [...depends].map(([ref, dependsOn]) => ({ref, dependsOn})),
  };
}

const byRef = (a: Component, b: Component) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1);

function at(lock: Lock, folder: string): LockedPackage {
  const found = lock.packages[folder];
  if (!found) throw new Error(`package-lock.json has no ${folder}`);
  return found;
}

const nameOf = (lock: Lock, folder: string) =>
  folder === '' ? lock.name : (folder.split('node_modules/').at(-1) ?? '');
const refOf = (lock: Lock, folder: string) => `${nameOf(lock, folder)}@${at(lock, folder).version}`;

/** What its name, version and license are. */
export function described(lock: Lock, folder: string): Omit<Component, 'type'> {
  const {version, license, integrity} = at(lock, folder);
  if (!license) throw new Error(`package-lock.json has no license of ${folder}`);
  const name = nameOf(lock, folder);
  const [, hash] = /^sha512-(.+)$/.exec(integrity ?? '') ?? [];
  return {
    'bom-ref': refOf(lock, folder),
    name,
    version,
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    licenses: [{license: {id: license}}],
    ...(hash ? {hashes: [{alg: 'SHA-512', content: Buffer.from(hash, 'base64').toString('hex')}]} : {}),
  };
}

function library(lock: Lock, folder: string, required: ReadonlySet<string>): Component {
  const scope = required.has(refOf(lock, folder)) ? 'required' : 'excluded';
  return {type: 'library', ...described(lock, folder), scope};
}

/** Without the hash, which is that of a package that fetches it: dev/node.sha256 has that of the program. */
function platform(lock: Lock, folder: string): Component {
  const {hashes: _, ...rest} = described(lock, folder);
  return {type: 'platform', ...rest, scope: 'required'};
}

/** The packages that Node finds from the folder, as it looks into each node_modules on the way up. */
function needs(lock: Lock, folder: string): string[] {
  const {dependencies, optionalDependencies, peerDependencies} = at(lock, folder);
  const names = Object.keys({...dependencies, ...optionalDependencies, ...peerDependencies});
  return names.flatMap(name => {
    const found = above(folder).find(each => lock.packages[`${each}node_modules/${name}`]);
    return found === undefined ? [] : refOf(lock, `${found}node_modules/${name}`);
  });
}

/** The folder and those above it in which packages may be, each with its slash. */
function above(folder: string): string[] {
  if (folder === '') return [''];
  return [`${folder}/`, ...above(folder.slice(0, Math.max(0, folder.lastIndexOf('node_modules/') - 1)))];
}
