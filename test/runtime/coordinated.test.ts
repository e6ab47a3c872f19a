/** Coordinated election, request by request: who leads only when chosen, steps down, and does without a choice. */
import test, {type ExecutionContext} from 'ava';
import type {Lease, LeaseSpec} from '../../src/api/objects.ts';
import {Candidacy} from '../../src/runtime/candidacy.ts';
import {type ElectionTiming, LeaderElector, Term} from '../../src/runtime/elector.ts';
import {
  type Answer,
  ApiServer,
  type Exchange,
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

const CANDIDATES = '/apis/coordination.k8s.io/v1beta1/namespaces/leasepolicy-system/leasecandidates';
const CANDIDATE = {metadata: {name: 'me', uid: 'uid-2', resourceVersion: '1'}, spec: {}};

/** Retries soon, and not before an answer has come; what the Lease allows is up to the clock of the test. */
const EAGER: ElectionTiming = {leaseDurationSeconds: 15, renewDeadlineSeconds: 10, retryPeriodSeconds: 0.2};
const PATIENT: ElectionTiming = {...EAGER, retryPeriodSeconds: 8};

const EARLIER = '2026-03-01T11:00:00.000000Z';
const NOW = '2026-03-01T12:00:00.000000Z';
const STRATEGY = {strategy: 'OldestEmulationVersion'};

function lease(resourceVersion: number, spec: LeaseSpec): Lease {
  const metadata = {
    name: NAME,
    uid: 'uid-1',
    resourceVersion: `${resourceVersion}`,
    creationTimestamp: EARLIER,
  };
  return {metadata, spec};
}

const heldBy = (holderIdentity: string, resourceVersion: number, more: LeaseSpec = {}) =>
  lease(resourceVersion, {
    ...STRATEGY,
    holderIdentity,
    leaseDurationSeconds: 15,
    acquireTime: EARLIER,
    renewTime: EARLIER,
    leaseTransitions: 4,
    ...more,
  });
const released = (resourceVersion: number, more: LeaseSpec = {}) =>
  heldBy('', resourceVersion, {leaseDurationSeconds: 1, ...more});

/** As the API server's controller writes it: 5 seconds, no acquireTime, and the counter of the holder before. */
function assigned(resourceVersion: number, more: LeaseSpec = {}): Lease {
  const renewTime = NOW;
  const spec = {
    ...STRATEGY,
    holderIdentity: 'me',
    leaseDurationSeconds: 5,
    renewTime,
    leaseTransitions: 4,
    ...more,
  };
  return lease(resourceVersion, spec);
}

const stored =
  (resourceVersion: number): Answer =>
  (stream, request) =>
    json(lease(resourceVersion, specOf(request)))(stream, request);

/** Something that happens before the answer. */
const first =
  (happens: () => void, answer: Answer): Answer =>
  (stream, request) => {
    happens();
    answer(stream, request);
  };

const specOf = ({body}: Received) => (body as Lease).spec ?? {};

type Candidacies = {
  /** Answers the first look for our candidate. */
  list?: Answer;
};

/** A candidate named me whose requests about its LeaseCandidate have a server, and a script, of their own. */
async function candidate(
  t: ExecutionContext,
  api: ApiServer,
  timing = EAGER,
  {list = json({items: []})}: Candidacies = {},
) {
  const candidates = await ApiServer.start(t);
  const looked = candidates.expect(`GET ${CANDIDATES}`, list);
  const end = new AbortController();
  t.teardown(() => end.abort());
  const clock = new FakeClock();
  const problems: Error[] = [];
  const fallbacks: string[] = [];
  const shared = {
    namespace: 'leasepolicy-system',
    identity: 'me',
    onProblem: (error: Error) => problems.push(error),
  };
  const candidacy = new Candidacy({
    ...shared,
    client: candidates.client(),
    leaseName: NAME,
    version: '1.2.3',
    retryPeriodSeconds: 8,
  });
  const election = new LeaderElector({
    ...shared,
    client: api.client(),
    name: NAME,
    timing,
    signal: end.signal,
    clock,
    candidacy,
    onFallback: reason => fallbacks.push(reason),
  });
  const terms = election.terms();
  let followed: Exchange | undefined;
  /** The candidate, which stands by now, must be deleted next. */
  const withdraws = async () => {
    await followed?.received;
    return candidates.expect(`DELETE ${CANDIDATES}/me`, json({}));
  };
  return {
    election,
    clock,
    problems,
    fallbacks,
    looked,
    terms,
    /** The candidate is made and followed as soon as the election begins. */
    stands: () => {
      candidates.expect(`POST ${CANDIDATES}`, json(CANDIDATE));
      followed = candidates.expect(`GET ${CANDIDATES}?watch=1`, watching());
    },
    lead: async (): Promise<Term> => {
      const {value} = await terms.next();
      if (!(value instanceof Term)) throw new Error('the election ended without a term');
      return value;
    },
    withdraws,
    /** Ends the election as at shutdown, with the candidate's deletion. */
    stop: async (pending?: Promise<IteratorResult<Term, void>>) => {
      const deletion = await withdraws();
      end.abort();
      const {done} = await (pending ?? terms.next());
      t.true(done);
      await deletion.received;
    },
    /** The same, of an election that has become a classic one. */
    end: async () => {
      end.abort();
      t.true((await terms.next()).done);
    },
  };
}

const over = (term: Term) => new Promise(resolve => term.signal.addEventListener('abort', resolve));

test('a candidate stands only after it has seen whose the Lease is, takes no free one, and leads once it is chosen', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api);
  me.stands();
  const seen = api.expect(GET, json(released(7)));
  api.expect(`${WATCH}&resourceVersion=7`, watching());
  api.expect(GET, json(released(7)));
  api.expect(WATCH, watching());
  api.expect(GET, json(assigned(8)));
  const put = api.expect(PUT, stored(9));
  const last = api.expect(GET, silence);
  t.is((await me.lead()).transitions, 5, 'the API server leaves counting to the holder');
  t.true((await seen.received).atMs <= (await me.looked.received).atMs);
  t.deepEqual(specOf(await put.received), {
    ...STRATEGY,
    holderIdentity: 'me',
    leaseDurationSeconds: 15,
    acquireTime: NOW,
    renewTime: NOW,
    leaseTransitions: 5,
  });
  await last.received;
  await me.stop();
  t.deepEqual(me.fallbacks, []);
});

