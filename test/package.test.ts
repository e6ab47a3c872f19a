/** The npm package: what is in it, what it says of itself, and that it works where nothing else is installed. */
import {execFile} from 'node:child_process';
import {mkdir, readdir, readFile, symlink, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {promisify} from 'node:util';
import test from 'ava';
import {parse} from 'yaml';
import {ROOT} from '../dev/programs.ts';
import {PRODUCT_VERSION} from '../src/version.ts';
import {pack, projectWithPackage, releaseFolder} from './support/package.ts';

const execute = promisify(execFile);
const json = async (file: string) => JSON.parse(await readFile(file, 'utf8'));
const REPOSITORY = 'https://example.com/somebody/leasepolicy';

test('it has the bundles, their licenses, the types of what others import, and nothing else', async t => {
  const {files} = await pack(await releaseFolder(t, REPOSITORY), '--dry-run');
  t.deepEqual(files.map(file => file.path).sort(), [
    'LICENSE',
    'README.md',
    'dist/THIRD-PARTY-LICENSES.txt',
    'dist/election.mjs',
    'dist/leasepolicy.mjs',
    'dist/naming.mjs',
    'dist/operator.mjs',
    'dist/types/election.d.ts',
    'dist/types/errors.d.ts',
    'dist/types/naming.d.ts',
    'dist/types/runtime/connection.d.ts',
    'package.json',
  ]);
});

test('it says whose it is and where it comes from, asks for provenance, and has no dependencies', async t => {
  const ours = await json(path.join(ROOT, 'package.json'));
  const published = await json(path.join(await releaseFolder(t, `${REPOSITORY}.git/`), 'package.json'));
  t.like(published, {
    name: 'leasepolicy',
    version: PRODUCT_VERSION,
    license: 'Apache-2.0',
    description: ours.description,
    repository: {type: 'git', url: `git+${REPOSITORY}.git`},
    homepage: `${REPOSITORY}#readme`,
    bugs: {url: `${REPOSITORY}/issues`},
    publishConfig: {access: 'public', provenance: true},
  });
  for (const field of [
    'private',
    'dependencies',
    'devDependencies',
    'scripts',
    'overrides',
    'allowScripts',
    'ava',
  ])
    t.false(field in published, field);
  const chart = parse(await readFile(path.join(ROOT, 'charts/leasepolicy/Chart.yaml'), 'utf8'));
  t.deepEqual(published.keywords, ['kubernetes', ...chart.keywords]);
  t.true(ours.private, 'the tree itself is never published');
});

test('a release without a repository is none', async t => {
  for (const repository of ['', 'leasepolicy', 'http://example.com/leasepolicy']) {
    const error = await t.throwsAsync(releaseFolder(t, repository));
    t.regex(String(error?.message), /dev\/npm\.ts FOLDER REPOSITORY/);
  }
});

test('installed without a network, it is there alone, under both of its names', async t => {
  const project = await projectWithPackage(t);
  const modules = path.join(project, 'node_modules');
  t.deepEqual(
    (await readdir(modules)).filter(name => !name.startsWith('.')),
    ['leasepolicy'],
  );
  const called = (name: string, ...args: string[]) =>
    execute(path.join(modules, '.bin', name), args, {
      cwd: project,
      env: {PATH: `${path.dirname(process.execPath)}:${process.env.PATH}`},
    });
  const policy = path.join(ROOT, 'config/samples/payments.yaml');
  for (const name of ['leasepolicy', 'kubectl-leasepolicy'])
    t.is(
      (await called(name, 'name', 'deployment/api', '-n', 'shop', '-f', policy)).stdout,
      'payments-14c2529eb4\n',
    );
  t.regex((await called('kubectl-leasepolicy', '--help')).stdout, /^Usage: kubectl leasepolicy COMMAND/);
  t.regex(
    (await called('leasepolicy', 'run', '--help')).stdout,
    /--http-port/,
    'the operator is found beside it',
  );
});

const PROGRAM = `
  import {leaseName, NAMING_VERSION, type Naming, NamingError, type NamingProblem} from 'leasepolicy/naming';
  import {type KubeConfigSource, LeaderElection, type Term, UsageError} from 'leasepolicy/election';
  const naming: Naming = {prefix: 'payments', hash: {of: ['name'], encoding: 'Hex'}};
  export const name: string = leaseName(naming, {kind: 'Deployment', namespace: 'shop', name: 'api'});
  export const version: string = NAMING_VERSION;
  export const problemOf = (error: unknown): NamingProblem | undefined =>
    error instanceof NamingError ? error.problem : undefined;
  // @ts-expect-error there is no such encoding
  export const octal = () => leaseName({prefix: 'a', hash: {encoding: 'Octal'}}, {kind: 'A', namespace: 'b', name: 'c'});
  declare const kubeConfig: KubeConfigSource;
  export async function lead(work: (term: Term) => Promise<number>): Promise<string> {
    const election = new LeaderElection({kubeConfig, namespace: 'shop', name});
    for await (const term of election.terms()) if (term.mayWrite) await work(term);
    return election.health().message;
  }
  // @ts-expect-error a name is needed
  export const nameless = () => new LeaderElection({kubeConfig, namespace: 'shop'});
  export const isUsage = (error: unknown) => error instanceof UsageError;
`;

/** Nothing is skipped: types that need a package of ours would not be found. */
const COMPILE = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--exactOptionalPropertyTypes'];
const FORM = ['--module', 'nodenext', '--target', 'es2024', '--lib', 'es2024', '--types', 'node'];

test('a program without any other package is typed by what the package says', async t => {
  const project = await projectWithPackage(t);
  // The types of Node are the reader's own, and are no dependency of the package.
  for (const name of ['@types/node', 'undici-types']) {
    await mkdir(path.dirname(path.join(project, 'node_modules', name)), {recursive: true});
    await symlink(path.join(ROOT, 'node_modules', name), path.join(project, 'node_modules', name));
  }
  await writeFile(path.join(project, 'program.ts'), PROGRAM);
  const tsc = path.join(ROOT, 'node_modules/.bin/tsc');
  const {stdout} = await execute(tsc, [...COMPILE, ...FORM, 'program.ts'], {cwd: project}).catch(
    error => error,
  );
  t.is(stdout, '');
});

for (const [name, exported] of [
  ['leasepolicy/election', 'ApiError,DuplicateIdentityError,LeaderElection,UsageError'],
  ['leasepolicy/naming', 'NAMING_VERSION,NamingError,leaseName'],
] as const) {
  test(`${name} exports what its page says, and nothing else of the package can be imported`, async t => {
    const project = await projectWithPackage(t);
    const load = (what: string, then: string) =>
      execute(process.execPath, ['-e', `import('${what}').then(all => console.log(${then}))`], {
        cwd: project,
      });
    t.is((await load(name, 'Object.keys(all).sort().join()')).stdout, `${exported}\n`);
    await t.throwsAsync(load('leasepolicy/dist/operator.mjs', 'all'), {
      message: /ERR_PACKAGE_PATH_NOT_EXPORTED/,
    });
  });
}
