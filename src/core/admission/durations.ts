/** Durations: the Leases of a policy keep within its bounds. */
import {type Cel, cel} from '../cel.ts';
import type {Rendered} from '../rendered.ts';
import type {Rules} from '../rules.ts';
import {type AdmissionContext, exclusions, LEASES, leaseScopes, validating} from './frame.ts';

/**
 * A release as client-go writes it has duration 1 and no holder, and passes. So does a renewal, in which neither
 * duration nor holder change: a policy that is made stricter takes no holder's Lease away. The bounds are conditions,
 * so that most requests are done with before the registry is read. By default an error lets a renewal pass.
 */
export function renderDurations(rules: Rules, context: AdmissionContext): Rendered[] {
  const {names, durationSeconds, failurePolicy} = rules.enforcement;
  const {min, max, action = names} = durationSeconds;
  const seconds = cel`object.spec.leaseDurationSeconds`;
  const own = cel`params.spec.names[object.metadata.name]`;
  return validating(rules, context, {
    part: 'durations',
    action: action,
    failurePolicy: failurePolicy.durationSeconds,
    resource: LEASES,
    operations: ['CREATE', 'UPDATE'],
    conditions: [
      cel`has(object.spec) && has(${seconds}) && (${seconds} < ${min} || ${seconds} > ${max})`,
      cel`!(${seconds} == 1 && ${holder('object')} == "")`,
      cel`oldObject == null || !has(oldObject.spec) || !has(oldObject.spec.leaseDurationSeconds) || oldObject.spec.leaseDurationSeconds != ${seconds} || ${holder('oldObject')} != ${holder('object')}`,
      ...exclusions(context),
    ],
    validations: [
      {
        holds: cel`!(object.metadata.name in params.spec.names) || ${own}.policy != ${rules.policy}`,
        fallback: `LeasePolicy ${rules.policy} allows a leaseDurationSeconds of ${min} to ${max}`,
        message: cel`"Lease " + object.metadata.name + " has leaseDurationSeconds " + string(${seconds}) + ${`; LeasePolicy ${rules.policy} allows ${min} to ${max}: change the lease duration of `} + ${own}.subject`,
      },
    ],
    scopes: leaseScopes(rules, context).map(scope => ({...scope, whenMissing: 'Allow'})),
  });
}

const holder = (variable: 'object' | 'oldObject'): Cel =>
  variable === 'object'
    ? cel`(has(object.spec.holderIdentity) ? object.spec.holderIdentity : "")`
    : cel`(has(oldObject.spec.holderIdentity) ? oldObject.spec.holderIdentity : "")`;
