/** Parses the spec of a policy of what Kubernetes itself leases: nodes, API servers and components. */
import type {LeasePolicySpec, WorkloadPolicySpec} from '../../api/leasepolicy.ts';
import {compileSelector, isEmptySelector, type Labels} from '../selector.ts';
import {bucketOf} from './bucket.ts';
import type {Rules} from './rules.ts';

/** A policy that only looks, and at most collects what is left of a node or of an older set of buckets. */
export type SystemRules = {
  readonly policy: string;
  readonly generation: number;
  readonly subjects: SystemSubjects;
  readonly durationSeconds: {readonly min: number; readonly max: number};
  readonly collection: LeasePolicySpec['garbageCollection'];
};

export type SystemSubjects = NodeSubjects | {readonly kind: 'APIServer'} | ComponentSubjects;

export type NodeSubjects = {
  readonly kind: 'Node';
  readonly selects: (labels: Labels) => boolean;
  /** Whether every node is selected: then also one that is gone, whose labels nobody knows. */
  readonly selectsAll: boolean;
};

export type ComponentSubjects = {
  readonly kind: 'Component';
  readonly leases: readonly {readonly namespace: string; readonly name: string}[];
};

export const isSystem = (rules: Rules | SystemRules): rules is SystemRules => 'subjects' in rules;

/** Whether the spec is one for `compile` of rules.ts; else it is one for `compileSystem`. */
export const isOfWorkloads = (spec: LeasePolicySpec): spec is WorkloadPolicySpec =>
  spec.subjects.workloads !== undefined && spec.naming !== undefined;

/** Rules, or the sentences that say why the spec can't be in force. Total for whatever the schema lets through. */
export function compileSystem(
  policy: string,
  generation: number,
  {subjects: {nodes, apiServers, components}, enforcement, garbageCollection}: LeasePolicySpec,
): SystemRules | string[] {
  const {min, max} = enforcement.durationSeconds;
  const common = {policy, generation, durationSeconds: {min, max}, collection: garbageCollection};
  if (apiServers) return {...common, subjects: {kind: 'APIServer'}};
  if (components) return {...common, subjects: {kind: 'Component', leases: components}};
  if (!nodes) return ['subjects: write one of workloads, nodes, apiServers and components'];
  const selects = compileSelector(nodes.selector, 'nodes.selector');
  if (typeof selects === 'string') return [selects];
  return {...common, subjects: {kind: 'Node', selects, selectsAll: isEmptySelector(nodes.selector)}};
}

/** Whether a Lease of this name is that of the component, or one of its buckets. */
export const isOfComponent = (lease: string, component: string) =>
  lease === component || bucketOf(lease)?.base === component;

/** Whether the policy lists the Lease as that of a component. */
export const listsLease = (
  {subjects}: SystemRules,
  {namespace, name}: {readonly namespace: string; readonly name: string},
): boolean =>
  subjects.kind === 'Component' &&
  subjects.leases.some(each => each.namespace === namespace && isOfComponent(name, each.name));
