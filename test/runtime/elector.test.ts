/** Leader election, request by request: who writes what, when, and who must wait. */
import test, {type ExecutionContext} from 'ava';
import type {Lease, LeaseSpec} from '../../src/api/objects.ts';
import {ApiError, UsageError} from '../../src/errors.ts';
import {checkTiming, type ElectionTiming, LeaderElector, Term} from '../../src/runtime/elector.ts';
import {
  type Answer,
  ApiServer,
  cutAfter,
  json,
  type Received,
  refusal,
  silence,
  text,
  watching,
} from '../support/api-server.ts';
import {FakeClock} from './fake-clock.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/leasepolicy-system/leases';
const NAME = 'leasepolicy-d704b00044';
const GET = `GET ${LEASES}/${NAME}`;
const PUT = `PUT ${LEASES}/${NAME}`;
const POST = `POST ${LEASES}`;
const WATCH = `GET ${LEASES}?watch=1&fieldSelector=metadata.name%3D${NAME}`;

/** Retries at once; what the Lease allows is up to the clock of the test. */
const EAGER: ElectionTiming = {leaseDurationSeconds: 15, renewDeadlineSeconds: 10, retryPeriodSeconds: 0.02};
/** Retries so late that a test would notice. */
const PATIENT: ElectionTiming = {leaseDurationSeconds: 15, renewDeadlineSeconds: 10, retryPeriodSeconds: 8};

const EARLIER = '2026-03-01T11:00:00.000000Z';
const NOW = '2026-03-01T12:00:00.000000Z';

/** The Lease as the server has it. */
function lease(resourceVersion: number, spec: LeaseSpec): Lease {
  const metadata = {
    name: NAME,
    namespace: 'leasepolicy-system',
    uid: 'uid-1',
    resourceVersion: `${resourceVersion}`,
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: {team: 'infra'},
  };
  return {metadata, spec};
}

const heldBy = (holderIdentity: string, resourceVersion: number, more: LeaseSpec = {}) =>
  lease(resourceVersion, {
    holderIdentity,
    leaseDurationSeconds: 15,
    acquireTime: EARLIER,
    renewTime: EARLIER,
    leaseTransitions: 4,
    ...more,
  });
const released = (resourceVersion: number) => heldBy('', resourceVersion, {leaseDurationSeconds: 1});

/** Takes a write: the answer is what was sent, with the next version. */
const stored =
  (resourceVersion: number): Answer =>
  (stream, request) =>
    json(lease(resourceVersion, (request.body as Lease).spec ?? {}))(stream, request);

/** Something that happens before the answer. */
const first =
  (happens: () => void, answer: Answer): Answer =>
  (stream, request) => {
    happens();
    answer(stream, request);
  };

const specOf = ({body}: Received) => (body as Lease).spec ?? {};

/** The Lease as the candidate itself has written it last. */
const asWritten =
  (api: ApiServer, resourceVersion: number): Answer =>
  (stream, request) => {
    const write = api.requests.findLast(each => each.method !== 'GET') as Received;
    json(lease(resourceVersion, specOf(write)))(stream, request);
  };

/** A candidate named me, and the test's hands on it. */
function candidate(t: ExecutionContext, api: ApiServer, timing = EAGER, identity = 'me') {
  const end = new AbortController();
  t.teardown(() => end.abort());
  const clock = new FakeClock();
  const problems: Error[] = [];
  const holders: string[] = [];
  const election = new LeaderElector({
    client: api.client(),
    namespace: 'leasepolicy-system',
    name: NAME,
    identity,
    timing,
    labels: {'app.kubernetes.io/managed-by': 'leasepolicy'},
    signal: end.signal,
    clock,
    onHolder: holder => holders.push(holder),
    onProblem: error => problems.push(error),
  });
  const terms = election.terms();
  return {
    election,
    clock,
    problems,
    holders,
    end: () => end.abort(),
    /** The next term; the one before must have ended. */
    lead: async (): Promise<Term> => {
      const {value} = await terms.next();
      if (!(value instanceof Term)) throw new Error('the election ended without a term');
      return value;
    },
    /** Ends the election as at shutdown. */
    stop: async () => {
      end.abort();
      t.true((await terms.next()).done);
    },
    terms,
  };
}

