/** The question as whom the API server knows us: asked until it is answered. */
import test, {type ExecutionContext} from 'ava';
import type {ApiError} from '../../src/errors.ts';
import {whoAmI} from '../../src/runtime/who-am-i.ts';
import {ApiServer, json, refusal, silence} from '../support/api-server.ts';

const REVIEWS = 'POST /apis/authentication.k8s.io/v1/selfsubjectreviews';
const USERNAME = 'system:serviceaccount:leasepolicy-system:leasepolicy';
const answer = json({kind: 'SelfSubjectReview', status: {userInfo: {username: USERNAME, groups: []}}}, 201);

/** Asks; the question ends with the test. */
function ask(t: ExecutionContext, api: ApiServer) {
  const end = new AbortController();
  t.teardown(() => end.abort());
  const problems: ApiError[] = [];
  const {promise: failed, resolve} = Promise.withResolvers<void>();
  const onProblem = (error: ApiError) => {
    problems.push(error);
    resolve();
  };
  return {end, problems, failed, username: whoAmI(api.client(), end.signal, onProblem)};
}

test('the user name is that of the review', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect(REVIEWS, answer);
  const {username, problems} = ask(t, api);
  t.is(await username, USERNAME);
  t.deepEqual((await exchange.received).body, {
    apiVersion: 'authentication.k8s.io/v1',
    kind: 'SelfSubjectReview',
  });
  t.deepEqual(problems, []);
});

for (const body of [null, {status: null}, {status: {userInfo: {username: 7}}}])
  test(`by a review that is ${JSON.stringify(body)} nobody is known`, async t => {
    const api = await ApiServer.start(t);
    api.expect(REVIEWS, json(body, 201));
    t.is(await ask(t, api).username, '');
  });

test('it asks again while there is no answer, and tells why', async t => {
  const api = await ApiServer.start(t);
  const first = api.expect(REVIEWS, refusal(503, 'ServiceUnavailable'));
  const second = api.expect(REVIEWS, refusal(403, 'Forbidden'));
  const third = api.expect(REVIEWS, answer);
  const {username, problems} = ask(t, api);
  t.is(await username, USERNAME);
  t.deepEqual(
    problems.map(each => each.status),
    [503, 403],
  );
  const times = await Promise.all([first, second, third].map(async each => (await each.received).atMs));
  t.true(
    times.every((at, index) => index === 0 || at - (times[index - 1] ?? at) > 800),
    'with a pause',
  );
});

test('a review without a user is one of nobody', async t => {
  const api = await ApiServer.start(t);
  api.expect(REVIEWS, json({kind: 'SelfSubjectReview'}, 201));
  t.is(await ask(t, api).username, '');
});

test('the end of the signal ends the question that is under way, and is no problem', async t => {
  const api = await ApiServer.start(t);
  const exchange = api.expect(REVIEWS, silence);
  const {username, end, problems} = ask(t, api);
  await exchange.received;
  end.abort();
  t.is(await username, '');
  t.deepEqual(problems, []);
});

test('the end of the signal ends the pause, and nothing is asked any more', async t => {
  const api = await ApiServer.start(t);
  api.expect(REVIEWS, refusal(503, 'ServiceUnavailable'));
  const {username, end, failed} = ask(t, api);
  await failed;
  end.abort();
  t.is(await username, '');
  t.is(api.requests.length, 1);
});

test('after the end of the signal nothing is asked', async t => {
  const api = await ApiServer.start(t);
  const end = new AbortController();
  end.abort();
  t.is(await whoAmI(api.client(), end.signal, () => t.fail()), '');
  t.deepEqual(api.requests, []);
});
