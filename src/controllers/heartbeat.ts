/** Judges the heartbeat of each node that a policy selects. */
import type {NodeSubjects, SystemRules} from '../core/naming/system-rules.ts';
import type {Now} from '../core/now.ts';
import {type HeartbeatObservation, newForMs, planHeartbeat} from '../core/plan/heartbeat.ts';
import type {NodeRow} from '../world/project.ts';
import type {World} from '../world/world.ts';
import type {Controller} from './controller.ts';

export const heartbeatController: Controller<HeartbeatObservation> = {
  name: 'heartbeat',
  observe(name, world, now) {
    const {heartbeats} = world;
    const node = heartbeats.nodes.get(name);
    const lease = heartbeats.lease(name, now.monotonicMs);
    return {
      name,
      node: heartbeats.ready ? node : undefined,
      lease: heartbeats.ready ? lease : undefined,
      class: lease ? world.classify(lease).class : 'unknown',
      absentSinceMs: heartbeats.absentSinceMs(name),
      policies: heartbeats.ready ? [...policiesOf(node, world)] : [],
    };
  },
  plan: planHeartbeat,
};

/** The labels of a node that is gone are not known: it is one of the policies that select all. */
function* policiesOf(node: NodeRow | undefined, world: World): Generator<SystemRules> {
  for (const rules of world.systemRules.values()) {
    if (rules.subjects.kind !== 'Node') continue;
    if (node ? rules.subjects.selects(node.labels) : rules.subjects.selectsAll) yield rules;
  }
}

/** How many nodes the policy selects, and how many of them are so new that their Lease may still come. */
export function selectedNodes({selects}: NodeSubjects, {heartbeats}: World, now: Now) {
  const count = {selected: 0, awaited: 0};
  for (const node of heartbeats.nodes.values()) {
    if (!selects(node.labels)) continue;
    count.selected += 1;
    if (newForMs(node, now) > 0 && !heartbeats.leases.get(node.name)) count.awaited += 1;
  }
  return count;
}
