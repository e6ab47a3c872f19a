/** Who may do what with Leases, by the Roles and bindings of the input. */
import {isFields, type Path} from '../fields.ts';
import {compileSelector, type Labels} from '../selector.ts';
import type {LintObject} from './object.ts';
import {at, labels, list, text, texts} from './values.ts';

export const COORDINATION = 'coordination.k8s.io';

/** What a rule of a role lets do with Leases. */
export type LeaseRight = {
  readonly verbs: ReadonlySet<string>;
  /** Undefined for all of them. */
  readonly names: readonly string[] | undefined;
  /** Which of apiGroups, resources and verbs have a wildcard. */
  readonly wildcards: readonly string[];
  readonly path: Path;
};

export type LintRole = {
  readonly object: LintObject;
  readonly kind: 'Role' | 'ClusterRole';
  readonly name: string;
  readonly rights: readonly LeaseRight[];
  /** Whether it lets watch and change other objects, as a controller does. */
  readonly isOfController: boolean;
  /** Of a ClusterRole whose rules the control plane fills in from others: whether it does so from one with these labels. */
  readonly takesIn: ((labels: Labels) => boolean) | undefined;
};

export type LintBinding = {
  readonly object: LintObject;
  /** Where it applies; undefined for everywhere. */
  readonly namespace: string | undefined;
  readonly role: {readonly kind: string; readonly name: string; readonly path: Path};
  readonly subjects: readonly LintSubject[];
};

export type LintSubject = {
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
  readonly path: Path;
};

const WRITES = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const;
export type Write = (typeof WRITES)[number];

/** Whether the right has the verb, by itself or by a wildcard. */
export const allows = ({verbs}: LeaseRight, verb: string) => verbs.has(verb) || verbs.has('*');
export const isWrite = (right: LeaseRight) => WRITES.some(verb => allows(right, verb));

export function roleOf(object: LintObject): LintRole | undefined {
  const {kind, metadata} = object.manifest;
  if (kind !== 'Role' && kind !== 'ClusterRole') return undefined;
  const rules = list(at(object.manifest, 'rules'));
  return {
    object,
    kind,
    name: metadata.name,
    rights: rules.flatMap((rule, index) => rightOf(rule, ['rules', index]) ?? []),
    isOfController: rules.some(isControllers),
    takesIn: takesInOf(object),
  };
}

function takesInOf({manifest}: LintObject): LintRole['takesIn'] {
  if (!isFields(at(manifest, 'aggregationRule'))) return undefined;
  const selectors = list(at(manifest, 'aggregationRule', 'clusterRoleSelectors')).map(each =>
    compileSelector({matchLabels: labels(at(each, 'matchLabels'))}, 'clusterRoleSelectors'),
  );
  return of => selectors.some(each => typeof each !== 'string' && each(of));
}

function rightOf(rule: unknown, path: Path): LeaseRight | undefined {
  const lists = ['apiGroups', 'resources', 'verbs'].map(field => [field, texts(at(rule, field))] as const);
  const [groups = [], resources = [], verbs = []] = lists.map(([, values]) => values);
  const reaches =
    has(groups, COORDINATION) && (has(resources, 'leases') || resources.includes('*/*')) && verbs.length > 0;
  if (!reaches) return undefined;
  const names = texts(at(rule, 'resourceNames'));
  return {
    verbs: new Set(verbs),
    names: names.length > 0 ? names : undefined,
    wildcards: lists.flatMap(([field, values]) => (values.includes('*') ? [field] : [])),
    path,
  };
}

const has = (values: readonly string[], value: string) => values.includes(value) || values.includes('*');

/** Events and the like are written by everybody. */
const EVERYBODYS = ['events', 'leases'];

function isControllers(rule: unknown): boolean {
  const verbs = texts(at(rule, 'verbs'));
  const resources = texts(at(rule, 'resources')).filter(each => !EVERYBODYS.includes(each));
  return resources.length > 0 && has(verbs, 'watch') && WRITES.some(verb => has(verbs, verb));
}

export function bindingOf(object: LintObject): LintBinding | undefined {
  const {manifest, namespace} = object;
  if (manifest.kind !== 'RoleBinding' && manifest.kind !== 'ClusterRoleBinding') return undefined;
  return {
    object,
    namespace: manifest.kind === 'RoleBinding' ? namespace : undefined,
    role: {
      kind: text(at(manifest, 'roleRef', 'kind')) ?? '',
      name: text(at(manifest, 'roleRef', 'name')) ?? '',
      path: ['roleRef'],
    },
    subjects: list(at(manifest, 'subjects')).map((each, index) => ({
      kind: text(at(each, 'kind')) ?? '',
      name: text(at(each, 'name')) ?? '',
      namespace: text(at(each, 'namespace')) ?? '',
      path: ['subjects', index],
    })),
  };
}

/** Namespaces are often added later, by -n or by kustomize: what is not written may be any. */
export const maybeSame = (a: string, b: string) => a === b || a === '' || b === '';
