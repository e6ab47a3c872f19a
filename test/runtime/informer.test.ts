/** The informer against everything that ends a list or a watch. */
import http2 from 'node:http2';
import test, {type ExecutionContext} from 'ava';
import type {KubeObject} from '../../src/api/objects.ts';
import type {ApiError} from '../../src/errors.ts';
import {Informer, keyOf} from '../../src/runtime/informer.ts';
import {type Row, Store} from '../../src/runtime/store.ts';
import {
  type Answer,
  ApiServer,
  cutAfter,
  json,
  refusal,
  resetAfter,
  silence,
  text,
  watched,
  watching,
} from '../support/api-server.ts';
import {eventually} from '../support/eventually.ts';

const PATH = '/apis/apps/v1/deployments';
const LIST = `GET ${PATH}?limit=500`;
const watchFrom = (version: number) =>
  `GET ${PATH}?watch=1&allowWatchBookmarks=true&resourceVersion=${version}`;

const object = (name: string, version: number) => ({
  metadata: {namespace: 'shop', name, resourceVersion: `${version}`},
});
const added = (name: string, version: number) => ({type: 'ADDED', object: object(name, version)});
const modified = (name: string, version: number) => ({type: 'MODIFIED', object: object(name, version)});
const deleted = (name: string, version: number) => ({type: 'DELETED', object: object(name, version)});
const bookmark = (version: number) => ({
  type: 'BOOKMARK',
  object: {kind: 'Deployment', metadata: {resourceVersion: `${version}`}},
});
const errorEvent = (code: number, reason: string) => ({
  type: 'ERROR',
  object: {kind: 'Status', code, reason, message: `refused: ${reason}`},
});
const list = (version: number, items: object[] | null = [], next?: string) =>
  json({metadata: {resourceVersion: `${version}`, ...(next ? {continue: next} : {})}, items});

/** An informer that runs until the end of the test. */
function run(
  t: ExecutionContext,
  api: ApiServer,
  options: {fieldSelector?: string; labelSelector?: string; pageBytes?: number} = {},
) {
  const changes: string[] = [];
  const problems: (ApiError | undefined)[] = [];
  const events: string[] = [];
  let lists = 0;
  const end = new AbortController();
  const store = new Store<Row>(({type, row}) => changes.push(`${type} ${row.key}@${row.resourceVersion}`));
  const informer = new Informer<Row>({
    client: api.client(),
    path: PATH,
    ...options,
    store,
    project: (each: KubeObject) => ({key: keyOf(each), resourceVersion: each.metadata.resourceVersion}),
    signal: end.signal,
    onProblem: error => problems.push(error),
    onList: () => {
      lists += 1;
    },
    onEvent: (type, each) => events.push(`${type} ${keyOf(each)}`),
  });
  const running = informer.run();
  t.teardown(() => end.abort());
  return {
    store,
    changes,
    problems,
    events,
    get lists() {
      return lists;
    },
    contents: () => [...store.values()].map(each => `${each.key}@${each.resourceVersion}`).sort(),
    /** Ends it; run must not reject. */
    stop: async () => {
      end.abort();
      await running;
    },
  };
}

test('it lists in pages and watches from the version of the last', async t => {
  const api = await ApiServer.start(t);
  const first = api.expect(LIST, list(10, [object('a', 1)], 'next/1='));
  api.expect(`${LIST}&continue=next%2F1%3D`, list(11, [object('b', 2)], 'next2'));
  api.expect(`${LIST}&continue=next2`, list(12, null));
  const watch = api.expect(watchFrom(12), watching());
  const informer = run(t, api);
  const {query} = await watch.received;
  t.false((await first.received).query.has('continue'));
  t.false((await first.received).query.has('fieldSelector'));
  t.false((await first.received).query.has('labelSelector'));
  t.true(Number(query.get('timeoutSeconds')) >= 300);
  t.deepEqual(informer.contents(), ['shop/a@1', 'shop/b@2']);
  t.is(informer.lists, 1);
  t.deepEqual(informer.problems, [undefined]);
  await informer.stop();
});

