/** Decides what an uninstallation removes, in which order, and what it keeps. */
import {ANNOTATIONS, GROUP, LABELS, type Lease} from '../../api/objects.ts';
import {isHeldByUs} from '../lease/lifetime.ts';
import {excerpt} from '../legible.ts';

/** An object as far as an uninstallation looks at it. */
export type Thing = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
};

export type UninstallObservation = {
  readonly policies: readonly Thing[];
  /** Admission objects and grants with our labels. */
  readonly rendered: readonly Thing[];
  readonly registries: readonly Thing[];
  /** Objects of an installation that are there, by their kinds and names. */
  readonly installed: readonly Thing[];
  /** Leases that we made or adopted. */
  readonly leases: readonly Lease[];
  /** ClusterRoles that lend the operator further kinds. */
  readonly lent: readonly Thing[];
  /** Whatever is in the namespace of the operator, or why that is not known. */
  readonly home: readonly Thing[] | {readonly unknown: string};
  /** The operator's namespace, and the Lease of its election there. */
  readonly namespace: string;
  readonly ownLease: string;
};

export type Kept = {readonly thing: string; readonly because: string};
export type UninstallPlan = {readonly removals: readonly Thing[]; readonly kept: readonly Kept[]};

/** Words of the label that config/default puts on everything. */
const PART_OF = 'app.kubernetes.io/part-of';
const NAME = 'app.kubernetes.io/name';
const PRODUCT = 'leasepolicy';

/** Bindings that deny go before what they bind, and what nobody reads any more at the end. */
const RENDERED_ORDER = [
  'ValidatingAdmissionPolicyBinding',
  'ValidatingAdmissionPolicy',
  'MutatingAdmissionPolicyBinding',
  'MutatingAdmissionPolicy',
  'RoleBinding',
  'Role',
];
const INSTALLED_ORDER = [
  'FlowSchema',
  'PrometheusRule',
  'ServiceMonitor',
  'Service',
  'ConfigMap',
  'NetworkPolicy',
  'PodDisruptionBudget',
  'LeaseRegistry',
  'CustomResourceDefinition',
  'RoleBinding',
  'ClusterRoleBinding',
  'Role',
  'ClusterRole',
  'ServiceAccount',
  'Lease',
  'Namespace',
];

/**
 * With the policies gone the operator itself makes nothing anew, so that what denies goes at once, and the operator
 * after it. While policies stay it would make all of it anew: then the operator goes first.
 */
export function planUninstall(observed: UninstallObservation, removesPolicies: boolean): UninstallPlan {
  const {policies, rendered, registries, installed} = observed;
  const keepsPolicies = !removesPolicies && policies.length > 0;
  const ours = installed.filter(thing => isOurs(thing) && !keepsDefinition(thing, keepsPolicies));
  const operator = ours.filter(({kind}) => kind === 'Deployment');
  const others = ours.filter(({kind}) => kind !== 'Deployment' && kind !== 'Namespace');
  const own = ownLeases(observed);
  const denying = inOrder(rendered, RENDERED_ORDER);
  const home = homeOf(observed, ours);
  return {
    removals: [
      ...(removesPolicies ? policies : []),
      ...(keepsPolicies ? [...operator, ...denying] : [...denying, ...operator]),
      ...inOrder([...registries, ...others, ...own, ...home.removals], INSTALLED_ORDER),
    ],
    kept: [
      ...(keepsPolicies ? policies.map(thing => kept(thing, 'you keep the policies')) : []),
      ...installed
        .filter(thing => keepsDefinition(thing, keepsPolicies))
        .map(thing => kept(thing, `${policies.length} LeasePolicies are of this kind`)),
      ...installed
        .filter(thing => !isOurs(thing))
        .map(thing => kept(thing, `it has not the label ${PART_OF}=${PRODUCT}, so it is somebody else's`)),
      ...home.kept,
      ...observed.lent.map(thing => kept(thing, 'you made it, to let the operator read further kinds')),
      ...observed.leases.filter(lease => !isAmong(own, lease)).map(keptLease),
    ],
  };
}

/** Definitions are ours by their group alone: kubectl apply -k crds gives them no label. */
const isOurs = ({kind, name, labels}: Thing) =>
  labels[PART_OF] === PRODUCT || (kind === 'CustomResourceDefinition' && name.endsWith(`.${GROUP}`));

const keepsDefinition = ({kind, name}: Thing, keepsPolicies: boolean) =>
  keepsPolicies && kind === 'CustomResourceDefinition' && name === `leasepolicies.${GROUP}`;

const inOrder = (things: readonly Thing[], order: readonly string[]) =>
  things.toSorted((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));

