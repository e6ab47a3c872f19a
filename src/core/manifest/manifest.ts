/** Reads the objects of manifests: policies as the API server would take them, workloads and namespaces. */
import type {LeasePolicySpec} from '../../api/leasepolicy.ts';
import {leasePolicySchema, leasePolicySpecSchema} from '../../api/leasepolicy.ts';
import {GROUP, VERSION} from '../../api/objects.ts';
import {compile, type Rules} from '../naming/rules.ts';
import {compileSystem, isOfWorkloads, type SystemRules} from '../naming/system-rules.ts';
import {ruleProblems} from './schema-rules.ts';
import {problemsOf, type Schema, withDefaults} from './structural.ts';

/** Any object of a manifest; nobody has validated it. */
export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
};

const SPEC = leasePolicySpecSchema as unknown as Schema;
const POLICY = leasePolicySchema as unknown as Schema;

/** What makes a value the manifest of one object, or a sentence that says what it lacks. */
export function manifestOf(value: unknown): Manifest | string {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it is no map of fields';
  const {apiVersion, kind, metadata} = value as Partial<Manifest>;
  if (typeof apiVersion !== 'string' || apiVersion === '') return 'it has no apiVersion';
  if (typeof kind !== 'string' || kind === '') return 'it has no kind';
  if (typeof metadata !== 'object' || metadata === null) return 'it has no metadata';
  if (typeof metadata.name !== 'string' || metadata.name === '') return 'it has no metadata.name';
  return value as Manifest;
}

/** The objects of a document: those of a list, or itself. */
export function itemsOf(document: unknown): readonly unknown[] {
  const {kind, items} = (document ?? {}) as {kind?: unknown; items?: unknown};
  return typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items) ? items : [document];
}

export const isPolicy = ({apiVersion, kind}: Manifest) =>
  apiVersion === `${GROUP}/${VERSION}` && kind === 'LeasePolicy';

/** The spec as the API server stores it, or sentences that say why it would not take it. */
export function specOf(policy: Manifest): LeasePolicySpec | string[] {
  const spec = withDefaults(SPEC, (policy as {spec?: unknown}).spec);
  const problems = problemsOf(SPEC, spec, 'spec');
  if (problems.length > 0) return problems;
  const {name} = policy.metadata;
  const broken = ruleProblems(POLICY, {metadata: {name}, spec}, '');
  return broken.length > 0 ? broken : (spec as LeasePolicySpec);
}

/** The rules that a policy would bring into force, or sentences that say why none. */
export function rulesOf(policy: Manifest): Rules | SystemRules | string[] {
  const spec = specOf(policy);
  if (Array.isArray(spec)) return spec;
  const {name} = policy.metadata;
  return isOfWorkloads(spec) ? compile(name, 0, spec) : compileSystem(name, 0, spec);
}