test('objects that are too large for one page come in smaller ones, and none is missing', async t => {
  const api = await ApiServer.start(t);
  const large = (name: string, version: number) => ({...object(name, version), data: 'x'.repeat(1000)});
  const many = Array.from({length: 10}, (_, index) => large(`many-${index}`, index));
  api.expect(LIST, list(20, many, 'lost'));
  api.expect(`GET ${PATH}?limit=63`, list(20, many, 'lost'));
  api.expect(`GET ${PATH}?limit=8`, list(20, [large('a', 1), large('b', 2)], 'more'));
  api.expect(`GET ${PATH}?limit=16&continue=more`, list(20, [large('c', 3)], 'last'));
  api.expect(`GET ${PATH}?limit=32&continue=last`, list(20, [large('d', 4)]));
  const watch = api.expect(watchFrom(20), watching());
  const informer = run(t, api, {pageBytes: 5000});
  await watch.received;
  t.deepEqual(informer.contents(), ['shop/a@1', 'shop/b@2', 'shop/c@3', 'shop/d@4']);
  t.deepEqual(informer.problems, [undefined]);
});

test('a server that does not page is listed all the same', async t => {
  const api = await ApiServer.start(t);
  for (const size of [500, 63, 8, 1])
    api.expect(`GET ${PATH}?limit=${size}`, list(20, [{...object('a', 1), data: 'x'.repeat(9000)}]));
  const watch = api.expect(watchFrom(20), watching());
  const informer = run(t, api, {pageBytes: 5000});
  await watch.received;
  t.deepEqual(informer.contents(), ['shop/a@1']);
  t.deepEqual(informer.problems, [undefined]);
});

test('a field selector is part of the list and of the watch', async t => {
  const api = await ApiServer.start(t);
  const selector = 'metadata.namespace!=kube-node-lease';
  api.expect(`${LIST}&fieldSelector=${encodeURIComponent(selector)}`, list(10));
  const watch = api.expect(`${watchFrom(10)}&fieldSelector=${encodeURIComponent(selector)}`, watching());
  const informer = run(t, api, {fieldSelector: selector});
  t.is((await watch.received).query.get('fieldSelector'), selector);
  await informer.stop();
});

test('a label selector is part of every page of the list and of the watch', async t => {
  const api = await ApiServer.start(t);
  const selector = 'app.kubernetes.io/managed-by=leasepolicy';
  const ours = `&labelSelector=${encodeURIComponent(selector)}`;
  api.expect(`${LIST}${ours}`, list(10, [object('a', 1)], 'next'));
  api.expect(`${LIST}&continue=next${ours}`, list(11));
  api.expect(`${watchFrom(11)}${ours}`, watched(added('b', 12)));
  const again = api.expect(`${watchFrom(12)}${ours}`, watching());
  const informer = run(t, api, {labelSelector: selector});
  const {query} = await again.received;
  t.is(query.get('labelSelector'), selector);
  t.false(query.has('fieldSelector'));
  t.deepEqual(informer.contents(), ['shop/a@1', 'shop/b@12']);
  await informer.stop();
});

test('events are in the store before they are told', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, list(10, [object('a', 1), object('b', 2)]));
  api.expect(watchFrom(10), watched(added('c', 11), modified('a', 12), deleted('b', 13)));
  const next = api.expect(watchFrom(13), watching());
  const informer = run(t, api);
  await next.received;
  t.deepEqual(informer.contents(), ['shop/a@12', 'shop/c@11']);
  t.deepEqual(informer.events, ['ADDED shop/c', 'MODIFIED shop/a', 'DELETED shop/b']);
  await informer.stop();
});

test('the store is right up to now while the watch delivers, and else up to what it delivered last', async t => {
  const api = await ApiServer.start(t);
  const far = performance.now() + 3_600_000;
  const first = api.expect(LIST, list(10));
  api.expect(watchFrom(10), resetAfter(`${JSON.stringify(added('a', 11))}\n`));
  const again = api.expect(watchFrom(11), watching());
  const informer = run(t, api);
  t.is(informer.store.rightUntilMs(far), far, 'before a list nothing is told of it');
  await first.received;
  await again.received;
  const lastMs = informer.store.rightUntilMs(far);
  t.true(lastMs < performance.now(), 'an answer to the next watch says nothing yet');
  again.send(bookmark(12));
  await eventually('the watch delivers', async () => informer.store.rightUntilMs(far) === far);
  const last = api.expect(watchFrom(12), watching());
  again.stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
  await eventually('it has failed', async () => informer.store.rightUntilMs(far) < far);
  t.true(informer.store.rightUntilMs(far) > lastMs);
  await last.received;
  await informer.stop();
});

