/** The frame of every admission policy: whom it never concerns, where it is bound, what its parameter is. */
import type {EnforcementAction, FailurePolicy} from '../../api/enforcement.ts';
import type {LabelSelector} from '../../api/leasepolicy.ts';
import {FIELD_MANAGER, GROUP, REGISTRY_NAME, VERSION} from '../../api/objects.ts';
import {HEARTBEATS, type Rules, SYSTEM_NAMESPACES} from '../naming/rules.ts';
import {NAMESPACE_NAME} from '../selector.ts';
import {allOf, type Cel, cel} from './cel.ts';
import type {Owner, Rendered} from './rendered.ts';

/** What has to be known beside the rules. */
export type AdmissionContext = {
  /** The policy, which owns what is rendered from it. */
  readonly owner: Owner;
  /**
   * What the bindings go with instead, so that nothing is enforced without an operator to answer for it. A policy
   * without its binding, and a binding without its policy, do nothing: either deletion ends what both enforce.
   */
  readonly installation?: Owner | undefined;
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
  /** What happens where a rule that may fail finds no registry. */
  readonly whenMissing: 'Allow' | 'Deny';
  readonly scopes: readonly Scope[];
};

/** A rule about writes of the Leases of a policy. */
export type WriteRule = Pick<Check, 'action' | 'failurePolicy' | 'validations'> &
  Partial<Pick<Check, 'variables' | 'auditAnnotations'>> & {
    readonly part: 'durations' | 'holders';
    readonly field: 'durationSeconds' | 'holders';
    /** Whether a write of a Lease of the policy breaks the rule, without the variables. */
    readonly isBroken: Cel;
  };

/**
 * A part of the namespaces with an object of its own: the API server looks at the selectors of the policy before it
 * looks for the registry's kind, and at those of the bindings only after it.
 */
export type Scope = {
  /** What is added to the part in the names. */
  readonly suffix: string;
  readonly namespaces: LabelSelector;
  readonly objects?: LabelSelector;
  /** Whether nothing may ever be refused here because a rule can't be evaluated. */
  readonly isLenient: boolean;
  /** By default one for all. */
  readonly bindings?: readonly Bound[];
};

/** A binding for a part of the objects. */
export type Bound = {
  readonly suffix: string;
  readonly operations: readonly Operation[];
  readonly objects?: LabelSelector;
};

export const LEASES = {group: 'coordination.k8s.io', plural: 'leases'} as const;
export const PARAM_KIND = {apiVersion: `${GROUP}/${VERSION}`, kind: 'LeaseRegistry'};

/** What the registry says of the Lease. */
export const ENTRY = cel`params.spec.names[object.metadata.name]`;

export const objectName = (part: string, policy: string) => `leasepolicy-${part}-${policy}`;

/** Only Deny may fail: a request is never refused because a warning could not be made. */
export const failureOf = ({action, failurePolicy}: Pick<Check, 'action' | 'failurePolicy'>): FailurePolicy =>
  action === 'Deny' ? failurePolicy : 'Ignore';

/** A ValidatingAdmissionPolicy for each scope, with its bindings. */
export function validating(rules: Rules, context: AdmissionContext, check: Check): Rendered[] {
  const {owner} = context;
  const {policy} = rules;
  return check.scopes.flatMap((scope): Rendered[] => {
    const failurePolicy = scope.isLenient ? 'Ignore' : failureOf(check);
    const missing = failurePolicy === 'Fail' ? check.whenMissing : 'Allow';
    const name = objectName(`${check.part}${scope.suffix}`, policy);
    const bindings = scope.bindings ?? [{suffix: '', operations: check.operations}];
    return [
      {
        kind: 'ValidatingAdmissionPolicy',
        name,
        policy,
        owner,
        content: {spec: {failurePolicy, ...policySpec(check, scope)}},
      },
      ...bindings.map((bound): Rendered => {
        const content = {
          spec: {...bindingSpec(name, {...scope, ...bound}, missing, check), ...actionsOf(check)},
        };
        const bindingName = objectName(`${check.part}${scope.suffix}${bound.suffix}`, policy);
        return {
          kind: 'ValidatingAdmissionPolicyBinding',
          name: bindingName,
          policy,
          owner: ownerOfBindings(context),
          content,
        };
      }),
    ];
  });
}

export const ownerOfBindings = ({owner, installation}: AdmissionContext) => installation ?? owner;

const actionsOf = ({action}: Check) => ({
  validationActions: action === 'Audit' ? ['Audit'] : [action, 'Audit'],
});

