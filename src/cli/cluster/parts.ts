/** What may be installed beside the operator, and where its manifests are. */

export const PARTS = {
  flowcontrol: 'config/flowcontrol',
  monitoring: 'config/monitoring',
  'system-policies': 'config/policies/system',
} as const;
export type Part = keyof typeof PARTS;
export const PART_NAMES = Object.keys(PARTS) as Part[];
