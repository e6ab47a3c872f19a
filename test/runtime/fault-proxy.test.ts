/** Each fault of the fault proxy happens to a plain client, and only to the requests that match. */
import {once} from 'node:events';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import type {IncomingMessage} from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {KubeConfig} from '@kubernetes/client-node';
import test, {type ExecutionContext} from 'ava';
import {ApiClient} from '../../src/runtime/client.ts';
import {eventually} from '../support/eventually.ts';
import {FaultProxy} from '../support/fault-proxy.ts';
import {cert, key} from './certificate.ts';

type Server = {
  /** What it has carried out, as method, path and body. */
  readonly done: string[];
  readonly credentials: (string | undefined)[];
  /** Sends an event on every watch. */
  send(event: number): void;
  readonly watches: number;
};

/** An API server that answers each request with its path, and watches until it is told to send. */
async function serve(t: ExecutionContext): Promise<{server: Server; proxy: FaultProxy}> {
  const done: string[] = [];
  const credentials: (string | undefined)[] = [];
  const watches = new Set<import('node:http').ServerResponse>();
  const server = https.createServer({key, cert}, async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    done.push(`${request.method} ${request.url}${body && ` ${body}`}`);
    credentials.push(request.headers.authorization);
    response.writeHead(200, {'content-type': 'application/json'});
    if (!request.url?.includes('watch=1')) return response.end(JSON.stringify({path: request.url}));
    response.flushHeaders();
    watches.add(response);
    response.once('close', () => watches.delete(response));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const proxy = await FaultProxy.start(t, await kubeconfigOf(t, (server.address() as AddressInfo).port));
  const send = (event: number) => {
    for (const watch of watches) watch.write(`{"event":${event}}\n`);
  };
  return {
    proxy,
    server: {
      done,
      credentials,
      send,
      get watches() {
        return watches.size;
      },
    },
  };
}

async function kubeconfigOf(t: ExecutionContext, port: number): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-server-'));
  t.teardown(() => rm(directory, {recursive: true, force: true}));
  const config = new KubeConfig();
  config.loadFromClusterAndUser(
    {
      name: 'test',
      server: `https://127.0.0.1:${port}`,
      skipTLSVerify: false,
      caData: Buffer.from(cert).toString('base64'),
    },
    {name: 'tester', token: 'of-the-tester'},
  );
  const file = path.join(directory, 'kubeconfig');
  await writeFile(file, config.exportConfig());
  return file;
}

type Reply = {status: number; headers: IncomingMessage['headers']; text: string};

async function open(proxy: FaultProxy, method: string, target: string, body = ''): Promise<IncomingMessage> {
  const request = https.request(`https://127.0.0.1:${proxy.network.port}${target}`, {
    method,
    ca: cert,
    agent: false,
    headers: body ? {'content-length': Buffer.byteLength(body)} : {},
  });
  request.end(body);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  request.on('error', () => {}); // the answer tells it
  return answer;
}

async function ask(proxy: FaultProxy, method: string, target: string, body = ''): Promise<Reply> {
  const answer = await open(proxy, method, target, body);
  let text = '';
  for await (const chunk of answer.setEncoding('utf8')) text += chunk;
  return {status: answer.statusCode ?? 0, headers: answer.headers, text};
}

/** The events that a watch delivers, as they come. */
async function watch(proxy: FaultProxy, server: Server): Promise<string[]> {
  const answer = await open(proxy, 'GET', '/leases?watch=1');
  const lines: string[] = [];
  answer.setEncoding('utf8').on('data', text => lines.push(...text.split('\n').filter(Boolean)));
  answer.on('error', () => {});
  await eventually('the watch at the server', async () => server.watches === 1);
  return lines;
}

const events = (...numbers: number[]) => numbers.map(each => `{"event":${each}}`);

test('what no rule matches passes unchanged with the credentials of the kubeconfig, and is in the log', async t => {
  const {server, proxy} = await serve(t);
  proxy.add({method: 'PUT'}, {kind: 'cut'});
  proxy.add({path: /^\/other$/}, {kind: 'cut'});
  proxy.add({query: {limit: '7'}}, {kind: 'cut'});
  const reply = await ask(proxy, 'POST', '/leases?limit=8&x=a%2Fb', '{"a":"ä"}');
  t.like(reply, {status: 200, text: '{"path":"/leases?limit=8&x=a%2Fb"}'});
  t.deepEqual(server.done, ['POST /leases?limit=8&x=a%2Fb {"a":"ä"}']);
  t.deepEqual(server.credentials, ['Bearer of-the-tester']);
  const [passed] = proxy.passed({method: ['POST', 'PUT'], path: /leases/});
  t.like(passed, {path: '/leases', faults: [], served: 200, answered: 200});
  t.is(`${passed?.body}`, '{"a":"ä"}');
  for (const [method, target] of [
    ['PUT', '/leases'],
    ['GET', '/other'],
    ['GET', '/leases?limit=7'],
  ] as const)
    await t.throwsAsync(ask(proxy, method, target), undefined, `${method} ${target}`);
});

