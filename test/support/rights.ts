/** What the manifests of config/rbac grant. */
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {parseAllDocuments} from 'yaml';
import {ROOT} from '../../dev/programs.ts';

export type Rule = {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
  nonResourceURLs?: string[];
};
export type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: {name: string; namespace?: string; labels?: Record<string, string>};
  [field: string]: unknown;
};
export type RoleManifest = Manifest & {rules?: Rule[]; aggregationRule?: object};
export type BindingManifest = Manifest & {
  roleRef: {kind: string; name: string};
  subjects: {kind: string; name: string; namespace?: string}[];
};

/** Every object in the YAML files below a folder of config, but what kustomize alone reads. */
export function manifestsBelow(folder: string): Manifest[] {
  const root = path.join(ROOT, 'config', folder);
  return readdirSync(root, {recursive: true, encoding: 'utf8'})
    .filter(file => file.endsWith('.yaml'))
    .flatMap(file => parseAllDocuments(readFileSync(path.join(root, file), 'utf8')))
    .map(each => each.toJS() as Manifest)
    .filter(each => typeof each?.kind === 'string' && each.kind !== 'Kustomization');
}

export const roles = (): RoleManifest[] =>
  manifestsBelow('').filter(({kind}) => kind === 'Role' || kind === 'ClusterRole') as RoleManifest[];

export const bindings = (): BindingManifest[] =>
  manifestsBelow('').filter(({kind}) => kind.endsWith('RoleBinding')) as BindingManifest[];

/** The rules that hold for the operator in a namespace. */
export function rights(namespace: string): Rule[] {
  const bound = bindings().filter(
    ({kind, metadata}) => kind === 'ClusterRoleBinding' || metadata.namespace === namespace,
  );
  return bound.flatMap(({roleRef}) => {
    const role = roles().find(({kind, metadata}) => kind === roleRef.kind && metadata.name === roleRef.name);
    if (!role) throw new Error(`there is no ${roleRef.kind} ${roleRef.name}`);
    return role.rules ?? [];
  });
}