test('a Lease that is absent is not made, and led from 0 when the API server has made it for us', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api);
  me.stands();
  api.expect(GET, refusal(404, 'NotFound'));
  api.expect(GET, refusal(404, 'NotFound'));
  const {leaseTransitions, ...spec} = assigned(1).spec ?? {};
  t.is(leaseTransitions, 4);
  api.expect(GET, json(lease(1, spec)));
  api.expect(PUT, stored(2));
  const last = api.expect(GET, silence);
  t.is((await me.lead()).transitions, 0);
  await last.received;
  await me.stop();
});

test('a standby that watches leads as soon as it is chosen', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api, PATIENT);
  me.stands();
  api.expect(GET, json(heldBy('other', 1)));
  const watch = api.expect(WATCH, watching());
  const term = me.lead();
  await watch.received;
  const startMs = performance.now();
  api.expect(GET, json(released(2)));
  const next = api.expect(`${WATCH}&resourceVersion=2`, watching());
  watch.send({type: 'MODIFIED', object: released(2)});
  await next.received;
  api.expect(GET, json(assigned(3)));
  api.expect(PUT, stored(4));
  next.send({type: 'MODIFIED', object: assigned(3)});
  await term;
  t.true(performance.now() - startMs < 4_000);
  await me.stop();
});

test('an assignment is kept without a term until the holder before can lead no more', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api);
  me.stands();
  // A holder whose clock is behind seems dead to the API server, and lives.
  api.expect(GET, json(heldBy('other', 1)));
  const watch = api.expect(WATCH, watching());
  const term = me.lead();
  await watch.received;
  me.clock.pass(1_000);
  api.expect(GET, json(assigned(2)));
  const kept = api.expect(PUT, stored(3));
  const own = (version: number) => heldBy('me', version, {acquireTime: NOW, leaseTransitions: 5});
  api.expect(
    GET,
    first(() => me.clock.pass(13_999), json(own(3))),
  );
  const almost = api.expect(PUT, stored(4));
  api.expect(
    GET,
    first(() => me.clock.pass(1), json(own(4))),
  );
  const begun = api.expect(PUT, stored(5));
  const last = api.expect(GET, silence);
  watch.send({type: 'MODIFIED', object: assigned(2)});
  await kept.received;
  await almost.received;
  t.is((await term).transitions, 5);
  t.is(specOf(await begun.received).renewTime, '2026-03-01T12:00:15.000000Z');
  await last.received;
  await me.stop();
});

test('a holder that was killed is followed at once when its duration had passed under our eyes', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api);
  me.stands();
  api.expect(GET, json(heldBy('other', 1)));
  api.expect(
    WATCH,
    first(() => me.clock.pass(15_000), refusal(403, 'Forbidden')),
  );
  api.expect(GET, json(assigned(2)));
  api.expect(PUT, stored(3));
  const last = api.expect(GET, silence);
  await me.lead();
  await last.received;
  t.is(me.clock.monotonicMs(), 16_000);
  await me.stop();
});

test('an assignment that cannot be confirmed is no term, and is tried again', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api);
  me.stands();
  api.expect(GET, json(released(1)));
  api.expect(WATCH, refusal(403, 'Forbidden'));
  api.expect(GET, json(assigned(2)));
  api.expect(PUT, refusal(409, 'Conflict'));
  api.expect(GET, json(heldBy('other', 3)));
  api.expect(WATCH, refusal(403, 'Forbidden'));
  const last = api.expect(GET, silence);
  const term = me.terms.next();
  await last.received;
  t.deepEqual(me.problems, []);
  await me.stop(term);
});