test('an absent Lease is created, held by us', async t => {
  const api = await ApiServer.start(t);
  api.expect(GET, refusal(404, 'NotFound'));
  const post = api.expect(POST, stored(1));
  const me = candidate(t, api, PATIENT);
  const term = await me.lead();
  t.deepEqual((await post.received).body, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {name: NAME, labels: {'app.kubernetes.io/managed-by': 'leasepolicy'}},
    spec: {
      holderIdentity: 'me',
      leaseDurationSeconds: 15,
      acquireTime: NOW,
      renewTime: NOW,
      leaseTransitions: 0,
    },
  });
  t.true(term.mayWrite);
  t.is(term.transitions, 0);
  t.is(me.election.holder, 'me');
  await me.stop();
  t.true(term.signal.aborted);
  t.false(term.mayWrite);
});

test('to be too late with the creation is not leadership: it is read at once whose the Lease is', async t => {
  const api = await ApiServer.start(t);
  api.expect(GET, refusal(404, 'NotFound'));
  const post = api.expect(POST, refusal(409, 'AlreadyExists'));
  const again = api.expect(GET, json(heldBy('other', 1)));
  const watch = api.expect(WATCH, watching());
  const me = candidate(t, api, PATIENT);
  const term = me.terms.next();
  await watch.received;
  t.true((await again.received).atMs - (await post.received).atMs < 4_000);
  t.deepEqual(me.problems, []);
  me.end();
  t.true((await term).done);
});

for (const [what, answer] of [
  ['a Lease that nobody holds', json(released(8))],
  ['no Lease', json({})],
] as const) {
  test(`a write that is answered by ${what} is no leadership: it is read again whose the Lease is`, async t => {
    const api = await ApiServer.start(t);
    api.expect(GET, json(released(7)));
    api.expect(PUT, answer);
    const again = api.expect(GET, asWritten(api, 9));
    api.expect(PUT, stored(10));
    const me = candidate(t, api);
    await me.lead();
    t.is(me.election.holder, 'me');
    await again.received;
    await me.stop();
  });
}

test('a Lease without a holder is taken at once, and the change of holder is counted', async t => {
  const api = await ApiServer.start(t);
  api.expect(GET, json(released(7)));
  const put = api.expect(PUT, stored(8));
  const me = candidate(t, api, PATIENT);
  const term = await me.lead();
  const request = await put.received;
  t.is((request.body as Lease).metadata.resourceVersion, '7');
  t.is((request.body as Lease).metadata.uid, 'uid-1');
  t.deepEqual((request.body as Lease).metadata.labels, {team: 'infra'});
  t.deepEqual(specOf(request), {
    holderIdentity: 'me',
    leaseDurationSeconds: 15,
    acquireTime: NOW,
    renewTime: NOW,
    leaseTransitions: 5,
  });
  t.is(term.transitions, 5);
  await me.stop();
});

test('what others keep in the spec is kept', async t => {
  const api = await ApiServer.start(t);
  api.expect(GET, json(heldBy('', 7, {strategy: 'OldestEmulationVersion', preferredHolder: 'x'})));
  const put = api.expect(PUT, stored(8));
  const me = candidate(t, api, PATIENT);
  await me.lead();
  t.like(specOf(await put.received), {strategy: 'OldestEmulationVersion', preferredHolder: 'x'});
  await me.stop();
});

test('to be too late with the update is not leadership: it is read at once whose the Lease is', async t => {
  const api = await ApiServer.start(t);
  api.expect(GET, json(released(7)));
  const put = api.expect(PUT, refusal(409, 'Conflict'));
  const again = api.expect(GET, json(heldBy('other', 8)));
  const watch = api.expect(WATCH, watching());
  const me = candidate(t, api, PATIENT);
  const term = me.terms.next();
  await watch.received;
  t.true((await again.received).atMs - (await put.received).atMs < 4_000);
  t.deepEqual(me.problems, []);
  me.end();
  t.true((await term).done);
  t.is(me.election.holder, 'other');
});

