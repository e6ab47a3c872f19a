/** Lints manifests that stand in a test, and builds those that most rules are about. */
import {parseAllDocuments} from 'yaml';
import {type LintFinding, lint} from '../../src/core/lint/lint.ts';
import type {RuleId, Severity} from '../../src/core/lint/rule.ts';
import {itemsOf, type Manifest} from '../../src/core/manifest/manifest.ts';

export function linted(yaml: string, namespace?: string): LintFinding[] {
  const documents = parseAllDocuments(yaml).map(each => each.toJS() as unknown);
  return lintedObjects(documents.flatMap(each => itemsOf(each)) as object[], namespace);
}

export const lintedObjects = (objects: readonly object[], namespace?: string): LintFinding[] =>
  lint(
    objects.map(manifest => ({manifest: manifest as Manifest, comments: []})),
    namespace,
  );

export const ids = (findings: readonly LintFinding[], ...severities: readonly Severity[]): RuleId[] =>
  findings
    .filter(({severity}) => severities.length === 0 || severities.includes(severity))
    .map(({rule}) => rule);

type WorkloadOptions = {
  kind?: string;
  apiVersion?: string;
  name?: string;
  namespace?: string | undefined;
  replicas?: number;
  image?: string;
  command?: unknown[];
  args?: unknown[];
  env?: object[];
  account?: string;
  labels?: Record<string, string>;
  strategy?: object;
  readiness?: object;
  rest?: object;
};

export function workload(options: WorkloadOptions = {}) {
  const {kind = 'Deployment', apiVersion = 'apps/v1', name = 'api', replicas, strategy} = options;
  const namespace = 'namespace' in options ? options.namespace : 'shop';
  const container = {
    name: 'main',
    image: options.image ?? name,
    command: options.command,
    args: options.args,
    env: options.env,
    readinessProbe: options.readiness,
    ...options.rest,
  };
  const spec = {serviceAccountName: options.account, containers: [container]};
  return {
    apiVersion,
    kind,
    metadata: {name, namespace, labels: options.labels},
    spec: {replicas, strategy, template: {metadata: {labels: {app: name}}, spec}},
  };
}

const RBAC = 'rbac.authorization.k8s.io';

export const leasesRule = (verbs: string[], rest: object = {}) => ({
  apiGroups: ['coordination.k8s.io'],
  resources: ['leases'],
  verbs,
  ...rest,
});

export function role(
  rules: object[],
  {kind = 'Role', name = 'api', ...rest}: {kind?: string; name?: string; [field: string]: unknown} = {},
) {
  const namespace = kind === 'Role' ? 'shop' : undefined;
  return {apiVersion: `${RBAC}/v1`, kind, metadata: {name, namespace}, rules, ...rest};
}

export function binding(
  subject: object,
  {kind = 'RoleBinding', role: roleRef = {kind: 'Role', name: 'api'}}: {kind?: string; role?: object} = {},
) {
  const namespace = kind === 'RoleBinding' ? 'shop' : undefined;
  const ref = {apiGroup: RBAC, ...roleRef};
  return {
    apiVersion: `${RBAC}/v1`,
    kind,
    metadata: {name: 'api', namespace},
    roleRef: ref,
    subjects: [subject],
  };
}

export const account = (name = 'api') => ({kind: 'ServiceAccount', name, namespace: 'shop'});

export const serviceAccount = (name = 'api') => ({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  metadata: {name, namespace: 'shop'},
});
