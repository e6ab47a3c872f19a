/** Whether Helm has installed LeasePolicy: then it is Helm that changes it and takes it away. */
import type {KubeObject} from '../api/objects.ts';
import {ApiError} from '../errors.ts';
import type {ApiClient} from '../runtime/client.ts';
import {Failure} from './failure.ts';
import {listObjects} from './things.ts';

const SELECTOR = 'app.kubernetes.io/part-of=leasepolicy,app.kubernetes.io/managed-by=Helm';

/** Ends the command, which would leave Helm with a release that is not there. */
export async function demandNoRelease(client: ApiClient, instead: 'upgrade' | 'uninstall'): Promise<void> {
  const deployment = (await deployments(client))[0];
  if (!deployment) return;
  const {namespace = '', name, annotations = {}} = deployment.metadata;
  const release = annotations['meta.helm.sh/release-name'] ?? name;
  const what = `nothing was changed, as Helm has installed LeasePolicy in namespace ${namespace}`;
  throw new Failure('Refused', what, `run helm ${instead} ${release} -n ${namespace}`);
}

/** Who may not look at all namespaces is held up by other rights, or knows what is there. */
async function deployments(client: ApiClient): Promise<KubeObject[]> {
  try {
    return await listObjects<KubeObject>(client, '/apis/apps/v1/deployments', SELECTOR);
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return [];
    throw error;
  }
}
