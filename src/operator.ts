/** The composition root: the framework's operator on our own list-watch, queue and election. */
import framework, {type ResourceEvent, type ResourceEventType, type ResourceMeta} from '@dot-i/k8s-operator';
import type {KubernetesObject} from '@kubernetes/client-node';
import {type KubeObject, LABELS} from './api/objects.ts';
import type {Config} from './config.ts';
import {CONTROLLERS} from './controllers/controllers.ts';
import {Reconciler} from './controllers/reconciler.ts';
import {ApiError, messageOf} from './errors.ts';
import {keepRunning} from './runtime/again.ts';
import {Candidacy} from './runtime/candidacy.ts';
import {ApiClient} from './runtime/client.ts';
import {systemClock} from './runtime/clock.ts';
import {LeaderElector, type Term} from './runtime/elector.ts';
import {EventRecorder} from './runtime/events.ts';
import {Informer} from './runtime/informer.ts';
import {KindDirectory} from './runtime/kinds.ts';
import {WorkQueue} from './runtime/queue.ts';
import type {Row} from './runtime/store.ts';
import {whoAmI} from './runtime/who-am-i.ts';
import {serveHttp} from './telemetry/http.ts';
import type {Logger} from './telemetry/log.ts';
import {Metrics} from './telemetry/metrics.ts';
import {PRODUCT_VERSION} from './version.ts';
import {watchBase} from './world/base-watches.ts';
import {metricSources} from './world/metric-sources.ts';
import {collectionPath, type WatchRequest} from './world/watch-request.ts';
import {type Counted, World} from './world/world.ts';

/**
 * The framework's operator with its weak seams replaced: its watch ends the process on an error, never lists again
 * and calls back one event after the other, without retry.
 */
export class LeasePolicyOperator extends framework.default {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #metrics = new Metrics();
  readonly #end = new AbortController();
  readonly #queue = new WorkQueue();
  readonly #client: ApiClient;
  readonly #world: World;
  readonly #events: EventRecorder;
  readonly #reconciler: Reconciler;
  readonly #election: LeaderElector;
  /** What the override of watchResource needs to know of a resource, by the framework's id of it. */
  readonly #watched = new Map<string, WatchRequest<never>>();
  readonly #informers: Promise<void>[] = [];
  readonly #problems = new Map<string, string>();
  readonly #ready = Promise.withResolvers<void>();
  #isReady = false;
  #term: Term | undefined;

