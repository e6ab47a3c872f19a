/** The names in the story. */
import {createHash} from 'node:crypto';

/** The Lease of a Deployment by the default naming, computed as any shell can: without the operator's code. */
export function leaseName(prefix: string, deployment: string): string {
  return `${prefix}-${createHash('sha256').update(deployment).digest('hex').slice(0, 10)}`;
}

export const OLD_API = leaseName('shop', 'api');
export const OLD_WORKER = leaseName('shop', 'worker');
export const NEW_API = leaseName('store', 'api');
export const OPERATOR_LEASE = leaseName('leasepolicy', 'leasepolicy');

/** As in policy.yaml. */
export const TTL_SECONDS = 6;
export const DURATION_SECONDS = 4;

/** Commands that appear again and again. */
export const GET_LEASES = 'get leases -n demo-shop -o custom-columns-file=dev/demo/lease-columns.txt';
export const GET_FINDINGS =
  'get leasepolicy demo -o jsonpath=\'{range .status.findings[*]}{.reason} {.object}: {.message}{"\\n"}{end}\'';
