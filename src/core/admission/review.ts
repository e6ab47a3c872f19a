/**
 * Answers a request as the API server does by the ValidatingAdmissionPolicies that are rendered: who is concerned, with
 * which parameter, and what each binding does with what breaks a rule. The limits of cost are the server's alone.
 */
import type {EnforcementAction, FailurePolicy} from '../../api/enforcement.ts';
import type {LabelSelector} from '../../api/leasepolicy.ts';
import type {LeaseRegistrySpec} from '../../api/leaseregistry.ts';
import {compileSelector, type Labels} from '../selector.ts';
import {CelError, holds, type Variables, valueOfCel} from './cel-value.ts';
import type {Operation, resourceRule} from './frame.ts';
import type {Rendered} from './rendered.ts';

type Labelled = {readonly metadata: {readonly labels?: Labels}};

/** What asks for admission. */
export type AdmissionRequest = {
  readonly operation: Operation;
  readonly resource: {readonly group: string; readonly plural: string};
  readonly namespaceLabels: Labels;
  /** As the server has them by then; the old one is null in a creation. */
  readonly object: Labelled;
  readonly oldObject: Labelled | null;
  /** What the rules know as request. */
  readonly attributes: object;
};

/** A rule that is broken, and what its binding does about it. */
export type Breach = {
  /** The LeasePolicy. */
  readonly policy: string;
  readonly admissionPolicy: string;
  readonly binding: string;
  readonly actions: readonly EnforcementAction[];
  readonly message: string;
};

export const VERDICTS = ['Allow', 'Warn', 'Deny'] as const;
export type Verdict = (typeof VERDICTS)[number];

/** What only the audit log is told of is allowed. */
export function verdictOf(breaches: readonly Pick<Breach, 'actions'>[]): Verdict {
  const does = (action: EnforcementAction) => breaches.some(({actions}) => actions.includes(action));
  if (does('Deny')) return 'Deny';
  return does('Warn') ? 'Warn' : 'Allow';
}

/** Every breach, policy by policy; without a registry the bindings say what follows. */
export function review(
  objects: readonly Rendered[],
  request: AdmissionRequest,
  registry: LeaseRegistrySpec | undefined,
): Breach[] {
  const ofKind = (kind: Rendered['kind']) => objects.filter(each => each.kind === kind);
  const bindings = ofKind('ValidatingAdmissionPolicyBinding');
  return ofKind('ValidatingAdmissionPolicy').flatMap(policy => {
    const {spec} = policy.content as {spec: PolicySpec};
    if (!matches(spec.matchConstraints, request)) return [];
    return bindings.flatMap(binding => {
      const bound = (binding.content as {spec: BindingSpec}).spec;
      if (bound.policyName !== policy.name || !matches(bound.matchResources, request)) return [];
      return breachesOf(spec, bound, request, registry).map(({message, actions}) => ({
        policy: policy.policy,
        admissionPolicy: policy.name,
        binding: binding.name,
        actions,
        message,
      }));
    });
  });
}

// What of the objects is read, in the words of the API server.

type Match = {
  readonly namespaceSelector: LabelSelector;
  readonly objectSelector: LabelSelector;
  readonly resourceRules: readonly ReturnType<typeof resourceRule>[];
};
type Named = {readonly name: string; readonly expression: string};
type Validation = {
  readonly expression: string;
  readonly message: string;
  readonly messageExpression: string;
};
type PolicySpec = {
  readonly failurePolicy: FailurePolicy;
  readonly matchConstraints: Match;
  readonly matchConditions: readonly Named[];
  readonly variables?: readonly Named[];
  readonly validations: readonly Validation[];
};
type BindingSpec = {
  readonly policyName: string;
  readonly paramRef: {readonly parameterNotFoundAction: 'Allow' | 'Deny'};
  readonly matchResources: Match;
  readonly validationActions: readonly EnforcementAction[];
};

function matches({namespaceSelector, objectSelector, resourceRules}: Match, request: AdmissionRequest) {
  const {operation, resource, namespaceLabels, object, oldObject} = request;
  const isConcerned = resourceRules.some(
    ({apiGroups, resources, operations}) =>
      apiGroups.includes(resource.group) &&
      resources.includes(resource.plural) &&
      operations.includes(operation),
  );
  // Of an update either version is enough.
  const versions = oldObject ? [object, oldObject] : [object];
  return (
    isConcerned &&
    selects(namespaceSelector, namespaceLabels) &&
    versions.some(({metadata}) => selects(objectSelector, metadata.labels ?? {}))
  );
}

function selects(selector: LabelSelector, labels: Labels): boolean {
  const matcher = compileSelector(selector, 'selector');
  return typeof matcher !== 'string' && matcher(labels);
}

type Broken = Pick<Breach, 'message' | 'actions'>;

function breachesOf(
  spec: PolicySpec,
  {paramRef, validationActions}: BindingSpec,
  request: AdmissionRequest,
  registry: LeaseRegistrySpec | undefined,
): Broken[] {
  const fails = spec.failurePolicy === 'Fail';
  if (!registry) {
    if (paramRef.parameterNotFoundAction === 'Allow' || !fails) return [];
    const why = 'no params found for policy binding with `Deny` parameterNotFoundAction';
    return [{message: `failed to configure binding: ${why}`, actions: ['Deny']}];
  }
  const {object, oldObject, attributes} = request;
  const scope = {object, oldObject, request: attributes, params: {spec: registry}};
  const found = sentences(spec, scope);
  return found.flatMap(({message, isError}) =>
    isError && !fails ? [] : [{message, actions: validationActions}],
  );
}

type Sentence = {readonly message: string; readonly isError: boolean};

/** What can't be computed is an error, and the failure policy says what follows from it. */
function sentences({matchConditions, variables = [], validations}: PolicySpec, scope: Variables): Sentence[] {
  const conditions = matchConditions.map(({expression}) => resultOf(expression, scope));
  if (conditions.some(result => result === false)) return [];
  const error = conditions.find(result => result instanceof CelError);
  if (error instanceof CelError) return [{message: error.message, isError: true}];
  const known: Variables = {...scope, variables: valuesOf(variables, scope)};
  return validations.flatMap((validation): Sentence[] => {
    const result = resultOf(validation.expression, known);
    if (result === true) return [];
    if (result === false) return [{message: messageOf(validation, known), isError: false}];
    const message = `expression '${validation.expression}' resulted in error: ${result.message}`;
    return [{message, isError: true}];
  });
}

function resultOf(expression: string, scope: Variables): boolean | CelError {
  try {
    return holds(expression, scope);
  } catch (error) {
    if (error instanceof CelError) return error;
    throw error;
  }
}

/** A variable that can't be computed is missing, which is an error only where it is asked for, as with the server. */
function valuesOf(variables: readonly Named[], scope: Variables): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const {name, expression} of variables) {
    try {
      values[name] = valueOfCel(expression, {...scope, variables: values});
    } catch (error) {
      if (!(error instanceof CelError)) throw error;
    }
  }
  return values;
}

/** The longest message that the server takes from an expression. */
const MESSAGE_BYTES_MOST = 5 * 1024;

/** What the expression gives, or the text beside it where that is none that the server shows. */
function messageOf({message, messageExpression}: Validation, scope: Variables): string {
  try {
    const said = valueOfCel(messageExpression, scope);
    const text = typeof said === 'string' ? said.trim() : '';
    const isShown = text !== '' && !text.includes('\n') && Buffer.byteLength(text) <= MESSAGE_BYTES_MOST;
    return isShown ? text : message;
  } catch (error) {
    if (error instanceof CelError) return message;
    throw error;
  }
}
