/** Writes objects that are rendered from a policy. */
import {type KubeObject, RENDERED_KINDS, RENDERED_VERSION, type RenderedKind} from '../api/objects.ts';
import {
  type ApplyObject,
  type DeleteObject,
  isAsRendered,
  manifest,
  type Rendered,
  renderedView,
} from '../core/admission/rendered.ts';
import {ApiError} from '../errors.ts';
import {checkItems} from './answers.ts';
import {APPLY_PATCH, JSON_PATCH} from './client.ts';
import {MANAGER, type WriterOptions, withinTerm, write} from './write.ts';

/** Of the kind, or of the object of that name. */
function renderedPath(kind: RenderedKind, namespace: string | undefined, name?: string): string {
  const {group, plural} = RENDERED_KINDS[kind];
  const place = namespace === undefined ? '' : `/namespaces/${namespace}`;
  const object = name === undefined ? '' : `/${encodeURIComponent(name)}`;
  return `/apis/${group}/${RENDERED_VERSION}${place}/${plural}${object}`;
}

/** What is known of an object of ours: a write that carries it reaches no other one. */
type Known = {readonly uid: string; readonly resourceVersion?: string};

/** By server-side apply. What somebody else has added to an object of ours apply leaves alone: then it is replaced. */
export async function applyObject({rendered, uid}: ApplyObject, options: WriterOptions): Promise<void> {
  const applied = uid === undefined ? await make(rendered, options) : await mend(rendered, {uid}, options);
  if ('live' in applied && isAsRendered(rendered, renderedView(rendered.kind, applied.live))) return;
  await replace(rendered, 'live' in applied ? applied.live.metadata.uid : applied.refused, options);
}

/** The object as it is then, or the uid of one that the API server refuses with what somebody else has added to it. */
type Applied = {live: KubeObject} | {refused: string};

const objectPath = ({kind, namespace, name}: Rendered) => `${renderedPath(kind, namespace, name)}?${MANAGER}`;

/** Without force: an object of that name may be somebody else's. */
async function make(rendered: Rendered, options: WriterOptions): Promise<Applied> {
  const request = {body: manifest(rendered), contentType: APPLY_PATCH};
  try {
    return {live: await write(rendered.kind, 'PATCH', objectPath(rendered), request, options)};
  } catch (error) {
    if (!(error instanceof ApiError && error.isConflict)) throw error;
    const lost = await ownedByUs(rendered, options);
    if (lost) return mend(rendered, lost, options);
    throw notOurs(rendered, error);
  }
}

/**
 * An object whose labels somebody has taken away is not in the caches any more; its owner still tells whose it is. A
 * list, as the operator may not get these kinds.
 */
async function ownedByUs(
  {kind, namespace, name, owner}: Rendered,
  {client}: WriterOptions,
): Promise<Known | undefined> {
  const selector = `fieldSelector=${encodeURIComponent(`metadata.name=${name}`)}`;
  const path = `${renderedPath(kind, namespace)}?${selector}`;
  return checkItems(await client.request('GET', path), `GET ${path}`)
    .map(({metadata}) => metadata)
    .find(({ownerReferences = []}) => ownerReferences.some(({uid}) => uid === owner.uid));
}

function notOurs({kind, namespace, name}: Rendered, cause: ApiError): ApiError {
  const place = namespace === undefined ? '' : ` in namespace ${namespace}`;
  const message = `there is one already that is not ours: delete it, or make it anew under another name (${cause.message})`;
  return new ApiError(`make ${kind} ${name}${place}`, {status: 422, reason: 'NotOurs', message}, cause);
}

async function mend(
  rendered: Rendered,
  {uid, resourceVersion}: Known,
  options: WriterOptions,
): Promise<Applied> {
  const object = manifest(rendered);
  const version = resourceVersion === undefined ? {} : {resourceVersion};
  const body = {...object, metadata: {...object.metadata, uid, ...version}};
  const request = {body, contentType: APPLY_PATCH};
  try {
    return {
      live: await write(rendered.kind, 'PATCH', `${objectPath(rendered)}&force=true`, request, options),
    };
  } catch (error) {
    if (error instanceof ApiError && error.status === 422) return {refused: uid};
    throw error;
  }
}

async function replace(rendered: Rendered, uid: string, options: WriterOptions): Promise<void> {
  const fields = Object.entries(rendered.content);
  const body = [
    {op: 'test', path: '/metadata/uid', value: uid},
    ...fields.map(([field, value]) => ({op: 'add', path: `/${field}`, value})),
  ];
  await write(rendered.kind, 'PATCH', objectPath(rendered), {body, contentType: JSON_PATCH}, options);
}

export async function deleteObject(action: DeleteObject, options: WriterOptions): Promise<void> {
  const {kind, namespace, name, uid, resourceVersion} = action;
  const body = {preconditions: {uid, resourceVersion}};
  const path = renderedPath(kind, namespace, name);
  await options.client.send('DELETE', path, withinTerm({body}, options));
}
