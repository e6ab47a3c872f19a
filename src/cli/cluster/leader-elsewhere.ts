/** Whether an operator leads that does not go with the installation: its renewals under our eyes say so. */
import {type KubeObject, LABELS, type Lease} from '../../api/objects.ts';
import {podNamesIn} from '../../core/lease/pod-of-holder.ts';
import type {ApiClient} from '../../runtime/client.ts';
import {delay, systemClock} from '../../runtime/clock.ts';
import type {Streams} from '../terminal/output.ts';
import {PRODUCT} from './installation.ts';
import {readIfThere} from './resources.ts';
import {listObjects} from './things.ts';
import {LEASES, WatchedLease} from './watched-lease.ts';

export type Looking = {
  readonly client: ApiClient;
  readonly streams: Pick<Streams, 'stderr'>;
  /** Where the operator is installed, and the Lease of its election there. */
  readonly namespace: string;
  readonly ownLease: string;
  /** Whether the Pods of that namespace go with its Deployment: then one of them may lead. */
  readonly podsGo: boolean;
};

/** An operator renews every few seconds, so that a longer duration in a Lease keeps nobody waiting. */
const MOST_MS = 60_000;
/** Within this a standby has taken a Lease that is free, with the flags that it has by default. */
const SUCCESSION_MS = 3_000;
const LOOK_EVERY_MS = 500;

/** What shows that one leads, or undefined. */
export async function leaderElsewhere(looking: Looking): Promise<string | undefined> {
  const {client, streams, namespace, podsGo} = looking;
  const leases = await elections(looking);
  const pods = new Set(leases.length > 0 && podsGo ? await operatorPods(client, namespace) : []);
  const isOfPod = ({metadata, spec}: Lease) =>
    metadata.namespace === namespace && podNamesIn(spec?.holderIdentity ?? '').some(name => pods.has(name));
  const watched = leases.filter(lease => !isOfPod(lease)).map(lease => new WatchedLease(lease));
  if (watched.length === 0) return undefined;
  const forMs = Math.min(MOST_MS, Math.max(...watched.map(heldMs)) + SUCCESSION_MS);
  streams.stderr.write(
    `watching for up to ${Math.ceil(forMs / 1000)} seconds whether an operator leads elsewhere ...\n`,
  );
  const renewed = await firstRenewed(client, watched, forMs);
  if (!renewed) return undefined;
  const {name, namespace: place} = renewed.view;
  return `the operator's Lease ${place}/${name} says that one runs elsewhere (${renewed.whyItStays})`;
}

const heldMs = ({view, leftMs}: WatchedLease) => (view.holder === '' ? 0 : leftMs);

/**
 * By our label, as an operator may have been started for another namespace or under another name; and by its name, as
 * somebody else may have made the Lease.
 */
async function elections({client, namespace, ownLease}: Looking): Promise<Lease[]> {
  const labels = `${LABELS.managedBy}=${PRODUCT},!${LABELS.origin}`;
  const path = `${LEASES}/namespaces/${encodeURIComponent(namespace)}/leases/${ownLease}`;
  const [own, labelled] = await Promise.all([
    readIfThere<Lease>(client, path),
    listObjects<Lease>(client, `${LEASES}/leases`, labels),
  ]);
  const others = labelled.filter(({metadata: {uid}}) => uid !== own?.metadata.uid);
  return own ? [own, ...others] : others;
}

const INSTALLED = {'app.kubernetes.io/name': PRODUCT};

/** The names of those that have these labels, by default those of an installation of ours. */
export async function operatorPods(
  client: ApiClient,
  namespace: string,
  labels: Readonly<Record<string, string>> = INSTALLED,
): Promise<string[]> {
  const selector = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`;
  const pods = await listObjects<KubeObject>(client, path, selector.join(','));
  return pods.map(({metadata}) => metadata.name);
}

/** A Lease that was given up meanwhile was written, too, and nobody leads by it. */
async function firstRenewed(
  client: ApiClient,
  watched: readonly WatchedLease[],
  forMs: number,
): Promise<WatchedLease | undefined> {
  const endMs = systemClock.monotonicMs() + forMs;
  for (;;) {
    const renewed = watched.find(({isWritten, view}) => isWritten && view.holder !== '');
    const leftMs = endMs - systemClock.monotonicMs();
    if (renewed || leftMs <= 0) return renewed;
    await delay(Math.min(LOOK_EVERY_MS, leftMs), new AbortController().signal);
    await Promise.all(watched.map(each => each.look(client)));
  }
}
