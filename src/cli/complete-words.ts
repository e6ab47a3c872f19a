/** Answers a shell that completes a command line: a candidate a line, and at the end whether files go there. */
import {messageOf} from '../errors.ts';
import type {WantedNames} from './cluster/names.ts';
import type {Call} from './command.ts';
import {commandTree} from './command-line.ts';
import {complete} from './complete.ts';
import {EXIT} from './terminal/failure.ts';
import type {Streams} from './terminal/output.ts';

export async function run({args, streams, program}: Call): Promise<number> {
  const tree = commandTree(program, streams, () => {});
  const {runFlags} = await import('../flags.ts');
  for (const each of runFlags()) tree.commands.find(command => command.name() === 'run')?.addOption(each);
  const {candidates, files, names} = complete(tree, args);
  const lines = candidates.map(({text, description}) => `${text}\t${description.split('\n')[0]}`);
  if (names) lines.push(...(await foundNames(names, streams)));
  streams.stdout.write([...lines, files ? ':0' : ':4', ''].join('\n'));
  return EXIT.done;
}

/** Where there is no cluster a word is completed without it; the scripts of the shells do not show why. */
async function foundNames(wanted: WantedNames, streams: Streams): Promise<string[]> {
  try {
    const {namesOf} = await import('./cluster/names.ts');
    return await namesOf(wanted);
  } catch (error) {
    streams.stderr.write(`leasepolicy: no names: ${messageOf(error)}\n`);
    return [];
  }
}
