/** Which Pod a holder may name, and whose that Pod is. */
import type {ObjectMeta} from '../../api/objects.ts';
import {hostsOf} from './holder.ts';

/** What is read of a Pod. */
export type PodObject = {
  readonly metadata: Pick<ObjectMeta, 'name' | 'labels' | 'ownerReferences'>;
  readonly spec?: {readonly nodeName?: string};
  readonly status?: {readonly phase?: string};
};

export type PodFacts = {
  readonly name: string;
  readonly phase: string;
  readonly node: string | null;
  /** Kind/name of what runs it; null for a Pod of its own. */
  readonly workload: string | null;
};

/** The name of a Pod, as the API server takes it. */
const POD_NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/** Names that Pods may have, of those in the holder. A host name ends where its domain begins. */
export function podNamesIn(holder: string): string[] {
  const hosts = hostsOf(holder).flatMap(part => [part, part.split('.')[0] ?? part]);
  return [...new Set(hosts)].filter(name => name.length <= 253 && POD_NAME.test(name));
}

export function podFacts({metadata, spec, status}: PodObject): PodFacts {
  return {
    name: metadata.name,
    phase: status?.phase ?? 'Unknown',
    node: spec?.nodeName ?? null,
    workload: workloadOfPod(metadata) ?? null,
  };
}

/** A Deployment's name is that of the ReplicaSet less the hash that is in the Pod's label. */
function workloadOfPod({labels = {}, ownerReferences = []}: PodObject['metadata']): string | undefined {
  const [owner] = ownerReferences;
  if (!owner) return undefined;
  const ending = `-${labels['pod-template-hash']}`;
  if (owner.kind === 'ReplicaSet' && owner.name.endsWith(ending))
    return `Deployment/${owner.name.slice(0, -ending.length)}`;
  return `${owner.kind}/${owner.name}`;
}
