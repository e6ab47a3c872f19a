/**
 * Bundles what the package consists of, so that it runs without node_modules: the command line into
 * dist/leasepolicy.mjs, the operator into dist/operator.mjs, and what other programs import, the election and the
 * naming, into dist/election.mjs and dist/naming.mjs, with their types in dist/types; beside each, as .packages.json,
 * the packages of which there is something in it, and for all of them dist/THIRD-PARTY-LICENSES.txt. With a version as
 * its argument it makes what another release of the operator would be, dist/operator-<version>.mjs, for tests of an
 * upgrade.
 */
import {execFileSync} from 'node:child_process';
import {chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync} from 'node:fs';
import {type BuildOptions, build, type Metafile, type Plugin} from 'esbuild';
import {manifestFiles} from '../src/cli/files/manifest-files.ts';
import {bundledIn, type Lock} from './bill.ts';
import {licensesOf} from './licenses.ts';

/**
 * Modules that the framework and KubeConfig load and that this operator never calls, with the exports that are
 * looked up while loading. Loaded, they cost 60 MiB of memory and half of the start-up time: the framework makes a
 * CoreV1Api, and its requests are replaced by those of src/runtime/client.ts.
 */
const LEFT_OUT: Readonly<Record<string, string>> = {
  '@kubernetes/client-node':
    "export {KubeConfig} from '@kubernetes/client-node/dist/config.js'; export class CoreV1Api {}",
  './gen/index.js': 'export const createConfiguration = given => given; export class ServerConfiguration {}',
  undici: 'export class Agent {} export class ProxyAgent {}',
  gaxios: 'export const instance = undefined;',
  // A cluster behind a proxy is refused before anything is asked of it.
  socks: 'export class SocksClient {}',
  'socks-proxy-agent': 'export class SocksProxyAgent {}',
  hpagent: 'export class HttpProxyAgent {} export class HttpsProxyAgent {}',
};

/** Names of modules, for a filter. */
const anyOf = (names: readonly string[]) =>
  new RegExp(`^(${names.map(name => name.replaceAll(/[./]/g, '\\$&')).join('|')})$`);

const leaveOut: Plugin = {
  name: 'leave-out',
  setup(bundle) {
    const resolveDir = process.cwd();
    bundle.onResolve({filter: anyOf(Object.keys(LEFT_OUT))}, ({path}) => ({
      path,
      namespace: 'left-out',
    }));
    bundle.onResolve({filter: /^@kubernetes\/client-node\/dist\//}, ({path}) => ({
      path: `${resolveDir}/node_modules/${path}`,
    }));
    bundle.onLoad({filter: /.*/, namespace: 'left-out'}, ({path}) => ({
      contents: LEFT_OUT[path] ?? '',
      resolveDir,
    }));
  },
};

/** The command line loads the operator when it is to run, and is small without it. */
const apartFromOperator: Plugin = {
  name: 'apart-from-operator',
  setup(bundle) {
    bundle.onResolve({filter: /\/operator-process\.ts$/}, () => ({path: './operator.mjs', external: true}));
  },
};

/**
 * Modules of Node that take long to load: an import at the head of the file would load them for every command. And util,
 * as an older Node has no styleText in it, and would say so before the banner can tell that it is too old.
 */
const SLOW_BUILTINS = /^(node:)?(child_process|dns|http|http2|https|net|tls|util|vm)$/;

const loadWhenNeeded: Plugin = {
  name: 'load-when-needed',
  setup(bundle) {
    bundle.onResolve({filter: SLOW_BUILTINS}, ({path}) => ({
      path: path.replace(/^node:/, ''),
      namespace: 'slow-builtin',
    }));
    // The name is put together, or else it would be resolved here again.
    bundle.onLoad({filter: /.*/, namespace: 'slow-builtin'}, ({path}) => ({
      contents: `module.exports = require(['node', '${path}'].join(':'));`,
    }));
  },
};

