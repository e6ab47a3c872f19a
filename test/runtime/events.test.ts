/** Kubernetes Events: what is sent for the first and for the next ones, and what is not sent at all. */
import test, {type ExecutionContext} from 'ava';
import type {ApiError} from '../../src/errors.ts';
import {EventRecorder} from '../../src/runtime/events.ts';
import {ApiServer, json, refusal, silence} from '../support/api-server.ts';
import {HOSTILE, UNSEEN} from '../support/hostile.ts';

type Emit = Parameters<EventRecorder['emit']>[0];

const EVENTS = '/api/v1/namespaces/shop/events';
const collision: Emit = {
  type: 'emitEvent',
  about: {apiVersion: 'apps/v1', kind: 'Deployment', namespace: 'shop', name: 'api', uid: 'uid-1'},
  severity: 'Warning',
  reason: 'NameCollision',
  message: 'payments-14c2529eb4 belongs to Deployment/web',
};
const created = json({kind: 'Event'}, 201);

/** A recorder that sends from the start, and what it told of. */
function recorder(t: ExecutionContext, api: ApiServer) {
  const dropped: (Error | undefined)[] = [];
  const end = new AbortController();
  t.teardown(() => end.abort());
  const drops = {next: Promise.withResolvers<void>()};
  const events = new EventRecorder(api.client(), 'leasepolicy', error => {
    dropped.push(error);
    drops.next.resolve();
  });
  const start = () => events.run(end.signal);
  return {events, dropped, start, end: () => end.abort(), nextDrop: () => drops.next.promise};
}

type EventBody = {
  metadata: {name: string; namespace: string};
  involvedObject: Record<string, string>;
  count: number;
  firstTimestamp: string;
  lastTimestamp: string;
};
const SECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

test('an Event is about its object, in the namespace of that', async t => {
  const api = await ApiServer.start(t);
  const post = api.expect(`POST ${EVENTS}`, created);
  const {events, start} = recorder(t, api);
  void start();
  events.emit(collision);
  const body = (await post.received).body as EventBody;
  t.regex(body.metadata.name, /^api\.[0-9a-f]{16}$/);
  t.regex(body.firstTimestamp, SECONDS);
  t.like(body, {
    metadata: {namespace: 'shop'},
    involvedObject: collision.about,
    reason: 'NameCollision',
    message: collision.message,
    type: 'Warning',
    count: 1,
    lastTimestamp: body.firstTimestamp,
    source: {component: 'leasepolicy'},
    reportingComponent: 'leasepolicy',
  });
});

test('an Event about what has no namespace is in the namespace default', async t => {
  const api = await ApiServer.start(t);
  const post = api.expect('POST /api/v1/namespaces/default/events', created);
  const {events, start} = recorder(t, api);
  void start();
  events.emit({...collision, about: {...collision.about, kind: 'LeasePolicy', namespace: ''}});
  const body = (await post.received).body as EventBody;
  t.is(body.metadata.namespace, 'default');
  t.false('namespace' in body.involvedObject);
});

test('what a stranger wrote stays on its line of an Event, and is cut', async t => {
  const api = await ApiServer.start(t);
  const posts = [...HOSTILE, 'x'.repeat(1_500_000)].map(message => ({
    message,
    post: api.expect(`POST ${EVENTS}`, created),
  }));
  const {events, start} = recorder(t, api);
  void start();
  for (const {message} of posts) events.emit({...collision, message});
  for (const {post} of posts) {
    const {message} = (await post.received).body as {message: string};
    t.notRegex(message, UNSEEN);
    t.true(message.length <= 1024);
  }
});

for (const [name, expected] of [
  ['system:leader-locking', 'system-leader-locking'],
  ['Some Role?', 'some-role'],
  ['::', 'object'],
  [`${'x'.repeat(199)}..y`, 'x'.repeat(199)],
] as const) {
  test(`the Event of an object called ${name.slice(-20)} has a name that the API server takes`, async t => {
    const api = await ApiServer.start(t);
    const post = api.expect(`POST ${EVENTS}`, created);
    const {events, start} = recorder(t, api);
    void start();
    events.emit({...collision, about: {...collision.about, name}});
    const body = (await post.received).body as EventBody;
    t.is(body.metadata.name.replace(/\.[0-9a-f]{16}$/, ''), expected);
    t.is(body.involvedObject.name, name);
  });
}

test('a repeated Event is counted on the one that exists', async t => {
  const api = await ApiServer.start(t);
  const post = api.expect(`POST ${EVENTS}`, created);
  const {events, start} = recorder(t, api);
  void start();
  for (let i = 0; i < 3; i++) events.emit(collision);
  const {name} = ((await post.received).body as EventBody).metadata;
  for (const count of [2, 3]) {
    const {body, headers} = await api.expect(`PATCH ${EVENTS}/${name}`, json({})).received;
    t.is(headers['content-type'], 'application/merge-patch+json');
    t.is((body as EventBody).count, count);
    t.regex((body as EventBody).lastTimestamp, SECONDS);
    t.deepEqual(Object.keys(body as object).sort(), ['count', 'lastTimestamp']);
  }
});

