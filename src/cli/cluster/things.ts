/** Lists and deletes objects of any kind, of which only the metadata is looked at. */
import type {KubeObject, Lease} from '../../api/objects.ts';
import {excerpt} from '../../core/legible.ts';
import {type Thing, thingText} from '../../core/plan/uninstall.ts';
import {ApiError} from '../../errors.ts';
import type {ApiClient} from '../../runtime/client.ts';
import {Failure} from '../terminal/failure.ts';
import {pathOf, type Resource, type Resources, readIfThere} from './resources.ts';
import type {Right} from './rights.ts';

/** Of a list, the metadata of its objects alone. */
export const METADATA = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
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

/**
 * Deletes a Lease in the version in which nobody holds it: whoever takes it meanwhile keeps it. Then nothing more is to
 * be removed, as the namespace would take the Lease along.
 */
export async function deleteFree(client: ApiClient, path: string, thing: Thing): Promise<boolean> {
  const lease = await readIfThere<Lease>(client, path);
  if (!lease) return false;
  const taken = (because: string) =>
    new Failure(
      'Refused',
      `${thingText(thing)} is no longer free (${because})`,
      'see who uses it, then again',
    );
  if (lease.metadata.uid !== thing.uid) throw taken('it was made anew');
  const holder = lease.spec?.holderIdentity ?? '';
  if (holder !== '') throw taken(`its holder is ${excerpt(holder)}`);
  const {uid, resourceVersion} = lease.metadata;
  try {
    await client.send('DELETE', path, {body: {preconditions: {uid, resourceVersion}}});
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.isNotFound) return false;
    if (error instanceof ApiError && error.isConflict) throw taken('somebody has written it meanwhile');
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
