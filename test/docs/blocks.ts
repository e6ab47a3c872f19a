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
  /** Why it is not run, from a comment `<!-- not run: ... -->` on the line before. */
  notRun?: string;
};

const FENCE = /^```(\w*)$/;
const NOT_RUN = /^<!-- not run: (.+) -->$/;

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
    const reason = NOT_RUN.exec(lines[at - 1] ?? '')?.[1];
    const text = lines.slice(at + 1, end).join('\n');
    blocks.push({page, line: at + 1, language, text, ...(reason === undefined ? {} : {notRun: reason})});
    at = end;
  }
  return blocks;
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

const words = (text: string) => text.trim().split(/\s+/).join(' ');

/**
 * Whether the page shows what is printed: of a table the head, as ages and names of Pods differ from run to run, of
 * everything else every word; `...` stands for any text.
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
