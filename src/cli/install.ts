/** Installs LeasePolicy by server-side apply, or prints what would be applied. */
import type {KubeObject} from '../api/objects.ts';
import type {AnyObject} from '../core/manifest/kustomization.ts';
import {ApiError} from '../errors.ts';
import {APPLY_PATCH, type ApiClient} from '../runtime/client.ts';
import {withCluster} from './cluster/cluster.ts';
import {demandNoRelease} from './cluster/helm-release.ts';
import {HOME, installation, nameOf, OPERATOR_BINDING} from './cluster/installation.ts';
import type {Part} from './cluster/parts.ts';
import {pathOf, type Resource, Resources, readIfThere} from './cluster/resources.ts';
import {demandRights} from './cluster/rights.ts';
import {missingParts} from './cluster/server.ts';
import type {Call} from './command.ts';
import {EXIT, Failure} from './terminal/failure.ts';
import type {ClusterFlags, OutputFlags} from './terminal/options.ts';
import {jsonText, type Streams, yamlText} from './terminal/output.ts';
import {waitUntil} from './terminal/wait.ts';

type Flags = ClusterFlags &
  OutputFlags & {print?: boolean; image?: string; with?: Part[]; forceConflicts?: boolean};

export const INSTALL_MANAGER = 'leasepolicy-install';
/** How long the API server may take to serve the kinds of a definition. */
const SERVE_MS = 30_000;

export async function run({flags: given, streams, program}: Call): Promise<number> {
  const flags = given as Flags;
  const objects = await installation({image: flags.image, namespace: flags.namespace, parts: flags.with});
  if (flags.print) await printObjects(objects, flags.output, streams);
  else await withCluster(flags, ({client}) => install({objects, flags, streams, program, client}));
  return EXIT.done;
}

async function printObjects(objects: readonly AnyObject[], output: string | undefined, {stdout}: Streams) {
  if (output === 'json') stdout.write(jsonText({apiVersion: 'v1', kind: 'List', items: objects}));
  else for (const object of objects) stdout.write(`---\n${await yamlText(object)}`);
}

type Installing = {
  readonly objects: readonly AnyObject[];
  readonly flags: Flags;
  readonly streams: Streams;
  readonly program: string;
  readonly client: ApiClient;
};

/** An object with its place, and how it is before. */
type Target = {object: AnyObject; resource: Resource; path: string; before: KubeObject | undefined};
type Applied = {object: string; namespace?: string; done: 'created' | 'configured' | 'unchanged'};

/** Everything that can be refused is asked for before the first write. */
async function install(installing: Installing): Promise<void> {
  const {objects, flags, streams, client, program} = installing;
  await demandNoRelease(client, 'upgrade');
  const resources = new Resources(client);
  const notes = await missingParts(client, resources);
  const targets = await targetsOf(installing, resources);
  checkPlace(targets, flags.namespace ?? HOME);
  await demandRights(client, targets.flatMap(rightsFor));
  await rehearse(installing, targets);
  const applied: Applied[] = [];
  for (const target of targets) {
    try {
      applied.push(await applyOne(installing, target));
    } catch (error) {
      streams.stderr.write(
        `${applied.length} of ${objects.length} objects are applied: ${program} install goes on from there\n`,
      );
      throw error;
    }
    if (flags.output === 'table') streams.stdout.write(`${lineOf(applied.at(-1) as Applied)}\n`);
  }
  if (flags.output === 'json') streams.stdout.write(jsonText({objects: applied, notes}));
  else for (const note of notes) streams.stderr.write(`${note}\n`);
}

const lineOf = ({object, done}: Applied) => `${object} ${done}`;

async function targetsOf({objects, client}: Installing, resources: Resources): Promise<Target[]> {
  return Promise.all(
    objects.map(async object => {
      const resource = await resources.of(object);
      if (!resource) throw notServed(object);
      const path = pathOf(resource, object.metadata.namespace, object.metadata.name);
      // What the caller may not read is asked about among the other rights.
      const before = await readIfThere<KubeObject>(client, path).catch(error => {
        if (error instanceof ApiError && error.status === 403) return undefined;
        throw error;
      });
      return {object, resource, path, before};
    }),
  );
}

