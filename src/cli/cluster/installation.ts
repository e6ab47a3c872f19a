/** What an installation consists of: the objects of config/, in the order in which they are applied. */
import {type AnyObject, inNamespace, kustomize, withImage} from '../../core/manifest/kustomization.ts';
import {PRODUCT_VERSION} from '../../version.ts';
import {manifestFiles} from '../files/manifest-files.ts';
import {Failure} from '../terminal/failure.ts';
import {PART_NAMES, PARTS, type Part} from './parts.ts';

export const HOME = 'leasepolicy-system';
/** Of the operator's Deployment, and of the image in it. */
export const PRODUCT = 'leasepolicy';
/** A binding of the operator's rights: its subject says in which namespace it is installed. */
export const OPERATOR_BINDING = 'leasepolicy-operator';
/** Every object of an installation has it. */
export const PART_OF = {label: 'app.kubernetes.io/part-of', value: PRODUCT} as const;

export type InstallOptions = {
  readonly image?: string | undefined;
  readonly namespace?: string | undefined;
  readonly parts?: readonly Part[] | undefined;
};

/** What others refer to goes first. */
const ORDER = [
  'Namespace',
  'CustomResourceDefinition',
  'ServiceAccount',
  'ClusterRole',
  'Role',
  'ClusterRoleBinding',
  'RoleBinding',
  'FlowSchema',
  'PodDisruptionBudget',
  'NetworkPolicy',
  'ConfigMap',
  'Service',
  'Deployment',
  'ServiceMonitor',
  'PrometheusRule',
  'LeasePolicy',
];

export async function installation(options: InstallOptions): Promise<AnyObject[]> {
  const {namespace = HOME, image, parts = []} = options;
  const {parseAllDocuments} = await import('yaml');
  // As kubectl reads it.
  const parse = (text: string) => [...parseAllDocuments(text, {version: '1.1'})].map(each => each.toJS());
  const files = manifestFiles();
  const folders = [
    'config/default',
    ...PART_NAMES.filter(each => parts.includes(each)).map(each => PARTS[each]),
  ];
  const wanted = image === undefined ? undefined : imageReference(image);
  return folders
    .flatMap(folder => kustomize(folder, files, parse))
    .map(object => inNamespace(object, HOME, namespace))
    .map(object => withImage(object, was => (wanted !== undefined && isOurs(was) ? wanted : was)))
    .toSorted((a, b) => ORDER.indexOf(a.kind) - ORDER.indexOf(b.kind));
}

const isOurs = (image: string) => image.split(':')[0] === PRODUCT;

const IMAGE = /^[a-z0-9][a-z0-9._/-]*(:\d+\/[a-z0-9._/-]+)?(:[\w][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?$/;

/** Without a tag or a digest it is that of this version, as kustomize has it. */
export function imageReference(image: string): string {
  if (!IMAGE.test(image)) {
    const next = 'write it as REGISTRY/NAME:TAG, such as example.com/leasepolicy:0.1.0';
    throw new Failure('Usage', `--image ${image} is no reference of an image`, next);
  }
  const name = image.slice(image.lastIndexOf('/') + 1);
  return /[:@]/.test(name) ? image : `${image}:${PRODUCT_VERSION}`;
}

/** As kubectl names an object: deployment.apps/leasepolicy. */
export function nameOf({apiVersion, kind, metadata}: AnyObject): string {
  const group = apiVersion.includes('/') ? `.${apiVersion.slice(0, apiVersion.indexOf('/'))}` : '';
  return `${kind.toLowerCase()}${group}/${metadata.name}`;
}
