/** Explains one Lease: what it is, whose it is, who holds it, and what becomes of it. */
import {durationText} from '../core/duration-text.ts';
import {type PodFacts, type PodObject, podFacts, podNamesIn} from '../core/lease/pod-of-holder.ts';
import {escaped, legible} from '../core/legible.ts';
import {HEARTBEATS} from '../core/naming/rules.ts';
import type {Fate} from '../core/plan/fate.ts';
import {ApiError} from '../errors.ts';
import {type Explanation, explain} from '../rehearsal/explanation.ts';
import type {LeaseFacts} from '../rehearsal/lease-facts.ts';
import type {Snapshot} from '../rehearsal/snapshot.ts';
import type {ApiClient} from '../runtime/client.ts';
import {withCluster} from './cluster/cluster.ts';
import {type Note, notesOf, tellNotes, withSnapshot} from './cluster/open-snapshot.ts';
import {type WatchForFlags, watchFor} from './cluster/watch-for.ts';
import type {Call} from './command.ts';
import {EXIT, Failure, failureOf} from './terminal/failure.ts';
import {secondsText} from './terminal/lease-view.ts';
import type {ClusterFlags, OperatorFlags, OutputFlags} from './terminal/options.ts';
import {jsonText, type Streams, yamlText} from './terminal/output.ts';

type Flags = ClusterFlags & OutputFlags & OperatorFlags & WatchForFlags;

type Told = Explanation & {readonly pod: PodFacts | null; readonly notes: readonly Note[]};

export async function run({args: [text = ''], flags: given, streams}: Call): Promise<number> {
  const flags = given as Flags;
  const name = leaseNamed(text);
  await withCluster(flags, ({client, namespace}) => {
    const heartbeats = namespace === HEARTBEATS;
    const opening = {client, flags, streams, needs: ['leases'], heartbeats, namespace};
    return withSnapshot(opening, async snapshot => {
      await watchFor(flags, streams);
      const told = await tell(snapshot, client, namespace, name);
      await print(told, flags.output ?? 'table', snapshot, streams);
    });
  });
  return EXIT.done;
}

/** lease/NAME, as kubectl prints it, or the name alone. */
function leaseNamed(text: string): string {
  const [, name = ''] = /^(?:leases?(?:\.[^/]*)?\/)?([^/]+)$/.exec(text) ?? [];
  if (name !== '') return name;
  throw new Failure('Usage', `${text} is no Lease`, 'write lease/NAME, and its namespace by -n');
}

async function tell(snapshot: Snapshot, client: ApiClient, namespace: string, name: string): Promise<Told> {
  const lease = snapshot.lease(namespace, name);
  if (!lease) {
    const elsewhere = [...snapshot.leases()].filter(each => each.name === name).map(each => each.namespace);
    const next =
      elsewhere.length > 0
        ? `there is one in ${elsewhere.join(', ')}: name it by -n`
        : 'look at all by get -A';
    throw new Failure('NotFound', `there is no Lease ${name} in namespace ${namespace}`, next);
  }
  const explained = explain(lease, snapshot, snapshot.now());
  const notes = notesOf(snapshot);
  try {
    return {...explained, pod: (await podOf(lease, client)) ?? null, notes};
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 403)) throw error;
    const {reason, message} = failureOf(error);
    return {...explained, pod: null, notes: [...notes, {resource: 'pods', reason, message}]};
  }
}

