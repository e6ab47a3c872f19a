/** Objects that are rendered from a policy: what they should be, how they are, and what brings one to the other. */
import {isDeepStrictEqual} from 'node:util';
import {
  type KubeObject,
  LABELS,
  RENDERED_KINDS,
  RENDERED_VERSION,
  type RenderedKind,
} from '../../api/objects.ts';

export type Owner = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
};

/** An object as it should be; every field that the server would fill in is written out, so that it can be compared. */
export type Rendered = {
  readonly kind: RenderedKind;
  readonly namespace?: string;
  readonly name: string;
  readonly policy: string;
  /** What the object goes with: the API server's collector deletes it after its owner. */
  readonly owner: Owner;
  readonly annotations?: Readonly<Record<string, string>>;
  /** The fields beside apiVersion, kind and metadata. */
  readonly content: Readonly<Record<string, unknown>>;
};

/** Applies an object that is rendered from a policy. With a uid it is known to be ours, and is repaired by force. */
export type ApplyObject = {
  type: 'applyObject';
  policy: string;
  rendered: Rendered;
  uid: string | undefined;
};

export type DeleteObject = {
  type: 'deleteObject';
  policy: string;
  kind: RenderedKind;
  namespace: string | undefined;
  name: string;
  uid: string;
  resourceVersion: string;
};

/** What the caches keep of such an object. */
export type RenderedView = {
  readonly key: string;
  readonly kind: RenderedKind;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly policy: string | undefined;
  readonly ownerUids: readonly string[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly content: Readonly<Record<string, unknown>>;
  /** What the API server's type check of the CEL expressions has to say. */
  readonly warnings: readonly string[];
};

export function renderedView(kind: RenderedKind, object: KubeObject): RenderedView {
  const {metadata, apiVersion: _, kind: __, status, ...content} = object as KubeObject & {status?: Status};
  const {namespace, name, uid, resourceVersion, labels, annotations = {}, ownerReferences = []} = metadata;
  return {
    key: namespace === undefined ? name : `${namespace}/${name}`,
    kind,
    namespace,
    name,
    uid,
    resourceVersion,
    policy: labels?.[LABELS.policy],
    ownerUids: ownerReferences.map(owner => owner.uid),
    annotations,
    content,
    warnings:
      status?.typeChecking?.expressionWarnings?.map(each => `${each.fieldRef}: ${each.warning}`) ?? [],
  };
}

type Status = {typeChecking?: {expressionWarnings?: {fieldRef: string; warning: string}[]}};

/** The manifest to be applied. */
export function manifest({kind, name, namespace, policy, owner, annotations, content}: Rendered): KubeObject {
  const metadata = {
    name,
    ...(namespace === undefined ? {} : {namespace}),
    labels: {[LABELS.managedBy]: 'leasepolicy', [LABELS.policy]: policy},
    ...(annotations === undefined ? {} : {annotations}),
    ownerReferences: [owner],
  };
  const apiVersion = `${RENDERED_KINDS[kind].group}/${RENDERED_VERSION}`;
  return {apiVersion, kind, metadata, ...content} as unknown as KubeObject;
}

/** Whether the object is as it should be, whoever has edited it. */
export function isAsRendered(rendered: Rendered, view: RenderedView): boolean {
  return (
    view.policy === rendered.policy &&
    view.ownerUids.includes(rendered.owner.uid) &&
    Object.entries(rendered.annotations ?? {}).every(([key, value]) => view.annotations[key] === value) &&
    isDeepStrictEqual(view.content, rendered.content)
  );
}

/**
 * What has to be written, in an order that leaves no gap: the new comes, a policy before its binding; then what is not
 * wanted any more goes, a binding before its policy.
 */
export function difference(
  wanted: readonly Rendered[],
  live: readonly RenderedView[],
): (ApplyObject | DeleteObject)[] {
  const idOf = ({kind, namespace = '', name}: Rendered | RenderedView) => `${kind} ${namespace}/${name}`;
  const views = new Map(live.map(view => [idOf(view), view]));
  const kept = new Set(wanted.map(idOf));
  const rank = ({kind}: RenderedView) => REMOVAL.indexOf(kind);
  const removed = live.filter(view => !kept.has(idOf(view))).toSorted((a, b) => rank(a) - rank(b));
  return [
    ...wanted.flatMap((rendered): (ApplyObject | DeleteObject)[] => {
      const view = views.get(idOf(rendered));
      if (!view) return [applying(rendered, undefined)];
      if (isAsRendered(rendered, view)) return [];
      // The API server lets nobody change a roleRef.
      const isFixed = !isDeepStrictEqual(view.content.roleRef, rendered.content.roleRef);
      return isFixed ? [deleting(view), applying(rendered, undefined)] : [applying(rendered, view.uid)];
    }),
    ...removed.map(deleting),
  ];
}

const applying = (rendered: Rendered, uid: string | undefined): ApplyObject => ({
  type: 'applyObject',
  policy: rendered.policy,
  rendered,
  uid,
});

function deleting({policy = '', kind, namespace, name, uid, resourceVersion}: RenderedView): DeleteObject {
  return {type: 'deleteObject', policy, kind, namespace, name, uid, resourceVersion};
}

/** What refuses goes first: no Pod waits for variables that nobody writes any more. */
const REMOVAL: readonly RenderedKind[] = [
  'ValidatingAdmissionPolicyBinding',
  'ValidatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
  'MutatingAdmissionPolicy',
  'RoleBinding',
  'Role',
];
