/** What JSON and YAML hold, before anybody has looked at it. */

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The keys and indexes that lead to a value. */
export type Path = readonly (string | number)[];
