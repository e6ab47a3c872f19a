/** Which path of the API server an object of a manifest has, as the server itself tells it. */
import {GROUP} from '../../api/objects.ts';
import type {Manifest} from '../../core/manifest/manifest.ts';
import {ApiError} from '../../errors.ts';
import type {ApiClient} from '../../runtime/client.ts';

export type Resource = {
  readonly apiVersion: string;
  readonly kind: string;
  /** Empty for the core. */
  readonly group: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
};

type ResourceList = {resources: {name: string; kind: string; namespaced: boolean; verbs: string[]}[]};
type GroupList = {groups: {preferredVersion: {groupVersion: string}}[]};

/** Ours are known before their definitions are there. */
const OURS = [
  {kind: 'LeasePolicy', name: 'leasepolicies', namespaced: false, verbs: []},
  {kind: 'LeaseRegistry', name: 'leaseregistries', namespaced: true, verbs: []},
];

/** Asks for each group once. */
export class Resources {
  readonly #client: ApiClient;
  readonly #lists = new Map<string, Promise<ResourceList['resources']>>();

  constructor(client: ApiClient) {
    this.#client = client;
  }

  /** Undefined when the server has no such kind. */
  async of({apiVersion, kind}: Pick<Manifest, 'apiVersion' | 'kind'>): Promise<Resource | undefined> {
    const found = (await this.#served(apiVersion)).find(each => each.kind === kind);
    return found && resource(apiVersion, found);
  }

  /** Whatever the server can list, each in its preferred version. */
  async listable(): Promise<Resource[]> {
    const {groups} = await this.#client.request<GroupList>('GET', '/apis');
    const versions = ['v1', ...groups.map(({preferredVersion}) => preferredVersion.groupVersion)];
    const lists = await Promise.all(
      versions.map(async version => (await this.#served(version)).map(each => resource(version, each))),
    );
    return lists.flat().filter(({verbs}) => verbs.includes('list'));
  }

  #served(apiVersion: string): Promise<ResourceList['resources']> {
    const known = this.#lists.get(apiVersion) ?? this.#ask(apiVersion);
    this.#lists.set(apiVersion, known);
    return known;
  }

  async #ask(apiVersion: string): Promise<ResourceList['resources']> {
    try {
      const {resources} = await this.#client.request<ResourceList>('GET', rootOf(apiVersion));
      return resources.filter(({name}) => !name.includes('/'));
    } catch (error) {
      if (!(error instanceof ApiError && (error.isNotFound || error.status === 503))) throw error;
      return apiVersion.startsWith(`${GROUP}/`) ? OURS : [];
    }
  }
}

const rootOf = (apiVersion: string) =>
  apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;

const resource = (
  apiVersion: string,
  {name: plural, kind, namespaced, verbs}: ResourceList['resources'][number],
): Resource => {
  const group = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  return {apiVersion, kind, group, plural, namespaced, verbs};
};

/** Of all objects of the kind, or of one. */
export function pathOf(
  {apiVersion, plural, namespaced}: Pick<Resource, 'apiVersion' | 'plural' | 'namespaced'>,
  namespace?: string,
  name?: string,
): string {
  const place = namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `${rootOf(apiVersion)}${place}/${plural}${object}`;
}

/** The object, or undefined when there is none. */
export async function readIfThere<T>(client: ApiClient, path: string): Promise<T | undefined> {
  try {
    return await client.request<T>('GET', path);
  } catch (error) {
    if (error instanceof ApiError && error.isNotFound) return undefined;
    throw error;
  }
}