test('a fault of who is told of a change is a problem, and what it missed is listed anew', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, list(10));
  api.expect(watchFrom(10), watching(added('a', 11), added('b', 12)));
  // It throws again, and is not asked a third time.
  for (let i = 0; i < 2; i++) api.expect(LIST, list(20, [object('a', 11), object('b', 12), object('c', 13)]));
  const again = api.expect(watchFrom(20), watching());
  const end = new AbortController();
  t.teardown(() => end.abort());
  const problems: (string | undefined)[] = [];
  const store = new Store<Row>(({row}) => {
    if (row.key === 'shop/b') throw new TypeError('undefined is not a function');
  });
  const informer = new Informer<Row>({
    client: api.client(),
    path: PATH,
    store,
    project: each => ({key: keyOf(each), resourceVersion: each.metadata.resourceVersion}),
    signal: end.signal,
    onProblem: error => problems.push(error?.message),
  });
  const running = informer.run();
  await again.received;
  t.deepEqual([...store.values()].map(({key}) => key).sort(), ['shop/a', 'shop/b', 'shop/c']);
  const fault = `TAKE ${PATH}: undefined is not a function`;
  t.deepEqual(problems, [undefined, fault, fault, undefined]);
  end.abort();
  await running;
});

test('no part of a list is seen before the list is whole', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, list(10, [object('a', 1)], 'next'));
  const second = api.expect(`${LIST}&continue=next`, silence);
  const watch = api.expect(watchFrom(10), watching());
  const informer = run(t, api);
  const request = await second.received;
  t.false(informer.store.ready);
  t.deepEqual(informer.contents(), []);
  list(10, [object('b', 2)])(second.stream, request);
  await watch.received;
  t.true(informer.store.ready);
  t.deepEqual(informer.contents(), ['shop/a@1', 'shop/b@2']);
  await informer.stop();
});

for (const [how, gone] of [
  ['an ERROR event 410', watched(errorEvent(410, 'Expired'))],
  ['an ERROR event 410 after others', watched(added('new', 11), errorEvent(410, 'Gone'))],
  ['the answer 410', refusal(410, 'Expired')],
] as [string, Answer][]) {
  test(`${how} to a watch is followed by a list, and what vanished is told`, async t => {
    const api = await ApiServer.start(t);
    api.expect(LIST, list(10, [object('kept', 1), object('vanished', 2), object('edited', 3)]));
    api.expect(watchFrom(10), gone);
    api.expect(LIST, list(50, [object('kept', 1), object('edited', 40)], 'next'));
    const second = api.expect(`${LIST}&continue=next`, silence);
    const watch = api.expect(watchFrom(50), watching());
    const informer = run(t, api);
    const request = await second.received;
    t.true(informer.contents().includes('shop/vanished@2'), 'the old contents stay until the list is whole');
    informer.changes.length = 0;
    list(50)(second.stream, request);
    await watch.received;
    t.deepEqual(informer.contents(), ['shop/edited@40', 'shop/kept@1']);
    t.true(informer.changes.includes('deleted shop/vanished@2'));
    t.true(informer.changes.includes('modified shop/edited@40'));
    t.false(informer.changes.some(each => each.includes('kept')));
    t.deepEqual(informer.problems, [undefined, undefined]);
    await informer.stop();
  });
}

test('a continue token that ran out begins the list anew', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, list(10, [object('a', 1)], 'old'));
  api.expect(`${LIST}&continue=old`, refusal(410, 'Expired'));
  const again = api.expect(LIST, list(20, [object('b', 15)]));
  const watch = api.expect(watchFrom(20), watching());
  const informer = run(t, api);
  await watch.received;
  t.false((await again.received).query.has('continue'));
  t.deepEqual(informer.contents(), ['shop/b@15']);
  await informer.stop();
});

