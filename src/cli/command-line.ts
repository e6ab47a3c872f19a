/** From the arguments of the process to a command, its call and the exit code. */
import path from 'node:path';
import {Command, CommanderError} from 'commander';
import {usageSentence} from '../errors.ts';
import {PRODUCT_VERSION} from '../version.ts';
import type {CommandSpec} from './command.ts';
import {COMMANDS} from './commands.ts';
import {EXIT, Failure, tell} from './terminal/failure.ts';
import type {Streams} from './terminal/output.ts';

/** A call as it was read, before its command is loaded. */
type Chosen = {readonly spec: CommandSpec; readonly args: readonly string[]; readonly flags: unknown};

const SUMMARY =
  'Gives every Lease of your workloads a known name, a known owner and an end.\n\nExit codes: 0 done, 1 failed or wrong usage, 2 something was found or would be done.';

/** Never throws; what goes wrong is told, and is the exit code 1. */
export async function runCommandLine(argv: readonly string[], streams: Streams): Promise<number> {
  const program = programName(argv[1] ?? '');
  const args = argv.slice(2).map(asKubectl);
  try {
    const chosen = parse(args, program, streams);
    if (!chosen) return EXIT.done;
    const {run} = await chosen.spec.load();
    return await run({args: chosen.args, flags: chosen.flags, streams, program});
  } catch (error) {
    await tell(error, outputOf(args), program, streams);
    return EXIT.failed;
  }
}

/** kubectl takes -o=json for -ojson. */
const asKubectl = (arg: string) => arg.replace(/^-([A-Za-z])=/, '-$1');

/** kubectl finds a plugin by the name of its file, and calls that. */
export const programName = (file: string) =>
  path.basename(file).startsWith('kubectl-') ? 'kubectl leasepolicy' : 'leasepolicy';

/** Undefined when help or the version was asked for, which is printed then. */
function parse(args: readonly string[], program: string, streams: Streams): Chosen | undefined {
  let chosen: Chosen | undefined;
  const tree = commandTree(program, streams, each => {
    chosen = each;
  });
  if (args.length === 0) {
    tree.outputHelp();
    return undefined;
  }
  try {
    tree.parse([...asCommand(args)], {from: 'user'});
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw usageFailure(error, program, args);
  }
  return chosen;
}

const commandNamed = (word: string) =>
  COMMANDS.find(({name, aliases = []}) => [name, ...aliases].includes(word));

/** The help of a command, in whichever way it is asked for; of an unknown one it is told that there is none. */
function asCommand(args: readonly string[]): readonly string[] {
  const [first = '', second] = args;
  const [word, ...more] =
    first === 'help' && second !== undefined ? [second, '--help'] : [first, ...args.slice(1)];
  if (word === 'help') return ['--help'];
  return word.startsWith('-') || commandNamed(word) ? [word, ...more] : [word];
}

/** Every command with its flags, as help and completion need them; a call is handed to `choose`. */
export function commandTree(
  program: string,
  {stdout}: Pick<Streams, 'stdout'>,
  choose: (chosen: Chosen) => void,
): Command {
  const tree = new Command(program)
    .description(SUMMARY)
    .version(PRODUCT_VERSION, '--version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .usage('COMMAND [flags]')
    .enablePositionalOptions()
    .exitOverride()
    .configureHelp({subcommandTerm: each => each.name()})
    .helpCommand('help [command]', 'print the help of a command')
    .configureOutput({writeOut: text => stdout.write(text), outputError: () => {}});
  for (const spec of COMMANDS)
    tree.addCommand(commandOf(spec, tree, program, choose), {hidden: spec.hidden === true});
  return tree;
}

function commandOf(
  spec: CommandSpec,
  tree: Command,
  program: string,
  choose: (chosen: Chosen) => void,
): Command {
  const {name, aliases = [], summary, description, examples, options, ownFlags} = spec;
  const command = new Command(name)
    .copyInheritedSettings(tree)
    .aliases([...aliases])
    .summary(summary)
    .description(`${capital(summary)}.${description === undefined ? '' : ` ${description}`}`)
    .helpOption('-h, --help', 'print this')
    .addHelpText('after', `\nExamples:\n${examples.map(each => `  ${program} ${each}`).join('\n')}`)
    .action(() => choose({spec, args: command.args, flags: command.opts()}));
  for (const each of spec.arguments ?? []) command.addArgument(each);
  for (const each of options?.() ?? []) command.addOption(each);
  if (ownFlags) command.helpOption(false).allowUnknownOption().passThroughOptions().allowExcessArguments();
  return command;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** commander names what is wrong, and sometimes what was meant. */
function usageFailure({message}: CommanderError, program: string, args: readonly string[]): Failure {
  const [first = ''] = args;
  const called = commandNamed(first);
  const at = args.findIndex(each => commandNamed(each));
  if (first.startsWith('-') && at > 0) {
    const right = [program, args[at], ...args.slice(0, at), ...args.slice(at + 1)].join(' ');
    return new Failure(
      'Usage',
      `flag ${first} stands before the command`,
      `write flags behind it, as in ${right}`,
    );
  }
  const help = called ? `${program} ${called.name} --help` : `${program} --help`;
  return new Failure('Usage', usageSentence(message), `see ${help}`);
}

/** The format that was asked for, also where the rest of the arguments can't be read. */
function outputOf(args: readonly string[]): string {
  const at = args.findLastIndex(each => /^(-o|--output)/.test(each));
  const [flag = '', next = ''] = at < 0 ? [] : args.slice(at, at + 2);
  return /^(-o|--output)$/.test(flag) ? next : flag.replace(/^(-o|--output=)/, '');
}
