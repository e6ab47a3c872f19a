/** What is in a cluster, in the stores of the operator and judged as it judges: for commands, which write nothing. */
import {type KubeObject, RENDERED_KINDS} from '../api/objects.ts';
import {operatorUserIn} from '../core/admission/frame.ts';
import type {Catalogue} from '../core/lease/catalogue.ts';
import type {LeaseView} from '../core/lease/lifetime.ts';
import {HEARTBEATS} from '../core/naming/rules.ts';
import type {Now} from '../core/now.ts';
import type {ApiError} from '../errors.ts';
import type {ApiClient} from '../runtime/client.ts';
import {systemClock} from '../runtime/clock.ts';
import {Informer} from '../runtime/informer.ts';
import {KindDirectory} from '../runtime/kinds.ts';
import {type Row, Store} from '../runtime/store.ts';
import {watchBase} from '../world/base-watches.ts';
import {projectLease} from '../world/project.ts';
import {collectionPath, type WatchRequest} from '../world/watch-request.ts';
import {World} from '../world/world.ts';
import {Rehearsal} from './rehearsal.ts';

/** The operator that is meant. */
export type OperatorIdentity = {
  /** Its own Lease, namespace/name. */
  readonly ownLease: string;
  /** The user that it is; where that is not given, the one for whom admission objects were rendered. */
  readonly username: string | undefined;
  /** Where there are none. */
  readonly usualName: string;
  /** The ClusterRole with which everything that is enforced goes; empty where there is none. */
  readonly installation: string;
};

export type SnapshotOptions = {
  readonly client: ApiClient;
  readonly catalogue: Catalogue;
  readonly operator: OperatorIdentity;
  /** Resources without which there is no answer, by their plural; what else can't be read is a problem. */
  readonly needs: ReadonlySet<string>;
  /** The one namespace that may be read; by default all. */
  readonly namespace?: string | undefined;
  /** Whether the heartbeats of nodes are wanted, which the operator reads for a policy alone. */
  readonly heartbeats: boolean;
};

/** Of a problem that may pass there are so many tries. */
const TRIES = 3;
/** How often heartbeats are read, as the operator does it. */
const POLL_MS = 10_000;

/** What has no namespace, as far as the operator reads it. */
const CLUSTER_SCOPED: ReadonlySet<string> = new Set([
  'clusterroles',
  'leasepolicies',
  'namespaces',
  'nodes',
  ...Object.values(RENDERED_KINDS).flatMap(({group, plural}) =>
    group === 'admissionregistration.k8s.io' ? plural : [],
  ),
]);

export class Snapshot {
  readonly world: World;
  /** Every controller's judgement of what the stores have. */
  readonly rehearsal: Rehearsal;
  /** Why a resource can't be read, by its plural. */
  readonly problems = new Map<string, ApiError>();
  /** Objects that were read, by the plural of their resource, while a list is under way. */
  readonly counts = new Map<string, number>();
  readonly #options: SnapshotOptions;
  readonly #end = new AbortController();
  readonly #ready = Promise.withResolvers<void>();
  readonly #tries = new Map<string, number>();
  readonly #nodeLeases = new Store<LeaseView>();
  #nodesRead: 'unwanted' | 'wanted' | 'reading' = 'unwanted';
  #firstSeenMs = 0;

