/** The spine of a term: takes keys, and for each observes, plans and applies. */
import type {KubeObject} from '../api/objects.ts';
import {type Rendered, renderedView} from '../core/admission/rendered.ts';
import type {Finding} from '../core/lease/finding.ts';
import type {Action} from '../core/plan/action.ts';
import {ApiError, TermEndedError} from '../errors.ts';
import {apply} from '../runtime/apply.ts';
import type {ApiClient} from '../runtime/client.ts';
import {systemClock} from '../runtime/clock.ts';
import type {Term} from '../runtime/elector.ts';
import type {EventRecorder} from '../runtime/events.ts';
import {type Outcome, runWorkers} from '../runtime/loop.ts';
import type {WorkQueue} from '../runtime/queue.ts';
import type {WriterOptions, WrittenKind} from '../runtime/write.ts';
import type {Logger} from '../telemetry/log.ts';
import type {Metrics} from '../telemetry/metrics.ts';
import {projectLease, projectPolicy, projectRegistry} from '../world/project.ts';
import {blindMs} from '../world/seen.ts';
import type {World} from '../world/world.ts';
import type {Controller} from './controller.ts';
import {byName, lookAt, splitKey} from './look.ts';

export type ReconcilerOptions = {
  controllers: readonly Controller<unknown>[];
  world: World;
  queue: WorkQueue;
  workers: number;
  identity: string;
  client: ApiClient;
  events: EventRecorder;
  metrics: Metrics;
  log: Logger;
};

/** While the Leases are not seen, what would change next does not come nearer: to look again and again is of no use. */
const BLIND_AGAIN_MS = 1000;

export class Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #controllers: ReadonlyMap<string, Controller<unknown>>;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#controllers = byName(options.controllers);
  }

  /** Works until the term ends; resolves when every key that was under way has ended. */
  run(term: Term): Promise<void> {
    const {queue, workers} = this.#options;
    return runWorkers({
      queue,
      workers,
      signal: term.signal,
      reconcile: key => this.#reconcile(key, term),
      onFailure: (key, error, retryInMs) => this.#failed(key, error, retryInMs),
    });
  }

  async #reconcile(key: string, term: Term): Promise<Outcome> {
    const {world, metrics} = this.#options;
    const stop = metrics.reconciles.startTimer();
    const now = systemClock.now();
    const {controller, own, plan, fresh} = lookAt(key, this.#controllers, world, now);
    const actions = [...fresh.map(findingEvent), ...plan.actions];
    const failures = actions.length > 0 ? await apply(actions, this.#writer(key, term)) : [];
    if (failures.length === 0) {
      controller.ended?.(own, undefined, world);
      stop({controller: controller.name});
    }
    const isBlind = blindMs(world.leases, now.monotonicMs) > 0;
    const requeueAfterMs =
      isBlind && plan.requeueAfterMs !== undefined
        ? Math.max(plan.requeueAfterMs, BLIND_AGAIN_MS)
        : plan.requeueAfterMs;
    return {failures, requeueAfterMs};
  }

  #writer(key: string, term: Term): WriterOptions {
    const {client, identity, events, log, metrics, world} = this.#options;
    const [, rest] = splitKey(key);
    const decidedBy = world.inForce.of(rest);
    return {
      client,
      term,
      identity,
      // Only keys of the collection delete, and what follows the slash there is the policy.
      isInForce: policy => policy === rest && world.inForce.of(policy) === decidedBy,
      onPrevented: by => metrics.deletesPrevented.inc({by}),
      onWritten: (kind, object) => this.#written(kind, object),
      onCollect: (manifest, {policy, subject}) =>
        log.info('deleting Lease', {controller: 'collection', key, policy, subject, manifest}),
      onEvent: event => {
        if (!world.isTerminating(event.about.namespace)) events.emit(event);
      },
      onDone: action => this.#done(key, action),
    };
  }

  /** Puts the server's answer into the caches, so that the next look sees it before the watch delivers it. */
  #written(kind: WrittenKind, object: KubeObject): void {
    const {leases, registries, policies, rendered} = this.#options.world;
    if (kind === 'lease') {
      const previous = leases.get(`${object.metadata.namespace}/${object.metadata.name}`);
      leases.putWritten(projectLease(object, previous, systemClock.monotonicMs()));
    } else if (kind === 'registry') registries.putWritten(projectRegistry(object));
    else if (kind === 'policy') policies.putWritten(projectPolicy(object));
    else rendered.stores[kind].putWritten(renderedView(kind, object));
  }

  #done(key: string, action: Action): void {
    if (action.type === 'emitEvent') return;
    const {metrics, log} = this.#options;
    const purpose = 'purpose' in action ? action.purpose : action.type;
    metrics.actions.inc({action: purpose});
    const level = action.type !== 'writeRecord' || purpose === 'renew' ? 'debug' : 'info';
    // winston makes a line before it looks at the level.
    if (log.isLevelEnabled(level))
      log.log(level, purpose, {controller: splitKey(key)[0], key, ...target(action)});
  }

  #failed(key: string, error: Error, retryInMs: number): void {
    const {metrics, log, world} = this.#options;
    const [controller, rest] = splitKey(key);
    const reason = error instanceof ApiError ? error.knownReason : error.name;
    metrics.failures.inc({controller, reason});
    const expected =
      error instanceof TermEndedError ||
      (error instanceof ApiError && (error.isConflict || error.isNotFound));
    if (!expected) this.#controllers.get(controller)?.ended?.(rest, error, world);
    log.log(expected ? 'debug' : 'warn', error.message, {controller, key, retryInMs: Math.round(retryInMs)});
  }
}

const findingEvent = ({about, reason, message}: Finding): Action => ({
  type: 'emitEvent',
  about,
  severity: 'Warning',
  reason,
  message,
});

/** The fields of a log line that say what was written. */
function target(action: Exclude<Action, {type: 'emitEvent'}>): object {
  if (action.type === 'applyObject') return {policy: action.policy, object: objectText(action.rendered)};
  if (action.type === 'deleteObject') return {policy: action.policy, object: objectText(action)};
  if ('lease' in action)
    return {policy: action.policy, lease: `${action.lease.namespace}/${action.lease.name}`};
  if ('name' in action) return {policy: action.policy, lease: `${action.namespace}/${action.name}`};
  return 'policy' in action ? {policy: action.policy} : {namespace: action.namespace};
}

const objectText = ({
  kind,
  namespace,
  name,
}: Pick<Rendered, 'kind' | 'name'> & {namespace?: string | undefined}) =>
  namespace === undefined ? `${kind}/${name}` : `${kind}/${namespace}/${name}`;
