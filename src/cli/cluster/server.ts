/** What the API server is: its version, and the kinds that our features need. */
import {FEATURES, parseVersion, type ServerVersion} from '../../core/server-version.ts';
import type {ApiClient} from '../../runtime/client.ts';
import type {Resources} from './resources.ts';

export async function serverVersion(client: ApiClient): Promise<ServerVersion> {
  return parseVersion(await client.request<object>('GET', '/version'));
}

/** By what it really serves, as any of it may be switched off, or be on before its time. */
export async function servedKinds(resources: Resources): Promise<Set<string>> {
  const wanted = [
    ...FEATURES.map(({kind}) => ({apiVersion: 'admissionregistration.k8s.io/v1', kind})),
    {apiVersion: 'coordination.k8s.io/v1beta1', kind: 'LeaseCandidate'},
  ];
  const found = await Promise.all(wanted.map(async each => ((await resources.of(each)) ? [each.kind] : [])));
  return new Set(found.flat());
}

/** A sentence for each part that this server can't put into force. */
export async function missingParts(client: ApiClient, resources: Resources): Promise<string[]> {
  const [{text}, served] = await Promise.all([serverVersion(client), servedKinds(resources)]);
  return FEATURES.filter(({kind}) => !served.has(kind)).map(
    ({kind, minor, without}) =>
      `this API server (${text}) serves no ${kind}: ${without}; it comes with 1.${minor}, and everything else works`,
  );
}
