/** Everything that this process knows of the cluster: stores, rules in force and claims, kept in step by events. */
import type {KindRef} from '../api/leasepolicy.ts';
import {LABELS, REGISTRY_NAME, type RenderedKind} from '../api/objects.ts';
import {leaseOfAccess} from '../core/access.ts';
import {lenientNamespaces} from '../core/admission/frame.ts';
import {type Claim, ClaimIndex, claimOf, type Workload} from '../core/claims.ts';
import {refText} from '../core/finding.ts';
import {isManaged, type LeaseView} from '../core/lifetime.ts';
import type {RenderedView} from '../core/rendered.ts';
import type {Rules} from '../core/rules.ts';
import {isEmptySelector} from '../core/selector.ts';
import type {KindAnswer} from '../runtime/kinds.ts';
import {type Change, type Row, Store} from '../runtime/store.ts';
import {isHeartbeat, sameLabels, sameWorkload} from './changes.ts';
import {Enforcement} from './enforcement.ts';
import {INJECTION_CONFLICT, InForce, type WorkloadSource} from './in-force.ts';
import {LeaseIndex} from './lease-index.ts';
import {Ledger} from './ledger.ts';
import {
  type NamespaceRow,
  type PolicyRow,
  projectWorkload,
  type RegistryRow,
  type WorkloadRow,
} from './project.ts';
import {RenderedObjects} from './rendered-objects.ts';
import type {WatchRequest} from './watch-request.ts';

/** Writes to registries and status that are caused by many events at once are made once, after this wait. */
const COALESCE_REGISTRY_MS = 200;
const COALESCE_STATUS_MS = 500;

export type WorldOptions = {
  /** The Lease of our own election, namespace/name. */
  ownLease: string;
  /** Wants a key to be reconciled, perhaps after a wait in milliseconds. */
  enqueue: (key: string, afterMs?: number) => void;
  kinds: {get(apiVersion: string, kind: string, scope?: 'Any'): KindAnswer};
  /** Starts to watch a resource. */
  watch: <R extends Row>(request: WatchRequest<R>) => void;
};

