/** Names in a cluster or a kubeconfig, for a shell that completes a word: soon, or none. */
import type {KindRef} from '../../api/leasepolicy.ts';
import {GROUP, type KubeObject, VERSION} from '../../api/objects.ts';
import {meansKind} from '../../core/naming/subject-names.ts';
import type {ApiClient} from '../../runtime/client.ts';
import type {ClusterFlags} from '../terminal/options.ts';
import {contexts, withCluster} from './cluster.ts';
import {METADATA} from './things.ts';
import {LEASES} from './watched-lease.ts';

/** What has names in a cluster or in a kubeconfig. */
export type Named = 'context' | 'lease' | 'namespace' | 'policy' | 'workload';

/** Names of a kind that begin so, in the cluster that the flags on the line name. */
export type WantedNames = {
  readonly kind: Named;
  readonly start: string;
  /** What stands before them in the same word. */
  readonly prefix: string;
  readonly flags: ClusterFlags;
};

/** Whoever has pressed a key does not wait for longer. */
const TIMEOUT_MS = 2_000;
/** Nobody reads more of them. */
const MOST = 500;

/** With what stands before them in the word. Throws Failure or ApiError when there is no cluster, or no right to ask it. */
export async function namesOf(wanted: WantedNames): Promise<string[]> {
  const {kind, start, prefix, flags} = wanted;
  const names =
    kind === 'context'
      ? await contexts(flags)
      : await withCluster(flags, ({client, namespace}) => inCluster(client, kind, start, namespace));
  return names.filter(name => name.startsWith(start)).map(name => prefix + name);
}

async function inCluster(
  client: ApiClient,
  kind: Exclude<Named, 'context'>,
  start: string,
  namespace: string,
): Promise<string[]> {
  switch (kind) {
    case 'namespace':
      return list(client, '/api/v1/namespaces');
    case 'policy':
      return list(client, `/apis/${GROUP}/${VERSION}/leasepolicies`);
    case 'lease':
      return leases(client, start, namespace);
    case 'workload':
      return workloads(client, start, namespace);
  }
}

/** Alone or behind lease/, as it was begun. */
async function leases(client: ApiClient, start: string, namespace: string): Promise<string[]> {
  const before = start.slice(0, start.indexOf('/') + 1);
  const names = await list(client, `${LEASES}/namespaces/${encodeURIComponent(namespace)}/leases`);
  return names.map(name => before + name);
}

const WORKLOADS: readonly (KindRef & {plural: string})[] = [
  {apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments'},
  {apiVersion: 'apps/v1', kind: 'StatefulSet', plural: 'statefulsets'},
  {apiVersion: 'apps/v1', kind: 'DaemonSet', plural: 'daemonsets'},
];

/** Behind their kind, in the words in which it was begun. */
async function workloads(client: ApiClient, start: string, namespace: string): Promise<string[]> {
  const begun = start.slice(0, start.indexOf('/') + 1);
  const asked = WORKLOADS.filter(ref => begun === '' || meansKind(begun.slice(0, -1), ref));
  const found = await Promise.all(
    asked.map(async ({kind, plural}) => {
      const path = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/${plural}`;
      const names = await list(client, path);
      return names.map(name => (begun || `${kind.toLowerCase()}/`) + name);
    }),
  );
  return found.flat();
}

async function list(client: ApiClient, path: string): Promise<string[]> {
  const request = {accept: METADATA, timeoutMs: TIMEOUT_MS};
  const {items} = await client.request<{items: KubeObject[] | null}>('GET', `${path}?limit=${MOST}`, request);
  return (items ?? []).map(({metadata}) => metadata.name);
}
