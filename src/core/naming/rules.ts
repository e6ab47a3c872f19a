/** Parses the spec of a policy of workloads, once, into rules in which nothing is optional. */
import type {Injection} from '../../api/enforcement.ts';
import type {KindRef, LabelSelector, LeasePolicySpec, WorkloadPolicySpec} from '../../api/leasepolicy.ts';
import {areDisjoint, compileSelector, isEmptySelector, type Labels, labelProblem} from '../selector.ts';
import {
  isInjective,
  type NameParts,
  type NameResult,
  type Naming,
  nameOf,
  parseTemplate,
  recognise,
} from './name.ts';

/** Heartbeats of nodes are no business of workloads: no selector reaches them. */
export const HEARTBEATS = 'kube-node-lease';

/** Namespaces of the control plane, which an empty namespaceSelector leaves out. */
export const SYSTEM_NAMESPACES: readonly string[] = ['kube-system', 'kube-public', HEARTBEATS];

/** A moment that never comes. */
const NEVER = Number.POSITIVE_INFINITY;

/** A policy that is in force. Durations are in the unit that their name ends with. */
export type Rules = {
  readonly policy: string;
  readonly generation: number;
  readonly kinds: readonly KindRef[];
  readonly governsNamespace: (name: string, labels: Labels) => boolean;
  readonly selectsWorkload: (labels: Labels) => boolean;
  readonly nameOf: (subject: NameParts) => NameResult;
  /** Whether a name has the form that this policy gives. */
  readonly bears: (leaseName: string) => boolean;
  /** Whether the form is one that strangers do not have by chance: it contains the prefix or a hash. */
  readonly isDistinctive: boolean;
  readonly lease: LeasePolicySpec['lease'];
  readonly scope: Scope;
  readonly enforcement: Omit<LeasePolicySpec['enforcement'], 'exempt'>;
  readonly grantsAccess: boolean;
  /** The variables of the Pods; undefined when nothing is injected. */
  readonly injection: Omit<Injection, 'mode'> | undefined;
  readonly exempt: readonly Exemption[];
  readonly collection: LeasePolicySpec['garbageCollection'];
};

/** The selectors as they are written, for what the API server evaluates. */
export type Scope = {
  readonly namespaces: LabelSelector;
  /** Whether the selector of namespaces is empty, which leaves out those of the control plane. */
  readonly isDefault: boolean;
  readonly workloads: LabelSelector;
};

export type Exemption = {
  readonly namespace: string;
  readonly name: string;
  readonly reason: string;
  readonly untilWallMs: number;
};

/** Rules, or the sentences that say why the spec can't be in force. Total for whatever the schema lets through. */
export function compile(policy: string, generation: number, spec: WorkloadPolicySpec): Rules | string[] {
  const {workloads} = spec.subjects;
  const naming: Naming = {
    prefix: spec.naming.prefix,
    tokens: parseTemplate(spec.naming.template),
    hash: spec.naming.hash,
  };
  const namespaceMatches = compileSelector(workloads.namespaceSelector, 'namespaceSelector');
  const workloadMatches = compileSelector(workloads.selector, 'selector');
  const problems = [
    namespaceMatches,
    workloadMatches,
    ...namingProblems(spec, naming),
    ...namespaceProblems(spec),
    ...labelProblems(spec),
    ...exemptProblems(spec),
  ].filter(each => typeof each === 'string');
  if (problems.length > 0 || typeof namespaceMatches === 'string' || typeof workloadMatches === 'string') {
    return problems;
  }
  const all = isEmptySelector(workloads.namespaceSelector);
  const {exempt, ...enforcement} = spec.enforcement;
  const {mode, ...variables} = spec.injection;
  return {
    policy,
    generation,
    kinds: workloads.kinds,
    governsNamespace: all
      ? name => !SYSTEM_NAMESPACES.includes(name)
      : (name, labels) => name !== HEARTBEATS && namespaceMatches(labels),
    selectsWorkload: workloadMatches,
    nameOf: subject => nameOf(naming, subject),
    bears: recognise(naming),
    isDistinctive: naming.tokens.some(
      token => 'variable' in token && (token.variable === 'hash' || token.variable === 'prefix'),
    ),
    lease: spec.lease,
    scope: {namespaces: workloads.namespaceSelector, isDefault: all, workloads: workloads.selector},
    enforcement,
    grantsAccess: spec.access.grant === 'ServiceAccount',
    injection: mode === 'Env' ? variables : undefined,
    exempt: exempt.map(({namespace, name, reason, until}) => ({
      namespace,
      name,
      reason,
      untilWallMs: until === undefined ? NEVER : Date.parse(until),
    })),
    collection: spec.garbageCollection,
  };
}

function namingProblems(spec: WorkloadPolicySpec, {tokens, hash}: Naming): string[] {
  const elsewhere = spec.lease.namespace !== '';
  const variables = tokens.flatMap(token => ('variable' in token ? [token.variable] : []));
  if (variables.includes('hash')) {
    if (!elsewhere || hash.of.includes('namespace')) return [];
    return ['naming.hash.of: lease.namespace is set, so it must contain namespace'];
  }
  const kinds = spec.subjects.workloads.kinds.map(({kind}) => kind.toLowerCase());
  const varying = ['name'];
  if (elsewhere) varying.push('namespace');
  if (kinds.length > 1) varying.push('kind');
  const plain = new Set(kinds).size === kinds.length && !variables.some(each => each.startsWith('label:'));
  if (plain && isInjective(tokens, varying)) return [];
  return [`naming.template: "${spec.naming.template}" could give two subjects one Lease: use {hash}`];
}

function namespaceProblems({lease}: LeasePolicySpec): string[] {
  if (lease.namespace !== HEARTBEATS) return [];
  return [`lease.namespace: ${HEARTBEATS} is for the heartbeats of nodes: choose another namespace`];
}

function labelProblems({lease}: LeasePolicySpec): string[] {
  return Object.entries(lease.labels).flatMap(([key, value]) => {
    const problem = labelProblem(key, [value]);
    return problem ? [`lease.labels: ${problem}`] : [];
  });
}

function exemptProblems(spec: LeasePolicySpec): string[] {
  return spec.enforcement.exempt
    .filter(({until}) => until !== undefined && Number.isNaN(Date.parse(until)))
    .map(({name, until}) => `enforcement.exempt: until "${until}" of ${name} is no date and time`);
}

/** Whether a name is exempt here now, and when that ends (wall clock, milliseconds; Infinity for never). */
export function exemption(rules: Rules, namespace: string, name: string, wallMs: number): number | undefined {
  const ends = rules.exempt
    .filter(each => each.name === name && (each.namespace === '*' || each.namespace === namespace))
    .map(each => each.untilWallMs)
    .filter(until => until > wallMs);
  return ends.length > 0 ? Math.max(...ends) : undefined;
}

/** The variable that both policies would write into one Pod, if there may be such a Pod. */
export function sharedVariable(a: Rules, b: Rules): string | undefined {
  if (!a.injection || !b.injection) return undefined;
  const namesOfB = [b.injection.nameEnv, b.injection.namespaceEnv];
  const shared = [a.injection.nameEnv, a.injection.namespaceEnv].find(name => namesOfB.includes(name));
  const sameKind = a.kinds.some(kind => b.kinds.some(other => kind.kind === other.kind));
  const apart =
    areDisjoint(a.scope.namespaces, b.scope.namespaces) || areDisjoint(a.scope.workloads, b.scope.workloads);
  return sameKind && !apart ? shared : undefined;
}
