/** Carries out actions: the only writer of the operator's work. */
import type {LeaseRegistrySpec} from '../api/leaseregistry.ts';
import {
  ANNOTATIONS,
  GROUP,
  type KubeObject,
  LABELS,
  type Lease,
  REGISTRY_NAME,
  VERSION,
} from '../api/objects.ts';
import type {ApplyObject} from '../core/admission/rendered.ts';
import type {
  Action,
  CollectLease,
  CreateLease,
  LabelLease,
  LeaseVersion,
  RegistryPatch,
  WriteRecord,
} from '../core/plan/action.ts';
import {type Labels, sameLabels} from '../core/selector.ts';
import {AdoptionConflict, ApiError, TermEndedError} from '../errors.ts';
import {checkItems, checkObject} from './answers.ts';
import {applyObject, deleteObject} from './apply-object.ts';
import {APPLY_PATCH, type ApiClient, MERGE_PATCH} from './client.ts';
import {MANAGER, type WriterOptions, withinTerm, write} from './write.ts';

const leasesPath = (namespace: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
const registriesPath = (namespace: string) =>
  `/apis/${GROUP}/${VERSION}/namespaces/${namespace}/leaseregistries`;

/**
 * Carries out the actions in their order, but for those that rest on one that failed. Returns what failed (a conflict
 * means: look again). Throws TermEndedError, and what failed before is told nobody then: whoever leads next meets it.
 */
export async function apply(actions: readonly Action[], options: WriterOptions): Promise<ApiError[]> {
  const failures: Failure[] = [];
  for (const action of actions) {
    if (failures.some(failure => restsOn(action, failure, options))) continue;
    const error = await attempt(action, options);
    if (error) failures.push({failed: action, error});
  }
  return failures.map(({error}) => error);
}

type Failure = {readonly failed: Action; readonly error: ApiError};

/** Returns what the server refused. */
async function attempt(action: Action, options: WriterOptions): Promise<ApiError | undefined> {
  try {
    await perform(action, options);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  options.onDone(action);
  return undefined;
}

/**
 * Whether an action is right only where the other was done. One policy's are independent of another's, so that nobody
 * who is refused by one keeps the Leases of the other from being renewed; within a policy what comes after rests on
 * what was before, and so does what is of no policy.
 */
function restsOn(action: Action, {failed, error}: Failure, {isInForce}: WriterOptions): boolean {
  if (isAlwaysRight(action)) return false;
  // The policy of what is deleted is a label on it, which anybody may have edited.
  if (action.type === 'deleteObject' || failed.type === 'deleteObject') return true;
  const [policy, other] = [policyOf(action), policyOf(failed)];
  if (policy !== undefined && other !== undefined && policy !== other) return false;
  // That one turned out to be no garbage says nothing of the others, while the policy is as it was.
  if (action.type === 'collectLease' && failed.type === 'collectLease')
    return !(error.isConflict && isInForce(action.policy));
  // What a new object was to replace stays as long as that is refused, and what is not there is not bound.
  if (action.type === 'applyObject' && failed.type === 'applyObject')
    return boundBy(action) === failed.rendered.name;
  return true;
}

/** To keep a Lease closed, and to mend the labels by which the API server protects it; neither opens nor deletes. */
const isAlwaysRight = (action: Action) =>
  (action.type === 'writeRecord' && action.purpose !== 'open') ||
  (action.type === 'labelLease' && (action.purpose === 'overwrite' || action.purpose === 'label'));

const policyOf = (action: Action) => ('policy' in action ? action.policy : undefined);

/** What a binding binds: an admission policy or a Role. One that is somebody else's must not be bound. */
function boundBy({rendered: {content}}: ApplyObject): string {
  const {spec = {}, roleRef} = content as {spec?: {policyName?: string}; roleRef?: {name: string}};
  return spec.policyName ?? roleRef?.name ?? '';
}

async function perform(action: Action, options: WriterOptions): Promise<void> {
  switch (action.type) {
    case 'createLease':
      return createLease(action, options);
    case 'labelLease':
      return labelLease(action, options);
    case 'writeRecord':
      return writeRecord(action, options);
    case 'collectLease':
      return collectLease(action, options);
    case 'applyObject':
      return applyObject(action, options);
    case 'deleteObject':
      return deleteObject(action, options);
    case 'createRegistry':
      return createRegistry(action.namespace, action.spec, options);
    case 'patchRegistry':
      return patchRegistry(action.namespace, action.patch, options);
    case 'deleteRegistry': {
      const {namespace, uid, resourceVersion} = action;
      const body = {preconditions: {uid, resourceVersion}};
      const path = `${registriesPath(namespace)}/${REGISTRY_NAME}`;
      await options.client.send('DELETE', path, withinTerm({body}, options));
      return;
    }
    case 'writeStatus': {
      const {policy, resourceVersion, status} = action;
      const metadata = resourceVersion === undefined ? {} : {metadata: {resourceVersion}};
      const path = `/apis/${GROUP}/${VERSION}/leasepolicies/${policy}/status?${MANAGER}`;
      await write('policy', 'PATCH', path, {body: {...metadata, status}, contentType: MERGE_PATCH}, options);
      return;
    }
    case 'emitEvent':
      return options.onEvent(action);
    default:
      return action satisfies never;
  }
}

async function createRegistry(
  namespace: string,
  spec: LeaseRegistrySpec,
  options: WriterOptions,
): Promise<void> {
  const metadata = {name: REGISTRY_NAME, labels: {[LABELS.managedBy]: 'leasepolicy'}};
  const body = {apiVersion: `${GROUP}/${VERSION}`, kind: 'LeaseRegistry', metadata, spec};
  await write('registry', 'POST', `${registriesPath(namespace)}?${MANAGER}`, {body}, options);
}

/** Fencing counters are kept also where no policy governs the namespace any more, and so has no registry. */
async function patchRegistry(namespace: string, patch: RegistryPatch, options: WriterOptions): Promise<void> {
  const path = `${registriesPath(namespace)}/${REGISTRY_NAME}?${MANAGER}`;
  try {
    await write('registry', 'PATCH', path, {body: {spec: patch}, contentType: MERGE_PATCH}, options);
  } catch (error) {
    if (!(error instanceof ApiError && error.isNotFound)) throw error;
    const kept = Object.entries(patch.retired ?? {}).flatMap(([name, counter]) =>
      counter ? [[name, counter]] : [],
    );
    if (kept.length === 0) throw error;
    const spec = {
      names: {},
      subjects: {},
      exempt: [],
      exemptUntil: {},
      allowed: '',
      retired: Object.fromEntries(kept),
    };
    await createRegistry(namespace, spec, options);
  }
}

const TYPE = {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease'};

/** The watch brings the new Lease; there may be thousands at once, and nothing waits for the answer's contents. */
async function createLease(
  {namespace, name, labels, annotations, record}: CreateLease,
  options: WriterOptions,
): Promise<void> {
  const body = {...TYPE, metadata: {name, labels, annotations}, spec: record};
  await options.client.send('POST', `${leasesPath(namespace)}?${MANAGER}`, withinTerm({body}, options));
}

/**
 * Adopts by server-side apply without force: another manager's label is not taken over. On a Lease that is ours the
 * labels are patched, and so is on any what is ours alone. The uid keeps either from writing to, or making, another
 * Lease of that name.
 */
async function labelLease(action: LabelLease, options: WriterOptions): Promise<void> {
  const {namespace, name, uid, labels, annotations, purpose} = action;
  const path = `${leasesPath(namespace)}/${name}?${MANAGER}`;
  if (purpose !== 'adopt') {
    const body = {metadata: {uid, labels, annotations: {[ANNOTATIONS.orphanedSince]: null, ...annotations}}};
    await write('lease', 'PATCH', path, {body, contentType: MERGE_PATCH}, options);
    return;
  }
  const body = {...TYPE, metadata: {name, uid, labels, annotations}};
  try {
    await write('lease', 'PATCH', path, {body, contentType: APPLY_PATCH}, options);
  } catch (error) {
    if (!(error instanceof ApiError) || error.kept.length === 0) throw error;
    throw new AdoptionConflict(`${namespace}/${name}`, error.kept.join('; '), error);
  }
}

/** The resourceVersion makes this fail when a candidate has acquired the Lease in the meantime. */
async function writeRecord({lease, record}: WriteRecord, options: WriterOptions): Promise<void> {
  const {namespace, name, uid, resourceVersion} = lease;
  const body = {metadata: {uid, resourceVersion}, spec: record};
  await write(
    'lease',
    'PATCH',
    `${leasesPath(namespace)}/${name}?${MANAGER}`,
    {body, contentType: MERGE_PATCH},
    options,
  );
}

/**
 * Deletes a Lease that nobody holds. Live reads must agree with the caches on which the decision rests: the Lease
 * has the version that was judged, and its subject is gone or as it was. The delete carries uid and resourceVersion,
 * so that a holder who renews in between keeps the Lease. A policy that was edited since ends the pass.
 */
async function collectLease(action: CollectLease, options: WriterOptions): Promise<void> {
  if (!options.term.mayWrite) throw new TermEndedError();
  if (!options.isInForce(action.policy)) throw changed(action, `LeasePolicy ${action.policy}`);
  const {namespace, name, uid, resourceVersion} = action.lease;
  const path = `${leasesPath(namespace)}/${name}`;
  const live = await found<Lease>(path, options.client);
  if (!live) return;
  const isJudged = live.metadata.uid === uid && live.metadata.resourceVersion === resourceVersion;
  if (!isJudged || !(await isAsJudged(action, options.client))) {
    options.onPrevented('LiveRead');
    throw changed(action, isJudged ? action.subject : 'the Lease');
  }
  if (!options.term.mayWrite) throw new TermEndedError();
  options.onCollect(live, action);
  await deleteLease(path, {uid, resourceVersion}, options);
}

async function deleteLease(
  path: string,
  preconditions: {uid: string; resourceVersion: string},
  options: WriterOptions,
): Promise<void> {
  try {
    await options.client.send('DELETE', path, withinTerm({body: {preconditions}}, options));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.isConflict) options.onPrevented('Precondition');
    if (!error.isNotFound) throw error; // somebody else has deleted it
  }
}

/** What is there at this moment, whatever the caches say; undefined when it is not there. */
async function found<T extends KubeObject>(path: string, client: ApiClient): Promise<T | undefined> {
  try {
    return checkObject<T>(await client.request('GET', path), `GET ${path}`);
  } catch (error) {
    if (error instanceof ApiError && error.isNotFound) return undefined;
    throw error;
  }
}

/** Whether the subject is as it was judged. */
async function isAsJudged({check}: CollectLease, client: ApiClient): Promise<boolean> {
  if (check.expect === 'nothing') return true;
  const live = await found<KubeObject>(check.path, client);
  if (check.expect === 'absent') return live === undefined;
  if (!live || !hasLabels(live, check.labels)) return false;
  const namespace = await namespaceOf(check.namespace, client);
  return namespace !== undefined && hasLabels(namespace, check.namespaceLabels);
}

/** By a list of one, as the operator may list namespaces and needs no other right to them. */
async function namespaceOf(name: string, client: ApiClient): Promise<KubeObject | undefined> {
  const path = `/api/v1/namespaces?${new URLSearchParams({fieldSelector: `metadata.name=${name}`})}`;
  return checkItems(await client.request('GET', path), `GET ${path}`)[0];
}

const hasLabels = ({metadata}: KubeObject, judged: Labels) => sameLabels(metadata.labels ?? {}, judged);

/** A cache that is behind: told as a conflict, so that the decision is made anew. */
function changed({lease}: {lease: LeaseVersion}, what: string): ApiError {
  const message = `${what} has changed since the decision`;
  return new ApiError(`collect Lease ${lease.namespace}/${lease.name}`, {
    status: 409,
    reason: 'Conflict',
    message,
  });
}
