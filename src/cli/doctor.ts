/** Looks at everything on which LeasePolicy depends in a cluster, or at who can take one Lease. */
import {GROUP, type KubeObject, LABELS, type Lease, RENDERED_KINDS, VERSION} from '../api/objects.ts';
import {
  type Check,
  checkClock,
  checkDefinition,
  checkFeatures,
  checkLeftovers,
  checkOperator,
  checkRights,
  checkVersion,
  checkWebhooks,
  type Definition,
} from '../core/doctor/diagnosis.ts';
import {leaseWebhooks, type Webhook} from '../core/doctor/lease-webhooks.ts';
import {type DateSample, skewOf} from '../core/lease/clock-skew.ts';
import {ownLeaseName} from '../core/naming/own-lease.ts';
import {ApiError} from '../errors.ts';
import type {ApiClient} from '../runtime/client.ts';
import {delay} from '../runtime/clock.ts';
import {type ClusterAccess, withCluster} from './cluster/cluster.ts';
import {deploymentOf, releaseOf} from './cluster/helm-release.ts';
import {installation, PRODUCT} from './cluster/installation.ts';
import {operatorPods} from './cluster/leader-elsewhere.ts';
import {operatorNamespace} from './cluster/operator-namespace.ts';
import {Resources, readIfThere} from './cluster/resources.ts';
import {missingRights, type Right, rightsText} from './cluster/rights.ts';
import {servedKinds, serverVersion} from './cluster/server.ts';
import {listObjects} from './cluster/things.ts';
import type {Call} from './command.ts';
import {EXIT, Failure} from './terminal/failure.ts';
import type {ClusterFlags, OutputFlags} from './terminal/options.ts';
import {type Column, print} from './terminal/output.ts';
import {parseLease, tellWhoCan} from './who-can.ts';

export type DoctorFlags = ClusterFlags & OutputFlags;

export async function run({args: [topic, lease], flags: given, streams}: Call): Promise<number> {
  const flags = given as DoctorFlags;
  if (topic !== undefined && topic !== 'who-can')
    throw new Failure('Usage', `doctor knows no ${topic}`, 'write doctor, or doctor who-can NAMESPACE/LEASE');
  if (topic === 'who-can') {
    const asked = parseLease(lease);
    return withCluster(flags, access => tellWhoCan(access, asked, flags, streams));
  }
  const checks = await withCluster(flags, diagnose);
  const view = {rows: checks, columns: COLUMNS, document: () => ({checks}), empty: ''};
  await print(view, flags.output ?? 'table', streams);
  return checks.some(({health}) => health === 'fail') ? EXIT.found : EXIT.done;
}

const STYLES = {ok: 'green', warn: 'yellow', fail: 'red'} as const;

const COLUMNS: readonly Column<Check>[] = [
  {title: 'Health', text: ({health}) => health, style: ({health}) => STYLES[health]},
  {title: 'Check', text: ({check}) => check},
  {
    title: 'Message',
    text: ({message, next}) => (next === undefined ? message : `${message}: ${next}`),
  },
];

/** The first request says whether there is a server at all; after it no check keeps another from being made. */
async function diagnose({client}: ClusterAccess): Promise<Check[]> {
  const samples = await sampleDates(client);
  const skew = skewOf(samples);
  const aheadMs = skew ? (skew.leastMs + skew.mostMs) / 2 : 0;
  const resources = new Resources(client);
  const parts = await Promise.all([
    made('server', async () => [checkVersion(await serverVersion(client))]),
    made('features', async () => checkFeatures(await servedKinds(resources))),
    made('crds', () => definitions(client)),
    made('operator', () => operator(client, Date.now() + aheadMs)),
    rights(client),
    made('webhooks', () => webhooks(client)),
    [checkClock(skew)],
    made('leftovers', () => leftovers(client)),
  ]);
  return parts.flat();
}

/** What may not be read can't be judged, and that is told in place of the answer. */
async function made(check: string, make: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof ApiError) || error.status === 0 || error.status === 401) throw error;
    const message = `it can't be looked at (${error.message})`;
    return [{check, health: 'warn', message, next: 'ask for that right'}];
  }
}

const SAMPLES = 6;
/** No divisor of a second, so that each answer comes at another part of it. */
const BETWEEN_MS = 170;

async function sampleDates(client: ApiClient): Promise<DateSample[]> {
  const samples: DateSample[] = [];
  // The first one pays for the connection.
  await client.send('GET', '/version');
  for (let count = 0; count < SAMPLES; count += 1) {
    const sentMs = Date.now();
    let date: string | undefined;
    await client.send('GET', '/version', {onHeaders: headers => (date = headers.date)});
    const dateMs = Date.parse(date ?? '');
    if (!Number.isNaN(dateMs)) samples.push({sentMs, receivedMs: Date.now(), dateMs});
    await delay(BETWEEN_MS, new AbortController().signal);
  }
  return samples;
}

async function definitions(client: ApiClient): Promise<Check[]> {
  const objects = (await installation({})).filter(({kind}) => kind === 'CustomResourceDefinition');
  return Promise.all(
    objects.map(async ours => {
      const {name} = ours.metadata;
      const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
      return checkDefinition(name, await readIfThere<Definition>(client, path), ours as Definition);
    }),
  );
}

