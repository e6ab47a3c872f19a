/** The client against what API servers, load balancers and networks do to requests. */
import {getEventListeners, once} from 'node:events';
import net, {type AddressInfo} from 'node:net';
import {mock} from 'node:test';
import {KubeConfig, type User} from '@kubernetes/client-node';
import test, {type ExecutionContext} from 'ava';
import {LeaderElection} from '../../src/election.ts';
import {ApiError, UsageError} from '../../src/errors.ts';
import {ApiClient, MERGE_PATCH} from '../../src/runtime/client.ts';
import {PING_EVERY_MS} from '../../src/runtime/connection.ts';
import {
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
import {HOSTILE, UNSEEN} from '../support/hostile.ts';
import * as tls from './certificate.ts';

function failure(t: ExecutionContext, request: Promise<unknown>): Promise<ApiError> {
  return t.throwsAsync(request, {instanceOf: ApiError});
}

async function collect(lines: AsyncIterable<string>): Promise<string[]> {
  const all: string[] = [];
  for await (const line of lines) all.push(line);
  return all;
}

/** Room for the connection, too, on a machine with other work. */
const LIMIT_MS = 2_000;

const never = new AbortController().signal;

/** A server that treats its connections as told. */
async function tcpServer(
  t: ExecutionContext,
  onConnection: (socket: net.Socket) => void,
  protocol = 'http',
): Promise<KubeConfig> {
  const server = net.createServer(onConnection).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return kubeConfig(`${protocol}://127.0.0.1:${(server.address() as AddressInfo).port}`);
}

function kubeConfig(server: string, cluster: {proxyUrl?: string} = {}): KubeConfig {
  const config = new KubeConfig();
  config.loadFromClusterAndUser({name: 'test', server, skipTLSVerify: true, ...cluster}, {name: 'tester'});
  return config;
}

/** Credentials that take their time, as a plugin's or those of a connection that is made anew. */
function slowCredentials(api: ApiServer, ms: number): KubeConfig {
  return pluginOf(api, new Promise(resolve => setTimeout(resolve, ms))).config;
}

/** Credentials of a plugin that ends with this promise, and how often it was called. */
function pluginOf(api: ApiServer, ended: Promise<void>): {config: KubeConfig; calls: () => number} {
  const config = api.kubeConfig();
  let calls = 0;
  const applyAuthentication = () => {
    calls += 1;
    return ended;
  };
  config.addAuthenticator({isAuthProvider: (_: User) => true, applyAuthentication});
  return {config, calls: () => calls};
}

/** Credentials that are new each time they are asked for. */
function countingTokens(api: ApiServer): KubeConfig {
  const config = api.kubeConfig();
  let asked = 0;
  config.addAuthenticator({
    isAuthProvider: (_: User) => true,
    applyAuthentication: async (_, options) => {
      asked += 1;
      options.headers = {Authorization: `Bearer token-${asked}`};
    },
  });
  return config;
}

test('a request says who asks for what, and its answer is parsed', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect('GET /api/v1/namespaces/shop', json({metadata: {name: 'shop'}}));
  const client = api.client(api.kubeConfig({token: 'secret'}));
  t.deepEqual(await client.request('GET', '/api/v1/namespaces/shop'), {metadata: {name: 'shop'}});
  const {headers, body} = await exchange.received;
  t.is(headers.authorization, 'Bearer secret');
  t.is(headers['user-agent'], 'leasepolicy');
  t.is(headers.accept, 'application/json');
  t.is(headers['content-type'], undefined);
  t.is(body, undefined);
});

test('a body is sent as JSON, of the type that the patch has', async t => {
  const api = await ApiServer.start(t);
  const post = api.expect('POST /a', json({}, 201));
  const patch = api.expect('PATCH /a/b', json({}));
  const client = api.client();
  await client.request('POST', '/a', {body: {name: 'ä\n'}});
  await client.request('PATCH', '/a/b', {body: {spec: null}, contentType: MERGE_PATCH});
  t.is((await post.received).headers['content-type'], 'application/json');
  t.deepEqual((await post.received).body, {name: 'ä\n'});
  t.is((await patch.received).headers['content-type'], 'application/merge-patch+json');
});