test('a standby that watches looks again when the duration of the record has passed, before its retry period', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api, PATIENT);
  const record = heldBy('other', 1, {leaseDurationSeconds: 1});
  const seen = api.expect(GET, json(record));
  const watch = api.expect(WATCH, watching());
  const again = api.expect(
    GET,
    first(() => me.clock.pass(1_000), json(record)),
  );
  api.expect(PUT, stored(2));
  await me.lead();
  const waited = (await again.received).atMs - (await seen.received).atMs;
  t.true(waited >= 995 && waited < 6_000, `it looked again after ${waited} ms`);
  await watch.closed();
  await me.stop();
});

test('a standby waits as long as another one renews, however long that is', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  const noWatch = () => api.expect(WATCH, refusal(403, 'Forbidden'));
  api.expect(GET, json(heldBy('other', 1)));
  noWatch();
  for (const version of [2, 3, 4]) {
    const renewed = heldBy('other', version, {renewTime: `2026-03-01T11:00:0${version}.000000Z`});
    api.expect(
      GET,
      first(() => me.clock.pass(14_999), json(renewed)),
    );
    noWatch();
  }
  const last = api.expect(GET, silence);
  const term = me.terms.next();
  await last.received;
  me.end();
  t.true((await term).done);
  t.deepEqual(me.holders, ['other']);
});

for (const [what, seconds] of [
  ['shorter than ours', 3],
  ['longer than ours', 40],
] as const) {
  test(`a holder that went away is followed after the duration of its record, ${what}`, async t => {
    const api = await ApiServer.start(t);
    const me = candidate(t, api);
    const record = json(heldBy('other', 1, {leaseDurationSeconds: seconds}));
    api.expect(GET, record);
    api.expect(WATCH, refusal(403, 'Forbidden'));
    api.expect(
      GET,
      first(() => me.clock.pass(seconds * 1000 - 1), record),
    );
    api.expect(WATCH, refusal(403, 'Forbidden'));
    api.expect(
      GET,
      first(() => me.clock.pass(1), record),
    );
    const put = api.expect(PUT, stored(2));
    api.expect(GET, silence);
    const term = await me.lead();
    t.like(specOf(await put.received), {holderIdentity: 'me', leaseDurationSeconds: 15, leaseTransitions: 5});
    t.is(term.transitions, 5);
    await api.idle();
    await me.stop();
  });
}

for (const [what, wall] of [
  ['an hour fast', '2026-03-01T13:00:00.000Z'],
  ['an hour slow', '2026-03-01T11:00:00.000Z'],
] as const) {
  test(`a wall clock that is ${what} makes nobody take over early or late`, async t => {
    const api = await ApiServer.start(t);
    const me = candidate(t, api);
    const record = json(heldBy('other', 1, {renewTime: NOW}));
    const setWall = () => me.clock.setWall(wall);
    api.expect(GET, first(setWall, record));
    api.expect(WATCH, refusal(403, 'Forbidden'));
    api.expect(
      GET,
      first(() => me.clock.pass(14_999), record),
    );
    api.expect(WATCH, refusal(403, 'Forbidden'));
    api.expect(
      GET,
      first(() => me.clock.pass(1), record),
    );
    const put = api.expect(PUT, stored(2));
    api.expect(GET, silence);
    await me.lead();
    t.is(specOf(await put.received).renewTime, `${wall.slice(0, 17)}15.000000Z`);
    await api.idle();
    await me.stop();
  });
}

test('a renewal that the watch shows counts from the moment in which it was seen', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  const renewed = heldBy('other', 2, {renewTime: NOW});
  api.expect(GET, json(heldBy('other', 1)));
  api.expect(`${WATCH}&resourceVersion=1`, (stream, request) => {
    me.clock.pass(14_000);
    watching({type: 'MODIFIED', object: renewed})(stream, request);
    stream.end();
  });
  api.expect(
    GET,
    first(() => me.clock.pass(14_999), json(renewed)),
  );
  api.expect(`${WATCH}&resourceVersion=2`, refusal(403, 'Forbidden'));
  api.expect(
    GET,
    first(() => me.clock.pass(1), json(renewed)),
  );
  api.expect(PUT, stored(3));
  api.expect(GET, silence);
  await me.lead();
  await api.idle();
  t.is(me.clock.monotonicMs(), 1_000 + 29_000);
  await me.stop();
});

