/** Our LeaseCandidate, request by request: made, kept, answering pings, and gone with us. */
import test, {type ExecutionContext} from 'ava';
import type {KubeObject} from '../../src/api/objects.ts';
import {CANDIDATE_NAME, Candidacy} from '../../src/runtime/candidacy.ts';
import {
  type Answer,
  ApiServer,
  json,
  type Received,
  refusal,
  silence,
  text,
  watched,
  watching,
} from '../support/api-server.ts';
import {FakeClock} from './fake-clock.ts';

const CANDIDATES = '/apis/coordination.k8s.io/v1beta1/namespaces/leasepolicy-system/leasecandidates';
const LIST = `GET ${CANDIDATES}?fieldSelector=metadata.name%3Dme_1`;
const WATCH = `GET ${CANDIDATES}?watch=1&fieldSelector=metadata.name%3Dme_1`;
const POST = `POST ${CANDIDATES}`;
const PUT = `PUT ${CANDIDATES}/me_1`;
const DELETE = `DELETE ${CANDIDATES}/me_1`;

const NOW = '2026-03-01T12:00:00.000000Z';
const PING = '2026-03-01T12:00:07.123456Z';

type Spec = Record<string, string>;
const SPEC: Spec = {
  leaseName: 'leasepolicy-d704b00044',
  binaryVersion: '1.2.3',
  emulationVersion: '1.2.3',
  strategy: 'OldestEmulationVersion',
  renewTime: NOW,
};

/** The candidate as the server has it. */
const candidate = (resourceVersion: number, more: Spec = {}) => ({
  metadata: {name: 'me_1', uid: 'uid-1', resourceVersion: `${resourceVersion}`, creationTimestamp: NOW},
  spec: {...SPEC, ...more},
});
const none = json({items: []});
const found = (...args: Parameters<typeof candidate>) => json({items: [candidate(...args)]});

/** Takes a write: the answer is what was sent, with the next version. */
const stored =
  (resourceVersion: number): Answer =>
  (stream, request) =>
    json(candidate(resourceVersion, specOf(request)))(stream, request);

const specOf = ({body}: Received) => (body as {spec: Spec}).spec;
const versionOf = ({body}: Received) => (body as KubeObject).metadata.resourceVersion;

/** A candidate that stands, and the test's hands on it. */
function standing(t: ExecutionContext, api: ApiServer, retryPeriodSeconds = 0.02) {
  const end = new AbortController();
  const clock = new FakeClock();
  const problems: Error[] = [];
  const candidacy = new Candidacy({
    client: api.client(),
    namespace: 'leasepolicy-system',
    leaseName: 'leasepolicy-d704b00044',
    identity: 'me_1',
    version: '1.2.3',
    labels: {team: 'infra'},
    retryPeriodSeconds,
    clock,
    onProblem: error => problems.push(error),
  });
  t.teardown(() => end.abort());
  const ended = candidacy.stand(end.signal);
  const stop = () => {
    end.abort();
    return ended;
  };
  return {clock, problems, ended, stop};
}

/** Ends the candidacy as at shutdown. */
async function withdraws(
  t: ExecutionContext,
  api: ApiServer,
  me: ReturnType<typeof standing>,
): Promise<void> {
  const deletion = api.expect(DELETE, json({}));
  t.is(await me.stop(), undefined);
  t.like((await deletion.received).body, {preconditions: {uid: 'uid-1'}});
}

test('a candidate is made, followed, and deleted at the end', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, none);
  const post = api.expect(POST, stored(1));
  const watch = api.expect(`${WATCH}&resourceVersion=1`, watching());
  const me = standing(t, api);
  t.deepEqual((await post.received).body, {
    apiVersion: 'coordination.k8s.io/v1beta1',
    kind: 'LeaseCandidate',
    metadata: {name: 'me_1', labels: {team: 'infra'}},
    spec: SPEC,
  });
  await watch.received;
  await withdraws(t, api, me);
  t.deepEqual(me.problems, []);
});

