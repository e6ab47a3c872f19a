/** Judges the heartbeat of one node: whether it is renewed, by whom, and what is left when the node is gone. */
import type {LeaseClass} from '../lease/classify.ts';
import {type Finding, leaseRef, type ObjectRef} from '../lease/finding.ts';
import {holding, type LeaseView, type Lifetime} from '../lease/lifetime.ts';
import {type Ailment, recordAilments} from '../lease/record.ts';
import {excerpt} from '../legible.ts';
import {HEARTBEATS} from '../naming/rules.ts';
import type {SystemRules} from '../naming/system-rules.ts';
import type {Now} from '../now.ts';
import type {Labels} from '../selector.ts';
import {type Garbage, type LeaseState, type Plan, sooner} from './action.ts';
import {fateOf, leftoverGarbage} from './leftover.ts';

/** How long a new node may be without a Lease, which its kubelet makes a moment after it. */
const NEW_NODE_MS = 60_000;

/** How long a Lease may outlive its node: the API server deletes it behind the node, and lists are read anew. */
const PATIENCE_MS = 60_000;

/** What the caches keep of a node. */
export type NodeView = {
  readonly name: string;
  readonly uid: string;
  readonly labels: Labels;
  /** Whether kwok stands in for its kubelet, and holds its Lease. */
  readonly isSimulated: boolean;
  /** Monotonic milliseconds at which this process first saw it. */
  readonly seenAtMs: number;
};

export type HeartbeatObservation = {
  readonly name: string;
  readonly node: NodeView | undefined;
  readonly lease: LeaseView | undefined;
  readonly class: LeaseClass;
  /** Since when this process knows that there is no such node, in monotonic milliseconds; undefined when it can't tell. */
  readonly absentSinceMs: number | undefined;
  /** Policies of nodes that select the node; when it is gone, those that select all. */
  readonly policies: readonly SystemRules[];
};

export function planHeartbeat(observed: HeartbeatObservation, now: Now): Plan {
  const {node, lease, policies} = observed;
  if (policies.length === 0 || (!node && !lease)) return {actions: [], findings: []};
  if (!lease) return planMissing(observed, now);
  // When it runs out the next list tells, which is all that can: so there is no time at which to look again.
  const {state} = holding(lease, now.monotonicMs);
  const mayBeLeft = state !== 'held' && state !== 'unknown';
  const judged = policies.map(rules => {
    const leftInMs = mayBeLeft ? orphanedInMs(observed, rules, now) : undefined;
    const isLeft = leftInMs !== undefined && leftInMs <= 0;
    return {rules, lifetime: isLeft ? 'orphaned' : state, againInMs: isLeft ? undefined : leftInMs} as const;
  });
  const garbage = judged.flatMap(({rules, lifetime}) =>
    lifetime === 'orphaned' ? (garbageOf(observed, lease, rules) ?? []) : [],
  );
  return {
    actions: [],
    findings: judged.flatMap(({rules, lifetime}) => findings(observed, lease, rules, lifetime, now)),
    states: judged.map(({rules: {policy}, lifetime}) => stateOf(policy, observed, lifetime)),
    // One policy is enough to delete it.
    garbage: garbage.slice(0, 1),
    requeueAfterMs: judged.map(({againInMs}) => againInMs).reduce(sooner, undefined),
  };
}

/** When a Lease without a node is one that was left behind; undefined while there may be a node. */
function orphanedInMs(
  {absentSinceMs}: HeartbeatObservation,
  {collection}: SystemRules,
  {monotonicMs}: Now,
): number | undefined {
  if (absentSinceMs === undefined) return undefined;
  // What is about to be deleted is told of before.
  return absentSinceMs + Math.min(PATIENCE_MS, (collection.ttlSeconds * 1000) / 2) - monotonicMs;
}

const stateOf = (policy: string, observed: HeartbeatObservation, lifetime: Lifetime): LeaseState => ({
  policy,
  class: observed.class,
  lifetime,
  claimed: observed.node !== undefined,
});

