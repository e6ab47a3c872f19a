/** What Kubernetes itself leases, for end-to-end tests: nodes with kubelets of the test's own, and policies of them. */
import type {LeasePolicySpec} from '../../src/api/leasepolicy.ts';
import type {Stage} from './stage.ts';

/** A policy of nodes, API servers or components as people write it. */
export const systemPolicy = (
  name: string,
  subjects: LeasePolicySpec['subjects'],
  garbageCollection: Partial<LeasePolicySpec['garbageCollection']> = {mode: 'Report'},
) => ({
  apiVersion: 'leasepolicy.dev/v1alpha1',
  kind: 'LeasePolicy',
  metadata: {name},
  spec: {subjects, garbageCollection},
});

/** A moment as a Lease writes it. */
export const microTime = (at: number = Date.now()) => new Date(at).toISOString().replace('Z', '000Z');

export const node = (name: string) => ({apiVersion: 'v1', kind: 'Node', metadata: {name}});

/** A heartbeat as a kubelet writes it, but that it lacks the owner reference, like those that leak. */
export const heartbeat = (name: string, seconds: number, holder = name) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {name, namespace: 'kube-node-lease'},
  spec: {holderIdentity: holder, leaseDurationSeconds: seconds, renewTime: microTime()},
});

/** Renews the heartbeat of a node once. */
export async function beat({kubectl}: Stage, name: string): Promise<void> {
  const patch = JSON.stringify({spec: {renewTime: microTime()}});
  await kubectl(['patch', 'lease', name, '-n', 'kube-node-lease', '--type=merge', `--patch=${patch}`]);
}

/** The findings of a policy, as reason and object. */
export async function findingsOf(stage: Stage, policy: string): Promise<string[]> {
  const status = await stage.status(policy);
  return (status?.findings ?? []).map(({reason, object}) => `${reason} ${object}`).sort();
}
