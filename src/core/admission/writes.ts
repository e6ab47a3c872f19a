/** Writes: what of a policy's Leases may be written, by whom. */
import {LABELS} from '../../api/objects.ts';
import type {Rules} from '../naming/rules.ts';
import {type Cel, cel} from './cel.ts';
import {durationRule} from './durations.ts';
import {
  type AdmissionContext,
  type Bound,
  ENTRY,
  exclusions,
  failureOf,
  LEASES,
  leaseScopes,
  validating,
  type WriteRule,
} from './frame.ts';
import {holderRule} from './holders.ts';
import type {Rendered} from './rendered.ts';

/**
 * Rules with the same action are one object, and whether one of them is broken is one expression in its condition:
 * nearly every write is a right one, and it costs the API server no more than that. By default an error lets a renewal
 * pass.
 */
export function renderWrites(rules: Rules, context: AdmissionContext): {part: string; objects: Rendered[]}[] {
  const all = [durationRule(rules), holderRule(rules)].filter(rule => rule !== undefined);
  const [first, second] = all;
  const isOne = first && second && first.action === second.action && failureOf(first) === failureOf(second);
  const groups = isOne ? [all] : all.map(rule => [rule]);
  return groups.map(group => ({
    part: group.map(({field}) => `enforcement.${field}`).join(' and '),
    objects: renderGroup(group, rules, context),
  }));
}

function renderGroup(group: readonly WriteRule[], rules: Rules, context: AdmissionContext): Rendered[] {
  const [first] = group;
  if (!first) return [];
  const {action, failurePolicy, part} = first;
  const broken = cel`${losesLabel(rules)} || ${group.map(rule => rule.isBroken).reduce((a, b) => cel`${a} ||\n${b}`)}`;
  const annotations: Record<string, Cel> = Object.assign({}, ...group.map(rule => rule.auditAnnotations));
  return validating(rules, context, {
    part: group.length > 1 ? 'writes' : part,
    action,
    failurePolicy,
    resource: LEASES,
    operations: ['CREATE', 'UPDATE'],
    conditions: [
      cel`${IS_KNOWN} ? ${isOfPolicy(rules)} && (${broken}) : ${BRINGS_LABEL}`,
      ...exclusions(context),
    ],
    variables: Object.assign({}, ...group.map(({variables}) => variables)),
    validations: [
      labelValidation(rules),
      ...group
        .flatMap(({validations}) => validations)
        .map(each => ({...each, holds: cel`!(${IS_KNOWN}) || ${each.holds}`})),
    ],
    auditAnnotations: Object.fromEntries(
      Object.entries(annotations).map(([key, value]) => [key, cel`${IS_KNOWN} ? (${value}) : ""`]),
    ),
    whenMissing: 'Allow',
    scopes: leaseScopes(rules, context).map(scope => ({...scope, bindings: bindingsOf(rules)})),
  });
}

/** Whether the registry has the name. If not, the Lease is nobody's, and nothing but our label is looked at. */
const IS_KNOWN = cel`object.metadata.name in params.spec.names`;

const isOfPolicy = ({policy}: Rules) => cel`${ENTRY}.policy == ${policy}`;

/**
 * A Lease that exists is found by its label, so that a write is looked at for its own policy alone, however many there
 * are. One that has no label, such as one that is not adopted, is looked at for each. One with the label of another
 * policy is looked at for none: the operator gives it the right one, and nobody may write another one.
 */
function bindingsOf({policy}: Rules): Bound[] {
  const expression = {key: LABELS.policy, operator: 'DoesNotExist'};
  return [
    {suffix: '', operations: ['UPDATE'], objects: {matchLabels: {[LABELS.policy]: policy}}},
    {suffix: '.unlabelled', operations: ['UPDATE'], objects: {matchExpressions: [expression]}},
    {suffix: '.create', operations: ['CREATE']},
  ];
}

/** What no label can say; it stands for the lack of one. An empty label is one that no binding finds. */
const NONE = '!';
const labelOf = (object: Cel, isThere: Cel) =>
  cel`(${isThere}has(${object}.metadata.labels) && ${LABELS.policy} in ${object}.metadata.labels ? ${object}.metadata.labels[${LABELS.policy}] : ${NONE})`;
const NOW = labelOf(cel`object`, cel``);
const BEFORE = labelOf(cel`oldObject`, cel`oldObject != null && `);

/**
 * By its label a Lease is found: who takes that away, or gives it to another policy, could then write what he likes.
 * Nobody needs to, no admin either.
 */
const losesLabel = ({policy}: Rules) => cel`(${NOW} != ${policy} && ${NOW} != ${BEFORE})`;

/** The name may be given to a workload later, and then such a label would hide the Lease from its policy. */
const BRINGS_LABEL = cel`(${NOW} != ${NONE} && ${NOW} != ${BEFORE})`;

const labelValidation = (rules: Rules) => ({
  holds: cel`!(${IS_KNOWN} ? ${losesLabel(rules)} : ${BRINGS_LABEL})`,
  fallback: `the label ${LABELS.policy} is written by the operator alone`,
  message: cel`"Lease " + object.metadata.name + ${` (LeasePolicy ${rules.policy}): its label ${LABELS.policy} is written by the operator alone, leave it as it is`}`,
});
