/** Asks on a terminal whether to go on. */
import {createInterface} from 'node:readline';
import {Failure} from './failure.ts';
import type {Streams} from './output.ts';

export type Ask = (question: string) => Promise<boolean>;

/** Without a terminal nobody can answer: then it must have been said before. */
export function demandTerminal({stdin, stdout}: Streams): void {
  if (stdin.isTTY && stdout.isTTY) return;
  const what = 'nothing was removed, as there is no terminal to ask on';
  throw new Failure('Usage', what, 'write --yes to remove it, or --print to see what would be removed');
}

/** Only a clear yes is one; the end of the input is none. Lines that were typed ahead are for the next question. */
export async function asking<T>({stdin, stdout}: Streams, work: (ask: Ask) => Promise<T>): Promise<T> {
  const lines = createInterface({input: stdin});
  const answers = lines[Symbol.asyncIterator]();
  try {
    return await work(async question => {
      stdout.write(`${question} [y/N] `);
      const {value = '', done} = await answers.next();
      return done !== true && /^y(es)?$/i.test(value.trim());
    });
  } finally {
    lines.close();
  }
}
