/** Reads manifests from files, folders and standard input, whole or not at all. */
import {readdir, readFile, stat} from 'node:fs/promises';
import path from 'node:path';
import {itemsOf, type Manifest, manifestOf} from '../core/manifest.ts';
import {messageOf} from '../errors.ts';
import {Failure} from './failure.ts';
import type {Streams} from './output.ts';

/** An object, and where it stands. */
export type Found = {
  /** The file, or - for standard input. */
  readonly file: string;
  /** The line at which its document begins, from 1. */
  readonly line: number;
  readonly manifest: Manifest;
};

const EXTENSIONS = ['.yaml', '.yml', '.json'];

/** Throws Failure with the file and line of the first thing that is no manifest. */
export async function readManifests(paths: readonly string[], streams: Streams): Promise<Found[]> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const found: Found[] = [];
  for (const file of files) found.push(...(await parse(await textOf(file, streams), file)));
  return found;
}

async function filesOf(given: string): Promise<string[]> {
  if (given === '-') return [given];
  try {
    if (!(await stat(given)).isDirectory()) return [given];
    const names = await readdir(given);
    const files = names.filter(name => EXTENSIONS.includes(path.extname(name))).sort();
    if (files.length > 0) return files.map(name => path.join(given, name));
  } catch (error) {
    throw unreadable(given, error);
  }
  throw new Failure('InvalidFile', `${given} has no YAML and no JSON in it`, 'name a folder of manifests');
}

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

async function parse(text: string, file: string): Promise<Found[]> {
  const {LineCounter, parseAllDocuments} = await import('yaml');
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {lineCounter: lines, logLevel: 'error'});
  return [...documents].flatMap(document => {
    const line = lines.linePos(document.contents?.range?.[0] ?? document.range?.[0] ?? 0).line;
    const [error] = document.errors;
    if (error) throw invalid(file, error.linePos?.[0].line ?? line, 'it is no YAML', error.message);
    const content: unknown = document.toJS();
    // As between two separators of Helm.
    if (content === null || content === undefined) return [];
    return itemsOf(content).map((item, at, all) => {
      const manifest = manifestOf(item);
      const what = all.length > 1 ? `item ${at + 1} of the list is no manifest` : 'it is no manifest';
      if (typeof manifest === 'string') throw invalid(file, line, what, manifest);
      return {file, line, manifest};
    });
  });
}

function invalid(file: string, line: number, what: string, why: string): Failure {
  const [reason = ''] = why.split('\n');
  const sentence = `${file}, line ${line}: ${what} (${reason.replace(/:$/, '')})`;
  return new Failure('InvalidFile', sentence, 'correct it; nothing was done');
}

export function invalidPolicy({file, line, manifest}: Found, problems: readonly string[]): Failure {
  const what = `${file}, line ${line}: LeasePolicy ${manifest.metadata.name} can't be in force`;
  return new Failure('InvalidFile', `${what} (${problems.join('; ')})`, 'correct it');
}
