/** Removes the Leases of one product that nobody holds. */
import type {KubeObject, Lease} from '../api/objects.ts';
import {projectLease} from '../controllers/project.ts';
import {isElectionOf, isLeaseOf, type Product, parseProduct, watchMs, whyItStays} from '../core/leases-of.ts';
import type {LeaseView} from '../core/lifetime.ts';
import {meansKind} from '../core/subject-names.ts';
import {ApiError} from '../errors.ts';
import type {ApiClient} from '../runtime/client.ts';
import {delay, systemClock} from '../runtime/clock.ts';
import {asking} from './confirm.ts';
import {Failure} from './failure.ts';
import {jsonText} from './output.ts';
import {pathOf, readIfThere} from './resources.ts';
import {demandRights} from './rights.ts';
import {listObjects} from './things.ts';
import type {Uninstalling} from './uninstall.ts';

const LEASES = '/apis/coordination.k8s.io/v1';
const LOOK_EVERY_MS = 1_000;

/** A Lease under our eyes. */
type Watched = {lease: Lease | undefined; view: LeaseView; readonly firstSeenMs: number};
type Verdict = {lease: string; namespace: string; because?: string; manifest?: Lease};

export async function removeLeasesOf(uninstalling: Uninstalling, text: string): Promise<void> {
  const {client, flags, streams} = uninstalling;
  const product = parseProduct(text);
  if (!product) {
    const next = 'write NAMESPACE/KIND/NAME, such as shop/deployment/api';
    throw new Failure('Usage', `--leases-of ${text} is no workload`, next);
  }
  await demandGone(uninstalling, product);
  const watched = await leasesOf(client, product);
  if (watched.length === 0) return tell(uninstalling, [], product);
  const rights = watched.flatMap(({view: {namespace, name}}) =>
    ['get', 'delete'].map(verb => ({
      verb,
      group: 'coordination.k8s.io',
      resource: 'leases',
      namespace,
      name,
    })),
  );
  await demandRights(client, rights);
  await watch(uninstalling, watched);
  if (flags.print) return tell(uninstalling, watched.map(judge), product);
  if (!flags.yes) {
    for (const each of watched) streams.stdout.write(`${lineOf(judge(each), 'would be removed')}\n`);
    if (!(await asking(streams, ask => ask('Remove them?')))) {
      streams.stdout.write('Nothing was removed.\n');
      return;
    }
  }
  const verdicts: Verdict[] = [];
  for (const each of watched) verdicts.push(await remove(client, each));
  tell(uninstalling, verdicts, product);
}

/** A workload that lives has a right to its Lease, and the operator would make it anew. */
async function demandGone(
  {client, resources}: Uninstalling,
  {kind, namespace, name}: Product,
): Promise<void> {
  const resource = (await resources.listable()).find(
    each => each.namespaced && meansKind(kind, each) && each.group !== 'coordination.k8s.io',
  );
  const live = resource && (await readIfThere<KubeObject>(client, pathOf(resource, namespace, name)));
  if (!live) return;
  const what = `nothing was removed, as ${resource.kind} ${name} in namespace ${namespace} is there`;
  throw new Failure('Refused', what, 'delete it first, as its Pods elect their leader by its Lease');
}

async function leasesOf(client: ApiClient, product: Product): Promise<Watched[]> {
  const found = await listObjects<Lease>(client, `${LEASES}/leases`);
  const firstSeenMs = systemClock.monotonicMs();
  return found
    .map(lease => ({lease, view: projectLease(lease, undefined, firstSeenMs), firstSeenMs}))
    .filter(({lease, view}) => isLeaseOf(product, lease) || isElectionOf(product, view));
}

/** Looks at all of them until each was looked at for its own duration. */
async function watch({client, streams}: Uninstalling, watched: readonly Watched[]): Promise<void> {
  const endsMs = Math.max(...watched.map(({view, firstSeenMs}) => firstSeenMs + watchMs(view)));
  const seconds = Math.ceil((endsMs - systemClock.monotonicMs()) / 1000);
  streams.stderr.write(
    `watching ${watched.length} Leases for ${seconds} seconds, whether anybody renews them ...\n`,
  );
  for (let leftMs = 1; leftMs > 0; leftMs = endsMs - systemClock.monotonicMs()) {
    await delay(Math.min(LOOK_EVERY_MS, Math.max(1, endsMs - systemClock.monotonicMs())), NEVER);
    await Promise.all(watched.map(each => look(client, each)));
  }
}

const NEVER = new AbortController().signal;

async function look(client: ApiClient, watched: Watched): Promise<void> {
  watched.lease = await readIfThere<Lease>(client, pathOfLease(watched.view));
  if (watched.lease) watched.view = projectLease(watched.lease, watched.view, systemClock.monotonicMs());
}

const pathOfLease = ({namespace, name}: LeaseView) =>
  `${LEASES}/namespaces/${encodeURIComponent(namespace)}/leases/${encodeURIComponent(name)}`;

function judge({lease, view, firstSeenMs}: Watched): Verdict {
  const {name, namespace} = view;
  const because = lease ? whyItStays(view, firstSeenMs, systemClock.monotonicMs()) : 'it is gone already';
  return {lease: name, namespace, ...(because === undefined ? {} : {because})};
}

/** Looks once more, and deletes this very version: whoever takes the Lease meanwhile keeps it. */
async function remove(client: ApiClient, watched: Watched): Promise<Verdict> {
  await look(client, watched);
  const verdict = judge(watched);
  if (verdict.because !== undefined || !watched.lease) return verdict;
  const {uid, resourceVersion} = watched.lease.metadata;
  try {
    await client.send('DELETE', pathOfLease(watched.view), {body: {preconditions: {uid, resourceVersion}}});
    return {...verdict, manifest: watched.lease};
  } catch (error) {
    if (!(error instanceof ApiError) || !(error.isConflict || error.isNotFound)) throw error;
    return {...verdict, because: 'somebody has written it meanwhile'};
  }
}

const lineOf = ({lease, namespace, because}: Verdict, done: string) =>
  `lease.coordination.k8s.io/${lease} in namespace ${namespace} ${because === undefined ? done : `stays: ${because}`}`;

/** In JSON with the whole manifest of what was removed, so that kubectl apply can undo it. */
function tell({flags, streams}: Uninstalling, verdicts: readonly Verdict[], product: Product): void {
  const {namespace, kind, name} = product;
  if (flags.output === 'json') {
    const [removed, kept] = [verdicts.filter(each => !each.because), verdicts.filter(each => each.because)];
    streams.stdout.write(jsonText({[flags.print ? 'wouldRemove' : 'removed']: removed, kept}));
  } else if (verdicts.length === 0) {
    streams.stderr.write(`No Lease of ${kind} ${name} in namespace ${namespace} is there.\n`);
  }
  if (flags.output === 'json') return;
  const done = flags.print ? 'would be removed' : 'removed';
  for (const each of verdicts) streams.stdout.write(`${lineOf(each, done)}\n`);
}
