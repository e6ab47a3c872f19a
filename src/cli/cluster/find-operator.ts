/** Which operator is meant: what its Deployment says of it, and what the flags say instead. */
import {ownLeaseName} from '../../core/naming/own-lease.ts';
import {ApiError} from '../../errors.ts';
import type {OperatorIdentity} from '../../rehearsal/snapshot.ts';
import type {ApiClient} from '../../runtime/client.ts';
import {Failure} from '../terminal/failure.ts';
import type {OperatorFlags} from '../terminal/options.ts';

type Container = {env?: {name?: string; value?: string}[]; args?: string[]};
type Deployment = {spec?: {template?: {spec?: {serviceAccountName?: string; containers?: Container[]}}}};

const INSTALLATION = 'LEASEPOLICY_INSTALLATION';

/** Of one that runs outside of the cluster, or may not be looked at, the flags are all that is known. */
export async function findOperator(client: ApiClient, flags: OperatorFlags): Promise<OperatorIdentity> {
  const {namespace, name} = placeOf(flags);
  const path = `/apis/apps/v1/namespaces/${encodeURIComponent(namespace)}/deployments/${encodeURIComponent(name)}`;
  try {
    return operatorOf(flags, await client.request<Deployment>('GET', path));
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 403 && !error.isNotFound)) throw error;
    return operatorOf(flags, undefined);
  }
}

export function operatorOf(flags: OperatorFlags, deployment: Deployment | undefined): OperatorIdentity {
  const {namespace, name} = placeOf(flags);
  const {serviceAccountName = name, containers = []} = deployment?.spec?.template?.spec ?? {};
  return {
    ownLease: `${namespace}/${ownLeaseName(name)}`,
    username: flags.operatorUser,
    usualName: `system:serviceaccount:${namespace}:${serviceAccountName}`,
    installation: flags.installation ?? containers.flatMap(installationOf)[0] ?? '',
  };
}

/** As a flag or as a variable. */
function installationOf({env = [], args = []}: Container): string[] {
  const flag = args.findIndex(each => /^--installation(=|$)/.test(each));
  const written =
    flag < 0
      ? []
      : args
          .slice(flag, flag + 2)
          .join('=')
          .split('=')
          .slice(1, 2);
  return [...written, ...env.flatMap(({name, value}) => (name === INSTALLATION && value ? [value] : []))];
}

function placeOf({operator}: OperatorFlags): {namespace: string; name: string} {
  const [namespace = '', name = '', ...rest] = operator.split('/');
  if (namespace !== '' && name !== '' && rest.length === 0) return {namespace, name};
  const next = 'write the namespace and the name of its Deployment, such as leasepolicy-system/leasepolicy';
  throw new Failure('Usage', `--operator ${operator} is no operator`, next);
}
