/** In which namespace the operator is installed. */
import type {KubeObject} from '../../api/objects.ts';
import type {ApiClient} from '../../runtime/client.ts';
import {HOME, OPERATOR_BINDING} from './installation.ts';
import {readIfThere} from './resources.ts';

type Binding = KubeObject & {subjects?: {namespace?: string}[]};

/** Where its rights are bound, or where it is by default. */
export async function operatorNamespace(client: ApiClient): Promise<string> {
  const path = `/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/${OPERATOR_BINDING}`;
  return (await readIfThere<Binding>(client, path))?.subjects?.[0]?.namespace ?? HOME;
}
