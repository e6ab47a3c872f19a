/** The endpoints for probes and metrics. */
import test, {type ExecutionContext} from 'ava';
import {Counter, Registry} from 'prom-client';
import {serveHttp} from '../../src/telemetry/http.ts';
import {Metrics} from '../../src/telemetry/metrics.ts';

/** The endpoint on a free port; `why` is what it is not ready for. */
async function endpoint(t: ExecutionContext, registry = new Registry()) {
  const state: {why: string | undefined} = {why: undefined};
  const http = await serveHttp({host: '127.0.0.1', port: 0, registry, unready: () => state.why});
  t.teardown(() => http.close());
  const get = (path: string, method = 'GET') => fetch(`http://127.0.0.1:${http.port}${path}`, {method});
  return {http, get, state};
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
  const answer = await get('/debug');
  t.is(answer.status, 404);
  t.is(await answer.text(), 'there are /livez, /readyz and /metrics\n');
});

for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']) {
  test(`${method} is not allowed`, async t => {
    const {get} = await endpoint(t);
    t.is((await get('/livez', method)).status, 405);
  });
}

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
