/** Everything about one Lease: what is known of it, what would be done now, and what becomes of it. */
import {componentsController} from '../controllers/components.ts';
import {heartbeatController} from '../controllers/heartbeat.ts';
import type {LeaseView, Lifetime} from '../core/lease/lifetime.ts';
import {HEARTBEATS} from '../core/naming/rules.ts';
import type {Now} from '../core/now.ts';
import type {Action, Garbage} from '../core/plan/action.ts';
import {type ActionText, actionText} from '../core/plan/action-text.ts';
import {type Fate, fateOf, type System} from '../core/plan/fate.ts';
import {planHeartbeat} from '../core/plan/heartbeat.ts';
import {planLease} from '../core/plan/lease.ts';
import type {LeaseFacts} from './lease-facts.ts';
import {FactFinder} from './lease-facts.ts';
import type {Snapshot} from './snapshot.ts';

export type Explanation = {
  readonly facts: LeaseFacts;
  /** What an operator that starts now would do with it at once. */
  readonly actions: readonly ActionText[];
  readonly fate: Fate;
};

export function explain(lease: LeaseView, snapshot: Snapshot, now: Now): Explanation {
  const finder = new FactFinder(snapshot, now);
  const facts = finder.of(lease);
  const looks = [...snapshot.rehearsal.advance(now).values()];
  const actions = looks.flatMap(({plan}) => plan.actions).filter(action => isAbout(action, lease));
  return {
    facts,
    actions: actions.map(actionText),
    fate: fateOfLease(lease, facts.state, finder, snapshot, now),
  };
}

function isAbout(action: Action, {namespace, name}: LeaseView): boolean {
  if (action.type === 'writeStatus' || action.type === 'emitEvent') return false;
  const text = actionText(action);
  return text.kind === 'Lease' && text.namespace === namespace && text.name === name;
}

/** Without these nobody knows which policies there are, and where they are in force. */
const POLICIES_NEED = ['leasepolicies', 'namespaces'];

function fateOfLease(
  lease: LeaseView,
  state: Lifetime,
  finder: FactFinder,
  snapshot: Snapshot,
  now: Now,
): Fate {
  const unread = POLICIES_NEED.filter(resource => snapshot.problems.get(resource)?.isNotFound === false);
  if (unread.length > 0)
    return {what: 'unknown', because: `by which policies it is judged shows in ${unread.join(' and ')}`};
  const heard = finder.heard(lease);
  const observed = finder.observe(lease);
  const system = systemOf(lease, snapshot, now);
  const garbage = garbageOf(lease, heard, finder, snapshot, now);
  const policy = garbage?.policy ?? observed?.rules?.policy ?? '';
  const stopped = snapshot.world.stopped.get(policy);
  return fateOf({lease, heard, state, observed, system, garbage, stopped}, now);
}

function garbageOf(
  lease: LeaseView,
  heard: LeaseView,
  finder: FactFinder,
  {world}: Snapshot,
  now: Now,
): Garbage | undefined {
  const observed = finder.observe(lease);
  if (!observed) {
    const beat = heartbeatController.observe(lease.name, world, now);
    if (!beat.lease) return undefined;
    return planHeartbeat({...beat, lease: {...beat.lease, changedAtMs: heard.changedAtMs}}, now).garbage?.[0];
  }
  const [own] = planLease({...observed, lease: heard}, now).garbage ?? [];
  return own ?? bucketGarbage(lease, heard, world, now);
}

/** A bucket that a policy of components collects; its wait begins with the last change. */
function bucketGarbage(
  lease: LeaseView,
  heard: LeaseView,
  world: Snapshot['world'],
  now: Now,
): Garbage | undefined {
  for (const key of world.systemPolicies(lease)) {
    if (!key.startsWith('components/')) continue;
    const observed = componentsController.observe(key.slice('components/'.length), world, now);
    const found = componentsController
      .plan(observed, now)
      .garbage?.find(({collect}) => collect.lease.uid === lease.uid);
    if (found) return {...found, dueAtMs: found.dueAtMs - lease.changedAtMs + heard.changedAtMs};
  }
  return undefined;
}

function systemOf(lease: LeaseView, {world}: Snapshot, now: Now): System | undefined {
  const {namespace, name} = lease;
  if (namespace === HEARTBEATS) {
    const {policies, node} = heartbeatController.observe(name, world, now);
    const rules = policies.find(each => each.collection.mode === 'All') ?? policies[0];
    const mode = rules?.collection.mode;
    return {kind: 'Node', mode, policy: rules?.policy, hasNode: node !== undefined};
  }
  if (world.classify(lease).class === 'apiserver-identity')
    return {kind: 'APIServer', mode: undefined, policy: undefined, hasNode: false};
  const [key] = world.systemPolicies(lease);
  if (key === undefined) return undefined;
  const policy = key.slice(key.indexOf('/') + 1);
  const mode = world.systemRules.get(policy)?.collection.mode;
  return {kind: 'Component', mode, policy, hasNode: false};
}
