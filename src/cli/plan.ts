/** Prints what the operator would do now, by the same code, and writes nothing. */
import {legible} from '../core/legible.ts';
import type {ActionText} from '../core/plan/action-text.ts';
import {type Forecast, forecast} from '../rehearsal/forecast.ts';
import {withCluster} from './cluster/cluster.ts';
import {withSnapshot} from './cluster/open-snapshot.ts';
import {type WatchForFlags, watchFor} from './cluster/watch-for.ts';
import type {Call} from './command.ts';
import {EXIT, Failure, failureOf} from './terminal/failure.ts';
import type {ClusterFlags, OperatorFlags, OutputFlags} from './terminal/options.ts';
import {type Column, print, type Streams} from './terminal/output.ts';

type Flags = ClusterFlags & OutputFlags & OperatorFlags & WatchForFlags & {allNamespaces?: true};

/** Without one of these there are no policies to plan by. */
const NEEDS = ['leasepolicies', 'leaseregistries', 'namespaces', 'leases'];

export async function run({flags: given, streams}: Call): Promise<number> {
  const flags = given as Flags;
  const found = await withCluster(flags, ({client}) => {
    const opening = {client, flags, streams, needs: NEEDS, heartbeats: false};
    return withSnapshot(opening, async snapshot => {
      await watchFor(flags, streams);
      // What the operator can't read it does not judge either; but it may read what its caller may not.
      const [problem] = snapshot.problems.values();
      if (problem) throw incomplete(problem);
      return forecast(snapshot, snapshot.now());
    });
  });
  const shown = within(found, flags.allNamespaces ? undefined : flags.namespace);
  await show(shown, flags, streams);
  return shown.actions.length > 0 ? EXIT.found : EXIT.done;
}

function incomplete(problem: Error): Failure {
  const {reason, message, next} = failureOf(problem);
  return new Failure(reason, `a plan needs all that the operator reads, and ${message}`, next, problem);
}

function within({actions, events, silent, doubtful}: Forecast, namespace: string | undefined): Forecast {
  const isThere = (each: {namespace: string | null}) =>
    namespace === undefined || each.namespace === namespace;
  return {
    actions: actions.filter(isThere),
    events: events.filter(isThere),
    silent: silent.filter(isThere),
    doubtful,
  };
}

const COLUMNS: readonly Column<ActionText>[] = [
  {title: 'Action', text: ({action}) => action, style: ({action}) => STYLES[action]},
  {title: 'Kind', text: ({kind}) => kind},
  {title: 'Namespace', text: ({namespace}) => namespace ?? ''},
  {title: 'Name', text: ({name}) => name},
  {title: 'Policy', text: ({policy}) => policy ?? ''},
  {title: 'Why', text: ({detail}) => legible(detail, 1024)},
];

const STYLES: Readonly<Record<string, 'red' | 'green' | undefined>> = {create: 'green', delete: 'red'};

async function show(found: Forecast, flags: Flags, streams: Streams): Promise<void> {
  const {output = 'table'} = flags;
  await print(
    {
      rows: found.actions,
      columns: COLUMNS,
      document: () => found,
      name: ({kind, name}) => `${kind.toLowerCase()}/${name}`,
      empty: 'Nothing to do.',
    },
    output,
    streams,
  );
  if (output === 'json' || output === 'yaml') return;
  for (const line of doubts(found)) streams.stderr.write(`note: ${line}\n`);
}

/** The operator judges renewals by what it has seen, and this command has seen little. */
function doubts({silent, doubtful}: Forecast): string[] {
  const look = 'look on with --watch-for, longer than they last';
  return [
    ...(silent.length > 0
      ? [`${silent.length} Leases are silent by the times in them, which decides nothing: ${look}`]
      : []),
    ...(doubtful.length > 0
      ? [`the status of ${doubtful.join(', ')} can't be told without having watched: ${look}`]
      : []),
  ];
}
