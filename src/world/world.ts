/** Everything that this process knows of the cluster: stores, rules in force and claims. */
import {LABELS} from '../api/objects.ts';
import {type Catalogue, mayBeShared} from '../core/lease/catalogue.ts';
import {type Classification, classify} from '../core/lease/classify.ts';
import {refText} from '../core/lease/finding.ts';
import {HolderHistory} from '../core/lease/history.ts';
import type {LeaseView} from '../core/lease/lifetime.ts';
import {ClaimIndex, parseSubject, type Workload} from '../core/naming/claims.ts';
import type {Rules} from '../core/naming/rules.ts';
import {listsLease, type SystemRules} from '../core/naming/system-rules.ts';
import type {LeaseState} from '../core/plan/action.ts';
import {isEmptySelector} from '../core/selector.ts';
import {systemClock} from '../runtime/clock.ts';
import type {KindAnswer} from '../runtime/kinds.ts';
import {type Row, Store} from '../runtime/store.ts';
import {CandidateCache} from './candidate-cache.ts';
import {Enforcement} from './enforcement.ts';
import {Heartbeats} from './heartbeats.ts';
import {InForce, type WorkloadSource} from './in-force.ts';
import {Installation} from './installation.ts';
import {LeaseIndex} from './lease-index.ts';
import {Ledger} from './ledger.ts';
import {type NamespaceRow, type PolicyRow, projectWorkload, type RegistryRow} from './project.ts';
import {RenderedObjects} from './rendered-objects.ts';
import {asSeen} from './seen.ts';
import {Triggers} from './triggers.ts';
import type {WatchRequest} from './watch-request.ts';

export type WorldOptions = {
  /** The Lease of our own election, namespace/name. */
  ownLease: string;
  /** The ClusterRole with which everything that is enforced goes; empty, or left out, where there is none. */
  installation?: string;
  /** Wants a key to be reconciled, perhaps after a wait in milliseconds. */
  enqueue: (key: string, afterMs?: number) => void;
  kinds: {get(apiVersion: string, kind: string, scope?: 'Any'): KindAnswer};
  /** Leases of well-known products. */
  catalogue: Catalogue;
  /** How often heartbeats of nodes are read, in milliseconds. */
  heartbeatPollMs: number;
  /** Told of each write of a Lease that was seen, with the policies and classes for which the Lease counts. */
  onWrite: (counted: readonly Counted[], holderChanged: boolean) => void;
  /** Starts to watch a resource. */
  watch: <R extends Row>(request: WatchRequest<R>) => void;
};

/** What a Lease counts for. */
export type Counted = Pick<LeaseState, 'policy' | 'class'>;

export class World {
  readonly options: WorldOptions;
  /** What wants to be looked at after a change. */
  readonly triggers: Triggers;
  readonly policies = new Store<PolicyRow>(change => this.triggers.policyChanged(change));
  readonly registries = new Store<RegistryRow>(change => this.triggers.registryChanged(change));
  readonly namespaces = new Store<NamespaceRow>(change => this.triggers.namespaceChanged(change));
  readonly leases = new Store<LeaseView>(change => this.triggers.leaseChanged(change));
  readonly installation: Installation;
  readonly inForce: InForce;
  readonly claims = new ClaimIndex();
  readonly leaseIndex = new LeaseIndex(lease => mayBeShared(this.options.catalogue, lease));
  readonly history = new HolderHistory();
  readonly heartbeats: Heartbeats;
  readonly candidates: CandidateCache;
  readonly ledger = new Ledger(
    ({policy, reason, about}) =>
      this.policies
        .get(policy)
        ?.status?.findings.find(each => each.reason === reason && each.object === refText(about))?.since,
  );
  /** Why a policy's collection waits for a human. */
  readonly stopped = new Map<string, string>();
  /** By the id of a workload, why its Leases could not be adopted, by their keys. */
  readonly notAdopted = new Map<string, ReadonlyMap<string, string>>();
  readonly rendered: RenderedObjects;
  readonly enforcement = new Enforcement(policy => this.triggers.status([policy]));
  /** The user that the API server takes us for. */
  username = '';