test('a Lease that is released is taken at once by a standby that watches it', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api, PATIENT);
  api.expect(GET, json(heldBy('other', 1)));
  const watch = api.expect(`${WATCH}&resourceVersion=1`, watching());
  const term = me.lead();
  await watch.received;
  const startMs = performance.now();
  api.expect(GET, json(released(3)));
  api.expect(PUT, stored(4));
  watch.send({type: 'MODIFIED', object: heldBy('other', 2, {renewTime: NOW})});
  watch.send({type: 'MODIFIED', object: released(3)});
  t.is((await term).transitions, 5);
  t.true(performance.now() - startMs < 4_000);
  await watch.closed();
  t.deepEqual(me.holders, ['other', '', 'me']);
  await me.stop();
});

test('a held Lease that is deleted is made anew by a standby when its holder is gone for sure, with its counter', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  api.expect(GET, json(heldBy('other', 1)));
  const watch = api.expect(WATCH, watching());
  const term = me.lead();
  await watch.received;
  me.clock.pass(5_000);
  api.expect(GET, refusal(404, 'NotFound'));
  for (const ms of [9_999, 1]) {
    api.expect(
      GET,
      first(() => me.clock.pass(ms), refusal(404, 'NotFound')),
    );
  }
  const post = api.expect(POST, stored(4));
  watch.send({type: 'DELETED', object: heldBy('other', 3)});
  t.is((await term).transitions, 5);
  t.like(specOf(await post.received), {holderIdentity: 'me', acquireTime: '2026-03-01T12:00:15.000000Z'});
  await me.stop();
});

test('a holder whose duration is longer than any timer is waited for in peace', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api, PATIENT);
  const endless = {leaseDurationSeconds: 2 ** 31 - 1, renewTime: '9999-12-31T23:59:59.999999Z'};
  api.expect(GET, json(heldBy('other', 1, endless)));
  const watch = api.expect(WATCH, watching());
  const term = me.terms.next();
  await watch.received;
  // Every further request would fail the test.
  await new Promise(resolve => setTimeout(resolve, 200));
  me.end();
  t.true((await term).done);
});

test('a released Lease that is deleted is made anew at once', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api, PATIENT);
  api.expect(GET, json(heldBy('other', 1)));
  const watch = api.expect(WATCH, watching());
  const term = me.lead();
  await watch.received;
  api.expect(GET, refusal(404, 'NotFound'));
  api.expect(POST, stored(4));
  // Both in one go, so that the candidate has not looked in between.
  watch.send(
    {type: 'MODIFIED', object: heldBy('', 2, {leaseDurationSeconds: 1})},
    {type: 'DELETED', object: heldBy('', 3, {leaseDurationSeconds: 1})},
  );
  t.is((await term).transitions, 5);
  await me.stop();
});

test('a leader whose Lease is deleted makes it anew, and its term goes on', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  api.expect(GET, json(released(1)));
  const put = api.expect(PUT, stored(2));
  api.expect(GET, refusal(404, 'NotFound'));
  const post = api.expect(POST, stored(3));
  const last = api.expect(GET, silence);
  const term = await me.lead();
  await last.received;
  t.false(term.signal.aborted);
  t.deepEqual(specOf(await post.received), specOf(await put.received));
  await me.stop();
});