test('a user name and a password are sent as basic credentials', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect('GET /a', json({}));
  await api.client(api.kubeConfig({username: 'ann', password: 'p:w'})).request('GET', '/a');
  t.is((await exchange.received).headers.authorization, `Basic ${btoa('ann:p:w')}`);
});

test('a refusal is an ApiError with status, reason, message and activity', async t => {
  const api = await ApiServer.start(t);
  api.expect('POST /a', refusal(409, 'AlreadyExists', 'leases "x" already exists'));
  const error = await failure(t, api.client().request('POST', '/a', {body: {}}));
  t.is(error.status, 409);
  t.is(error.reason, 'AlreadyExists');
  t.is(error.message, 'POST /a: leases "x" already exists');
  t.is(error.retryAfterMs, undefined);
  t.true(error.isConflict);
});

test('what the API server says is one line, whoever has written it, and is cut', async t => {
  const api = await ApiServer.start(t);
  for (const said of [...HOSTILE, 'x'.repeat(1_000_000)]) {
    api.expect('POST /a', refusal(403, 'Forbidden', said));
    const {message} = await failure(t, api.client().request('POST', '/a', {body: {}}));
    t.notRegex(message, UNSEEN);
    t.true(message.length < 4200);
  }
});

test('metrics know a reason of the API server by its name, and what a webhook makes up by the status', async t => {
  const api = await ApiServer.start(t);
  const reasons = ['Invalid', 'AlreadyExists', 'made-up\n"', ''];
  const known: string[] = [];
  for (const reason of reasons) {
    api.expect('POST /a', refusal(422, reason, 'no'));
    known.push((await failure(t, api.client().request('POST', '/a', {body: {}}))).knownReason);
  }
  t.deepEqual(known, ['Invalid', 'AlreadyExists', '422', '422']);
});

for (const [header, expected] of [
  ['3', 3000],
  ['0', 0],
  ['1e9', 60_000],
  ['-1', undefined],
  ['Wed, 21 Oct 2026 07:28:00 GMT', undefined],
] as const) {
  test(`Retry-After "${header}" is ${expected} milliseconds`, async t => {
    const api = await ApiServer.start(t);
    api.expect('GET /a', refusal(429, 'TooManyRequests', 'later', {'retry-after': header}));
    t.is((await failure(t, api.client().request('GET', '/a'))).retryAfterMs, expected);
  });
}

test('a refusal without JSON is told by its text, cut to what a log line bears', async t => {
  const api = await ApiServer.start(t);
  api.expect('GET /a', text(`upstream connect error ${'x'.repeat(1000)}`, 503));
  const error = await failure(t, api.client().request('GET', '/a'));
  t.is(error.status, 503);
  t.is(error.reason, '');
  t.true(error.message.startsWith('GET /a: upstream connect error'));
  t.true(error.message.length < 250);
});

for (const body of [
  'null',
  '[]',
  '7',
  '{"message": 7, "reason": {}}',
  '{"details": null}',
  '{"details": {"causes": {}}}',
])
  test(`a refusal that is ${body} has its status, and a message`, async t => {
    const api = await ApiServer.start(t);
    api.expect('GET /a', text(body, 409));
    const error = await failure(t, api.client().request('GET', '/a'));
    t.true(error.isConflict);
    t.deepEqual([error.reason, error.kept], ['', []]);
    t.is(error.message, `GET /a: ${body}`);
  });

test('a refusal without a body is told by its status', async t => {
  const api = await ApiServer.start(t);
  api.expect('GET /a', text('', 502));
  t.is((await failure(t, api.client().request('GET', '/a'))).message, 'GET /a: HTTP 502');
});

for (const body of ['', '<html>', '{"items": [']) {
  test(`a good answer that is ${JSON.stringify(body)} is a failure`, async t => {
    const api = await ApiServer.start(t);
    api.expect('GET /a', text(body));
    t.is((await failure(t, api.client().request('GET', '/a'))).status, 0);
  });
}

