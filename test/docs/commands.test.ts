/** Every command of README and docs works as it stands there, or the page says why no test can run it. */
import {spawn} from 'node:child_process';
import {mkdir, mkdtemp, rm, symlink} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {sendSignal} from '../../dev/controlplane/process.ts';
import {ensureHelm} from '../../dev/helm/helm.ts';
import {operatorCommand, ROOT} from '../../dev/programs.ts';
import {eventually} from '../support/eventually.ts';
import {type Stage, setEmptyStage} from '../support/stage.ts';
import {agrees, type Block, blocksOf, isCommands, pages, stepsOf} from './blocks.ts';

test('a shown table agrees by its head, and every other text by its words', t => {
  t.true(agrees('NAME   AGE\napi   1s', 'NAME         AGE\nworker   5m'));
  t.false(agrees('NAME   AGE', 'NAME   HOLDER   AGE'));
  t.true(agrees('14c2529eb4', '14c2529eb4\n'));
  t.false(agrees('14c2529eb4', '14c2529eb5'));
  t.true(agrees('denied: a\nlong... one', 'denied: a long, very long one'));
  t.false(agrees('(a)', 'a'));
  t.true(agrees('api-66d9c47458-hvdmx (41s ago)', 'api-6858545f6-kl7xk (1m2s ago)'));
  t.true(
    agrees(
      'api-66d9c47458-hvdmx_6f0c7b8a-31c2-4b8e-9d0c-6a1d5c7e0f42',
      'api-6858545f6-kl7xk_5d0fc7b8-31c2-4b8e-9d0c-6a1d5c7e0f42',
    ),
  );
  t.false(agrees('api-66d9c47458-hvdmx (41s ago)', 'web-6858545f6-kl7xk (1m2s ago)'));
});

test('what is not run has a reason', async t => {
  for (const page of await pages()) {
    for (const {line, notRun} of await blocksOf(page)) {
      if (notRun === undefined) continue;
      t.true(notRun.split(' ').length > 3, `${page}:${line}`);
      t.log(`${page}:${line} is not run: ${notRun}`);
    }
  }
});

/** A folder with the programs that readers have installed. */
let commandLine = '';

test.before(async () => {
  commandLine = await mkdtemp(path.join(tmpdir(), 'leasepolicy-commands-'));
  for (const name of ['leasepolicy', 'kubectl-leasepolicy'])
    await symlink(path.join(ROOT, 'dist/leasepolicy.mjs'), path.join(commandLine, name));
  await symlink(await ensureHelm(), path.join(commandLine, 'helm'));
});

test.after.always(() => rm(commandLine, {recursive: true}));

/** Far more than any takes, so that one that waits for ever is told by its name. */
const COMMAND_MS = 120_000;

/** Where a reader sits: a cluster, and a home that is new. */
type Desk = {readonly stage: Stage; readonly home: string};

async function sitDown(t: ExecutionContext): Promise<Desk> {
  const stage = await setEmptyStage(t, {components: 'all', nodes: 3});
  const home = await mkdtemp(path.join(tmpdir(), 'leasepolicy-home-'));
  t.teardown(() => rm(home, {recursive: true, force: true}));
  await mkdir(path.join(home, '.local/bin'), {recursive: true});
  return {stage, home};
}

/** Runs what a reader types, in one shell for each step; what it leaves in the background ends with the test. */
function typed(
  t: ExecutionContext,
  {stage, home}: Desk,
  command: string,
): Promise<{code: number | null; output: string}> {
  const {binaries, kubeconfig} = stage.cluster;
  const bin = [
    commandLine,
    path.dirname(binaries.kubectl),
    path.join(ROOT, 'node_modules/.bin'),
    process.env.PATH,
  ].join(':');
  const shell = spawn('bash', ['-euo', 'pipefail', '-c', command], {
    cwd: ROOT,
    // Of its own, so that all of it can be ended.
    detached: true,
    env: {...process.env, HOME: home, KUBECONFIG: kubeconfig, PATH: bin, LEASEPOLICY_HTTP_PORT: '0'},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = () => sendSignal(-(shell.pid ?? 0), 'SIGKILL');
  const late = setTimeout(end, COMMAND_MS);
  t.teardown(end);
  let output = '';
  for (const stream of [shell.stdout, shell.stderr])
    stream.setEncoding('utf8').on('data', text => (output += text));
  // Not 'close': what runs in the background keeps the output open.
  return new Promise(resolve => {
    shell.once('exit', code => {
      clearTimeout(late);
      setImmediate(() => resolve({code, output}));
    });
  });
}

async function follow(t: ExecutionContext, desk: Desk, block: Block): Promise<void> {
  const first = block.before.map(command => ({command, output: undefined}));
  for (const {command, output} of [...first, ...stepsOf(block)]) {
    const where = `${block.page}:${block.line}: ${command}`;
    if (output === undefined) {
      const {code, output: printed} = await typed(t, desk, command);
      t.is(code, 0, `${where}\n${printed}`);
      continue;
    }
    // What the operator does takes a moment, and a reader looks again.
    let last = '';
    const shown = await eventually(
      where,
      async () => {
        last = (await typed(t, desk, command)).output;
        return agrees(output, last);
      },
      20_000,
    ).catch(() => false);
    t.true(shown, `${where}\nshown:\n${output}\nprinted:\n${last}`);
  }
}

async function read(t: ExecutionContext, desk: Desk, page: string): Promise<void> {
  const blocks = (await blocksOf(page)).filter(isCommands).filter(({notRun}) => notRun === undefined);
  t.true(blocks.length > 0, page);
  for (const block of blocks) await follow(t, desk, block);
}

/** Pages that a reader follows on one cluster, one after the other. */
const JOURNEYS: readonly (readonly string[])[] = [
  [
    'docs/quick-start.md',
    'README.md',
    'docs/policy.md',
    'docs/naming.md',
    'docs/enforcement.md',
    'docs/findings.md',
  ],
  ['docs/cli.md', 'docs/check.md', 'docs/policy-tests.md', 'docs/election.md'],
  ['docs/install.md', 'docs/operations.md'],
  ['docs/cli-install.md'],
  ['docs/helm.md'],
];

for (const journey of JOURNEYS) {
  // One at a time, as each has a whole control plane for itself.
  test.serial(`the commands of ${journey.join(', ')} work`, async t => {
    t.timeout(300_000);
    await operatorCommand();
    const desk = await sitDown(t);
    for (const page of journey) await read(t, desk, page);
  });
}

test('every page with commands is read', async t => {
  const read = new Set(JOURNEYS.flat());
  for (const page of await pages()) {
    const commands = (await blocksOf(page)).filter(isCommands).filter(({notRun}) => notRun === undefined);
    if (commands.length > 0) t.true(read.has(page), `${page}:${commands[0]?.line}`);
  }
});
