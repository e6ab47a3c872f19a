/**
 * Proves that the tests find what they are for: in a copy of the tree it replaces one line after the other, and demands
 * that the test of that line fails then, and passes without the change. With --reports only those of reported bugs.
 */
import {spawn} from 'node:child_process';
import {cp, mkdtemp, readFile, rm, symlink, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {type Mutation, OF_DANGER, OF_REPORTS} from './mutations/list.ts';
import {ROOT} from './programs.ts';

/** What no test needs a copy of. */
const LEFT_OUT: ReadonlySet<string> = new Set(['.git', '.cluster', 'node_modules', 'dist', 'coverage']);
/** Copies in which tests run at the same time. */
const COPIES = 2;

const chosen = process.argv.includes('--reports') ? OF_REPORTS : [...OF_REPORTS, ...OF_DANGER];

/** A copy of the working tree as it is, with the packages of the original. */
async function copyTo(folder: string): Promise<string> {
  const filter = (source: string) => !LEFT_OUT.has(path.relative(ROOT, source));
  await cp(ROOT, folder, {recursive: true, filter});
  await symlink(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  return folder;
}

/** The text of the file with the line replaced. Throws when it is not there exactly once. */
async function mutated(folder: string, {file, line, replacement}: Mutation): Promise<string> {
  const parts = (await readFile(path.join(folder, file), 'utf8')).split(line);
  if (parts.length !== 2)
    throw new Error(`${file} has ${parts.length - 1} times, and should once: ${JSON.stringify(line)}`);
  return parts.join(replacement);
}

/** By title, whether the tests of a file passed; a test that did not run is missing. */
async function run(folder: string, file: string, titles: readonly string[]): Promise<Map<string, boolean>> {
  const {CASES, SEED, CASE, ...env} = process.env;
  const args = ['--tap', '--timeout=10m', ...titles.map(title => `--match=${title}`), file];
  const child = spawn(path.join(ROOT, 'node_modules/.bin/ava'), args, {
    cwd: folder,
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) output += chunk;
  const outcomes = [...output.matchAll(/^(not )?ok \d+ - (.*)$/gm)];
  return new Map(outcomes.map(([, not, title = '']) => [unescaped(title), not === undefined]));
}

/** TAP escapes what would begin a directive. */
const unescaped = (title: string) => title.replaceAll('\\#', '#').replaceAll('\\\\', '\\').trim();

/** Runs the tests of the list as the tree is; returns what is wrong. */
async function withoutMutation(folder: string): Promise<string[]> {
  const problems: string[] = [];
  for (const [file, ofFile] of Map.groupBy(chosen, ({test: [file]}) => file)) {
    const titles = [...new Set(ofFile.map(({test: [, title]}) => title))];
    const outcomes = await run(folder, file, titles);
    for (const title of titles)
      if (!outcomes.get(title)) problems.push(`${file}: without any change this does not pass: ${title}`);
  }
  return problems;
}

/** Makes the change, runs its test and takes the change back; returns what is wrong. */
async function withMutation(folder: string, mutation: Mutation): Promise<string | undefined> {
  const {effect, file, test} = mutation;
  const target = path.join(folder, file);
  const original = await readFile(target, 'utf8');
  await writeFile(target, await mutated(folder, mutation));
  const outcomes = await run(folder, test[0], [test[1]]);
  await writeFile(target, original);
  const passed = outcomes.get(test[1]);
  if (passed === false) {
    process.stdout.write(`found: ${effect}\n`);
    return undefined;
  }
  const why = passed ? 'passes all the same' : 'could not even run';
  return `not found: ${effect} (${file}): ${why}: ${test.join(': ')}`;
}

/** Every mutation, as many at a time as there are copies. */
async function all(folders: readonly string[]): Promise<string[]> {
  const left = [...chosen];
  const problems: string[] = [];
  const work = async (folder: string) => {
    for (let next = left.shift(); next; next = left.shift()) {
      const problem = await withMutation(folder, next);
      if (problem !== undefined) problems.push(problem);
    }
  };
  await Promise.all(folders.map(work));
  return problems;
}

const startMs = performance.now();
const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-mutations-'));
try {
  // A line that is not there any more is told before anything runs.
  for (const each of chosen) await mutated(ROOT, each);
  const folders = await Promise.all(
    Array.from({length: COPIES}, (_, at) => copyTo(path.join(folder, `${at}`))),
  );
  const problems = await withoutMutation(folders[0] ?? '');
  if (problems.length === 0) problems.push(...(await all(folders)));
  for (const each of problems) process.stdout.write(`${each}\n`);
  const seconds = Math.round((performance.now() - startMs) / 1000);
  process.stdout.write(`${chosen.length} mutations, ${problems.length} problems, in ${seconds} s\n`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  await rm(folder, {recursive: true});
}