  /** Throws UsageError when the kubeconfig names no cluster that can be talked to. */
  constructor(config: Config, log: Logger) {
    super(log);
    this.#config = config;
    this.#log = log;
    this.#client = new ApiClient(this.kubeConfig, config.userAgent, (verb, status, seconds) =>
      this.#metrics.requests.observe({verb, status: String(status)}, seconds),
    );
    this.#events = new EventRecorder(this.#client, 'leasepolicy', error => this.#eventDropped(error));
    this.#election = this.#newElection();
    this.#world = this.#newWorld();
    this.#reconciler = new Reconciler({
      controllers: CONTROLLERS,
      world: this.#world,
      queue: this.#queue,
      workers: config.workers,
      identity: config.identity,
      client: this.#client,
      events: this.#events,
      metrics: this.#metrics,
      log,
    });
  }

  /** Runs until stop is called, or throws what makes going on pointless. */
  override async start(): Promise<void> {
    const {signal} = this.#end;
    this.#metrics.observe(
      metricSources(this.#world, this.#queue, () => this.#term !== undefined, systemClock.monotonicMs),
    );
    const http = await serveHttp({
      host: this.#config.httpHost,
      port: this.#config.httpPort,
      registry: this.#metrics.registry,
      unready: () => this.#unready(),
      onProblem: error => this.#log.warn(`can't tell the metrics: ${error.message}`),
    });
    const {identity} = this.#config;
    this.#log.info('started', {server: this.#client.server, identity, httpPort: http.port});
    await super.start();
    const events = this.#events.run(signal);
    try {
      await this.#contend();
    } finally {
      this.#end.abort();
      await Promise.all([events, ...this.#informers]);
      await http.close();
      this.#client.close();
      this.#log.info('stopped');
    }
  }

  /** Ends the term, releases the Lease and stops; start returns when that is done. */
  override stop(): void {
    this.#end.abort();
  }

  protected override async init(): Promise<void> {
    watchBase(this.#world);
  }

  #watch<R extends Row>(request: WatchRequest<R>): Promise<void> {
    const {group, version, plural} = request;
    this.#watched.set(idOf(group, version, plural), request as unknown as WatchRequest<never>);
    return this.watchResource(group, version, plural, async event => {
      this.#metrics.watchEvents.inc({resource: plural, type: event.type});
    });
  }

  /** Replaces the framework's watch by an informer, which puts projections into the store before it calls back. */
  protected override async watchResource(
    group: string,
    version: string,
    plural: string,
    onEvent: (event: ResourceEvent) => Promise<void>,
  ): Promise<void> {
    const id = idOf(group, version, plural);
    const watched = this.#watched.get(id) as WatchRequest<Row> | undefined;
    if (!watched) throw new Error(`no store for ${id}`);
    const {store, project, fieldSelector, labelSelector, metadataOnly, pollMs} = watched;
    const name = watched.name ?? plural;
    const informer = new Informer({
      client: this.#client,
      path: collectionPath(watched),
      store,
      project,
      fieldSelector,
      labelSelector,
      metadataOnly,
      pollMs,
      signal: watched.signal ? AbortSignal.any([this.#end.signal, watched.signal]) : this.#end.signal,
      onProblem: error => this.#watchProblem(name, error, watched),
      onList: () => {
        this.#metrics.lists.inc({resource: name});
        watched.onState?.(undefined);
        this.#checkReady();
      },
      onEvent: (type, object) => void onEvent(resourceEvent(id, type, object)),
    });
    this.#informers.push(
      keepRunning(
        () => informer.run(),
        this.#end.signal,
        error => this.#faulty(error),
      ),
    );
  }

  #watchProblem(resource: string, error: ApiError | undefined, {onState}: WatchRequest<Row>): void {
    if (!error) {
      this.#problems.delete(resource);
      return;
    }
    const hint = error.isNotFound ? ': install the CRDs with kubectl apply -f crds' : '';
    if (!this.#problems.has(resource))
      this.#log.warn(`can't watch ${resource}, trying again: ${error.message}${hint}`);
    this.#problems.set(resource, `${error.message}${hint}`);
    this.#metrics.watchProblems.inc({resource});
    onState?.(error.message);
    this.#checkReady();
  }

  /** A fault of ours. What has met it begins anew. */
  #faulty(error: unknown): void {
    const text = error instanceof Error ? error.stack : undefined;
    this.#log.error(`a fault of the operator, trying again: ${text ?? messageOf(error)}`);
  }

  #newElection(): LeaderElector {
    const {namespace, ownLeaseName: name, identity, timing, election} = this.#config;
    const shared = {client: this.#client, namespace, identity, labels: {[LABELS.managedBy]: 'leasepolicy'}};
    const onProblem = (error: Error) =>
      this.#log.warn(`leader election: ${error.message}${namespaceHint(error, namespace)}`);
    const {retryPeriodSeconds} = timing;
    const candidate = {...shared, leaseName: name, version: PRODUCT_VERSION, retryPeriodSeconds, onProblem};
    return new LeaderElector({
      ...shared,
      name,
      timing,
      ...(election === 'coordinated' ? {candidacy: new Candidacy(candidate)} : {}),
      signal: this.#end.signal,
      onHolder: holder =>
        this.#log.info(holder ? 'leader seen' : 'no leader', {lease: `${namespace}/${name}`, holder}),
      onFallback: reason => this.#log.warn(`leader election goes the classic way: ${reason}`),
      onProblem,
    });
  }

  #newWorld(): World {
    const onAnswer = (apiVersion: string, kind: string) => {
      this.#world.triggers.kindChanged({apiVersion, kind});
      this.#checkReady();
    };
    const kinds = new KindDirectory(this.#client, this.#end.signal, onAnswer, error => this.#faulty(error));
    return new World({
      ownLease: `${this.#config.namespace}/${this.#config.ownLeaseName}`,
      installation: this.#config.installation,
      catalogue: this.#config.catalogue,
      heartbeatPollMs: this.#config.heartbeatPollSeconds * 1000,
      onWrite: (counted, holderChanged) => this.#leaseWritten(counted, holderChanged),
      enqueue: (key, afterMs) => {
        if (this.#term) this.#queue.add(key, afterMs);
      },
      kinds,
      watch: request => void this.#watch(request),
    });
  }

  #leaseWritten(counted: readonly Counted[], holderChanged: boolean): void {
    if (!this.#term) return;
    for (const {policy, class: kind} of counted) {
      this.#metrics.leaseWrites.inc({policy, class: kind});
      if (holderChanged) this.#metrics.transitions.inc({policy, class: kind});
    }
  }

  /** Once ready, ready: a kind that a later policy names is listed beside the work. */
  #checkReady(): void {
    if (!this.#world.ready) return;
    this.#isReady = true;
    this.#ready.resolve();
  }

  #unready(): string | undefined {
    if (this.#isReady) return undefined;
    const problems = [...this.#problems.values()];
    return problems.length > 0 ? problems.join('\n') : 'the caches are not complete yet';
  }

  /** Leads whenever the election says so; gives the Lease up at the end. */
  async #contend(): Promise<void> {
    this.#world.username = await whoAmI(this.#client, this.#end.signal, error =>
      this.#log.warn(`can't ask who we are, trying again: ${error.message}`),
    );
    await Promise.race([this.#ready.promise, aborted(this.#end.signal)]);
    for await (const term of this.#election.terms()) {
      this.#metrics.terms.inc();
      this.#log.info('leading', {transitions: term.transitions});
      await this.#lead(term);
      this.#log.info('no longer leading', {reason: messageOf(term.signal.reason)});
    }
    try {
      await this.#election.release();
    } catch (error) {
      this.#log.warn(`the Lease was not released, it runs out by itself: ${messageOf(error)}`);
    }
  }

  async #lead(term: Term): Promise<void> {
    this.#queue.clear();
    this.#world.ledger.clear();
    this.#world.enforcement.clear();
    this.#term = term;
    try {
      this.#world.triggers.all();
      await this.#reconciler.run(term);
    } finally {
      this.#term = undefined;
      this.#queue.clear();
      // Whoever leads next must not meet a write of this term.
      this.#client.abandonUnanswered();
    }
  }

  #eventDropped(error: Error | undefined): void {
    this.#metrics.eventsDropped.inc();
    if (error) this.#log.debug(`an Event was not sent: ${error.message}`);
  }
}

const idOf = (group: string, version: string, plural: string) =>
  `${plural}.${group === '' ? version : `${group}/${version}`}`;

/** Our Lease is made where it is missing, so a 404 is about its namespace. */
function namespaceHint(error: Error, namespace: string): string {
  const missing = error instanceof ApiError && error.isNotFound;
  return missing ? `: create the namespace ${namespace}, or name another by --namespace` : '';
}

function resourceEvent(
  id: string,
  type: 'ADDED' | 'MODIFIED' | 'DELETED',
  object: KubeObject,
): ResourceEvent {
  const {apiVersion = '', kind = '', metadata} = object;
  const {name, namespace, resourceVersion} = metadata;
  const meta: ResourceMeta = {id, name, resourceVersion, apiVersion, kind, ...(namespace ? {namespace} : {})};
  return {meta, type: type as ResourceEventType, object: object as unknown as KubernetesObject};
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), {once: true});
  });
}