test('a bookmark is where the next watch goes on, and changes nothing', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, list(9, [object('a', 1)]));
  api.expect(watchFrom(9), watched(bookmark(1000)));
  const next = api.expect(watchFrom(1000), watching());
  const informer = run(t, api);
  await next.received;
  t.deepEqual(informer.changes, ['added shop/a@1']);
  t.deepEqual(informer.events, []);
  informer.store.putWritten({key: 'shop/late', resourceVersion: '999'});
  t.deepEqual(informer.contents(), ['shop/a@1']);
  await informer.stop();
});

for (const [how, answer] of [
  ['500', refusal(500, 'InternalError')],
  ['503 without JSON', text('no healthy upstream', 503)],
  ['an ERROR event 500', watched(errorEvent(500, 'InternalError'))],
  ['a connection that is cut at once', cutAfter('')],
  ['a line that is no JSON', text('{"type": "ADDED", "obj\n')],
  ['an event of a type that nobody knows', watched({...added('b', 11), type: 'RENAMED'})],
] as [string, Answer][]) {
  test(`after ${how} the watch goes on where it was, without a list`, async t => {
    const api = await ApiServer.start(t);
    api.expect(LIST, list(10, [object('a', 1)]));
    const failed = api.expect(watchFrom(10), answer);
    const next = api.expect(watchFrom(10), watching());
    const informer = run(t, api);
    const waited = (await next.received).atMs - (await failed.received).atMs;
    t.true(waited >= 99, `it came back after ${waited} ms`);
    t.deepEqual(informer.contents(), ['shop/a@1']);
    t.is(informer.lists, 1);
    await informer.stop();
  });
}

for (const status of [429, 500]) {
  test(`a ${status} that asks for a wait is given it, and the watch goes on where it was`, async t => {
    const api = await ApiServer.start(t);
    api.expect(LIST, list(10));
    const failed = api.expect(watchFrom(10), refusal(status, 'Busy', 'later', {'retry-after': '1'}));
    const next = api.expect(watchFrom(10), watching());
    const informer = run(t, api);
    t.true((await next.received).atMs - (await failed.received).atMs >= 995);
    t.is(informer.problems[1]?.status, status);
    await informer.stop();
  });
}

const lines = (...events: object[]) => events.map(each => `${JSON.stringify(each)}\n`).join('');

for (const [how, answer] of [
  ['cut', cutAfter(`${lines(added('b', 11), modified('a', 12))}{"type":"ADD`)],
  ['reset', resetAfter(`${lines(added('b', 11), modified('a', 12))}{"type":"ADD`)],
  ['ended', text(`${lines(added('b', 11), modified('a', 12))}{"type":"ADD`)],
  ['broken by a line that is no JSON', text(`${lines(added('b', 11), modified('a', 12))}{"type":\n`)],
  ['ended by an ERROR event', watched(added('b', 11), modified('a', 12), errorEvent(504, 'Timeout'))],
] as [string, Answer][]) {
  test(`a watch that is ${how} after some events goes on after the last of them`, async t => {
    const api = await ApiServer.start(t);
    api.expect(LIST, list(10, [object('a', 1)]));
    api.expect(watchFrom(10), answer);
    const next = api.expect(watchFrom(12), watching(deleted('b', 13)));
    const informer = run(t, api);
    await next.received;
    t.deepEqual(informer.contents(), ['shop/a@12', 'shop/b@11']);
    t.is(informer.lists, 1);
    await informer.stop();
  });
}

test('events that come a second time change nothing and do not set the version back', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, list(20, [object('a', 19)]));
  api.expect(watchFrom(20), watched(modified('a', 18), modified('a', 19)));
  const next = api.expect(watchFrom(20), watching());
  const informer = run(t, api);
  await next.received;
  t.deepEqual(informer.changes, ['added shop/a@19']);
  await informer.stop();
});

