/** The work queue: what comes out, when, and never twice at once. */
import test, {type ExecutionContext} from 'ava';
import fc from 'fast-check';
import {WorkQueue} from '../../src/runtime/queue.ts';

const forever = new AbortController().signal;

/** A queue whose time the test sets; its timers are real, and end with the test. */
function timed(t: ExecutionContext): {queue: WorkQueue; clock: {ms: number}} {
  const clock = {ms: 0};
  const queue = new WorkQueue(() => clock.ms);
  t.timeout(10_000);
  t.teardown(() => queue.clear());
  return {queue, clock};
}

/** A signal that aborts at the end of the test. */
function untilEnd(t: ExecutionContext): AbortSignal {
  const end = new AbortController();
  t.teardown(() => end.abort());
  return end.signal;
}

/** Whether a promise is still open after everything that is ready has run. */
async function isOpen(promise: Promise<unknown>): Promise<boolean> {
  const mark = Symbol();
  const turn = new Promise(resolve => setImmediate(resolve, mark));
  return (await Promise.race([promise, turn])) === mark;
}

test('keys come out in the order in which they became due', t => {
  const queue = new WorkQueue();
  for (const key of ['b', 'a', 'c']) queue.add(key);
  t.deepEqual([queue.take(forever), queue.take(forever), queue.take(forever)], ['b', 'a', 'c']);
});

test('a key that waits is not added a second time', t => {
  const queue = new WorkQueue();
  for (let i = 0; i < 10; i++) queue.add('a');
  t.is(queue.length, 1);
  t.is(queue.take(forever), 'a');
  queue.done('a', undefined);
  t.true(queue.idle);
});

test('a taker that waits is given the key at once', async t => {
  const queue = new WorkQueue();
  const first = queue.take(forever);
  const second = queue.take(forever);
  queue.add('a');
  queue.add('b');
  t.deepEqual(await Promise.all([first, second]), ['a', 'b']);
});

test('the earliest time wins, whether it is given first or last', async t => {
  for (const waits of [
    [3_600_000, 5],
    [5, 3_600_000],
    [3_600_000, 5, 7],
  ]) {
    const {queue, clock} = timed(t);
    for (const wait of waits) queue.add('a', wait);
    const taken = queue.take(untilEnd(t)) as Promise<string>;
    clock.ms = 5;
    t.is(await taken, 'a');
    queue.done('a', undefined);
    t.true(queue.idle);
  }
});

test('a key does not come before its time by the clock of the queue', async t => {
  const {queue, clock} = timed(t);
  queue.add('early', 2);
  queue.add('late', 3);
  clock.ms = 2;
  t.is(await queue.take(forever), 'early');
  const late = queue.take(untilEnd(t)) as Promise<string>;
  t.true(await isOpen(late));
  clock.ms = 3;
  t.is(await late, 'late');
});

test('a wait is ended by adding the key for now, and leaves nothing behind', async t => {
  const {queue, clock} = timed(t);
  queue.add('a', 4);
  queue.add('a');
  t.is(queue.take(forever), 'a');
  queue.done('a', undefined);
  queue.add('b', 5);
  clock.ms = 5;
  t.is(await queue.take(forever), 'b');
  t.is(queue.length, 1);
});

test('a wait that is longer than a timer can bear does not come at once', async t => {
  const {queue} = timed(t);
  queue.add('a', 1e12);
  t.true(await isOpen(queue.take(untilEnd(t)) as Promise<unknown>));
});

test('a key that is added while it runs waits for its end, and then runs once more', async t => {
  const queue = new WorkQueue();
  queue.add('a');
  t.is(queue.take(forever), 'a');
  queue.add('a');
  queue.add('a');
  const second = queue.take(untilEnd(t)) as Promise<string>;
  t.true(await isOpen(second));
  queue.done('a', undefined);
  t.is(await second, 'a');
  queue.done('a', undefined);
  t.true(queue.idle);
});

test('a key that runs does not keep others from running', t => {
  const queue = new WorkQueue();
  queue.add('a');
  queue.take(forever);
  queue.add('a');
  queue.add('b');
  t.is(queue.take(forever), 'b');
});

test('a key whose time comes while it runs waits for its end', async t => {
  const {queue, clock} = timed(t);
  queue.add('a');
  queue.take(forever);
  queue.add('a', 2);
  queue.add('b', 2);
  clock.ms = 2;
  t.is(await queue.take(forever), 'b');
  const again = queue.take(untilEnd(t)) as Promise<string>;
  t.true(await isOpen(again));
  queue.done('a', undefined);
  t.is(await again, 'a');
});

test('done with a wait brings the key again after it', async t => {
  const {queue, clock} = timed(t);
  queue.add('a');
  queue.take(forever);
  queue.done('a', 3);
  const again = queue.take(forever) as Promise<string>;
  t.true(await isOpen(again));
  clock.ms = 3;
  t.is(await again, 'a');
});

test('done with no wait at all still lets others have their turn', async t => {
  const {queue, clock} = timed(t);
  queue.add('a');
  queue.take(forever);
  queue.done('a', 0);
  queue.add('b');
  t.is(queue.take(forever), 'b');
  clock.ms = 1;
  t.is(await queue.take(forever), 'a');
});

test('the backoff grows with each failure of a key up to a minute, and for no other key', t => {
  const {queue, clock} = timed(t);
  const waits = Array.from({length: 14}, () => queue.failed('a'));
  for (const [index, wait] of waits.entries()) {
    const ceiling = Math.min(60_000, 50 * 2 ** index);
    t.true(wait >= ceiling / 2 && wait <= ceiling, `failure ${index + 1} waits ${wait}`);
  }
  t.true(queue.failed('b') <= 50);
  t.is(clock.ms, 0);
});

