/** Whether Helm has installed LeasePolicy: then it is Helm that changes it and takes it away. */
import type {KubeObject} from '../../api/objects.ts';
import {ApiError} from '../../errors.ts';
import type {ApiClient} from '../../runtime/client.ts';
import {Failure} from '../terminal/failure.ts';
import {listObjects} from './things.ts';

const SELECTOR = 'app.kubernetes.io/part-of=leasepolicy,app.kubernetes.io/managed-by=Helm';
/** Helm itself writes them; who applies what `helm template` prints has the label alone, and no release. */
const [NAME, NAMESPACE] = ['meta.helm.sh/release-name', 'meta.helm.sh/release-namespace'];

export type Release = {readonly name: string; readonly namespace: string};

/** Ends the command, which would leave Helm with a release that is not there. */
export async function demandNoRelease(client: ApiClient, instead: 'upgrade' | 'uninstall'): Promise<void> {
  const release = await releaseOf(client);
  if (!release) return;
  const {name, namespace} = release;
  const what = `nothing was changed, as Helm has installed LeasePolicy in namespace ${namespace}`;
  throw new Failure('Refused', what, `run helm ${instead} ${name} -n ${namespace}`);
}

/**
 * By the ClusterRoles of the chart, as nobody but an administrator can make one: a Deployment that claims to be of a
 * release would stand in the way, with a command of its maker's. Undefined when Helm has installed none, and for who may
 * not look, who is held up by other rights or knows what is there.
 */
export async function releaseOf(client: ApiClient): Promise<Release | undefined> {
  for (const {metadata} of await readable(client, '/apis/rbac.authorization.k8s.io/v1/clusterroles')) {
    const {[NAME]: name, [NAMESPACE]: namespace} = metadata.annotations ?? {};
    if (name !== undefined && namespace !== undefined) return {name, namespace};
  }
  return undefined;
}

/** The operator's, under whatever name the release gives it. */
export async function deploymentOf(client: ApiClient, {namespace}: Release): Promise<KubeObject | undefined> {
  const path = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/deployments`;
  return (await readable(client, path))[0];
}

async function readable(client: ApiClient, path: string): Promise<KubeObject[]> {
  try {
    return await listObjects<KubeObject>(client, path, SELECTOR);
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return [];
    throw error;
  }
}