/** For how many milliseconds nobody wonders yet that the node has no Lease. */
export const newForMs = ({seenAtMs}: NodeView, {monotonicMs}: Now) => seenAtMs + NEW_NODE_MS - monotonicMs;

function planMissing({name, node, policies}: HeartbeatObservation, now: Now): Plan {
  if (!node) return {actions: [], findings: []};
  const dueInMs = newForMs(node, now);
  if (dueInMs > 0) return {actions: [], findings: [], requeueAfterMs: dueInMs};
  const message = `node ${name} has no Lease in ${HEARTBEATS}: its kubelet has not reported; look at it`;
  const about = nodeRef(node);
  return {
    actions: [],
    findings: policies.map(({policy}) => ({policy, reason: 'MissingLease', about, message})),
  };
}

function findings(
  {node, class: kind}: HeartbeatObservation,
  lease: LeaseView,
  rules: SystemRules,
  lifetime: Lifetime,
  now: Now,
): Finding[] {
  const {policy} = rules;
  const about = node ? nodeRef(node) : leaseRef(lease);
  const ailments = [
    ...recordAilments(lease, rules.durationSeconds, now),
    ...(node ? nodeAilments(node, lease, lifetime) : []),
    ...(lifetime === 'orphaned' ? [orphan(lease, rules, kind)] : []),
  ];
  return ailments.map(({reason, message}) => ({policy, reason, about, message}));
}

function nodeAilments(node: NodeView, lease: LeaseView, lifetime: Lifetime): Ailment[] {
  const {name} = node;
  const found: Ailment[] = [];
  if (lifetime === 'expired' || lifetime === 'released') {
    const message = `node ${name} has let the ${lease.durationSeconds} seconds of its Lease pass without a heartbeat: look at its kubelet`;
    found.push({reason: 'StaleHeartbeat', message});
  }
  if (!node.isSimulated && lease.holder !== '' && lease.holder !== name) {
    const message = `the Lease of node ${name} is held by ${excerpt(lease.holder)}, and not by the node: two kubelets may have one name`;
    found.push({reason: 'IdentityMismatch', message});
  }
  if (!lease.owners.some(owner => owner.kind === 'Node' && owner.name === name)) {
    const message = `the Lease of node ${name} has no owner reference to it, and stays when the node goes: delete it, and the kubelet makes it anew with one`;
    found.push({reason: 'MissingOwner', message});
  }
  return found;
}

function orphan(lease: LeaseView, rules: SystemRules, kind: LeaseClass): Ailment {
  const message = `node ${lease.name} is gone and its Lease is still there: `;
  const problem = keptBecause(lease, kind);
  if (problem !== undefined) return {reason: 'OrphanedLease', message: `${message}${problem}`};
  return {reason: 'OrphanedLease', message: message + fateOf(rules.collection)};
}

/** Why it is never deleted, whatever the mode; undefined when it may be. */
function keptBecause(lease: LeaseView, kind: LeaseClass): string | undefined {
  if (kind !== 'node-heartbeat') return 'it does not look like a heartbeat, so it stays';
  // kwok holds the Leases of all its nodes by its own name, and makes and deletes nodes as it likes.
  if (lease.holder !== lease.name)
    return `its holder is ${excerpt(lease.holder) || 'nobody'} and not the node, so it stays`;
  return undefined;
}

function garbageOf(
  {class: kind, absentSinceMs}: HeartbeatObservation,
  lease: LeaseView,
  rules: SystemRules,
): Garbage | undefined {
  if (absentSinceMs === undefined || keptBecause(lease, kind) !== undefined) return undefined;
  const {name} = lease;
  return leftoverGarbage(lease, rules, {
    sinceMs: absentSinceMs,
    subject: `Node/${name}`,
    check: {expect: 'absent', path: `/api/v1/nodes/${name}`},
  });
}

const nodeRef = ({name, uid}: NodeView): ObjectRef => ({
  apiVersion: 'v1',
  kind: 'Node',
  namespace: '',
  name,
  uid,
});
