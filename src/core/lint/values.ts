/** Reads what stands in manifests, which nobody has validated: what is not of the wanted type is not there. */
import {isFields, type Path} from '../fields.ts';
import type {Labels} from '../selector.ts';

/** The value at the end of the path, or undefined. */
export function at(value: unknown, ...path: Path): unknown {
  return path.reduce<unknown>((of, key) => {
    if (typeof of !== 'object' || of === null || !Object.hasOwn(of, key)) return undefined;
    return (of as Record<string | number, unknown>)[key];
  }, value);
}

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

export const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

export const texts = (value: unknown): readonly string[] =>
  list(value).filter(each => typeof each === 'string');

export const count = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isFinite(value) ? value : undefined;

export function labels(value: unknown): Labels {
  if (!isFields(value)) return {};
  return Object.fromEntries(Object.entries(value).filter(([, each]) => typeof each === 'string')) as Labels;
}
