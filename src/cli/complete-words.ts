/** Answers a shell that completes a command line: a candidate a line, and at the end whether files go there. */

import type {Call} from './command.ts';
import {commandTree} from './command-line.ts';
import {complete} from './complete.ts';
import {EXIT} from './terminal/failure.ts';

export async function run({args, streams, program}: Call): Promise<number> {
  const tree = commandTree(program, streams, () => {});
  const {runFlags} = await import('../flags.ts');
  for (const each of runFlags()) tree.commands.find(command => command.name() === 'run')?.addOption(each);
  const {candidates, files} = complete(tree, args);
  const lines = candidates.map(({text, description}) => `${text}\t${description.split('\n')[0]}`);
  streams.stdout.write([...lines, files ? ':0' : ':4', ''].join('\n'));
  return EXIT.done;
}
