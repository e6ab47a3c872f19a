/** Follows a single object by a watch. */
import type {KubeObject} from '../api/objects.ts';
import {type ApiClient, WATCH_GRACE_MS} from './client.ts';

/** How long the server keeps the watch open; then whoever follows looks at the object again. */
const SECONDS = 300;

/**
 * Yields each version of the object after the one that was read, and undefined last when it is deleted. Ends when the
 * server ends the watch, or can't go on from that version. Throws ApiError as the client does.
 */
export async function* watchOne<T extends KubeObject>(
  client: ApiClient,
  path: string,
  {metadata}: T,
  signal: AbortSignal,
): AsyncGenerator<T | undefined, void> {
  const query = new URLSearchParams({
    watch: '1',
    fieldSelector: `metadata.name=${metadata.name}`,
    resourceVersion: metadata.resourceVersion ?? '',
    timeoutSeconds: `${SECONDS}`,
  });
  const limits = {endMs: SECONDS * 1000 + WATCH_GRACE_MS};
  for await (const line of client.lines(`${path}?${query}`, signal, {limits})) {
    const {type, object} = JSON.parse(line) as {type: string; object: T};
    if (type === 'ERROR') return;
    if (type === 'DELETED') {
      yield undefined;
      return;
    }
    yield object;
  }
}
