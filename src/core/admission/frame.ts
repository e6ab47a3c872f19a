/** The frame of every admission policy: whom it never concerns, where it is bound, what its parameter is. */

import type {EnforcementAction, FailurePolicy} from '../../api/enforcement.ts';
import type {LabelSelector} from '../../api/leasepolicy.ts';
import {FIELD_MANAGER, GROUP, REGISTRY_NAME, VERSION} from '../../api/objects.ts';
import {allOf, type Cel, cel} from '../cel.ts';
import type {Owner, Rendered} from '../rendered.ts';
import {HEARTBEATS, type Rules, SYSTEM_NAMESPACES} from '../rules.ts';

/** What has to be known beside the rules. */
export type AdmissionContext = {
  /** The policy, which owns what is rendered from it. */
  readonly owner: Owner;
  /** The operator's own user and namespace. */
  readonly operator: {readonly username: string; readonly namespace: string};
  /** Whether the policy governs kube-system or the operator's own namespace. */
  readonly governsSystem: boolean;
};

export type Operation = 'CREATE' | 'UPDATE';

/** A rule of the API server's; its part is in the names of the objects. */
export type Check = {
  readonly part: 'names' | 'writes' | 'durations' | 'holders' | 'pods';
  readonly action: EnforcementAction;
  readonly failurePolicy: FailurePolicy;
  readonly resource: {readonly group: string; readonly plural: string};
  readonly operations: readonly Operation[];
  /**
   * Requests for which one of these is false are not looked at. They are one expression, in this order: each further
   * one, and even more the rest of the policy, costs every request some tens of microseconds.
   */
  readonly conditions: readonly Cel[];
  readonly variables?: Readonly<Record<string, Cel>>;
  readonly validations: readonly {readonly holds: Cel; readonly fallback: string; readonly message: Cel}[];
  readonly auditAnnotations?: Readonly<Record<string, Cel>>;
  readonly scopes: readonly BoundScope[];
};

/** A rule about writes of the Leases of a policy. */
export type WriteRule = Pick<Check, 'action' | 'failurePolicy' | 'validations'> &
  Partial<Pick<Check, 'variables' | 'auditAnnotations'>> & {
    readonly part: 'durations' | 'holders';
    readonly field: 'durationSeconds' | 'holders';
    /** Whether a write of a Lease of the policy breaks the rule, without the variables. */
    readonly isBroken: Cel;
  };

/** A part of the namespaces, with what happens where the registry is missing. */
export type BoundScope = {
  /** What is added to the name of the binding. */
  readonly suffix: string;
  readonly namespaces: LabelSelector;
  readonly objects?: LabelSelector;
  /** Fewer than those of the policy. */
  readonly operations?: readonly Operation[];
  readonly whenMissing: 'Allow' | 'Deny';
};

export const LEASES = {group: 'coordination.k8s.io', plural: 'leases'} as const;
export const PARAM_KIND = {apiVersion: `${GROUP}/${VERSION}`, kind: 'LeaseRegistry'};

/** What the registry says of the Lease. */
export const ENTRY = cel`params.spec.names[object.metadata.name]`;

export const objectName = (part: string, policy: string) => `leasepolicy-${part}-${policy}`;

/** Only Deny may fail: a request is never refused because a warning could not be made. */
export const failureOf = ({action, failurePolicy}: Pick<Check, 'action' | 'failurePolicy'>): FailurePolicy =>
  action === 'Deny' ? failurePolicy : 'Ignore';

/** A ValidatingAdmissionPolicy and its bindings. */
export function validating(rules: Rules, {owner}: AdmissionContext, check: Check): Rendered[] {
  const {policy} = rules;
  const name = objectName(check.part, policy);
  const spec = {
    failurePolicy: failureOf(check),
    paramKind: PARAM_KIND,
    matchConstraints: {
      matchPolicy: 'Equivalent',
      namespaceSelector: {},
      objectSelector: {},
      resourceRules: [resourceRule(check)],
    },
    matchConditions: named({concerned: allOf(check.conditions)}),
    ...(hasAny(check.variables) ? {variables: named(check.variables)} : {}),
    validations: check.validations.map(({holds, fallback, message}) => ({
      expression: holds.text,
      message: fallback,
      messageExpression: message.text,
      reason: 'Forbidden',
    })),
    ...(hasAny(check.auditAnnotations)
      ? {
          auditAnnotations: Object.entries(check.auditAnnotations).map(([key, {text}]) => ({
            key,
            valueExpression: text,
          })),
        }
      : {}),
  };
  const bindings = check.scopes.map((scope): Rendered => {
    const validationActions = check.action === 'Audit' ? ['Audit'] : [check.action, 'Audit'];
    const missing = failureOf(check) === 'Fail' ? scope.whenMissing : 'Allow';
    const {operations} = scope;
    const resourceRules = operations ? [resourceRule({...check, operations})] : undefined;
    const content = {spec: {...bindingSpec(name, {...scope, resourceRules}, missing), validationActions}};
    const bindingName = objectName(`${check.part}${scope.suffix}`, policy);
    return {kind: 'ValidatingAdmissionPolicyBinding', name: bindingName, policy, owner, content};
  });
  return [{kind: 'ValidatingAdmissionPolicy', name, policy, owner, content: {spec}}, ...bindings];
}