test('our own client speaks HTTP/2 to it, and a cut takes all that is on the connection', async t => {
  const {server, proxy} = await serve(t);
  const config = new KubeConfig();
  config.loadFromFile(proxy.kubeconfig);
  const client = new ApiClient(config);
  t.teardown(() => client.close());
  t.deepEqual(await client.request('DELETE', '/a', {body: {preconditions: 1}}), {path: '/a'});
  t.deepEqual(server.done, ['DELETE /a {"preconditions":1}']);
  const lines = client.lines('/leases?watch=1', AbortSignal.timeout(10_000));
  const first = lines.next();
  await eventually('the watch', async () => server.watches === 1);
  t.is(proxy.network.connections, 1);
  server.send(1);
  t.deepEqual(await first, {value: events(1)[0], done: false});

  const rule = proxy.add({path: /^\/b$/}, {kind: 'cut'}, 1);
  const rest = t.throwsAsync(lines.next());
  await t.throwsAsync(client.request('GET', '/b'));
  await rest;
  t.is(rule.count, 1);
  await eventually('the watch of the server closed', async () => server.watches === 0);
  t.deepEqual(await client.request('GET', '/b'), {path: '/b'}, 'once, and then no more');
});

test('a watch that its client gives up ends at the server, and the connection stays', async t => {
  const {server, proxy} = await serve(t);
  const session = http2.connect(`https://127.0.0.1:${proxy.network.port}`, {ca: cert});
  t.teardown(() => session.destroy());
  const stream = session.request({':path': '/leases?watch=1'});
  await once(stream, 'response');
  await eventually('the watch', async () => server.watches === 1);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await eventually('the watch of the server closed', async () => server.watches === 0);
  const [headers] = (await once(session.request({':path': '/a'}), 'response')) as [http2.IncomingHttpHeaders];
  t.is(headers[':status' as keyof typeof headers], 200 as never);
});

test('a delay lets the request arrive later', async t => {
  const {proxy} = await serve(t);
  proxy.add({}, {kind: 'delay', ms: 300});
  const startMs = performance.now();
  await ask(proxy, 'GET', '/a');
  t.true(performance.now() - startMs >= 295);
});

test('a held request waits for its release, and is carried out although its sender has left', async t => {
  const {server, proxy} = await serve(t);
  const hold = proxy.add({method: 'DELETE'}, {kind: 'hold'});
  const deleting = ask(proxy, 'DELETE', '/a', '{"uid":1}');
  t.is(`${(await hold.met).body}`, '{"uid":1}');
  await ask(proxy, 'GET', '/a');
  t.deepEqual(server.done, ['GET /a'], 'others overtake it');
  hold.remove();
  t.is((await deleting).status, 200);
  t.deepEqual(server.done, ['GET /a', 'DELETE /a {"uid":1}']);

  const again = proxy.add({method: 'DELETE'}, {kind: 'hold'});
  const left = t.throwsAsync(ask(proxy, 'DELETE', '/b'));
  await again.met;
  proxy.network.cut();
  await left;
  again.remove();
  await eventually('the late write', async () => server.done.includes('DELETE /b'));
  t.is(proxy.passed({path: /b/})[0]?.answered, undefined);
});

test('5xx and 429 are answered in the way of an API server, which never sees the request', async t => {
  const {server, proxy} = await serve(t);
  proxy.add({path: /a/}, {kind: 'status', status: 503}, 2);
  const busy = proxy.add({path: /a/}, {kind: 'status', status: 429, retryAfterSeconds: 3});
  const answers = [
    await ask(proxy, 'GET', '/a'),
    await ask(proxy, 'GET', '/a'),
    await ask(proxy, 'GET', '/a'),
  ];
  t.deepEqual(
    answers.map(each => each.status),
    [503, 503, 429],
  );
  t.is(answers[2]?.headers['retry-after'], '3');
  t.like(JSON.parse(answers[2]?.text ?? ''), {kind: 'Status', code: 429, reason: 'TooManyRequests'});
  t.deepEqual(server.done, []);
  busy.remove();
  t.is((await ask(proxy, 'GET', '/a')).status, 200);
});

