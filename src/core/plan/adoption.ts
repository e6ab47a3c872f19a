/** Adopts a Lease that has the right name, and mends our labels on it. */
import {GROUP, LABELS} from '../../api/objects.ts';
import {isManaged, type LeaseView} from '../lease/lifetime.ts';
import {type LabelLease, leaseAnnotations, leaseLabels} from './action.ts';
import {type ClaimView, event, type Part} from './claim-plan.ts';

/** Adopts a Lease that has the right name, or mends labels of ours that differ. */
export function planLabels(view: ClaimView, lease: LeaseView): Part {
  const {claim, rules} = view;
  const labels = leaseLabels(rules, lease.labels[LABELS.origin] ?? 'adopted', lease.labels);
  const annotations = leaseAnnotations(claim.subject);
  if (!isManaged(lease)) return planForeign(view, lease, labels, annotations);
  const differs = Object.entries(labels).some(([key, value]) => lease.labels[key] !== value);
  if (!differs && lease.subject === claim.subject && lease.orphanedSince === undefined) return {actions: []};
  return {actions: [labelling('label', view, lease, labels, annotations)]};
}

/** Whether the Lease is somebody else's and the policy wants it. */
export const isToBeAdopted = ({rules}: ClaimView, lease: LeaseView) => rules.lease.adopt && !isManaged(lease);

type Texts = Record<string, string>;

/**
 * What is the operator's alone is written in spite of anybody, and before the adoption: by its label the API server finds
 * the Lease. All but the origin, which says that the Lease is ours.
 */
function planForeign(view: ClaimView, lease: LeaseView, labels: Texts, annotations: Texts): Part {
  const {adopt} = view.rules.lease;
  const own = Object.fromEntries(
    Object.entries(labels).filter(([key]) => isOwn(key) && (adopt || key === LABELS.policy)),
  );
  const isForeign = Object.entries(own).some(([key, value]) => (lease.labels[key] ?? value) !== value);
  const isOfAnother = adopt && lease.subject !== undefined && lease.subject !== view.claim.subject;
  const overwrite = labelling('overwrite', view, lease, own, adopt ? annotations : {});
  const actions = isForeign || isOfAnother ? [overwrite] : [];
  if (!adopt) return {actions};
  const adoption = labelling('adopt', view, lease, labels, annotations);
  return {actions: [...actions, adoption, event(view, 'LeaseAdopted', `adopted Lease ${lease.name}`)]};
}

const isOwn = (key: string) => key.startsWith(`${GROUP}/`) && key !== LABELS.origin;

function labelling(
  purpose: LabelLease['purpose'],
  {claim}: ClaimView,
  {namespace, name, uid}: LeaseView,
  labels: Texts,
  annotations: Texts,
): LabelLease {
  return {type: 'labelLease', purpose, policy: claim.policy, namespace, name, uid, labels, annotations};
}
