/** Who claims which Lease name: the index from workloads to names and back, with the winner of each name. */
import type {Labels} from '../selector.ts';
import type {NameResult} from './name.ts';
import type {Rules} from './rules.ts';

/** What the caches keep of a workload. */
export type Workload = {
  /** resource/namespace/name, such as deployments.apps/shop/api: unique among all workloads. */
  readonly id: string;
  /** The resource with its group, such as deployments.apps. */
  readonly resource: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly createdAt: string;
  readonly terminating: boolean;
  readonly labels: Labels;
  readonly serviceAccount: string;
  /** Monotonic milliseconds since which this process has seen ready Pods of it; undefined while it has none. */
  readonly readySinceMs: number | undefined;
};

/** One workload's claim to one Lease under one policy. */
export type Claim = {
  readonly policy: string;
  readonly workload: Workload;
  readonly leaseNamespace: string;
  /** Kind/name, or Kind/namespace/name when the Lease is elsewhere. */
  readonly subject: string;
  readonly result: NameResult;
  /** namespace/name of the Lease, undefined when it has no valid name. */
  readonly leaseKey: string | undefined;
};

/** How a subject is written in the registry and on its Lease. */
export function subjectText(
  workload: Pick<Workload, 'kind' | 'namespace' | 'name'>,
  leaseNamespace: string,
): string {
  const {kind, namespace, name} = workload;
  return namespace === leaseNamespace ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
}

const SUBJECT = /^([A-Za-z0-9]+)\/(?:([a-z0-9][-a-z0-9]*)\/)?([a-z0-9][-a-z0-9.]*)$/;

/** The workload that such a text names; undefined for a text of another form, which anybody may have written. */
export function parseSubject(
  text: string,
  leaseNamespace: string,
): Pick<Workload, 'kind' | 'namespace' | 'name'> | undefined {
  const [, kind, namespace = leaseNamespace, name] = SUBJECT.exec(text) ?? [];
  return kind === undefined || name === undefined ? undefined : {kind, namespace, name};
}

/** The claim of a workload under these rules, or undefined when they do not select it. */
export function claimOf(workload: Workload, namespaceLabels: Labels, rules: Rules): Claim | undefined {
  if (!rules.kinds.some(({kind, apiVersion}) => kind === workload.kind && apiVersion === workload.apiVersion))
    return;
  if (!rules.governsNamespace(workload.namespace, namespaceLabels) || !rules.selectsWorkload(workload.labels))
    return;
  const leaseNamespace = rules.lease.namespace || workload.namespace;
  const result = rules.nameOf(workload);
  return {
    policy: rules.policy,
    workload,
    leaseNamespace,
    subject: subjectText(workload, leaseNamespace),
    result,
    leaseKey: 'name' in result ? `${leaseNamespace}/${result.name}` : undefined,
  };
}

/** A mutable index; every method is synchronous. */
export class ClaimIndex {
  readonly #byWorkload = new Map<string, readonly Claim[]>();
  readonly #byLease = new Map<string, readonly Claim[]>();
  readonly #byNamespace = new Map<string, Set<Claim>>();
  readonly #perPolicy = new Map<string, number>();

  /** Replaces the claims of a workload; an empty list removes it. Returns the keys of the Leases concerned. */
  set(id: string, claims: readonly Claim[]): string[] {
    const before = this.of(id);
    for (const claim of before) this.#remove(claim);
    for (const claim of claims) this.#add(claim);
    if (claims.length > 0) this.#byWorkload.set(id, claims);
    else this.#byWorkload.delete(id);
    return [...before, ...claims].flatMap(claim => claim.leaseKey ?? []);
  }

  of(id: string): readonly Claim[] {
    return this.#byWorkload.get(id) ?? [];
  }

  /** All who claim the name, the oldest workload first: it keeps the name. */
  claimants(leaseKey: string): readonly Claim[] {
    return this.#byLease.get(leaseKey) ?? [];
  }

  winner(leaseKey: string): Claim | undefined {
    return this.#byLease.get(leaseKey)?.[0];
  }

  /** Claims for Leases in this namespace, and of workloads in it. */
  inNamespace(namespace: string): Iterable<Claim> {
    return this.#byNamespace.get(namespace) ?? [];
  }

  count(policy: string): number {
    return this.#perPolicy.get(policy) ?? 0;
  }

  #add(claim: Claim): void {
    const key = claim.leaseKey;
    if (key !== undefined) this.#byLease.set(key, [...this.claimants(key), claim].sort(byAge));
    for (const namespace of [claim.leaseNamespace, claim.workload.namespace]) {
      const set = this.#byNamespace.get(namespace) ?? new Set();
      this.#byNamespace.set(namespace, set.add(claim));
    }
    this.#perPolicy.set(claim.policy, this.count(claim.policy) + 1);
  }

  #remove(claim: Claim): void {
    const key = claim.leaseKey;
    if (key !== undefined) {
      const rest = this.claimants(key).filter(other => other !== claim);
      if (rest.length > 0) this.#byLease.set(key, rest);
      else this.#byLease.delete(key);
    }
    for (const namespace of [claim.leaseNamespace, claim.workload.namespace]) {
      const set = this.#byNamespace.get(namespace);
      if (set?.delete(claim) && set.size === 0) this.#byNamespace.delete(namespace);
    }
    this.#perPolicy.set(claim.policy, this.count(claim.policy) - 1);
  }
}

function byAge(a: Claim, b: Claim): number {
  const left = `${a.workload.createdAt} ${a.workload.uid} ${a.policy}`;
  const right = `${b.workload.createdAt} ${b.workload.uid} ${b.policy}`;
  return left < right ? -1 : 1;
}
