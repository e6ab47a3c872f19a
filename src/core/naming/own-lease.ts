/** The Lease by which the replicas of the operator elect their leader. */
import {hashOf} from './hash.ts';

/** By our own rule, the prefix and the hash of the Deployment's name: two installations never meet. */
export function ownLeaseName(deploymentName: string): string {
  return `leasepolicy-${hashOf([deploymentName], {encoding: 'Hex', length: 10})}`;
}
