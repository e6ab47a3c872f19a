/** Which keys want to be looked at after a change of the caches. */
import type {KindRef} from '../api/leasepolicy.ts';
import {REGISTRY_NAME, type RenderedKind} from '../api/objects.ts';
import {lenientNamespaces} from '../core/admission/frame.ts';
import type {RenderedView} from '../core/admission/rendered.ts';
import {isManaged, type LeaseView} from '../core/lease/lifetime.ts';
import {type Claim, claimOf} from '../core/naming/claims.ts';
import type {SystemRules} from '../core/naming/system-rules.ts';
import {leaseOfAccess} from '../core/plan/access.ts';
import type {Change} from '../runtime/store.ts';
import {bucketsBeside} from './buckets.ts';
import {isHeartbeat, sameNamespace, sameWorkload} from './changes.ts';
import type {NodesNeeded} from './heartbeats.ts';
import {INJECTION_CONFLICT} from './in-force.ts';
import type {NamespaceRow, PolicyRow, RegistryRow, WorkloadRow} from './project.ts';
import type {World} from './world.ts';

/** Writes to registries and status that are caused by many events at once are made once, after this wait. */
const COALESCE_REGISTRY_MS = 200;
const COALESCE_STATUS_MS = 500;

export class Triggers {
  readonly #world: World;
  readonly #enqueue: (key: string, afterMs?: number) => void;

  constructor(world: World) {
    this.#world = world;
    this.#enqueue = world.options.enqueue;
  }

