/** The view of a claim that its plan rests on, and the parts, findings and Events that its plan is put together from. */
import {type Finding, type FindingReason, workloadRef} from '../lease/finding.ts';
import type {LeaseView} from '../lease/lifetime.ts';
import type {Claim} from '../naming/claims.ts';
import type {Rules} from '../naming/rules.ts';
import {type Action, sooner} from './action.ts';

/** What is known of one claim: of the wish of a workload, under a policy, for a Lease. */
export type ClaimView = {
  readonly claim: Claim;
  readonly rules: Rules;
  /** The older workload that keeps the name, if it isn't this one. */
  readonly winner: Claim | undefined;
  readonly lease: LeaseView | undefined;
  /** Other Leases of this subject under this policy: names that it had before. */
  readonly predecessors: readonly LeaseView[];
  /** The namespace of the Lease: there, on its way out, not there, or with a registry that does not have the name yet. */
  readonly namespace: 'active' | 'terminating' | 'missing' | 'unregistered';
  /** leaseTransitions of the name when it was last deleted. */
  readonly retiredTransitions: number;
  /** Which labels others have kept from being written when the Lease was to be adopted last. */
  readonly notAdopted: string | undefined;
};

/** What a part of the plan of a claim wants, and when to look again. */
export type Part = {actions: Action[]; requeueAfterMs?: number | undefined};

/** All actions in their order, and the soonest wait. */
export const joined = (parts: readonly Part[]): Part => ({
  actions: parts.flatMap(part => part.actions),
  requeueAfterMs: parts.map(part => part.requeueAfterMs).reduce(sooner, undefined),
});

/** What is wrong with the claim, told of its workload. */
export function finding({claim}: ClaimView, reason: FindingReason, message: string): Finding {
  return {policy: claim.policy, reason, about: workloadRef(claim.workload), message};
}

/** What was done for the claim, told of its workload. */
export const event = ({claim}: ClaimView, reason: string, message: string): Action => ({
  type: 'emitEvent',
  policy: claim.policy,
  about: workloadRef(claim.workload),
  severity: 'Normal',
  reason,
  message,
});
