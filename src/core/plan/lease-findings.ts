/** What is wrong with one Lease by its name, its owner and its record, for each policy that it concerns. */
import {CONTROL_PLANE_LEASES} from '../admission/frame.ts';
import {isShared} from '../lease/catalogue.ts';
import {type Finding, leaseRef, type ObjectRef, workloadRef} from '../lease/finding.ts';
import {IDENTITY_LABEL} from '../lease/identity.ts';
import {isManaged, type LeaseOwner, type LeaseView} from '../lease/lifetime.ts';
import {type Ailment, recordAilments} from '../lease/record.ts';
import {excerpt} from '../legible.ts';
import type {Workload} from '../naming/claims.ts';
import type {Rules} from '../naming/rules.ts';
import type {Now} from '../now.ts';
import type {LeaseObservation} from './lease-observation.ts';

export function leaseFindings(observed: LeaseObservation, lease: LeaseView, now: Now): Finding[] {
  const {rules, claim} = observed;
  const isOfPolicy = rules !== undefined && (isManaged(lease) || claim !== undefined);
  const about = claim ? workloadRef(claim.workload) : leaseRef(lease);
  const own = isOfPolicy
    ? [
        ...recordAilments(lease, rules.enforcement.durationSeconds, now),
        ...ownerAilments(observed, lease),
        ...reservedAilments(observed, lease, claim?.workload),
      ]
    : [];
  return [
    ...(rules ? own.map(each => finding(rules, about, each)) : []),
    ...(isOfPolicy ? [] : foreignFindings(observed, lease)),
  ];
}

const finding = ({policy}: Rules, about: ObjectRef, {reason, message}: Ailment): Finding => ({
  policy,
  reason,
  about,
  message,
});

/** Kinds whose Pods elect a leader. */
const WORKLOADS = ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'Job', 'CronJob'];

/** Whether an owner's deletion takes the Lease from Pods that still lead. */
export const isHazardousOwner = ({group, kind}: Pick<LeaseOwner, 'group' | 'kind'>) =>
  ['apps', 'batch'].includes(group) && WORKLOADS.includes(kind);

function ownerAilments({classification}: LeaseObservation, lease: LeaseView): Ailment[] {
  const owner = lease.owners.find(isHazardousOwner);
  if (!owner || classification.class === 'node-heartbeat') return [];
  const message = `Lease ${lease.name} is owned by ${owner.kind}/${excerpt(owner.name)}: when that is deleted, so is the Lease, while its old Pods still lead; remove the owner reference`;
  return [{reason: 'HazardousOwner', message}];
}

/** A lock that a managed cloud uses itself: both wait for each other, and one looks healthy while it does nothing. */
function reservedAilments(
  {classification}: LeaseObservation,
  lease: LeaseView,
  workload: Workload | undefined,
): Ailment[] {
  const {reserved, provider} = classification.entry ?? {};
  if (!reserved || !workload) return [];
  const message = `${workload.kind} ${workload.name} uses Lease ${lease.name} in ${lease.namespace}, which is also the lock of what ${provider ?? 'the cloud'} runs itself: give it another name, or one of the two never leads`;
  return [{reason: 'ReservedName', message}];
}

/** Components of the control plane and API servers name their Leases themselves, and are let through. */
const isControlPlane = ({namespace, name, labels}: LeaseView) =>
  namespace === 'kube-system' &&
  (CONTROL_PLANE_LEASES.includes(name) || labels[IDENTITY_LABEL] !== undefined);

/** A name that no policy allows is a finding of every policy that governs the namespace. */
function foreignFindings(observed: LeaseObservation, lease: LeaseView): Finding[] {
  const {own, governing, rules} = observed;
  if (own || isControlPlane(lease) || (isManaged(lease) && rules !== undefined)) return [];
  const {holderWorkload} = observed;
  const about = leaseRef(lease);
  const ofHolder = holderWorkload ? workloadRef(holderWorkload) : about;
  return governing.flatMap(each => [
    ...nameAilments(observed, lease).map(found => finding(each, about, found)),
    ...ownerAilments(observed, lease).map(found => finding(each, about, found)),
    ...[...reservedAilments(observed, lease, holderWorkload), ...sharedAilments(observed, lease)].map(found =>
      finding(each, ofHolder, found),
    ),
  ]);
}

function nameAilments(observed: LeaseObservation, lease: LeaseView): Ailment[] {
  const {claim, exemptUntilMs, subjectsKnown, isSuperseded} = observed;
  if (claim || exemptUntilMs !== undefined || !subjectsKnown) return [];
  if (isSuperseded) {
    const message = `bucket ${lease.name} belongs to a set that another one has replaced: nobody needs it`;
    return [{reason: 'OrphanedLease', message}];
  }
  const message = `no policy allows Lease ${lease.name} in namespace ${lease.namespace}; allowed here: ${observed.allowed}`;
  return [{reason: 'MisnamedLease', message}];
}

/** Products of one scaffold, or that left a default as it was, have one election ID, and in one namespace would wait. */
function sharedAilments({classification, namesakes}: LeaseObservation, lease: LeaseView): Ailment[] {
  const {entry} = classification;
  if (!entry || !isShared(entry) || namesakes.length === 0) return [];
  const origin = entry.scaffold ? 'the election ID of a scaffold' : 'an election ID that is a default';
  const message = `Lease ${lease.name} has ${origin}, and ${namesakes.join(', ')} in other namespaces lead by the same: in one namespace they would wait for each other; give each product its own ID`;
  return [{reason: 'SharedElectionID', message}];
}
