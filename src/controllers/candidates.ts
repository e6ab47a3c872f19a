/** Judges the LeaseCandidates of each Lease, where the API server serves them. */
import {listsLease} from '../core/naming/system-rules.ts';
import {type CandidatesObservation, planCandidates} from '../core/plan/candidates.ts';
import type {World} from '../world/world.ts';
import type {Controller} from './controller.ts';

/** Keys are namespace/name of the Lease. */
export const candidatesController: Controller<CandidatesObservation> = {
  name: 'candidates',
  observe(key, world) {
    // Before all candidates are known, and where there are none, nobody is missing.
    if (!world.candidates.store.ready) return {lease: undefined, candidates: [], policies: []};
    const [namespace = '', name = ''] = key.split('/');
    return {
      lease: world.leases.get(key),
      candidates: [...world.candidates.ofLease(key)],
      policies: policiesOf({namespace, name}, world),
    };
  },
  plan: planCandidates,
};

function policiesOf(lease: {namespace: string; name: string}, world: World): string[] {
  const components = [...world.systemRules.values()].filter(rules => listsLease(rules, lease));
  return [...components, ...world.governing(lease.namespace)].map(({policy}) => policy);
}
