/** Decides what a workload's Leases need: create, adopt, and the hand-over from an old name to a new one. */
import {canInject} from '../admission/injection.ts';
import type {Finding} from '../lease/finding.ts';
import {isHeldByOthers, type LeaseView} from '../lease/lifetime.ts';
import {excerpt} from '../legible.ts';
import type {Workload} from '../naming/claims.ts';
import type {Now} from '../now.ts';
import {type Action, leaseAnnotations, leaseLabels, type Plan, sooner} from './action.ts';
import {isToBeAdopted, planLabels} from './adoption.ts';
import {type ClaimView, event, finding, joined} from './claim-plan.ts';
import {closedBy, planHold, planSeals, renewEveryMs} from './handover.ts';

export type WorkloadObservation = {
  readonly workload: Workload | undefined;
  readonly claims: readonly ClaimView[];
};

/** What all claims of a workload need: independent of each other, as each is of a policy of its own. */
export function planWorkload({workload, claims}: WorkloadObservation, now: Now): Plan {
  if (!workload || workload.terminating) return {actions: [], findings: []};
  const plans = claims.map(view => planClaim(view, now));
  const findings = claims.flatMap((view, index) => [
    ...(plans[index]?.findings ?? []),
    ...injectionFinding(view),
  ]);
  return {...joined(plans), findings};
}

/** The Pods of some kinds do not say to which workload they belong. */
function injectionFinding(view: ClaimView): Finding[] {
  const {apiVersion, kind} = view.claim.workload;
  if (!view.rules.injection || canInject(apiVersion, kind)) return [];
  const message = `the Pods of a ${kind} can't be told the name of their Lease: set ${view.rules.injection.nameEnv} in its manifest`;
  return [finding(view, 'NotInjected', message)];
}

function planClaim(view: ClaimView, now: Now): Plan {
  const {claim, winner, lease, rules, namespace} = view;
  if (namespace === 'terminating') return {actions: [], findings: []};
  if (namespace === 'missing') {
    const message = `its Lease belongs into namespace ${claim.leaseNamespace}, which does not exist: create it`;
    return {actions: [], findings: [finding(view, 'NamespaceMissing', message)]};
  }
  if ('problem' in claim.result) {
    return withoutLease(view, undefined, finding(view, claim.result.problem, claim.result.message), now);
  }
  const {name} = claim.result;
  if (winner !== undefined && winner !== claim) {
    const message =
      winner.workload.id === claim.workload.id
        ? `policy ${winner.policy} gives it the Lease ${name} already: choose another prefix for one of the two`
        : `Lease ${name} is already that of ${winner.subject} (policy ${winner.policy}), which is older`;
    return withoutLease(view, name, finding(view, 'NameCollision', message), now);
  }
  if (lease) return planExisting(view, lease, name, now);
  if (namespace === 'unregistered') return {...planSeals(view, undefined, now), findings: []};
  if (rules.lease.create) return planMissing(view, name, now);
  const message = `Lease ${name} is missing and lease.create is false`;
  return withoutLease(view, name, finding(view, 'MissingLease', message), now);
}

/** The hand-over between old names goes on also where the subject has no Lease of its present name. */
function withoutLease(view: ClaimView, name: string | undefined, found: Finding, now: Now): Plan {
  return {...planSeals(view, name, now), findings: [found]};
}

function planMissing(view: ClaimView, name: string, now: Now): Plan {
  const {claim, rules, predecessors, retiredTransitions} = view;
  const held = predecessors.find(lease => isHeldByOthers(lease, now.monotonicMs));
  const transitions = Math.max(retiredTransitions, ...predecessors.map(lease => lease.transitions));
  const create: Action = {
    type: 'createLease',
    policy: claim.policy,
    namespace: claim.leaseNamespace,
    name,
    labels: leaseLabels(rules, 'created'),
    annotations: leaseAnnotations(claim.subject),
    record: held
      ? closedBy(held, rules, now, transitions)
      : {
          leaseDurationSeconds: rules.lease.durationSeconds,
          ...(transitions > 0 ? {leaseTransitions: transitions} : {}),
        },
  };
  const message = held
    ? `created Lease ${name}, which stays closed until ${excerpt(held.holder)} gives up ${held.name}`
    : `created Lease ${name}`;
  const seals = planSeals(view, name, now);
  return {
    actions: [...seals.actions, create, event(view, 'LeaseCreated', message)],
    findings: [],
    requeueAfterMs: sooner(seals.requeueAfterMs, held && renewEveryMs(rules)),
  };
}

/** Labels come last: somebody else's may keep them from being written, and a record is written to the version that was judged. */
function planExisting(view: ClaimView, lease: LeaseView, name: string, now: Now): Plan {
  const parts = [planSeals(view, name, now), planHold(view, lease, now), planLabels(view, lease)];
  const refused = view.notAdopted !== undefined && isToBeAdopted(view, lease);
  const message = `Lease ${name} is not adopted: ${view.notAdopted}; take the label from lease.labels of the policy, or from the Lease`;
  return {...joined(parts), findings: refused ? [finding(view, 'AdoptionConflict', message)] : []};
}
