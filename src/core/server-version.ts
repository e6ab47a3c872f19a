/** What an API server of some version can do for us. */

export type ServerVersion = {readonly major: number; readonly minor: number; readonly text: string};

/** The oldest that has what enforcement of names needs. */
export const OLDEST: Pick<ServerVersion, 'major' | 'minor'> = {major: 1, minor: 30};

/** Providers write minor as 30+, and more behind the patch. */
export function parseVersion(given: {major?: unknown; minor?: unknown; gitVersion?: unknown}): ServerVersion {
  const text = String(given.gitVersion ?? '');
  const [, gitMajor, gitMinor] = /^v?(\d+)\.(\d+)/.exec(text) ?? [];
  const number = (part: unknown, other: string | undefined) =>
    Number.parseInt(String(part || other || '0'), 10) || 0;
  return {major: number(given.major, gitMajor), minor: number(given.minor, gitMinor), text};
}

export function isAtLeast(version: ServerVersion, major: number, minor: number): boolean {
  return version.major > major || (version.major === major && version.minor >= minor);
}

/** By what each part of a policy is put into force, and since which version that is served without a switch. */
export const FEATURES = [
  {
    kind: 'ValidatingAdmissionPolicy',
    minor: 30,
    without: 'names, holders and durations are found, but not refused',
  },
  {kind: 'MutatingAdmissionPolicy', minor: 36, without: 'injection is not possible'},
] as const;
