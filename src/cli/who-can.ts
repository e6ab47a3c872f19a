/** Tells who can take a Lease from its holder, by the roles and bindings of the cluster. */
import type {LeaseRegistrySpec} from '../api/leaseregistry.ts';
import {GROUP, type KubeObject, REGISTRY_NAME, VERSION} from '../api/objects.ts';
import {
  type RbacBinding,
  type RbacRole,
  type RbacRule,
  type RbacSubject,
  type ServiceAccount,
  type Standing,
  subjectText,
  type Thief,
  whoCan,
} from '../core/doctor/who-can.ts';
import {ApiError} from '../errors.ts';
import type {ApiClient} from '../runtime/client.ts';
import type {ClusterAccess} from './cluster/cluster.ts';
import {PRODUCT} from './cluster/installation.ts';
import {operatorNamespace} from './cluster/operator-namespace.ts';
import {readIfThere} from './cluster/resources.ts';
import {listObjects} from './cluster/things.ts';
import {EXIT, Failure} from './terminal/failure.ts';
import type {OutputFlags} from './terminal/options.ts';
import {type Column, print, type Streams} from './terminal/output.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';

export async function tellWhoCan(
  {client, namespace: usual}: ClusterAccess,
  {namespace = usual, name}: AskedLease,
  {output}: OutputFlags,
  streams: Streams,
): Promise<number> {
  const place = encodeURIComponent(namespace);
  const path = `/apis/coordination.k8s.io/v1/namespaces/${place}/leases/${encodeURIComponent(name)}`;
  if (!(await readIfThere(client, path))) {
    const what = `there is no Lease ${name} in namespace ${namespace}`;
    throw new Failure('NotFound', what, 'look at all by get -A');
  }
  const [rbac, workload, operator] = await Promise.all([
    rbacOf(client, place),
    workloadOf(client, place, name),
    operatorNamespace(client),
  ]);
  const thieves = whoCan(name, rbac, {workload, operator: {namespace: operator, name: PRODUCT}});
  const document = () => ({lease: `${namespace}/${name}`, workload, subjects: thieves});
  const empty = `By RBAC nobody can take Lease ${name} in namespace ${namespace}.`;
  await print({rows: thieves, columns: COLUMNS, document, empty}, output ?? 'table', streams);
  if (output !== 'json') for (const note of notes(workload)) streams.stderr.write(`${note}\n`);
  return thieves.some(({standing}) => standing === 'stranger') ? EXIT.found : EXIT.done;
}

/** A Lease as it is asked about; without a namespace it is in the one of the flags. */
export type AskedLease = {readonly namespace?: string; readonly name: string};

/** NAMESPACE/LEASE, or as explain and get take it: lease/LEASE, also where a namespace is called lease. */
export function parseLease(text: string | undefined): AskedLease {
  const next = 'write doctor who-can NAMESPACE/LEASE, or lease/LEASE and its namespace by -n';
  if (text === undefined) throw new Failure('Usage', 'who-can needs the name of a Lease', next);
  const parts = text.split('/');
  const [first = '', second] = parts;
  if (parts.length > 2 || parts.includes('')) throw new Failure('Usage', `"${text}" is no Lease`, next);
  if (second === undefined) return {name: first};
  return IS_KIND.test(first) ? {name: second} : {namespace: first, name: second};
}

const IS_KIND = /^leases?(\.[^/]*)?$/;

const STYLES: Readonly<Record<Standing, 'red' | 'green' | undefined>> = {
  stranger: 'red',
  workload: 'green',
  operator: undefined,
  system: undefined,
};

const COLUMNS: readonly Column<Thief>[] = [
  {title: 'Subject', text: ({subject}) => subjectText(subject)},
  {title: 'Standing', text: ({standing}) => standing, style: ({standing}) => STYLES[standing]},
  {title: 'May', text: ({verbs}) => verbs.join(',')},
  {title: 'Through', text: ({through}) => through.join(', ')},
];

function notes(workload: ServiceAccount | undefined): string[] {
  return [
    ...(workload ? [] : ['No registry says whose Lease it is: its workload is among the strangers.']),
    'By RBAC alone: other authorizers are not seen, and what admission policies refuse is not counted.',
  ];
}

type Registry = KubeObject & {spec?: Partial<LeaseRegistrySpec>};

/** Whose it is, as the operator has registered it. */
async function workloadOf(
  client: ApiClient,
  namespace: string,
  name: string,
): Promise<ServiceAccount | undefined> {
  const path = `/apis/${GROUP}/${VERSION}/namespaces/${namespace}/leaseregistries/${REGISTRY_NAME}`;
  const {names = {}} = (await readIfThere<Registry>(client, path))?.spec ?? {};
  const entry = Object.hasOwn(names, name) ? names[name] : undefined;
  if (!entry) return undefined;
  const [, second, third] = entry.subject.split('/');
  return {namespace: third === undefined ? namespace : (second ?? namespace), name: entry.serviceAccount};
}

type Role = KubeObject & {rules?: RbacRule[] | null};
type Binding = KubeObject & {roleRef: {kind: string; name: string}; subjects?: RbacSubject[]};

async function rbacOf(client: ApiClient, namespace: string) {
  const here = `${RBAC}/namespaces/${namespace}`;
  const [roles, clusterRoles, bindings, clusterBindings] = await Promise.all([
    listed<Role>(client, `${here}/roles`),
    listed<Role>(client, `${RBAC}/clusterroles`),
    listed<Binding>(client, `${here}/rolebindings`),
    listed<Binding>(client, `${RBAC}/clusterrolebindings`),
  ]);
  return {
    roles: [...roles.map(roleOf('Role')), ...clusterRoles.map(roleOf('ClusterRole'))],
    bindings: [
      ...bindings.map(bindingOf('RoleBinding')),
      ...clusterBindings.map(bindingOf('ClusterRoleBinding')),
    ],
  };
}

/** A part of the answer would be a wrong one. */
async function listed<T>(client: ApiClient, path: string): Promise<T[]> {
  try {
    return await listObjects<T>(client, path);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
    const next = 'ask for that right, or name a context that has it by --context';
    throw new Failure('Forbidden', `who can take it is not known, as you may not list ${path}`, next, error);
  }
}

const roleOf =
  (kind: RbacRole['kind']) =>
  ({metadata, rules}: Role): RbacRole => ({kind, name: metadata.name, rules: rules ?? []});

const bindingOf =
  (kind: RbacBinding['kind']) =>
  ({metadata, roleRef, subjects = []}: Binding): RbacBinding => ({
    kind,
    name: metadata.name,
    role: roleRef,
    subjects,
  });
