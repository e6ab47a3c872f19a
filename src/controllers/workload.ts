/** Gives each selected workload its Lease. */
import {REGISTRY_NAME} from '../api/objects.ts';
import type {Claim} from '../core/naming/claims.ts';
import type {Now} from '../core/now.ts';
import type {ClaimView} from '../core/plan/claim-plan.ts';
import {planWorkload, type WorkloadObservation} from '../core/plan/workload.ts';
import {AdoptionConflict} from '../errors.ts';
import type {World} from '../world/world.ts';
import type {Controller} from './controller.ts';

export const workloadController: Controller<WorkloadObservation> = {
  name: 'workload',
  observe(id, world, now) {
    const claims = world.claims.of(id).flatMap(claim => claimView(claim, world, now) ?? []);
    return {workload: world.workload(id), claims};
  },
  plan: planWorkload,
  ended(id, error, world) {
    if (error instanceof AdoptionConflict)
      world.notAdopted.set(id, new Map(world.notAdopted.get(id)).set(error.lease, error.why));
    else if (!error) world.notAdopted.delete(id);
  },
};

function claimView(claim: Claim, world: World, now: Now): ClaimView | undefined {
  const rules = world.rules.get(claim.policy);
  if (!rules) return undefined;
  const key = claim.leaseKey;
  const bound = world.leaseIndex.ofSubject(claim.policy, claim.leaseNamespace, claim.subject);
  const registry = world.registries.get(`${claim.leaseNamespace}/${REGISTRY_NAME}`);
  const name = 'name' in claim.result ? claim.result.name : '';
  return {
    claim,
    rules,
    winner: key === undefined ? undefined : world.claims.winner(key),
    lease: key === undefined ? undefined : world.lease(key, now.monotonicMs),
    predecessors: bound
      .filter(other => other !== key)
      .flatMap(other => world.lease(other, now.monotonicMs) ?? []),
    namespace: namespaceState(claim, world),
    retiredTransitions: registry?.spec.retired[name]?.transitions ?? 0,
    notAdopted: key === undefined ? undefined : world.notAdopted.get(claim.workload.id)?.get(key),
  };
}

function namespaceState({leaseNamespace, result}: Claim, world: World): ClaimView['namespace'] {
  const row = world.namespaces.get(leaseNamespace);
  if (!row) return 'missing';
  if (row.terminating) return 'terminating';
  // What is not registered the API server doesn't protect, and where there is no registry it refuses every name.
  const names = world.registries.get(`${leaseNamespace}/${REGISTRY_NAME}`)?.spec.names;
  const isRegistered = names !== undefined && (!('name' in result) || Object.hasOwn(names, result.name));
  return isRegistered || !world.denies(leaseNamespace) ? 'active' : 'unregistered';
}
