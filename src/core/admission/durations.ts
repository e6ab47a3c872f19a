/** Durations: the Leases of a policy keep within its bounds. */
import type {Rules} from '../naming/rules.ts';
import {type Cel, cel} from './cel.ts';
import {ENTRY, type WriteRule} from './frame.ts';

/**
 * A release as client-go writes it has duration 1 and no holder, and passes. So does a renewal, in which neither
 * duration nor holder change: a policy that is made stricter takes no holder's Lease away.
 */
export function durationRule({policy, enforcement}: Rules): WriteRule {
  const {names, durationSeconds, failurePolicy} = enforcement;
  const {min, max, action = names} = durationSeconds;
  const seconds = cel`object.spec.leaseDurationSeconds`;
  const isOut = cel`has(object.spec) && has(${seconds}) && (${seconds} < ${min} || ${seconds} > ${max})`;
  const isRelease = cel`${seconds} == 1 && ${holder('object')} == ""`;
  const isRenewal = cel`oldObject != null && has(oldObject.spec) && has(oldObject.spec.leaseDurationSeconds) && oldObject.spec.leaseDurationSeconds == ${seconds} && ${holder('oldObject')} == ${holder('object')}`;
  const isBroken = cel`(${isOut} && !(${isRelease}) && !(${isRenewal}))`;
  return {
    part: 'durations',
    field: 'durationSeconds',
    action,
    failurePolicy: failurePolicy.durationSeconds,
    isBroken,
    validations: [
      {
        holds: cel`!${isBroken}`,
        fallback: `LeasePolicy ${policy} allows a leaseDurationSeconds of ${min} to ${max}`,
        message: cel`"Lease " + object.metadata.name + " has leaseDurationSeconds " + string(${seconds}) + ${`; LeasePolicy ${policy} allows ${min} to ${max}: change the lease duration of `} + ${ENTRY}.subject`,
      },
    ],
  };
}

const holder = (variable: 'object' | 'oldObject'): Cel =>
  variable === 'object'
    ? cel`(has(object.spec.holderIdentity) ? object.spec.holderIdentity : "")`
    : cel`(has(oldObject.spec.holderIdentity) ? oldObject.spec.holderIdentity : "")`;