for (const [what, answers] of [
  [
    'can not be made anew',
    [
      [GET, refusal(404, 'NotFound')],
      [POST, refusal(403, 'Forbidden')],
    ],
  ],
  ['can not be read', [[GET, refusal(500, 'InternalError')]]],
] as [string, [string, Answer][]][]) {
  test(`a Lease that is deleted and ${what} is tried again after the retry period, not at once`, async t => {
    const api = await ApiServer.start(t);
    const me = candidate(t, api, {...EAGER, retryPeriodSeconds: 0.2});
    const deleted = {type: 'DELETED', object: heldBy('other', 2)};
    const short = heldBy('other', 1, {leaseDurationSeconds: 1});
    api.expect(GET, json(short));
    api.expect(
      WATCH,
      first(() => me.clock.pass(1_000), watching(deleted)),
    );
    const failed = answers.map(([line, answer]) => api.expect(line, answer)).at(-1);
    const again = api.expect(GET, silence);
    const term = me.terms.next();
    const waited = (await again.received).atMs - ((await failed?.received)?.atMs ?? 0);
    t.true(waited >= 199, `it looked again after ${waited} ms`);
    me.end();
    t.true((await term).done);
  });
}

for (const [how, answer] of [
  ['is refused', refusal(403, 'Forbidden')],
  ['is cut', cutAfter('{"type": "MOD')],
  ['sends no JSON', text('<html>\n')],
  ['is behind', watching({type: 'ERROR', object: {kind: 'Status', code: 410, reason: 'Expired'}})],
] as [string, Answer][]) {
  test(`a standby whose watch ${how} looks again after the retry period`, async t => {
    const api = await ApiServer.start(t);
    const me = candidate(t, api);
    api.expect(GET, json(heldBy('other', 1)));
    const watch = api.expect(WATCH, answer);
    const again = api.expect(GET, silence);
    const term = me.terms.next();
    const waited = (await again.received).atMs - (await watch.received).atMs;
    t.true(waited >= 19, `it looked again after ${waited} ms`);
    me.end();
    t.true((await term).done);
  });
}

for (const status of [403, 429, 500]) {
  test(`a candidate whose read is refused with ${status} tells that and tries again`, async t => {
    const api = await ApiServer.start(t);
    api.expect(GET, refusal(status, 'Refused'));
    api.expect(GET, json(released(1)));
    api.expect(PUT, stored(2));
    const last = api.expect(GET, silence);
    const me = candidate(t, api);
    await me.lead();
    t.is((me.problems[0] as ApiError).status, status);
    await last.received;
    await me.stop();
  });
}

test('a renewal moves renewTime alone', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  api.expect(GET, json(released(1)));
  const acquisition = api.expect(PUT, stored(2));
  api.expect(GET, (stream, request) => {
    me.clock.pass(2_000);
    json(lease(2, specOf(api.requests[1] as Received)))(stream, request);
  });
  const renewal = api.expect(PUT, stored(3));
  const last = api.expect(GET, silence);
  const term = await me.lead();
  await last.received;
  t.deepEqual(specOf(await renewal.received), {
    ...specOf(await acquisition.received),
    renewTime: '2026-03-01T12:00:02.000000Z',
  });
  t.is(term.transitions, 5);
  t.deepEqual(me.holders, ['', 'me']);
  await me.stop();
});

test('a Lease that bears our name and was written by another process is left to it, and told of while it moves', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  api.expect(GET, json(heldBy('me', 1)));
  api.expect(GET, json(heldBy('me', 1)));
  api.expect(GET, json(heldBy('me', 2, {renewTime: NOW})));
  // Nothing has moved since, for longer than its duration.
  const still = first(() => me.clock.pass(5_001), json(heldBy('me', 2, {renewTime: NOW})));
  for (const answer of [still, still, still]) api.expect(GET, answer);
  const put = api.expect(PUT, stored(3));
  const last = api.expect(GET, silence);
  const term = await me.lead();
  t.deepEqual(me.problems.map(String), [
    'DuplicateIdentityError: another process holds the Lease as me: give each candidate an identity of its own',
  ]);
  t.like(specOf(await put.received), {holderIdentity: 'me', leaseTransitions: 5});
  t.is(term.transitions, 5, 'the term of another process was another term');
  await last.received;
  await me.stop();
});