export function resourceRule({resource, operations}: Pick<Check, 'resource' | 'operations'>) {
  const {group, plural} = resource;
  return {apiGroups: [group], apiVersions: ['*'], operations, resources: [plural], scope: 'Namespaced'};
}

export const named = (expressions: Readonly<Record<string, Cel>>) =>
  Object.entries(expressions).map(([name, {text}]) => ({name, expression: text}));

type Bound = Pick<BoundScope, 'namespaces' | 'objects'> & {resourceRules?: readonly object[] | undefined};

export function bindingSpec(
  policyName: string,
  {namespaces, objects = {}, resourceRules}: Bound,
  parameterNotFoundAction: 'Allow' | 'Deny',
) {
  return {
    policyName,
    paramRef: {name: REGISTRY_NAME, parameterNotFoundAction},
    matchResources: {
      matchPolicy: 'Equivalent',
      namespaceSelector: namespaces,
      objectSelector: objects,
      ...(resourceRules ? {resourceRules} : {}),
    },
  };
}

const hasAny = <T extends object>(record: T | undefined): record is T =>
  record !== undefined && Object.keys(record).length > 0;

const NAMESPACE_NAME = 'kubernetes.io/metadata.name';

/** The selector, and only namespaces whose name is, or is not, one of these; empty lists as the server returns them. */
export function restricted(
  {matchLabels = {}, matchExpressions = []}: LabelSelector,
  operator: 'In' | 'NotIn',
  names: readonly string[],
): LabelSelector {
  const expressions = [...matchExpressions, {key: NAMESPACE_NAME, operator, values: [...names]}];
  return {
    ...(Object.keys(matchLabels).length > 0 ? {matchLabels} : {}),
    matchExpressions: expressions.map(({key, operator, values = []}) => ({
      key,
      operator,
      ...(values.length > 0 ? {values} : {}),
    })),
  };
}

/** Namespaces in which a Lease of the cluster, or of ours, must never wait for a registry. */
export const lenientNamespaces = (operatorNamespace: string) => [
  ...new Set(['kube-system', operatorNamespace]),
];

/**
 * Where the Leases of a policy may be: in the namespaces that it selects and in the fixed one. A missing registry
 * refuses, so that a new namespace has no gap. In those of the control plane and of ours it allows: there the request
 * may be the one without which no registry can be made.
 */
export function leaseScopes({scope, lease}: Rules, context: AdmissionContext): BoundScope[] {
  const lenient = lenientNamespaces(context.operator.namespace);
  const fixed = lease.namespace;
  const left = scope.isDefault ? SYSTEM_NAMESPACES : [HEARTBEATS];
  const apart = [...new Set([...left, ...lenient, ...(fixed === '' ? [] : [fixed])])];
  const scopes: BoundScope[] = [
    {suffix: '', namespaces: restricted(scope.namespaces, 'NotIn', apart), whenMissing: 'Deny'},
  ];
  const ofSystem = lenient.filter(name => name !== fixed && !left.includes(name));
  if (context.governsSystem && ofSystem.length > 0) {
    const namespaces = restricted(scope.namespaces, 'In', ofSystem);
    scopes.push({suffix: '.system', namespaces, whenMissing: 'Allow'});
  }
  if (fixed !== '') {
    const whenMissing = lenient.includes(fixed) ? 'Allow' : 'Deny';
    scopes.push({suffix: '.fixed', namespaces: restricted({}, 'In', [fixed]), whenMissing});
  }
  return scopes;
}

/** Users by which the control plane renews its Leases, deletes what has lost its owner and empties namespaces. */
const CONTROL_PLANE_USERS = [
  'system:apiserver',
  'system:kube-controller-manager',
  'system:kube-scheduler',
  'system:serviceaccount:kube-system:generic-garbage-collector',
  'system:serviceaccount:kube-system:namespace-controller',
];

/** Leases of the control plane by name, for distributions that run it under other users. */
export const CONTROL_PLANE_LEASES = ['kube-controller-manager', 'kube-scheduler', 'cloud-controller-manager'];

/** By this label an API server finds the Leases of the others. */
export const API_SERVER_IDENTITY = 'apiserver.kubernetes.io/identity';

/** Conditions of every check of Leases: never the operator, its election, the control plane and its Leases. */
export function exclusions({operator}: AdmissionContext): Cel[] {
  const {username, namespace} = operator;
  return [
    cel`!(request.userInfo.username == ${username} && has(request.options.fieldManager) && request.options.fieldManager == ${FIELD_MANAGER})`,
    cel`!(request.namespace == ${namespace} && object.metadata.name.matches("^leasepolicy-[0-9a-f]{10}$"))`,
    cel`!(request.userInfo.username in ${CONTROL_PLANE_USERS} || has(request.userInfo.groups) && "system:nodes" in request.userInfo.groups)`,
    cel`!(request.namespace == "kube-system" && (object.metadata.name in ${CONTROL_PLANE_LEASES} || has(object.metadata.labels) && ${API_SERVER_IDENTITY} in object.metadata.labels))`,
  ];
}