test('a ping is answered at once, and nothing else is', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, none);
  api.expect(POST, stored(1));
  const watch = api.expect(WATCH, watching());
  const me = standing(t, api);
  await watch.received;
  me.clock.pass(8_000);
  const put = api.expect(PUT, stored(3));
  watch.send({type: 'MODIFIED', object: candidate(2, {pingTime: PING})});
  const answer = await put.received;
  t.is(versionOf(answer), '2');
  t.deepEqual(specOf(answer), {...SPEC, pingTime: PING, renewTime: '2026-03-01T12:00:08.000000Z'});
  const renewed = {pingTime: PING, renewTime: '2026-03-01T12:00:08.000000Z'};
  const next = api.expect(PUT, stored(6));
  watch.send({type: 'MODIFIED', object: candidate(3, renewed)});
  watch.send({type: 'MODIFIED', object: candidate(4, renewed)});
  me.clock.pass(10_000);
  watch.send({type: 'MODIFIED', object: candidate(5, {...renewed, pingTime: '2026-03-01T12:00:18.000000Z'})});
  t.is(versionOf(await next.received), '5');
  await withdraws(t, api, me);
});

test('a clock that is behind answers with the time of the ping, and answers once', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, none);
  api.expect(POST, stored(1));
  const watch = api.expect(WATCH, watching());
  const me = standing(t, api);
  await watch.received;
  const put = api.expect(PUT, stored(3));
  watch.send({type: 'MODIFIED', object: candidate(2, {pingTime: PING})});
  t.is(specOf(await put.received).renewTime, PING);
  watch.send({type: 'MODIFIED', object: candidate(3, {pingTime: PING, renewTime: PING})});
  await withdraws(t, api, me);
});

test('an answer that comes too late for its version is given for the next one', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, none);
  api.expect(POST, stored(1));
  const watch = api.expect(WATCH, watching());
  const me = standing(t, api);
  await watch.received;
  const refused = api.expect(PUT, refusal(409, 'Conflict'));
  watch.send({type: 'MODIFIED', object: candidate(2, {pingTime: PING})});
  await refused.received;
  const put = api.expect(PUT, stored(4));
  watch.send({type: 'MODIFIED', object: candidate(3, {pingTime: PING})});
  t.is(versionOf(await put.received), '3');
  await withdraws(t, api, me);
  t.deepEqual(me.problems, []);
});

test('a candidate that somebody deletes is made anew', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, none);
  api.expect(POST, stored(1));
  api.expect(WATCH, watching({type: 'DELETED', object: candidate(2)}));
  api.expect(LIST, none);
  api.expect(POST, stored(3));
  const watch = api.expect(`${WATCH}&resourceVersion=3`, watching());
  const me = standing(t, api);
  await watch.received;
  await withdraws(t, api, me);
});

test('a candidate from before our time becomes ours, with our version', async t => {
  const api = await ApiServer.start(t);
  api.expect(LIST, found(7, {binaryVersion: '1.0.0', emulationVersion: '1.0.0'}));
  const put = api.expect(PUT, stored(8));
  const watch = api.expect(`${WATCH}&resourceVersion=7`, watching());
  const me = standing(t, api);
  t.deepEqual(specOf(await put.received), SPEC);
  await watch.received;
  await withdraws(t, api, me);
});

test('without a watch the candidate is looked at in each retry period, answers pings and is renewed every 5 minutes', async t => {
  const api = await ApiServer.start(t);
  const noWatch = () => api.expect(WATCH, refusal(403, 'Forbidden'));
  api.expect(LIST, none);
  const post = api.expect(POST, stored(1));
  noWatch();
  const again = api.expect(LIST, found(1));
  noWatch();
  api.expect(LIST, found(2, {pingTime: PING}));
  const answer = api.expect(PUT, stored(3));
  noWatch();
  api.expect(LIST, (stream, request) => {
    me.clock.pass(300_000);
    found(3)(stream, request);
  });
  const renewal = api.expect(PUT, stored(4));
  noWatch();
  const last = api.expect(LIST, silence);
  const me = standing(t, api);
  t.is(specOf(await answer.received).renewTime, PING);
  t.is(specOf(await renewal.received).renewTime, '2026-03-01T12:05:00.000000Z');
  t.true((await again.received).atMs - (await post.received).atMs >= 19);
  await last.received;
  await withdraws(t, api, me);
  t.deepEqual(me.problems, []);
});