test('a leader that finds the record of another process under its own name ends its term', async t => {
  const api = await ApiServer.start(t);
  api.expect(GET, json(released(1)));
  api.expect(PUT, stored(2));
  api.expect(GET, json(heldBy('me', 3)));
  const last = api.expect(GET, silence);
  const me = candidate(t, api);
  const term = await me.lead();
  await new Promise(resolve => term.signal.addEventListener('abort', resolve));
  t.regex((term.signal.reason as Error).message, /another process holds the Lease as me/);
  const next = me.terms.next();
  await last.received;
  me.end();
  t.true((await next).done);
});

test('a record that the server has refused is not taken for our own when another process has written the like', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  api.expect(GET, json(released(1)));
  const refused = api.expect(PUT, refusal(409, 'Conflict'));
  const last = api.expect(GET, async (stream, request) =>
    json(lease(2, specOf(await refused.received)))(stream, request),
  );
  const again = api.expect(GET, silence);
  const term = me.terms.next();
  await last.received;
  await again.received;
  me.end();
  t.true((await term).done);
});

test('an acquisition whose answer was lost is found by the next read', async t => {
  const api = await ApiServer.start(t);
  api.expect(GET, json(released(1)));
  api.expect(PUT, cutAfter(''));
  api.expect(GET, (stream, request) => json(lease(2, specOf(api.requests[1] as Received)))(stream, request));
  const put = api.expect(PUT, stored(3));
  const last = api.expect(GET, silence);
  const me = candidate(t, api);
  const term = await me.lead();
  t.is(specOf(await put.received).leaseTransitions, 5);
  t.is(term.transitions, 5);
  await last.received;
  await me.stop();
});

test('the deadline counts from the beginning of an acquisition, not from its answer', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api, PATIENT);
  api.expect(
    GET,
    first(() => me.clock.pass(2_000), json(released(1))),
  );
  api.expect(
    PUT,
    first(() => me.clock.pass(1_500), stored(2)),
  );
  const term = await me.lead();
  t.is(term.leftMs, 6_500);
  me.clock.pass(6_499);
  t.true(term.mayWrite);
  me.clock.pass(1);
  t.false(term.mayWrite);
  await me.stop();
});

test('a term that is over before it began is told to nobody: the next renewal is its beginning', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  api.expect(GET, json(released(1)));
  api.expect(
    PUT,
    first(() => me.clock.pass(10_000), stored(2)),
  );
  api.expect(GET, asWritten(api, 2));
  const renewal = api.expect(PUT, stored(3));
  const last = api.expect(GET, silence);
  const term = await me.lead();
  await renewal.received;
  t.true(term.mayWrite);
  t.false(term.signal.aborted);
  t.is(term.transitions, 5);
  await last.received;
  await me.stop();
});

test('an election that ends while the Lease is acquired tells of no term, and the Lease is released', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  api.expect(GET, json(released(1)));
  api.expect(
    PUT,
    first(() => me.end(), stored(2)),
  );
  t.true((await me.terms.next()).done);
  const release = api.expect(PUT, stored(3));
  await me.election.release();
  t.like(specOf(await release.received), {holderIdentity: '', leaseTransitions: 5});
});

test('a renewal moves the deadline, counted from its beginning', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  api.expect(GET, json(released(1)));
  api.expect(PUT, stored(2));
  api.expect(
    GET,
    first(() => me.clock.pass(5_000), asWritten(api, 2)),
  );
  api.expect(
    PUT,
    first(() => me.clock.pass(4_000), stored(3)),
  );
  const last = api.expect(GET, silence);
  const term = await me.lead();
  await last.received;
  t.is(term.leftMs, 10_000 - 9_000);
  await me.stop();
});

test('a renewal that fails is tried again, and moves no deadline', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  const failed = first(() => me.clock.pass(2_000), refusal(500, 'InternalError'));
  api.expect(GET, json(released(1)));
  api.expect(PUT, stored(2));
  api.expect(GET, failed);
  api.expect(GET, asWritten(api, 2));
  api.expect(
    PUT,
    first(() => me.clock.pass(2_000), refusal(409, 'Conflict')),
  );
  const last = api.expect(GET, silence);
  const term = await me.lead();
  await last.received;
  t.is(term.leftMs, 6_000);
  t.false(term.signal.aborted);
  t.deepEqual(
    me.problems.map(each => (each as ApiError).status),
    [500, 409],
  );
  await me.stop();
});

