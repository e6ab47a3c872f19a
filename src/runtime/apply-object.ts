/** Writes objects that are rendered from a policy. */
import {type KubeObject, RENDERED_KINDS, RENDERED_VERSION, type RenderedKind} from '../api/objects.ts';
import {
  type ApplyObject,
  type DeleteObject,
  isAsRendered,
  manifest,
  type Rendered,
  renderedView,
} from '../core/rendered.ts';
import {ApiError} from '../errors.ts';
import {APPLY_PATCH, JSON_PATCH} from './client.ts';
import {MANAGER, type WriterOptions, withinTerm, write} from './write.ts';

function renderedPath(kind: RenderedKind, namespace: string | undefined, name: string): string {
  const {group, plural} = RENDERED_KINDS[kind];
  const place = namespace === undefined ? '' : `/namespaces/${namespace}`;
  return `/apis/${group}/${RENDERED_VERSION}${place}/${plural}/${encodeURIComponent(name)}`;
}

/** By server-side apply. What somebody else has added to an object of ours apply leaves alone: then it is replaced. */
export async function applyObject({rendered, uid}: ApplyObject, options: WriterOptions): Promise<void> {
  const applied = uid === undefined ? await make(rendered, options) : await mend(rendered, uid, options);
  if (!applied || !isAsRendered(rendered, renderedView(rendered.kind, applied)))
    await replace(rendered, applied?.metadata.uid ?? uid, options);
}

const objectPath = ({kind, namespace, name}: Rendered) => `${renderedPath(kind, namespace, name)}?${MANAGER}`;

/** Without force: an object of that name may be somebody else's. */
async function make(rendered: Rendered, options: WriterOptions): Promise<KubeObject> {
  const {kind, namespace, name} = rendered;
  const request = {body: manifest(rendered), contentType: APPLY_PATCH};
  try {
    return await write(kind, 'PATCH', objectPath(rendered), request, options);
  } catch (error) {
    if (!(error instanceof ApiError && error.isConflict)) throw error;
    const place = namespace === undefined ? '' : ` in namespace ${namespace}`;
    const message = `there is one already that is not ours: delete it, or make it anew under another name (${error.message})`;
    throw new ApiError(`make ${kind} ${name}${place}`, {status: 422, reason: 'NotOurs', message}, error);
  }
}

/** Undefined: with what somebody else has added to it, the object is one that the API server refuses. */
async function mend(
  rendered: Rendered,
  uid: string,
  options: WriterOptions,
): Promise<KubeObject | undefined> {
  const object = manifest(rendered);
  const body = {...object, metadata: {...object.metadata, uid}};
  const request = {body, contentType: APPLY_PATCH};
  try {
    return await write(rendered.kind, 'PATCH', `${objectPath(rendered)}&force=true`, request, options);
  } catch (error) {
    if (error instanceof ApiError && error.status === 422) return undefined;
    throw error;
  }
}

async function replace(rendered: Rendered, uid: string | undefined, options: WriterOptions): Promise<void> {
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
