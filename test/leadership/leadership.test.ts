/** Leadership under what real clusters do to it: terms never interleave, and somebody leads in the end. */
import {setTimeout as delay} from 'node:timers/promises';
import {KubeConfig} from '@kubernetes/client-node';
import test, {type ExecutionContext} from 'ava';
import {leads} from '../../dev/programs.ts';
import {auditEvents, heldRecords} from '../../dev/trust/audit.ts';
import {miscounts} from '../../dev/trust/invariant.ts';
import {LeaderElection, type Term} from '../../src/election.ts';
import {eventually} from '../support/eventually.ts';
import {
  busyStage,
  FAST,
  hasWritten,
  judge,
  LEASE_AUDIT,
  leaderOf,
  OWN_LEASE,
  termsOf,
} from '../support/replicas.ts';
import {type Stage, setStage} from '../support/stage.ts';

const FAR = '9999-12-31T23:59:59.999999Z';

/** Also the reads, which tell whether somebody asks again and again. */
const ALL_OF_LEASES = new URL('../support/lease-reads-audit.yaml', import.meta.url).pathname;

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await delay(1);
}

/** Three candidates of one Lease in this process, each with a connection of its own. */
function threeCandidates(t: ExecutionContext, stage: Stage, lease: string) {
  const config = new KubeConfig();
  config.loadFromFile(stage.cluster.kubeconfig);
  return ['a', 'b', 'c'].map(name => {
    const stop = new AbortController();
    const terms: Term[] = [];
    const election = new LeaderElection({
      kubeConfig: config,
      namespace: 'default',
      name: lease,
      identity: `${name}-${lease}`,
      signal: stop.signal,
      onProblem: error => t.fail(error.message),
    });
    const ended = (async () => {
      for await (const term of election.terms()) {
        terms.push(term);
        await new Promise(resolve => term.signal.addEventListener('abort', resolve, {once: true}));
      }
    })();
    return {election, terms, stop: () => stop.abort(), ended};
  });
}

test('three candidates that start together have one leader, two hundred times', async t => {
  t.timeout(120_000);
  const stage = await setStage(t, {auditPolicy: LEASE_AUDIT});
  for (let round = 0; round < 200; round += 1) {
    const all = threeCandidates(t, stage, `round-${round}`);
    await until(() => all.every(({election}) => election.holder !== ''));
    const [holder, ...others] = new Set(all.map(({election}) => election.holder));
    t.deepEqual(others, []);
    await until(() => all.some(({terms}) => terms.length > 0));
    const leaders = all.filter(({terms}) => terms.length > 0).map(({election}) => election.identity);
    t.deepEqual(leaders, [holder ?? '']);
    // First the two, or one of them would take what the leader releases.
    for (const each of all) if (each.election.identity !== holder) each.stop();
    for (const each of all) each.stop();
    await Promise.all(all.map(({ended}) => ended));
  }
  const events = await auditEvents(stage.cluster.auditLog ?? '');
  for (let round = 0; round < 200; round += 1) {
    const records = heldRecords(events, 'default', `round-${round}`);
    t.is(records[0]?.transitions, 0);
    t.deepEqual(miscounts(records), []);
  }
});

