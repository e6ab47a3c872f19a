/** What the API server is: its version, and the kinds that our features need. */
import {FEATURES, isAtLeast, parseVersion, type ServerVersion} from '../core/server-version.ts';
import type {ApiClient} from '../runtime/client.ts';

export async function serverVersion(client: ApiClient): Promise<ServerVersion> {
  return parseVersion(await client.request<object>('GET', '/version'));
}

/** A sentence for each part that this server can't put into force. */
export function missingParts(version: ServerVersion): string[] {
  return FEATURES.filter(({minor}) => !isAtLeast(version, 1, minor)).map(
    ({kind, minor, without}) =>
      `this API server is ${version.text}: ${without}, as ${kind} comes with 1.${minor}; everything else works`,
  );
}
