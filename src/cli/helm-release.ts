/** Whether Helm has installed LeasePolicy: then it is Helm that changes it and takes it away. */
import type {KubeObject} from '../api/objects.ts';
import {ApiError} from '../errors.ts';
import type {ApiClient} from '../runtime/client.ts';
import {Failure} from './failure.ts';
import {listObjects} from './things.ts';

const SELECTOR = 'app.kubernetes.io/part-of=leasepolicy,app.kubernetes.io/managed-by=Helm';
/** Helm itself writes them; who applies what `helm template` prints has the label alone, and no release. */
const [NAME, NAMESPACE] = ['meta.helm.sh/release-name', 'meta.helm.sh/release-namespace'];

/** Ends the command, which would leave Helm with a release that is not there. */
export async function demandNoRelease(client: ApiClient, instead: 'upgrade' | 'uninstall'): Promise<void> {
  for (const {metadata} of await clusterRoles(client)) {
    const {[NAME]: name, [NAMESPACE]: namespace} = metadata.annotations ?? {};
    if (name === undefined || namespace === undefined) continue;
    const what = `nothing was changed, as Helm has installed LeasePolicy in namespace ${namespace}`;
    throw new Failure('Refused', what, `run helm ${instead} ${name} -n ${namespace}`);
  }
}

/**
 * Those of the chart, as nobody but an administrator can make one: a Deployment that claims to be of a release would
 * stand in the way, with a command of its maker's. Who may not look at them is held up by other rights, or knows what is
 * there.
 */
async function clusterRoles(client: ApiClient): Promise<KubeObject[]> {
  try {
    const path = '/apis/rbac.authorization.k8s.io/v1/clusterroles';
    return await listObjects<KubeObject>(client, path, SELECTOR);
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return [];
    throw error;
  }
}
