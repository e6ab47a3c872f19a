/** What may stand at the end of a command line, by the tree of commands: for the shells' completion. */
import type {Command, Option} from 'commander';
import type {Named, WantedNames} from './cluster/names.ts';

export type Candidate = {readonly text: string; readonly description: string};

export type Completion = {
  readonly candidates: readonly Candidate[];
  /** Whether the names of files go there as well. */
  readonly files: boolean;
  /** Names that go there, too. */
  readonly names?: WantedNames;
};

const NOTHING: Completion = {candidates: [], files: false};

/** The words are those behind the program; the last one, which may be empty, is to be completed. */
export function complete(tree: Command, words: readonly string[]): Completion {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const place = walk(tree, before);
  const {command, awaits, positionals} = place;
  if (awaits) return valuesOf(place, awaits, current, '');
  const [, flag = '', value = ''] = /^(--[^=]+)=(.*)$/.exec(current) ?? [];
  const option = flag === '' ? undefined : optionOf(command, flag);
  if (option) return valuesOf(place, option, value, `${flag}=`);
  if (current.startsWith('-')) return {candidates: startingWith(current, flagsOf(command)), files: false};
  if (command === tree && positionals === 0)
    return {candidates: startingWith(current, commandsOf(tree)), files: false};
  return argumentsOf(place, current);
}

type Place = {
  readonly command: Command;
  readonly awaits: Option | undefined;
  readonly positionals: number;
  /** Values of the flags so far, by their long names. */
  readonly given: Readonly<Record<string, string>>;
};

/** Where the words lead: to a command, and perhaps to a flag that still wants its value. */
const walk = (tree: Command, words: readonly string[]): Place =>
  words.reduce<Place>((place, word) => step(tree, place, word), {
    command: tree,
    awaits: undefined,
    positionals: 0,
    given: {},
  });

function step(tree: Command, place: Place, word: string): Place {
  const {command, awaits, positionals, given} = place;
  if (awaits) return {...place, awaits: undefined, given: {...given, [nameOf(awaits)]: word}};
  const option = optionOf(command, word);
  if (option) return {...place, awaits: takesValue(option) ? option : undefined};
  const [, flag = '', value = ''] = /^--([^=]+)=(.*)$/.exec(word) ?? [];
  if (flag !== '') return {...place, given: {...given, [flag]: value}};
  if (word.startsWith('-')) return place;
  const found = command === tree ? subcommandOf(tree, word) : undefined;
  return found ? {...place, command: found, positionals: 0} : {...place, positionals: positionals + 1};
}

const nameOf = ({long}: Option) => long?.slice(2) ?? '';

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

const NAMED_BY_FLAG: Readonly<Record<string, Named>> = {namespace: 'namespace', context: 'context'};
const NAMED_BY_ARGUMENT: Readonly<Record<string, Named>> = {
  names: 'lease',
  lease: 'lease',
  policies: 'policy',
  workload: 'workload',
};

/** Nothing is asked for the commands that ask no cluster. */
function wanting(
  {command, given: flags}: Place,
  kind: Named | undefined,
  start: string,
  prefix = '',
): Completion {
  const asks = optionOf(command, '--kubeconfig') !== undefined;
  return kind && asks ? {...NOTHING, names: {kind, start, prefix, flags}} : NOTHING;
}

function valuesOf(place: Place, option: Option, current: string, prefix: string): Completion {
  const {argChoices, flags} = option;
  if (argChoices) return choicesOf(argChoices, current, prefix);
  if (isFile(flags)) return {...NOTHING, files: true};
  return wanting(place, NAMED_BY_FLAG[nameOf(option)], current, prefix);
}

function choicesOf(choices: readonly string[], current: string, prefix: string): Completion {
  const all = choices.map(text => ({text, description: ''}));
  const found = startingWith(current, all).map(({text}) => ({text: prefix + text, description: ''}));
  return {candidates: found, files: false};
}

function argumentsOf(place: Place, current: string): Completion {
  const {registeredArguments: all} = place.command;
  const argument = all[place.positionals] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined);
  if (!argument) return NOTHING;
  if (argument.argChoices) return choicesOf(argument.argChoices, current, '');
  if (isFile(argument.name())) return {...NOTHING, files: true};
  return wanting(place, NAMED_BY_ARGUMENT[argument.name()], current);
}
