/** The Lease of an election, as one candidate reads and writes it. */
import type {Lease, LeaseSpec} from '../api/objects.ts';
import {type Candidate, type ElectionWay, heldRecord, isOurs, releasedRecord} from '../core/plan/election.ts';
import {ApiError, DuplicateIdentityError} from '../errors.ts';
import type {ApiClient, RequestOptions} from './client.ts';
import type {Clock} from './clock.ts';
import {ObservedLease} from './observed-lease.ts';
import {OwnRecords} from './own-records.ts';
import {watchOne} from './watch-one.ts';

export type ElectionLeaseOptions = {
  client: ApiClient;
  namespace: string;
  name: string;
  /** Unique to the process, such as <pod name>_<uuid>. */
  identity: string;
  labels?: Record<string, string>;
  /** Told of each holder that is seen. */
  onHolder?: (holder: string) => void;
  /** Told of another process with our identity. */
  onProblem?: (error: Error) => void;
};

/** A Lease to be written. */
type Draft = {metadata: object; spec: LeaseSpec};

const KIND = {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease'};

export class ElectionLease {
  readonly seen: ObservedLease;
  /** A coordinated election may have to go on in the classic way. */
  way: ElectionWay;
  readonly #options: ElectionLeaseOptions;
  readonly #clock: Clock;
  readonly #path: string;
  readonly #own = new OwnRecords();
  /** The record of another process that bears our name, as it was last seen. */
  #double: string | undefined;

  constructor(options: ElectionLeaseOptions, way: ElectionWay, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.way = way;
    this.seen = new ObservedLease(options.identity, clock, options.onHolder);
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`;
  }

  /** Who we are to a record. */
  self(spec: LeaseSpec | undefined): Omit<Candidate, 'leftMs'> {
    const written = spec !== undefined && this.#own.has(spec);
    return {identity: this.#options.identity, way: this.way, written};
  }

  /** Reads the Lease and notes what it says; undefined when there is none. */
  async look(options: RequestOptions): Promise<Lease | undefined> {
    const {client, name} = this.#options;
    let lease: Lease | undefined;
    try {
      lease = await client.request<Lease>('GET', `${this.#path}/${name}`, options);
    } catch (error) {
      if (!(error instanceof ApiError && error.isNotFound)) throw error;
    }
    this.seen.note(lease);
    this.#noteDouble(lease?.spec);
    return lease;
  }

  /**
   * Writes that we hold it, into the version that was read or into a new one. Throws ApiError when the server refused, or
   * somebody else wrote first.
   */
  async hold(lease: Lease | undefined, durationSeconds: number, timeoutMs: number): Promise<void> {
    const {name, labels} = this.#options;
    const before = lease ? lease.spec : this.seen.known;
    const spec = heldRecord(before, {...this.self(before), durationSeconds, wallMs: this.#clock.wallMs()});
    if (lease) await this.#write(lease, spec, timeoutMs);
    else await this.#send('POST', this.#path, {...KIND, metadata: {name, labels}, spec}, timeoutMs);
  }

  /** Gives it up as client-go does: no holder, duration 1, the counter kept. Nothing is written if it is not ours. */
  async giveUp(timeoutMs: number): Promise<void> {
    const {lease} = this.seen;
    if (!lease?.spec || !isOurs(lease.spec, this.self(lease.spec))) return;
    await this.#write(lease, releasedRecord(lease.spec, this.#clock.wallMs()), timeoutMs);
  }

  /** Follows the Lease from the version that was read. True: it is worth to look at once. */
  async watchForChance(signal: AbortSignal): Promise<boolean> {
    const {client, identity} = this.#options;
    const {seen} = this;
    // A free Lease that could not be taken is tried again later; but it may be assigned.
    const isOfNobody = seen.holder === '' && this.way === 'classic';
    if (!seen.lease || seen.holder === identity || isOfNobody) return false;
    for await (const next of watchOne(client, this.#path, seen.lease, signal)) {
      seen.note(next);
      // Gone, it can't be watched any more: from then on it is looked at once in a retry period.
      if (seen.holder === '' || seen.holder === identity) return true;
    }
    return false;
  }

  /** One that stands still may be of ourselves before a restart; one that moves has a living writer. */
  #noteDouble(spec: LeaseSpec | undefined): void {
    const {identity, onProblem} = this.#options;
    if (spec?.holderIdentity !== identity || isOurs(spec, this.self(spec))) return;
    const record = JSON.stringify(spec);
    if (this.#double !== undefined && this.#double !== record)
      onProblem?.(new DuplicateIdentityError(identity));
    this.#double = record;
  }

  async #write({metadata}: Lease, spec: LeaseSpec, timeoutMs: number): Promise<void> {
    const path = `${this.#path}/${this.#options.name}`;
    await this.#send('PUT', path, {...KIND, metadata, spec}, timeoutMs);
  }

  /** Not bound to a signal: a write whose answer we don't wait for may still arrive at the server. */
  async #send(method: string, path: string, body: Draft, timeoutMs: number): Promise<void> {
    const {spec} = body;
    this.#own.sent(spec);
    try {
      this.seen.note(await this.#options.client.request<Lease>(method, path, {body, timeoutMs}));
    } catch (error) {
      if (error instanceof ApiError && error.isRefusal) this.#own.refused(spec);
      throw error;
    }
    this.#own.accepted(spec);
    this.#double = undefined;
  }
}
