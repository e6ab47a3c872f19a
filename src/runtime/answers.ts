/** Tells objects and lists of the API server from other JSON, as whatever stands before it may send it. */
import type {KubeObject} from '../api/objects.ts';
import {ApiError} from '../errors.ts';

export type ListAnswer = {
  metadata: {resourceVersion: string; continue?: string};
  /** An empty list may be null. */
  items: KubeObject[] | null;
};

const isText = (value: unknown) => typeof value === 'string' && value !== '';

/** A version that others can be compared to, and that a watch can go on from. */
export const isVersion = (value: unknown) => typeof value === 'string' && /^\d+$/.test(value);

const isNamed = (value: unknown): value is KubeObject =>
  isText((value as Partial<KubeObject> | null)?.metadata?.name);

/** Whether all is there by which the caches know an object. */
export function isObject(value: unknown): value is KubeObject {
  if (!isNamed(value)) return false;
  const {namespace = 'none', resourceVersion} = value.metadata;
  return isText(namespace) && isVersion(resourceVersion);
}

/** An object, by its name at least; what is none is an answer that failed. */
export function checkObject<T extends KubeObject>(answer: unknown, activity: string): T {
  if (!isNamed(answer))
    throw new ApiError(activity, {status: 0, message: 'the server sent what is no object'});
  return answer as T;
}

/** The objects of a list that is asked for once. */
export function checkItems(answer: unknown, activity: string): readonly KubeObject[] {
  const {items} = (answer ?? {}) as Partial<ListAnswer>;
  if (items === null) return [];
  if (!Array.isArray(items) || !items.every(isNamed)) throw noList(activity);
  return items;
}

/** A list that a watch can go on from. Taken for an empty one, what is no list would delete all. */
export function checkList(answer: unknown, activity: string): ListAnswer {
  const {metadata, items} = (answer ?? {}) as Partial<ListAnswer>;
  const isList = items === null || (Array.isArray(items) && items.every(isObject));
  if (!isVersion(metadata?.resourceVersion) || !isList) throw noList(activity);
  return answer as ListAnswer;
}

const noList = (activity: string) =>
  new ApiError(activity, {status: 0, message: 'the server sent what is no list'});
