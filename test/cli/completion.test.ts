/** Completion by the tree of commands, and by a real bash with the script that is printed for it. */
import {execFile} from 'node:child_process';
import {mkdtemp, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import test, {type ExecutionContext} from 'ava';
import {operatorCommand, ROOT} from '../../dev/programs.ts';
import {COMMANDS} from '../../src/cli/commands.ts';
import {call} from '../support/command.ts';

const exec = promisify(execFile);

/** The candidates, and whether files go there too. */
async function completed(...words: string[]) {
  const {code, stdout} = await call(['__complete', ...words]);
  const lines = stdout.trimEnd().split('\n');
  return {code, texts: lines.slice(0, -1).map(line => line.split('\t')[0]), end: lines.at(-1)};
}

test('every command that people call is offered first', async t => {
  const {texts, end} = await completed('');
  t.deepEqual(
    texts,
    COMMANDS.filter(({hidden}) => !hidden).map(({name}) => name),
  );
  t.is(end, ':4');
});

for (const [words, texts, end] of [
  [['ex'], ['explain'], ':4'],
  [['get', '--name'], ['--namespace'], ':4'],
  [['get', '-o', ''], ['table', 'wide', 'json', 'yaml', 'name'], ':4'],
  [['list', '-o', 'j'], ['json'], ':4'],
  [['get', '--output=y'], ['--output=yaml'], ':4'],
  [['get', '-A', '--sel'], ['--selector'], ':4'],
  [['get', '-n', ''], [], ':4'],
  [['get', '-n', 'get', '--wat'], ['--watch'], ':4'],
  [['name', 'deployment/api', '-f', ''], [], ':0'],
  [['get', '--kubeconfig', ''], [], ':0'],
  [['completion', ''], ['bash', 'zsh', 'fish', 'kubectl'], ':4'],
  [['completion', 'f'], ['fish'], ':4'],
  [['run', '--http-p'], ['--http-port'], ':4'],
  [['run', '--leader-election', ''], ['classic', 'coordinated'], ':4'],
  [['nope', ''], [], ':4'],
] as const) {
  test(`what may follow: ${words.join(' ')}|`, async t => {
    t.deepEqual(await completed(...words), {code: 0, texts: [...texts], end});
  });
}

/** A folder with the program under both of its names, for the PATH. */
async function installed(t: ExecutionContext): Promise<string> {
  await operatorCommand();
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-completion-'));
  t.teardown(() => rm(folder, {recursive: true}));
  for (const name of ['leasepolicy', 'kubectl-leasepolicy'])
    await symlink(path.join(ROOT, 'dist/leasepolicy.mjs'), path.join(folder, name));
  return folder;
}

const envWith = (folder: string) => ({
  ...process.env,
  PATH: `${folder}:${path.dirname(process.execPath)}:${process.env.PATH}`,
});

test('bash completes by the script', async t => {
  t.timeout(60_000);
  const folder = await installed(t);
  const script = path.join(folder, 'try.bash');
  await writeFile(
    script,
    `source <(leasepolicy completion bash)
try() {
  COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
  _leasepolicy 2>/dev/null
  echo "\${COMPREPLY[*]}"
}
try leasepolicy ex
try leasepolicy get -o ''
try kubectl-leasepolicy plan --watch
try leasepolicy get --output = y
try leasepolicy get --output =
try leasepolicy get --output = json --wat
complete -p leasepolicy
complete -p kubectl-leasepolicy
`,
  );
  const {stdout} = await exec('bash', ['--noprofile', '--norc', script], {env: envWith(folder)});
  t.deepEqual(stdout.trimEnd().split('\n'), [
    'explain',
    'table wide json yaml name',
    '--watch-for',
    'yaml',
    'table wide json yaml name',
    '--watch',
    'complete -F _leasepolicy leasepolicy',
    'complete -F _leasepolicy kubectl-leasepolicy',
  ]);
});

test('kubectl asks the program by a script of that name', async t => {
  const folder = await installed(t);
  const {stdout} = await call(['completion', 'kubectl']);
  const file = path.join(folder, 'kubectl_complete-leasepolicy');
  await writeFile(file, stdout, {mode: 0o755});
  const answer = await exec(file, ['get', '--all'], {env: envWith(folder)});
  t.is(answer.stdout, '--all-namespaces\tall namespaces\n:4\n');
});

for (const [shell, args] of [
  ['zsh', ['-n']],
  ['fish', ['--no-execute']],
] as const) {
  test(`the script for ${shell} names the program by which it is called`, async t => {
    const {stdout} = await call(['completion', shell]);
    t.regex(stdout, /words\[1\]\}? __complete/);
    try {
      await exec(shell, ['-c', 'true']);
    } catch {
      t.log(`there is no ${shell} here, so its script was only looked at`);
      return;
    }
    const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-completion-'));
    t.teardown(() => rm(folder, {recursive: true}));
    const file = path.join(folder, shell);
    await writeFile(file, stdout);
    await t.notThrowsAsync(exec(shell, [...args, file]));
  });
}
