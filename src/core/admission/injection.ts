/** Injection: the containers of a workload's Pods are told the name of their Lease. */
import type {Rules} from '../naming/rules.ts';
import {isEmptySelector} from '../selector.ts';
import {type Cel, cel} from './cel.ts';
import {
  type AdmissionContext,
  bindingSpec,
  leftOut,
  lenientNamespaces,
  named,
  objectName,
  ownerOfBindings,
  PARAM_KIND,
  resourceRule,
  restricted,
  type Scope,
  validating,
} from './frame.ts';
import type {Rendered} from './rendered.ts';

const PODS = {group: '', plural: 'pods'} as const;

/** Kinds whose Pods name them, by themselves or through a ReplicaSet, with a label that all their Pods have. */
const POD_LABEL: Readonly<Record<string, string>> = {
  Deployment: 'pod-template-hash',
  StatefulSet: 'controller-revision-hash',
  DaemonSet: 'controller-revision-hash',
};

/** Whether the Pods of this kind can be told the name of their Lease. */
export const canInject = (apiVersion: string, kind: string) =>
  apiVersion === 'apps/v1' && Object.hasOwn(POD_LABEL, kind);

/**
 * The MutatingAdmissionPolicy writes the variables into every container that does not set them itself, and never
 * refuses anything. With failurePolicy Fail a ValidatingAdmissionPolicy refuses a Pod without them, as long as the name
 * is not known or the server has not taken up the other policy yet; the Pod's controller tries again.
 */
export function renderInjection(rules: Rules, context: AdmissionContext): Rendered[] {
  const kinds = rules.kinds
    .filter(({apiVersion, kind}) => canInject(apiVersion, kind))
    .map(each => each.kind);
  const {injection} = rules;
  if (!injection || kinds.length === 0) return [];
  return [...mutation(rules, context, kinds), ...guard(rules, context, kinds)];
}

/** The Lease's name and namespace, from the variable lease, which is name or namespace/name. */
const NAME = cel`variables.lease.split("/")[size(variables.lease.split("/")) - 1]`;
const HOME = cel`variables.lease.contains("/") ? variables.lease.split("/")[0] : request.namespace`;

function mutation(rules: Rules, context: AdmissionContext, kinds: readonly string[]): Rendered[] {
  const {policy, injection} = rules;
  if (!injection) return [];
  const name = objectName('pods', policy);
  const namespaces = restricted(rules.scope.namespaces, 'NotIn', leftOut(rules));
  const spec = {
    failurePolicy: 'Ignore',
    reinvocationPolicy: 'IfNeeded',
    paramKind: PARAM_KIND,
    matchConstraints: {
      matchPolicy: 'Equivalent',
      namespaceSelector: namespaces,
      objectSelector: {},
      resourceRules: [resourceRule({resource: PODS, operations: ['CREATE']})],
    },
    matchConditions: named({'name-is-known': isKnown(policy, kinds)}),
    variables: named({
      subject: cel`${subjects(kinds)}[0]`,
      lease: cel`params.spec.subjects[variables.subject][${policy}]`,
      name: NAME,
      home: HOME,
    }),
    mutations: [
      {
        patchType: 'ApplyConfiguration',
        applyConfiguration: {
          expression: cel`Object{spec: Object.spec{
  containers: object.spec.containers.map(c, Object.spec.containers{name: c.name, env: ${variables(injection, 'containers')}}),
  initContainers: (has(object.spec.initContainers) ? object.spec.initContainers : []).map(c, Object.spec.initContainers{name: c.name, env: ${variables(injection, 'initContainers')}})
}}`.text,
        },
      },
    ],
  };
  const content = {spec: bindingSpec(name, {namespaces, operations: ['CREATE']}, 'Allow', {resource: PODS})};
  const {owner} = context;
  return [
    {kind: 'MutatingAdmissionPolicy', name, policy, owner, content: {spec}},
    {kind: 'MutatingAdmissionPolicyBinding', name, policy, owner: ownerOfBindings(context), content},
  ];
}

type Names = {readonly nameEnv: string; readonly namespaceEnv: string};

/** Whether the container c sets the variable itself. */
const sets = (variable: string) => cel`(has(c.env) && c.env.exists(e, e.name == ${variable}))`;

/** A container's own value stays. */
function variables({nameEnv, namespaceEnv}: Names, list: 'containers' | 'initContainers'): Cel {
  const entry = (variable: string, value: Cel) =>
    list === 'containers'
      ? cel`(${sets(variable)} ? [] : [Object.spec.containers.env{name: ${variable}, value: ${value}}])`
      : cel`(${sets(variable)} ? [] : [Object.spec.initContainers.env{name: ${variable}, value: ${value}}])`;
  return cel`${entry(nameEnv, cel`variables.name`)} + ${entry(namespaceEnv, cel`variables.home`)}`;
}