  constructor(options: SnapshotOptions) {
    this.#options = options;
    this.#nodesRead = options.heartbeats ? 'wanted' : 'unwanted';
    const onAnswer = (apiVersion: string, kind: string) => {
      this.world.triggers.kindChanged({apiVersion, kind});
      this.#check();
    };
    const onFault = (error: unknown) => this.#ready.reject(error);
    const kinds = new KindDirectory(options.client, this.#end.signal, onAnswer, onFault);
    this.world = new World({
      ownLease: options.operator.ownLease,
      installation: options.operator.installation,
      catalogue: options.catalogue,
      heartbeatPollMs: POLL_MS,
      onWrite: () => {},
      enqueue: (key, afterMs) => this.rehearsal.want(key, afterMs),
      kinds,
      watch: request => this.#watch(request),
    });
    this.rehearsal = new Rehearsal(this.world);
  }

  /** Lists everything, and goes on to watch it. Throws the ApiError of what is needed and can't be read. */
  async read(): Promise<void> {
    watchBase(this.world);
    await this.#ready.promise;
    const {username, usualName} = this.#options.operator;
    this.world.username = username ?? this.#renderedFor() ?? usualName;
    this.#findInstallation();
    this.#firstSeenMs = systemClock.monotonicMs();
  }

  /** Ends the watches. */
  close(): void {
    this.#end.abort(new Error('the command has ended'));
    this.#ready.promise.catch(() => {});
  }

  /** All Leases, also those of nodes where they are wanted. */
  *leases(): Generator<LeaseView> {
    yield* this.world.leases.values();
    if (this.#nodesRead === 'unwanted') return;
    const {heartbeats} = this.world;
    yield* heartbeats.leases.ready ? heartbeats.leases.values() : this.#nodeLeases.values();
  }

  lease(namespace: string, name: string): LeaseView | undefined {
    if (namespace !== HEARTBEATS) return this.world.leases.get(`${namespace}/${name}`);
    return this.world.heartbeats.leases.get(name) ?? this.#nodeLeases.get(`${namespace}/${name}`);
  }

  /** Monotonic milliseconds at which all was read first; what changed later was seen to change. */
  get firstSeenMs(): number {
    return this.#firstSeenMs;
  }

  now(): Now {
    return systemClock.now();
  }

  #findInstallation(): void {
    const {installation, policies, rendered} = this.world;
    for (const kind of ['ValidatingAdmissionPolicyBinding', 'MutatingAdmissionPolicyBinding'] as const)
      installation.suppose(rendered.stores[kind].values(), policy => policies.get(policy)?.uid);
  }

  #renderedFor(): string | undefined {
    for (const {content} of this.world.rendered.stores.ValidatingAdmissionPolicy.values()) {
      const username = operatorUserIn(content);
      if (username !== undefined) return username;
    }
    return undefined;
  }

  #watch<R extends Row>(request: WatchRequest<R>): void {
    const {plural} = request;
    const within = CLUSTER_SCOPED.has(plural) ? undefined : this.#options.namespace;
    const placed = within === undefined ? request : {namespace: within, ...request};
    const name = request.name ?? plural;
    const informer = new Informer<R>({
      client: this.#options.client,
      path: collectionPath(placed),
      store: request.store,
      project: this.#counted(name, request.project),
      fieldSelector: request.fieldSelector,
      labelSelector: request.labelSelector,
      metadataOnly: request.metadataOnly,
      pollMs: request.pollMs,
      signal: request.signal ? AbortSignal.any([this.#end.signal, request.signal]) : this.#end.signal,
      onProblem: error => this.#problem(name, error, request),
      onList: () => {
        this.problems.delete(name);
        request.onState?.(undefined);
        this.#check();
      },
    });
    informer.run().catch(error => this.#ready.reject(error));
  }

  #counted<R extends Row>(name: string, project: WatchRequest<R>['project']): WatchRequest<R>['project'] {
    return (object: KubeObject, previous) => {
      if (!this.rehearsal.begun) this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
      return project(object, previous);
    };
  }

  #problem<R extends Row>(
    name: string,
    error: ApiError | undefined,
    {store, onState}: WatchRequest<R>,
  ): void {
    if (!error) {
      this.problems.delete(name);
      return;
    }
    const tries = (this.#tries.get(name) ?? 0) + 1;
    this.#tries.set(name, tries);
    if (!isFinal(error) && tries < TRIES) return;
    this.problems.set(name, error);
    if (this.#options.needs.has(name)) this.#ready.reject(error);
    onState?.(error.message);
    // The others have a way to go on without it.
    if (!onState && !store.ready) store.replace(new Map(), '0');
    this.#check();
  }

  #check(): void {
    if (!this.world.ready) return;
    if (this.#nodesRead === 'wanted') this.#readNodeLeases();
    if (this.#nodesRead !== 'reading' || this.#nodeLeases.ready) this.#ready.resolve();
  }

  /** Unless a policy of nodes has them read already. */
  #readNodeLeases(): void {
    this.#nodesRead = 'reading';
    if (this.world.heartbeats.leases.ready) {
      this.#nodeLeases.replace(new Map(), '0');
      return;
    }
    this.#watch({
      group: 'coordination.k8s.io',
      version: 'v1',
      plural: 'leases',
      namespace: HEARTBEATS,
      name: 'heartbeats',
      store: this.#nodeLeases,
      project: (object, previous) => projectLease(object, previous, systemClock.monotonicMs()),
      pollMs: POLL_MS,
    });
  }
}

/** To ask again would give the same answer. */
const isFinal = ({status}: ApiError) => status === 0 || status === 401 || status === 403 || status === 404;