test('a server that listens no more is a failure', async t => {
  const api = await ApiServer.start(t);
  const client = api.client();
  await api.close();
  const error = await failure(t, client.request('GET', '/a'));
  t.is(error.status, 0);
  t.regex(error.message, /ECONNREFUSED/);
  t.regex((await failure(t, collect(client.lines('/w', never)))).message, /^WATCH \/w: .*ECONNREFUSED/);
});

test('a server that hangs up on every connection is a failure', async t => {
  const config = await tcpServer(t, socket => socket.destroy());
  const client = new ApiClient(config);
  const error = await failure(t, client.request('GET', '/a'));
  t.is(error.status, 0);
});

test('a server that speaks no HTTP/2 is a failure', async t => {
  const config = await tcpServer(t, socket =>
    socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'),
  );
  t.is((await failure(t, new ApiClient(config).request('GET', '/a'))).status, 0);
});

for (const [how, answer] of [
  ['a connection that is cut', cutAfter('{"items": [{"metada')],
  ['a stream that is reset', resetAfter('{"items": [{"metada')],
] as const) {
  test(`${how} in the middle of an answer is a failure, and the next request works`, async t => {
    const api = await ApiServer.start(t);
    api.expect('GET /a', answer);
    api.expect('GET /a', json({items: []}));
    const client = api.client();
    t.is((await failure(t, client.request('GET', '/a'))).status, 0);
    t.deepEqual(await client.request('GET', '/a'), {items: []});
  });
}

test('a stream that is reset with its first frame is a failure', async t => {
  const api = await ApiServer.start(t);
  api.expect('GET /a', stream => {
    stream.respond({':status': 200});
    stream.close(2);
  });
  t.is((await failure(t, api.client().request('GET', '/a'))).status, 0);
});

test('all requests of a lost connection fail, and they share the next one', async t => {
  const api = await ApiServer.start(t);
  const client = api.client();
  const lost = [1, 2, 3].map(() => api.expect('GET /a', silence));
  const requests = lost.map(() => failure(t, client.request('GET', '/a')));
  await Promise.all(lost.map(each => each.received));
  api.cut();
  await Promise.all(requests);
  const again = [1, 2, 3].map(() => api.expect('GET /a', json({})));
  await Promise.all(again.map(() => client.request('GET', '/a')));
  t.is(api.connections, 2);
});

test('a server that is silent beyond the limit is given up, before its answer', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect('GET /a', silence);
  const error = await failure(t, api.client().request('GET', '/a', {timeoutMs: LIMIT_MS}));
  t.is(error.status, 0);
  t.is(error.message, `GET /a: no answer within ${LIMIT_MS} ms`);
  await exchange.closed();
});

test('the limit counts from the beginning: what the connection took the answer may not take again', async t => {
  const api = await ApiServer.start(t);
  api.expect('GET /a', silence);
  const startMs = performance.now();
  const client = api.client(slowCredentials(api, 1_000));
  const error = await failure(t, client.request('GET', '/a', {timeoutMs: 2_500}));
  const tookMs = performance.now() - startMs;
  t.is(error.message, 'GET /a: no answer within 2500 ms');
  t.true(tookMs < 3_300, `${tookMs} ms`);
});

test('what has no connection within its limit is not sent', async t => {
  const api = await ApiServer.start(t);
  const client = api.client(slowCredentials(api, 200));
  const error = await failure(t, client.request('POST', '/a', {body: {}, timeoutMs: 100}));
  t.is(error.status, 0);
  t.is(error.message, 'POST /a: no connection within 100 ms');
  t.deepEqual(api.requests, []);
});

test('the wait for a connection is cut short, by the limit or by the signal, and goes on for others', async t => {
  const api = await ApiServer.start(t);
  const plugin = Promise.withResolvers<void>();
  const {config, calls} = pluginOf(api, plugin.promise);
  const client = api.client(config);
  const {signal} = new AbortController();
  const late = failure(t, client.request('GET', '/a', {timeoutMs: LIMIT_MS, signal}));
  const left = failure(t, client.request('GET', '/a', {signal: AbortSignal.timeout(LIMIT_MS)}));
  const watch = failure(t, collect(client.lines('/w', never, {limits: {answerMs: LIMIT_MS, endMs: 60_000}})));
  const patient = client.request('GET', '/b');
  t.is((await late).message, `GET /a: no connection within ${LIMIT_MS} ms`);
  t.deepEqual(getEventListeners(signal, 'abort'), []);
  t.regex((await left).message, /aborted due to timeout/);
  t.is((await watch).message, `WATCH /w: no connection within ${LIMIT_MS} ms`);
  t.is(calls(), 1, 'whoever waits shares the answer of the plugin');
  api.expect('GET /b', json({}));
  plugin.resolve();
  await patient;
  t.is(api.requests.length, 1);
});

