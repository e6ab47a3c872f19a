/** Answers of the API server, or of what stands before it: each is JSON or an ApiError, and ends nothing. */
import assert from 'node:assert/strict';
import {once} from 'node:events';
import http2 from 'node:http2';
import type {AddressInfo} from 'node:net';
import {KubeConfig} from '@kubernetes/client-node';
import test from 'ava';
import fc from 'fast-check';
import type {KubeObject} from '../../src/api/objects.ts';
import {type Rendered, renderedView} from '../../src/core/admission/rendered.ts';
import type {LeaseView} from '../../src/core/lease/lifetime.ts';
import type {Action, SubjectCheck} from '../../src/core/plan/action.ts';
import {ApiError} from '../../src/errors.ts';
import {apply} from '../../src/runtime/apply.ts';
import {Candidacy} from '../../src/runtime/candidacy.ts';
import {ApiClient} from '../../src/runtime/client.ts';
import {LeaderElector} from '../../src/runtime/elector.ts';
import {KindDirectory} from '../../src/runtime/kinds.ts';
import {Store} from '../../src/runtime/store.ts';
import {whoAmI} from '../../src/runtime/who-am-i.ts';
import type {WrittenKind} from '../../src/runtime/write.ts';
import {projectLease, projectPolicy, projectRegistry} from '../../src/world/project.ts';
import {anyJson, anyJsonText, anyLeaseObject, anyText, damaged, perhaps} from './arbitraries.ts';
import './no-waits.ts';
import {forAllInTime} from './property.ts';

// Over the wire

type Answer = {status: number; body: string; retryAfter: string | undefined};

let answer: Answer = {status: 200, body: '', retryAfter: undefined};
const server = http2.createServer();
server.on('stream', (stream: http2.ServerHttp2Stream) => {
  stream.on('error', () => {});
  const {status, body, retryAfter} = answer;
  stream.respond({':status': status, ...(retryAfter === undefined ? {} : {'retry-after': retryAfter})});
  stream.end(body);
});
let client: ApiClient;

test.before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const config = new KubeConfig();
  const {port} = server.address() as AddressInfo;
  config.loadFromClusterAndUser(
    {name: 'test', server: `http://127.0.0.1:${port}`, skipTLSVerify: true},
    {name: 'tester'},
  );
  client = new ApiClient(config);
});
test.after.always(async () => {
  client.close();
  server.close();
});

const REFUSAL = {
  kind: 'Status',
  message: 'no',
  reason: 'Conflict',
  details: {
    causes: [
      {reason: 'FieldManagerConflict', message: 'conflict with "helm" using v1', field: '.metadata.labels'},
    ],
  },
};
const anyBody = fc.oneof(
  anyJsonText,
  damaged(fc.constant(REFUSAL)).map(each => JSON.stringify(each) ?? ''),
);
const anyAnswer: fc.Arbitrary<Answer> = fc.record({
  status: fc.constantFrom(200, 201, 202, 299, 300, 400, 401, 403, 404, 409, 410, 422, 429, 500, 503),
  body: anyBody.map(body => body.toWellFormed()),
  retryAfter: perhaps(fc.constantFrom('1', '-1', '1e9', 'soon', '', 'Wed, 21 Oct 2026 07:28:00 GMT')),
});

forAllInTime(
  'an answer is what it says, or an error with its status',
  [anyAnswer, fc.constantFrom('GET', 'PATCH', 'DELETE')],
  async (given, method) => {
    answer = given;
    const result = await client.request(method, '/apis/a', {}).catch((error: unknown) => error);
    if (given.status > 299) {
      assert.ok(result instanceof ApiError, `${result}`);
      assert.equal(result.status, given.status, result.message);
      areTexts(result);
    } else if (result instanceof ApiError) assert.throws(() => JSON.parse(given.body));
    else assert.deepEqual(result, JSON.parse(given.body));
  },
  {alone: true},
);

/** What logs, metrics and findings are made of. */
function areTexts({message, reason, kept, retryAfterMs}: ApiError): void {
  assert.ok(
    [message, reason, ...kept].every(each => typeof each === 'string'),
    JSON.stringify({reason, kept}),
  );
  assert.ok(retryAfterMs === undefined || (Number.isFinite(retryAfterMs) && retryAfterMs >= 0));
}

// What is made of them

/** A client that gives these answers, one after the other, and then none any more. */
function scripted(answers: readonly unknown[], end: AbortController): ApiClient {
  const left = [...answers];
  const next = async () => {
    if (left.length === 0) end.abort();
    const given = left.length > 0 ? left.shift() : new ApiError('ask', {status: 0, message: 'it is over'});
    if (given instanceof Error) throw given;
    return given;
  };
  const lines = async function* () {
    yield `${JSON.stringify(await next())}`;
  };
  return {request: next, send: next, lines} as unknown as ApiClient;
}

