/** Which names policies give the Lease of one workload, and why they give none. */
import type {Labels} from '../selector.ts';
import {subjectText} from './claims.ts';
import type {NameResult} from './name.ts';
import {HEARTBEATS, type Rules} from './rules.ts';
import type {SystemRules} from './system-rules.ts';
import {isSystem} from './system-rules.ts';

/** A kind and a name as people write them: deployment/api, deploy/api, statefulsets.apps/db. */
export type Asked = {readonly kind: string; readonly name: string};

/** What is asked for, and what is known of it; labels that nobody knows are undefined. */
export type Question = Asked & {
  readonly namespace: string;
  readonly labels: Labels | undefined;
  readonly namespaceLabels: Labels | undefined;
};

export type GivenName = {
  readonly policy: string;
  /** Of the Lease. */
  readonly namespace: string;
  readonly subject: string;
  readonly result: NameResult;
  /** Selectors that could not be tried, as the labels are not known: they are taken to select it. */
  readonly assumed: readonly ('namespaceSelector' | 'selector')[];
};

/** A policy that gives the workload no Lease, and the reason. */
export type NotGiven = {readonly policy: string; readonly because: string};

export function parseSubject(text: string): Asked | undefined {
  const [kind = '', name = '', ...rest] = text.split('/');
  return kind === '' || name === '' || rest.length > 0 ? undefined : {kind, name};
}

const SHORT_NAMES: Readonly<Record<string, string>> = {
  deploy: 'deployment',
  sts: 'statefulset',
  ds: 'daemonset',
  rs: 'replicaset',
  cj: 'cronjob',
  po: 'pod',
};

/** Whether a kind, its plural or its short name is meant, with or without the group behind it. */
export function meansKind(text: string, {apiVersion, kind}: {apiVersion: string; kind: string}): boolean {
  const [word = '', ...group] = text.toLowerCase().split('.');
  const singular = kind.toLowerCase();
  const of = apiVersion.includes('/') ? apiVersion.slice(0, apiVersion.indexOf('/')) : '';
  const named = [singular, ...pluralsOf(singular)].includes(SHORT_NAMES[word] ?? word);
  return named && (group.length === 0 || group.join('.') === of);
}

const pluralsOf = (singular: string) => [`${singular}s`, `${singular}es`, singular.replace(/y$/, 'ies')];

export function namesGiven(
  question: Question,
  policies: Iterable<Rules | SystemRules>,
): {names: GivenName[]; others: NotGiven[]} {
  const names: GivenName[] = [];
  const others: NotGiven[] = [];
  for (const rules of policies) {
    const answer = nameGiven(question, rules);
    if ('because' in answer) others.push(answer);
    else names.push(answer);
  }
  return {names, others};
}

function nameGiven(question: Question, rules: Rules | SystemRules): GivenName | NotGiven {
  const {policy} = rules;
  const no = (because: string): NotGiven => ({policy, because});
  if (isSystem(rules)) return no('is about no workloads');
  const ref = rules.kinds.find(each => meansKind(question.kind, each));
  if (!ref) return no(`is about ${rules.kinds.map(({kind}) => kind).join(', ')}`);
  if (!governs(question, rules)) return no(`does not select namespace ${question.namespace}`);
  const {name, namespace, labels} = question;
  if (labels && !rules.selectsWorkload(labels)) return no('does not select its labels');
  const workload = {kind: ref.kind, namespace, name, labels: labels ?? {}};
  const leaseNamespace = rules.lease.namespace || namespace;
  return {
    policy,
    namespace: leaseNamespace,
    subject: subjectText(workload, leaseNamespace),
    result: rules.nameOf(workload),
    assumed: [
      ...(question.namespaceLabels || rules.scope.isDefault ? [] : (['namespaceSelector'] as const)),
      ...(labels || isEmpty(rules) ? [] : (['selector'] as const)),
    ],
  };
}

const isEmpty = ({scope: {workloads}}: Rules) =>
  Object.keys(workloads.matchLabels ?? {}).length + (workloads.matchExpressions ?? []).length === 0;

/** Where nobody knows the labels of the namespace, a selector may select it. */
function governs({namespace, namespaceLabels}: Question, rules: Rules): boolean {
  if (namespaceLabels || rules.scope.isDefault)
    return rules.governsNamespace(namespace, namespaceLabels ?? {});
  return namespace !== HEARTBEATS;
}
