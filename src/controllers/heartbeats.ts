/** The nodes and their Leases: read only while a policy of nodes is in force, and polled, as there may be hundreds of writes a second. */
import type {LeaseView} from '../core/lifetime.ts';
import {HEARTBEATS} from '../core/rules.ts';
import {systemClock} from '../runtime/clock.ts';
import {type Row, Store} from '../runtime/store.ts';
import {isHeartbeat} from './changes.ts';
import {type NodeRow, projectLease, projectNode} from './project.ts';
import type {WatchRequest} from './watch-request.ts';

export type HeartbeatsOptions = {
  watch: <R extends Row>(request: WatchRequest<R>) => void;
  pollMs: number;
  /** Told of a node that may have to be judged anew. */
  onChange: (name: string) => void;
  /** Told of each write of a heartbeat that was seen. */
  onWrite: (lease: LeaseView) => void;
  /** Told when the caches became complete, or failed. */
  onState: () => void;
};

export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  #nodes = new Store<NodeRow>();
  #leases = new Store<LeaseView>();
  #reading: AbortController | undefined;
  readonly #problems = new Map<string, string>();
  /** Names of Leases without a node, with the monotonic milliseconds since when this process knows. */
  readonly #absentSinceMs = new Map<string, number>();

  constructor(options: HeartbeatsOptions) {
    this.#options = options;
  }

  get nodes(): Store<NodeRow> {
    return this.#nodes;
  }

  get leases(): Store<LeaseView> {
    return this.#leases;
  }

  /** Begins to read, or ends it and forgets everything. */
  want(wanted: boolean): void {
    if (wanted && !this.#reading) this.#start();
    if (wanted || !this.#reading) return;
    this.#reading.abort(new Error('no policy of nodes is in force'));
    this.#reading = undefined;
    this.#nodes = new Store();
    this.#leases = new Store();
    this.#problems.clear();
    this.#absentSinceMs.clear();
  }

  /** Whether both caches are complete. Before that nothing is known to be absent. */
  get ready(): boolean {
    return this.#nodes.ready && this.#leases.ready;
  }

  /** Why the nodes or their Leases can't be read. */
  get problem(): string | undefined {
    return this.ready ? undefined : this.#problems.values().next().value;
  }

  /** Whether there is nothing to wait for. */
  get settled(): boolean {
    return !this.#reading || this.ready || this.problem !== undefined;
  }

  /** Since when there is no node of this name, as far as this process knows; undefined when there may be one. */
  absentSinceMs(name: string): number | undefined {
    return this.ready ? this.#absentSinceMs.get(name) : undefined;
  }

  /** Names of all nodes, and of all Leases that have none. */
  *names(): Generator<string> {
    for (const {key} of this.#nodes.values()) yield key;
    for (const {name} of this.#leases.values()) if (!this.#nodes.get(name)) yield name;
  }

  #start(): void {
    this.#reading = new AbortController();
    const {watch, pollMs, onChange, onWrite} = this.#options;
    const {signal} = this.#reading;
    this.#nodes = new Store(({type, row}) => {
      if (type === 'deleted') this.#absentSinceMs.set(row.key, systemClock.monotonicMs());
      else this.#absentSinceMs.delete(row.key);
      onChange(row.key);
    });
    this.#leases = new Store(change => {
      const {type, row} = change;
      if (type === 'deleted') this.#absentSinceMs.delete(row.name);
      else if (type === 'added') this.#noteAbsence(row.name);
      else if (change.previous?.renewTime !== row.renewTime) onWrite(row);
      if (type !== 'modified' || !change.previous || !isHeartbeat(change.previous, row)) onChange(row.name);
    });
    watch<NodeRow>({
      group: '',
      version: 'v1',
      plural: 'nodes',
      store: this.#nodes,
      project: (object, previous) => projectNode(object, previous, systemClock.monotonicMs()),
      metadataOnly: true,
      signal,
      onState: problem => this.#state('nodes', problem),
    });
    watch<LeaseView>({
      group: 'coordination.k8s.io',
      version: 'v1',
      plural: 'leases',
      namespace: HEARTBEATS,
      name: 'heartbeats',
      store: this.#leases,
      project: (object, previous) => projectLease(object, previous, systemClock.monotonicMs()),
      pollMs,
      signal,
      onState: problem => this.#state('heartbeats', problem),
    });
  }

  #state(resource: string, problem: string | undefined): void {
    const wasReady = this.#problems.size === 0 && this.ready;
    if (problem === undefined) this.#problems.delete(resource);
    else this.#problems.set(resource, problem);
    if (wasReady && problem === undefined) return;
    for (const {name} of this.#leases.values()) this.#noteAbsence(name);
    this.#options.onState();
  }

  #noteAbsence(name: string): void {
    if (!this.#nodes.ready || this.#nodes.get(name) || this.#absentSinceMs.has(name)) return;
    this.#absentSinceMs.set(name, systemClock.monotonicMs());
  }
}