test('the backoff begins anew after a run that went well', t => {
  const {queue} = timed(t);
  for (let i = 0; i < 5; i++) queue.failed('a');
  queue.done('a', undefined);
  t.true(queue.failed('a') <= 50);
});

test('a failure waits at least as long as the server asked', t => {
  const {queue} = timed(t);
  t.is(queue.failed('a', {atLeastMs: 7_000}), 7_000);
});

test('a failure waits no longer than until the key has other work, and not for nothing', t => {
  const {queue} = timed(t);
  for (let i = 0; i < 14; i++) queue.failed('a');
  t.is(queue.failed('a', {atMostMs: 5_000}), 5_000);
  t.is(queue.failed('a', {atMostMs: 0}), 333, 'what falls due all the time is not tried all the time');
  t.true(queue.failed('b', {atMostMs: 0}) <= 50);
  t.is(queue.failed('a', {atMostMs: 5_000, atLeastMs: 6_000}), 6_000);
});

test('a failed key comes again by itself', async t => {
  const {queue, clock} = timed(t);
  queue.add('a');
  queue.take(forever);
  clock.ms = queue.failed('a');
  t.is(await queue.take(forever), 'a');
});

test('take ends without a key when its signal aborts, and the key goes to who still waits', async t => {
  const queue = new WorkQueue();
  const end = new AbortController();
  const leaver = queue.take(end.signal);
  const stayer = queue.take(forever);
  end.abort();
  t.is(await leaver, undefined);
  queue.add('a');
  t.is(await stayer, 'a');
});

test('take with a signal that has aborted takes no key', t => {
  const queue = new WorkQueue();
  queue.add('a');
  t.is(queue.take(AbortSignal.abort()), undefined);
  t.is(queue.take(forever), 'a');
});

test('an abort after the key was given takes no turn from the others', async t => {
  const queue = new WorkQueue();
  const end = new AbortController();
  const first = queue.take(end.signal);
  const second = queue.take(forever);
  queue.add('a');
  t.is(await first, 'a');
  end.abort();
  queue.add('b');
  t.is(await second, 'b');
});

test('clear forgets what waits; what runs is not given out twice', async t => {
  const {queue, clock} = timed(t);
  queue.add('running');
  queue.take(forever);
  queue.add('running');
  queue.add('due');
  queue.add('later', 1);
  queue.clear();
  clock.ms = 10;
  t.is(queue.length, 1);
  queue.add('running');
  const taken = queue.take(untilEnd(t)) as Promise<string>;
  t.true(await isOpen(taken));
  queue.done('running', undefined);
  t.is(await taken, 'running');
});

const key = fc.constantFrom('a', 'b', 'c', 'd');
/** Parts of a millisecond: far apart for the queue, and the shortest of its timers. */
const wait = fc.constantFrom(0, 0, 0.1, 0.2, 0.3, 0.5, 0.8);

const step = fc.oneof(
  fc.record({do: fc.constant('add' as const), key, wait}),
  fc.record({do: fc.constant('take' as const)}),
  fc.record({do: fc.constant('done' as const), key, wait: fc.option(wait, {nil: undefined})}),
  fc.record({do: fc.constant('pass' as const), wait}),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

/** A queue, and what it must do by plain search: each key has one time at which it is wanted, and may be running. */
class Pair {
  #nowMs = 0;
  readonly #wantedAt = new Map<string, number>();
  readonly #running = new Set<string>();
  readonly queue = new WorkQueue(() => this.#nowMs);

  async run(each: Step): Promise<void> {
    switch (each.do) {
      case 'pass':
        this.#nowMs += each.wait;
        return;
      case 'add':
        this.queue.add(each.key, each.wait);
        return this.#want(each.key, each.wait);
      case 'take':
        return this.#take();
      case 'done':
        return this.#done(each.key, each.wait);
    }
  }

  /** Runs everything that is still wanted, once. */
  async drain(): Promise<void> {
    do {
      await this.#take();
      for (const running of this.#running) this.#done(running, undefined);
    } while (this.#free().length > 0);
  }

  #want(key: string, afterMs: number): void {
    const atMs = this.#nowMs + afterMs;
    this.#wantedAt.set(key, Math.min(atMs, this.#wantedAt.get(key) ?? atMs));
  }

  /** The keys that may run, with their times. */
  #free(): [string, number][] {
    return [...this.#wantedAt].filter(([key]) => !this.#running.has(key));
  }

  /** Lets time pass until a key may run, and takes one. */
  async #take(): Promise<void> {
    const free = this.#free();
    if (free.length === 0) return;
    this.#nowMs = Math.max(this.#nowMs, Math.min(...free.map(([, atMs]) => atMs)));
    const taken = (await this.queue.take(forever)) as string;
    const wantedAtMs = new Map(free).get(taken) ?? Number.POSITIVE_INFINITY;
    if (wantedAtMs > this.#nowMs)
      throw new Error(`${taken} was taken at ${this.#nowMs}, wanted ${JSON.stringify(free)}`);
    this.#wantedAt.delete(taken);
    this.#running.add(taken);
  }

  #done(key: string, wait: number | undefined): void {
    if (!this.#running.delete(key)) return;
    this.queue.done(key, wait);
    if (wait !== undefined) this.#want(key, Math.max(1, wait));
  }
}

test('it does what a naive model does, for any order of additions, runs and time', async t => {
  t.timeout(20_000);
  await fc.assert(
    fc.asyncProperty(fc.array(step, {maxLength: 40}), async steps => {
      const pair = new Pair();
      for (const each of steps) await pair.run(each);
      await pair.drain();
      const {idle} = pair.queue;
      pair.queue.clear();
      return idle;
    }),
    {numRuns: 1000},
  );
  t.pass();
});
