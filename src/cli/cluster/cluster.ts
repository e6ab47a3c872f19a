/** The cluster that the flags name: a client of it, and the namespace that is meant. */
import type {KubeObject} from '../../api/objects.ts';
import {ApiError, messageOf, UsageError} from '../../errors.ts';
import {ApiClient} from '../../runtime/client.ts';
import {skipMissingKubeconfigs} from '../../runtime/kubeconfig-files.ts';
import {PRODUCT_VERSION} from '../../version.ts';
import {Failure} from '../terminal/failure.ts';
import type {ClusterFlags} from '../terminal/options.ts';

export type ClusterAccess = {
  readonly client: ApiClient;
  /** That of -n, of the context, or default. */
  readonly namespace: string;
  readonly context: string;
};

/** Does the work with a client that is closed at its end. */
export async function withCluster<T>(
  flags: ClusterFlags,
  work: (access: ClusterAccess) => Promise<T>,
): Promise<T> {
  const access = await connect(flags);
  try {
    return await work(access);
  } finally {
    access.client.close();
  }
}

async function connect({namespace, context, kubeconfig}: ClusterFlags): Promise<ClusterAccess> {
  const config = await load(kubeconfig);
  if (context !== undefined) {
    if (!config.getContextObject(context)) {
      const known = config.getContexts().map(({name}) => name);
      const next = known.length > 0 ? `write one of ${known.join(', ')}` : 'the kubeconfig has none';
      throw new Failure('NoCluster', `there is no context ${context}`, next);
    }
    config.setCurrentContext(context);
  }
  const current = config.getCurrentContext();
  try {
    const client = new ApiClient(config, `leasepolicy/${PRODUCT_VERSION}`);
    const own = config.getContextObject(current)?.namespace;
    return {client, namespace: namespace ?? own ?? 'default', context: current};
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const next = 'set KUBECONFIG, or name a file by --kubeconfig and a context by --context';
    throw new Failure('NoCluster', error.message.split(': ')[0] ?? '', next, error);
  }
}

/** The names of the contexts of the kubeconfig. */
export async function contexts({kubeconfig}: ClusterFlags): Promise<string[]> {
  const config = await load(kubeconfig);
  return config.getContexts().map(({name}) => name);
}

/** The library is loaded by those who talk to a cluster. */
async function load(file: string | undefined) {
  const {KubeConfig} = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  try {
    skipMissingKubeconfigs();
    if (file === undefined) config.loadFromDefault();
    else config.loadFromFile(file);
    return config;
  } catch (error) {
    const [reason = ''] = messageOf(error).split('\n');
    const next = 'set KUBECONFIG to the file of a cluster, or name one by --kubeconfig';
    throw new Failure('NoCluster', `the kubeconfig can't be read (${reason.replace(/:$/, '')})`, next, error);
  }
}

/** An object, or undefined where there is none, or none that may be read. */
export async function readable(client: ApiClient, path: string): Promise<KubeObject | undefined> {
  const found = await lookUp(client, path);
  return typeof found === 'string' ? undefined : found;
}

/** The object, or why it is not known. */
export async function lookUp(
  client: ApiClient,
  path: string,
): Promise<KubeObject | 'missing' | 'unreadable'> {
  try {
    return await client.request<KubeObject>('GET', path);
  } catch (error) {
    if (error instanceof ApiError && error.isNotFound) return 'missing';
    if (error instanceof ApiError && error.status === 403) return 'unreadable';
    throw error;
  }
}