for (const [how, events, contents] of [
  ['an object that was deleted since', [deleted('a', 22), modified('a', 21)], ['shop/c@3']],
  ['an object of which nobody can say so', [added('d', 22), added('b', 21)], ['shop/c@3', 'shop/d@22']],
] as [string, object[], string[]][]) {
  test(`a late event about ${how} makes it list again`, async t => {
    const api = await ApiServer.start(t);
    api.expect(LIST, list(20, [object('a', 1), object('c', 3)]));
    api.expect(watchFrom(20), watching(...events));
    const listed = api.expect(
      LIST,
      list(
        30,
        contents.map(each => {
          const [name = '', version] = each.slice('shop/'.length).split('@');
          return object(name, Number(version));
        }),
      ),
    );
    const next = api.expect(watchFrom(30), watching());
    const informer = run(t, api);
    await listed.received;
    t.false(informer.changes.includes('added shop/a@21'), 'what is gone does not come back');
    t.false(informer.changes.includes('added shop/b@21'));
    await next.received;
    t.deepEqual(informer.contents(), contents);
    await informer.stop();
  });
}

test('late events about objects that are known do no harm', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, list(20, [object('a', 1), object('b', 2), object('c', 3)]));
  api.expect(
    watchFrom(20),
    watched(modified('a', 22), modified('b', 21), modified('c', 25), deleted('b', 24), deleted('x', 23)),
  );
  const next = api.expect(watchFrom(25), watching());
  const informer = run(t, api);
  await next.received;
  t.deepEqual(informer.contents(), ['shop/a@22', 'shop/c@25']);
  t.is(informer.lists, 1);
  await informer.stop();
});

for (const [status, reason] of [
  [403, 'Forbidden'],
  [404, 'NotFound'],
  [500, 'InternalError'],
] as const) {
  test(`a list that is refused with ${status} is told and tried again`, async t => {
    const api = await ApiServer.start(t);
    api.expect(LIST, refusal(status, reason));
    api.expect(LIST, refusal(status, reason));
    api.expect(LIST, list(10));
    const watch = api.expect(watchFrom(10), watching());
    const informer = run(t, api);
    await watch.received;
    t.deepEqual(
      informer.problems.map(each => each?.status),
      [status, status, undefined],
    );
    await informer.stop();
  });
}

for (const [how, answer] of [
  ['is cut', cutAfter('{"metadata": {"resourceVersion": "10"}, "items": [')],
  ['is no JSON', text('<html>')],
] as [string, Answer][]) {
  test(`a list that ${how} is told and tried again`, async t => {
    const api = await ApiServer.start(t);
    api.expect(LIST, answer);
    api.expect(LIST, list(10));
    const watch = api.expect(watchFrom(10), watching());
    const informer = run(t, api);
    await watch.received;
    t.deepEqual(
      informer.problems.map(each => each?.status),
      [0, undefined],
    );
    await informer.stop();
  });
}

for (const body of [
  '{}',
  'null',
  '{"metadata": {}}',
  '{"metadata": {"resourceVersion": "10"}}',
  '{"metadata": {"resourceVersion": "10"}, "items": {}}',
  '{"metadata": {"resourceVersion": "10"}, "items": [null]}',
  '{"metadata": {"resourceVersion": "10"}, "items": [{"metadata": {"name": "a"}}]}',
  '{"metadata": {"resourceVersion": "ten"}, "items": []}',
]) {
  test(`a list that is ${body} is told and tried again`, async t => {
    const api = await ApiServer.start(t);
    api.expect(LIST, text(body));
    api.expect(LIST, list(10));
    const watch = api.expect(watchFrom(10), watching());
    const informer = run(t, api);
    await watch.received;
    t.deepEqual(
      informer.problems.map(each => each?.status),
      [0, undefined],
    );
    await informer.stop();
  });
}

for (const line of [
  'null',
  '{}',
  '{"type":"ADDED"}',
  '{"type":"ERROR"}',
  '{"type":"BOOKMARK","object":{}}',
  '{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"ten"}}}',
  '{"type":"ADDED","object":{"metadata":{"resourceVersion":"11"}}}',
  '{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":11}}}',
  '{"type":"RENAMED","object":{"metadata":{"name":"a","resourceVersion":"11"}}}',
]) {
  test(`after the event ${line} the watch goes on where it was`, async t => {
    const api = await ApiServer.start(t);
    api.expect(LIST, list(10));
    api.expect(watchFrom(10), text(`${line}\n`));
    const next = api.expect(watchFrom(10), watching());
    const informer = run(t, api);
    await next.received;
    t.is(informer.problems[1]?.status, 0);
    await informer.stop();
  });
}

