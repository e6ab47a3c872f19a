/** Parses a policy's spec, once, into rules in which nothing is optional. */
import type {KindRef, LeasePolicySpec} from '../api/leasepolicy.ts';
import {
  isInjective,
  type NameParts,
  type NameResult,
  type Naming,
  nameOf,
  namePattern,
  parseTemplate,
} from './name.ts';
import {compileSelector, type Labels, labelProblem} from './selector.ts';

/** Namespaces of the control plane, which an empty namespaceSelector leaves out. */
const SYSTEM_NAMESPACES: ReadonlySet<string> = new Set(['kube-system', 'kube-public', 'kube-node-lease']);

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
  readonly lease: LeasePolicySpec['lease'];
  readonly durationSeconds: {readonly min: number; readonly max: number};
  readonly exempt: readonly Exemption[];
  readonly collection: LeasePolicySpec['garbageCollection'];
};

type Exemption = {namespace: string; name: string; untilWallMs: number};

/** Rules, or the sentences that say why the spec can't be in force. Total for whatever the schema lets through. */
export function compile(policy: string, generation: number, spec: LeasePolicySpec): Rules | string[] {
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
    ...labelProblems(spec),
    ...exemptProblems(spec),
  ].filter(each => typeof each === 'string');
  if (problems.length > 0 || typeof namespaceMatches === 'string' || typeof workloadMatches === 'string') {
    return problems;
  }
  const all = isEmpty(workloads.namespaceSelector);
  const pattern = namePattern(naming);
  return {
    policy,
    generation,
    kinds: workloads.kinds,
    governsNamespace: all ? name => !SYSTEM_NAMESPACES.has(name) : (_, labels) => namespaceMatches(labels),
    selectsWorkload: workloadMatches,
    nameOf: subject => nameOf(naming, subject),
    bears: name => pattern.test(name),
    lease: spec.lease,
    durationSeconds: spec.enforcement.durationSeconds,
    exempt: spec.enforcement.exempt.map(({namespace, name, until}) => ({
      namespace,
      name,
      untilWallMs: until === undefined ? NEVER : Date.parse(until),
    })),
    collection: spec.garbageCollection,
  };
}

const isEmpty = (selector: {matchLabels?: object; matchExpressions?: unknown[]}) =>
  Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;

function namingProblems(spec: LeasePolicySpec, {tokens, hash}: Naming): string[] {
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
