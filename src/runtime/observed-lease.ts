/** What this process has seen of a Lease, and when: nothing else says whether a holder still lives. */
import type {Lease, LeaseSpec} from '../api/objects.ts';
import type {Clock} from './clock.ts';

export class ObservedLease {
  readonly #identity: string;
  readonly #clock: Clock;
  readonly #onHolder: (holder: string) => void;
  #lease: Lease | undefined;
  #known: LeaseSpec | undefined;
  #record = '';
  /** When the record was first seen as it is. */
  #atMs: number;
  #holder: string | undefined;
  #predecessorEndsMs = 0;

  constructor(identity: string, clock: Clock, onHolder: (holder: string) => void = () => {}) {
    this.#identity = identity;
    this.#clock = clock;
    this.#onHolder = onHolder;
    this.#atMs = clock.monotonicMs();
  }

  /** The last version, undefined when there was none. */
  get lease(): Lease | undefined {
    return this.#lease;
  }

  /** The last record; that of a Lease which is gone stays, for its fencing counter and its holder. */
  get known(): LeaseSpec | undefined {
    return this.#known;
  }

  /** Empty when nobody holds it. */
  get holder(): string {
    return this.#holder ?? '';
  }

  /** Until the holder's duration has passed under our eyes; below 0, for how long it has been free. */
  get leftMs(): number {
    return this.#endsMs - this.#clock.monotonicMs();
  }

  /** For how long the holder before this one may still believe that it leads, if it did not release the Lease. */
  get predecessorMs(): number {
    return this.#predecessorEndsMs - this.#clock.monotonicMs();
  }

  /** Notes what a version says; undefined: there is no Lease. */
  note(lease: Lease | undefined): void {
    const record = JSON.stringify([lease?.metadata.uid, lease?.spec]);
    const holder = lease?.spec?.holderIdentity ?? '';
    const changed = holder !== this.#holder;
    if (changed) this.#predecessorEndsMs = this.#endOfPredecessor(lease !== undefined && holder === '');
    if (record !== this.#record) this.#atMs = this.#clock.monotonicMs();
    this.#lease = lease;
    this.#known = lease ? lease.spec : this.#known;
    this.#record = record;
    this.#holder = holder;
    if (changed) this.#onHolder(holder);
  }

  /** To delete a Lease is not to release it: its holder need not know yet. */
  get #endsMs(): number {
    if (!this.#lease) return Math.max(this.#atMs, this.#predecessorEndsMs);
    const seconds = this.holder === '' ? 0 : (this.#lease?.spec?.leaseDurationSeconds ?? 0);
    return this.#atMs + seconds * 1000;
  }

  #endOfPredecessor(released: boolean): number {
    if (released || this.holder === this.#identity) return 0;
    return Math.max(this.#predecessorEndsMs, this.#endsMs);
  }
}