const anyGiven = fc.oneof(
  {weight: 5, arbitrary: anyJson},
  {
    weight: 1,
    arbitrary: fc.constantFrom(404, 409, 500).map(status => new ApiError('ask', {status, message: 'no'})),
  },
);

forAllInTime(
  'a kind is served or refused, whatever the server says of it',
  [fc.array(anyGiven, {minLength: 1, maxLength: 3})],
  async answers => {
    await quietly(async () => {
      const end = new AbortController();
      const told: string[] = [];
      const kinds = new KindDirectory(
        scripted(answers, end),
        end.signal,
        (_, __, {state}) => void told.push(state),
        error => assert.fail(`${error}`),
      );
      assert.equal(kinds.get('example.com/v1', 'Widget').state, 'asking');
      await ended(end.signal, () => told.includes('served'));
      assert.ok(told.every(each => each === 'served' || each === 'refused'));
    });
  },
);

forAllInTime(
  'who we are is a text, whatever the server says',
  [fc.array(anyGiven, {minLength: 1, maxLength: 3})],
  async answers => {
    const end = new AbortController();
    assert.equal(typeof (await whoAmI(scripted(answers, end), end.signal, () => {})), 'string');
  },
);

// What is written

const LEASE = {namespace: 'shop', name: 'a', uid: 'u', resourceVersion: '7'};
const rendered: Rendered = {
  kind: 'Role',
  namespace: 'shop',
  name: 'leasepolicy-a',
  policy: 'payments',
  owner: {apiVersion: 'v1', kind: 'Lease', name: 'a', uid: 'u'},
  content: {rules: []},
};
const record = {
  holderIdentity: '',
  leaseDurationSeconds: 1,
  leaseTransitions: 1,
  acquireTime: '',
  renewTime: '',
};
const texts = {labels: {}, annotations: {}};
const ACTIONS: readonly Action[] = [
  {type: 'createLease', policy: 'p', namespace: 'shop', name: 'a', ...texts, record},
  {type: 'labelLease', purpose: 'adopt', policy: 'p', ...LEASE, ...texts},
  {type: 'labelLease', purpose: 'label', policy: 'p', ...LEASE, ...texts},
  {type: 'writeRecord', purpose: 'seal', policy: 'p', lease: LEASE, record},
  {type: 'applyObject', policy: 'p', rendered, uid: undefined},
  {type: 'applyObject', policy: 'p', rendered, uid: 'u'},
  {type: 'deleteObject', ...rendered, namespace: 'shop', uid: 'u', resourceVersion: '7'},
  {type: 'patchRegistry', namespace: 'shop', patch: {retired: {a: {transitions: 4}}}},
  {type: 'deleteRegistry', namespace: 'shop', uid: 'u', resourceVersion: '7'},
  {type: 'writeStatus', policy: 'p', status: {subjects: 1}},
];

/** The caches that take what a write is answered with, in the forms in which they keep it. */
function written(kind: WrittenKind, object: KubeObject): void {
  if (kind === 'lease') new Store<LeaseView>().putWritten(projectLease(object, undefined, 0));
  else if (kind === 'registry') new Store().putWritten(projectRegistry(object));
  else if (kind === 'policy') new Store().putWritten(projectPolicy(object));
  else new Store().putWritten(renderedView(kind, object));
}

/** Carries out an action; returns what was refused, and whether a delete was sent. */
async function applied(action: Action, answers: readonly unknown[]) {
  let isDeleted = false;
  const double = scripted(answers, new AbortController());
  const send = async (method: string, path: string) => {
    isDeleted ||= method === 'DELETE';
    return double.send(method, path);
  };
  const failures = await apply([action], {
    client: {request: send, send} as unknown as ApiClient,
    term: {mayWrite: true, leftMs: 8_000, transitions: 3},
    identity: 'leader',
    isInForce: () => true,
    onPrevented: () => {},
    onWritten: written,
    onCollect: () => {},
    onEvent: () => {},
    onDone: () => {},
  });
  return {failures, isDeleted};
}

const anyWritten = fc.oneof(anyGiven, damaged(anyLeaseObject), anyLeaseObject);

forAllInTime(
  'a write is done or an error that is tried again, whatever the server answers',
  [fc.constantFrom(...ACTIONS), fc.array(anyWritten, {minLength: 1, maxLength: 3})],
  async (action, answers) => {
    const {failures} = await applied(action, answers);
    assert.ok(failures.length <= 1 && failures.every(each => each instanceof ApiError), `${failures}`);
  },
);

