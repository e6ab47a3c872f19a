/** The moment of a decision, which is given to it: core reads no clock. */

/** Both clocks: decisions about renewal use the monotonic one, texts for people the wall. Milliseconds. */
export type Now = {readonly monotonicMs: number; readonly wallMs: number};
