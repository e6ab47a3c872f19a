/** From a Lease and its writer to the request that the API server asks admission about. */
import type {Lease} from '../../api/objects.ts';
import type {Labels} from '../selector.ts';
import {LEASES} from './frame.ts';
import type {AdmissionRequest} from './review.ts';

/** A Lease as people write it. */
export type LeaseManifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Partial<Lease['metadata']> & {readonly name: string; readonly namespace: string};
  readonly spec?: Lease['spec'];
};

/** Who writes, and by which token. */
export type Writer = {
  readonly user: string;
  /** Beside those that every user of the kind has. */
  readonly groups?: readonly string[];
  /** The Pod to which the token is bound. */
  readonly pod?: string;
  readonly fieldManager?: string;
};

export function leaseRequest(
  writer: Writer,
  after: LeaseManifest,
  before: LeaseManifest | undefined,
  namespaceLabels: Labels,
  wallMs: number,
): AdmissionRequest {
  const operation = before ? 'UPDATE' : 'CREATE';
  const {name, namespace} = after.metadata;
  const kind = {group: LEASES.group, version: 'v1', kind: 'Lease'};
  const resource = {group: LEASES.group, version: 'v1', resource: LEASES.plural};
  const {fieldManager} = writer;
  const attributes = {
    ...{kind, resource, requestKind: kind, requestResource: resource},
    ...{name, namespace, operation, dryRun: false},
    userInfo: userInfoOf(writer),
    options: {
      apiVersion: 'meta.k8s.io/v1',
      kind: before ? 'UpdateOptions' : 'CreateOptions',
      ...(fieldManager === undefined ? {} : {fieldManager}),
    },
  };
  const creationTimestamp = new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');
  const object = stored(after, before?.metadata.creationTimestamp ?? creationTimestamp);
  const oldObject = before ? stored(before, before.metadata.creationTimestamp ?? creationTimestamp) : null;
  return {operation, resource: LEASES, namespaceLabels, object, oldObject, attributes};
}

/** The server knows no empty maps and lists of metadata, and a spec is always there. */
function stored({apiVersion, kind, metadata, spec = {}}: LeaseManifest, creationTimestamp: string) {
  const filled = Object.entries(metadata).filter(([, value]) => !isEmpty(value));
  return {
    apiVersion,
    kind,
    metadata: {...(Object.fromEntries(filled) as LeaseManifest['metadata']), creationTimestamp},
    spec: Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== null)),
  };
}

const isEmpty = (value: unknown) =>
  value === null || value === undefined || (typeof value === 'object' && Object.keys(value).length === 0);

const POD_NAME = 'authentication.kubernetes.io/pod-name';

/** With the groups that the authenticator of the server adds. */
function userInfoOf({user, groups = [], pod}: Writer) {
  const [, namespace] = /^system:serviceaccount:([^:]+):[^:]+$/.exec(user) ?? [];
  const ofAccount =
    namespace === undefined ? [] : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  return {
    username: user,
    groups: [...new Set([...groups, ...ofAccount, 'system:authenticated'])],
    ...(pod === undefined ? {} : {extra: {[POD_NAME]: [pod]}}),
  };
}