export function thingText({apiVersion, kind, namespace, name}: Omit<Thing, 'uid' | 'resourceVersion'>) {
  const group = apiVersion.includes('/') ? `.${apiVersion.slice(0, apiVersion.indexOf('/'))}` : '';
  const place = namespace === undefined ? '' : ` in namespace ${namespace}`;
  return `${kind.toLowerCase()}${group}/${name}${place}`;
}

const kept = (thing: Thing, because: string): Kept => ({thing: thingText(thing), because});

/**
 * Names of the Lease of its election, and of those that policies have given the operator's own Deployment, which never
 * takes them: with the Deployment their product is gone. Where it is somebody else's it stays, and so do they.
 */
function ownNames({installed, leases, namespace, ownLease}: UninstallObservation): ReadonlySet<string> {
  if (installed.some(thing => thing.kind === 'Deployment' && !isOurs(thing))) return new Set();
  const made = leases.filter(
    ({metadata, spec}) =>
      metadata.namespace === namespace &&
      metadata.labels?.[LABELS.origin] === 'created' &&
      metadata.annotations?.[ANNOTATIONS.subject] === `Deployment/${PRODUCT}` &&
      !spec?.holderIdentity,
  );
  return new Set([ownLease, ...made.map(({metadata}) => metadata.name)]);
}

function ownLeases(observed: UninstallObservation): readonly Thing[] {
  const {home} = observed;
  if ('unknown' in home) return [];
  const names = ownNames(observed);
  return home.filter(({kind, name}) => kind === 'Lease' && names.has(name));
}

const isAmong = (own: readonly Thing[], {metadata}: Lease) =>
  own.some(({namespace, name}) => namespace === metadata.namespace && name === metadata.name);

/** Its holder may be any text. */
function keptLease({metadata, spec = {}}: Lease): Kept {
  const {namespace = '', name, annotations} = metadata;
  const holder = spec.holderIdentity ?? '';
  const thing = `lease.coordination.k8s.io/${name} in namespace ${namespace}`;
  if (isHeldByUs({holder})) {
    const seconds = spec.leaseDurationSeconds ?? 0;
    const because = `it is closed for a rename (${excerpt(holder)}), and opens by itself within ${seconds} seconds`;
    return {thing, because};
  }
  if (holder !== '') return {thing, because: `its holder is ${excerpt(holder)}`};
  const [kind = '', ...rest] = (annotations?.[ANNOTATIONS.subject] ?? '').split('/');
  const [place, workload] = rest.length > 1 ? rest : [namespace, rest[0]];
  const way = workload ? `--leases-of ${excerpt(`${place}/${kind}/${workload}`)}` : 'kubectl delete';
  return {
    thing,
    because: `nobody holds it, and its product may take it; when that is gone, ${way} removes it`,
  };
}

type Home = {removals: readonly Thing[]; kept: readonly Kept[]};

/** The namespace goes when it is ours, and has nothing in it of anybody else. */
function homeOf(observed: UninstallObservation, ours: readonly Thing[]): Home {
  const namespace = ours.find(({kind}) => kind === 'Namespace');
  if (!namespace) return {removals: [], kept: []};
  const stays = (because: string): Home => ({removals: [], kept: [kept(namespace, because)]});
  const {home, rendered} = observed;
  if ('unknown' in home) return stays(`what is in it is not known (${home.unknown})`);
  const known = new Set([...ours, ...rendered, ...observed.registries].map(({uid}) => uid));
  const names = ownNames(observed);
  const strangers = home.filter(thing => !known.has(thing.uid) && !comesByItself(thing, names));
  if (strangers.length === 0) return {removals: [namespace], kept: []};
  const [first, ...more] = strangers.map(({kind, name}) => `${kind} ${name}`);
  return stays(`others are in it: ${first}${more.length > 0 ? ` and ${more.length} more` : ''}`);
}

/** What Kubernetes puts into each namespace, and what the operator's Deployment and its Lease bring with them. */
function comesByItself({kind, name, labels, apiVersion}: Thing, own: ReadonlySet<string>): boolean {
  switch (kind) {
    case 'Event':
    case 'PodMetrics':
      return true;
    case 'ConfigMap':
      return name === 'kube-root-ca.crt';
    case 'ServiceAccount':
      return name === 'default';
    case 'Lease':
    case 'LeaseCandidate':
      return own.has(name) || apiVersion !== 'coordination.k8s.io/v1';
    case 'Pod':
    case 'ReplicaSet':
    case 'Endpoints':
    case 'EndpointSlice':
      return labels[NAME] === PRODUCT || labels['kubernetes.io/service-name'] === `${PRODUCT}-metrics`;
    default:
      return false;
  }
}
