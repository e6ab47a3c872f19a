/** Which Leases the policies of the input give its workloads, and what they allow in a namespace. */
import type {Rules} from '../naming/rules.ts';
import {type GivenName, namesGiven} from '../naming/subject-names.ts';
import {isSystem} from '../naming/system-rules.ts';
import type {Labels} from '../selector.ts';
import type {Bundle, LintPolicy} from './bundle.ts';
import type {LintObject} from './object.ts';
import {labels} from './values.ts';
import type {LintWorkload} from './workloads.ts';

/** A policy of workloads that can be in force. */
export type InForce = LintPolicy & {readonly rules: Rules};

const isInForce = (policy: LintPolicy): policy is InForce =>
  !isProblem(policy.rules) && !isSystem(policy.rules);

export const isProblem = (rules: LintPolicy['rules']): rules is readonly string[] => Array.isArray(rules);

export const inForce = ({policies}: Bundle): InForce[] => policies.filter(isInForce);

/** A Lease that a policy gives a workload of the input. */
export type Given = GivenName & {readonly workload: LintWorkload; readonly rules: Rules};

/** Where nothing is written, kubectl takes this one. */
export const homeOf = ({namespace}: LintObject) => (namespace === '' ? 'default' : namespace);

/** What is known of the labels of a namespace: with a Namespace in the input all, else nothing. */
const labelsOf = ({namespaceLabels}: Bundle, namespace: string): Labels | undefined =>
  namespaceLabels.get(namespace);

/** Policy by policy, as an input may have two versions of one policy. */
export function givenNames(bundle: Bundle): Given[] {
  const policies = inForce(bundle);
  return bundle.workloads.flatMap(workload => {
    const question = questionOf(bundle, workload);
    return policies.flatMap(({rules}) =>
      namesGiven(question, [rules]).names.map(given => ({...given, workload, rules})),
    );
  });
}

function questionOf(bundle: Bundle, {object, kind, name}: LintWorkload) {
  const {apiVersion, metadata} = object.manifest;
  const namespace = homeOf(object);
  const group = apiVersion.includes('/') ? `.${apiVersion.slice(0, apiVersion.indexOf('/'))}` : '';
  return {
    kind: `${kind}${group}`,
    name,
    namespace,
    labels: labels(metadata.labels),
    namespaceLabels: labelsOf(bundle, namespace),
  };
}

/** Policies that govern the namespace, of those whose selectors can be tried. */
export const governing = (bundle: Bundle, namespace: string): InForce[] =>
  inForce(bundle).filter(({rules}) => {
    const known = labelsOf(bundle, namespace);
    if (rules.lease.namespace === namespace) return true;
    return (known !== undefined || rules.scope.isDefault) && rules.governsNamespace(namespace, known ?? {});
  });

export const isExempt = (policies: readonly InForce[], namespace: string, name: string) =>
  policies.some(({rules}) =>
    rules.exempt.some(each => each.name === name && (each.namespace === '*' || each.namespace === namespace)),
  );

/** The variables that policies give the containers of a workload. */
export function injectedInto(workload: LintWorkload, given: readonly Given[]): Labels {
  const own = given.filter(each => each.workload === workload);
  return Object.fromEntries(
    own.flatMap(({rules, result, namespace}) =>
      rules.injection && 'name' in result
        ? [
            [rules.injection.nameEnv, result.name],
            [rules.injection.namespaceEnv, namespace],
          ]
        : [],
    ),
  );
}
