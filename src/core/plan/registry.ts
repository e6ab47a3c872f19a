/** Decides what a namespace's LeaseRegistry says, and the smallest patch that makes it so. */
import type {LeaseRegistrySpec, RegisteredName} from '../../api/leaseregistry.ts';
import type {LeaseView} from '../lease/lifetime.ts';
import {type Claim, subjectText} from '../naming/claims.ts';
import type {Now} from '../now.ts';
import {type Plan, type RegistryPatch, sooner} from './action.ts';

/** An object of more than about 1.5 MB is refused by etcd; one retired name takes some 60 bytes. */
const MAX_RETIRED = 2000;

export type RegistryObservation = {
  readonly namespace: string;
  /** Whether a policy governs the namespace and it isn't going away. */
  readonly governed: boolean;
  readonly terminating: boolean;
  /** Claims that keep their name, of Leases here or of workloads here. */
  readonly claims: readonly Claim[];
  /** Old names that stay allowed because somebody still holds them, with the claim of their subject. */
  readonly heldOld: readonly {lease: LeaseView; claim: Claim}[];
  /** Workloads here that no policy selects, where Pods wait for the names of the others. */
  readonly bystanders: readonly string[];
  /** For how many milliseconds somebody else still holds a Lease of ours here; 0 when nobody does. */
  readonly heldForMs: (name: string) => number;
  /** Exempt names, each with the moment at which that ends: wall milliseconds, Infinity for never. */
  readonly exempt: ReadonlyMap<string, number>;
  readonly current: {uid: string; resourceVersion: string; spec: LeaseRegistrySpec} | undefined;
  /** Whether a subject has a Lease of this name again, which goes on with the retired counter. */
  readonly exists: (name: string, transitions: number) => boolean;
};

export function planRegistry(observed: RegistryObservation, now: Now): Plan {
  const {namespace, current, governed, terminating, exempt, claims, heldForMs} = observed;
  const plan: Plan = {actions: [], findings: []};
  const firstEnd = Math.min(...exempt.values());
  if (Number.isFinite(firstEnd)) plan.requeueAfterMs = firstEnd - now.wallMs;
  const claimed = new Set(claims.map(each => each.leaseKey));
  for (const name of Object.keys(current?.spec.names ?? {}).filter(
    each => !claimed.has(`${namespace}/${each}`),
  ))
    plan.requeueAfterMs = sooner(plan.requeueAfterMs, heldForMs(name) || undefined);
  if (terminating) return plan;
  if (!current) {
    if (governed)
      plan.actions.push({type: 'createRegistry', namespace, spec: {...desired(observed), retired: {}}});
    return plan;
  }
  if (!governed && Object.keys(current.spec.retired).length === 0) {
    const {uid, resourceVersion} = current;
    plan.actions.push({type: 'deleteRegistry', namespace, uid, resourceVersion});
    return plan;
  }
  const patch = difference(current.spec, desired(observed), outlived(observed, current.spec.retired));
  if (Object.keys(patch).length > 0) plan.actions.push({type: 'patchRegistry', namespace, patch});
  return plan;
}

/** Without inherited keys: a Lease may be called constructor. */
const emptyRecord = <Value>(): Record<string, Value> => Object.create(null);

type Desired = Omit<LeaseRegistrySpec, 'retired'>;

function desired(observed: RegistryObservation): Desired {
  const {exempt} = observed;
  const [names, subjects] = [namesOf(observed), subjectsOf(observed)];
  const exemptNames = [...exempt.keys()].sort();
  const exemptUntil = emptyRecord<string>();
  for (const [name, endsMs] of exempt) if (Number.isFinite(endsMs)) exemptUntil[name] = timestamp(endsMs);
  const allowed = allowedText([...new Set([...Object.keys(names).sort(), ...exemptNames])]);
  return {names, subjects, exempt: exemptNames, exemptUntil, allowed};
}

