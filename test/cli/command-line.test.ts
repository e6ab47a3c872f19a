/** The command line as a whole: names, help, usage errors and exit codes. */
import {execFile} from 'node:child_process';
import {mkdtemp, readFile, rm, symlink} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import test from 'ava';
import {operatorCommand, ROOT} from '../../dev/programs.ts';
import {COMMANDS} from '../../src/cli/commands.ts';
import {EXIT, FAILURE_REASONS} from '../../src/cli/terminal/failure.ts';
import {PRODUCT_VERSION} from '../../src/version.ts';
import {call} from '../support/command.ts';

const exec = promisify(execFile);

test('alone it prints its help, in which every command is', async t => {
  const {code, stdout, stderr} = await call([]);
  t.is(code, 0);
  t.is(stderr, '');
  for (const {name, summary, hidden} of COMMANDS)
    t.is(new RegExp(`^  ${name} +${summary.slice(0, 12)}`, 'm').test(stdout), !hidden, name);
});

test('the page tells every reason of a failure, and the exit codes', async t => {
  const page = await readFile(path.join(ROOT, 'docs/cli.md'), 'utf8');
  for (const reason of FAILURE_REASONS) t.regex(page, new RegExp(`\\b${reason}\\b`));
  for (const code of Object.values(EXIT)) t.regex(page, new RegExp(`^\\| ${code} \\| `, 'm'));
});

test('it prints its version', async t => {
  t.deepEqual(await call(['--version']), {code: 0, stdout: `${PRODUCT_VERSION}\n`, stderr: ''});
});

for (const {name, examples} of COMMANDS.filter(({ownFlags}) => !ownFlags)) {
  test(`the help of ${name} has examples that are called as the program was`, async t => {
    const own = await call([name, '--help']);
    t.is(own.code, 0);
    t.true(own.stdout.includes(`  leasepolicy ${examples[0]}\n`));
    const plugin = await call([name, '-h'], {file: '/usr/local/bin/kubectl-leasepolicy'});
    t.true(plugin.stdout.startsWith(`Usage: kubectl leasepolicy ${name}`), plugin.stdout);
    t.true(plugin.stdout.includes(`  kubectl leasepolicy ${examples[0]}\n`));
  });
}

for (const [args, sentence] of [
  [['nam'], "unknown command 'nam' (Did you mean name?): see leasepolicy --help"],
  [['name', 'deployment/api', '--nope'], "unknown option '--nope': see leasepolicy name --help"],
  [['name'], "missing required argument 'workload': see leasepolicy name --help"],
  [['help', 'nam'], "unknown command 'nam' (Did you mean name?): see leasepolicy --help"],
  [['none-such', '--help'], "unknown command 'none-such': see leasepolicy --help"],
  [
    ['name', 'a/b', 'c/d'],
    "too many arguments for 'name' (expected 1 argument but got 2: a/b, c/d): see leasepolicy name --help",
  ],
  [
    ['completion', 'tcsh'],
    "command-argument value 'tcsh' is invalid for argument 'shell' (allowed choices are bash, zsh, fish, kubectl): see leasepolicy completion --help",
  ],
  [
    ['plan', '--watch-for', 'a. b'],
    "option '--watch-for <seconds>' argument 'a. b' is invalid (write a whole number from 0 to 3600): see leasepolicy plan --help",
  ],
  [
    ['-n', 'shop', 'get', '-A'],
    'flag -n stands before the command: write flags behind it, as in leasepolicy get -n shop -A',
  ],
  [['-n'], "unknown option '-n': see leasepolicy --help"],
  [
    ['name', 'a/b', '-n', ''],
    /-n, --namespace.* \(write a text that is not empty\): see leasepolicy name --help$/,
  ],
  [
    ['get', '-o', 'xml'],
    "option '-o, --output <format>' argument 'xml' is invalid (allowed choices are table, wide, json, yaml, name): see leasepolicy get --help",
  ],
] as const) {
  test(`wrong usage is one sentence and the exit code 1: ${args.join(' ')}`, async t => {
    const {code, stdout, stderr} = await call(args);
    t.is(code, 1);
    t.is(stdout, '');
    const [line = '', ...rest] = stderr.split('\n');
    t.deepEqual(rest, ['']);
    const told = line.replace(/^leasepolicy: /, '');
    if (typeof sentence === 'string') t.is(told, sentence);
    else t.regex(told, sentence);
  });
}

for (const flags of [['-o', 'json'], ['-ojson'], ['-o=json'], ['--output', 'json'], ['--output=json']]) {
  test(`with ${flags.join(' ')} an error is JSON on standard output too`, async t => {
    const {code, stdout, stderr} = await call(['name', 'a/b', '--nope', ...flags]);
    t.is(code, 1);
    t.is(stderr, '');
    t.deepEqual(JSON.parse(stdout), {
      error: {reason: 'Usage', message: "unknown option '--nope'", next: 'see leasepolicy name --help'},
    });
  });
}

for (const word of ['get', 'list', 'name'])
  test(`help ${word} is the help of that command`, async t => {
    const name = word === 'name' ? word : 'get|list';
    const {code, stdout} = await call(['help', word]);
    t.is(code, 0);
    t.true(stdout.startsWith(`Usage: leasepolicy ${name} `), stdout);
  });

test('the bundle goes by both names, and runs the operator from a file of its own', async t => {
  await operatorCommand();
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-bin-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const file = path.join(folder, 'kubectl-leasepolicy');
  await symlink(path.join(ROOT, 'dist/leasepolicy.mjs'), file);
  const env = {...process.env, PATH: `${path.dirname(process.execPath)}:${process.env.PATH}`};
  t.regex((await exec(file, [], {env})).stdout, /^Usage: kubectl leasepolicy COMMAND/);
  for (const asked of [
    ['run', '--help'],
    ['run', '-h'],
    ['help', 'run'],
  ])
    t.regex(
      (await exec(file, asked, {env})).stdout,
      /^Usage: kubectl leasepolicy run \[options\]\n(.*\n)+ +--http-port <n>/,
    );
  const error = await t.throwsAsync(exec(file, ['run', '--http-port', 'x'], {env}));
  t.like(error, {code: 1});
  t.regex(String(error?.message), /--http-port.*write a whole number from 0 to 65535/);
});
