/** The npm package as its users get it: made by the release step, packed, and installed from the tarball. */
import {execFile} from 'node:child_process';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import type {ExecutionContext} from 'ava';
import {operatorCommand, ROOT} from '../../dev/programs.ts';

const execute = promisify(execFile);

export type Packed = {readonly filename: string; readonly files: readonly {readonly path: string}[]};

/** A folder of the test, which goes with it. */
export async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-package-'));
  t.teardown(() => rm(folder, {recursive: true, force: true}));
  return folder;
}

/** The folder that `npm publish` is called with. */
export async function releaseFolder(t: ExecutionContext, repository: string): Promise<string> {
  await operatorCommand();
  const folder = path.join(await folderOf(t), 'release');
  await execute(process.execPath, [path.join(ROOT, 'dev/npm.ts'), folder, repository]);
  return folder;
}

export async function pack(folder: string, ...flags: string[]): Promise<Packed> {
  const {stdout} = await execute('npm', ['pack', '--json', ...flags], {cwd: folder});
  const [packed] = JSON.parse(stdout) as Packed[];
  if (!packed) throw new Error(`npm pack has packed nothing: ${stdout}`);
  return packed;
}

/** An empty project in which the packed package is installed, without any network. */
export async function projectWithPackage(t: ExecutionContext): Promise<string> {
  const release = await releaseFolder(t, 'https://example.com/leasepolicy');
  const {filename} = await pack(release);
  const project = await folderOf(t);
  await writeFile(path.join(project, 'package.json'), JSON.stringify({type: 'module', private: true}));
  const install = ['install', '--omit=dev', '--offline', '--ignore-scripts', '--no-audit', '--no-fund'];
  await execute('npm', [...install, path.join(release, filename)], {cwd: project});
  return project;
}