/** The first of the Pods that the holder may name and that is there. */
async function podOf(
  {namespace, holder}: {namespace: string; holder: string},
  client: ApiClient,
): Promise<PodFacts | undefined> {
  for (const name of podNamesIn(holder)) {
    try {
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${name}`;
      return podFacts(await client.request<PodObject>('GET', path));
    } catch (error) {
      if (!(error instanceof ApiError && error.isNotFound)) throw error;
    }
  }
  return undefined;
}

async function print(told: Told, output: string, snapshot: Snapshot, streams: Streams): Promise<void> {
  const {facts, pod, actions, fate, notes} = told;
  const document = {...facts, pod, actions, fate: fateDocument(fate), notes};
  if (output === 'json') streams.stdout.write(jsonText(document));
  else if (output === 'yaml') streams.stdout.write(await yamlText(document));
  else {
    streams.stdout.write(fieldsText(fieldsOf(told, snapshot.now().wallMs)));
    tellNotes(notes, streams);
  }
}

const iso = (wallMs: number | undefined) =>
  wallMs === undefined ? null : new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');

const fateDocument = ({what, because, dueWallMs, notBeforeWallMs}: Fate) => ({
  what,
  because,
  due: iso(dueWallMs),
  notBefore: iso(notBeforeWallMs),
});

/** Names, and one or more lines beside each. */
type Fields = readonly (readonly [string, ...string[]])[];

/** Two spaces behind the longest name, as kubectl describe has it. What strangers wrote stays on its line. */
export function fieldsText(fields: Fields): string {
  const width = Math.max(...fields.map(([name]) => name.length)) + 3;
  return fields
    .flatMap(([name, ...lines]) =>
      lines.map((line, at) => `${(at === 0 ? `${name}:` : '').padEnd(width)}${escaped(line)}\n`),
    )
    .join('');
}

export function fieldsOf({facts, pod, actions, fate, notes}: Told, wallMs: number): Fields {
  return [
    ['Lease', `${facts.namespace}/${facts.name}`],
    [
      'Class',
      facts.class,
      facts.evidence === 'none' ? facts.because : `by its ${facts.evidence}: ${facts.because}`,
    ],
    ['State', facts.state],
    ['Policy', orNone(facts.policies.join(', '))],
    ...(facts.governedBy.length > 0
      ? [['Namespace', `governed by ${facts.governedBy.join(', ')}`] as const]
      : []),
    ['Subject', orNone(facts.subject ?? '')],
    [
      'Holder',
      orNone(legible(facts.holder, 200)),
      ...holderLines(
        facts,
        pod,
        notes.some(({resource}) => resource === 'pods'),
      ),
    ],
    ['Renewed', renewalLine(facts)],
    ['Acquired', orNone(facts.acquireTime ?? '')],
    ['Transitions', `${facts.transitions}`],
    ['Findings', ...findingLines(facts)],
    ['Now', ...actionLines(actions)],
    ['Then', ...fateLines(fate, wallMs)],
  ];
}

const orNone = (text: string) => (text === '' ? '<none>' : text);

function holderLines(
  {holder, holderWorkload}: LeaseFacts,
  pod: PodFacts | null,
  podsUnread: boolean,
): string[] {
  if (holder === '') return [];
  const workload = pod?.workload ?? holderWorkload;
  const line = workload === null ? [] : [`of ${workload}`];
  if (!pod) return isOfPods(workload) && !podsUnread ? ['there is no such Pod now', ...line] : line;
  return [`Pod ${pod.name}, ${pod.phase}${pod.node === null ? '' : ` on ${pod.node}`}`, ...line];
}

/** Nodes and API servers hold Leases themselves. */
const isOfPods = (workload: string | null) => workload !== null && !/^(Node|APIServer)\//.test(workload);

function renewalLine({renewTime, renewedSecondsAgo, durationSeconds}: LeaseFacts): string {
  const lasting = durationSeconds === null ? 'without a duration' : `lasts ${secondsText(durationSeconds)}`;
  if (renewedSecondsAgo === null) return `${orNone(renewTime ?? '')} (${lasting})`;
  return `${renewTime} (${durationText(renewedSecondsAgo)} ago, ${lasting})`;
}

function findingLines({findings}: LeaseFacts): [string, ...string[]] {
  const lines = findings.map(
    ({policy, reason, message}) => `${reason} (${policy}): ${legible(message, 1024)}`,
  );
  return withNone(lines.length === 0 ? [] : [...lines, 'docs/findings.md says what to do']);
}

const actionLines = (actions: Explanation['actions']): [string, ...string[]] =>
  withNone(
    actions.map(({action, detail}) => `${action}: ${detail}`),
    'nothing to do',
  );

function withNone(lines: readonly string[], none = '<none>'): [string, ...string[]] {
  const [first = none, ...rest] = lines;
  return [first, ...rest];
}

function fateLines({what, because, dueWallMs, notBeforeWallMs}: Fate, wallMs: number): [string, ...string[]] {
  if (what === 'kept') return [`it is kept: ${because}`];
  if (what === 'unknown') return [`nobody can tell: ${because}, which can't be read`];
  if (what === 'stopped') return [`nothing is deleted: ${because}`];
  if (dueWallMs === notBeforeWallMs) return [`it is deleted: ${because}`, whenText(dueWallMs, wallMs)];
  return [
    `it is deleted: ${because}`,
    `${whenText(dueWallMs, wallMs)} by an operator that has watched it since its last renewal`,
    `not before ${iso(notBeforeWallMs)} by one that starts now, if nothing renews it`,
  ];
}

function whenText(dueWallMs = 0, wallMs = 0): string {
  const seconds = (dueWallMs - wallMs) / 1000;
  if (seconds <= 0) return `due since ${iso(dueWallMs)} (${durationText(-seconds)} ago)`;
  return `due at ${iso(dueWallMs)} (in ${durationText(seconds)})`;
}
