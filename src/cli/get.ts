/** Lists Leases with what is known of each, once or as they change. */
import {setTimeout as delay} from 'node:timers/promises';
import type {LeaseView} from '../core/lease/lifetime.ts';
import {HEARTBEATS} from '../core/naming/rules.ts';
import {parseSelector} from '../core/selector-text.ts';
import {FactFinder, type LeaseFacts} from '../rehearsal/lease-facts.ts';
import type {Snapshot} from '../rehearsal/snapshot.ts';
import {withCluster} from './cluster/cluster.ts';
import {notesOf, tellNotes, withSnapshot} from './cluster/open-snapshot.ts';
import type {Call} from './command.ts';
import {EXIT, Failure} from './terminal/failure.ts';
import {byPlace, leaseColumns, leaseName} from './terminal/lease-view.ts';
import type {ClusterFlags, OperatorFlags, Output, OutputFlags} from './terminal/options.ts';
import {hasColours, print, type Streams, tableLines} from './terminal/output.ts';

type Flags = ClusterFlags &
  OutputFlags &
  OperatorFlags & {allNamespaces?: true; selector?: string; watch?: true};

/** What is to be shown. */
type Wanted = {
  /** Undefined for all. */
  readonly namespace: string | undefined;
  readonly names: readonly string[];
  readonly selects: (labels: LeaseView['labels']) => boolean;
};

/** How often a watch looks for what has changed; a renewal alone is no change. */
const LOOK_MS = 500;

export async function run({args, flags: given, streams}: Call): Promise<number> {
  const flags = given as Flags;
  const selects = selectorOf(flags.selector);
  const output = flags.output ?? 'table';
  await withCluster(flags, ({client, namespace: own}) => {
    const namespace = flags.allNamespaces ? undefined : own;
    const wanted: Wanted = {namespace, names: args, selects};
    const heartbeats = namespace === undefined || namespace === HEARTBEATS;
    const place = namespace === undefined ? {} : {namespace};
    const opening = {client, flags, streams, needs: ['leases'], heartbeats, ...place};
    return withSnapshot(opening, async snapshot => {
      const rows = factsOf(snapshot, wanted);
      checkNames(rows, wanted);
      await show(rows, wanted, output, snapshot, streams);
      if (flags.watch) await follow(rows, wanted, output, snapshot, streams);
    });
  });
  return EXIT.done;
}

function selectorOf(text: string | undefined): Wanted['selects'] {
  if (text === undefined) return () => true;
  const selects = parseSelector(text);
  if (typeof selects !== 'string') return selects;
  throw new Failure(
    'Usage',
    `--selector can't be read (${selects})`,
    'write labels as team=payments,tier!=db',
  );
}

/** Names may be written as kubectl prints them. */
const bare = (name: string) => name.replace(/^leases?(\.[^/]*)?\//, '');

function factsOf(snapshot: Snapshot, {namespace, names, selects}: Wanted): LeaseFacts[] {
  const finder = new FactFinder(snapshot, snapshot.now());
  const asked = new Set(names.map(bare));
  const leases = [...snapshot.leases()].filter(
    lease =>
      (namespace === undefined || lease.namespace === namespace) &&
      (asked.size === 0 || asked.has(lease.name)) &&
      selects(lease.labels),
  );
  return leases.map(lease => finder.of(lease)).sort(byPlace);
}

/** Whoever names a Lease that is not there gets no half of an answer. */
function checkNames(rows: readonly LeaseFacts[], {names, namespace}: Wanted): void {
  const missing = names.map(bare).filter(name => !rows.some(row => row.name === name));
  if (missing.length === 0) return;
  const place = namespace === undefined ? 'any namespace' : `namespace ${namespace}`;
  const next =
    namespace === undefined ? 'look at all by get -A' : 'name its namespace by -n, or look at all by -A';
  throw new Failure('NotFound', `there is no Lease ${missing.join(', ')} in ${place}`, next);
}

async function show(
  rows: readonly LeaseFacts[],
  {namespace}: Wanted,
  output: Output,
  snapshot: Snapshot,
  streams: Streams,
): Promise<void> {
  const notes = notesOf(snapshot);
  const empty = `No Leases found${namespace === undefined ? '' : ` in namespace ${namespace}`}.`;
  const view = {rows, columns: leaseColumns(namespace === undefined), name: leaseName, empty};
  await print({...view, document: () => ({items: rows, notes})}, output, streams);
  if (output !== 'json' && output !== 'yaml') tellNotes(notes, streams);
}

/** Prints each Lease anew that changes in more than its renewals; ends with the process. */
async function follow(
  first: readonly LeaseFacts[],
  wanted: Wanted,
  output: Output,
  snapshot: Snapshot,
  streams: Streams,
): Promise<never> {
  let before = new Map(first.map(row => [keyOf(row), row]));
  let told = JSON.stringify(notesOf(snapshot));
  for (;;) {
    await delay(LOOK_MS);
    const notes = notesOf(snapshot);
    if (JSON.stringify(notes) !== told) tellNotes(notes, streams);
    told = JSON.stringify(notes);
    const rows = factsOf(snapshot, wanted);
    const isNew = (row: LeaseFacts) => steady(row) !== steady(before.get(keyOf(row)));
    printChanges(rows, isNew, wanted, output, streams);
    const now = new Map(rows.map(row => [keyOf(row), row]));
    for (const [key, row] of before) if (!now.has(key)) printGone(row, output, streams);
    before = now;
  }
}

const keyOf = ({namespace, name}: LeaseFacts) => `${namespace}/${name}`;

/** Without what every renewal changes. */
const steady = (row: LeaseFacts | undefined) =>
  row && JSON.stringify({...row, renewTime: null, renewedSecondsAgo: null});

function printChanges(
  rows: readonly LeaseFacts[],
  isNew: (row: LeaseFacts) => boolean,
  {namespace}: Wanted,
  output: Output,
  streams: Streams,
): void {
  const {lines} = tableLines(
    {rows, columns: leaseColumns(namespace === undefined)},
    output === 'wide',
    hasColours(streams),
  );
  for (const [at, row] of rows.entries()) {
    if (!isNew(row)) continue;
    if (output === 'json' || output === 'yaml') printEvent('changed', row, streams);
    else streams.stdout.write(output === 'name' ? `${leaseName(row)}\n` : `${lines[at]}\n`);
  }
}

/** A line of JSON, which is YAML too. */
const printEvent = (type: 'changed' | 'deleted', item: LeaseFacts, {stdout}: Streams) =>
  stdout.write(`${JSON.stringify({type, item})}\n`);

function printGone(row: LeaseFacts, output: Output, streams: Streams): void {
  if (output === 'json' || output === 'yaml') printEvent('deleted', row, streams);
  else streams.stdout.write(`${leaseName(row)} in namespace ${row.namespace} was deleted\n`);
}