test('an answer that never comes leaves time for another attempt before the deadline', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api, {leaseDurationSeconds: 15, renewDeadlineSeconds: 6, retryPeriodSeconds: 0.05});
  api.expect(GET, json(released(1)));
  api.expect(PUT, stored(2));
  const lost = api.expect(GET, silence);
  api.expect(GET, asWritten(api, 2));
  const renewal = api.expect(PUT, stored(3));
  const last = api.expect(GET, silence);
  const term = await me.lead();
  const waited = (await renewal.received).atMs - (await lost.received).atMs;
  t.true(waited > 2_500 && waited < 5_500, `${waited} ms`);
  t.true(term.mayWrite);
  await last.received;
  await me.stop();
});

test('a leader that can not renew ends its term at the renew deadline, and contends again', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api, {
    leaseDurationSeconds: 15,
    renewDeadlineSeconds: 2,
    retryPeriodSeconds: 1,
  });
  api.expect(GET, json(released(1)));
  api.expect(PUT, stored(2));
  api.expect(GET, refusal(500, 'InternalError'));
  const lost = api.expect(
    GET,
    first(() => me.clock.pass(2_000), silence),
  );
  const term = await me.lead();
  const over = new Promise(resolve => term.signal.addEventListener('abort', resolve));
  await lost.received;
  t.false(term.mayWrite, 'no write begins, whether the timer has fired or not');
  await over;
  t.regex(`${term.signal.reason}`, /not renewed within 2 seconds/);
  api.expect(GET, asWritten(api, 2));
  api.expect(PUT, stored(3));
  const second = await me.lead();
  t.not(second, term);
  t.true(second.mayWrite);
  await me.stop();
});

test('a leader that finds another holder ends its term at once, and leads again only when that one is gone', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  api.expect(GET, json(released(1)));
  api.expect(PUT, stored(2));
  const found = api.expect(GET, json(heldBy('other', 3, {leaseTransitions: 6})));
  const term = await me.lead();
  const over = new Promise(resolve => term.signal.addEventListener('abort', resolve));
  await found.received;
  await over;
  t.regex(`${term.signal.reason}`, /held by other/);
  t.false(term.mayWrite);
  api.expect(GET, json(heldBy('other', 3, {leaseTransitions: 6})));
  const watch = api.expect(WATCH, watching());
  const next = me.lead();
  await watch.received;
  api.expect(GET, json(heldBy('', 4, {leaseTransitions: 6})));
  api.expect(PUT, stored(5));
  const last = api.expect(GET, silence);
  watch.send({type: 'MODIFIED', object: heldBy('', 4, {leaseTransitions: 6})});
  t.is((await next).transitions, 7);
  await last.received;
  await me.stop();
});

test('a release leaves no holder, a duration of one second and the counter', async t => {
  const api = await ApiServer.start(t);
  api.expect(GET, json(released(1)));
  api.expect(PUT, stored(2));
  const me = candidate(t, api, PATIENT);
  await me.lead();
  await me.stop();
  me.clock.pass(1_234);
  const put = api.expect(PUT, stored(3));
  await me.election.release();
  const request = await put.received;
  t.is((request.body as Lease).metadata.resourceVersion, '2');
  t.deepEqual(specOf(request), {
    holderIdentity: '',
    leaseDurationSeconds: 1,
    acquireTime: '2026-03-01T12:00:01.234000Z',
    renewTime: '2026-03-01T12:00:01.234000Z',
    leaseTransitions: 5,
  });
  t.is(me.election.holder, '');
});

test('a release of what somebody else has taken since is refused and changes nothing', async t => {
  const api = await ApiServer.start(t);
  api.expect(GET, json(released(1)));
  api.expect(PUT, stored(2));
  const me = candidate(t, api, PATIENT);
  await me.lead();
  await me.stop();
  api.expect(PUT, refusal(409, 'Conflict'));
  api.expect(GET, json(heldBy('other', 3)));
  await me.election.release();
  t.is(me.election.holder, 'other');
});

