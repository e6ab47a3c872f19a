/** Narrow views of the Kubernetes objects that we read, and the words that we write on them. */

export const GROUP = 'leasepolicy.dev';
export const VERSION = 'v1alpha1';
/** The field manager of every write. */
export const FIELD_MANAGER = 'leasepolicy';

/** Labels and annotations on the Leases and registries of the operator. */
export const LABELS = {
  managedBy: 'app.kubernetes.io/managed-by',
  policy: `${GROUP}/policy`,
  /** How the Lease came to us: created or adopted. */
  origin: `${GROUP}/origin`,
  /** Version of the naming algorithm that gave the name. */
  naming: `${GROUP}/naming`,
} as const;

export const ANNOTATIONS = {
  /** Kind/name of the workload, with its namespace between them when the Lease is elsewhere. */
  subject: `${GROUP}/subject`,
  /** When the Lease was first seen without a subject and without a holder. */
  orphanedSince: `${GROUP}/orphaned-since`,
  /** On a RoleBinding: the service account that it is for, the former one, and the holder for whose sake that stays. */
  serviceAccount: `${GROUP}/service-account`,
  formerAccount: `${GROUP}/former-service-account`,
  untilHolder: `${GROUP}/until-holder`,
} as const;

/** What stands for a Lease whose holder the API server chooses. */
export const CANDIDATES = {apiVersion: 'coordination.k8s.io/v1beta1', kind: 'LeaseCandidate'} as const;

/** The one name that a LeaseRegistry may have. */
export const REGISTRY_NAME = 'leases';

/** Kinds of object that are rendered from a policy, with the resources by which they are read and written. */
export const RENDERED_KINDS = {
  ValidatingAdmissionPolicy: {
    group: 'admissionregistration.k8s.io',
    plural: 'validatingadmissionpolicies',
  },
  ValidatingAdmissionPolicyBinding: {
    group: 'admissionregistration.k8s.io',
    plural: 'validatingadmissionpolicybindings',
  },
  MutatingAdmissionPolicy: {group: 'admissionregistration.k8s.io', plural: 'mutatingadmissionpolicies'},
  MutatingAdmissionPolicyBinding: {
    group: 'admissionregistration.k8s.io',
    plural: 'mutatingadmissionpolicybindings',
  },
  Role: {group: 'rbac.authorization.k8s.io', plural: 'roles'},
  RoleBinding: {group: 'rbac.authorization.k8s.io', plural: 'rolebindings'},
} as const;
export type RenderedKind = keyof typeof RENDERED_KINDS;
/** All of them are served in this version. */
export const RENDERED_VERSION = 'v1';

export type ObjectMeta = {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  generation?: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: {apiVersion: string; kind: string; name: string; uid: string}[];
};

/** Any object as the API server sends it. */
export type KubeObject = {apiVersion?: string; kind?: string; metadata: ObjectMeta};

/** coordination.k8s.io/v1; every field of spec may be absent and none but the numbers is validated by the server. */
export type LeaseSpec = {
  holderIdentity?: string;
  leaseDurationSeconds?: number;
  acquireTime?: string;
  renewTime?: string;
  leaseTransitions?: number;
  strategy?: string;
  preferredHolder?: string;
};
export type Lease = KubeObject & {spec?: LeaseSpec};

/** Anything with a Pod template, or without one. */
export type WorkloadObject = KubeObject & {
  spec?: {template?: {spec?: {serviceAccountName?: string}}};
  /** DaemonSets count under the other name. */
  status?: {readyReplicas?: number; numberReady?: number};
};

export type Namespace = KubeObject & {status?: {phase?: string}};
