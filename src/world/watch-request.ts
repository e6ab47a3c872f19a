/** What is asked for when a resource is to be watched. */
import type {KubeObject} from '../api/objects.ts';
import type {Row, Store} from '../runtime/store.ts';

/** A resource that is to be kept in a store. */
export type WatchRequest<R extends Row> = {
  group: string;
  version: string;
  plural: string;
  store: Store<R>;
  project: (object: KubeObject, previous: R | undefined) => R;
  fieldSelector?: string;
  labelSelector?: string;
  /** One namespace instead of all. */
  namespace?: string;
  /** How logs and metrics call it, where that is not the plural. */
  name?: string;
  /** Asks for metadata alone: the rest of the objects is large and not needed. */
  metadataOnly?: boolean;
  /** Lists anew after so many milliseconds instead of watching. */
  pollMs?: number;
  /** Ends it before the process does. */
  signal?: AbortSignal;
  /** Told of each complete list, with undefined, and of each problem. */
  onState?: (problem: string | undefined) => void;
};

/** Path of the collection, such as /apis/apps/v1/deployments. */
export function collectionPath({
  group,
  version,
  plural,
  namespace,
}: Pick<WatchRequest<never>, 'group' | 'version' | 'plural' | 'namespace'>): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return namespace === undefined ? `${root}/${plural}` : `${root}/namespaces/${namespace}/${plural}`;
}