function policySpec(check: Check, {namespaces, objects = {}}: Scope) {
  const annotations = Object.entries(check.auditAnnotations ?? {});
  return {
    paramKind: PARAM_KIND,
    matchConstraints: {
      matchPolicy: 'Equivalent',
      namespaceSelector: namespaces,
      objectSelector: objects,
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
    ...(annotations.length > 0
      ? {auditAnnotations: annotations.map(([key, {text}]) => ({key, valueExpression: text}))}
      : {}),
  };
}

export function resourceRule({resource, operations}: Pick<Check, 'resource' | 'operations'>) {
  const {group, plural} = resource;
  return {apiGroups: [group], apiVersions: ['*'], operations, resources: [plural], scope: 'Namespaced'};
}

export const named = (expressions: Readonly<Record<string, Cel>>) =>
  Object.entries(expressions).map(([name, {text}]) => ({name, expression: text}));

type Place = {
  readonly namespaces: LabelSelector;
  readonly objects?: LabelSelector;
  readonly operations: readonly Operation[];
};

export function bindingSpec(
  policyName: string,
  {namespaces, objects = {}, operations}: Place,
  parameterNotFoundAction: 'Allow' | 'Deny',
  {resource}: Pick<Check, 'resource'>,
) {
  return {
    policyName,
    paramRef: {name: REGISTRY_NAME, parameterNotFoundAction},
    matchResources: {
      matchPolicy: 'Equivalent',
      namespaceSelector: namespaces,
      objectSelector: objects,
      resourceRules: [resourceRule({resource, operations})],
    },
  };
}

const hasAny = <T extends object>(record: T | undefined): record is T =>
  record !== undefined && Object.keys(record).length > 0;

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

/** Namespaces that a policy leaves out by itself. */
export const leftOut = ({scope}: Rules): readonly string[] =>
  scope.isDefault ? SYSTEM_NAMESPACES : [HEARTBEATS];

/**
 * Where the Leases of a policy may be: in the namespaces that it selects and in the fixed one. In those of the control
 * plane and of ours nothing is refused because a rule can't be evaluated: there the request may be the one without
 * which no registry can be made.
 */
export function leaseScopes(rules: Rules, context: AdmissionContext): Scope[] {
  const {namespaces} = rules.scope;
  const lenient = lenientNamespaces(context.operator.namespace);
  const fixed = rules.lease.namespace;
  const left = leftOut(rules);
  const apart = [...new Set([...left, ...lenient, ...(fixed === '' ? [] : [fixed])])];
  const scopes: Scope[] = [
    {suffix: '', namespaces: restricted(namespaces, 'NotIn', apart), isLenient: false},
  ];
  const ofSystem = lenient.filter(name => name !== fixed && !left.includes(name));
  if (context.governsSystem && ofSystem.length > 0)
    scopes.push({suffix: '.system', namespaces: restricted(namespaces, 'In', ofSystem), isLenient: true});
  if (fixed !== '') {
    const isLenient = lenient.includes(fixed);
    scopes.push({suffix: '.fixed', namespaces: restricted({}, 'In', [fixed]), isLenient});
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
export const CONTROL_PLANE_LEASES: readonly string[] = [
  'kube-controller-manager',
  'kube-scheduler',
  'cloud-controller-manager',
];

/** Conditions of every check of Leases: never the operator, its election, the control plane and its Leases. */
export function exclusions({operator}: AdmissionContext): Cel[] {
  const {username, namespace} = operator;
  return [
    cel`!(request.userInfo.username == ${username} && has(request.options.fieldManager) && request.options.fieldManager == ${FIELD_MANAGER})`,
    cel`!(request.namespace == ${namespace} && object.metadata.name.matches("^leasepolicy-[0-9a-f]{10}$"))`,
    cel`!(request.userInfo.username in ${CONTROL_PLANE_USERS} || has(request.userInfo.groups) && "system:nodes" in request.userInfo.groups)`,
    cel`!(request.namespace == "kube-system" && object.metadata.name in ${CONTROL_PLANE_LEASES})`,
  ];
}

const OPERATOR_USER =
  /request\.userInfo\.username == \\"([^"\\]+)\\" && has\(request\.options\.fieldManager\)/;

/** The operator for which an object was rendered, by the first of the exclusions; undefined where it does not tell. */
export const operatorUserIn = (content: Readonly<Record<string, unknown>>): string | undefined =>
  OPERATOR_USER.exec(JSON.stringify(content))?.[1];
