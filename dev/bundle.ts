/** Bundles the operator into one file, dist/leasepolicy.mjs, which runs without node_modules. */
import {build} from 'esbuild';

await build({
  entryPoints: ['src/main.ts'],
  outfile: 'dist/leasepolicy.mjs',
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node24',
  // Names stay for stack traces; source text that is never run still costs memory, so white space goes.
  minifyWhitespace: true,
  minifySyntax: true,
  banner: {js: "import {createRequire} from 'node:module';const require=createRequire(import.meta.url);"},
  logLevel: 'warning',
});
