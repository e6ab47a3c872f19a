/**
 * Gives the process that is started with it, by NODE_OPTIONS=--import, clocks of its own: CLOCK_OFFSET_MS shifts the
 * wall clock, CLOCK_RATE makes the monotonic clock and all timers run so many times as fast, and the file CLOCK_FILE
 * changes both while the process runs. Timeouts of sockets and what other programs see stay as they are.
 */
import {readFileSync} from 'node:fs';
import {syncBuiltinESMExports} from 'node:module';
import timers from 'node:timers';
import promises from 'node:timers/promises';
import {promisify} from 'node:util';

type Skew = {offsetMs: number; rate: number};

const POLL_MS = 20;
const {CLOCK_OFFSET_MS = '0', CLOCK_RATE = '1', CLOCK_FILE} = process.env;
const RealDate = Date;
const realWallMs = Date.now;
const realNow = performance.now.bind(performance);
const real = {...timers};
const realPromises = {...promises, wait: promises.scheduler.wait.bind(promises.scheduler)};
const realTimeout = AbortSignal.timeout;

const skew: Skew = {offsetMs: Number(CLOCK_OFFSET_MS), rate: Number(CLOCK_RATE)};
/** The moment of the last change of the rate, on the true clock and on ours. */
const base = {trueMs: realNow(), ourMs: realNow()};

const monotonicMs = () => base.ourMs + (realNow() - base.trueMs) * skew.rate;
const wallMs = () => realWallMs() + skew.offsetMs;
/** How long a timer really has to run. */
const trueMs = (ms: number | undefined) => (ms === undefined ? ms : ms / skew.rate);

function change({offsetMs = skew.offsetMs, rate = skew.rate}: Partial<Skew>): void {
  base.ourMs = monotonicMs();
  base.trueMs = realNow();
  Object.assign(skew, {offsetMs, rate});
}

function follow(file: string): void {
  let before = '';
  const poll = real.setInterval(() => {
    const text = readFileSync(file, 'utf8');
    if (text === before) return;
    before = text;
    change(JSON.parse(text) as Partial<Skew>);
  }, POLL_MS);
  poll.unref();
}

function skewDate(): void {
  RealDate.now = () => Math.floor(wallMs());
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, given, self) =>
      Reflect.construct(target, given.length === 0 ? [RealDate.now()] : given, self),
    apply: () => new RealDate(RealDate.now()).toString(),
  });
  RealDate.prototype.constructor = globalThis.Date;
}

function skewMonotonic(): void {
  performance.now = monotonicMs;
  const nanoseconds = () => BigInt(Math.round(monotonicMs() * 1e6));
  const hrtime = (since: [number, number] = [0, 0]): [number, number] => {
    const passed = nanoseconds() - (BigInt(since[0]) * 1_000_000_000n + BigInt(since[1]));
    return [Number(passed / 1_000_000_000n), Number(passed % 1_000_000_000n)];
  };
  process.hrtime = Object.assign(hrtime, {bigint: nanoseconds});
}

function skewTimers(): void {
  type Callback = (...args: unknown[]) => void;
  const setTimeout = (callback: Callback, ms?: number, ...args: unknown[]) =>
    real.setTimeout(callback, trueMs(ms), ...args);
  const setInterval = (callback: Callback, ms?: number, ...args: unknown[]) =>
    real.setInterval(callback, trueMs(ms), ...args);
  const waits = {
    setTimeout: ((ms, value, options) =>
      realPromises.setTimeout(trueMs(ms), value, options)) as typeof promises.setTimeout,
    setInterval: ((ms, value, options) =>
      realPromises.setInterval(trueMs(ms), value, options)) as typeof promises.setInterval,
  };
  Object.assign(setTimeout, {[promisify.custom]: waits.setTimeout});
  Object.assign(promises, waits);
  promises.scheduler.wait = (ms, options) => realPromises.wait(trueMs(ms) ?? 0, options);
  Object.assign(timers, {setTimeout, setInterval});
  Object.assign(globalThis, {setTimeout, setInterval});
  AbortSignal.timeout = ms => realTimeout.call(AbortSignal, Math.round(trueMs(ms) ?? 0));
}

skewDate();
skewMonotonic();
skewTimers();
syncBuiltinESMExports();
if (CLOCK_FILE) follow(CLOCK_FILE);
