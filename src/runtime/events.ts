/** Kubernetes Events: sent beside the work, repeated ones counted, too many dropped and counted. */
import {createHash} from 'node:crypto';
import {legible, MESSAGE_MOST} from '../core/legible.ts';
import type {Action} from '../core/plan/action.ts';
import {ApiError} from '../errors.ts';
import {type ApiClient, MERGE_PATCH} from './client.ts';
import {delay} from './clock.ts';

type Emit = Extract<Action, {type: 'emitEvent'}>;

/** At most this many wait, and this many a second are sent: Events must not compete with the work. */
const WAITING_MOST = 500;
/** What went well gives way to what is wrong. */
const WAITING_MOST_NORMAL = 50;
const EVENTS_PER_SECOND = 20;
/** Repetitions of this many last Events are counted on the Event that exists. */
const REMEMBERED = 1000;

export class EventRecorder {
  readonly #client: ApiClient;
  readonly #component: string;
  readonly #waiting: Emit[] = [];
  readonly #counts = new Map<string, number>();
  readonly #onDropped: (error: Error | undefined) => void;
  #wake = Promise.withResolvers<void>();

  /** onDropped is told of each Event that is not sent, with the error if there was one. */
  constructor(client: ApiClient, component: string, onDropped: (error: Error | undefined) => void) {
    this.#client = client;
    this.#component = component;
    this.#onDropped = onDropped;
  }

  emit(event: Emit): void {
    const most = event.severity === 'Normal' ? WAITING_MOST_NORMAL : WAITING_MOST;
    if (this.#waiting.length >= most) {
      this.#onDropped(undefined);
      return;
    }
    this.#waiting.push({...event, message: legible(event.message, MESSAGE_MOST)});
    this.#wake.resolve();
  }

  /** Sends until the signal aborts; what waits then is dropped. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake.resolve(), {once: true});
    while (!signal.aborted) {
      const event = this.#waiting.shift();
      if (!event) {
        this.#wake = Promise.withResolvers<void>();
        await this.#wake.promise;
        continue;
      }
      try {
        await this.#send(event, signal);
      } catch (error) {
        this.#onDropped(error as Error);
      }
      await delay(1000 / EVENTS_PER_SECOND, signal);
    }
  }

  async #send(event: Emit, signal: AbortSignal): Promise<void> {
    const {about, reason, message} = event;
    const namespace = about.namespace || 'default';
    const id = createHash('sha256')
      .update(JSON.stringify([about.uid, reason, message]))
      .digest('hex')
      .slice(0, 16);
    const name = `${eventPrefix(about.name)}.${id}`;
    const path = `/api/v1/namespaces/${namespace}/events`;
    const time = new Date().toISOString().replace(/\.\d+Z$/, 'Z');
    const body = {...manifest(event, this.#component, time), metadata: {name, namespace}};
    const known = this.#counts.get(id);
    if (known !== undefined && (await this.#repeat(`${path}/${name}`, known + 1, time, signal))) {
      this.#remember(id, known + 1);
    } else if (await this.#make(path, body, signal)) {
      this.#remember(id, 1);
    } else if (await this.#repeat(`${path}/${name}`, 2, time, signal)) {
      this.#remember(id, 2);
    }
  }

  /** False: an Event of this name exists, from before this process began. */
  async #make(path: string, body: object, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#client.request('POST', path, {body, signal});
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.isConflict) return false;
      throw error;
    }
  }

  /** False: the Event is gone; the server keeps Events for an hour or so. */
  async #repeat(path: string, count: number, lastTimestamp: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#client.request('PATCH', path, {
        body: {count, lastTimestamp},
        contentType: MERGE_PATCH,
        signal,
      });
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.isNotFound) return false;
      throw error;
    }
  }

  #remember(id: string, count: number): void {
    this.#counts.delete(id);
    this.#counts.set(id, count);
    const oldest = this.#counts.keys().next().value;
    if (this.#counts.size > REMEMBERED && oldest !== undefined) this.#counts.delete(oldest);
  }
}

/** Some kinds have names that an Event can't have, such as system:leader of a Role. */
const eventPrefix = (name: string) =>
  name
    .toLowerCase()
    .replace(/[^-.a-z0-9]+/g, '-')
    .slice(0, 200)
    .replace(/^[-.]+|[-.]+$/g, '') || 'object';

function manifest({about, reason, message, severity}: Emit, component: string, time: string): object {
  return {
    involvedObject: {...about, ...(about.namespace ? {} : {namespace: undefined})},
    reason,
    message,
    type: severity,
    count: 1,
    firstTimestamp: time,
    lastTimestamp: time,
    source: {component},
    reportingComponent: component,
  };
}
