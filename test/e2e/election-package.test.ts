/** The package as its users get it: packed, installed beside nothing, typed, and at work on a real API server. */
import {execFile} from 'node:child_process';
import {once} from 'node:events';
import {mkdir, mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import test, {type ExecutionContext} from 'ava';
import {operatorCommand, Program, ROOT} from '../../dev/programs.ts';
import {setStage} from '../support/stage.ts';

const execute = promisify(execFile);

/** An empty project with the packed package in node_modules, and with the packages of ours that are named. */
async function projectWith(t: ExecutionContext, ...others: string[]): Promise<string> {
  await operatorCommand();
  const project = await mkdtemp(path.join(tmpdir(), 'leasepolicy-package-'));
  t.teardown(() => rm(project, {recursive: true, force: true}));
  const {stdout} = await execute(
    'npm',
    ['pack', '--json', '--ignore-scripts', '--pack-destination', project],
    {
      cwd: ROOT,
    },
  );
  const [{filename}] = JSON.parse(stdout) as [{filename: string}];
  const modules = path.join(project, 'node_modules');
  await mkdir(path.join(modules, 'leasepolicy'), {recursive: true});
  await execute('tar', [
    '-xzf',
    path.join(project, filename),
    '-C',
    path.join(modules, 'leasepolicy'),
    '--strip-components=1',
  ]);
  for (const name of others) {
    await mkdir(path.dirname(path.join(modules, name)), {recursive: true});
    await symlink(path.join(ROOT, 'node_modules', name), path.join(modules, name));
  }
  await writeFile(path.join(project, 'package.json'), JSON.stringify({type: 'module'}));
  return project;
}

const COMPILE = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2024', '--types', 'node'];

test('a program without any other package is typed by what the package says', async t => {
  const project = await projectWith(t, '@types/node', 'undici-types');
  const program = `
    import {type KubeConfigSource, LeaderElection, type Term, UsageError} from 'leasepolicy/election';
    declare const kubeConfig: KubeConfigSource;
    const election = new LeaderElection({kubeConfig, namespace: 'shop', name: 'api'});
    export async function lead(work: (term: Term) => Promise<number>): Promise<string> {
      for await (const term of election.terms()) if (term.mayWrite) await work(term);
      return election.health().message;
    }
    // @ts-expect-error a name is needed
    export const nameless = () => new LeaderElection({kubeConfig, namespace: 'shop'});
    export const isUsage = (error: unknown) => error instanceof UsageError;
  `;
  await writeFile(path.join(project, 'program.ts'), program);
  const tsc = path.join(ROOT, 'node_modules/.bin/tsc');
  const {stdout} = await execute(tsc, [...COMPILE, 'program.ts'], {cwd: project}).catch(error => error);
  t.is(stdout, '');
  const names = `import('leasepolicy/election').then(all => console.log(Object.keys(all).sort().join()))`;
  const imported = await execute(process.execPath, ['-e', names], {cwd: project});
  t.is(imported.stdout.trim(), 'ApiError,DuplicateIdentityError,LeaderElection,UsageError');
});

test('the example hands over from one process to the other, and tells its health', async t => {
  t.timeout(60_000);
  const stage = await setStage(t);
  await operatorCommand();
  const start = (name: string, port: number) => {
    const env = {KUBECONFIG: stage.cluster.kubeconfig, POD_NAME: name, PORT: `${port}`};
    const program = new Program(name, process.execPath, ['examples/election.ts'], env);
    t.teardown(() => program.stop('SIGKILL'));
    return program;
  };
  const [first, second] = [start('api-1', 0), start('api-2', 0)];
  const leads = (line: {message?: unknown}) => /^leading as/.test(`${line.message}`);
  const leader = await Promise.race(
    [first, second].map(each => each.line('leading', leads).then(() => each)),
  );
  const standby = leader === first ? second : first;
  await leader.line('work', line => line.message === 'working');
  await standby.line('the holder', line => /^holder: api-\d_/.test(`${line.message}`));
  t.false(standby.lines.some(leads));

  t.is(await leader.stop('SIGTERM'), 0);
  t.is(leader.lines.at(-1)?.message, 'released');
  const stoppedAtMs = Date.now();
  await standby.line('leading', leads);
  t.true(Date.now() - stoppedAtMs < 1_000, 'a released Lease is taken at once');
  const lease = await stage.lease('default', 'example');
  t.regex(lease?.spec?.holderIdentity ?? '', new RegExp(`^${standby.name}_[0-9a-f-]{36}$`));
  t.is(lease?.spec?.leaseTransitions, 1);
});

test('terms can be read once, and what can not work is refused with what to write instead', async t => {
  const {LeaderElection} = await import('../../src/election.ts');
  const server = 'http://127.0.0.1:1';
  const kubeConfig = {
    getCurrentCluster: () => ({name: 'none', server}),
    applyToHTTPSOptions: async () => {},
  };
  const lock = {kubeConfig, namespace: 'shop', name: 'api'};
  t.throws(() => new LeaderElection({...lock, name: ''}), {message: 'name is empty: a candidate needs one'});
  t.throws(() => new LeaderElection({...lock, identity: ''}), {message: /identity is empty/});
  t.throws(() => new LeaderElection({...lock, leaseDurationSeconds: 5}), {
    message: /above the renew deadline/,
  });
  const nowhere = {...kubeConfig, getCurrentCluster: () => null};
  t.throws(() => new LeaderElection({...lock, kubeConfig: nowhere}), {message: /no cluster to talk to/});

  const stop = new AbortController();
  const problems: string[] = [];
  const problem = new EventTarget();
  const election = new LeaderElection({
    ...lock,
    signal: stop.signal,
    onProblem: error => {
      problems.push(error.message);
      problem.dispatchEvent(new Event('told'));
    },
  });
  t.regex(election.identity, /_[0-9a-f-]{36}$/);
  const terms = election.terms();
  const next = terms.next();
  await once(problem, 'told');
  t.regex(problems[0] ?? '', /ECONNREFUSED/);
  t.deepEqual(election.health(), {healthy: true, message: 'led by nobody'});
  stop.abort();
  t.true((await next).done);
  await t.throwsAsync(election.terms().next(), {message: /was read before/});
});