test('a release is tried once more when somebody wrote and did not take the Lease', async t => {
  const api = await ApiServer.start(t);
  api.expect(GET, json(released(1)));
  api.expect(PUT, stored(2));
  const me = candidate(t, api, PATIENT);
  await me.lead();
  await me.stop();
  const conflict = api.expect(PUT, refusal(409, 'Conflict'));
  const held = api.requests.at(-1) as Received;
  api.expect(GET, json(lease(3, specOf(held))));
  const again = api.expect(PUT, refusal(409, 'Conflict'));
  await t.throwsAsync(me.election.release(), {instanceOf: ApiError});
  t.is(((await conflict.received).body as Lease).metadata.resourceVersion, '2');
  t.is(((await again.received).body as Lease).metadata.resourceVersion, '3');
});

test('a standby releases nothing', async t => {
  const api = await ApiServer.start(t);
  api.expect(GET, json(heldBy('other', 1)));
  const watch = api.expect(WATCH, watching());
  const me = candidate(t, api);
  const term = me.terms.next();
  await watch.received;
  me.end();
  t.true((await term).done);
  await me.election.release();
  t.is(api.requests.length, 2);
});

test('a term that its reader leaves is over', async t => {
  const api = await ApiServer.start(t);
  api.expect(GET, json(released(1)));
  api.expect(PUT, stored(2));
  const me = candidate(t, api, PATIENT);
  const term = await me.lead();
  await me.terms.return();
  t.true(term.signal.aborted);
});

test('an election that has ended before it began sends nothing', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  me.end();
  t.true((await me.terms.next()).done);
  t.deepEqual(api.requests, []);
});

const SIX_DIGITS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

test('every time that is written has six digits after the second', async t => {
  const api = await ApiServer.start(t);
  const me = candidate(t, api);
  api.expect(GET, refusal(404, 'NotFound'));
  api.expect(POST, stored(1));
  api.expect(
    GET,
    first(() => me.clock.pass(7), asWritten(api, 1)),
  );
  api.expect(PUT, stored(2));
  const last = api.expect(GET, silence);
  await me.lead();
  await last.received;
  await me.stop();
  api.expect(PUT, stored(3));
  await me.election.release();
  const writes = api.requests.filter(each => each.method !== 'GET').map(specOf);
  t.is(writes.length, 3);
  for (const {acquireTime, renewTime} of writes) {
    t.regex(acquireTime ?? '', SIX_DIGITS);
    t.regex(renewTime ?? '', SIX_DIGITS);
  }
});

for (const [lease, renew, retry, problem] of [
  [15, 10, 2, undefined],
  [60, 40, 5, undefined],
  [15, 2.41, 2, undefined],
  [15, 2.4, 2, /renew deadline \(2.4 s\) must be above 1.2 times the retry period \(2 s\)/],
  [15, 1, 2, /renew deadline/],
  [10, 10, 2, /lease duration \(10 s\) must be above the renew deadline \(10 s\)/],
  [9, 10, 2, /lease duration/],
  [15.5, 10, 2, /lease duration must be whole seconds/],
  [15, 10, 0, /retry period must be above 0/],
  [15, 10, -1, /retry period must be above 0/],
  [15, 10, Number.NaN, /retry period/],
  [15, Number.NaN, 2, /renew deadline/],
  [Number.NaN, 10, 2, /lease duration/],
  [Number.POSITIVE_INFINITY, 10, 2, /lease duration/],
] as const) {
  test(`durations ${lease}/${renew}/${retry} are ${problem ? 'refused' : 'good'}`, t => {
    const timing = {leaseDurationSeconds: lease, renewDeadlineSeconds: renew, retryPeriodSeconds: retry};
    if (problem) t.throws(() => checkTiming(timing), {instanceOf: UsageError, message: problem});
    else t.notThrows(() => checkTiming(timing));
  });
}