const path = '/apis/apps/v1/namespaces/shop/deployments/api';
const anyCheck = fc.constantFrom<SubjectCheck>(
  {expect: 'nothing'},
  {expect: 'absent', path},
  {expect: 'labels', path, labels: {team: 'a'}, namespace: 'shop', namespaceLabels: {}},
  {expect: 'labels', path, labels: {}, namespace: 'shop', namespaceLabels: {}},
);
const LIVE = {metadata: {name: 'a', namespace: 'shop', uid: 'u', resourceVersion: '7'}, spec: {}};
const SUBJECT = {metadata: {name: 'api', labels: {team: 'a'}}};
const gone = new ApiError('ask', {status: 404, message: 'no'});
const anyLive = fc.oneof(fc.constant(LIVE), damaged(fc.constant(LIVE)), anyGiven);
const anySubject = fc.oneof(fc.constantFrom(SUBJECT, gone), damaged(fc.constant(SUBJECT)), anyGiven);

forAllInTime(
  'a delete is sent only when the live answers are those that were judged',
  [anyCheck, anyLive, anySubject],
  async (check, live, subject) => {
    const action = {
      type: 'collectLease',
      policy: 'p',
      lease: LEASE,
      subject: 'Deployment/api',
      check,
    } as const;
    const {failures, isDeleted} = await applied(action, [
      live,
      ...(check.expect === 'nothing' ? [] : [subject]),
    ]);
    assert.ok(failures.length <= 1 && failures.every(each => each instanceof ApiError), `${failures}`);
    if (!isDeleted) return;
    const {uid, resourceVersion} = (live as typeof LIVE).metadata;
    assert.deepEqual([uid, resourceVersion], ['u', '7']);
    if (check.expect === 'absent') assert.ok(subject instanceof ApiError && subject.isNotFound);
    if (check.expect !== 'labels') return;
    const {name, labels = {}} = (subject as {metadata: {name: unknown; labels?: object}}).metadata;
    assert.equal(typeof name, 'string');
    assert.deepEqual({...labels}, check.labels);
  },
);

// Who leads

const HELD = {
  metadata: {name: 'a', namespace: 'b', uid: 'u', resourceVersion: '1'},
  spec: {
    holderIdentity: 'me',
    leaseDurationSeconds: 15,
    renewTime: '2026-03-01T12:00:00.000000Z',
    leaseTransitions: 1,
  },
};
const anyLeaseAnswer = fc.oneof(anyGiven, fc.constant(HELD), damaged(fc.constant(HELD)));

forAllInTime(
  'an election goes on whatever the server says, and leads by no Lease that does not say so',
  [fc.array(anyLeaseAnswer, {minLength: 1, maxLength: 6}), anyText],
  async (answers, other) => {
    const end = new AbortController();
    const election = new LeaderElector({
      client: scripted(answers, end),
      namespace: 'b',
      name: 'a',
      identity: 'me',
      signal: end.signal,
    });
    for await (const term of election.terms()) {
      assert.equal(election.holder, 'me', `it leads while ${other} holds`);
      term.end(new Error('enough'));
    }
  },
);

const CANDIDATE = {
  metadata: {name: 'me', namespace: 'b', uid: 'u', resourceVersion: '1'},
  spec: {leaseName: 'a', pingTime: '2026-03-01T12:00:00.000000Z', renewTime: '2026-03-01T11:00:00.000000Z'},
};
const anyCandidacyAnswer = fc.oneof(
  anyGiven,
  fc.constantFrom(CANDIDATE, {items: []}, {items: [CANDIDATE]}),
  damaged(fc.constant(CANDIDATE)),
  damaged(fc.constant({items: [CANDIDATE]})),
);

forAllInTime(
  'a candidate stands until it is told to end, or says why not, whatever the server answers',
  [fc.array(anyCandidacyAnswer, {minLength: 1, maxLength: 6})],
  async answers => {
    const end = new AbortController();
    const options = {namespace: 'b', leaseName: 'a', identity: 'me', version: '1.0.0', retryPeriodSeconds: 2};
    const reason = await new Candidacy({client: scripted(answers, end), ...options}).stand(end.signal);
    assert.ok(reason === undefined || /\S/.test(reason));
  },
);

/** Fails for what would end the process. */
async function quietly(run: () => Promise<void>): Promise<void> {
  let lost: unknown;
  const note = (error: unknown) => {
    lost = error;
  };
  process.on('unhandledRejection', note);
  try {
    await run();
    await new Promise(resolve => setImmediate(resolve));
  } finally {
    process.off('unhandledRejection', note);
  }
  assert.equal(lost, undefined, `${lost}`);
}

async function ended(signal: AbortSignal, isDone: () => boolean): Promise<void> {
  for (let looks = 0; !signal.aborted && !isDone() && looks < 50; looks++)
    await new Promise(resolve => setImmediate(resolve));
}
