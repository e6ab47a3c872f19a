/** What there is to uninstall: everything that an installation and its operator have made in the cluster. */
import {GROUP, type KubeObject, LABELS, type Lease, RENDERED_KINDS, VERSION} from '../../api/objects.ts';
import {ownLeaseName} from '../../core/naming/own-lease.ts';
import type {Thing, UninstallObservation} from '../../core/plan/uninstall.ts';
import {ApiError} from '../../errors.ts';
import type {ApiClient} from '../../runtime/client.ts';
import type {ClusterFlags, OutputFlags} from '../terminal/options.ts';
import type {Streams} from '../terminal/output.ts';
import {installation, PRODUCT} from './installation.ts';
import {operatorNamespace} from './operator-namespace.ts';
import {PART_NAMES} from './parts.ts';
import {pathOf, type Resources, readIfThere} from './resources.ts';
import {listObjects, listThings, thingOf} from './things.ts';

export type UninstallFlags = ClusterFlags &
  OutputFlags & {yes?: boolean; print?: boolean; keepPolicies?: boolean; leasesOf?: string};

export type Uninstalling = {
  readonly client: ApiClient;
  readonly resources: Resources;
  readonly flags: UninstallFlags;
  readonly streams: Streams;
};

export async function observe({client, resources, flags}: Uninstalling): Promise<UninstallObservation> {
  const namespace = flags.namespace ?? (await operatorNamespace(client));
  const ownLease = ownLeaseName(PRODUCT);
  const ours = {apiVersion: `${GROUP}/${VERSION}`};
  const [policies, registries, rendered, installed, leases, lent, home] = await Promise.all([
    listOf(client, resources, {...ours, kind: 'LeasePolicy'}),
    listOf(client, resources, {...ours, kind: 'LeaseRegistry'}),
    renderedThings(client, resources),
    installedThings(client, resources, namespace),
    listObjects<Lease>(client, '/apis/coordination.k8s.io/v1/leases', LABELS.origin),
    listOf(client, resources, CLUSTER_ROLE, `${GROUP}/aggregate-to-operator=true`),
    contentsOf(client, resources, namespace),
  ]);
  return {policies, rendered, registries, installed, leases, lent, home, namespace, ownLease};
}

const CLUSTER_ROLE = {apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole'};

/** None where the kind is not served. */
async function listOf(
  client: ApiClient,
  resources: Resources,
  kind: {apiVersion: string; kind: string},
  labelSelector?: string,
): Promise<Thing[]> {
  const resource = await resources.of(kind);
  if (!resource) return [];
  try {
    return await listThings(client, resource, labelSelector === undefined ? {} : {labelSelector});
  } catch (error) {
    if (error instanceof ApiError && error.isNotFound) return [];
    throw error;
  }
}

export async function renderedThings(client: ApiClient, resources: Resources): Promise<Thing[]> {
  const selector = `${LABELS.managedBy}=${PRODUCT},${LABELS.policy}`;
  const lists = await Promise.all(
    Object.entries(RENDERED_KINDS).map(([kind, {group}]) =>
      listOf(client, resources, {apiVersion: `${group}/v1`, kind}, selector),
    ),
  );
  return lists.flat();
}

/** Of all parts, whether or not they were asked for; policies are looked at apart. */
async function installedThings(client: ApiClient, resources: Resources, namespace: string): Promise<Thing[]> {
  const objects = await installation({namespace, parts: PART_NAMES});
  const found = await Promise.all(
    objects
      .filter(({kind}) => kind !== 'LeasePolicy')
      .map(async ({apiVersion, kind, metadata}) => {
        const resource = await resources.of({apiVersion, kind});
        const path = resource && pathOf(resource, metadata.namespace, metadata.name);
        const live = path === undefined ? undefined : await readIfThere<KubeObject>(client, path);
        if (!live || live.metadata.deletionTimestamp !== undefined) return [];
        return [thingOf({apiVersion, kind}, live.metadata)];
      }),
  );
  return found.flat();
}

/** Everything in the namespace, of whatever kind. */
async function contentsOf(
  client: ApiClient,
  resources: Resources,
  namespace: string,
): Promise<UninstallObservation['home']> {
  try {
    const kinds = (await resources.listable()).filter(({namespaced}) => namespaced);
    const lists = await Promise.all(
      kinds.map(resource =>
        listThings(client, resource, {namespace}).catch(error => {
          // A kind whose API server is away, or that can't be listed as it says.
          if (error instanceof ApiError && error.isNotFound) return [];
          throw error;
        }),
      ),
    );
    return lists.flat();
  } catch (error) {
    if (error instanceof ApiError && error.status !== 0 && error.status !== 401)
      return {unknown: error.message};
    throw error;
  }
}