type Deployment = KubeObject & {
  spec?: {replicas?: number; selector?: {matchLabels?: Record<string, string>}};
  status?: {readyReplicas?: number};
};

async function operator(client: ApiClient, serverNowMs: number): Promise<Check[]> {
  const release = await releaseOf(client);
  const namespace = release?.namespace ?? (await operatorNamespace(client));
  const name = (release && (await deploymentOf(client, release)))?.metadata.name ?? PRODUCT;
  const [deployment, lease] = await Promise.all([
    readIfThere<Deployment>(client, `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`),
    readIfThere<Lease>(
      client,
      `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases/${ownLeaseName(name)}`,
    ),
  ]);
  const labels = deployment?.spec?.selector?.matchLabels;
  const {holderIdentity: holder = '', renewTime, leaseDurationSeconds: durationSeconds} = lease?.spec ?? {};
  return checkOperator({
    namespace,
    lease: lease && {holder, renewTime, durationSeconds},
    deployment: deployment && {
      name,
      replicas: deployment.spec?.replicas ?? 1,
      ready: deployment.status?.readyReplicas ?? 0,
    },
    pods: await podsIfReadable(client, namespace, labels),
    serverNowMs,
  });
}

async function podsIfReadable(...where: Parameters<typeof operatorPods>): Promise<string[] | undefined> {
  try {
    return await operatorPods(...where);
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return undefined;
    throw error;
  }
}

const right = (verb: string, group: string, resource: string): Right => ({verb, group, resource});
const READS_LEASES = [
  right('list', 'coordination.k8s.io', 'leases'),
  right('list', GROUP, 'leasepolicies'),
  right('list', GROUP, 'leaseregistries'),
];
const READS_WORKLOADS = [
  right('list', 'apps', 'deployments'),
  right('list', 'apps', 'statefulsets'),
  right('list', 'apps', 'daemonsets'),
  right('list', '', 'namespaces'),
];

/** What the caller needs for each group of commands. */
const NEEDS: readonly (readonly [string, readonly Right[]])[] = [
  ['get, explain and top', READS_LEASES],
  ['plan', [...READS_LEASES, ...READS_WORKLOADS]],
  [
    'install and uninstall',
    ['create', 'patch', 'delete'].flatMap(verb => [
      right(verb, '', 'namespaces'),
      right(verb, 'apiextensions.k8s.io', 'customresourcedefinitions'),
      right(verb, 'apps', 'deployments'),
      right(verb, 'rbac.authorization.k8s.io', 'clusterroles'),
      right(verb, 'rbac.authorization.k8s.io', 'clusterrolebindings'),
    ]),
  ],
];

async function rights(client: ApiClient): Promise<Check[]> {
  return Promise.all(
    NEEDS.map(async ([command, needed]) =>
      checkRights(command, rightsText(await missingRights(client, needed))),
    ),
  );
}

type Configuration = KubeObject & {webhooks?: Webhook[]};

async function webhooks(client: ApiClient): Promise<Check[]> {
  const root = '/apis/admissionregistration.k8s.io/v1';
  const [validating, mutating, namespaces] = await Promise.all([
    listObjects<Configuration>(client, `${root}/validatingwebhookconfigurations`),
    listObjects<Configuration>(client, `${root}/mutatingwebhookconfigurations`),
    listObjects<KubeObject>(client, '/api/v1/namespaces'),
  ]);
  const configurations = [
    ...validating.map(each => configurationOf('ValidatingWebhookConfiguration', each)),
    ...mutating.map(each => configurationOf('MutatingWebhookConfiguration', each)),
  ];
  const labels = new Map(namespaces.map(({metadata}) => [metadata.name, metadata.labels ?? {}]));
  return checkWebhooks(leaseWebhooks(configurations, labels));
}

const configurationOf = (kind: string, {metadata, webhooks = []}: Configuration) => ({
  kind,
  name: metadata.name,
  webhooks,
});

async function leftovers(client: ApiClient): Promise<Check[]> {
  const policies = await listIfServed(client, `/apis/${GROUP}/${VERSION}/leasepolicies`);
  const selector = `${LABELS.managedBy}=${PRODUCT},${LABELS.policy}`;
  const kinds = Object.entries(RENDERED_KINDS).filter(([kind]) => kind.includes('Admission'));
  const lists = await Promise.all(
    kinds.map(async ([kind, {group, plural}]) => {
      const found = await listIfServed(client, `/apis/${group}/v1/${plural}`, selector);
      return found.map(({metadata}) => ({
        kind,
        name: metadata.name,
        policy: metadata.labels?.[LABELS.policy] ?? '',
      }));
    }),
  );
  return checkLeftovers(lists.flat(), new Set(policies.map(({metadata}) => metadata.name)));
}

async function listIfServed(client: ApiClient, path: string, selector?: string): Promise<KubeObject[]> {
  try {
    return await listObjects<KubeObject>(client, path, selector);
  } catch (error) {
    if (error instanceof ApiError && error.isNotFound) return [];
    throw error;
  }
}
