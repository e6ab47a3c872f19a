/** The endpoints for probes and metrics. */
import {once} from 'node:events';
import net from 'node:net';
import test, {type ExecutionContext} from 'ava';
import fc from 'fast-check';
import {Counter, Gauge, Registry} from 'prom-client';
import {type HttpLimits, serveHttp} from '../../src/telemetry/http.ts';
import {Metrics} from '../../src/telemetry/metrics.ts';
import {eventually} from '../support/eventually.ts';
import {HOSTILE, UNSEEN} from '../support/hostile.ts';

/** The endpoint on a free port; `why` is what it is not ready for. */
async function endpoint(t: ExecutionContext, registry = new Registry(), limits: Partial<HttpLimits> = {}) {
  const problems: Error[] = [];
  const state: {why: string | undefined} = {why: undefined};
  const http = await serveHttp({
    host: '127.0.0.1',
    port: 0,
    registry,
    unready: () => state.why,
    onProblem: error => problems.push(error),
    limits,
  });
  t.teardown(() => http.close());
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${http.port}${path}`, {method});
  return {http, get, state, problems};
}

test('/livez is ok as long as the process answers', async t => {
  const {get, state} = await endpoint(t);
  state.why = 'the caches are not complete yet';
  t.is((await get('/livez')).status, 200);
});

test('/readyz tells why it is not ready, and that it is', async t => {
  const {get, state} = await endpoint(t);
  state.why = 'the caches are not complete yet';
  const before = await get('/readyz');
  t.is(before.status, 503);
  t.is(await before.text(), 'the caches are not complete yet\n');
  state.why = undefined;
  const after = await get('/readyz?verbose');
  t.is(after.status, 200);
  t.is(await after.text(), 'ok\n');
});

test('/metrics is what the registry holds, in its format', async t => {
  const registry = new Registry();
  new Counter({name: 'leasepolicy_test_total', help: 'A test.', registers: [registry]}).inc(3);
  const {get} = await endpoint(t, registry);
  const answer = await get('/metrics');
  t.is(answer.status, 200);
  t.is(answer.headers.get('content-type'), registry.contentType);
  t.regex(await answer.text(), /^leasepolicy_test_total 3$/m);
});

test('gauges say what their sources say at the moment of the scrape', async t => {
  const metrics = new Metrics();
  let leases = [{policy: 'payments', class: 'leader-election', state: 'held', count: 2}];
  metrics.observe({
    leases: () => leases,
    findings: () => [],
    enforced: () => [{policy: 'payments', count: 1}],
    stopped: () => [{policy: 'payments', count: 0}],
    renewAges: () => [{policy: 'payments', class: 'leader-election', count: 1.5}],
    leaderless: () => [],
    policyInfo: () => [],
    queueLength: () => 7,
    leading: () => true,
    cached: () => [{resource: 'leases', count: 9}],
  });
  const {get} = await endpoint(t, metrics.registry);
  const text = await (await get('/metrics')).text();
  t.regex(text, /^leasepolicy_leases\{policy="payments",class="leader-election",state="held"\} 2$/m);
  t.regex(text, /^leasepolicy_enforced\{policy="payments"\} 1$/m);
  t.regex(text, /^leasepolicy_queue_length 7$/m);
  t.regex(text, /^leasepolicy_leader 1$/m);
  t.regex(text, /^leasepolicy_cached_objects\{resource="leases"\} 9$/m);
  leases = [];
  t.notRegex(await (await get('/metrics')).text(), /leasepolicy_leases\{/);
});

test('another path is not found, and the answer names those that are', async t => {
  const {get} = await endpoint(t);
  for (const path of ELSEWHERE) {
    const answer = await get(path);
    t.is(answer.status, 404, path);
    t.is(await answer.text(), 'there are /livez, /readyz and /metrics\n');
  }
});

/** What other programs serve there: profiles, variables, configuration, and ways around a list of paths. */
const ELSEWHERE = [
  ...['/', '/debug', '/debug/pprof/', '/debug/vars', '/config', '/healthz', '/json/version', '/heapdump'],
  ...['/metrics/', '//metrics', '/METRICS', '/livez/ping', '/readyz%2f', '/metrics%00', '/.env'],
];

for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'QUERY', 'MKCOL']) {
  test(`${method} is not allowed, and the answer says what is`, async t => {
    const {get} = await endpoint(t);
    for (const path of ['/livez', '/readyz', '/metrics', '/debug']) {
      const answer = await get(path, method);
      t.is(answer.status, 405, path);
      t.is(answer.headers.get('allow'), 'GET, HEAD');
    }
  });
}

for (const [what, request, status] of [
  ['TRACE', 'TRACE /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n', 405],
  ['a method that nobody knows', 'STEAL /metrics HTTP/1.1\r\nhost: x\r\n\r\n', 400],
  ['what is no HTTP', '\x16\x03\x01\0\0\r\n\r\n', 400],
  ['two lengths', 'GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', 400],
  ['a header of 12 KiB', `GET /livez HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(12_288)}\r\n\r\n`, 431],
  ['ten thousand headers', `GET /livez HTTP/1.1\r\nhost: x\r\n${'a: b\r\n'.repeat(10_000)}\r\n`, 431],
] as const) {
  test(`${what} is answered with ${status}, and the next one as ever`, async t => {
    const {http, get} = await endpoint(t);
    const answer = await talk(http.port, request);
    t.true(answer.startsWith(`HTTP/1.1 ${status} `), answer.slice(0, 100));
    t.is((await get('/livez')).status, 200);
  });
}

test('a tunnel is refused', async t => {
  const {http, get} = await endpoint(t);
  const answer = await talk(http.port, 'CONNECT kubernetes:443 HTTP/1.1\r\nhost: x\r\n\r\n');
  t.is(answer, '');
  t.is((await get('/livez')).status, 200);
});

test('who is slow to ask is sent away, and keeps nobody waiting', async t => {
  const {http, get} = await endpoint(t, new Registry(), {requestMs: 5_000});
  const slow = talk(http.port, 'GET /metrics HTTP/1.1\r\nhost: x\r\nx-');
  t.is((await get('/livez')).status, 200);
  t.true((await slow).startsWith('HTTP/1.1 408 '));
});

test('who asks for what is large and does not read it is sent away', async t => {
  const registry = new Registry();
  new Gauge({name: 'large', help: 'x'.repeat(1_000_000), registers: [registry]}).set(1);
  const {http} = await endpoint(t, registry, {idleMs: 200, requestMs: 60_000});
  const socket = net.connect(http.port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(100));
  await once(socket, 'readable');
  // Three that come later, one after the other, are sent away for saying nothing: by then this one was too. Node looks
  // twice whether a write moves.
  for (const _ of Array(3)) t.is(await talk(http.port, ''), '');
  let bytes = 0;
  socket.on('data', chunk => {
    bytes += chunk.length;
  });
  await closed(socket);
  t.true(bytes < 50_000_000, `${bytes} bytes of 100 MB`);
});

test('more connections than there may be are closed at once', async t => {
  const {http, get} = await endpoint(t, new Registry(), {connections: 2});
  const kept = [1, 2].map(() => net.connect(http.port, '127.0.0.1'));
  t.teardown(() => kept.forEach(each => void each.destroy()));
  await Promise.all(kept.map(each => once(each, 'connect')));
  t.is(await talk(http.port, 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n'), '');
  kept.forEach(each => void each.destroy());
  await eventually('the next one is answered', async () => (await get('/livez')).ok);
});

/** Also when the other side resets the connection. */
const closed = (socket: net.Socket) => new Promise<void>(resolve => socket.once('close', () => resolve()));

/** What comes back until the other side closes. */
async function talk(port: number, request: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  let answer = '';
  socket.on('data', chunk => {
    answer += chunk;
  });
  socket.on('error', () => {});
  socket.write(request);
  await closed(socket);
  return answer;
}

test('metrics that can not be told are an answer, and the process goes on', async t => {
  const registry = new Registry();
  const collect = () => {
    throw new Error('no world');
  };
  new Gauge({name: 'broken', help: 'A test.', registers: [registry], collect});
  const {get, problems} = await endpoint(t, registry);
  const answer = await get('/metrics');
  t.is(answer.status, 500);
  t.is(await answer.text(), 'see the log\n');
  t.deepEqual(
    problems.map(each => each.message),
    ['no world'],
  );
  t.is((await get('/livez')).status, 200);
});

test('what the API server said stays on its line of /readyz', async t => {
  const {get, state} = await endpoint(t);
  for (const text of HOSTILE) {
    state.why = `leases: ${text.replaceAll('\n', '')}\nnodes: no`;
    const [first = '', ...rest] = (await (await get('/readyz')).text()).split('\n');
    t.notRegex(first, UNSEEN);
    t.deepEqual(rest, ['nodes: no', '']);
  }
});

test('no label can add a sample to the metrics, or a label to its own', async t => {
  const value = fc.oneof(fc.constantFrom(...HOSTILE, '"} 1\nforged{a="'), fc.string({unit: 'binary'}));
  await fc.assert(
    fc.asyncProperty(value, async text => {
      const registry = new Registry();
      const gauge = new Gauge({name: 'g', help: 'A test.', labelNames: ['policy'], registers: [registry]});
      gauge.set({policy: text}, 1);
      const samples = (await registry.metrics())
        .split('\n')
        .filter(line => line !== '' && !line.startsWith('#'));
      t.is(samples.length, 1);
      t.regex(samples[0] ?? '', /^g\{policy="([^"\\]|\\["\\n])*"\} 1$/s);
    }),
  );
});

test('HEAD is answered without a body', async t => {
  const {get} = await endpoint(t);
  const answer = await get('/livez', 'HEAD');
  t.is(answer.status, 200);
  t.is(await answer.text(), '');
});

test('a port that is taken is an error at the start, with what to do', async t => {
  const {http} = await endpoint(t);
  await t.throwsAsync(
    serveHttp({host: '127.0.0.1', port: http.port, registry: new Registry(), unready: () => undefined}),
    {message: new RegExp(`port ${http.port} .*EADDRINUSE.*--http-port`)},
  );
});

test('it closes although a client keeps its connection', async t => {
  const {http, get} = await endpoint(t);
  await (await get('/livez')).text();
  await http.close();
  await t.throwsAsync(get('/livez'));
});
