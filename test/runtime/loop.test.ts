/** The workers: which failures are tried again, and what they wait for at the end. */
import test from 'ava';
import {ApiError, TermEndedError} from '../../src/errors.ts';
import {runWorkers} from '../../src/runtime/loop.ts';
import {WorkQueue} from '../../src/runtime/queue.ts';

type Attempt = {key: string; error: Error; retryInMs: number};

/** Workers on a queue of their own; `end` stops them. What the run throws as an ApiError was refused to it. */
function loop(reconcile: (key: string) => Promise<number | undefined>, workers = 1, requeueAfterMs?: number) {
  const queue = new WorkQueue();
  const end = new AbortController();
  const failures: Attempt[] = [];
  const done = runWorkers({
    queue,
    workers,
    signal: end.signal,
    reconcile: async key => {
      try {
        return {failures: [], requeueAfterMs: await reconcile(key)};
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        return {failures: [error], requeueAfterMs};
      }
    },
    onFailure: (key, error, retryInMs) => failures.push({key, error, retryInMs}),
  });
  return {queue, failures, done, end: () => end.abort()};
}

const refused = (status: number, retryAfterMs?: number) =>
  new ApiError('PATCH /a', {status, message: 'refused', retryAfterMs});

for (const [what, error] of [
  ['a conflict', refused(409)],
  ['a broken server', refused(500)],
  ['no answer', refused(0)],
  ['the end of the term', new TermEndedError()],
] as const) {
  test(`a run that ends with ${what} is told and tried again`, async t => {
    let runs = 0;
    const {queue, failures, done, end} = loop(async () => {
      runs += 1;
      if (runs === 1) throw error;
      end();
      return undefined;
    });
    queue.add('policy/a');
    await done;
    t.is(runs, 2);
    t.deepEqual(
      failures.map(each => [each.key, each.error]),
      [['policy/a', error]],
    );
    t.true((failures[0]?.retryInMs ?? 0) >= 25);
  });
}

test('a run that the server puts off waits as long as it asks', async t => {
  const startMs = performance.now();
  const {queue, failures, done, end} = loop(async () => {
    if (failures.length === 0) throw refused(429, 300);
    end();
    return undefined;
  });
  queue.add('a');
  await done;
  t.is(failures[0]?.retryInMs, 300);
  t.true(performance.now() - startMs >= 299);
});

test('a key that fails again and again still comes when it has work to do', async t => {
  const {queue, failures, done, end} = loop(
    async () => {
      if (failures.length === 9) end();
      throw refused(403);
    },
    1,
    400,
  );
  queue.add('a');
  await done;
  queue.clear();
  t.is(failures.length, 10);
  for (const {retryInMs} of failures) t.true(retryInMs <= 400, `${retryInMs} ms`);
});

test('of several failures each is told, and the longest wait that the server asks for counts', async t => {
  const queue = new WorkQueue();
  const end = new AbortController();
  const told: Attempt[] = [];
  queue.add('a');
  await runWorkers({
    queue,
    workers: 1,
    signal: end.signal,
    reconcile: async () => {
      end.abort();
      return {failures: [refused(403), refused(429, 900), refused(429, 700)], requeueAfterMs: 1};
    },
    onFailure: (key, error, retryInMs) => told.push({key, error, retryInMs}),
  });
  queue.clear();
  t.deepEqual(
    told.map(({error, retryInMs}) => [(error as ApiError).status, retryInMs]),
    [
      [403, 900],
      [429, 900],
      [429, 900],
    ],
  );
});

test('one key that fails does not hold up the others', async t => {
  const seen: string[] = [];
  const {queue, done, end} = loop(async key => {
    seen.push(key);
    if (key === 'bad') throw refused(500);
    if (key === 'last') end();
    return undefined;
  });
  for (const key of ['bad', 'good', 'last']) queue.add(key);
  await done;
  t.deepEqual(seen, ['bad', 'good', 'last']);
});

test('a key comes again after the wait that its run returned', async t => {
  let runs = 0;
  const {queue, failures, done, end} = loop(async () => {
    runs += 1;
    if (runs === 3) end();
    return 1;
  });
  queue.add('a');
  await done;
  queue.clear();
  t.is(runs, 3);
  t.deepEqual(failures, []);
});

test('it ends when what is under way has ended, and takes nothing new', async t => {
  const started: string[] = [];
  const gates = new Map(['a', 'b'].map(key => [key, Promise.withResolvers<undefined>()]));
  const bothStarted = Promise.withResolvers<void>();
  const {queue, done, end} = loop(key => {
    started.push(key);
    if (started.length === 2) bothStarted.resolve();
    return gates.get(key)?.promise ?? Promise.resolve(undefined);
  }, 2);
  for (const key of ['a', 'b', 'c']) queue.add(key);
  await bothStarted.promise;
  end();
  let ended = false;
  const ending = done.then(() => {
    ended = true;
  });
  gates.get('a')?.resolve(undefined);
  await new Promise(resolve => setImmediate(resolve));
  t.false(ended);
  gates.get('b')?.resolve(undefined);
  await ending;
  t.deepEqual(started, ['a', 'b']);
});

test('as many keys run at once as there are workers', async t => {
  let running = 0;
  let most = 0;
  let runs = 0;
  const {queue, done, end} = loop(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise(resolve => setImmediate(resolve));
    running -= 1;
    runs += 1;
    if (runs === 12) end();
    return undefined;
  }, 3);
  for (let i = 0; i < 12; i++) queue.add(`key-${i}`);
  await done;
  t.is(most, 3);
});

test('a mistake in the code is not tried again for ever: it ends the run', async t => {
  const {queue, failures, done} = loop(async () => {
    throw new TypeError('undefined is not a function');
  });
  queue.add('a');
  await t.throwsAsync(done, {instanceOf: TypeError});
  queue.clear();
  t.deepEqual(failures, []);
});
