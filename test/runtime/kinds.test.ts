/** The look-up of kinds: what is served, and why something is not. */
import test, {type ExecutionContext} from 'ava';
import {type KindAnswer, KindDirectory} from '../../src/runtime/kinds.ts';
import {type Answer, ApiServer, json, refusal, silence} from '../support/api-server.ts';

const resource = (name: string, kind: string, more: object = {}) => ({
  name,
  kind,
  namespaced: true,
  verbs: ['get', 'list', 'watch'],
  ...more,
});
const resources = (...list: object[]) => json({kind: 'APIResourceList', resources: list});

/** A directory, and the promise of its first answer. */
function directory(t: ExecutionContext, api: ApiServer) {
  const end = new AbortController();
  t.teardown(() => end.abort());
  const {promise: answered, resolve} = Promise.withResolvers<KindAnswer>();
  return {
    kinds: new KindDirectory(
      api.client(),
      end.signal,
      (_apiVersion, _kind, answer) => resolve(answer),
      error => t.fail(`${error}`),
    ),
    answered,
  };
}

async function ask(t: ExecutionContext, line: string, answer: Answer, apiVersion: string, kind: string) {
  const api = await ApiServer.start(t);
  api.expect(line, answer);
  const {kinds, answered} = directory(t, api);
  t.deepEqual(kinds.get(apiVersion, kind), {state: 'asking'});
  const told = await answered;
  t.deepEqual(kinds.get(apiVersion, kind), told);
  return told;
}

test('a kind that is served has its plural, group and version', async t => {
  const answer = resources(
    resource('deployments/status', 'Deployment'),
    resource('deployments', 'Deployment'),
  );
  t.deepEqual(await ask(t, 'GET /apis/apps/v1', answer, 'apps/v1', 'Deployment'), {
    state: 'served',
    plural: 'deployments',
    group: 'apps',
    version: 'v1',
  });
});

test('a kind of the core group is looked up where that is', async t => {
  const answer = resources(resource('services', 'Service'));
  t.deepEqual(await ask(t, 'GET /api/v1', answer, 'v1', 'Service'), {
    state: 'served',
    plural: 'services',
    group: '',
    version: 'v1',
  });
});

for (const [what, answer, reason, message] of [
  ['a group that is not served', refusal(404, 'NotFound'), 'KindNotServed', /serves no example.com\/v1$/],
  ['a kind that is not in its group', resources(), 'KindNotServed', /serves no Widget in example.com\/v1/],
  ['a kind of a group without resources', json({resources: null}), 'KindNotServed', /serves no Widget/],
  [
    'a kind whose verbs nobody tells',
    resources(resource('widgets', 'Widget', {verbs: null})),
    'KindNotServed',
    /can't be watched/,
  ],
  ['a look-up that is answered by null', json(null), 'KindNotReadable', /the server sent no resources/],
  [
    'a look-up that is answered by another',
    json({items: []}),
    'KindNotReadable',
    /the server sent no resources/,
  ],
  ['a look-up with odd resources', json({resources: [7]}), 'KindNotReadable', /the server sent no resources/],
  [
    'a kind without a namespace',
    resources(resource('widgets', 'Widget', {namespaced: false})),
    'KindNotServed',
    /has no namespace/,
  ],
  [
    'a kind that can not be watched',
    resources(resource('widgets', 'Widget', {verbs: ['get', 'list']})),
    'KindNotServed',
    /can't be watched/,
  ],
  ['a look-up that is forbidden', refusal(403, 'Forbidden', 'not for you'), 'KindNotReadable', /not for you/],
  ['a look-up that fails', refusal(503, 'ServiceUnavailable'), 'KindNotReadable', /ServiceUnavailable/],
] as [string, Answer, string, RegExp][]) {
  test(`${what} is refused with the reason`, async t => {
    const told = await ask(t, 'GET /apis/example.com/v1', answer, 'example.com/v1', 'Widget');
    t.like(told, {state: 'refused', reason});
    t.regex((told as {message: string}).message, message);
  });
}

test('a kind is looked up once, however often it is asked for', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect('GET /apis/apps/v1', silence);
  const {kinds} = directory(t, api);
  for (let i = 0; i < 3; i++) kinds.get('apps/v1', 'Deployment');
  await exchange.received;
  t.is(api.requests.length, 1);
});

// Kinds that the operator itself writes

const checks = (more: object = {}) => resources(resource('checks', 'Check', {namespaced: false, ...more}));

test('a kind without a namespace is served when any will do', async t => {
  const api = await ApiServer.start(t);
  api.expect('GET /apis/example.com/v1', checks());
  const {kinds, answered} = directory(t, api);
  t.deepEqual(kinds.get('example.com/v1', 'Check', 'Any'), {state: 'asking'});
  const served = {state: 'served', plural: 'checks', group: 'example.com', version: 'v1'} as const;
  t.deepEqual(await answered, served);
  t.deepEqual(kinds.get('example.com/v1', 'Check', 'Any'), served);
});

test('also where any will do, a kind has to be there and to be watched', async t => {
  const api = await ApiServer.start(t);
  api.expect('GET /apis/example.com/v1', checks({verbs: ['list']}));
  const one = directory(t, api);
  one.kinds.get('example.com/v1', 'Check', 'Any');
  t.regex(((await one.answered) as {message: string}).message, /can't be watched/);
  api.expect('GET /apis/example.com/v1', resources());
  const other = directory(t, api);
  other.kinds.get('example.com/v1', 'Check', 'Any');
  t.regex(((await other.answered) as {message: string}).message, /serves no Check/);
});

test('what the operator may write is no answer to what a policy may select', async t => {
  const api = await ApiServer.start(t);
  api.expect('GET /apis/example.com/v1', checks());
  const {kinds, answered} = directory(t, api);
  kinds.get('example.com/v1', 'Check', 'Any');
  await answered;
  const again = api.expect('GET /apis/example.com/v1', checks());
  t.not(kinds.get('example.com/v1', 'Check').state, 'served');
  await again.received;
});

test('a listener that fails is told of, and gets the answer again', async t => {
  const api = await ApiServer.start(t);
  const served = resources(resource('deployments', 'Deployment'));
  for (const answer of [served, served]) api.expect('GET /apis/apps/v1', answer);
  const end = new AbortController();
  t.teardown(() => end.abort());
  const failures: unknown[] = [];
  const {promise: taken, resolve} = Promise.withResolvers<KindAnswer>();
  let answers = 0;
  const onAnswer = (_apiVersion: string, _kind: string, answer: KindAnswer) => {
    answers += 1;
    if (answers === 1) throw new TypeError('undefined is not a function');
    resolve(answer);
  };
  const kinds = new KindDirectory(api.client(), end.signal, onAnswer, error => failures.push(error));
  kinds.get('apps/v1', 'Deployment');
  t.is((await taken).state, 'served');
  t.is(failures.length, 1);
});
