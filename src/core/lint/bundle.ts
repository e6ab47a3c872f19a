/** All objects of the input, parsed once into what the rules read. */
import type {LabelSelector} from '../../api/leasepolicy.ts';
import {isPolicy, type Manifest, rulesOf} from '../manifest/manifest.ts';
import type {Rules} from '../naming/rules.ts';
import type {SystemRules} from '../naming/system-rules.ts';
import {compileSelector, type Labels, labelsOfNamespace, type Matcher} from '../selector.ts';
import type {LintObject} from './object.ts';
import {bindingOf, COORDINATION, type LintBinding, type LintRole, maybeSame, roleOf} from './rights.ts';
import {at, count, labels, list, text} from './values.ts';
import {type LintWorkload, workloadOf} from './workloads.ts';

export type LintPolicy = {
  readonly object: LintObject;
  readonly name: string;
  /** Or the sentences that say why none are in force. */
  readonly rules: Rules | SystemRules | readonly string[];
};

export type LintService = {
  readonly namespace: string;
  readonly selects: Matcher;
  readonly portNames: readonly string[];
};

export type Bundle = {
  readonly objects: readonly LintObject[];
  readonly leases: readonly LintObject[];
  readonly workloads: readonly LintWorkload[];
  readonly roles: readonly LintRole[];
  readonly bindings: readonly LintBinding[];
  readonly serviceAccounts: readonly LintObject[];
  readonly services: readonly LintService[];
  readonly policies: readonly LintPolicy[];
  /** By the name of the namespace, with the label that every namespace has. */
  readonly namespaceLabels: ReadonlyMap<string, Labels>;
  /** How many Pods an autoscaler keeps at least, by kind, namespace and name of what it scales. */
  readonly leastReplicas: ReadonlyMap<string, number>;
};

const groupOf = ({apiVersion}: Manifest) =>
  apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';

const isRbac = ({manifest}: LintObject) => groupOf(manifest) === 'rbac.authorization.k8s.io';

export function bundleOf(objects: readonly LintObject[]): Bundle {
  const ofKind = (kind: string, group: string) =>
    objects.filter(({manifest}) => manifest.kind === kind && groupOf(manifest) === group);
  const rbac = objects.filter(isRbac);
  return {
    objects,
    leases: ofKind('Lease', COORDINATION),
    workloads: objects.flatMap(each => workloadOf(each) ?? []),
    roles: rbac.flatMap(each => roleOf(each) ?? []),
    bindings: rbac.flatMap(each => bindingOf(each) ?? []),
    serviceAccounts: ofKind('ServiceAccount', ''),
    services: ofKind('Service', '').map(serviceOf),
    policies: objects.filter(({manifest}) => isPolicy(manifest)).map(policyOf),
    namespaceLabels: new Map(ofKind('Namespace', '').map(namespaceEntry)),
    leastReplicas: new Map(ofKind('HorizontalPodAutoscaler', 'autoscaling').map(autoscaled)),
  };
}

function serviceOf({manifest, namespace}: LintObject): LintService {
  const matchLabels = labels(at(manifest, 'spec', 'selector'));
  const selector: LabelSelector = {matchLabels};
  const selects = compileSelector(selector, 'selector');
  const isNone = typeof selects === 'string' || Object.keys(matchLabels).length === 0;
  return {
    namespace,
    selects: isNone ? () => false : selects,
    portNames: list(at(manifest, 'spec', 'ports')).map(each => text(at(each, 'name')) ?? ''),
  };
}

const policyOf = (object: LintObject): LintPolicy => ({
  object,
  name: object.manifest.metadata.name,
  rules: rulesOf(object.manifest),
});

const namespaceEntry = ({manifest}: LintObject): [string, Labels] => {
  const {name} = manifest.metadata;
  return [name, labelsOfNamespace(name, labels(manifest.metadata.labels))];
};

const scaleKey = (kind: string, namespace: string, name: string) => `${kind}/${namespace}/${name}`;

function autoscaled({manifest, namespace}: LintObject): [string, number] {
  const target = at(manifest, 'spec', 'scaleTargetRef');
  const [kind, name] = ['kind', 'name'].map(field => text(at(target, field)) ?? '');
  return [scaleKey(kind ?? '', namespace, name ?? ''), count(at(manifest, 'spec', 'minReplicas')) ?? 1];
}

/** How many Pods there are at least. */
export const replicasOf = ({leastReplicas}: Bundle, {kind, object, name, replicas}: LintWorkload) =>
  leastReplicas.get(scaleKey(kind, object.namespace, name)) ?? replicas;

/** Whether a Service sends its Pods requests of others than those who read metrics. */
export const isServed = ({services}: Bundle, {object, podLabels}: LintWorkload) =>
  services.some(
    ({namespace, selects, portNames}) =>
      maybeSame(namespace, object.namespace) &&
      selects(podLabels) &&
      !(portNames.length > 0 && portNames.every(name => /metrics|health/.test(name))),
  );