export class World {
  readonly policies = new Store<PolicyRow>(change => this.#policyChanged(change));
  readonly registries = new Store<RegistryRow>(change => this.#registryChanged(change));
  readonly namespaces = new Store<NamespaceRow>(change => this.#namespaceChanged(change));
  readonly leases = new Store<LeaseView>(change => this.#leaseChanged(change));
  readonly inForce: InForce;
  readonly claims = new ClaimIndex();
  readonly leaseIndex = new LeaseIndex();
  readonly ledger = new Ledger(
    ({policy, reason, about}) =>
      this.policies
        .get(policy)
        ?.status?.findings.find(each => each.reason === reason && each.object === refText(about))?.since,
  );
  /** Why a policy's collection waits for a human. */
  readonly stopped = new Map<string, string>();
  readonly rendered: RenderedObjects;
  readonly enforcement = new Enforcement(policy => this.wantStatus([policy]));
  readonly options: WorldOptions;
  /** The user that the API server takes us for. */
  username = '';

  constructor(options: WorldOptions) {
    this.options = options;
    this.inForce = new InForce({
      kinds: options.kinds,
      watchKind: source => this.#watchKind(source),
      policies: () => this.policies.values(),
      onWorkload: change => this.#workloadChanged(change),
      onRules: () => this.#rulesChanged(),
    });
    this.rendered = new RenderedObjects({
      kinds: options.kinds,
      watch: options.watch,
      onChange: (kind, change) => this.#renderedChanged(kind, change),
      onState: () => this.#renderedReady(),
    });
  }

  /** The rules of each policy that is in force. */
  get rules(): ReadonlyMap<string, Rules> {
    return this.inForce.rules;
  }

  get sources(): ReadonlyMap<string, WorkloadSource> {
    return this.inForce.sources;
  }

  /** Whether the base stores, and those of every kind that a policy in force names, are complete or known to fail. */
  get ready(): boolean {
    const base = [this.policies, this.registries, this.namespaces, this.leases].every(store => store.ready);
    const asked = [...this.inForce.acceptance.values()].every(each => each.accepted !== undefined);
    return (
      base &&
      asked &&
      this.rendered.settled &&
      [...this.sources.values()].every(each => each.store.ready || each.problem !== undefined)
    );
  }

  /** Whether every workload that these rules could select is in the caches. */
  subjectsKnown(rules: Rules): boolean {
    return this.namespaces.ready && rules.kinds.every(ref => this.inForce.source(ref)?.store.ready === true);
  }

  workload(id: string): Workload | undefined {
    const [resource = '', namespace, name] = id.split('/');
    for (const source of this.sources.values()) {
      if (source.resource === resource) return source.store.get(`${namespace}/${name}`);
    }
    return undefined;
  }

  /** Policies in force that govern the namespace's Leases. */
  governing(namespace: string): Rules[] {
    const row = this.namespaces.get(namespace);
    if (!row) return [];
    return [...this.rules.values()].filter(
      rules => rules.lease.namespace === namespace || rules.governsNamespace(namespace, row.labels),
    );
  }

  /** Whether the API server refuses what is not registered in the namespace. */
  denies(namespace: string): boolean {
    return this.governing(namespace).some(
      ({enforcement}) => enforcement.names === 'Deny' || enforcement.holders === 'Deny',
    );
  }

  /** Wants everything to be looked at: a term has begun. */
  enqueueAll(): void {
    const {enqueue} = this.options;
    for (const source of this.sources.values()) {
      for (const row of source.store.values()) enqueue(`workload/${row.id}`);
    }
    for (const lease of this.leases.values()) this.#wantLease(lease.key);
    for (const row of this.namespaces.values()) enqueue(`registry/${row.key}`);
    this.#wantAdmission();
    for (const row of this.policies.values()) {
      enqueue(`policy/${row.key}`, COALESCE_STATUS_MS);
      enqueue(`collection/${row.key}`);
    }
  }

  /** Wants the status of these policies to be computed soon. */
  wantStatus(policies: Iterable<string>, afterMs = COALESCE_STATUS_MS): void {
    for (const policy of policies) this.options.enqueue(`policy/${policy}`, afterMs);
  }

  /** A kind's look-up or list has come to an answer. */
  kindChanged(ref: KindRef): void {
    this.rendered.start();
    this.#wantAdmission();
    for (const row of this.policies.values()) if (this.inForce.concerns(row, ref)) this.#refresh(row);
    // Now that its workloads are known, what seemed to have no subject may have one, and the other way round.
    for (const lease of this.leases.values()) this.options.enqueue(`lease/${lease.key}`);
  }

  /** Whether Pods in the namespace wait until it is known which workloads a policy with a selector selects. */
  waitsForNames(namespace: string): boolean {
    return this.governing(namespace).some(
      ({injection, scope}) => injection?.failurePolicy === 'Fail' && !isEmptySelector(scope.workloads),
    );
  }

  #watchKind(source: WorkloadSource): void {
    const {group, version, plural, resource, ref, store} = source;
    const onState = (problem: string | undefined) => {
      source.problem = problem;
      this.kindChanged(ref);
    };
    const project = projectWorkload(resource, ref.apiVersion, ref.kind);
    this.options.watch({group, version, plural, store, project, onState});
  }

  #renderedChanged(kind: RenderedKind, change: Change<RenderedView>): void {
    const {row} = change;
    if (kind === 'Role' || kind === 'RoleBinding') {
      this.options.enqueue(`access/${row.namespace}/${leaseOfAccess(row.name)}`);
      return;
    }
    // Whoever edits the label takes the object from its policy, which has to make up for it.
    const before = change.type === 'deleted' ? undefined : change.previous?.policy;
    for (const policy of new Set([row.policy, before]))
      if (policy !== undefined) this.options.enqueue(`admission/${policy}`);
  }

  #renderedReady(): void {
    this.#wantAdmission();
    if (this.#grantsAccess)
      for (const lease of this.leases.values()) this.options.enqueue(`access/${lease.key}`);
  }

  /** Wants a look at what every policy, also one that is gone, has in the API server. */
  #wantAdmission(): void {
    const policies = new Set([...this.policies.values()].map(row => row.key));
    for (const policy of policies.union(new Set(this.rendered.policies())))
      this.options.enqueue(`admission/${policy}`);
  }

  /** Wants a look at a Lease, and at what is granted on it. */
  #wantLease(key: string): void {
    this.options.enqueue(`lease/${key}`);
    if (this.#grantsAccess) this.options.enqueue(`access/${key}`);
  }

  get #grantsAccess(): boolean {
    return this.rendered.stores.Role.size > 0 || [...this.rules.values()].some(rules => rules.grantsAccess);
  }