test('Events that differ in object, reason or message are different Events', async t => {
  const api = await ApiServer.start(t);
  const {events, start} = recorder(t, api);
  const several = [
    collision,
    {...collision, about: {...collision.about, uid: 'uid-2'}},
    {...collision, reason: 'MissingLease'},
    {...collision, message: 'other'},
  ] as const;
  const posts = several.map(() => api.expect(`POST ${EVENTS}`, created));
  for (const each of several) events.emit(each);
  void start();
  const names = await Promise.all(
    posts.map(async each => ((await each.received).body as EventBody).metadata.name),
  );
  t.is(new Set(names).size, 4);
});

test('an Event that another replica has sent is counted on that', async t => {
  const api = await ApiServer.start(t);
  const post = api.expect(`POST ${EVENTS}`, (stream, request) => {
    const {name} = (request.body as EventBody).metadata;
    patch = api.expect(`PATCH ${EVENTS}/${name}`, json({}));
    refusal(409, 'AlreadyExists')(stream, request);
  });
  let patch = post;
  const {events, dropped, start} = recorder(t, api);
  void start();
  events.emit(collision);
  await post.received;
  t.is(((await patch.received).body as EventBody).count, 2);
  t.deepEqual(dropped, []);
});

test('an Event that is refused is told with the error, and the next one is sent', async t => {
  const api = await ApiServer.start(t);
  api.expect(`POST ${EVENTS}`, refusal(403, 'Forbidden'));
  const next = api.expect(`POST ${EVENTS}`, created);
  const {events, dropped, start} = recorder(t, api);
  void start();
  events.emit(collision);
  events.emit({...collision, message: 'other'});
  await next.received;
  t.deepEqual(
    dropped.map(each => (each as ApiError).status),
    [403],
  );
});

test('an Event that could not be sent the first time is created by the next one', async t => {
  const api = await ApiServer.start(t);
  api.expect(`POST ${EVENTS}`, refusal(500, 'InternalError'));
  const next = api.expect(`POST ${EVENTS}`, created);
  const {events, start} = recorder(t, api);
  void start();
  events.emit(collision);
  events.emit(collision);
  t.is(((await next.received).body as EventBody).count, 1);
});

test('an Event that the server no longer has is created anew', async t => {
  const api = await ApiServer.start(t);
  const post = api.expect(`POST ${EVENTS}`, created);
  const {events, dropped, start} = recorder(t, api);
  void start();
  for (let i = 0; i < 2; i++) events.emit(collision);
  const {name} = ((await post.received).body as EventBody).metadata;
  api.expect(`PATCH ${EVENTS}/${name}`, refusal(404, 'NotFound'));
  const again = api.expect(`POST ${EVENTS}`, created);
  t.is(((await again.received).body as EventBody).metadata.name, name);
  t.deepEqual(dropped, []);
});

test('an abort ends it although an answer does not come', async t => {
  const api = await ApiServer.start(t);
  const stuck = api.expect(`POST ${EVENTS}`, silence);
  const {events, start, end} = recorder(t, api);
  const running = start();
  events.emit(collision);
  await stuck.received;
  end();
  await t.notThrowsAsync(running);
  await stuck.closed();
});

test('what is too much to wait is dropped at once, and told', async t => {
  const api = await ApiServer.start(t);
  const {events, dropped} = recorder(t, api);
  for (let i = 0; i < 503; i++) events.emit({...collision, message: `${i}`});
  t.deepEqual(dropped, [undefined, undefined, undefined]);
});

test('what went well gives way to what is wrong', async t => {
  const api = await ApiServer.start(t);
  const {events, dropped} = recorder(t, api);
  for (let i = 0; i < 51; i++) events.emit({...collision, severity: 'Normal', message: `${i}`});
  t.is(dropped.length, 1);
  for (let i = 0; i < 450; i++) events.emit({...collision, message: `${i}`});
  t.is(dropped.length, 1);
  events.emit({...collision, severity: 'Normal'});
  t.is(dropped.length, 2);
});

test('Events are sent one after the other, not faster than 20 a second', async t => {
  const api = await ApiServer.start(t);
  const {events, start} = recorder(t, api);
  const posts = [1, 2, 3].map(() => api.expect(`POST ${EVENTS}`, created));
  for (const [index] of posts.entries()) events.emit({...collision, message: `${index}`});
  void start();
  const times = await Promise.all(posts.map(async each => (await each.received).atMs));
  t.true((times[2] as number) - (times[0] as number) >= 98);
});

test('an abort ends it, whether it sleeps or has Events to send', async t => {
  const api = await ApiServer.start(t);
  const idle = recorder(t, api);
  const running = idle.start();
  idle.end();
  await running;

  const post = api.expect(`POST ${EVENTS}`, created);
  const busy = recorder(t, api);
  for (let i = 0; i < 10; i++) busy.events.emit({...collision, message: `${i}`});
  const sending = busy.start();
  await post.received;
  busy.end();
  await sending;
  t.is(api.requests.length, 1);
});

test('a server that never answers holds up the Events and nobody else', async t => {
  const api = await ApiServer.start(t);
  const stuck = api.expect(`POST ${EVENTS}`, silence);
  const {events, dropped, start, nextDrop} = recorder(t, api);
  void start();
  events.emit(collision);
  await stuck.received;
  for (let i = 0; i < 501; i++) events.emit({...collision, message: `${i}`});
  await nextDrop();
  t.deepEqual(dropped, [undefined]);
});
