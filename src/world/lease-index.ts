/** Finds Leases by the subject that they are bound to, and by namespace. */
import {LABELS} from '../api/objects.ts';
import type {LeaseView} from '../core/lease/lifetime.ts';

export class LeaseIndex {
  /** By policy, namespace and subject; joining them for each look-up would cost more than the rest of it. */
  readonly #bySubject = new Map<string, Map<string, Map<string, readonly string[]>>>();
  readonly #byNamespace = new Map<string, Set<string>>();
  /** Of names that products may share, as no others are looked for in all namespaces. */
  readonly #byName = new Map<string, Set<string>>();
  readonly #mayBeShared: (lease: LeaseView) => boolean;

  constructor(mayBeShared: (lease: LeaseView) => boolean) {
    this.#mayBeShared = mayBeShared;
  }

  /** Keys of the Leases of a subject under a policy: its present name and earlier ones. */
  ofSubject(policy: string, namespace: string, subject: string): readonly string[] {
    return this.#bySubject.get(policy)?.get(namespace)?.get(subject) ?? [];
  }

  inNamespace(namespace: string): Iterable<string> {
    return this.#byNamespace.get(namespace) ?? [];
  }

  /** Keys of the Leases of this name in all namespaces; of names that products may share alone. */
  ofName(name: string): Iterable<string> {
    return this.#byName.get(name) ?? [];
  }

  put(lease: LeaseView, previous: LeaseView | undefined): void {
    entry(this.#byNamespace, lease.namespace, () => new Set<string>()).add(lease.key);
    if (this.#mayBeShared(lease)) entry(this.#byName, lease.name, () => new Set<string>()).add(lease.key);
    if (previous && policyOf(previous) === policyOf(lease) && previous.subject === lease.subject) return;
    if (previous) this.#unbind(previous);
    this.#bind(lease);
  }

  remove(lease: LeaseView): void {
    drop(this.#byNamespace, lease.namespace, lease.key);
    drop(this.#byName, lease.name, lease.key);
    this.#unbind(lease);
  }

  #bind(lease: LeaseView): void {
    const [policy, {subject}] = [policyOf(lease), lease];
    if (policy === undefined || subject === undefined) return;
    const ofPolicy = entry(this.#bySubject, policy, () => new Map<string, Map<string, readonly string[]>>());
    const ofNamespace = entry(ofPolicy, lease.namespace, () => new Map<string, readonly string[]>());
    ofNamespace.set(subject, [...(ofNamespace.get(subject) ?? []), lease.key]);
  }

  #unbind(lease: LeaseView): void {
    const [policy, {subject, namespace}] = [policyOf(lease), lease];
    if (policy === undefined || subject === undefined) return;
    const rest = this.ofSubject(policy, namespace, subject).filter(key => key !== lease.key);
    const ofPolicy = this.#bySubject.get(policy);
    const ofNamespace = ofPolicy?.get(namespace);
    if (rest.length > 0) ofNamespace?.set(subject, rest);
    else ofNamespace?.delete(subject);
    if (ofNamespace?.size === 0) ofPolicy?.delete(namespace);
    if (ofPolicy?.size === 0) this.#bySubject.delete(policy);
  }

  /** How many places have anything in them: none are kept for namespaces, names and policies that were there once. */
  get size(): number {
    const ofSubjects = [...this.#bySubject.values()].reduce((sum, {size}) => sum + 1 + size, 0);
    return this.#byNamespace.size + this.#byName.size + ofSubjects;
  }
}

const policyOf = ({labels}: LeaseView): string | undefined => labels[LABELS.policy];

function drop<K>(map: Map<K, Set<string>>, key: K, value: string): void {
  const set = map.get(key);
  set?.delete(value);
  if (set?.size === 0) map.delete(key);
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
