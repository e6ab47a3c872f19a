/** Prints what a policy puts into the API server to enforce its rules. */
import {GROUP, type KubeObject, VERSION} from '../api/objects.ts';
import {type AdmissionContext, lenientNamespaces} from '../core/admission/frame.ts';
import {renderAdmission} from '../core/admission/render.ts';
import {manifest, type Owner} from '../core/admission/rendered.ts';
import {isPolicy, rulesOf} from '../core/manifest/manifest.ts';
import type {Rules} from '../core/naming/rules.ts';
import {isSystem, type SystemRules} from '../core/naming/system-rules.ts';
import {type Labels, labelsOfNamespace} from '../core/selector.ts';
import type {OperatorIdentity} from '../rehearsal/snapshot.ts';
import type {ApiClient} from '../runtime/client.ts';
import {inForceByStatus} from '../world/in-force.ts';
import {projectPolicy} from '../world/project.ts';
import {readable, withCluster} from './cluster/cluster.ts';
import {findOperator, operatorOf} from './cluster/find-operator.ts';
import type {Call} from './command.ts';
import {invalidPolicy, readManifests} from './files/manifests.ts';
import {EXIT, Failure} from './terminal/failure.ts';
import type {ClusterFlags, FileFlags, OperatorFlags, OutputFlags} from './terminal/options.ts';
import {jsonText, yamlText} from './terminal/output.ts';

type Flags = ClusterFlags & FileFlags & OperatorFlags & OutputFlags;

/** A policy of a file has no uid yet, and what is rendered from it no owner. */
type Source = {readonly rules: Rules | SystemRules; readonly uid: string | undefined};

export async function run({args, flags: given, streams}: Call): Promise<number> {
  const flags = given as Flags;
  const objects = flags.filename
    ? fromManifests(await readManifests(flags.filename, streams), args).flatMap(source =>
        rendered(source, {
          identity: operatorOf(flags, undefined),
          installation: undefined,
          // Every namespace has this label.
          labelsOf: name => labelsOfNamespace(name),
        }),
      )
    : await withCluster(flags, ({client}) => fromCluster(client, named(args), flags));
  if (flags.output === 'json')
    streams.stdout.write(jsonText({apiVersion: 'v1', kind: 'List', items: objects}));
  else for (const object of objects) streams.stdout.write(`---\n${await yamlText(object)}`);
  if (objects.length === 0) streams.stderr.write('Nothing is enforced: there is nothing to render.\n');
  return EXIT.done;
}

function named(args: readonly string[]): readonly string[] {
  if (args.length > 0) return args.map(each => each.replace(/^(leasepolic(y|ies)(\.[^/]*)?|lp)\//, ''));
  throw new Failure('Usage', 'no policy is named', 'write the names of policies, or give a file by -f');
}

const pathOf = (name: string) => `/apis/${GROUP}/${VERSION}/leasepolicies/${encodeURIComponent(name)}`;

function fromPolicy(object: KubeObject): Source {
  const rules = inForceByStatus(projectPolicy(object));
  const {name, uid} = object.metadata;
  if (rules) return {rules, uid};
  throw new Failure('NotFound', `no version of policy ${name} is in force`, 'see its condition Accepted');
}

function fromManifests(found: Awaited<ReturnType<typeof readManifests>>, args: readonly string[]): Source[] {
  const policies = found.filter(({manifest: each}) => isPolicy(each));
  const wanted = args.length > 0 ? named(args) : policies.map(({manifest: each}) => each.metadata.name);
  return wanted.map(name => {
    const policy = policies.find(({manifest: each}) => each.metadata.name === name);
    if (!policy)
      throw new Failure('NotFound', `there is no LeasePolicy ${name} in the files`, 'add it by -f');
    const rules = rulesOf(policy.manifest);
    if (Array.isArray(rules)) throw invalidPolicy(policy, rules);
    return {rules, uid: undefined};
  });
}

/** The operator and its cluster. */
type Operator = {
  readonly identity: OperatorIdentity;
  /** The ClusterRole with which the bindings go. */
  readonly installation: Owner | undefined;
  /** Of a namespace; undefined where there is none. */
  readonly labelsOf: (namespace: string) => Labels | undefined;
};

async function fromCluster(client: ApiClient, names: readonly string[], flags: Flags): Promise<object[]> {
  const identity = await findOperator(client, flags);
  const [installation, labels, ...policies] = await Promise.all([
    installationOf(client, identity.installation),
    labelsIn(client, lenientNamespaces(namespaceOf(identity))),
    ...names.map(name => client.request<KubeObject>('GET', pathOf(name))),
  ]);
  const operator = {identity, installation, labelsOf: (name: string) => labels.get(name)};
  return policies.flatMap(policy => rendered(fromPolicy(policy), operator));
}

const namespaceOf = ({ownLease}: OperatorIdentity) => ownLease.slice(0, ownLease.indexOf('/'));

/** Labels of the namespaces, of those that are there. */
async function labelsIn(client: ApiClient, names: readonly string[]): Promise<Map<string, Labels>> {
  const found = await Promise.all(
    names.map(name => readable(client, `/api/v1/namespaces/${encodeURIComponent(name)}`)),
  );
  return new Map(found.flatMap(each => (each ? [[each.metadata.name, each.metadata.labels ?? {}]] : [])));
}

async function installationOf(client: ApiClient, name: string): Promise<Owner | undefined> {
  if (name === '') return undefined;
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const path = `/apis/${apiVersion}/clusterroles/${encodeURIComponent(name)}`;
  const {metadata} = await client.request<KubeObject>('GET', path);
  return {apiVersion, kind: 'ClusterRole', name, uid: metadata.uid};
}

function rendered({rules, uid}: Source, {identity, installation, labelsOf}: Operator): object[] {
  if (isSystem(rules)) return [];
  const {username, usualName} = identity;
  const namespace = namespaceOf(identity);
  const owner = {apiVersion: `${GROUP}/${VERSION}`, kind: 'LeasePolicy', name: rules.policy, uid: uid ?? ''};
  const governsSystem = lenientNamespaces(namespace).some(each => {
    const labels = labelsOf(each);
    return labels !== undefined && rules.governsNamespace(each, labels);
  });
  const operator = {username: username ?? usualName, namespace};
  const context: AdmissionContext = {owner, installation, operator, governsSystem};
  return renderAdmission(rules, context).flatMap(({objects}) =>
    objects.map(each => (uid === undefined ? withoutOwner(manifest(each)) : manifest(each))),
  );
}

function withoutOwner(object: KubeObject): object {
  const {ownerReferences: _, ...metadata} = object.metadata;
  return {...object, metadata};
}
