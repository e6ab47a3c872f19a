/** Keeps each policy's status. */

import type {Plan} from '../core/action.ts';
import {type PolicyObservation, planPolicy} from '../core/plan-policy.ts';
import type {Now} from '../core/plan-workload.ts';
import type {Controller} from './controller.ts';

type Observed = PolicyObservation | undefined;

export const policyController: Controller<Observed> = {
  name: 'policy',
  observe(policy, world): Observed {
    const row = world.policies.get(policy);
    const acceptance = world.inForce.acceptance.get(policy);
    if (!row || !acceptance) return undefined;
    const tally = world.ledger.tally(policy);
    const subjects = world.claims.count(policy);
    return {
      policy,
      generation: row.generation,
      specText: JSON.stringify(row.spec),
      kinds: row.spec.subjects.workloads.kinds.map(each => each.kind),
      acceptance,
      rules: world.rules.get(policy),
      subjects,
      lifetimes: tally.lifetimes,
      violations: tally.findings.size,
      withoutLease: tally.withoutLease,
      findings: [...tally.findings.values()],
      settled: tally.claimed + tally.withoutLease >= subjects,
      stopped: world.stopped.get(policy),
      enforced: world.enforcement.get(policy),
      uid: row.uid,
      status: row.status,
    };
  },
  plan(observed: Observed, now: Now): Plan {
    return observed ? planPolicy(observed, now) : {actions: [], findings: []};
  },
};