/** The schemas as what they say, without the library that they are written in, which is a quarter of the file. */
const schemasAsData: Plugin = {
  name: 'schemas-as-data',
  setup(bundle) {
    bundle.onLoad({filter: /\/src\/api\/(leasepolicy|leaseregistry|policytest)\.ts$/}, async ({path}) => {
      const values = Object.entries((await import(path)) as Record<string, unknown>);
      const lines = values.map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};`);
      return {contents: lines.join('\n'), loader: 'js'};
    });
  },
};

/** What is installed is read here, from the same files as kubectl apply -k reads. */
const withManifests: Plugin = {
  name: 'with-manifests',
  setup(bundle) {
    bundle.onLoad({filter: /\/src\/cli\/files\/manifest-files\.ts$/}, () => ({
      contents: `const files = ${JSON.stringify(manifestFiles())};\nexport const manifestFiles = () => files;`,
    }));
  },
};

const otherVersion = (version: string): Plugin => ({
  name: 'other-version',
  setup(bundle) {
    bundle.onLoad({filter: /\/src\/version\.ts$/}, ({path}) => ({
      contents: readFileSync(path, 'utf8').replace(/(PRODUCT_VERSION = ')[^']+/, `$1${version}`),
      loader: 'ts',
    }));
  },
});

/**
 * Puts a finished file in the place of the old one at once: a program that starts meanwhile reads the one or the other.
 * An equal one stays, as whoever packs it at this moment would find it changed.
 */
function putInPlace(finished: string, name: string): void {
  if (existsSync(name) && readFileSync(name).equals(readFileSync(finished))) rmSync(finished);
  else renameSync(finished, name);
}

async function bundle(entry: string, name: string, options: Omit<BuildOptions, 'metafile'>): Promise<void> {
  const unfinished = `dist/.${name}-${process.pid}.mjs`;
  const {metafile} = await build({
    metafile: true,
    entryPoints: [entry],
    outfile: unfinished,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node24',
    logLevel: 'warning',
    ...options,
  });
  chmodSync(unfinished, 0o755);
  writeFileSync(`${unfinished}.json`, `${JSON.stringify(packagesIn(metafile), undefined, 2)}\n`);
  putInPlace(unfinished, `dist/${name}.mjs`);
  putInPlace(`${unfinished}.json`, `dist/${name}.packages.json`);
}

/** Packages that are published as one file, each with those inside of it, which esbuild can't see. */
const INSIDE: Readonly<Record<string, readonly string[]>> = {
  'node_modules/@so-ric/colorspace': [
    'node_modules/color',
    'node_modules/color-convert',
    'node_modules/color-name',
    'node_modules/color-string',
    'node_modules/text-hex',
  ],
  'node_modules/jsonpath-plus': [
    'node_modules/@jsep-plugin/assignment',
    'node_modules/@jsep-plugin/regex',
    'node_modules/jsep',
  ],
};

/** Folders of packages as package-lock.json names them. */
function packagesIn({outputs}: Metafile): string[] {
  const parts = Object.values(outputs).flatMap(({inputs}) => Object.entries(inputs));
  const folders = parts.flatMap(([file, {bytesInOutput}]) =>
    bytesInOutput > 0 ? (/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []) : [],
  );
  return [...new Set(folders.flatMap(folder => [folder, ...(INSIDE[folder] ?? [])]))].sort();
}

async function writeLicenses(): Promise<void> {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as Lock;
  const unfinished = `dist/.licenses-${process.pid}.txt`;
  writeFileSync(unfinished, licensesOf(lock, await bundledIn('dist'), '.'));
  putInPlace(unfinished, 'dist/THIRD-PARTY-LICENSES.txt');
}

/** Before everything else, so that an older Node says that it is one, and not what it lacks. */
function versionCheck(): string {
  const {engines} = JSON.parse(readFileSync('package.json', 'utf8')) as {engines: {node: string}};
  const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(engines.node) ?? [];
  if (minor === undefined)
    throw new Error(`engines.node of package.json is no >=MAJOR.MINOR: ${engines.node}`);
  const sentence = `leasepolicy needs Node ${major}.${minor} or newer, this is \${process.versions.node}: \
run it by a newer one; in a checkout, npm ci brings node_modules/.bin/node`;
  return `{
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < ${major} || (major === ${major} && minor < ${minor})) {
    process.stderr.write(\`${sentence}\\n\`);
    process.exit(1);
  }
}`;
}

const REQUIRE = "import {createRequire} from 'node:module';const require=createRequire(import.meta.url);";

/** Names stay for stack traces; source text that is never run still costs memory, so white space goes. */
function bundleProgram(entry: string, name: string, plugins: Plugin[]): Promise<void> {
  return bundle(entry, name, {
    plugins,
    minifyWhitespace: true,
    minifySyntax: true,
    banner: {js: `${REQUIRE}\n${versionCheck()}`},
  });
}

const bundleOperator = (name: string, plugins: Plugin[]) =>
  bundleProgram('src/operator-process.ts', name, plugins);

const [version] = process.argv.slice(2);
if (version) {
  await bundleOperator(`operator-${version}`, [leaveOut, otherVersion(version)]);
} else {
  await bundleOperator('operator', [leaveOut]);
  await bundleProgram('src/main.ts', 'leasepolicy', [
    leaveOut,
    apartFromOperator,
    loadWhenNeeded,
    schemasAsData,
    withManifests,
  ]);
  await bundle('src/election.ts', 'election', {});
  await bundle('src/naming.ts', 'naming', {plugins: [schemasAsData]});
  await writeLicenses();
  execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.types.json'], {stdio: 'inherit'});
}
