/** What is known of each policy's enforcement in the API server, for its status. */
import type {Enforced} from '../core/plan-admission.ts';

export class Enforcement {
  readonly #states = new Map<string, Enforced>();
  /** Writes that were refused, by policy and key. */
  readonly #failures = new Map<string, Map<string, string>>();
  readonly #onChange: (policy: string) => void;

  constructor(onChange: (policy: string) => void) {
    this.#onChange = onChange;
  }

  get(policy: string): Enforced | undefined {
    const [failure] = this.#failures.get(policy)?.values() ?? [];
    if (failure === undefined) return this.#states.get(policy);
    return {status: 'False', reason: 'WriteFailed', message: `${failure}; it is tried again`};
  }

  set(policy: string, state: Enforced | undefined): void {
    this.#change(policy, () => {
      if (state) this.#states.set(policy, state);
      else this.#states.delete(policy);
    });
  }

  /** A write was refused; it is tried again. */
  failed(policy: string, key: string, message: string): void {
    this.#change(policy, () => {
      this.#failures.set(policy, (this.#failures.get(policy) ?? new Map<string, string>()).set(key, message));
    });
  }

  succeeded(policy: string, key: string): void {
    if (this.#failures.has(policy)) this.#change(policy, () => this.#failures.get(policy)?.delete(key));
  }

  #change(policy: string, change: () => void): void {
    const before = this.get(policy);
    change();
    const after = this.get(policy);
    if (before?.reason !== after?.reason || before?.message !== after?.message) this.#onChange(policy);
  }
}