test('close ends the wait for credentials, and a request after it is refused at once', async t => {
  const api = await ApiServer.start(t);
  const {config, calls} = pluginOf(api, new Promise(() => {}));
  const client = api.client(config);
  const waiting = failure(t, client.request('GET', '/a'));
  client.close();
  t.is((await waiting).message, 'GET /a: the connection is closed');
  t.is((await failure(t, client.request('GET', '/b'))).message, 'GET /b: the connection is closed');
  t.is(calls(), 1);
  t.is(api.connections, 0);
});

test('close ends a connection that is being made', async t => {
  const {promise: connected, resolve} = Promise.withResolvers<net.Socket>();
  const client = new ApiClient(await tcpServer(t, resolve, 'https'));
  const waiting = failure(t, client.request('GET', '/a'));
  const socket = await connected;
  const ended = once(socket.resume(), 'close');
  client.close();
  t.is((await waiting).message, 'GET /a: the connection is closed');
  await ended;
});

test('a write without an answer takes its connection with it when its time is over, so that it can not arrive late', async t => {
  const api = await ApiServer.start(t);
  const client = api.client();
  const write = api.expect('POST /a', silence);
  await failure(t, client.request('POST', '/a', {body: {}, timeoutMs: LIMIT_MS}));
  await write.received;
  t.is(api.openConnections, 1);
  client.abandonUnanswered();
  await api.left(0);
  api.expect('GET /b', json({}));
  await client.request('GET', '/b');
  client.abandonUnanswered();
  api.expect('GET /c', json({}));
  await client.request('GET', '/c');
  t.is(api.connections, 2, 'it is reset once, and the next connection stays');
});

test('a read without an answer, and a write that was refused, leave the connection alone', async t => {
  const api = await ApiServer.start(t);
  const client = api.client();
  api.expect('GET /a', silence);
  await failure(t, client.request('GET', '/a', {timeoutMs: LIMIT_MS}));
  api.expect('POST /a', refusal(500, 'InternalError'));
  await failure(t, client.request('POST', '/a', {body: {}}));
  client.abandonUnanswered();
  api.expect('GET /b', json({}));
  await client.request('GET', '/b');
  t.is(api.connections, 1);
});

test('a server that is silent beyond the limit is given up, in the middle of its answer', async t => {
  const api = await ApiServer.start(t);
  api.expect('GET /a', watching({kind: 'List'}));
  const error = await failure(t, api.client().request('GET', '/a', {timeoutMs: LIMIT_MS}));
  t.is(error.message, `GET /a: no answer within ${LIMIT_MS} ms`);
});

test('an answer that drips is given up at the limit, however often a byte of it comes', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect('GET /a', stream => {
    stream.respond({':status': 200});
    const timer = setInterval(() => stream.write(' '), 50);
    stream.once('close', () => clearInterval(timer));
  });
  const startMs = performance.now();
  const error = await failure(t, api.client().request('GET', '/a', {timeoutMs: LIMIT_MS}));
  t.is(error.message, `GET /a: no answer within ${LIMIT_MS} ms`);
  t.true(performance.now() - startMs < 3_000);
  await exchange.closed();
});

test('a watch that is not answered is given up, and so is one that outlives its time', async t => {
  const api = await ApiServer.start(t);
  const silent = api.expect('GET /w', silence);
  const limits = {answerMs: 400, endMs: 900};
  const unanswered = await failure(t, collect(api.client().lines('/w', never, {limits})));
  t.is(unanswered.message, 'WATCH /w: no answer within 400 ms');
  await silent.closed();
  const endless = api.expect('GET /w', watching({n: 1}));
  const lines: string[] = [];
  const error = await failure(
    t,
    (async () => {
      for await (const line of api.client().lines('/w', never, {limits})) lines.push(line);
    })(),
  );
  t.is(error.message, 'WATCH /w: the server did not end it within 900 ms');
  t.deepEqual(lines, ['{"n":1}']);
  await endless.closed();
});

