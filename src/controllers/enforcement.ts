/** What is known of each policy's enforcement in the API server, for its status. */
import type {Enforced} from '../core/plan-admission.ts';

export class Enforcement {
  readonly #states = new Map<string, Enforced>();
  readonly #onChange: (policy: string) => void;

  constructor(onChange: (policy: string) => void) {
    this.#onChange = onChange;
  }

  get(policy: string): Enforced | undefined {
    return this.#states.get(policy);
  }

  set(policy: string, state: Enforced): void {
    const before = this.#states.get(policy);
    if (before?.status === state.status && before.reason === state.reason && before.message === state.message)
      return;
    this.#states.set(policy, state);
    this.#onChange(policy);
  }

  /** A write was refused. It is tried again, and a later success sets the state anew. */
  failed(policy: string, message: string): void {
    this.set(policy, {status: 'False', reason: 'WriteFailed', message});
  }

  forget(policy: string): void {
    this.#states.delete(policy);
  }
}