const FREE: [what: string, spec: object | undefined, transitions: number][] = [
  ['no spec', undefined, 1],
  ['an empty spec', {}, 1],
  ['an empty holder', {holderIdentity: '', leaseDurationSeconds: 15}, 1],
  ['a holder and nothing else', {holderIdentity: 'x'}, 1],
  ['an empty strategy and preferred holder', {holderIdentity: '', preferredHolder: '', strategy: ''}, 1],
  [
    'a renewTime in the year 9999',
    {holderIdentity: 'x', leaseDurationSeconds: 1, renewTime: FAR, acquireTime: FAR},
    1,
  ],
  ['as many transitions as fit', {holderIdentity: '', leaseTransitions: 2 ** 31 - 1}, 2 ** 31 - 1],
];
test('a Lease with odd contents that nobody holds is taken, whatever stands in it', async t => {
  t.timeout(60_000);
  const stage = await setStage(t);
  const type = {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease'};
  for (const [index, [what, spec, transitions]] of FREE.entries()) {
    const name = `odd-${index}`;
    await stage.apply({...type, metadata: {namespace: 'default', name}, spec});
    const me = stage.nodeCandidate({namespace: 'default', lease: name, identity: 'me'});
    t.is((await me.line(`leadership with ${what}`, leads)).transitions, transitions, what);
    t.like(
      (await stage.lease('default', name))?.spec,
      {holderIdentity: 'me', leaseDurationSeconds: 15},
      what,
    );
    t.is(await me.stop('SIGTERM'), 0);
    t.like((await stage.lease('default', name))?.spec, {holderIdentity: '', leaseDurationSeconds: 1}, what);
  }
});

test('a holder with a duration of 68 years is waited for without a request in between', async t => {
  t.timeout(60_000);
  const stage = await setStage(t, {auditPolicy: ALL_OF_LEASES});
  const spec = {holderIdentity: 'x', leaseDurationSeconds: 2 ** 31 - 1, renewTime: FAR, acquireTime: FAR};
  const metadata = {namespace: 'default', name: 'long'};
  await stage.apply({apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec});
  const me = stage.nodeCandidate({namespace: 'default', lease: 'long', identity: 'me'});
  await me.line('the holder', line => line.holder === 'x');
  const startMs = Date.now();
  await eventually('two retry periods', async () => Date.now() - startMs > 4_000);
  t.false(me.lines.some(leads));
  const events = await auditEvents(stage.cluster.auditLog ?? '');
  const asked = events.filter(each => each.objectRef?.name === 'long' && each.verb === 'get');
  t.is(asked.filter(each => each.userAgent?.startsWith('leasepolicy-election')).length, 1);
  // Its holder lets go after all.
  await stage.kubectl(['patch', 'lease', 'long', '--type=merge', '-p', '{"spec":{"holderIdentity":""}}']);
  t.is((await me.line('leadership', leads)).transitions, 1);
});

test('three replicas that start together have one leader, and its work goes on with the next', async t => {
  t.timeout(120_000);
  const stage = await busyStage(t);
  const replicas = await Promise.all([1, 2, 3].map(() => stage.operator(...FAST)));
  const first = await leaderOf(replicas);
  await hasWritten(stage, first.name, 10);
  for (const each of replicas) await each.line('the leader', line => line.holder === first.name);
  t.is(replicas.filter(each => termsOf(each) > 0).length, 1);
  await first.stop('SIGTERM');
  const second = await leaderOf(replicas.filter(each => each !== first));
  await hasWritten(stage, second.name, 10);
  t.deepEqual((await judge(t, stage)).leaders, [first.name, second.name]);
});

test('a leader that is stopped for three durations and continued writes nothing more under its term', async t => {
  t.timeout(120_000);
  const stage = await busyStage(t);
  const replicas = [await stage.operator(...FAST), await stage.operator(...FAST)];
  const first = await leaderOf(replicas);
  await hasWritten(stage, first.name, 10);
  process.kill(first.pid, 'SIGSTOP');
  const second = await leaderOf(
    replicas.filter(each => each !== first),
    {withinMs: 10_000},
  );
  await hasWritten(stage, second.name, 10);
  const stoppedAtMs = Date.now();
  await eventually('three durations', async () => Date.now() - stoppedAtMs > 3 * 4_000);
  process.kill(first.pid, 'SIGCONT');
  await first.line('the end of its term', line => line.message === 'no longer leading');
  await hasWritten(stage, second.name, 100);
  t.is(termsOf(first), 1, 'it is a standby now');
  t.true(first.running);
  t.deepEqual((await judge(t, stage)).leaders, [first.name, second.name]);
});

test('of two replicas with one identity one leads, and the other one says what is wrong', async t => {
  t.timeout(120_000);
  const stage = await busyStage(t);
  const same = [...FAST, '--identity', 'same'];
  const replicas = [await stage.operator(...same), await stage.operator(...same)];
  const first = await leaderOf(replicas);
  const second = replicas.find(each => each !== first);
  await second?.line('the warning', line =>
    /another process holds the Lease as same/.test(`${line.message}`),
  );
  await hasWritten(stage, 'same', 50);
  t.is(replicas.filter(each => termsOf(each) > 0).length, 1);
  await first.stop('SIGTERM');
  await eventually('the other one leads', async () => second && termsOf(second) > 0);
  t.is((await stage.lease(OWN_LEASE.namespace, OWN_LEASE.name))?.spec?.leaseTransitions, 1);
  t.deepEqual((await judge(t, stage)).leaders, ['same', 'same']);
});

test('the Lease deleted under the leader: it makes it anew, with its counter, and nobody else leads', async t => {
  t.timeout(120_000);
  const stage = await busyStage(t);
  const replicas = [await stage.operator(...FAST), await stage.operator(...FAST)];
  const first = await leaderOf(replicas);
  await first.stop('SIGTERM');
  const leader = await leaderOf(replicas.filter(each => each !== first));
  const standby = await stage.operator(...FAST);
  await standby.line('the leader', line => line.holder === leader.name);
  for (let round = 0; round < 3; round += 1) {
    const {metadata} = (await stage.lease(OWN_LEASE.namespace, OWN_LEASE.name)) ?? {};
    await stage.kubectl(['delete', 'lease', OWN_LEASE.name, '-n', OWN_LEASE.namespace]);
    const anew = await eventually('the Lease', () => stage.lease(OWN_LEASE.namespace, OWN_LEASE.name));
    t.not(anew.metadata.uid, metadata?.uid);
    t.like(anew.spec, {holderIdentity: leader.name, leaseTransitions: 1});
  }
  t.is(termsOf(leader), 1, 'its term goes on');
  t.is(termsOf(standby), 0);
  await leader.stop('SIGTERM');
  await hasWritten(stage, (await leaderOf([standby])).name);
  t.deepEqual((await judge(t, stage)).leaders, [first.name, leader.name, standby.name]);
});
