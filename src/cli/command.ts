/** What a command of the command line is, and how it is called. */
import type {Argument, Option} from 'commander';
import type {Streams} from './terminal/output.ts';

/** A call of a command, after its flags were read. */
export type Call = {
  readonly args: readonly string[];
  /** By the long names, as commander gives them; each command knows the type of its own. */
  readonly flags: unknown;
  readonly streams: Streams;
  /** How the program was called: leasepolicy, or kubectl leasepolicy. */
  readonly program: string;
};

/** What the file of a command exports. Returns the exit code, and throws what `failure.ts` can tell. */
export type CommandModule = {readonly run: (call: Call) => Promise<number>};

export type CommandSpec = {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What its help says further. */
  readonly description?: string;
  /** Lines of the help, without the name of the program. */
  readonly examples: readonly string[];
  readonly arguments?: readonly Argument[];
  /** New ones at each call, as an option belongs to one tree. */
  readonly options?: () => readonly Option[];
  /** Reads its own flags: they stay as they are written. */
  readonly ownFlags?: boolean;
  /** For programs, and not in the help. */
  readonly hidden?: boolean;
  readonly load: () => Promise<CommandModule>;
};
