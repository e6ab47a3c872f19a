/** A Lease that is looked at for its own duration, as only that shows whether anybody renews it. */
import type {Lease} from '../../api/objects.ts';
import type {LeaseView} from '../../core/lease/lifetime.ts';
import {watchMs, whyItStays} from '../../core/plan/leases-of.ts';
import type {ApiClient} from '../../runtime/client.ts';
import {delay, systemClock} from '../../runtime/clock.ts';
import {projectLease} from '../../world/project.ts';
import {readIfThere} from './resources.ts';

export const LEASES = '/apis/coordination.k8s.io/v1';
const LOOK_EVERY_MS = 1_000;

export class WatchedLease {
  readonly #firstSeenMs = systemClock.monotonicMs();
  #lease: Lease | undefined;
  #view: LeaseView;

  constructor(lease: Lease) {
    this.#lease = lease;
    this.#view = projectLease(lease, undefined, this.#firstSeenMs);
  }

  /** As it was when it was looked at last; undefined when it was gone. */
  get lease(): Lease | undefined {
    return this.#lease;
  }

  get view(): LeaseView {
    return this.#view;
  }

  get path(): string {
    const {namespace, name} = this.#view;
    return `${LEASES}/namespaces/${encodeURIComponent(namespace)}/leases/${encodeURIComponent(name)}`;
  }

  /** Until its duration has passed under our eyes. */
  get leftMs(): number {
    return this.#firstSeenMs + watchMs(this.#view) - systemClock.monotonicMs();
  }

  /** Whether it is there, and somebody has written it under our eyes. */
  get isWritten(): boolean {
    return this.#lease !== undefined && this.#view.changedAtMs > this.#firstSeenMs;
  }

  /** Undefined when nobody holds it. */
  get whyItStays(): string | undefined {
    if (!this.#lease) return 'it is gone already';
    return whyItStays(this.#view, this.#firstSeenMs, systemClock.monotonicMs());
  }

  async look(client: ApiClient): Promise<void> {
    this.#lease = await readIfThere<Lease>(client, this.path);
    if (this.#lease) this.#view = projectLease(this.#lease, this.#view, systemClock.monotonicMs());
  }
}

/** Returns when each was looked at for its own duration. */
export async function watchAll(client: ApiClient, watched: readonly WatchedLease[]): Promise<void> {
  const leftMs = () => Math.max(0, ...watched.map(each => each.leftMs));
  while (leftMs() > 0) {
    await delay(Math.min(LOOK_EVERY_MS, leftMs() + 1), new AbortController().signal);
    await Promise.all(watched.map(each => each.look(client)));
  }
}

/** How long that takes, for people. */
export const watchSeconds = (watched: readonly WatchedLease[]) =>
  Math.ceil(Math.max(0, ...watched.map(({leftMs}) => leftMs)) / 1000);
