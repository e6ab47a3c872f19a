/** Runs the operator, which is a file of its own in the package, as it is much larger than the command line. */
import type {Call} from './command.ts';

export async function run({args, program}: Call): Promise<number> {
  const operator = await import('../operator-process.ts');
  return operator.run(args, `${program} run`);
}
