/**
 * Bundles the operator into one file, dist/leasepolicy.mjs, which runs without node_modules. With a version as its
 * argument it makes what another release would be, dist/leasepolicy-<version>.mjs, for tests of an upgrade.
 */
import {readFileSync, renameSync} from 'node:fs';
import {build, type Plugin} from 'esbuild';

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
};

const leaveOut: Plugin = {
  name: 'leave-out',
  setup(bundle) {
    const resolveDir = process.cwd();
    bundle.onResolve({filter: /^(@kubernetes\/client-node|\.\/gen\/index\.js|undici|gaxios)$/}, ({path}) => ({
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

const [version] = process.argv.slice(2);
const name = version ? `leasepolicy-${version}` : 'leasepolicy';

const otherVersion: Plugin = {
  name: 'other-version',
  setup(bundle) {
    bundle.onLoad({filter: /\/src\/config\.ts$/}, ({path}) => ({
      contents: readFileSync(path, 'utf8').replace(/(PRODUCT_VERSION = ')[^']+/, `$1${version}`),
      loader: 'ts',
    }));
  },
};

const unfinished = `dist/.${name}-${process.pid}.mjs`;
await build({
  entryPoints: ['src/main.ts'],
  outfile: unfinished,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  plugins: version ? [leaveOut, otherVersion] : [leaveOut],
  // Names stay for stack traces; source text that is never run still costs memory, so white space goes.
  minifyWhitespace: true,
  minifySyntax: true,
  banner: {js: "import {createRequire} from 'node:module';const require=createRequire(import.meta.url);"},
  logLevel: 'warning',
});
// At once: an operator that starts meanwhile reads the old bundle or the new one.
renameSync(unfinished, `dist/${name}.mjs`);
