/** Which changes of an object matter to a decision. */
import type {LeaseOwner, LeaseView} from '../core/lease/lifetime.ts';
import type {Workload} from '../core/naming/claims.ts';
import {sameLabels} from '../core/selector.ts';
import type {NamespaceRow} from './project.ts';

/** A renewal by a holder whose hold had not run out: nothing that a decision rests on has changed. */
export function isHeartbeat(previous: LeaseView, lease: LeaseView): boolean {
  const lateMs = lease.changedAtMs - previous.changedAtMs;
  return (
    lease.holder !== '' &&
    previous.uid === lease.uid &&
    previous.holder === lease.holder &&
    previous.durationSeconds === lease.durationSeconds &&
    previous.transitions === lease.transitions &&
    previous.terminating === lease.terminating &&
    previous.subject === lease.subject &&
    previous.orphanedSince === lease.orphanedSince &&
    (previous.renewTime === undefined) === (lease.renewTime === undefined) &&
    lateMs < (lease.durationSeconds ?? 0) * 1000 &&
    sameLabels(previous.labels, lease.labels) &&
    previous.strategy === lease.strategy &&
    previous.preferredHolder === lease.preferredHolder &&
    sameOwners(previous.owners, lease.owners)
  );
}

export function sameOwners(a: readonly LeaseOwner[], b: readonly LeaseOwner[]): boolean {
  return (
    a.length === b.length &&
    a.every(({group, kind, name}, at) => {
      const other = b[at];
      return other?.group === group && other.kind === kind && other.name === name;
    })
  );
}

export function sameWorkload(a: Workload, b: Workload): boolean {
  return (
    a.uid === b.uid &&
    a.terminating === b.terminating &&
    a.serviceAccount === b.serviceAccount &&
    sameLabels(a.labels, b.labels)
  );
}

/** Whether the same workloads and Leases there are governed, and may be written. */
export const sameNamespace = (a: NamespaceRow, b: NamespaceRow) =>
  a.terminating === b.terminating && sameLabels(a.labels, b.labels);
