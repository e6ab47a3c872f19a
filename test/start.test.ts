/** The two programs of the image: alone in a folder, as fast as promised, and as large as README says. */
import {execFile} from 'node:child_process';
import {copyFile, mkdtemp, readdir, readFile, rm, stat, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import test, {type ExecutionContext} from 'ava';
import {operatorCommand, Program, ROOT} from '../dev/programs.ts';

const execute = promisify(execFile);
const PROGRAMS = ['leasepolicy.mjs', 'operator.mjs'];

/** What the Dockerfile copies, in a folder with nothing beside it and nothing above it. */
async function alone(t: ExecutionContext): Promise<string> {
  await operatorCommand();
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-alone-'));
  t.teardown(() => rm(folder, {recursive: true, force: true}));
  for (const name of PROGRAMS) await copyFile(path.join(ROOT, 'dist', name), path.join(folder, name));
  t.deepEqual((await readdir(folder)).sort(), PROGRAMS);
  return folder;
}

const POLICY = path.join(ROOT, 'config/samples/payments.yaml');
const NAME = ['name', 'deployment/api', '-n', 'shop', '-f', POLICY];

test('the command line starts in a folder without node_modules, and finds the operator beside it', async t => {
  const cwd = await alone(t);
  const call = (...args: string[]) => execute(process.execPath, ['leasepolicy.mjs', ...args], {cwd});
  t.is((await call(...NAME)).stdout, 'payments-14c2529eb4\n');
  t.regex((await call('run', '--version')).stdout, /^\d+\.\d+\.\d+\n$/);
});

test('the operator starts in a folder without node_modules, by the entry point of the image', async t => {
  const cwd = await alone(t);
  const kubeconfig = path.join(cwd, 'kubeconfig');
  await writeFile(kubeconfig, JSON.stringify(NOWHERE));
  const dockerfile = await readFile(path.join(ROOT, 'Dockerfile'), 'utf8');
  const [, ...entry] = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(dockerfile)?.[1] ?? '') as string[];
  const args = entry.map(each => each.replace('/app', cwd));
  const flags = ['--http-port', '0', '--http-host', '127.0.0.1', '--log-format', 'json'];
  const operator = new Program('operator', process.execPath, [...args, ...flags], {KUBECONFIG: kubeconfig});
  t.teardown(() => operator.stop('SIGKILL'));
  const {httpPort} = await operator.line('start', line => line.message === 'started');
  t.is((await fetch(`http://127.0.0.1:${httpPort}/livez`)).status, 200);
  t.is(await operator.stop(), 0);
  t.is(operator.errors, '');
});

/** A cluster that never answers. */
const NOWHERE = {
  apiVersion: 'v1',
  kind: 'Config',
  clusters: [{name: 'none', cluster: {server: 'https://127.0.0.1:1'}}],
  users: [{name: 'none', user: {}}],
  contexts: [{name: 'none', context: {cluster: 'none', user: 'none'}}],
  'current-context': 'none',
};

/** A Node that says it is another one. */
async function actingAs(version: string, cwd: string): Promise<string[]> {
  const file = path.join(cwd, `node-${version}.mjs`);
  const versions = `{...process.versions, node: ${JSON.stringify(version)}}`;
  await writeFile(file, `Object.defineProperty(process, 'versions', {value: ${versions}});\n`);
  return ['--import', file];
}

test('by a Node that is too old, both programs say so in one sentence, whatever they are asked', async t => {
  const cwd = await alone(t);
  const {engines} = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8'));
  const least: string = engines.node.replace('>=', '');
  const [major = 0, minor = 0] = least.split('.').map(Number);
  for (const old of ['20.20.2', `${major - 1}.99.0`, `${major}.${minor - 1}.9`]) {
    const node = await actingAs(old, cwd);
    for (const args of [['leasepolicy.mjs', 'get'], ['leasepolicy.mjs', 'run'], ['operator.mjs']])
      t.like(await t.throwsAsync(execute(process.execPath, [...node, ...args], {cwd})), {
        code: 1,
        stdout: '',
        stderr: `leasepolicy needs Node ${least} or newer, this is ${old}: run it by a newer one; in a checkout, npm ci brings node_modules/.bin/node\n`,
      });
  }
  for (const good of [`${least}.0`, `${major}.${minor + 10}.0`, `${major + 1}.0.0`]) {
    const node = await actingAs(good, cwd);
    const {stdout} = await execute(process.execPath, [...node, 'leasepolicy.mjs', ...NAME], {cwd});
    t.is(stdout, 'payments-14c2529eb4\n', good);
  }
});

test('README tells how large the programs are', async t => {
  await operatorCommand();
  const readme = (await readFile(path.join(ROOT, 'README.md'), 'utf8')).replaceAll('\n', ' ');
  const told = /operator is one file of ([\d.]+) MB, and the command line another of ([\d.]+) MB/.exec(
    readme,
  );
  for (const [name, size] of [
    ['operator.mjs', told?.[1]],
    ['leasepolicy.mjs', told?.[2]],
  ] as const) {
    const megabytes = (await stat(path.join(ROOT, 'dist', name))).size / 1e6;
    t.true(
      Math.abs(megabytes / Number(size) - 1) < 0.1,
      `${name} has ${megabytes.toFixed(2)} MB, not ${size}`,
    );
  }
});
