/** What the name of a Lease depends on, read from a cluster; with files alone this is not loaded. */
import type {KindRef} from '../../api/leasepolicy.ts';
import {GROUP, type KubeObject, VERSION} from '../../api/objects.ts';
import type {Rules} from '../../core/naming/rules.ts';
import {type Asked, meansKind, type Question} from '../../core/naming/subject-names.ts';
import {isSystem, type SystemRules} from '../../core/naming/system-rules.ts';
import type {ApiClient} from '../../runtime/client.ts';
import {inForceByStatus} from '../../world/in-force.ts';
import {projectPolicy} from '../../world/project.ts';
import type {ClusterFlags} from '../terminal/options.ts';
import {lookUp, withCluster} from './cluster.ts';

/** Why labels are not known. */
export type Unknown = {
  readonly because: string;
  /** Whether it is for certain not there, which is told even where no label matters. */
  readonly isMissing: boolean;
};

/** What was asked for, the policies that answer it, and by which selector what is not known. */
export type Answer = {
  question: Question;
  policies: readonly (Rules | SystemRules)[];
  unknown: Readonly<Record<'namespaceSelector' | 'selector', Unknown | undefined>>;
};

/** A few requests, and never a list of workloads. What may not be read is taken to be selected. */
export const fromCluster = (flags: ClusterFlags, asked: Asked): Promise<Answer> =>
  withCluster(flags, ({client, namespace}) => ask(client, {...asked, namespace}));

async function ask(client: ApiClient, subject: Asked & {namespace: string}): Promise<Answer> {
  const {namespace, kind} = subject;
  const [{items}, place] = await Promise.all([
    client.request<{items: KubeObject[]}>('GET', `/apis/${GROUP}/${VERSION}/leasepolicies`),
    lookUp(client, `/api/v1/namespaces/${encodeURIComponent(namespace)}`),
  ]);
  const policies = items.flatMap(item => inForceByStatus(projectPolicy(item)) ?? []);
  const kinds = policies.flatMap(rules => (isSystem(rules) ? [] : rules.kinds));
  const ref = kinds.find(each => meansKind(kind, each));
  const workload = ref ? await liveWorkload(client, ref, subject) : 'missing';
  return {
    question: {...subject, labels: labelsOf(workload), namespaceLabels: labelsOf(place)},
    policies,
    unknown: {
      selector: unknown(workload, `${kind}/${subject.name} in namespace ${namespace}`),
      namespaceSelector: unknown(place, `namespace ${namespace}`),
    },
  };
}

type Found = Awaited<ReturnType<typeof lookUp>>;

const labelsOf = (found: Found) => (typeof found === 'string' ? undefined : (found.metadata.labels ?? {}));

function unknown(found: Found, what: string): Unknown | undefined {
  if (found === 'missing') return {because: `there is no ${what}`, isMissing: true};
  return found === 'unreadable' ? {because: `you may not read ${what}`, isMissing: false} : undefined;
}

type ResourceList = {resources: {name: string; kind: string}[]};

async function liveWorkload(
  client: ApiClient,
  {apiVersion, kind}: KindRef,
  {namespace, name}: {namespace: string; name: string},
): Promise<Found> {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const {resources} = await client.request<ResourceList>('GET', root);
  const plural = resources.find(each => each.kind === kind && !each.name.includes('/'))?.name;
  const place = `${root}/namespaces/${encodeURIComponent(namespace)}`;
  return plural === undefined ? 'missing' : lookUp(client, `${place}/${plural}/${encodeURIComponent(name)}`);
}