test('an abort gives up a request that is under way', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect('GET /a', silence);
  const end = new AbortController();
  const request = failure(t, api.client().request('GET', '/a', {signal: end.signal}));
  await exchange.received;
  end.abort(new Error('shutting down'));
  t.is((await request).message, 'GET /a: shutting down');
  await exchange.closed();
});

test('an abort ends a watch that is under way', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect('GET /w', watching());
  const end = new AbortController();
  const lines = failure(t, collect(api.client().lines('/w', end.signal)));
  await exchange.received;
  end.abort(new Error('shutting down'));
  await lines;
  await exchange.closed();
});

test('nothing is sent for a signal that has aborted', async t => {
  const api = await ApiServer.start(t);
  const client = api.client();
  const signal = AbortSignal.abort(new Error('too late'));
  t.is((await failure(t, client.request('GET', '/a', {signal}))).message, 'GET /a: too late');
  await failure(t, collect(client.lines('/w', signal)));
  t.deepEqual(api.requests, []);
});

test('nothing is sent when the signal aborts while the connection is made', async t => {
  const api = await ApiServer.start(t);
  const client = api.client();
  const end = new AbortController();
  const request = failure(t, client.request('GET', '/a', {signal: end.signal}));
  const watch = failure(t, collect(client.lines('/w', end.signal)));
  end.abort(new Error('too late'));
  t.is((await request).message, 'GET /a: too late');
  await watch;
  t.deepEqual(api.requests, []);
});

test('a watch that its reader leaves is closed', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect('GET /w', watching({n: 1}, {n: 2}));
  for await (const line of api.client().lines('/w', never)) {
    t.is(line, '{"n":1}');
    break;
  }
  await exchange.closed();
});

/** A watch that has told one thing, which keeps its connection open. */
async function watchOn(api: ApiServer, client: ApiClient) {
  const watch = api.expect('GET /w', watching({n: 1}));
  const lines = client.lines('/w', never);
  await lines.next();
  return {watch, lines};
}

test('after GOAWAY the next request takes a new connection, and what is under way is answered', async t => {
  const api = await ApiServer.start(t);
  const client = api.client();
  const {watch, lines} = await watchOn(api, client);
  await api.goAway();
  const next = api.expect('GET /a', json({}));
  await client.request('GET', '/a');
  t.is((await next.received).connection, 1);
  watch.send({n: 2});
  t.is((await lines.next()).value, '{"n":2}');
  watch.stream.end();
  t.true((await lines.next()).done);
});

test('a connection that ends after GOAWAY leaves its successor in use, and close ends both', async t => {
  const api = await ApiServer.start(t);
  const client = api.client();
  const {watch, lines} = await watchOn(api, client);
  await api.goAway();
  api.expect('GET /a', json({}));
  await client.request('GET', '/a');
  watch.stream.end();
  await lines.next();
  await api.left(0);
  const next = api.expect('GET /b', json({}));
  await client.request('GET', '/b');
  t.is((await next.received).connection, 1);
  client.close();
  await api.left(1);
  t.is(api.openConnections, 0);
});

test.serial(
  'a process that was stopped may come to its next ping right after it gave the connection up',
  async t => {
    mock.timers.enable({apis: ['setInterval']});
    t.teardown(() => mock.timers.reset());
    const api = await ApiServer.start(t);
    const client = api.client();
    api.expect('POST /a', silence);
    await failure(t, client.request('POST', '/a', {body: {}, timeoutMs: LIMIT_MS}));
    client.abandonUnanswered();
    t.notThrows(() => mock.timers.tick(PING_EVERY_MS));
    api.expect('GET /b', json({}));
    await client.request('GET', '/b');
    t.is(api.connections, 2);
  },
);

