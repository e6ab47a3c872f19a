/** How a container is told to elect a leader: by the flags and variables of the frameworks that many programs use. */
import type {Path} from '../fields.ts';
import type {Labels} from '../selector.ts';
import {goDuration} from './duration.ts';
import {expanded, type LintContainer, type LintWorkload, type Word} from './workloads.ts';

/** What is set. The first one that a name fits counts: DISABLE_LEADER_ELECTION is no product that is called DISABLE. */
export const ROLES = [
  'disabled',
  'enabled',
  'name',
  'namespace',
  'lock',
  'leaseDuration',
  'renewDeadline',
  'retryPeriod',
] as const;
export type SettingRole = (typeof ROLES)[number];

export type Setting = {
  readonly role: SettingRole;
  /** The flag or the variable. */
  readonly from: string;
  readonly isFlag: boolean;
  /** Undefined where nobody knows it here. */
  readonly value: string | undefined;
  /** The word behind a switch, which does not take it as its value. */
  readonly stray: string | undefined;
  readonly path: Path;
};

/** The words of an election, between the words of what is set. */
const ELECTION = 'leader-?elect(?:ion)?';
const UNIT = '(?:-(?:seconds|secs|s|ms|millis|milliseconds))?';

/**
 * Names in lower case with dashes, whether a flag (--leader-elect), another way of writing it (--leaderElect) or a
 * variable (LEADER_ELECT) is meant: those of client-go's and component-base's flags, of controller-runtime's project
 * generator, of the CSI sidecars, and of what follows their example.
 */
const NAMES: Readonly<Record<SettingRole, string>> = {
  enabled: `(?:enable-)?${ELECTION}(?:-enabled?)?`,
  disabled: `(?:disable|no)-${ELECTION}`,
  name: `${ELECTION}-(?:id|name|resource-name|resource-id|lease-name|lock-name|resource-lock-name|key)|election-id|lease-name`,
  namespace: `${ELECTION}-(?:namespace|resource-namespace|lease-namespace|lock-namespace)|lease-namespace`,
  lock: `${ELECTION}-(?:resource-lock|type|resource-type)`,
  leaseDuration: `${ELECTION}-(?:lease-)?duration${UNIT}`,
  renewDeadline: `${ELECTION}-(?:renew|renewal)-deadline${UNIT}`,
  retryPeriod: `${ELECTION}-retry-period${UNIT}`,
};

const FLAGS = compiled('^');
/** A variable may have the name of its product in front. */
const VARIABLES = compiled('^(?:[a-z0-9-]+-)??');

function compiled(start: string): readonly (readonly [SettingRole, RegExp])[] {
  return ROLES.map(role => [role, new RegExp(`${start}(?:${NAMES[role]})$`)]);
}

const roleOf = (name: string, table: typeof FLAGS) => table.find(([, pattern]) => pattern.test(name))?.[0];

/** leaderElectID and LEADER_ELECT_ID are leader-elect-id. */
const dashed = (name: string) =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replaceAll('_', '-')
    .toLowerCase();

const isSwitch = (role: SettingRole) => role === 'enabled' || role === 'disabled';

function settingsOf(container: LintContainer, injected: Labels): Setting[] {
  const {words, env} = container;
  const flags = words.flatMap(
    (word, index) => flagSetting(word, words[index + 1], container, injected) ?? [],
  );
  const variables = env.flatMap(({name, value, path}): Setting[] => {
    const role = roleOf(dashed(name), VARIABLES);
    if (!role || value === '') return [];
    const known = value === undefined ? undefined : expanded(value, container, injected);
    return [{role, from: name, isFlag: false, value: known, stray: undefined, path}];
  });
  return [...flags, ...variables];
}

const FLAG = /^--?([A-Za-z][\w.-]*?)(?:=(.*))?$/s;

function flagSetting(
  {text, path}: Word,
  next: Word | undefined,
  container: LintContainer,
  injected: Labels,
): Setting | undefined {
  const [, name = '', joined] = FLAG.exec(text) ?? [];
  const role = roleOf(dashed(name), FLAGS);
  if (!role) return undefined;
  const behind = next && !next.text.startsWith('-') ? next.text : undefined;
  const written = joined ?? (isSwitch(role) ? 'true' : behind);
  const value = written === undefined ? undefined : expanded(written, container, injected);
  const isStray = isSwitch(role) && joined === undefined && behind !== undefined && isBoolean(behind);
  return {role, from: `--${name}`, isFlag: true, value, stray: isStray ? behind : undefined, path};
}

const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE = ['0', 'f', 'F', 'false', 'FALSE', 'False'];
/** As Go reads it. */
export const isBoolean = (value: string) => TRUE.includes(value) || FALSE.includes(value);

/** All that is known of how a container elects. */
export type Election = {
  readonly workload: LintWorkload;
  readonly container: LintContainer;
  readonly settings: readonly Setting[];
  /** Whether it is switched on or off; undefined where nothing is said. */
  readonly isOn: boolean | undefined;
  /** What says so. */
  readonly switch: Setting | undefined;
  /** The name of the Lease where it is given. */
  readonly name: Setting | undefined;
  /** The namespace of the Lease; that of the Pods where none is given, undefined where nobody knows. */
  readonly namespace: string | undefined;
  readonly durations: Readonly<Record<DurationRole, GivenDuration | undefined>>;
};

export type DurationRole = 'leaseDuration' | 'renewDeadline' | 'retryPeriod';
/** A duration as it is set; milliseconds are undefined where nobody knows the value or its unit. */
export type GivenDuration = {readonly setting: Setting; readonly ms: number | undefined};

export function electionOf(
  workload: LintWorkload,
  container: LintContainer,
  injected: Labels = {},
): Election {
  const settings = settingsOf(container, injected);
  // The last flag counts, and a flag before a variable.
  const find = (role: SettingRole) =>
    settings.findLast(each => each.role === role && each.isFlag) ??
    settings.findLast(each => each.role === role);
  const duration = (role: DurationRole) => {
    const setting = find(role);
    return setting && {setting, ms: millisecondsOf(setting)};
  };
  const [on, off] = [find('enabled'), find('disabled')];
  const decisive = off && truthOf(off) !== undefined ? off : on;
  const truth = decisive && truthOf(decisive);
  return {
    workload,
    container,
    settings,
    isOn: truth === undefined ? undefined : decisive === off ? !truth : truth,
    switch: decisive,
    name: find('name'),
    namespace: namespaceOf(find('namespace'), workload),
    durations: {
      leaseDuration: duration('leaseDuration'),
      renewDeadline: duration('renewDeadline'),
      retryPeriod: duration('retryPeriod'),
    },
  };
}

function truthOf({value}: Setting): boolean | undefined {
  if (value === undefined) return undefined;
  if (TRUE.includes(value)) return true;
  return FALSE.includes(value) ? false : undefined;
}

function namespaceOf(setting: Setting | undefined, {object}: LintWorkload): string | undefined {
  if (!setting) return object.namespace;
  return setting.value === '' ? object.namespace : setting.value;
}

/** A number without a unit has the one that the name ends with. */
function millisecondsOf({from, value}: Setting): number | undefined {
  if (value === undefined) return undefined;
  const number = /^\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
  if (number === undefined) return goDuration(value);
  if (/[-_](ms|millis|milliseconds)$/i.test(from)) return number;
  return /[-_](s|secs|seconds)$/i.test(from) ? number * 1000 : undefined;
}
