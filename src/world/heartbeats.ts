/** The nodes and their Leases: read only while a policy of nodes is in force, and polled, as there may be hundreds of writes a second. */
import {holding, type LeaseView} from '../core/lease/lifetime.ts';
import {HEARTBEATS} from '../core/naming/rules.ts';
import {systemClock} from '../runtime/clock.ts';
import {type Row, Store} from '../runtime/store.ts';
import {isHeartbeat} from './changes.ts';
import {type NodeRow, projectHeartbeat, projectNode} from './project.ts';
import {asSeen} from './seen.ts';
import type {WatchRequest} from './watch-request.ts';

/** What policies of nodes ask for; labels are most of what is known of a node. */
export type NodesNeeded = 'nothing' | 'names' | 'names and labels';

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
  #reading: {end: AbortController; need: NodesNeeded} | undefined;
  readonly #problems = new Map<string, string>();
  /** Whether both are read without a problem, as it was told last. */
  #isWell = false;
  /** Names that were judged before the caches were emptied, to be judged anew when they are complete. */
  #former: readonly string[] = [];
  /** Names of nodes whose Lease has run out since it was renewed last. */
  readonly #silent = new Set<string>();
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

  /** A Lease as the last complete list says it: nothing after that can tell that its node is silent. */
  lease(name: string, monotonicMs: number): LeaseView | undefined {
    return asSeen(this.#leases, name, monotonicMs);
  }

  /** Begins to read what is needed, or ends it and forgets everything. */
  want(need: NodesNeeded): void {
    if ((this.#reading?.need ?? 'nothing') === need) return;
    this.#reading?.end.abort(new Error('what policies of nodes ask for has changed'));
    this.#reading = undefined;
    this.#former = [...this.#former, ...this.names()];
    this.#nodes = new Store();
    this.#leases = new Store();
    this.#problems.clear();
    this.#absentSinceMs.clear();
    this.#silent.clear();
    this.#isWell = false;
    if (need === 'nothing') this.#former = [];
    else this.#start(need);
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

  #start(need: NodesNeeded): void {
    const end = new AbortController();
    this.#reading = {end, need};
    const {watch, pollMs, onChange, onWrite} = this.#options;
    const {signal} = end;
    this.#nodes = new Store(({type, row}) => {
      if (signal.aborted) return;
      // Without a Lease nobody will ask.
      if (type === 'deleted') this.#noteAbsence(row.key);
      else this.#absentSinceMs.delete(row.key);
      onChange(row.key);
    });
    this.#leases = new Store(change => {
      if (signal.aborted) return;
      const {type, row} = change;
      if (type === 'deleted') this.#absentSinceMs.delete(row.name);
      if (type === 'deleted') this.#silent.delete(row.name);
      else if (type === 'added') this.#noteAbsence(row.name);
      else if (change.previous?.renewTime !== row.renewTime) onWrite(row);
      if (type !== 'modified' || !change.previous || !isHeartbeat(change.previous, row)) onChange(row.name);
    });
    watch<NodeRow>({
      group: '',
      version: 'v1',
      plural: 'nodes',
      store: this.#nodes,
      project: (object, previous) =>
        projectNode(object, previous, need === 'names and labels', systemClock.monotonicMs()),
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
      project: object => {
        const {name} = object.metadata;
        const nodeName = this.#nodes.get(name)?.name;
        return projectHeartbeat(object, this.#leases.get(name), nodeName, systemClock.monotonicMs());
      },
      pollMs,
      signal,
      onState: problem => this.#state('heartbeats', problem),
    });
  }

  #state(resource: string, problem: string | undefined): void {
    if (problem === undefined) this.#problems.delete(resource);
    else this.#problems.set(resource, problem);
    if (resource === 'heartbeats' && problem === undefined) this.#lookForSilence();
    const isWell = this.ready && this.#problems.size === 0;
    if (isWell && this.#isWell) return;
    this.#isWell = isWell;
    for (const {name} of this.#leases.values()) this.#noteAbsence(name);
    if (isWell) {
      for (const name of this.#former) this.#options.onChange(name);
      this.#former = [];
    }
    this.#options.onState();
  }

  /** A list is all that can tell that a node is silent, and cheaper than a timer for each of them. */
  #lookForSilence(): void {
    const nowMs = this.#leases.rightUntilMs(systemClock.monotonicMs());
    for (const lease of this.#leases.values()) {
      const isSilent = holding(lease, nowMs).state !== 'held';
      if (isSilent === this.#silent.has(lease.name)) continue;
      if (isSilent) this.#silent.add(lease.name);
      else this.#silent.delete(lease.name);
      this.#options.onChange(lease.name);
    }
  }

  #noteAbsence(name: string): void {
    if (!this.#nodes.ready || this.#nodes.get(name) || !this.#leases.get(name)) return;
    if (this.#absentSinceMs.has(name)) return;
    this.#absentSinceMs.set(name, systemClock.monotonicMs());
  }
}
