/** Finds Leases by the subject that they are bound to, and by namespace. */
import {LABELS} from '../api/objects.ts';
import type {LeaseView} from '../core/lifetime.ts';

export class LeaseIndex {
  readonly #bySubject = new Map<string, readonly string[]>();
  readonly #byNamespace = new Map<string, Set<string>>();

  /** Keys of the Leases of a subject under a policy: its present name and earlier ones. */
  ofSubject(policy: string, namespace: string, subject: string): readonly string[] {
    return this.#bySubject.get(`${policy} ${namespace} ${subject}`) ?? [];
  }

  inNamespace(namespace: string): Iterable<string> {
    return this.#byNamespace.get(namespace) ?? [];
  }

  put(lease: LeaseView, previous: LeaseView | undefined): void {
    const known = this.#byNamespace.get(lease.namespace) ?? new Set();
    this.#byNamespace.set(lease.namespace, known.add(lease.key));
    const [before, now] = [previous && subjectKey(previous), subjectKey(lease)];
    if (before === now) return;
    if (previous && before !== undefined) this.#unbind(before, previous.key);
    if (now !== undefined) this.#bySubject.set(now, [...(this.#bySubject.get(now) ?? []), lease.key]);
  }

  remove(lease: LeaseView): void {
    this.#byNamespace.get(lease.namespace)?.delete(lease.key);
    const bound = subjectKey(lease);
    if (bound !== undefined) this.#unbind(bound, lease.key);
  }

  #unbind(subject: string, key: string): void {
    const rest = (this.#bySubject.get(subject) ?? []).filter(other => other !== key);
    if (rest.length > 0) this.#bySubject.set(subject, rest);
    else this.#bySubject.delete(subject);
  }
}

function subjectKey({labels, namespace, subject}: LeaseView): string | undefined {
  const policy = labels[LABELS.policy];
  return policy === undefined || subject === undefined ? undefined : `${policy} ${namespace} ${subject}`;
}
