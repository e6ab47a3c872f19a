/** What is known of one Lease when it is judged. */
import type {Classification} from '../lease/classify.ts';
import type {HolderChange} from '../lease/history.ts';
import type {LeaseView} from '../lease/lifetime.ts';
import type {Claim, Workload} from '../naming/claims.ts';
import type {Rules} from '../naming/rules.ts';
import type {SubjectCheck} from './action.ts';

export type LeaseObservation = {
  readonly lease: LeaseView | undefined;
  /** The policy of a managed Lease, or the one whose names an unmanaged Lease bears; if it is in force. */
  readonly rules: Rules | undefined;
  /** The oldest claim to this very name. */
  readonly claim: Claim | undefined;
  /** Whether its namespace is being deleted, and the Lease with it. */
  readonly namespaceGoes: boolean;
  /** Whether every workload that could claim this Lease is in the caches. */
  readonly subjectsKnown: boolean;
  /** What a live read must find before the Lease is deleted; undefined when no read could tell. */
  readonly check: SubjectCheck | undefined;
  /** Whether another old name of its subject is still held by somebody: then none of them may be used, or go. */
  readonly handingOver: boolean;
  /** Policies that govern the namespace. */
  readonly governing: readonly Rules[];
  /** The first few names that are allowed here, and how many more there are. */
  readonly allowed: string;
  /** When the exemption of this name ends, in wall milliseconds; undefined when it has none. */
  readonly exemptUntilMs: number | undefined;
  /** The Lease by which the operator elects its leader. */
  readonly own: boolean;
  /** What the Lease is for, and why we think so. */
  readonly classification: Classification;
  /** Changes of the holder that this process saw. */
  readonly changes: readonly HolderChange[];
  /** Whether a workload of this kind and name is in the namespace. */
  readonly exists: (kind: string, name: string) => boolean;
  /** The workload whose Pod holds the Lease, as far as the holder tells, whoever's the Lease is. */
  readonly holderWorkload: Workload | undefined;
  /** Since when the claim's workload has ready Pods, in monotonic milliseconds; undefined while it has none. */
  readonly readySinceMs: number | undefined;
  /** Workloads of other names that hold Leases of this very name in other namespaces, for names that products share. */
  readonly namesakes: readonly string[];
  /** Whether it is a bucket of a set that a newer one has replaced. */
  readonly isSuperseded: boolean;
  /** When the hold of a bucket of any set beside it may run out, in milliseconds. */
  readonly bucketsChangeInMs: number | undefined;
  /** Whether it is judged by a policy of API servers or components. */
  readonly isSystems: boolean;
};
