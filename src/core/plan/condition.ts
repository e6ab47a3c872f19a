/** The conditions of a LeasePolicy, and for each the closed set of its reasons. */
export const CONDITION_REASONS = {
  Accepted: ['Accepted', 'Pending', 'InvalidSpec', 'InjectionConflict', 'KindNotServed', 'KindNotReadable'],
  Enforced: [
    'InForce',
    'NothingToEnforce',
    'Pending',
    'NotAccepted',
    'KindNotServed',
    'KindNotReadable',
    'TypeCheckFailed',
    'WriteFailed',
    'NotInstalled',
    'Terminating',
  ],
  Ready: ['Reconciled', 'Reconciling', 'SubjectsWithoutLease', 'CollectionStopped', 'NotAccepted'],
} as const;

export type ConditionType = keyof typeof CONDITION_REASONS;
export type ReasonOf<Type extends ConditionType> = (typeof CONDITION_REASONS)[Type][number];