for (const [what, answer] of [
  ['ends', watched()],
  ['is behind', watching({type: 'ERROR', object: {kind: 'Status', code: 410, reason: 'Expired'}})],
] as [string, Answer][]) {
  test(`a watch that ${what} is followed by another look`, async t => {
    const api = await ApiServer.start(t);
    api.expect(LIST, none);
    api.expect(POST, stored(1));
    const ended = api.expect(WATCH, answer);
    const again = api.expect(LIST, found(5));
    const watch = api.expect(`${WATCH}&resourceVersion=5`, watching());
    const me = standing(t, api);
    await watch.received;
    t.true((await again.received).atMs - (await ended.received).atMs >= 19);
    await withdraws(t, api, me);
  });
}

for (const [what, answers, why] of [
  [
    'does not know candidates',
    [[LIST, text('404 page not found\n', 404)]],
    /^the API server serves no LeaseCandidate in coordination\.k8s\.io\/v1beta1$/,
  ],
  ['lets us not read them', [[LIST, refusal(403, 'Forbidden')]], /leasecandidates.*refused: Forbidden/],
  [
    'lets us not make one',
    [
      [LIST, none],
      [POST, refusal(403, 'Forbidden')],
    ],
    /^POST .*leasecandidates.*refused: Forbidden/,
  ],
] as [string, [string, Answer][], RegExp][]) {
  test(`a candidacy ends, and says why, where the server ${what}`, async t => {
    const api = await ApiServer.start(t);
    for (const [line, answer] of answers) api.expect(line, answer);
    const me = standing(t, api);
    t.regex((await me.ended) ?? '', why);
    t.deepEqual(me.problems, []);
  });
}

for (const [what, answers] of [
  ['the server fails', [[LIST, refusal(500, 'InternalError')]]],
  [
    'there is no namespace yet',
    [
      [LIST, none],
      [POST, refusal(404, 'NotFound', 'namespaces "leasepolicy-system" not found')],
    ],
  ],
] as [string, [string, Answer][]][]) {
  test(`a candidacy goes on while ${what}`, async t => {
    const api = await ApiServer.start(t);
    for (const [line, answer] of answers) api.expect(line, answer);
    api.expect(LIST, none);
    api.expect(POST, stored(1));
    const watch = api.expect(WATCH, watching());
    const me = standing(t, api);
    await watch.received;
    t.is(me.problems.length, 1);
    await withdraws(t, api, me);
  });
}

for (const [what, answer, problems] of [
  ['somebody was faster', refusal(404, 'NotFound'), 0],
  ['the name belongs to another one', refusal(409, 'Conflict'), 0],
  ['the server fails', refusal(500, 'InternalError'), 1],
] as const) {
  test(`a candidacy ends when its deletion is refused as ${what}`, async t => {
    const api = await ApiServer.start(t);
    api.expect(LIST, none);
    api.expect(POST, stored(1));
    const watch = api.expect(WATCH, watching());
    const me = standing(t, api);
    await watch.received;
    api.expect(DELETE, answer);
    t.is(await me.stop(), undefined);
    t.is(me.problems.length, problems);
  });
}

test('what was never made is not deleted', async t => {
  const api = await ApiServer.start(t);
  const list = api.expect(LIST, silence);
  const me = standing(t, api);
  await list.received;
  t.is(await me.stop(), undefined);
  t.deepEqual(me.problems, []);
});

for (const [name, good] of [
  ['api-7d9_2b0e6a1c-5f7d-4c9a-9c57-0f3f5e7c1a11', true],
  ['Host.example', true],
  ['.a', true],
  ['', false],
  ['.', false],
  ['..', false],
  ['..a', false],
  ['a/b', false],
  ['a b', false],
  ['a\n', false],
  ['a'.repeat(253), true],
  ['a'.repeat(254), false],
] as const) {
  test(`${JSON.stringify(name.slice(0, 50))} of ${name.length} ${good ? 'names' : 'does not name'} a candidate`, t => {
    t.is(CANDIDATE_NAME.test(name), good);
  });
}
