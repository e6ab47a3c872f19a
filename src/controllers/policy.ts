/** Keeps each policy's status. */
import type {Subjects} from '../api/subjects.ts';
import type {Rules} from '../core/naming/rules.ts';
import {isSystem, type SystemRules} from '../core/naming/system-rules.ts';
import type {Now} from '../core/now.ts';
import type {Plan} from '../core/plan/action.ts';
import type {Enforced} from '../core/plan/admission.ts';
import {type PolicyObservation, planPolicy} from '../core/plan/policy.ts';
import type {World} from '../world/world.ts';
import type {Controller} from './controller.ts';
import {selectedNodes} from './heartbeat.ts';
import {identityLeases} from './identities.ts';

type Observed = PolicyObservation | undefined;

const NOTHING_TO_ENFORCE: Enforced = {
  status: 'True',
  reason: 'NothingToEnforce',
  message: 'what Kubernetes itself leases is only looked at',
};

export const policyController: Controller<Observed> = {
  name: 'policy',
  observe(policy, world, now): Observed {
    const row = world.policies.get(policy);
    const acceptance = world.inForce.acceptance.get(policy);
    if (!row || !acceptance) return undefined;
    const tally = world.ledger.tally(policy);
    const rules = world.inForce.of(policy);
    const system = rules && isSystem(rules) ? rules : undefined;
    const {selected, awaited} = system
      ? countOf(system, world, now)
      : {selected: world.claims.count(policy), awaited: 0};
    return {
      policy,
      generation: row.generation,
      specText: JSON.stringify(row.spec ?? {}),
      kinds: row.spec ? kindsOf(row.spec.subjects) : [],
      acceptance,
      rules: rules && {generation: rules.generation, exempt: isSystem(rules) ? [] : rules.exempt},
      subjects: selected,
      lifetimes: tally.lifetimes,
      violations: tally.findings.size,
      withoutLease: tally.withoutLease,
      findings: [...tally.findings.values()],
      settled: isRead(rules, world) && tally.claimed + tally.withoutLease + awaited >= selected,
      stopped: world.stopped.get(policy),
      enforced: system ? NOTHING_TO_ENFORCE : world.enforcement.get(policy),
      uid: row.uid,
      status: row.status,
    };
  },
  plan(observed: Observed, now: Now): Plan {
    return observed ? planPolicy(observed, now) : {actions: [], findings: []};
  },
};

/** How a policy's subjects are called in kubectl get. */
function kindsOf({workloads, nodes, apiServers}: Subjects): string[] {
  if (workloads) return workloads.kinds.map(each => each.kind);
  if (nodes) return ['Node'];
  return [apiServers ? 'APIServer' : 'Component'];
}

/** Before everything is read, no subject means nothing. */
function isRead(rules: Rules | SystemRules | undefined, world: World): boolean {
  if (!rules) return false;
  if (!isSystem(rules)) return world.subjectsKnown(rules);
  return rules.subjects.kind === 'Node' ? world.heartbeats.ready : world.leases.ready;
}

/** How many subjects there are, and how many of them nobody expects to have a Lease yet. */
function countOf({subjects}: SystemRules, world: World, now: Now): {selected: number; awaited: number} {
  switch (subjects.kind) {
    case 'Node':
      return selectedNodes(subjects, world, now);
    case 'APIServer':
      return {selected: [...identityLeases(world)].length, awaited: 0};
    case 'Component':
      return {selected: subjects.leases.length, awaited: 0};
    default:
      return subjects satisfies never;
  }
}
