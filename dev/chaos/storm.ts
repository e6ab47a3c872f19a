/** Kills: the leader of the operator's replicas, the API server and etcd, each at its own pace. */
import {setTimeout as sleep} from 'node:timers/promises';
import type {Cluster} from '../controlplane/cluster.ts';
import type {Component} from '../controlplane/options.ts';
import {type Line, leading, type Program, startOperator} from '../programs.ts';

const KILL_EVERY_MS = 20_000;
const CONTROL_PLANE_EVERY_MS = 180_000;
/** So that a run of three minutes has both. */
const FIRST_KILL_MS: Readonly<Record<'kube-apiserver' | 'etcd', number>> = {
  'kube-apiserver': 50_000,
  etcd: 110_000,
};
const DOWN_MS = 2_000;
/** Another kill may fall into a hand-over, and the API server may be away. */
const PATIENCE_MS = 90_000;

/** SIGKILL: it dies. SIGTERM: it releases its Lease. SIGSTOP: it is frozen, and continued when another one leads. */
export type Blow = 'SIGKILL' | 'SIGTERM' | 'SIGSTOP';
export type HandOver = {blow: Blow; tookMs: number};

const isEnd = (line: Line) => line.message === 'no longer leading';
const atMs = (line: Line) => Date.parse(`${line.timestamp}`);

export class Storm {
  readonly handOvers: HandOver[] = [];
  readonly kills: Record<'kube-apiserver' | 'etcd', number> = {'kube-apiserver': 0, etcd: 0};
  readonly #cluster: Cluster;
  readonly #end: AbortSignal;
  readonly #replicas: Program[] = [];
  /** Never killed, so that what it leaks is seen; it is frozen instead. */
  #elder: Program | undefined;
  #started = 0;
  #deaths = 0;

  constructor(cluster: Cluster, end: AbortSignal) {
    this.#cluster = cluster;
    this.#end = end;
  }

  get elder(): Program {
    if (!this.#elder) throw new Error('no elder was started');
    return this.#elder;
  }

  /** Starts a replica. */
  async add(): Promise<Program> {
    this.#started += 1;
    const replica = await startOperator(this.#cluster.kubeconfig, [], `operator-${this.#started}`);
    this.#replicas.push(replica);
    return replica;
  }

  async addElder(): Promise<void> {
    this.#elder = await this.add();
  }

  /** Blows until the end. */
  async rage(): Promise<void> {
    await Promise.all([
      this.#every(KILL_EVERY_MS, KILL_EVERY_MS, () => this.strike()),
      this.#every(FIRST_KILL_MS['kube-apiserver'], CONTROL_PLANE_EVERY_MS, () =>
        this.#kill('kube-apiserver'),
      ),
      this.#every(FIRST_KILL_MS.etcd, CONTROL_PLANE_EVERY_MS, () => this.#kill('etcd')),
    ]);
  }

  /** Takes the Lease from the leader, and waits for the next one. Does nothing while nobody leads. */
  async strike(): Promise<void> {
    const leader = this.#leader();
    if (!leader) return;
    const blow = leader === this.#elder ? 'SIGSTOP' : this.#deaths++ % 2 === 0 ? 'SIGKILL' : 'SIGTERM';
    const fromMs = Date.now();
    if (blow === 'SIGSTOP') process.kill(leader.pid, blow);
    else {
      void leader.stop(blow);
      this.#replicas.splice(this.#replicas.indexOf(leader), 1);
    }
    const others = this.#replicas.filter(each => each !== leader);
    const decided = new AbortController();
    const next = await Promise.race(others.map(each => nextTerm(each, fromMs, decided.signal)));
    decided.abort();
    if (blow === 'SIGSTOP') process.kill(leader.pid, 'SIGCONT');
    else await this.add();
    if (next !== undefined) this.handOvers.push({blow, tookMs: next - fromMs});
  }

  stop(): Promise<unknown> {
    for (const {pid, running} of this.#replicas) if (running) process.kill(pid, 'SIGCONT');
    return Promise.all(this.#replicas.map(each => each.stop()));
  }

  #leader(): Program | undefined {
    return this.#replicas.find(
      ({running, lines}) => running && lines.filter(leading).length > lines.filter(isEnd).length,
    );
  }

  async #kill(component: Component & keyof Storm['kills']): Promise<void> {
    await this.#cluster.kill(component, 'SIGKILL');
    this.kills[component] += 1;
    await sleep(DOWN_MS);
    await this.#cluster.restart();
  }

  async #every(firstMs: number, thenMs: number, act: () => Promise<void>): Promise<void> {
    for (let dueMs = performance.now() + firstMs; ; dueMs = Math.max(dueMs + thenMs, performance.now())) {
      await sleep(Math.max(0, dueMs - performance.now()), undefined, {signal: this.#end}).catch(() => {});
      if (this.#end.aborted) return;
      await act();
    }
  }
}

/**
 * When the replica began its next term, in milliseconds since 1970; undefined when it does not for a long time, or another
 * one has.
 */
async function nextTerm(
  replica: Program,
  afterMs: number,
  decided: AbortSignal,
): Promise<number | undefined> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  while (performance.now() < deadlineMs && !decided.aborted) {
    const line = replica.lines.find(each => leading(each) && atMs(each) >= afterMs);
    if (line) return atMs(line);
    await sleep(20);
  }
  return undefined;
}
