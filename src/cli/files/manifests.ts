/** Reads manifests from files, folders and standard input. */
import {readdir, readFile, stat} from 'node:fs/promises';
import path from 'node:path';
import {messageOf} from '../../errors.ts';
import {Failure} from '../terminal/failure.ts';
import type {Streams} from '../terminal/output.ts';
import type {Found} from './yaml-source.ts';

export type {Found} from './yaml-source.ts';

const EXTENSIONS = ['.yaml', '.yml', '.json'];

/** Whole or not at all: throws Failure with the file and line of the first thing that is no manifest. */
export async function readManifests(paths: readonly string[], streams: Streams): Promise<Found[]> {
  const found: Found[] = [];
  for (const {file} of (await Promise.all(paths.map(each => filesOf(each, false)))).flat()) {
    for (const each of await objectsOf(file, streams, false)) {
      if (each instanceof Failure)
        throw new Failure(each.reason, each.message, `${each.next}; nothing was done`);
      found.push(each);
    }
  }
  return found;
}

/** What can be read, and a Failure for each thing that can't; folders with all that is below them. */
export type Readable = {
  readonly files: readonly string[];
  readonly found: readonly Found[];
  readonly failures: readonly Failure[];
};

/** With `holding`, files of folders without that text are passed over, as they are for others. */
export async function readWhatIsGood(
  paths: readonly string[],
  streams: Streams,
  holding = '',
): Promise<Readable> {
  const listed = await Promise.all(paths.map(each => orFailure(filesOf(each, true))));
  const files = listed.flat();
  const failures = listed.filter(each => each instanceof Failure);
  const found: Found[] = [];
  let toldMs = performance.now();
  for (const [index, each] of files.entries()) {
    if (each instanceof Failure) continue;
    if (performance.now() - toldMs > PROGRESS_MS) {
      streams.stderr.write(`reading files: ${index} of ${files.length}\n`);
      toldMs = performance.now();
    }
    const objects = await orFailure(objectsOf(each.file, streams, !each.isGiven, holding));
    for (const object of [objects].flat()) {
      if (object instanceof Failure) failures.push(object);
      else found.push(object);
    }
  }
  return {files: files.flatMap(each => (each instanceof Failure ? [] : each.file)), found, failures};
}

/** Work that takes longer says how far it is. */
const PROGRESS_MS = 2_000;

async function orFailure<T>(work: Promise<T>): Promise<T | Failure> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

/** The library is loaded by those who need it. */
async function objectsOf(
  file: string,
  streams: Streams,
  skipsOthers: boolean,
  holding = '',
): Promise<(Found | Failure)[]> {
  const text = await textOf(file, streams);
  if (skipsOthers && !text.includes(holding)) return [];
  const {objectsIn} = await import('./yaml-source.ts');
  const objects = objectsIn(text, file, {skipsOthers});
  return objects.length === 0 && (file === '-' || text.trim() === '') && !skipsOthers
    ? [nothingIn(file)]
    : objects;
}

/** A program that fails leaves a pipe or a file empty, which must not look like manifests without a fault. */
function nothingIn(file: string): Failure {
  const what = file === '-' ? 'there is no object in the standard input' : `${file} is empty`;
  return new Failure('InvalidFile', what, 'see whether the program that writes it has failed');
}

type File = {readonly file: string; readonly isGiven: boolean};

async function filesOf(given: string, isDeep: boolean): Promise<File[]> {
  if (given === '-') return [{file: given, isGiven: true}];
  try {
    if (!(await stat(given)).isDirectory()) return [{file: given, isGiven: true}];
    const entries = await readdir(given, {recursive: isDeep, withFileTypes: true});
    const files = entries
      .filter(entry => !entry.isDirectory() && EXTENSIONS.includes(path.extname(entry.name)))
      .map(entry => path.join(path.relative(given, entry.parentPath), entry.name))
      .filter(name => !isHidden(name))
      .sort();
    if (files.length > 0) return files.map(name => ({file: path.join(given, name), isGiven: false}));
  } catch (error) {
    throw unreadable(given, error);
  }
  throw new Failure('InvalidFile', `${given} has no YAML and no JSON in it`, 'name a folder of manifests');
}

const isHidden = (name: string) =>
  name.split(path.sep).some(part => part.startsWith('.') || part === 'node_modules');

async function textOf(file: string, {stdin}: Streams): Promise<string> {
  try {
    if (file !== '-') return await readFile(file, 'utf8');
    const chunks: Buffer[] = [];
    for await (const chunk of stdin) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString('utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
}

const unreadable = (file: string, error: unknown) =>
  new Failure(
    'InvalidFile',
    `${file} can't be read (${messageOf(error)})`,
    'write the path of a manifest',
    error,
  );

export function invalidPolicy({file, line, manifest}: Found, problems: readonly string[]): Failure {
  const what = `${file}, line ${line}: LeasePolicy ${manifest.metadata.name} can't be in force`;
  return new Failure('InvalidFile', `${what} (${problems.join('; ')})`, 'correct it');
}
