/** Judges each Lease: its state, its findings, and whether it is garbage. */
import {LABELS} from '../api/objects.ts';
import type {SubjectCheck} from '../core/action.ts';
import type {Claim} from '../core/claims.ts';
import {isHeldByOthers, isManaged, type LeaseView} from '../core/lifetime.ts';
import {type LeaseObservation, planLease} from '../core/plan-lease.ts';
import {allowedText} from '../core/plan-registry.ts';
import type {Now} from '../core/plan-workload.ts';
import {exemption, type Rules} from '../core/rules.ts';
import type {Controller} from './controller.ts';
import type {World} from './world.ts';

export const leaseController: Controller<LeaseObservation> = {
  name: 'lease',
  observe(key, world, now) {
    const lease = world.leases.get(key);
    if (!lease) return NOTHING;
    const governing = world.governing(lease.namespace);
    const claim = world.claims.winner(key);
    const rules = rulesOf(lease, world, governing);
    const ends = governing.flatMap(each => exemption(each, lease.namespace, lease.name, now.wallMs) ?? []);
    const unknown = !claim && !(isManaged(lease) && rules);
    return {
      lease,
      rules,
      claim,
      subjectsKnown: [...governing, ...(rules ? [rules] : [])].every(each => world.subjectsKnown(each)),
      check: rules && subjectCheck(lease, world, rules),
      handingOver: isHandingOver(lease, claim, world, now),
      governing,
      allowed: unknown && governing.length > 0 ? allowedNames(lease.namespace, world) : '',
      exemptUntilMs: ends.length > 0 ? Math.max(...ends) : undefined,
      own: key === world.options.ownLease,
    };
  },
  plan: planLease,
};

const NOTHING: LeaseObservation = {
  lease: undefined,
  rules: undefined,
  claim: undefined,
  subjectsKnown: false,
  check: undefined,
  handingOver: false,
  governing: [],
  allowed: '',
  exemptUntilMs: undefined,
  own: false,
};

/** The policy by whose word the Lease is judged. */
function rulesOf(lease: LeaseView, world: World, governing: readonly Rules[]): Rules | undefined {
  const claim = world.claims.winner(lease.key);
  if (claim) return world.rules.get(claim.policy);
  if (isManaged(lease)) return world.rules.get(lease.labels[LABELS.policy] ?? '');
  return governing.find(rules => rules.collection.mode === 'All' && rules.bears(lease.name));
}

/** The present name is no part of it: its holder is the one to whom the old names are handed over. */
function isHandingOver(lease: LeaseView, claim: Claim | undefined, world: World, now: Now): boolean {
  const policy = lease.labels[LABELS.policy];
  if (claim || policy === undefined || lease.subject === undefined) return false;
  return world.leaseIndex
    .ofSubject(policy, lease.namespace, lease.subject)
    .filter(key => key !== lease.key && world.claims.winner(key)?.subject !== lease.subject)
    .flatMap(key => world.leases.get(key) ?? [])
    .some(other => isHeldByOthers(other, now.monotonicMs));
}

function subjectCheck(lease: LeaseView, world: World, rules: Rules): SubjectCheck | undefined {
  if (!isManaged(lease)) return {expect: 'nothing'};
  const id = world.subjectOf(lease);
  const [resource, namespace, name] = id?.split('/') ?? [];
  const source = rules.kinds.map(ref => world.inForce.source(ref)).find(each => each?.resource === resource);
  if (!source || id === undefined) return undefined;
  const path = `${source.root}/namespaces/${namespace}/${source.plural}/${name}`;
  const living = world.workload(id);
  return living ? {expect: 'labels', path, labels: living.labels} : {expect: 'absent', path};
}

function allowedNames(namespace: string, world: World): string {
  const names = new Set<string>();
  for (const {leaseKey} of world.claims.inNamespace(namespace)) {
    if (leaseKey?.startsWith(`${namespace}/`)) names.add(leaseKey.slice(namespace.length + 1));
  }
  return allowedText([...names].sort());
}