test('after GOAWAY, too, a write without an answer takes its connection with it', async t => {
  const api = await ApiServer.start(t);
  const client = api.client();
  const {lines} = await watchOn(api, client);
  api.expect('POST /a', silence);
  await failure(t, client.request('POST', '/a', {body: {}, timeoutMs: LIMIT_MS}));
  await api.goAway();
  api.expect('GET /a', json({}));
  await client.request('GET', '/a');
  t.is(api.openConnections, 2);
  client.abandonUnanswered();
  await failure(t, lines.next());
  await Promise.all([api.left(0), api.left(1)]);
  api.expect('GET /b', json({}));
  await client.request('GET', '/b');
  t.is(api.connections, 3);
});

test('after GOAWAY, close ends a watch on the connection that was left', async t => {
  const api = await ApiServer.start(t);
  const client = api.client();
  const {lines} = await watchOn(api, client);
  await api.goAway();
  api.expect('GET /a', json({}));
  await client.request('GET', '/a');
  const end = lines.next();
  client.close();
  t.true((await end).done);
  await Promise.all([api.left(0), api.left(1)]);
});

test('answer 401 makes the next request ask for credentials anew', async t => {
  const api = await ApiServer.start(t);
  const sent = [
    api.expect('GET /a', json({})),
    api.expect('GET /a', json({})),
    api.expect('GET /a', refusal(401, 'Unauthorized')),
    api.expect('GET /a', json({})),
  ];
  const client = api.client(countingTokens(api));
  await client.request('GET', '/a');
  await client.request('GET', '/a');
  await failure(t, client.request('GET', '/a'));
  await client.request('GET', '/a');
  const [first, second, third, fourth] = await Promise.all(
    sent.map(async each => (await each.received).headers.authorization),
  );
  t.is(second, first);
  t.is(third, first);
  t.not(fourth, first);
});

test('answer 401 to a watch does so too', async t => {
  const api = await ApiServer.start(t);
  const refused = api.expect('GET /w', refusal(401, 'Unauthorized'));
  const taken = api.expect('GET /w', watched());
  const client = api.client(countingTokens(api));
  await failure(t, collect(client.lines('/w', never)));
  await collect(client.lines('/w', never));
  t.not((await taken.received).headers.authorization, (await refused.received).headers.authorization);
});

test('credentials that can not be had are a failure of the request, and asked for again by the next', async t => {
  const api = await ApiServer.start(t);
  api.expect('GET /a', json({}));
  const config = api.kubeConfig();
  let problem: string | undefined = 'exec plugin: not found';
  config.addAuthenticator({
    isAuthProvider: () => true,
    applyAuthentication: async () => {
      if (problem) throw new Error(problem);
    },
  });
  const client = api.client(config);
  t.is((await failure(t, client.request('GET', '/a'))).message, 'GET /a: exec plugin: not found');
  problem = undefined;
  await client.request('GET', '/a');
});

test('a request is made as the user that the kubeconfig impersonates', async t => {
  const api = await ApiServer.start(t);
  const config = api.kubeConfig({token: 'secret', impersonateUser: 'viewer'});
  const exchange = api.expect('GET /a', json({}));
  await api.client(config).request('GET', '/a');
  const {headers} = await exchange.received;
  t.is(headers.authorization, 'Bearer secret');
  t.is(headers['impersonate-user'], 'viewer');
});

test('a kubeconfig with a proxy-url is refused by name', t => {
  const config = kubeConfig('https://127.0.0.1:1', {proxyUrl: 'http://proxy:3128'});
  t.throws(() => new ApiClient(config), {instanceOf: UsageError, message: /cluster test has a proxy-url/});
});

test('what is no KubeConfig is refused by its missing method', t => {
  const getCurrentCluster = () => ({name: 'test', server: 'https://127.0.0.1:1'});
  for (const [given, method] of [
    [{}, 'getCurrentCluster'],
    [undefined, 'getCurrentCluster'],
    [null, 'getCurrentCluster'],
    [{getCurrentCluster}, 'applyToHTTPSOptions'],
  ] as const) {
    const options = {kubeConfig: given as never, namespace: 'shop', name: 'api'};
    for (const make of [() => new ApiClient(given as never), () => new LeaderElection(options)])
      t.throws(make, {
        instanceOf: UsageError,
        message: new RegExp(`^kubeConfig has no method ${method}: give`),
      });
  }
});

