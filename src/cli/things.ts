/** Lists and deletes objects of any kind, of which only the metadata is looked at. */
import type {KubeObject} from '../api/objects.ts';
import type {Thing} from '../core/plan-uninstall.ts';
import {ApiError} from '../errors.ts';
import type {ApiClient} from '../runtime/client.ts';
import {pathOf, type Resource, type Resources} from './resources.ts';
import type {Right} from './rights.ts';

const METADATA = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
const PAGE = 500;

/** The API server writes null for no items, where only metadata is asked for. */
type Page = {items: KubeObject[] | null; metadata: {continue?: string}};

export type Where = {readonly namespace?: string; readonly labelSelector?: string};

/** Everything of a kind; empty where the server has no such kind. */
export async function listThings(
  client: ApiClient,
  resource: Resource,
  {namespace, labelSelector}: Where = {},
): Promise<Thing[]> {
  const items = await listObjects<KubeObject>(client, pathOf(resource, namespace), labelSelector, METADATA);
  return items.map(({metadata}) => thingOf(resource, metadata));
}

/** Page by page, so that no answer is too large. */
export async function listObjects<T>(
  client: ApiClient,
  path: string,
  labelSelector?: string,
  accept = 'application/json',
): Promise<T[]> {
  const found: T[] = [];
  let next = '';
  do {
    const query = new URLSearchParams({
      limit: `${PAGE}`,
      ...(labelSelector === undefined ? {} : {labelSelector}),
      ...(next === '' ? {} : {continue: next}),
    });
    const page = await client.request<Page>('GET', `${path}?${query}`, {accept});
    found.push(...((page.items ?? []) as T[]));
    next = page.metadata.continue ?? '';
  } while (next !== '');
  return found;
}

export function thingOf(
  {apiVersion, kind}: Pick<Resource, 'apiVersion' | 'kind'>,
  metadata: KubeObject['metadata'],
): Thing {
  const {namespace, name, uid, resourceVersion, labels = {}} = metadata;
  return {apiVersion, kind, namespace, name, uid, resourceVersion, labels};
}

/**
 * Deletes this very object. Its version may have changed since, as controllers write to what is about to go; a uid
 * never does. Returns false when it was gone already.
 */
export async function deleteThing(
  client: ApiClient,
  path: string,
  {uid}: Pick<Thing, 'uid'>,
): Promise<boolean> {
  const body = {preconditions: {uid}, propagationPolicy: 'Background'};
  try {
    await client.send('DELETE', path, {body});
    return true;
  } catch (error) {
    // Another object of that name is none of ours.
    if (error instanceof ApiError && (error.isNotFound || error.isConflict)) return false;
    throw error;
  }
}

export async function deleteRights(things: readonly Thing[], resources: Resources): Promise<Right[]> {
  const rights = await Promise.all(
    things.map(async thing => {
      const resource = await resources.of(thing);
      const {namespace, name} = thing;
      return resource && {verb: 'delete', group: resource.group, resource: resource.plural, namespace, name};
    }),
  );
  return rights.filter(right => right !== undefined);
}
