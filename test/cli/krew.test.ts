/** The krew manifest: made for an archive, which works as krew installs it. */
import {execFile} from 'node:child_process';
import {createHash} from 'node:crypto';
import {chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, symlink} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import test from 'ava';
import {parse} from 'yaml';
import {operatorCommand, ROOT} from '../../dev/programs.ts';
import {PRODUCT_VERSION} from '../../src/version.ts';

const exec = promisify(execFile);
const krew = (...args: string[]) =>
  exec(process.execPath, [path.join(ROOT, 'dev/krew.ts'), ...args], {cwd: ROOT});

test('the manifest has the checksum of the archive, and the archive is the plugin', async t => {
  t.timeout(60_000);
  await operatorCommand();
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-krew-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const archive = path.join(folder, 'plugin.tar.gz');
  await krew('pack', archive);
  const {stdout} = await krew(
    'manifest',
    archive,
    'https://example.com/plugin.tar.gz',
    'https://example.com',
  );
  const {apiVersion, kind, metadata, spec} = parse(stdout);
  t.like(
    {apiVersion, kind, metadata},
    {
      apiVersion: 'krew.googlecontainertools.github.com/v1alpha2',
      kind: 'Plugin',
      metadata: {name: 'leasepolicy'},
    },
  );
  t.is(spec.version, `v${PRODUCT_VERSION}`);
  t.true(spec.shortDescription.length <= 50, 'krew cuts longer ones in its list');
  const [platform] = spec.platforms;
  t.is(platform.uri, 'https://example.com/plugin.tar.gz');
  t.is(
    platform.sha256,
    createHash('sha256')
      .update(await readFile(archive))
      .digest('hex'),
  );

  // As krew does it: unpack, copy the files, and link the program under the name of the plugin.
  await mkdir(path.join(folder, 'store'));
  await exec('tar', ['-xzf', archive, '-C', folder]);
  for (const {from, to} of platform.files)
    await copyFile(path.join(folder, from), path.join(folder, 'store', to, from));
  t.deepEqual((await readdir(path.join(folder, 'store'))).sort(), [
    'LICENSE',
    'THIRD-PARTY-LICENSES.txt',
    'leasepolicy.mjs',
    'operator.mjs',
  ]);
  const program = path.join(folder, 'store', platform.bin);
  await chmod(program, 0o755);
  const plugin = path.join(folder, 'kubectl-leasepolicy');
  await symlink(program, plugin);
  const env = {PATH: `${path.dirname(process.execPath)}:${process.env.PATH}`};
  const policy = path.join(ROOT, 'dev/demo/policy.yaml');
  const named = await exec(plugin, ['name', 'deployment/api', '-f', policy], {env});
  t.is(named.stdout, 'shop-14c2529eb4\n');
  t.regex((await exec(plugin, ['run', '--version'], {env})).stdout, /^\d+\.\d+\.\d+\n$/);
});

test('an archive without the program has no manifest', async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-krew-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const archive = path.join(folder, 'other.tar.gz');
  await exec('tar', ['-czf', archive, '-C', ROOT, 'LICENSE']);
  const uri = 'https://example.com/other.tar.gz';
  const error = await t.throwsAsync(krew('manifest', archive, uri, uri));
  t.regex(String(error?.message), /lacks leasepolicy\.mjs, operator\.mjs/);
  await t.throwsAsync(krew('manifest', archive, 'no uri', uri), {message: /ARCHIVE URI HOMEPAGE/});
});