test('an object that can not be read is told, and does not end the loop', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, list(10));
  api.expect(watchFrom(10), watched(added('a', 11)));
  const next = api.expect(watchFrom(10), watching());
  const end = new AbortController();
  const problems: (ApiError | undefined)[] = [];
  const informer = new Informer<Row>({
    client: api.client(),
    path: PATH,
    store: new Store(),
    project: () => {
      throw new TypeError('no such field');
    },
    signal: end.signal,
    onProblem: error => problems.push(error),
  });
  const running = informer.run();
  await next.received;
  t.like(problems[1], {status: 0, message: `READ ${PATH}: shop/a: no such field`});
  end.abort();
  await t.notThrowsAsync(running);
});

test('a watch that works again is told', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, list(10));
  api.expect(watchFrom(10), refusal(500, 'InternalError'));
  api.expect(watchFrom(10), watched(added('a', 11)));
  const next = api.expect(watchFrom(11), watching());
  const informer = run(t, api);
  await next.received;
  t.deepEqual(
    informer.problems.map(each => each?.status),
    [undefined, 500, undefined],
  );
  await informer.stop();
});

test('a list that fails between two pages leaves the store as it was', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, list(10, [object('a', 1), object('b', 2)]));
  api.expect(watchFrom(10), refusal(410, 'Expired'));
  api.expect(LIST, list(20, [object('a', 1)], 'next'));
  api.expect(`${LIST}&continue=next`, refusal(500, 'InternalError'));
  const again = api.expect(LIST, silence);
  const informer = run(t, api);
  await again.received;
  t.deepEqual(informer.contents(), ['shop/a@1', 'shop/b@2']);
  await informer.stop();
});

test('each failure waits longer than the last, and an event ends that', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, list(10));
  const failing = [1, 2, 3].map(() => api.expect(watchFrom(10), refusal(500, 'InternalError')));
  const healthy = api.expect(watchFrom(10), watched(added('a', 11)));
  const next = api.expect(watchFrom(11), watching());
  const informer = run(t, api);
  await next.received;
  const times = await Promise.all([...failing, healthy, next].map(async each => (await each.received).atMs));
  const waits = times.slice(1).map((atMs, index) => atMs - (times[index] as number));
  const [, , third = 0, afterEvent = 0] = waits;
  t.true(third >= 399, `after three failures it waited ${third} ms`);
  t.true(afterEvent < third, `after an event it waited ${afterEvent} ms`);
  await informer.stop();
});

for (const [where, script] of [
  ['a list', [[LIST, silence]]],
  [
    'a watch',
    [
      [LIST, list(10)],
      [watchFrom(10), watching()],
    ],
  ],
] as [string, [string, Answer][]][]) {
  test(`an abort during ${where} ends it at once`, async t => {
    const api = await ApiServer.start(t);
    const exchanges = script.map(([line, answer]) => api.expect(line, answer));
    const informer = run(t, api);
    await exchanges.at(-1)?.received;
    await informer.stop();
    await exchanges.at(-1)?.closed();
    t.deepEqual(informer.problems.filter(Boolean), []);
  });
}

test('an abort during a wait that the server asked for ends it at once', async t => {
  const api = await ApiServer.start(t);
  const told = Promise.withResolvers<void>();
  api.expect(LIST, refusal(429, 'TooManyRequests', 'later', {'retry-after': '3600'}));
  const end = new AbortController();
  const informer = new Informer<Row>({
    client: api.client(),
    path: PATH,
    store: new Store(),
    project: each => ({key: keyOf(each), resourceVersion: each.metadata.resourceVersion}),
    signal: end.signal,
    onProblem: () => told.resolve(),
  });
  const running = informer.run();
  await told.promise;
  end.abort();
  await t.notThrowsAsync(running);
});

test('keys are namespace/name, or the name of what has no namespace', t => {
  const metadata = {name: 'a', uid: '', resourceVersion: '1', creationTimestamp: ''};
  t.is(keyOf({metadata: {...metadata, namespace: 'shop'}}), 'shop/a');
  t.is(keyOf({metadata}), 'a');
});
