/** Judges the heartbeat of each node that a policy selects. */
import {type HeartbeatObservation, planHeartbeat} from '../core/plan-heartbeat.ts';
import type {NodeSubjects, SystemRules} from '../core/system-rules.ts';
import type {Controller} from './controller.ts';
import type {NodeRow} from './project.ts';
import type {World} from './world.ts';

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

/** How many nodes the policy selects. */
export function selectedNodes({selects, selectsAll}: NodeSubjects, {heartbeats}: World): number {
  if (selectsAll) return heartbeats.nodes.size;
  let count = 0;
  for (const {labels} of heartbeats.nodes.values()) if (selects(labels)) count += 1;
  return count;
}
