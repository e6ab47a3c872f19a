/** Removes the Leases of one product that nobody holds. */
import type {KubeObject, Lease} from '../api/objects.ts';
import {meansKind} from '../core/naming/subject-names.ts';
import {isElectionOf, isLeaseOf, type Product, parseProduct} from '../core/plan/leases-of.ts';
import {ApiError} from '../errors.ts';
import type {ApiClient} from '../runtime/client.ts';
import {pathOf, readIfThere} from './cluster/resources.ts';
import {demandRights} from './cluster/rights.ts';
import {listObjects} from './cluster/things.ts';
import type {Uninstalling} from './cluster/uninstalling.ts';
import {LEASES, WatchedLease, watchAll, watchSeconds} from './cluster/watched-lease.ts';
import {asking} from './terminal/confirm.ts';
import {Failure} from './terminal/failure.ts';
import {jsonText} from './terminal/output.ts';

type Verdict = {lease: string; namespace: string; because?: string; manifest?: Lease};

export function productOf(text: string): Product {
  const product = parseProduct(text);
  if (product) return product;
  const next = 'write NAMESPACE/KIND/NAME, such as shop/deployment/api';
  throw new Failure('Usage', `--leases-of ${text} is no workload`, next);
}

export async function removeLeasesOf(uninstalling: Uninstalling, product: Product): Promise<void> {
  const {client, flags, streams} = uninstalling;
  const isServed = await demandGone(uninstalling, product);
  const watched = await leasesOf(client, product);
  if (watched.length === 0 && !isServed) {
    const what = `no ${leaseOf(product)} is there, and the API server knows no kind ${product.kind}`;
    throw new Failure('NotFound', what, 'write the kind as kubectl api-resources does');
  }
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
  streams.stderr.write(
    `watching ${watched.length} Leases for ${watchSeconds(watched)} seconds, whether anybody renews them ...\n`,
  );
  await watchAll(client, watched);
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

/**
 * A workload that lives has a right to its Lease, and the operator would make it anew. Returns whether its kind is
 * served, which that of a product need not be any more.
 */
async function demandGone(
  {client, resources}: Uninstalling,
  {kind, namespace, name}: Product,
): Promise<boolean> {
  const resource = (await resources.listable()).find(
    each => each.namespaced && meansKind(kind, each) && each.group !== 'coordination.k8s.io',
  );
  const live = resource && (await readIfThere<KubeObject>(client, pathOf(resource, namespace, name)));
  if (!live) return resource !== undefined;
  const what = `nothing was removed, as ${resource.kind} ${name} in namespace ${namespace} is there`;
  throw new Failure('Refused', what, 'delete it first, as its Pods elect their leader by its Lease');
}

async function leasesOf(client: ApiClient, product: Product): Promise<WatchedLease[]> {
  const found = await listObjects<Lease>(client, `${LEASES}/leases`);
  return found
    .map(lease => new WatchedLease(lease))
    .filter(({lease, view}) => lease && (isLeaseOf(product, lease) || isElectionOf(product, view)));
}

function judge({view, whyItStays}: WatchedLease): Verdict {
  const {name, namespace} = view;
  return {lease: name, namespace, ...(whyItStays === undefined ? {} : {because: whyItStays})};
}

/** Looks once more, and deletes this very version: whoever takes the Lease meanwhile keeps it. */
async function remove(client: ApiClient, watched: WatchedLease): Promise<Verdict> {
  await watched.look(client);
  const verdict = judge(watched);
  const {lease, path} = watched;
  if (verdict.because !== undefined || !lease) return verdict;
  const {uid, resourceVersion} = lease.metadata;
  try {
    await client.send('DELETE', path, {body: {preconditions: {uid, resourceVersion}}});
    return {...verdict, manifest: lease};
  } catch (error) {
    if (!(error instanceof ApiError) || !(error.isConflict || error.isNotFound)) throw error;
    return {...verdict, because: 'somebody has written it meanwhile'};
  }
}

const leaseOf = ({namespace, kind, name}: Product) => `Lease of ${kind} ${name} in namespace ${namespace}`;

const lineOf = ({lease, namespace, because}: Verdict, done: string) =>
  `lease.coordination.k8s.io/${lease} in namespace ${namespace} ${because === undefined ? done : `stays: ${because}`}`;

/** In JSON with the whole manifest of what was removed, so that kubectl apply can undo it. */
function tell({flags, streams}: Uninstalling, verdicts: readonly Verdict[], product: Product): void {
  if (flags.output === 'json') {
    const [removed, kept] = [verdicts.filter(each => !each.because), verdicts.filter(each => each.because)];
    streams.stdout.write(jsonText({[flags.print ? 'wouldRemove' : 'removed']: removed, kept}));
  } else if (verdicts.length === 0) {
    streams.stderr.write(`No ${leaseOf(product)} is there.\n`);
  }
  if (flags.output === 'json') return;
  const done = flags.print ? 'would be removed' : 'removed';
  for (const each of verdicts) streams.stdout.write(`${lineOf(each, done)}\n`);
}