function notServed({kind, apiVersion}: AnyObject): Failure {
  const what = `nothing was changed, as the API server has no ${kind} of ${apiVersion}`;
  const ofPrometheus = apiVersion.startsWith('monitoring.coreos.com/');
  const next = ofPrometheus
    ? 'install the Prometheus operator first, or leave monitoring out of --with'
    : 'it is too old for that part: leave it out of --with, or upgrade the API server';
  return new Failure('Refused', what, next);
}

type Binding = KubeObject & {subjects?: {namespace?: string}[]};

/** The rights of the operator are bound once in a cluster: another namespace would take them from where it runs. */
function checkPlace(targets: readonly Target[], namespace: string): void {
  const binding = targets.find(
    ({object}) => object.kind === 'ClusterRoleBinding' && object.metadata.name === OPERATOR_BINDING,
  )?.before as Binding | undefined;
  const other = binding?.subjects?.map(each => each.namespace).find(each => each !== namespace);
  if (other === undefined) return;
  const what = `nothing was changed, as LeasePolicy is installed in namespace ${other} already`;
  throw new Failure('Refused', what, `write --namespace ${other}, or uninstall that one first`);
}

function rightsFor({object, resource}: Target) {
  const {name, namespace} = object.metadata;
  const {group, plural} = resource;
  return ['get', 'create', 'patch'].map(verb => ({verb, group, resource: plural, namespace, name}));
}

function applyQuery({forceConflicts}: Flags, isRehearsal: boolean): string {
  const force = forceConflicts ? '&force=true' : '';
  return `?fieldManager=${INSTALL_MANAGER}${force}${isRehearsal ? '&dryRun=All' : ''}`;
}

/** Lets the API server say now what it would refuse; what needs others to be there first is not found, and skipped. */
async function rehearse({client, flags}: Installing, targets: readonly Target[]): Promise<void> {
  for (const {object, path} of targets) {
    const request = {body: object, contentType: APPLY_PATCH};
    try {
      await client.send('PATCH', path + applyQuery(flags, true), request);
    } catch (error) {
      if (!(error instanceof ApiError) || !error.isNotFound) throw refused(object, error);
    }
  }
}

function refused(object: AnyObject, error: unknown): unknown {
  if (!(error instanceof ApiError) || !error.isConflict || error.kept.length === 0) return error;
  const what = `nothing was changed, as ${nameOf(object)} is kept by others (${error.kept.join('; ')})`;
  return new Failure('Refused', what, 'write --force-conflicts to take it over', error);
}

async function applyOne(installing: Installing, {object, path, before}: Target): Promise<Applied> {
  const after = await applied(installing, object, path);
  if (object.kind === 'CustomResourceDefinition') await established(installing, object, path);
  const isSame = before?.metadata.resourceVersion === after.metadata.resourceVersion;
  const {namespace} = object.metadata;
  return {
    object: nameOf(object),
    ...(namespace === undefined ? {} : {namespace}),
    done: before === undefined ? 'created' : isSame ? 'unchanged' : 'configured',
  };
}

/** A definition that is established is served a moment later, and its objects are not found until then. */
async function applied(installing: Installing, object: AnyObject, path: string): Promise<KubeObject> {
  const request = {body: object, contentType: APPLY_PATCH};
  const apply = () =>
    installing.client.request<KubeObject>('PATCH', path + applyQuery(installing.flags, false), request);
  if (object.kind !== 'LeasePolicy') return apply();
  return waitUntil(served(installing, object.kind), async () => {
    try {
      return await apply();
    } catch (error) {
      if (error instanceof ApiError && error.isNotFound) return undefined;
      throw error;
    }
  });
}

const served = ({streams}: Installing, kind: string) => ({
  streams,
  what: `the API server serves ${kind}`,
  mostMs: SERVE_MS,
  next: 'look at the API server',
});

type Definition = KubeObject & {status?: {conditions?: {type: string; status: string}[]}};

async function established(installing: Installing, {metadata}: AnyObject, path: string): Promise<void> {
  await waitUntil(served(installing, metadata.name), async () => {
    const {status} = await installing.client.request<Definition>('GET', path);
    const isThere = status?.conditions?.some(
      ({type, status: value}) => type === 'Established' && value === 'True',
    );
    return isThere;
  });
}
