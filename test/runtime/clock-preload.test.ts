/** One process has a wall clock that is wrong, or a monotonic clock and timers that are too fast or too slow. */
import {execFile} from 'node:child_process';
import {promisify} from 'node:util';
import test from 'ava';
import {Program} from '../../dev/programs.ts';
import {skewedClock} from '../support/clock.ts';

const HOUR_MS = 3_600_000;

/** Tells what each clock and each way to wait makes of the time in which the true clock counts 400 ms. */
const SCRIPT = `
import {setTimeout as wait, setInterval as every, scheduler} from 'node:timers/promises';
import {performance as imported} from 'node:perf_hooks';
import {setTimeout as timer} from 'node:timers';
import {promisify} from 'node:util';
const startMs = performance.now();
const start = process.hrtime();
const measured = {};
const measure = async (name, waiting) => {
  const beginMs = performance.now();
  await waiting();
  measured[name] = performance.now() - beginMs;
};
await measure('promise', () => wait(100));
await measure('scheduler', () => scheduler.wait(100));
await measure('promisified', () => promisify(setTimeout)(100));
await measure('callback', () => new Promise(resolve => timer(resolve, 100)));
await measure('global', () => new Promise(resolve => setTimeout(resolve, 100)));
await measure('interval', () => new Promise(resolve => {
  const timer = setInterval(() => { clearInterval(timer); resolve(); }, 100);
}));
await measure('async interval', async () => { for await (const _ of every(100)) break; });
// The timer of a signal alone does not keep a process running.
const alive = setInterval(() => {}, 1000);
await measure('signal', () => new Promise(resolve => AbortSignal.timeout(100).addEventListener('abort', resolve)));
clearInterval(alive);
const [seconds, nanoseconds] = process.hrtime(start);
console.log(JSON.stringify({
  measured,
  total: imported.now() - startMs,
  hrtime: seconds * 1000 + nanoseconds / 1e6,
  wall: Date.now(),
  isDate: new Date() instanceof Date && new Date(5).getTime() === 5,
  newDate: new Date().getTime(),
  text: new Date(Date()).getTime(),
}));
`;

type Told = {
  measured: Record<string, number>;
  total: number;
  hrtime: number;
  wall: number;
  isDate: boolean;
  newDate: number;
  text: number;
};

async function tell(env: NodeJS.ProcessEnv): Promise<{told: Told; tookMs: number}> {
  const startMs = performance.now();
  const {stdout} = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', SCRIPT], {
    env: {...process.env, ...env},
  });
  return {told: JSON.parse(stdout) as Told, tookMs: performance.now() - startMs};
}

test('a slow process believes that it waits as long as it was told, and waits longer', async t => {
  const {env} = await skewedClock(t, {rate: 0.25});
  const {told, tookMs} = await tell(env);
  for (const [name, ms] of Object.entries(told.measured)) t.true(ms >= 98 && ms < 180, `${name}: ${ms}`);
  t.true(tookMs > 3_200, `${tookMs} ms in truth`);
  t.true(told.total >= 790 && told.total < tookMs / 3, `${told.total} ms on its clock`);
  t.true(Math.abs(told.hrtime - told.total) < 5);
  t.true(Math.abs(told.wall - Date.now()) < 1_000, 'the wall clock is right');
});

test('a fast process waits shorter than it believes', async t => {
  const {env} = await skewedClock(t, {rate: 4});
  const {told, tookMs} = await tell(env);
  // A timer of Node may be a millisecond early, which is four of this clock.
  for (const [name, ms] of Object.entries(told.measured)) t.true(ms >= 94, `${name}: ${ms}`);
  t.true(told.total >= 790, `${told.total} ms on its clock`);
  t.true(told.total > tookMs / 2, `${told.total} ms on its clock of ${tookMs} ms in truth`);
});

test('a process whose wall clock is wrong has the right time otherwise', async t => {
  const {env} = await skewedClock(t, {offsetMs: -HOUR_MS});
  const {told} = await tell(env);
  const expected = Date.now() - HOUR_MS;
  for (const each of [told.wall, told.newDate, told.text])
    t.true(Math.abs(each - expected) < 2_000, `${each - expected} ms`);
  t.true(told.isDate);
  t.true(told.total >= 790 && told.total < 1_500, `${told.total}`);
});

test('the clock is changed while the process runs', async t => {
  const clock = await skewedClock(t);
  const script =
    'setInterval(() => console.log(JSON.stringify({wall: Date.now(), mono: performance.now()})), 20)';
  const program = new Program('teller', process.execPath, ['--eval', script], clock.env);
  t.teardown(() => program.stop('SIGKILL'));
  await program.line('the true time', ({wall}) => Math.abs(Number(wall) - Date.now()) < 1_000);
  await clock.set({offsetMs: HOUR_MS, rate: 100});
  await program.line('an hour later', ({wall}) => Number(wall) - Date.now() > HOUR_MS - 1_000);
  const before = Number(program.lines.at(-1)?.mono);
  const startMs = performance.now();
  const after = Number((await program.line('a long time', ({mono}) => Number(mono) > before + 20_000)).mono);
  t.true(after - before > 10 * (performance.now() - startMs));
  const monotonic = program.lines.map(({mono}) => Number(mono));
  t.deepEqual(
    monotonic,
    [...monotonic].sort((a, b) => a - b),
    'the monotonic clock never goes back',
  );
});

test('a paused process does nothing until it is resumed', async t => {
  const script = 'setInterval(() => console.log("{}"), 10)';
  const program = new Program('ticker', process.execPath, ['--eval', script], {});
  t.teardown(() => program.stop('SIGKILL'));
  await program.line('a tick', () => true);
  program.pause();
  const other = new Program('other', process.execPath, ['--eval', script], {});
  t.teardown(() => other.stop('SIGKILL'));
  await other.line('ten ticks of another', () => other.lines.length > 10);
  const {length} = program.lines;
  await other.line('ten more', () => other.lines.length > 20);
  t.is(program.lines.length, length);
  program.resume();
  await program.line('a tick', () => program.lines.length > length);
});
