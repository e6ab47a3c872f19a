/** Judges each Lease: its state, its findings, and whether it is garbage. */
import {LABELS} from '../api/objects.ts';
import {workloadOf} from '../core/lease/holder.ts';
import {isHeldByOthers, isManaged, type LeaseView} from '../core/lease/lifetime.ts';
import {bucketOf} from '../core/naming/bucket.ts';
import type {Claim, Workload} from '../core/naming/claims.ts';
import {exemption, type Rules} from '../core/naming/rules.ts';
import type {Now} from '../core/now.ts';
import type {SubjectCheck} from '../core/plan/action.ts';
import {planLease} from '../core/plan/lease.ts';
import type {LeaseObservation} from '../core/plan/lease-observation.ts';
import {allowedText} from '../core/plan/registry.ts';
import {bucketsChangeInMs, isSuperseded} from '../world/buckets.ts';
import type {World} from '../world/world.ts';
import type {Controller} from './controller.ts';

export const leaseController: Controller<LeaseObservation> = {
  name: 'lease',
  observe(key, world, now) {
    const lease = world.lease(key, now.monotonicMs);
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
      namespaceGoes: world.isTerminating(lease.namespace),
      subjectsKnown: [...governing, ...(rules ? [rules] : [])].every(each => world.subjectsKnown(each)),
      check: rules && subjectCheck(lease, world, rules),
      handingOver: isHandingOver(lease, claim, world, now),
      governing,
      allowed: unknown && governing.length > 0 ? allowedNames(lease.namespace, world) : '',
      exemptUntilMs: ends.length > 0 ? Math.max(...ends) : undefined,
      own: key === world.options.ownLease,
      classification: world.classify(lease),
      changes: world.history.of(key),
      exists: (kind, name) => world.workloadNamed(kind, subjectNamespace(lease, claim), name) !== undefined,
      holderWorkload: holderWorkload(lease, world),
      readySinceMs: claim && world.workload(claim.workload.id)?.readySinceMs,
      namesakes: namesakes(lease, world),
      isSuperseded: isSuperseded(lease, world, now.monotonicMs),
      bucketsChangeInMs: bucketsChangeInMs(lease, world, now.monotonicMs),
      isSystems: [...world.systemPolicies(lease)].length > 0,
    };
  },
  plan: planLease,
};

const NOTHING: LeaseObservation = {
  lease: undefined,
  rules: undefined,
  claim: undefined,
  namespaceGoes: false,
  subjectsKnown: false,
  check: undefined,
  handingOver: false,
  governing: [],
  allowed: '',
  exemptUntilMs: undefined,
  own: false,
  classification: {class: 'unknown', evidence: 'none', because: 'there is no such Lease'},
  changes: [],
  exists: () => false,
  holderWorkload: undefined,
  readySinceMs: undefined,
  namesakes: [],
  isSuperseded: false,
  bucketsChangeInMs: undefined,
  isSystems: false,
};

/** Where the Pods of the holders are: in the namespace of the workload, or else in that of the Lease. */
const subjectNamespace = (lease: LeaseView, claim: Claim | undefined) =>
  claim?.workload.namespace ?? lease.namespace;

/** The workload whose Pod holds the Lease, of those in its namespace that the caches have. */
export function holderWorkload(lease: LeaseView, world: World): Workload | undefined {
  if (lease.holder === '') return undefined;
  const find = (kind: string, name: string) => world.workloadNamed(kind, lease.namespace, name);
  const found = workloadOf(lease.holder, (kind, name) => find(kind, name) !== undefined);
  return found && find(found.kind, found.name);
}

/** Workloads with other names that hold Leases of this name elsewhere. */
function namesakes(lease: LeaseView, world: World): string[] {
  const own = holderWorkload(lease, world);
  if (!own) return [];
  const others = [...world.leaseIndex.ofName(lease.name)].flatMap(key => {
    const other = key === lease.key ? undefined : world.leases.get(key);
    const holder = other && holderWorkload(other, world);
    return holder && holder.name !== own.name ? [`${holder.kind}/${holder.namespace}/${holder.name}`] : [];
  });
  return [...new Set(others)].sort();
}

/** The policy by whose word the Lease is judged. */
function rulesOf(lease: LeaseView, world: World, governing: readonly Rules[]): Rules | undefined {
  const claim = world.claims.winner(lease.key);
  if (claim) return world.rules.get(claim.policy);
  if (isManaged(lease)) return world.rules.get(lease.labels[LABELS.policy] ?? '');
  const base = bucketOf(lease.name)?.base ?? lease.name;
  return governing.find(rules => rules.collection.mode === 'All' && rules.isDistinctive && rules.bears(base));
}

/** The present name is no part of it: its holder is the one to whom the old names are handed over. */
function isHandingOver(lease: LeaseView, claim: Claim | undefined, world: World, now: Now): boolean {
  const policy = lease.labels[LABELS.policy];
  if (claim || policy === undefined || lease.subject === undefined) return false;
  return world.leaseIndex
    .ofSubject(policy, lease.namespace, lease.subject)
    .filter(key => key !== lease.key && world.claims.winner(key)?.subject !== lease.subject)
    .flatMap(key => world.lease(key, now.monotonicMs) ?? [])
    .some(other => isHeldByOthers(other, now.monotonicMs));
}

function subjectCheck(lease: LeaseView, world: World, rules: Rules): SubjectCheck | undefined {
  if (!isManaged(lease)) return {expect: 'nothing'};
  const id = world.subjectOf(lease);
  const [resource, namespace = '', name = ''] = id?.split('/') ?? [];
  const source = rules.kinds.map(ref => world.inForce.source(ref)).find(each => each?.resource === resource);
  if (!source || id === undefined || !isPathSegment(namespace) || !isPathSegment(name)) return undefined;
  const place = `${source.root}/namespaces/${encodeURIComponent(namespace)}`;
  const path = `${place}/${source.plural}/${encodeURIComponent(name)}`;
  const labels = world.workload(id)?.labels;
  if (!labels) return {expect: 'absent', path};
  const namespaceLabels = world.namespaces.get(namespace)?.labels ?? {};
  return {expect: 'labels', path, labels, namespace, namespaceLabels};
}

/** The subject stands in an annotation, which anybody may have written: it must not become another request. */
const isPathSegment = (name: string) => /^(?!\.{1,2}$)[^/%]{1,253}$/.test(name) && name.isWellFormed();

function allowedNames(namespace: string, world: World): string {
  const names = new Set<string>();
  for (const {leaseKey} of world.claims.inNamespace(namespace)) {
    if (leaseKey?.startsWith(`${namespace}/`)) names.add(leaseKey.slice(namespace.length + 1));
  }
  return allowedText([...names].sort());
}