test('a leader steps down when another one is preferred, and releases the Lease once its work has ended', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api);
  me.stands();
  api.expect(GET, json(assigned(1)));
  api.expect(PUT, stored(2));
  const found = api.expect(GET, json(heldBy('me', 3, {acquireTime: NOW, preferredHolder: 'other'})));
  const term = await me.lead();
  await Promise.all([found.received, over(term)]);
  t.is((term.signal.reason as Error).message, 'the API server prefers other');
  t.false(term.mayWrite);
  // Nothing is sent until the next term is asked for, which is when all work has ended.
  const release = api.expect(PUT, stored(4));
  api.expect(GET, json(released(4, {preferredHolder: 'other'})));
  const watch = api.expect(WATCH, watching());
  const next = me.terms.next();
  t.like(specOf(await release.received), {holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 4});
  await watch.received;
  await me.stop(next);
});

test('a leader whose Lease is gone steps down, and does not make it anew', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api);
  me.stands();
  api.expect(GET, json(assigned(1)));
  api.expect(PUT, stored(2));
  api.expect(GET, refusal(404, 'NotFound'));
  const term = await me.lead();
  await over(term);
  t.is((term.signal.reason as Error).message, 'the Lease is gone');
  const last = api.expect(GET, silence);
  const next = me.terms.next();
  await last.received;
  await me.stop(next);
});

test('a leader that is preferred itself, or by nobody, goes on', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api);
  me.stands();
  api.expect(GET, json(assigned(1, {preferredHolder: 'me'})));
  api.expect(PUT, stored(2));
  api.expect(GET, json(heldBy('me', 2, {preferredHolder: ''})));
  api.expect(PUT, stored(3));
  const last = api.expect(GET, silence);
  const term = await me.lead();
  await last.received;
  t.true(term.mayWrite);
  await me.stop();
});

test('a release at the end reads again when the API server has written meanwhile', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api, PATIENT);
  me.stands();
  api.expect(GET, json(assigned(1)));
  api.expect(PUT, stored(2));
  await me.lead();
  await me.stop();
  api.expect(PUT, refusal(409, 'Conflict'));
  api.expect(GET, json(heldBy('me', 3, {preferredHolder: 'other'})));
  const put = api.expect(PUT, stored(4));
  await me.election.release();
  t.is(((await put.received).body as Lease).metadata.resourceVersion, '3');
  t.is(me.election.holder, '');
});

test('where the server knows no candidates the Lease is taken in the classic way, and that is told once', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api, EAGER, {list: text('404 page not found\n', 404)});
  api.expect(GET, json(released(1)));
  api.expect(WATCH, refusal(403, 'Forbidden'));
  api.expect(GET, first(untilTold, json(released(1))));
  api.expect(PUT, stored(2));
  const last = api.expect(GET, silence);
  function untilTold() {
    t.deepEqual(me.fallbacks, ['the API server serves no LeaseCandidate in coordination.k8s.io/v1beta1']);
  }
  t.is((await me.lead()).transitions, 5);
  await last.received;
  t.is(me.fallbacks.length, 1);
  await me.end();
});

test('a Lease that nobody assigns is taken after 30 seconds under our eyes, and whom nobody chose still steps down', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api);
  me.stands();
  const noWatch = () => api.expect(WATCH, refusal(403, 'Forbidden'));
  api.expect(GET, json(released(1, {preferredHolder: 'other'})));
  noWatch();
  api.expect(
    GET,
    first(() => me.clock.pass(29_999), json(released(1, {preferredHolder: 'other'}))),
  );
  noWatch();
  api.expect(
    GET,
    first(() => me.clock.pass(1), json(released(1, {preferredHolder: 'other'}))),
  );
  const put = api.expect(PUT, stored(2));
  api.expect(GET, json(heldBy('me', 3, {leaseTransitions: 5, preferredHolder: 'other'})));
  const term = await me.lead();
  t.is(term.transitions, 5);
  t.false('preferredHolder' in specOf(await put.received));
  t.deepEqual(me.fallbacks, ['nobody has assigned the Lease for 30 seconds']);
  await over(term);
  t.is((term.signal.reason as Error).message, 'the API server prefers other');
  const release = api.expect(PUT, stored(4));
  const last = api.expect(GET, silence);
  const next = me.terms.next();
  await release.received;
  await last.received;
  await me.stop(next);
});

test('who takes what nobody assigns, and is beaten by the API server, does not lead', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api);
  me.stands();
  api.expect(GET, refusal(404, 'NotFound'));
  api.expect(
    GET,
    first(() => me.clock.pass(30_000), refusal(404, 'NotFound')),
  );
  api.expect(POST, refusal(409, 'AlreadyExists'));
  api.expect(GET, json(heldBy('other', 1)));
  const watch = api.expect(WATCH, watching());
  const term = me.terms.next();
  await watch.received;
  t.deepEqual(me.fallbacks, []);
  await me.stop(term);
});

test('a term that its reader leaves takes the candidate with it', async t => {
  const api = await ApiServer.start(t);
  const me = await candidate(t, api, PATIENT);
  me.stands();
  api.expect(GET, json(assigned(1)));
  api.expect(PUT, stored(2));
  const term = await me.lead();
  const deletion = await me.withdraws();
  await me.terms.return();
  await deletion.received;
  t.true(term.signal.aborted);
});
