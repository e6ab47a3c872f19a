/** What may stand at the end of a command line, by the tree of commands: for the shells' completion. */
import type {Command, Option} from 'commander';

export type Candidate = {readonly text: string; readonly description: string};

export type Completion = {
  readonly candidates: readonly Candidate[];
  /** Whether the names of files go there as well. */
  readonly files: boolean;
};

const NOTHING: Completion = {candidates: [], files: false};

/** The words are those behind the program; the last one, which may be empty, is to be completed. */
export function complete(tree: Command, words: readonly string[]): Completion {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const {command, awaits, positionals} = walk(tree, before);
  if (awaits) return valuesOf(awaits, current, '');
  const [, flag = '', value = ''] = /^(--[^=]+)=(.*)$/.exec(current) ?? [];
  const option = flag === '' ? undefined : optionOf(command, flag);
  if (option) return valuesOf(option, value, `${flag}=`);
  if (current.startsWith('-')) return {candidates: startingWith(current, flagsOf(command)), files: false};
  if (command === tree && positionals === 0)
    return {candidates: startingWith(current, commandsOf(tree)), files: false};
  return argumentsOf(command, positionals, current);
}

type Place = {command: Command; awaits: Option | undefined; positionals: number};

/** Where the words lead: to a command, and perhaps to a flag that still wants its value. */
const walk = (tree: Command, words: readonly string[]): Place =>
  words.reduce<Place>((place, word) => step(tree, place, word), {
    command: tree,
    awaits: undefined,
    positionals: 0,
  });

function step(tree: Command, place: Place, word: string): Place {
  const {command, awaits, positionals} = place;
  if (awaits) return {...place, awaits: undefined};
  const option = optionOf(command, word);
  if (option) return {...place, awaits: takesValue(option) ? option : undefined};
  if (word.startsWith('-')) return place;
  const found = command === tree ? subcommandOf(tree, word) : undefined;
  return found
    ? {command: found, awaits: undefined, positionals: 0}
    : {...place, positionals: positionals + 1};
}

const takesValue = ({required, optional}: Option) => required || optional;

const optionOf = (command: Command, word: string): Option | undefined =>
  command.options.find(({long, short}) => long === word || short === word);

const subcommandOf = (tree: Command, word: string): Command | undefined =>
  tree.commands.find(each => each.name() === word || each.aliases().includes(word));

const commandsOf = (tree: Command): Candidate[] =>
  tree.commands
    .filter(each => !each.name().startsWith('_'))
    .map(each => ({text: each.name(), description: each.summary()}));

const flagsOf = (command: Command): Candidate[] => [
  ...command.options.map(({long, description}) => ({text: long ?? '', description})),
  {text: '--help', description: 'print the help'},
];

const startingWith = (start: string, all: readonly Candidate[]) =>
  all.filter(({text}) => text.startsWith(start));

const isFile = (name: string) => /file|folder|dir/i.test(name);

function valuesOf({argChoices, flags}: Option, current: string, prefix: string): Completion {
  if (argChoices) return choicesOf(argChoices, current, prefix);
  return {...NOTHING, files: isFile(flags)};
}

function choicesOf(choices: readonly string[], current: string, prefix: string): Completion {
  const all = choices.map(text => ({text, description: ''}));
  const found = startingWith(current, all).map(({text}) => ({text: prefix + text, description: ''}));
  return {candidates: found, files: false};
}

function argumentsOf(command: Command, positionals: number, current: string): Completion {
  const {registeredArguments: all} = command;
  const argument = all[positionals] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined);
  if (!argument) return NOTHING;
  if (argument.argChoices) return choicesOf(argument.argChoices, current, '');
  return {...NOTHING, files: isFile(argument.name())};
}
