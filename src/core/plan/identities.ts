/** Judges the identity Leases of the API servers. The API server itself deletes what is left of one that is gone. */
import type {LeaseClass} from '../lease/classify.ts';
import {leaseRef} from '../lease/finding.ts';
import {apiServerIdentity, identityForm} from '../lease/identity.ts';
import {holding, type LeaseView, type Lifetime} from '../lease/lifetime.ts';
import {type Ailment, recordAilments} from '../lease/record.ts';
import {excerpt} from '../legible.ts';
import type {SystemRules} from '../naming/system-rules.ts';
import type {Now} from '../now.ts';
import type {LeaseState, Plan} from './action.ts';
import {sooner} from './action.ts';

export type IdentitiesObservation = {
  readonly rules: SystemRules | undefined;
  readonly leases: readonly {readonly lease: LeaseView; readonly class: LeaseClass}[];
};

/** Where an API server writes its host name. */
const HOSTNAME = 'kubernetes.io/hostname';

export function planIdentities({rules, leases}: IdentitiesObservation, now: Now): Plan {
  if (!rules) return {actions: [], findings: []};
  const judged = leases.map(each => ({...each, ...holding(each.lease, now.monotonicMs)}));
  return {
    actions: [],
    findings: judged.flatMap(({lease, state}) =>
      [...recordAilments(lease, rules.durationSeconds, now), ...identityAilments(lease, state)].map(each => ({
        ...each,
        policy: rules.policy,
        about: leaseRef(lease),
      })),
    ),
    states: judged.map(
      ({class: kind, state}): LeaseState => ({
        policy: rules.policy,
        class: kind,
        lifetime: state,
        claimed: true,
      }),
    ),
    requeueAfterMs: judged.map(each => each.changesInMs).reduce(sooner, undefined),
  };
}

function identityAilments(lease: LeaseView, state: Lifetime): Ailment[] {
  const found: Ailment[] = [];
  const hostname = lease.labels[HOSTNAME];
  if (state === 'expired') {
    const message = `API server ${hostname ?? lease.name} has let the ${lease.durationSeconds} seconds of its Lease pass: it is gone or cut off, and the API server will delete the Lease`;
    found.push({reason: 'StaleHeartbeat', message});
  }
  if (
    identityForm(lease) === 'hash' &&
    hostname !== undefined &&
    apiServerIdentity(hostname) !== lease.name
  ) {
    const message = `Lease ${lease.name} says that it is of host ${hostname}, whose name would be ${apiServerIdentity(hostname)}: find out who writes it`;
    found.push({reason: 'IdentityMismatch', message});
  } else if (lease.holder !== '' && !lease.holder.startsWith(`${lease.name}_`)) {
    const message = `Lease ${lease.name} is held by ${excerpt(lease.holder)}, which is not the API server that it names: find out who writes it`;
    found.push({reason: 'IdentityMismatch', message});
  }
  return found;
}
