/** The catalogue of well-known Leases, compiled once for looking up a Lease. */
import {type CatalogueEntry, CLASSES, type Condition} from '../../api/catalogue.ts';
import {HEARTBEATS} from '../naming/rules.ts';
import builtIn from './catalogue.json' with {type: 'json'};
import type {LeaseOwner, LeaseView} from './lifetime.ts';

export type {CatalogueEntry} from '../../api/catalogue.ts';

type Place = Pick<LeaseView, 'namespace' | 'name'>;
type Known = {readonly entry: CatalogueEntry; readonly names: (leaseName: string) => boolean};

/** Entries in their order: where two fit alike, the first one counts. */
export type Catalogue = {
  readonly entries: readonly CatalogueEntry[];
  readonly byName: ReadonlyMap<string, readonly CatalogueEntry[]>;
  readonly patterns: readonly Known[];
  /** Entries with a condition, which decide nothing where it is not met. */
  readonly conditional: readonly Known[];
  /** Entries of names that more than one product leads by. */
  readonly shared: readonly Known[];
};

function index(entries: readonly CatalogueEntry[]): Catalogue {
  const byName = new Map<string, CatalogueEntry[]>();
  const patterns: Known[] = [];
  const conditional: Known[] = [];
  for (const entry of entries) {
    if (entry.when) conditional.push({entry, names: matcher(entry)});
    else if (entry.pattern !== undefined) patterns.push({entry, names: matcher(entry)});
    else if (entry.name !== undefined) byName.set(entry.name, [...(byName.get(entry.name) ?? []), entry]);
  }
  const shared = entries.filter(isShared).map(entry => ({entry, names: matcher(entry)}));
  return Object.freeze({entries, byName, patterns, conditional, shared});
}

/** Whether products that have nothing in common but a default or a generator lead by the name. */
export const isShared = ({generic, scaffold}: CatalogueEntry): boolean =>
  generic === true || scaffold === true;

function matcher({name, pattern}: CatalogueEntry): Known['names'] {
  if (pattern === undefined) return leaseName => leaseName === name;
  const regex = new RegExp(pattern);
  return leaseName => regex.test(leaseName);
}

/** What comes with the operator; a test proves that compileCatalogue has nothing to say against it. */
export const KNOWN: Catalogue = index(builtIn as readonly CatalogueEntry[]);

/** The entries of the user go before those that are known anyway. */
export const extend = (known: Catalogue, further: Catalogue): Catalogue =>
  index([...further.entries, ...known.entries]);

/** <install> stands for the namespace that a product happens to be installed in. */
const isIn = ({namespace}: CatalogueEntry, lease: Place) =>
  namespace === lease.namespace || namespace === '*' || namespace === '<install>';

const fits = ({entry, names}: Known, lease: Place) => isIn(entry, lease) && names(lease.name);

/** Whether the Lease may be one of several products that lead by one name. */
export const mayBeShared = ({shared}: Catalogue, lease: Place): boolean =>
  shared.some(known => fits(known, lease));

/** The entry with the exact name. */
export const entryOfName = ({byName}: Catalogue, lease: Place): CatalogueEntry | undefined =>
  byName.get(lease.name)?.find(entry => isIn(entry, lease));

/** The entry whose pattern the name has. */
export const entryOfPattern = ({patterns}: Catalogue, lease: Place): CatalogueEntry | undefined =>
  patterns.find(known => fits(known, lease))?.entry;

/** The entry for what an object of this kind owns. */
export const entryOfOwner = (
  {conditional}: Catalogue,
  lease: Place,
  {group, kind}: LeaseOwner,
): CatalogueEntry | undefined => {
  const written = group === '' ? kind : `${group}/${kind}`;
  return conditional.find(known => {
    const {when} = known.entry;
    return when?.op === 'hasKind' && when.value === written && fits(known, lease);
  })?.entry;
};

/** The entry for what has a strategy of coordinated election. */
export const entryOfStrategy = ({conditional}: Catalogue, lease: Place): CatalogueEntry | undefined =>
  conditional.find(known => known.entry.when?.op === 'exists' && fits(known, lease))?.entry;

/** A catalogue, or the sentences that say what to write instead. Total for any input. */
export function compileCatalogue(entries: unknown): Catalogue | string[] {
  if (!Array.isArray(entries)) return ['write a list of entries, each with name or pattern'];
  const list: readonly unknown[] = Array.from(entries);
  const problems = list.flatMap((entry, at) =>
    entryProblems(entry).map(problem => `entry ${at + 1}: ${problem}`),
  );
  return problems.length > 0 ? problems : index(structuredClone(list) as CatalogueEntry[]);
}