function guard(rules: Rules, context: AdmissionContext, kinds: readonly string[]): Rendered[] {
  const {policy, injection} = rules;
  if (injection?.failurePolicy !== 'Fail') return [];
  const {nameEnv, namespaceEnv} = injection;
  const allSet = (variable: string) =>
    cel`object.spec.containers.all(c, ${sets(variable)}) && (!has(object.spec.initContainers) || object.spec.initContainers.all(c, ${sets(variable)}))`;
  const isTold = (variable: string, value: Cel) =>
    cel`variables.lease != "" && object.spec.containers.exists(c, has(c.env) && c.env.exists(e, e.name == ${variable} && has(e.value) && e.value == ${value}))`;
  return validating(rules, context, {
    part: 'pods',
    action: 'Deny',
    failurePolicy: 'Fail',
    resource: PODS,
    operations: ['CREATE'],
    conditions: [cel`${subjects(kinds)}.exists(s, ${mayBeSelected(rules)})`],
    variables: {
      subject: cel`${subjects(kinds)}[0]`,
      lease: cel`variables.subject in params.spec.subjects && ${policy} in params.spec.subjects[variables.subject] ? params.spec.subjects[variables.subject][${policy}] : ""`,
      name: NAME,
      home: HOME,
    },
    validations: [
      {
        // One that is told is enough: a webhook may have added a container of its own after the variables.
        holds: cel`(${allSet(nameEnv)} || ${isTold(nameEnv, cel`variables.name`)}) && (${allSet(namespaceEnv)} || ${isTold(namespaceEnv, cel`variables.home`)})`,
        fallback: 'the name of the Lease is not known yet; the controller of the Pod tries again',
        message: cel`"a Pod of " + variables.subject + ${` waits for ${nameEnv} and ${namespaceEnv} from LeasePolicy ${policy}; its controller tries again, and if that lasts, the findings of the policy say why`}`,
      },
    ],
    whenMissing: 'Deny',
    scopes: guardScopes(rules, context, kinds),
  });
}

/** Whether the policy selects the workload s: nobody knows yet, or it has a name. Without a selector it does. */
const mayBeSelected = ({policy, scope}: Rules) =>
  isEmptySelector(scope.workloads)
    ? cel`true`
    : cel`!(s in params.spec.subjects) || ${policy} in params.spec.subjects[s]`;

const isKnown = (policy: string, kinds: readonly string[]) =>
  cel`${subjects(kinds)}.exists(s, s in params.spec.subjects && ${policy} in params.spec.subjects[s])`;

/**
 * The workload to which the Pod belongs, as the registry writes it, in a list of at most one. A Deployment is named by
 * its ReplicaSet, less the hash that the Pod has as a label.
 */
function subjects(kinds: readonly string[]): Cel {
  const hash = cel`object.metadata.labels["pod-template-hash"]`;
  const ofDeployment = cel`o.kind == "ReplicaSet" && has(object.metadata.labels) && "pod-template-hash" in object.metadata.labels && o.name.endsWith("-" + ${hash})`;
  const direct = kinds.filter(kind => kind !== 'Deployment');
  const owners = cel`(has(object.metadata.ownerReferences) ? object.metadata.ownerReferences : []).filter(o, has(o.controller) && o.controller && o.apiVersion == "apps/v1")`;
  const isOurs = kinds.includes('Deployment')
    ? cel`(${ofDeployment} || o.kind in ${direct})`
    : cel`o.kind in ${direct}`;
  const text = kinds.includes('Deployment')
    ? cel`o.kind == "ReplicaSet" ? "Deployment/" + o.name.substring(0, size(o.name) - size(${hash}) - 1) : o.kind + "/" + o.name`
    : cel`o.kind + "/" + o.name`;
  return cel`${owners}.filter(o, ${isOurs}).map(o, ${text})`;
}

/**
 * By a label that the controllers of these kinds put on their Pods, so that no other Pod is refused where the registry
 * is missing. Pods of the control plane and of ours never wait: without them no name would ever be known.
 */
function guardScopes(rules: Rules, {operator}: AdmissionContext, kinds: readonly string[]): Scope[] {
  const never = [...new Set([...leftOut(rules), ...lenientNamespaces(operator.namespace)])];
  const labels = [...new Set(kinds.map(kind => POD_LABEL[kind] ?? ''))];
  return labels.map(key => ({
    suffix: key === 'pod-template-hash' ? '' : '.sets',
    namespaces: restricted(rules.scope.namespaces, 'NotIn', never),
    objects: {matchExpressions: [{key, operator: 'Exists'}]},
    isLenient: false,
  }));
}