  #workloadChanged(change: Change<WorkloadRow>): void {
    const {row} = change;
    if (change.type === 'modified' && change.previous && sameWorkload(change.previous, row)) return;
    this.#claim(row, change.type === 'deleted');
  }

  #policyChanged(change: Change<PolicyRow>): void {
    const {row} = change;
    if (change.type === 'deleted') {
      this.stopped.delete(row.key);
      this.inForce.forget(row.key);
      this.ledger.forget(row.key);
    } else if (change.type === 'added' || change.previous?.uid !== row.uid) {
      this.inForce.forget(row.key); // a policy of that name may have gone while nobody watched
      this.#refresh(row);
    } else if (change.previous.generation !== row.generation) {
      this.#refresh(row);
    }
    if (change.type === 'deleted' || row.terminating) this.options.enqueue(`admission/${row.key}`);
  }

  #refresh(row: PolicyRow): void {
    this.inForce.judge(row);
    this.wantStatus([row.key], 0);
    this.options.enqueue(`collection/${row.key}`);
  }

  /** Looks anew at everything that the rules in force concern. */
  #rulesChanged(): void {
    for (const source of this.sources.values())
      for (const row of source.store.values()) this.#claim(row, false);
    for (const lease of this.leases.values()) this.#wantLease(lease.key);
    for (const row of this.namespaces.values()) this.#wantRegistry(row.key);
    this.#wantAdmission();
    for (const row of this.policies.values()) {
      const acceptance = this.inForce.acceptance.get(row.key);
      if (acceptance?.accepted === false && acceptance.reason === INJECTION_CONFLICT) this.#refresh(row);
    }
  }

  #registryChanged({row}: Change<RegistryRow>): void {
    const namespace = namespaceOf(row.key);
    this.#wantRegistry(namespace, 0);
    if (!this.denies(namespace)) return;
    // Leases wait until they have a name there.
    for (const {leaseKey, workload} of this.claims.inNamespace(namespace))
      if (leaseKey !== undefined && !this.leases.get(leaseKey))
        this.options.enqueue(`workload/${workload.id}`);
  }

  #namespaceChanged(change: Change<NamespaceRow>): void {
    const {row} = change;
    if (change.type === 'modified' && change.previous?.terminating === row.terminating) {
      if (sameLabels(change.previous.labels, row.labels)) return;
    }
    for (const source of this.sources.values()) {
      for (const workload of source.store.values()) {
        if (workload.namespace === row.key) this.#claim(workload, false);
      }
    }
    for (const lease of this.leaseIndex.inNamespace(row.key)) this.options.enqueue(`lease/${lease}`);
    for (const {workload} of this.claims.inNamespace(row.key))
      this.options.enqueue(`workload/${workload.id}`);
    this.#wantRegistry(row.key);
    const ourNamespace = namespaceOf(this.options.ownLease);
    if (lenientNamespaces(ourNamespace).includes(row.key)) this.#wantAdmission();
  }

  /** Computes the claims of a workload anew, and wants a look at all that they concern. */
  #claim(workload: WorkloadRow, gone: boolean): void {
    const id = workload.id;
    const labels = this.namespaces.get(workload.namespace)?.labels;
    const claims: Claim[] = [];
    if (!gone && labels) {
      for (const rules of this.rules.values()) {
        const claim = claimOf(workload, labels, rules);
        if (claim) claims.push(claim);
      }
    }
    const before = this.claims.of(id);
    if (before.length === 0 && claims.length === 0) {
      if (this.waitsForNames(workload.namespace)) this.#wantRegistry(workload.namespace);
      return;
    }
    const concerned = [...before, ...claims];
    const rivals = this.claims.set(id, claims).flatMap(key => this.claims.claimants(key));
    this.options.enqueue(`workload/${id}`);
    for (const {workload: rival} of rivals) this.options.enqueue(`workload/${rival.id}`);
    for (const claim of concerned) this.#wantLeases(claim);
    this.wantStatus(new Set(concerned.map(claim => claim.policy)));
  }

  #wantLeases(claim: Claim): void {
    const key = claim.leaseKey;
    if (key !== undefined) this.#wantLease(key);
    for (const other of this.leaseIndex.ofSubject(claim.policy, claim.leaseNamespace, claim.subject)) {
      this.options.enqueue(`lease/${other}`);
    }
    this.#wantRegistry(claim.leaseNamespace);
    if (claim.workload.namespace !== claim.leaseNamespace) this.#wantRegistry(claim.workload.namespace);
  }

  #wantRegistry(namespace: string, afterMs = COALESCE_REGISTRY_MS): void {
    const exists = this.registries.get(`${namespace}/${REGISTRY_NAME}`) !== undefined;
    this.options.enqueue(`registry/${namespace}`, exists ? afterMs : 0);
  }

  #leaseChanged(change: Change<LeaseView>): void {
    const {row} = change;
    const previous = change.type === 'modified' ? change.previous : undefined;
    if (change.type === 'deleted') this.leaseIndex.remove(row);
    else this.leaseIndex.put(row, previous);
    if (previous && isHeartbeat(previous, row)) return;
    this.#wantLease(row.key);
    for (const claim of this.claims.claimants(row.key)) this.options.enqueue(`workload/${claim.workload.id}`);
    if (!isManaged(row) || row.subject === undefined) return;
    const subject = this.subjectOf(row);
    if (subject) this.options.enqueue(`workload/${subject}`);
    if (this.#matters(row)) this.#wantRegistry(row.namespace);
  }

  /** Whether the registry depends on the Lease's being there and on its holder: an old name, or one that comes back. */
  #matters({key, namespace, name}: LeaseView): boolean {
    if (this.claims.winner(key) === undefined) return true;
    return this.registries.get(`${namespace}/${REGISTRY_NAME}`)?.spec.retired[name] !== undefined;
  }

  /** The id of the workload that a managed Lease names as its subject, if its kind is one of its policy's. */
  subjectOf(lease: LeaseView): string | undefined {
    const parts = lease.subject?.split('/') ?? [];
    const [kind, name] = [parts[0], parts.at(-1)];
    const namespace = parts.length === 3 ? parts[1] : lease.namespace;
    const ref = this.rules.get(lease.labels[LABELS.policy] ?? '')?.kinds.find(each => each.kind === kind);
    const source = ref && this.inForce.source(ref);
    return source && `${source.resource}/${namespace}/${name}`;
  }
}

const namespaceOf = (key: string) => key.slice(0, key.indexOf('/'));