test('a kubeconfig without a cluster is refused with what to do', t => {
  t.throws(() => new ApiClient(new KubeConfig()), {instanceOf: UsageError, message: /set KUBECONFIG/});
});

test('what KubeConfig falls back to where there is no kubeconfig is refused with what to do', t => {
  const config = kubeConfig('http://localhost:8080');
  t.throws(() => new ApiClient(config), {instanceOf: UsageError, message: /set KUBECONFIG/});
});

test('watch lines are whole however the stream is cut, in the middle of a character too', async t => {
  const events = [{name: 'Käse'}, {name: '🧀🧀'}, {name: 'plain'}];
  const bytes = Buffer.from(events.map(each => `${JSON.stringify(each)}\n`).join(''));
  const api = await ApiServer.start(t);
  api.expect('GET /w', async stream => {
    stream.respond({':status': 200});
    for (const byte of bytes) await new Promise(resolve => stream.write(Buffer.of(byte), resolve));
    stream.end();
  });
  const lines = await collect(api.client().lines('/w', never));
  t.deepEqual(
    lines.map(each => JSON.parse(each) as unknown),
    events,
  );
});

test('many watch lines in one chunk come one by one', async t => {
  const api = await ApiServer.start(t);
  api.expect('GET /w', text('1\n2\n3\n'));
  t.deepEqual(await collect(api.client().lines('/w', never)), ['1', '2', '3']);
});

for (const [how, answer] of [
  ['ended', text('{"n":1}\n{"n":')],
  ['cut', cutAfter('{"n":1}\n{"n":')],
  ['reset', resetAfter('{"n":1}\n{"n":')],
] as const) {
  test(`the beginning of a line is no line when the watch is ${how}`, async t => {
    const api = await ApiServer.start(t);
    api.expect('GET /w', answer);
    const lines: string[] = [];
    try {
      for await (const line of api.client().lines('/w', never)) lines.push(line);
    } catch (error) {
      t.true(error instanceof ApiError);
    }
    t.deepEqual(lines, ['{"n":1}']);
  });
}

test('every answer and every missing one is observed, a watch at its first byte', async t => {
  const api = await ApiServer.start(t);
  const seen: [string, number][] = [];
  const client = new ApiClient(api.kubeConfig(), 'test', (method, status) => seen.push([method, status]));
  t.teardown(() => client.close());
  api.expect('POST /a', json({}, 201));
  api.expect('GET /a', refusal(404, 'NotFound'));
  api.expect('GET /a', silence);
  api.expect('GET /w', watched());
  await client.request('POST', '/a', {body: {}});
  await failure(t, client.request('GET', '/a'));
  await failure(t, client.request('GET', '/a', {timeoutMs: LIMIT_MS}));
  await collect(client.lines('/w', never));
  t.deepEqual(seen, [
    ['POST', 201],
    ['GET', 404],
    ['GET', 0],
    ['WATCH', 200],
  ]);
});

test('a closed client has no connection and makes none', async t => {
  const api = await ApiServer.start(t);
  const watch = api.expect('GET /w', watching({n: 1}));
  const client = api.client();
  const lines = client.lines('/w', never);
  await lines.next();
  client.close();
  await watch.closed();
  await lines.next().catch(() => undefined);
  t.is((await failure(t, client.request('GET', '/a'))).message, 'GET /a: the connection is closed');
  t.is(api.connections, 1);
});

test('TLS: the certificate authority of the kubeconfig is trusted', async t => {
  const api = await ApiServer.start(t, tls);
  api.expect('GET /a', json({secure: true}));
  t.deepEqual(await api.client().request('GET', '/a'), {secure: true});
});

test('TLS: a certificate of another authority is refused, and no credentials are sent', async t => {
  const api = await ApiServer.start(t, tls);
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    {name: 'test', server: api.url, skipTLSVerify: false},
    {name: 'tester', token: 'secret'},
  );
  const error = await failure(t, api.client(config).request('GET', '/a'));
  t.is(error.status, 0);
  t.regex(error.message, /self-signed certificate/);
  t.deepEqual(api.requests, []);
});