  /** Wants everything to be looked at: a term has begun. */
  all(): void {
    const enqueue = this.#enqueue;
    for (const source of this.#world.sources.values()) {
      for (const row of source.store.values()) enqueue(`workload/${row.id}`);
    }
    for (const lease of this.#world.leases.values()) this.#wantLease(lease.key);
    for (const row of this.#world.namespaces.values()) enqueue(`registry/${row.key}`);
    this.#wantAdmission();
    this.#wantSystem();
    for (const row of this.#world.policies.values()) {
      enqueue(`policy/${row.key}`, COALESCE_STATUS_MS);
      enqueue(`collection/${row.key}`);
    }
  }

  /** Wants the status of these policies to be computed soon. */
  status(policies: Iterable<string>, afterMs = COALESCE_STATUS_MS): void {
    for (const policy of policies) this.#enqueue(`policy/${policy}`, afterMs);
  }

  /** A kind's look-up or list has come to an answer. */
  kindChanged(ref: KindRef): void {
    this.#world.rendered.start();
    this.#world.candidates.start();
    this.#wantAdmission();
    for (const row of this.#world.policies.values())
      if (this.#world.inForce.concerns(row, ref)) this.#refresh(row);
    // Now that its workloads are known, what seemed to have no subject may have one, and the other way round.
    for (const lease of this.#world.leases.values()) this.#enqueue(`lease/${lease.key}`);
  }

  renderedChanged(kind: RenderedKind, change: Change<RenderedView>): void {
    const {row} = change;
    if (kind === 'Role' || kind === 'RoleBinding') {
      this.#enqueue(`access/${row.namespace}/${leaseOfAccess(row.name)}`);
      return;
    }
    // Whoever edits the label takes the object from its policy, which has to make up for it.
    const before = change.type === 'deleted' ? undefined : change.previous?.policy;
    for (const policy of new Set([row.policy, before]))
      if (policy !== undefined) this.#enqueue(`admission/${policy}`);
  }

  renderedReady(): void {
    this.#wantAdmission();
    if (this.#grantsAccess)
      for (const lease of this.#world.leases.values()) this.#enqueue(`access/${lease.key}`);
  }

  installationChanged(): void {
    this.#wantAdmission();
  }

  /** Wants a look at what every policy, also one that is gone, has in the API server. */
  #wantAdmission(): void {
    const policies = new Set([...this.#world.policies.values()].map(row => row.key));
    for (const policy of policies.union(new Set(this.#world.rendered.policies())))
      this.#enqueue(`admission/${policy}`);
  }

  /** Wants a look at all that policies of nodes, API servers and components speak of. */
  #wantSystem(): void {
    for (const {policy, subjects} of this.#world.systemRules.values()) {
      if (subjects.kind === 'Component') this.#enqueue(`components/${policy}`);
      if (subjects.kind === 'APIServer') this.#enqueue(`identities/${policy}`);
    }
    for (const name of this.#world.heartbeats.names()) this.#enqueue(`heartbeat/${name}`);
    this.candidatesKnown();
  }

  /** All candidates are listed: now one that is missing shows. */
  candidatesKnown(): void {
    this.#wantCandidates(this.#world.candidates.leases(), this.#world.leases.values());
  }

  /** Looks at each Lease that has candidates, and at those of the others whose holder the API server chooses. */
  #wantCandidates(withCandidates: Iterable<string>, others: Iterable<LeaseView>): void {
    for (const lease of withCandidates) this.#enqueue(`candidates/${lease}`);
    for (const {key, strategy} of others) if (strategy !== undefined) this.#enqueue(`candidates/${key}`);
  }

  nodeChanged(name: string): void {
    this.#enqueue(`heartbeat/${name}`);
    // The number of subjects is one of nodes.
    this.status(
      [...this.#world.systemRules.values()].flatMap(each =>
        each.subjects.kind === 'Node' ? each.policy : [],
      ),
    );
  }

  heartbeatsReady(): void {
    for (const name of this.#world.heartbeats.names()) this.#enqueue(`heartbeat/${name}`);
    for (const row of this.#world.policies.values()) if (row.spec?.subjects.nodes) this.#refresh(row);
  }

  /** Wants a look at a Lease, and at what is granted on it. */
  #wantLease(key: string): void {
    this.#enqueue(`lease/${key}`);
    if (this.#grantsAccess) this.#enqueue(`access/${key}`);
  }

  get #grantsAccess(): boolean {
    return (
      this.#world.rendered.stores.Role.size > 0 ||
      [...this.#world.rules.values()].some(rules => rules.grantsAccess)
    );
  }

  workloadChanged(change: Change<WorkloadRow>): void {
    const {row} = change;
    if (change.type === 'modified' && change.previous && sameWorkload(change.previous, row)) {
      if (change.previous.readySinceMs !== row.readySinceMs) this.#wantLeasesOf(row);
      return;
    }
    this.#claim(row, change.type === 'deleted');
  }

  /** Whether a Lease lacks a leader depends on whether any Pod is ready. */
  #wantLeasesOf({id}: WorkloadRow): void {
    for (const {leaseKey} of this.#world.claims.of(id))
      if (leaseKey !== undefined) this.#enqueue(`lease/${leaseKey}`);
  }

  policyChanged(change: Change<PolicyRow>): void {
    const {row} = change;
    if (change.type === 'deleted') {
      this.#world.stopped.delete(row.key);
      this.#world.inForce.forget(row.key);
      this.#world.ledger.forget(row.key);
    } else if (change.type === 'added' || change.previous?.uid !== row.uid) {
      this.#world.inForce.forget(row.key); // a policy of that name may have gone while nobody watched
      this.#refresh(row);
    } else if (change.previous.generation !== row.generation) {
      this.#refresh(row);
    }
    if (change.type === 'deleted' || row.terminating) this.#enqueue(`admission/${row.key}`);
  }

  #refresh(row: PolicyRow): void {
    this.#world.inForce.judge(row);
    this.status([row.key], 0);
    this.#enqueue(`collection/${row.key}`);
  }

  /** Looks anew at everything that the rules in force concern. */
  rulesChanged(): void {
    this.#world.heartbeats.want(nodesNeeded(this.#world.systemRules.values()));
    this.#wantSystem();
    for (const source of this.#world.sources.values())
      for (const row of source.store.values()) this.#claim(row, false);
    for (const lease of this.#world.leases.values()) this.#wantLease(lease.key);
    for (const row of this.#world.namespaces.values()) this.#wantRegistry(row.key);
    this.#wantAdmission();
    for (const row of this.#world.policies.values()) {
      const acceptance = this.#world.inForce.acceptance.get(row.key);
      if (acceptance?.accepted === false && acceptance.reason === INJECTION_CONFLICT) this.#refresh(row);
    }
  }

  registryChanged({row}: Change<RegistryRow>): void {
    const namespace = namespaceOf(row.key);
    this.#wantRegistry(namespace, 0);
    if (!this.#world.denies(namespace)) return;
    // Leases wait until they have a name there.
    for (const {leaseKey, workload} of this.#world.claims.inNamespace(namespace))
      if (leaseKey !== undefined && !this.#world.leases.get(leaseKey))
        this.#enqueue(`workload/${workload.id}`);
  }

  namespaceChanged(change: Change<NamespaceRow>): void {
    const {row} = change;
    if (change.type === 'modified' && change.previous && sameNamespace(change.previous, row)) return;
    for (const source of this.#world.sources.values()) {
      for (const workload of source.store.values()) {
        if (workload.namespace === row.key) this.#claim(workload, false);
      }
    }
    const leases = [...this.#world.leaseIndex.inNamespace(row.key)];
    for (const lease of leases) this.#enqueue(`lease/${lease}`);
    this.#wantCandidates(
      [...this.#world.candidates.leases()].filter(lease => namespaceOf(lease) === row.key),
      leases.flatMap(key => this.#world.leases.get(key) ?? []),
    );
    for (const {workload} of this.#world.claims.inNamespace(row.key))
      this.#enqueue(`workload/${workload.id}`);
    this.#wantRegistry(row.key);
    const ourNamespace = namespaceOf(this.#world.options.ownLease);
    if (lenientNamespaces(ourNamespace).includes(row.key)) this.#wantAdmission();
  }

  /** Computes the claims of a workload anew, and wants a look at all that they concern. */
  #claim(workload: WorkloadRow, gone: boolean): void {
    const id = workload.id;
    const labels = this.#world.namespaces.get(workload.namespace)?.labels;
    const claims: Claim[] = [];
    if (!gone && labels) {
      for (const rules of this.#world.rules.values()) {
        const claim = claimOf(workload, labels, rules);
        if (claim) claims.push(claim);
      }
    }
    const before = this.#world.claims.of(id);
    if (before.length === 0 && claims.length === 0) {
      if (this.#world.waitsForNames(workload.namespace)) this.#wantRegistry(workload.namespace);
      return;
    }
    const concerned = [...before, ...claims];
    const rivals = this.#world.claims.set(id, claims).flatMap(key => this.#world.claims.claimants(key));
    this.#enqueue(`workload/${id}`);
    for (const {workload: rival} of rivals) this.#enqueue(`workload/${rival.id}`);
    for (const claim of concerned) this.#wantLeases(claim);
    this.status(new Set(concerned.map(claim => claim.policy)));
  }

  #wantLeases(claim: Claim): void {
    const key = claim.leaseKey;
    if (key !== undefined) this.#wantLease(key);
    for (const other of this.#world.leaseIndex.ofSubject(claim.policy, claim.leaseNamespace, claim.subject)) {
      this.#enqueue(`lease/${other}`);
    }
    this.#wantRegistry(claim.leaseNamespace);
    if (claim.workload.namespace !== claim.leaseNamespace) this.#wantRegistry(claim.workload.namespace);
  }

  #wantRegistry(namespace: string, afterMs = COALESCE_REGISTRY_MS): void {
    const exists = this.#world.registries.get(`${namespace}/${REGISTRY_NAME}`) !== undefined;
    this.#enqueue(`registry/${namespace}`, exists ? afterMs : 0);
  }

  leaseChanged(change: Change<LeaseView>): void {
    const {row} = change;
    const previous = change.type === 'modified' ? change.previous : undefined;
    if (change.type === 'deleted') this.#world.leaseIndex.remove(row);
    else this.#world.leaseIndex.put(row, previous);
    this.#noteHolder(change);
    if (previous && isHeartbeat(previous, row)) return;
    this.#wantLease(row.key);
    // Whether one is garbage depends on who holds the others.
    for (const bucket of bucketsBeside(row, this.#world)) this.#enqueue(`lease/${bucket}`);
    for (const key of this.#world.systemPolicies(row)) this.#enqueue(key);
    if (row.strategy !== undefined || this.#world.candidates.store.size > 0)
      this.#enqueue(`candidates/${row.key}`);
    for (const claim of this.#world.claims.claimants(row.key)) this.#enqueue(`workload/${claim.workload.id}`);
    if (!isManaged(row) || row.subject === undefined) return;
    const subject = this.#world.subjectOf(row);
    if (subject) this.#enqueue(`workload/${subject}`);
    if (this.#matters(row)) this.#wantRegistry(row.namespace);
  }

  #noteHolder(change: Change<LeaseView>): void {
    const {row} = change;
    if (change.type === 'deleted') this.#world.history.forget(row.key);
    if (change.type !== 'modified' || !change.previous || change.previous.uid !== row.uid) return;
    const {holder: from} = change.previous;
    const {holder: to, transitions, changedAtMs: atMs} = row;
    const hasChanged = from !== to;
    if (hasChanged) this.#world.history.note(row.key, {atMs, from, to, transitions});
    if (change.previous.changedAtMs !== atMs)
      this.#world.options.onWrite(this.#world.counted(row), hasChanged);
  }

  /** Whether the registry depends on the Lease's being there and on its holder: an old name, or one that comes back. */
  #matters({key, namespace, name}: LeaseView): boolean {
    if (this.#world.claims.winner(key) === undefined) return true;
    return this.#world.registries.get(`${namespace}/${REGISTRY_NAME}`)?.spec.retired[name] !== undefined;
  }
}

function nodesNeeded(systemRules: Iterable<SystemRules>): NodesNeeded {
  const subjects = [...systemRules].flatMap(rules => (rules.subjects.kind === 'Node' ? rules.subjects : []));
  if (subjects.length === 0) return 'nothing';
  return subjects.every(({selectsAll}) => selectsAll) ? 'names' : 'names and labels';
}

const namespaceOf = (key: string) => key.slice(0, key.indexOf('/'));
