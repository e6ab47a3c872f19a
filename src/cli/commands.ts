/**
 * Every command of the command line, in the order of its help: what it is called and takes. What it does is in a file
 * of its own, which is loaded when it is called, so that each command starts as fast as it can.
 */
import type {Argument, Option} from 'commander';
import {argument, clusterOptions, fileOption, outputOption} from './options.ts';
import type {Streams} from './output.ts';

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
  readonly load: () => Promise<CommandModule>;
};

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'name',
    summary: 'print the name of the Lease of a workload',
    description:
      'By each policy that selects the workload, one name a line. With -f nothing is asked of a cluster: the files hold the policies, and may hold the workload and its namespace, whose labels count.',
    examples: [
      'name deployment/api -n shop',
      'name deployment/api -n shop -f policy.yaml',
      'name sts/db -n shop -o json',
    ],
    arguments: [argument('<workload>', 'kind and name, such as deployment/api')],
    options: () => [...clusterOptions(), fileOption(), outputOption('table', 'wide', 'json', 'yaml', 'name')],
    load: () => import('./name.ts'),
  },
  {
    name: 'run',
    summary: 'run the operator',
    examples: ['run --http-port 0', 'run --help'],
    ownFlags: true,
    load: () => import('./run.ts'),
  },
];