  constructor(options: WorldOptions) {
    this.options = options;
    this.triggers = new Triggers(this);
    this.installation = new Installation(options.installation ?? '', () =>
      this.triggers.installationChanged(),
    );
    this.inForce = new InForce({
      kinds: options.kinds,
      watchKind: source => this.#watchKind(source),
      policies: () => this.policies.values(),
      nodesProblem: () => this.heartbeats.problem,
      onWorkload: change => this.triggers.workloadChanged(change),
      onOtherSubjects: policy => this.ledger.forget(policy),
      onRules: () => this.triggers.rulesChanged(),
    });
    this.heartbeats = new Heartbeats({
      watch: options.watch,
      pollMs: options.heartbeatPollMs,
      onChange: name => this.triggers.nodeChanged(name),
      onWrite: lease => options.onWrite(this.ledger.states(`heartbeat/${lease.name}`), false),
      onState: () => this.triggers.heartbeatsReady(),
    });
    this.candidates = new CandidateCache({
      kinds: options.kinds,
      watch: options.watch,
      onChange: lease => options.enqueue(`candidates/${lease}`),
      onList: () => this.triggers.candidatesKnown(),
    });
    this.rendered = new RenderedObjects({
      kinds: options.kinds,
      watch: options.watch,
      onChange: (kind, change) => this.triggers.renderedChanged(kind, change),
      onState: () => this.triggers.renderedReady(),
    });
  }

  /** The rules of each policy that is in force. */
  get rules(): ReadonlyMap<string, Rules> {
    return this.inForce.rules;
  }

  /** The rules of each policy in force of what Kubernetes itself leases. */
  get systemRules(): ReadonlyMap<string, SystemRules> {
    return this.inForce.systemRules;
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
      this.installation.isKnown &&
      this.rendered.settled &&
      this.heartbeats.settled &&
      [...this.sources.values()].every(each => each.store.ready || each.problem !== undefined)
    );
  }

  /** Whether every workload that these rules could select is in the caches. */
  subjectsKnown(rules: Rules): boolean {
    return this.namespaces.ready && rules.kinds.every(ref => this.inForce.source(ref)?.store.ready === true);
  }

  /** Whether the namespace is about to go: all that is in it goes with it, and nothing can be made there any more. */
  isTerminating(namespace: string): boolean {
    return this.namespaces.get(namespace)?.terminating === true;
  }

  workload(id: string): Workload | undefined {
    const [resource = '', namespace, name] = id.split('/');
    for (const source of this.sources.values()) {
      if (source.resource === resource) return source.store.get(`${namespace}/${name}`);
    }
    return undefined;
  }

  /** A workload by its kind, of those that policies name. */
  workloadNamed(kind: string, namespace: string, name: string): Workload | undefined {
    for (const {ref, store} of this.sources.values()) {
      const found = ref.kind === kind ? store.get(`${namespace}/${name}`) : undefined;
      if (found) return found;
    }
    return undefined;
  }

  /** A Lease as it may be judged at this moment. */
  lease(key: string, monotonicMs: number): LeaseView | undefined {
    return asSeen(this.leases, key, monotonicMs);
  }

  /** What the Lease is for. */
  classify(lease: LeaseView): Classification {
    const isNamedByPolicy = this.governing(lease.namespace).some(
      rules => rules.isDistinctive && rules.bears(lease.name),
    );
    return classify(lease, this.options.catalogue, isNamedByPolicy);
  }

  /** Keys of the policies of API servers and components by which the Lease is judged. */
  *systemPolicies(lease: LeaseView): Generator<string> {
    for (const rules of this.systemRules.values()) {
      const {policy, subjects} = rules;
      if (subjects.kind === 'Component' && listsLease(rules, lease)) yield `components/${policy}`;
      if (subjects.kind === 'APIServer' && lease.namespace === 'kube-system')
        if (this.classify(lease).class === 'apiserver-identity') yield `identities/${policy}`;
    }
  }

  /** For which policies and classes the Lease counts; without a policy under the empty name. */
  counted(lease: LeaseView): readonly Counted[] {
    const states = this.ledger.states(`lease/${lease.key}`);
    if (states.length > 0) return states;
    const {class: kind} = this.classify(lease);
    return [...this.systemPolicies(lease)].map(key => ({
      policy: key.slice(key.indexOf('/') + 1),
      class: kind,
    }));
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
      this.triggers.kindChanged(ref);
    };
    const project = projectWorkload(resource, ref.apiVersion, ref.kind, systemClock.monotonicMs);
    this.options.watch({group, version, plural, store, project, onState});
  }

  /** The id of the workload that a managed Lease names as its subject, if its kind is one of its policy's. */
  subjectOf(lease: LeaseView): string | undefined {
    const subject = parseSubject(lease.subject ?? '', lease.namespace);
    if (!subject) return undefined;
    const {kind, namespace, name} = subject;
    const ref = this.rules.get(lease.labels[LABELS.policy] ?? '')?.kinds.find(each => each.kind === kind);
    const source = ref && this.inForce.source(ref);
    return source && `${source.resource}/${namespace}/${name}`;
  }
}
