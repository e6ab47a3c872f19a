/** The names that a LeasePolicy gives, for any program: `import {leaseName} from 'leasepolicy/naming'`. */
import {type NamingSpec, namingSchema} from './api/leasepolicy.ts';
import {ruleProblems} from './core/manifest/schema-rules.ts';
import {problemsOf, type Schema, withDefaults} from './core/manifest/structural.ts';
import {NAMING_VERSION as version} from './core/naming/hash.ts';
import {isNameOf, isNamespaceName, nameOf, parseTemplate} from './core/naming/name.ts';

/** What gives a name its form: `spec.naming` of a LeasePolicy, as it is written there. Defaults are those of the CRD. */
export type Naming = {
  /** The product, the variable {prefix} of the template; a DNS label such as payments. */
  readonly prefix: string;
  /** Variables: {prefix} {namespace} {kind} {name} {label:KEY} {hash}. By default {prefix}-{hash}. */
  readonly template?: string;
  readonly hash?: {
    /** Parts of the workload that are hashed, in this order: kind, namespace, name, label:KEY. By default the name. */
    readonly of?: readonly string[];
    readonly algorithm?: 'SHA256';
    /** Hex by default. */
    readonly encoding?: 'Hex' | 'Base32' | 'Safe';
    /** Characters of the encoded hash that are used, 10 by default. */
    readonly length?: number;
  };
};

/** The workload whose Lease it is. */
export type Workload = {
  /** As in its manifest: Deployment, not deployments. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Those of the workload itself, not of its Pods. Only needed where the naming has label:KEY. */
  readonly labels?: Readonly<Record<string, string>>;
};

/**
 * What is wrong. InvalidNaming: the API server would not take such a naming. InvalidWorkload: no workload can be
 * called so. InvalidName: what comes out is no name of a Lease, or a label that it needs is missing. NameTooLong: it has
 * more than 253 characters.
 */
export type NamingProblem = 'InvalidNaming' | 'InvalidWorkload' | 'InvalidName' | 'NameTooLong';

/** There is no name; the message says why and what to write instead. */
export class NamingError extends Error {
  override readonly name = 'NamingError';
  readonly problem: NamingProblem;

  constructor(problem: NamingProblem, message: string) {
    super(message);
    this.problem = problem;
  }
}

/** Version of the algorithm; it stands in the label leasepolicy.dev/naming of every Lease that was named by it. */
export const NAMING_VERSION: string = version;

/**
 * The name of the workload's Lease, the same as the operator gives. A naming without {hash} may still be refused for a
 * policy of several kinds, or with lease.namespace; that is for the policy as a whole, and `leasepolicy check` tells it.
 * Throws NamingError, also for values that no type has checked.
 */
export function leaseName(naming: Naming, workload: Workload): string {
  const {prefix, template, hash} = checkedNaming(naming);
  const subject = checkedWorkload(workload);
  const result = nameOf({prefix, tokens: parseTemplate(template), hash}, subject);
  if ('name' in result) return result.name;
  throw new NamingError(
    result.problem,
    `${subject.kind} ${subject.namespace}/${subject.name}: ${result.message}`,
  );
}

const NAMING = namingSchema as unknown as Schema;

function checkedNaming(given: unknown): NamingSpec {
  const naming = withDefaults(NAMING, given);
  const unfit = problemsOf(NAMING, naming, 'naming');
  const problems = unfit.length > 0 ? unfit : ruleProblems(NAMING, naming, 'naming');
  if (problems.length > 0) throw new NamingError('InvalidNaming', problems.join('; '));
  return naming as NamingSpec;
}

function checkedWorkload(given: unknown): Required<Workload> {
  const {kind, namespace, name, labels} = (given ?? {}) as Partial<Workload>;
  for (const [what, value] of Object.entries({kind, namespace, name}))
    if (!isPart(value) || value === '') throw unfit(what, value, 'write a text without "/"');
  if (!/^[A-Z][A-Za-z0-9]*$/.test(`${kind}`))
    throw unfit('kind', kind, 'write it as in a manifest, such as Deployment');
  if (!isNameOf(`${kind}`, `${name}`)) throw unfit('name', name, `no ${kind} can be called so, ${LETTERS}`);
  if (!isNamespaceName(`${namespace}`))
    throw unfit('namespace', namespace, `no namespace can be called so, ${LETTERS}`);
  for (const [key, value] of Object.entries(labels ?? {}))
    if (!isPart(value)) throw unfit(`label ${key}`, value, 'write a text without "/"');
  return {kind, namespace, name, labels: labels ?? {}} as Required<Workload>;
}

const LETTERS = 'write lower-case letters and digits, with - between them';

/** "/" joins what is hashed: with one inside of a part, two workloads could have one name. */
const isPart = (value: unknown) => typeof value === 'string' && !value.includes('/');

function unfit(what: string, value: unknown, next: string): NamingError {
  const found = value === undefined ? 'missing' : JSON.stringify(value);
  return new NamingError('InvalidWorkload', `${what} of the workload is ${found}: ${next}`);
}
