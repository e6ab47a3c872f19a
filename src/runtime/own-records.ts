/** Knows which records of a Lease this process wrote itself, whatever name they bear. */
import type {LeaseSpec} from '../api/objects.ts';

/**
 * That a record bears our name does not say that we wrote it: another process may have been given the same name, and
 * then both would renew and both would lead. So each record that is sent is remembered, by its times, until a later one
 * was accepted: one whose answer was lost may still have arrived.
 */
export class OwnRecords {
  #accepted = '';
  readonly #open = new Set<string>();

  /** To be called before the record is sent. */
  sent(spec: LeaseSpec): void {
    this.#open.add(keyOf(spec));
  }

  /** The server has taken it; an earlier one can't arrive any more, as the version it is based on is gone. */
  accepted(spec: LeaseSpec): void {
    this.#accepted = keyOf(spec);
    this.#open.clear();
  }

  /** The server has refused it, so a record like this is somebody else's. */
  refused(spec: LeaseSpec): void {
    this.#open.delete(keyOf(spec));
  }

  has(spec: LeaseSpec): boolean {
    const key = keyOf(spec);
    return key === this.#accepted || this.#open.has(key);
  }
}

function keyOf({holderIdentity, acquireTime, renewTime, leaseTransitions}: LeaseSpec): string {
  return JSON.stringify([holderIdentity, acquireTime, renewTime, leaseTransitions]);
}
