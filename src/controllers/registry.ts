/** Keeps each governed namespace's LeaseRegistry. */
import {REGISTRY_NAME} from '../api/objects.ts';
import {canInject} from '../core/admission/injection.ts';
import {holding, isHeldByOthers, isManaged, type LeaseView} from '../core/lease/lifetime.ts';
import {type Claim, subjectText} from '../core/naming/claims.ts';
import {exemption} from '../core/naming/rules.ts';
import type {Now} from '../core/now.ts';
import {planRegistry, type RegistryObservation} from '../core/plan/registry.ts';
import type {World} from '../world/world.ts';
import type {Controller} from './controller.ts';

export const registryController: Controller<RegistryObservation> = {
  name: 'registry',
  observe(namespace, world, now) {
    const claims = [...world.claims.inNamespace(namespace)].filter(claim => keepsName(claim, world));
    const governing = world.governing(namespace);
    return {
      namespace,
      governed: governing.length > 0,
      terminating: world.namespaces.get(namespace)?.terminating !== false,
      claims,
      heldOld: claims.flatMap(claim => heldOldNames(claim, namespace, world, now)),
      bystanders: bystanders(namespace, world),
      heldForMs: name => heldForMs(world.lease(`${namespace}/${name}`, now.monotonicMs), now),
      exempt: exemptNames(namespace, world, now),
      current: world.registries.get(`${namespace}/${REGISTRY_NAME}`),
      exists: (name, transitions) => goesOn(`${namespace}/${name}`, transitions, world),
    };
  },
  plan: planRegistry,
};

function heldForMs(lease: LeaseView | undefined, now: Now): number {
  if (!lease || !isManaged(lease) || !isHeldByOthers(lease, now.monotonicMs)) return 0;
  return holding(lease, now.monotonicMs).changesInMs ?? 0;
}

/** Whether a subject has the name again; a Lease that is about to be deleted still exists. */
function goesOn(key: string, transitions: number, world: World): boolean {
  return world.claims.winner(key) !== undefined && (world.leases.get(key)?.transitions ?? -1) >= transitions;
}

function keepsName(claim: Claim, world: World): boolean {
  const key = claim.leaseKey;
  return key !== undefined && world.claims.winner(key) === claim;
}

function heldOldNames(claim: Claim, namespace: string, world: World, now: Now) {
  if (claim.leaseNamespace !== namespace) return [];
  return world.leaseIndex
    .ofSubject(claim.policy, namespace, claim.subject)
    .filter(key => key !== claim.leaseKey)
    .flatMap(key => world.lease(key, now.monotonicMs) ?? [])
    .filter(lease => isHeldByOthers(lease, now.monotonicMs))
    .map(lease => ({lease, claim}));
}

/**
 * Where a policy with a selector injects names, a Pod waits until it is known whether its workload is selected: so the
 * registry tells also of workloads that are not.
 */
function bystanders(namespace: string, world: World): string[] {
  if (!world.waitsForNames(namespace)) return [];
  const found: string[] = [];
  for (const {ref, store} of world.sources.values()) {
    if (!canInject(ref.apiVersion, ref.kind)) continue;
    for (const row of store.values())
      if (row.namespace === namespace) found.push(subjectText(row, namespace));
  }
  return found;
}

/** Names that are exempt here, each with the moment at which that ends. Our own Lease has no policy. */
function exemptNames(namespace: string, world: World, now: Now): Map<string, number> {
  const names = new Map<string, number>();
  const {ownLease} = world.options;
  if (ownLease.startsWith(`${namespace}/`))
    names.set(ownLease.slice(namespace.length + 1), Number.POSITIVE_INFINITY);
  for (const rules of world.governing(namespace)) {
    for (const {name} of rules.exempt) {
      const untilMs = exemption(rules, namespace, name, now.wallMs);
      if (untilMs !== undefined) names.set(name, Math.max(untilMs, names.get(name) ?? 0));
    }
  }
  return names;
}
