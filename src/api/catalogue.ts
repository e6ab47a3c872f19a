/** The form of a catalogue: what is known of Leases by their names. */

/** What a Lease is for; src/core/lease/classify.ts says when a Lease is of which class. */
export const CLASSES = [
  'node-heartbeat',
  'apiserver-identity',
  'leader-election',
  'leader-election-bucket',
  'coordinated-leader-election',
  'data-lock',
  'status',
  'heartbeat',
  'one-shot',
  'shard',
  'tombstone',
  'unknown',
] as const;
export type LeaseClass = (typeof CLASSES)[number];

/** The evidence without which a name alone would say too little. */
export type Condition =
  /** The value is Kind for the core, and group/Kind for others. */
  | {readonly field: 'metadata.ownerReferences'; readonly op: 'hasKind'; readonly value: string}
  | {readonly field: 'spec.strategy'; readonly op: 'exists'};

export type CatalogueEntry = {
  /** Exactly one of name and pattern is there; a pattern is a regular expression of the whole name. */
  readonly name?: string;
  readonly pattern?: string;
  /** "*" and "<install>", that of the installation, are any. */
  readonly namespace: string;
  /** The product that makes the Lease. */
  readonly component: string;
  /** A tombstone is ours, by a holder that only we write: no name makes one. */
  readonly class: Exclude<LeaseClass, 'tombstone'>;
  readonly when?: Condition;
  readonly holderFormat?: string;
  readonly leaseDurationSeconds?: number;
  /** A name that the pattern matches. */
  readonly example?: string;
  readonly source?: string;
  readonly note?: string;
  /** The cloud whose managed clusters have the Lease. */
  readonly provider?: string;
  /** Whether a workload of one's own must not use it. */
  readonly reserved?: boolean;
  /** Whether products that have nothing in common use the name by default. */
  readonly generic?: boolean;
  /** Whether a project generator makes the name, so that copies of a project share it. */
  readonly scaffold?: boolean;
};
