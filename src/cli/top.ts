/** Shows all Leases by policy as they are renewed, until it is told to end. */
import type {ReadStream, WriteStream} from 'node:tty';
import {FactFinder} from '../rehearsal/lease-facts.ts';
import type {Snapshot} from '../rehearsal/snapshot.ts';
import {type ClusterAccess, withCluster} from './cluster/cluster.ts';
import {notesOf, withSnapshot} from './cluster/open-snapshot.ts';
import type {Call} from './command.ts';
import {EXIT, Failure} from './terminal/failure.ts';
import type {ClusterFlags, OperatorFlags} from './terminal/options.ts';
import {hasColours, type Streams} from './terminal/output.ts';
import {Screen} from './terminal/screen.ts';
import {FIRST_VIEW, frame, linesOf, type TopModel, type TopRow} from './terminal/top-frame.ts';
import {keysIn, pressed} from './terminal/top-keys.ts';

type Flags = ClusterFlags & OperatorFlags;

const DRAW_MS = 1_000;

export async function run({flags: given, streams}: Call): Promise<number> {
  const flags = given as Flags;
  if (!streams.stdout.isTTY || !streams.stdin.isTTY)
    throw new Failure('Usage', 'top draws on a terminal, and this is none', 'use get -A --watch instead');
  await withCluster(flags, access => {
    const place = flags.namespace === undefined ? {} : {namespace: flags.namespace};
    const opening = {client: access.client, flags, streams, needs: ['leases'], heartbeats: true, ...place};
    return withSnapshot(opening, snapshot => live(snapshot, access, flags, streams));
  });
  return EXIT.done;
}

async function live(
  snapshot: Snapshot,
  {context}: ClusterAccess,
  {namespace}: Flags,
  streams: Streams,
): Promise<void> {
  const screen = new Screen(streams.stdin as ReadStream, streams.stdout as WriteStream);
  const end = Promise.withResolvers<void>();
  const coloured = hasColours(streams);
  let view = FIRST_VIEW;
  let model = modelOf(snapshot, context, namespace);
  const draw = () => screen.draw(frame(model, view, screen.size, coloured));
  const onKeys = (chunk: string) => {
    for (const key of keysIn(chunk)) {
      const next = pressed(key, view, screen.size.rows - 5);
      if (!next) return end.resolve();
      view = {...next, scroll: Math.min(next.scroll, linesOf(model.rows, next))};
    }
    draw();
  };
  const timer = setInterval(() => {
    model = modelOf(snapshot, context, namespace);
    draw();
  }, DRAW_MS);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.once(signal, () => end.resolve());
  screen.enter(onKeys, draw);
  draw();
  try {
    await end.promise;
  } finally {
    clearInterval(timer);
    screen.leave();
  }
}

function modelOf(snapshot: Snapshot, context: string, namespace: string | undefined): TopModel {
  const now = snapshot.now();
  const finder = new FactFinder(snapshot, now);
  const leases = [...snapshot.leases()].filter(
    lease => namespace === undefined || lease.namespace === namespace,
  );
  const rows = leases.map(
    (lease): TopRow => ({
      ...finder.of(lease),
      ageMs: lease.renewTime === undefined ? undefined : now.monotonicMs - finder.heard(lease).changedAtMs,
    }),
  );
  const problems = notesOf(snapshot).map(({resource, message}) => `${resource} (${message})`);
  return {context, rows, problems, time: new Date(now.wallMs).toTimeString().slice(0, 8)};
}
