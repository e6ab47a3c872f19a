/** The code blocks of README and docs, and what their pages say about running them. */
import {readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import {ROOT} from '../../dev/programs.ts';

export type Block = {
  page: string;
  /** Of the fence that opens it. */
  line: number;
  language: string;
  text: string;
  /** What is done first that no reader has to do, from comments `<!-- before: ... -->` above it. */
  before: string[];
  /** Why it is not run, from a comment `<!-- not run: ... -->` above it. */
  notRun?: string;
};

const FENCE = /^```(\w*)$/;
const COMMENT = /^<!-- (not run|before): (.+) -->$/;

export async function pages(): Promise<string[]> {
  const docs = (await readdir(path.join(ROOT, 'docs'))).filter(name => name.endsWith('.md')).sort();
  return ['README.md', ...docs.map(name => `docs/${name}`)];
}

export async function blocksOf(page: string): Promise<Block[]> {
  const lines = (await readFile(path.join(ROOT, page), 'utf8')).split('\n');
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const language = FENCE.exec(lines[at] ?? '')?.[1];
    if (language === undefined) continue;
    const end = lines.indexOf('```', at + 1);
    if (end < 0) throw new Error(`${page}:${at + 1}: the block has no end`);
    const text = lines.slice(at + 1, end).join('\n');
    blocks.push({page, line: at + 1, language, text, ...commentsAbove(lines, at)});
    at = end;
  }
  return blocks;
}

function commentsAbove(lines: readonly string[], at: number): Pick<Block, 'before' | 'notRun'> {
  const [, what, said = ''] = COMMENT.exec(lines[at - 1] ?? '') ?? [];
  if (what === undefined) return {before: []};
  const {before, notRun} = commentsAbove(lines, at - 1);
  if (what === 'before') return {before: [...before, said], ...(notRun === undefined ? {} : {notRun})};
  return {before, notRun: said};
}

/** Commands to type: a block of sh, or what stands behind `$ ` with what is printed. */
export const isCommands = ({language, text}: Block) => language === 'sh' || text.startsWith('$ ');

export type Step = {command: string /** undefined where the page shows none */; output?: string};

/** A block of sh is one step, as later lines may need what earlier ones have set. */
export function stepsOf({language, text}: Block): Step[] {
  if (language === 'sh') return [{command: text}];
  return text
    .split(/^\$ /m)
    .slice(1)
    .map(each => {
      const [, command = '', output = ''] = /^((?:.*\\\n)*.*)\n?([\s\S]*)$/.exec(each) ?? [];
      return {command, output: output.trim()};
    });
}

/** What differs from run to run, and a word for it: the parts of a Pod's name and of a holder's that are drawn by lot, times and ages. */
const FLEETING: readonly (readonly [RegExp, string])[] = [
  [/(?<![0-9a-f])[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![0-9a-f])/g, 'UUID'],
  [/-[0-9a-z]{8,10}-[0-9a-z]{5}(?![0-9a-z])/g, '-POD'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, 'TIME'],
  [/\b(\d+[dhms])+\b/g, 'AGE'],
  [/\bnode-\d{6}\b/g, 'node-N'],
];

const lasting = (text: string) =>
  FLEETING.reduce((rest, [pattern, word]) => rest.replaceAll(pattern, word), text);
const words = (text: string) => lasting(text).trim().split(/\s+/).join(' ');

/**
 * Whether the page shows what is printed: of a table the head, as its rows come from what was done before, of everything
 * else every word that does not differ from run to run; `...` stands for any text.
 */
export function agrees(shown: string, printed: string): boolean {
  const [head = ''] = shown.split('\n');
  if (/^[A-Z][A-Z-]*( +[A-Z][A-Z-]*)+$/.test(head.trim()))
    return words(head) === words(printed.split('\n')[0] ?? '');
  const pattern = words(shown)
    .split('...')
    .map(part => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`, 's').test(words(printed));
}