test('silence answers nothing, and does not ask the server', async t => {
  const {server, proxy} = await serve(t);
  const rule = proxy.add({path: /a/}, {kind: 'silence'});
  const asked = t.throwsAsync(ask(proxy, 'GET', '/a'));
  await rule.met;
  t.is((await ask(proxy, 'GET', '/b')).status, 200, 'others are answered');
  t.deepEqual(server.done, ['GET /b']);
  proxy.network.cut();
  await asked;
});

test('a lost answer leaves the client without one although the request was carried out', async t => {
  const {server, proxy} = await serve(t);
  proxy.add({method: 'POST'}, {kind: 'lost'});
  await t.throwsAsync(ask(proxy, 'POST', '/a', '{}'));
  t.deepEqual(server.done, ['POST /a {}']);
  const [passed] = proxy.log;
  t.like(passed, {served: 200, faults: ['lost']});
  t.is(passed?.answered, undefined);
});

test('an answer can come late, or byte by byte', async t => {
  const {server, proxy} = await serve(t);
  const late = proxy.add({path: /late/}, {kind: 'late', ms: 300});
  const startMs = performance.now();
  await ask(proxy, 'GET', '/late');
  t.true(performance.now() - startMs >= 295);
  late.remove();

  const drip = proxy.add({path: /drip/}, {kind: 'drip', everyMs: 20});
  const answer = await open(proxy, 'GET', '/drip');
  const sizes: number[] = [];
  answer.on('data', (chunk: Buffer) => sizes.push(chunk.length));
  await eventually('some bytes', async () => sizes.length > 4);
  t.true(
    sizes.every(each => each <= 2),
    `${sizes}`,
  );
  drip.remove();
  await once(answer, 'end');
  t.is(
    sizes.reduce((sum, each) => sum + each, 0),
    '{"path":"/drip"}'.length,
  );
  t.is(server.done.length, 2);
});

test('a truncated answer is no JSON and ends as if it were complete; on a watch the next event is whole', async t => {
  const {server, proxy} = await serve(t);
  const rule = proxy.add({}, {kind: 'truncate'});
  const {status, text} = await ask(proxy, 'GET', '/abcdef');
  t.is(status, 200);
  t.is(text, '{"path":"');
  rule.remove();
  const lines = await watch(proxy, server);
  proxy.add({query: {watch: '1'}}, {kind: 'truncate'}, 1);
  server.send(1);
  server.send(2);
  await eventually('both', async () => lines.length === 2);
  t.deepEqual(lines, ['{"even', ...events(2)]);
});

test('the events of an open watch are stalled and reordered, and come in order again', async t => {
  const {server, proxy} = await serve(t);
  const lines = await watch(proxy, server);
  server.send(1);
  await eventually('the first', async () => lines.length === 1);
  const stall = proxy.add({query: {watch: '1'}}, {kind: 'stall'});
  server.send(2);
  await stall.met;
  server.send(3);
  t.like(await ask(proxy, 'GET', '/a'), {status: 200}, 'reads are not stalled');
  t.deepEqual(lines, events(1));
  stall.remove();
  await eventually('what was stalled', async () => lines.length === 3);

  const reorder = proxy.add({query: {watch: '1'}}, {kind: 'reorder', count: 2});
  for (const each of [4, 5, 6]) server.send(each);
  await eventually('two', async () => lines.length === 5);
  await eventually('the third kept', async () => reorder.count === 3);
  reorder.remove();
  await eventually('the rest', async () => lines.length === 6);
  server.send(7);
  await eventually('the last', async () => lines.length === 7);
  t.deepEqual(lines, events(1, 2, 3, 5, 4, 6, 7));
});

test('a frozen network accepts and never answers, a refusing one resets, and an open one works again', async t => {
  const {server, proxy} = await serve(t);
  const lines = await watch(proxy, server);
  proxy.network.state = 'frozen';
  server.send(1);
  let isAnswered = false;
  const asked = ask(proxy, 'GET', '/a').then(() => {
    isAnswered = true;
  });
  await eventually('it is accepted', async () => proxy.network.connections === 2);
  t.deepEqual([isAnswered, lines.length, server.done.length], [false, 0, 1]);
  proxy.network.state = 'open';
  await asked;
  await eventually('the event', async () => lines.length === 1);

  proxy.network.state = 'refusing';
  await t.throwsAsync(ask(proxy, 'GET', '/a'), {code: 'ECONNRESET'});
  await eventually('the watch of the server closed', async () => server.watches === 0);
  proxy.network.state = 'open';
  t.is((await ask(proxy, 'GET', '/a')).status, 200);
});

test('where the API server is gone the connection is reset', async t => {
  const file = await kubeconfigOf(t, 1);
  const proxy = await FaultProxy.start(t, file);
  await t.throwsAsync(ask(proxy, 'GET', '/a'), {code: 'ECONNRESET'});
});