function entryProblems(entry: unknown): string[] {
  if (!isObject(entry)) return ['write an object with name or pattern, namespace, component and class'];
  const problems = [...unknownFields(entry), ...fieldProblems(entry)];
  return problems.length > 0 ? problems : contradictions(entry as CatalogueEntry);
}

type Field = keyof CatalogueEntry;
type Check<Name extends Field> = {
  readonly is: (value: unknown) => value is NonNullable<CatalogueEntry[Name]>;
  /** Completes "write ...". */
  readonly write: string;
};

/**
 * By hand, and held to the type by the compiler: a schema of the library that makes the CRDs would cost every operator
 * megabytes at run time, for a file that few have.
 */
const FIELDS: {readonly [Name in Field]-?: Check<Name>} = {
  name: {
    is: isText(/^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/),
    write: 'the exact name of a Lease: letters of lower case, digits, "-" and "."',
  },
  pattern: {is: isWholeRegex, write: 'a regular expression of the whole name, from ^ to $'},
  namespace: {
    is: isText(/^(\*|<install>|[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)$/),
    write: 'the namespace, "*" for any, or "<install>" for that of the installation',
  },
  component: text('the product that makes the Lease'),
  class: {is: isClass, write: `one of ${CLASSES.filter(isClass).join(', ')}`},
  when: {
    is: isCondition,
    write:
      '{field: metadata.ownerReferences, op: hasKind, value: example.com/Kind} or {field: spec.strategy, op: exists}',
  },
  holderFormat: text('what its holders look like, such as hostname_uuid'),
  leaseDurationSeconds: {
    is: (value): value is number => Number.isSafeInteger(value) && Number(value) > 0,
    write: 'a whole number of seconds, from 1',
  },
  example: text('a name that the pattern matches'),
  source: text('where this can be looked up'),
  note: text('what people should know of it'),
  provider: text('the cloud whose managed clusters have this Lease, such as GKE'),
  reserved: flag('a workload of your own must not use it'),
  generic: flag('products that have nothing in common use this name by default'),
  scaffold: flag('a project generator makes the name, so that copies share it'),
};
const REQUIRED: readonly string[] = ['namespace', 'component', 'class'] satisfies Field[];

function unknownFields(entry: object): string[] {
  return Object.keys(entry)
    .filter(field => !Object.hasOwn(FIELDS, field))
    .map(field => `${JSON.stringify(field)} is no field: write one of ${Object.keys(FIELDS).join(', ')}`);
}

function fieldProblems(entry: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(FIELDS)
    .filter(([field, {is}]) => (Object.hasOwn(entry, field) ? !is(entry[field]) : REQUIRED.includes(field)))
    .map(([field, {write}]) => `${field}: write ${write}`);
}

/** What single fields can't show. */
function contradictions(entry: CatalogueEntry): string[] {
  if ((entry.name === undefined) === (entry.pattern === undefined))
    return ['name: write either name or pattern'];
  if (entry.example !== undefined && !matcher(entry)(entry.example))
    return [`example: write ${FIELDS.example.write}`];
  if (entry.when?.op === 'exists' && entry.class !== 'coordinated-leader-election')
    return ['class: write coordinated-leader-election for what has a strategy'];
  // Heartbeats of nodes can be collected, so nothing elsewhere may pass for one.
  if (entry.class === 'node-heartbeat' && entry.namespace !== HEARTBEATS)
    return [`class: write node-heartbeat for the namespace ${HEARTBEATS} alone`];
  return [];
}

function isText(form: RegExp) {
  return (value: unknown): value is string => typeof value === 'string' && form.test(value);
}

function text(write: string) {
  return {is: isText(/\S/), write};
}

function flag(when: string) {
  return {is: (value: unknown): value is boolean => typeof value === 'boolean', write: `true when ${when}`};
}

function isWholeRegex(value: unknown): value is string {
  if (typeof value !== 'string' || !/^\^.*\$$/.test(value)) return false;
  try {
    new RegExp(value);
    return true;
  } catch {
    return false;
  }
}

function isClass(value: unknown): value is CatalogueEntry['class'] {
  return value !== 'tombstone' && CLASSES.some(each => each === value);
}

function isCondition(value: unknown): value is Condition {
  if (!isObject(value)) return false;
  const {field, op, value: kind, ...rest} = value;
  if (Object.keys(rest).length > 0) return false;
  if (field === 'spec.strategy') return op === 'exists' && kind === undefined;
  return field === 'metadata.ownerReferences' && op === 'hasKind' && isOwnerKind(kind);
}

const isOwnerKind = isText(/^([a-z0-9][-a-z0-9.]*\/)?[A-Z][A-Za-z0-9]*$/);

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