function namesOf({namespace, claims, heldOld, heldForMs, current}: RegistryObservation) {
  const names = emptyRecord<RegisteredName>();
  for (const claim of claims) {
    const name = nameOf(claim);
    if (name !== undefined && claim.leaseNamespace === namespace) names[name] = entry(claim);
  }
  for (const {lease, claim} of heldOld) names[lease.name] ??= entry(claim);
  // The workload is gone and its Pod still leads: until it ends, nobody else writes its Lease.
  for (const [name, said] of Object.entries(current?.spec.names ?? {}))
    if (!Object.hasOwn(names, name) && heldForMs(name) > 0) names[name] = said;
  return names;
}

function subjectsOf({namespace, claims, bystanders}: RegistryObservation) {
  const subjects = emptyRecord<Record<string, string>>();
  for (const subject of bystanders) subjects[subject] = {};
  for (const claim of claims) {
    const name = nameOf(claim);
    if (name === undefined || claim.workload.namespace !== namespace) continue;
    const subject = subjectText(claim.workload, namespace);
    const here = claim.leaseNamespace === namespace;
    subjects[subject] = {
      ...subjects[subject],
      [claim.policy]: here ? name : `${claim.leaseNamespace}/${name}`,
    };
  }
  return subjects;
}

const nameOf = ({leaseKey, leaseNamespace}: Claim) => leaseKey?.slice(leaseNamespace.length + 1);

/** As the server's timestamps: without a fraction of a second. */
const timestamp = (wallMs: number) => new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');

/** How many allowed names a message lists. */
const NAMES_IN_MESSAGE = 3;

/** The first few names, and how many more there are. */
export function allowedText(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_IN_MESSAGE);
  const more = names.length - shown.length;
  if (shown.length === 0) return 'none';
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}

const entry = ({policy, subject, workload}: Claim): RegisteredName => ({
  policy,
  subject,
  serviceAccount: workload.serviceAccount,
});

/** Retired names that came back and go on counting, and the first ones beyond the limit. */
function outlived({exists}: RegistryObservation, retired: LeaseRegistrySpec['retired']): string[] {
  const names = Object.keys(retired);
  const back = names.filter(name => exists(name, retired[name]?.transitions ?? 0));
  const kept = names.filter(name => !back.includes(name));
  return [...back, ...kept.slice(0, Math.max(0, kept.length - MAX_RETIRED))];
}

function difference(current: LeaseRegistrySpec, wanted: Desired, outlived: readonly string[]): RegistryPatch {
  const patch: RegistryPatch = {};
  const names = changes(current.names, wanted.names);
  const subjects = changes(current.subjects, wanted.subjects);
  if (names) patch.names = names;
  if (subjects) patch.subjects = subjects;
  if (!same(current.exempt, wanted.exempt)) patch.exempt = [...wanted.exempt];
  const exemptUntil = changes(current.exemptUntil, wanted.exemptUntil);
  if (exemptUntil) patch.exemptUntil = exemptUntil;
  if (current.allowed !== wanted.allowed) patch.allowed = wanted.allowed;
  if (outlived.length > 0) patch.retired = Object.fromEntries(outlived.map(name => [name, null]));
  return patch;
}

/** A merge patch of single keys: null removes one. A nested key that is gone is removed too. */
function changes<Value extends object | string>(
  current: Record<string, Value>,
  wanted: Record<string, Value>,
): Record<string, Value | null> | undefined {
  const patch = emptyRecord<Value | null>();
  for (const key of Object.keys(current)) if (!Object.hasOwn(wanted, key)) patch[key] = null;
  for (const [key, value] of Object.entries(wanted)) {
    const before = Object.hasOwn(current, key) ? current[key] : undefined;
    if (!same(before, value)) patch[key] = merged(before, value);
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

function merged<Value extends object | string>(before: Value | undefined, value: Value): Value {
  if (typeof value === 'string') return value;
  const gone = Object.keys(before ?? {}).filter(key => !Object.hasOwn(value, key));
  return {...Object.fromEntries(gone.map(key => [key, null])), ...(value as object)} as Value;
}

function same(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length &&
    keys.every(key => same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
  );
}
