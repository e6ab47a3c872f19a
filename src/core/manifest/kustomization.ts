/** Assembles the objects of a kustomization, as far as config/ uses its language; anything else it refuses. */
import {itemsOf, type Manifest, manifestOf} from './manifest.ts';

/** Files by their path from the root of the product. */
export type Files = Readonly<Record<string, string>>;
export type ParseAll = (text: string) => readonly unknown[];

/** The part of the language that is known here. */
type Kustomization = {
  apiVersion?: string;
  kind?: string;
  resources?: readonly string[];
  namespace?: string;
  labels?: readonly {pairs: Record<string, string>}[];
  images?: readonly {name: string; newTag: string}[];
  configMapGenerator?: readonly Generator[];
};
type Generator = {
  name: string;
  files: readonly string[];
  options: {disableNameSuffixHash: true; labels?: Record<string, string>};
};

/** An object of which more than its metadata is looked at. */
export type AnyObject = Manifest & Readonly<Record<string, unknown>>;

const KNOWN = [
  'apiVersion',
  'kind',
  'resources',
  'namespace',
  'labels',
  'images',
  'configMapGenerator',
] as const;
const FILES = ['kustomization.yaml', 'Kustomization'];

/** The objects in the order of the files. Throws on what kustomize would do and this does not. */
export function kustomize(folder: string, files: Files, parse: ParseAll): AnyObject[] {
  const file = FILES.map(name => `${folder}/${name}`).find(path => path in files);
  if (file === undefined) throw new Error(`${folder} has no kustomization`);
  const content = parse(files[file] ?? '')[0] as Kustomization;
  const unknown = Object.keys(content).filter(key => !KNOWN.some(each => each === key));
  if (unknown.length > 0) throw new Error(`${file}: ${unknown.join(', ')} is not known here`);
  const objects = [
    ...(content.resources ?? []).flatMap(each => resource(resolve(folder, each), files, parse)),
    ...(content.configMapGenerator ?? []).map(each => configMap(folder, files, each)),
  ];
  return objects
    .map(object => tagged(object, content.images ?? []))
    .map(object => ({...object, metadata: overlaid(object.metadata, content)}));
}

function overlaid(metadata: Manifest['metadata'], {labels = [], namespace}: Kustomization) {
  const all: Record<string, string> = Object.assign({}, metadata.labels, ...labels.map(({pairs}) => pairs));
  return {
    ...metadata,
    ...(namespace === undefined ? {} : {namespace}),
    ...(Object.keys(all).length === 0 ? {} : {labels: all}),
  };
}

function resource(path: string, files: Files, parse: ParseAll): AnyObject[] {
  if (!(path in files)) return kustomize(path, files, parse);
  return parse(files[path] ?? '')
    .flatMap(itemsOf)
    .map(item => {
      const object = manifestOf(item);
      if (typeof object === 'string') throw new Error(`${path}: ${object}`);
      return object as AnyObject;
    });
}

function configMap(folder: string, files: Files, {name, files: given, options}: Generator): AnyObject {
  const entries = given.map(each => {
    const [key = '', file = key] = each.split('=');
    return [key, files[resolve(folder, file)] ?? ''];
  });
  const data = Object.fromEntries(entries);
  return {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name, labels: options.labels ?? {}}, data};
}

/** A path from a folder; no file lies outside of the root. */
function resolve(folder: string, relative: string): string {
  const path = folder.split('/');
  for (const part of relative.split('/')) {
    if (part === '..') path.pop();
    else if (part !== '.') path.push(part);
  }
  return path.join('/');
}

function tagged(object: AnyObject, images: NonNullable<Kustomization['images']>): AnyObject {
  return images.reduce(
    (each, {name, newTag}) => withImage(each, image => (image === name ? `${name}:${newTag}` : image)),
    object,
  );
}

type Container = {image: string};
type Template = {spec: {containers: readonly Container[]}};

/** The Deployment with other images; every other object as it is. */
export function withImage(object: AnyObject, change: (image: string) => string): AnyObject {
  if (object.kind !== 'Deployment') return object;
  const spec = object.spec as {template: Template};
  const {template} = spec;
  const containers = template.spec.containers.map(each => ({...each, image: change(each.image)}));
  return {
    ...object,
    spec: {...spec, template: {...template, spec: {...template.spec, containers}}},
  };
}

type Subject = {kind: string; namespace?: string};

/** The same installation in another namespace: its objects, the namespace itself, and the subjects of its bindings. */
export function inNamespace(object: AnyObject, from: string, to: string): AnyObject {
  const {metadata, kind} = object;
  const moved = (namespace: string | undefined) => (namespace === from ? to : namespace);
  const subjects = object.subjects as readonly Subject[] | undefined;
  return {
    ...object,
    metadata: {
      ...metadata,
      name: kind === 'Namespace' && metadata.name === from ? to : metadata.name,
      ...(metadata.namespace === undefined ? {} : {namespace: moved(metadata.namespace) ?? to}),
    },
    ...(subjects && {
      subjects: subjects.map(each => ({
        ...each,
        ...(each.kind === 'ServiceAccount' && {namespace: moved(each.namespace)}),
      })),
    }),
  };
}
