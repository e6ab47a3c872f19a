/** What is known of each policy's enforcement in the API server, for its status. */
import type {Enforced} from '../core/plan/admission.ts';

export class Enforcement {
  readonly #states = new Map<string, Enforced>();
  /** Writes that failed, by the key that they were for. */
  readonly #failures = new Map<string, {policy: string; message: string}>();
  readonly #onChange: (policy: string) => void;

  constructor(onChange: (policy: string) => void) {
    this.#onChange = onChange;
  }

  get(policy: string): Enforced | undefined {
    const failure = this.#failures.values().find(each => each.policy === policy);
    if (!failure) return this.#states.get(policy);
    return {status: 'False', reason: 'WriteFailed', message: `${failure.message}; it is tried again`};
  }

  set(policy: string, state: Enforced | undefined): void {
    this.#change(policy, () => {
      if (state) this.#states.set(policy, state);
      else this.#states.delete(policy);
    });
  }

  /** A write was refused; it is tried again. */
  failed(policy: string, key: string, message: string): void {
    this.#change(policy, () => this.#failures.set(key, {policy, message}));
  }

  /** Forgets everything: a term begins. */
  clear(): void {
    this.#states.clear();
    this.#failures.clear();
  }

  succeeded(key: string): void {
    const failure = this.#failures.get(key);
    if (failure) this.#change(failure.policy, () => this.#failures.delete(key));
  }

  #change(policy: string, change: () => unknown): void {
    const before = this.get(policy);
    change();
    const after = this.get(policy);
    if (before?.reason !== after?.reason || before?.message !== after?.message) this.#onChange(policy);
  }
}
