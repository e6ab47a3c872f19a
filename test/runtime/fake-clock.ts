/** A clock that stands still until a test moves it. */
import type {Clock} from '../../src/runtime/clock.ts';

export class FakeClock implements Clock {
  #monotonicMs = 1_000;
  #wallMs: number;

  constructor(wall = '2026-03-01T12:00:00.000Z') {
    this.#wallMs = Date.parse(wall);
  }

  monotonicMs = () => this.#monotonicMs;
  wallMs = () => this.#wallMs;
  now = () => ({monotonicMs: this.#monotonicMs, wallMs: this.#wallMs});

  /** Time passes. */
  pass(ms: number): void {
    this.#monotonicMs += ms;
    this.#wallMs += ms;
  }

  /** Somebody sets the wall clock. */
  setWall(wall: string): void {
    this.#wallMs = Date.parse(wall);
  }
}
