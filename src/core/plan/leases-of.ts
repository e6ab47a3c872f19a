/** Which Leases are those of one product, and which of them nobody holds. */
import {ANNOTATIONS, LABELS, type Lease} from '../../api/objects.ts';
import {KNOWN} from '../lease/catalogue.ts';
import {classify} from '../lease/classify.ts';
import {deploymentOf} from '../lease/holder.ts';
import {holding, isHeldByUs, type LeaseView} from '../lease/lifetime.ts';
import {excerpt} from '../legible.ts';
import {type Asked, meansKind} from '../naming/subject-names.ts';

/** A workload, wherever its Leases are. */
export type Product = Asked & {readonly namespace: string};

/** NAMESPACE/KIND/NAME. */
export function parseProduct(text: string): Product | undefined {
  const parts = text.split('/');
  const [namespace = '', kind = '', name = ''] = parts;
  return parts.length === 3 && parts.every(each => each !== '') ? {namespace, kind, name} : undefined;
}

/** Whether our own annotation says that it is the product's; an adopted one counts like one that we made. */
export function isLeaseOf(product: Product, {metadata}: Pick<Lease, 'metadata'>): boolean {
  if (metadata.labels?.[LABELS.origin] === undefined) return false;
  const parts = (metadata.annotations?.[ANNOTATIONS.subject] ?? '').split('/');
  const [kind = '', place, name] = parts.length === 3 ? parts : [parts[0], metadata.namespace, parts[1]];
  return (
    name === product.name && place === product.namespace && meansKind(product.kind, {apiVersion: '', kind})
  );
}

/**
 * Whether it is an election that a Pod of the Deployment has won, although we neither made nor adopted it: the names of
 * the Pods of other kinds leave a doubt.
 */
export function isElectionOf(product: Product, lease: LeaseView): boolean {
  return (
    lease.namespace === product.namespace &&
    lease.labels[LABELS.origin] === undefined &&
    meansKind(product.kind, {apiVersion: 'apps/v1', kind: 'Deployment'}) &&
    deploymentOf(lease.holder) === product.name &&
    classify(lease, KNOWN, false).class === 'leader-election'
  );
}

/** client-go's default, for a Lease that names no duration. */
const USUAL_SECONDS = 15;

/** How long it has to be looked at, so that whoever holds it must have renewed it. */
export const watchMs = ({durationSeconds = 0}: LeaseView) =>
  (durationSeconds > 0 ? durationSeconds : USUAL_SECONDS) * 1000;

/** Why it must stay, or undefined when nobody holds it. It was first seen, as it was, at that time. */
export function whyItStays(lease: LeaseView, firstSeenMs: number, nowMs: number): string | undefined {
  if (lease.terminating) return 'it is being deleted, and a finalizer keeps it';
  if (lease.changedAtMs > firstSeenMs) return `${holderText(lease)} has written it under our eyes`;
  if (nowMs < firstSeenMs + watchMs(lease)) return 'it was not looked at for long enough';
  const {state} = holding(lease, nowMs);
  if (state === 'unknown') return 'its record is not understood';
  if (isHeldByUs(lease)) return 'the operator keeps it closed for a rename';
  return state === 'held' ? `${holderText(lease)} holds it` : undefined;
}

const holderText = ({holder}: LeaseView) => (holder === '' ? 'somebody' : excerpt(holder));
