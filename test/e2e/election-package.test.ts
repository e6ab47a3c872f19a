/** The election as other programs use it, at work on a real API server. */
import {once} from 'node:events';
import test from 'ava';
import {operatorCommand, Program} from '../../dev/programs.ts';
import {setStage} from '../support/stage.ts';

test('the example hands over from one process to the other, and tells its health', async t => {
  t.timeout(60_000);
  const stage = await setStage(t);
  await operatorCommand();
  const start = (name: string, port: number) => {
    const env = {KUBECONFIG: stage.cluster.kubeconfig, POD_NAME: name, PORT: `${port}`};
    const program = new Program(name, process.execPath, ['examples/election.ts'], env);
    t.teardown(() => program.stop('SIGKILL'));
    return program;
  };
  const [first, second] = [start('api-1', 0), start('api-2', 0)];
  const leads = (line: {message?: unknown}) => /^leading as/.test(`${line.message}`);
  const leader = await Promise.race(
    [first, second].map(each => each.line('leading', leads).then(() => each)),
  );
  const standby = leader === first ? second : first;
  await leader.line('work', line => line.message === 'working');
  await standby.line('the holder', line => /^holder: api-\d_/.test(`${line.message}`));
  t.false(standby.lines.some(leads));

  t.is(await leader.stop('SIGTERM'), 0);
  t.is(leader.lines.at(-1)?.message, 'released');
  const stoppedAtMs = Date.now();
  await standby.line('leading', leads);
  t.true(Date.now() - stoppedAtMs < 1_000, 'a released Lease is taken at once');
  const lease = await stage.lease('default', 'example');
  t.regex(lease?.spec?.holderIdentity ?? '', new RegExp(`^${standby.name}_[0-9a-f-]{36}$`));
  t.is(lease?.spec?.leaseTransitions, 1);
});

test('terms can be read once, and what can not work is refused with what to write instead', async t => {
  const {LeaderElection} = await import('../../src/election.ts');
  const server = 'http://127.0.0.1:1';
  const kubeConfig = {
    getCurrentCluster: () => ({name: 'none', server}),
    applyToHTTPSOptions: async () => {},
  };
  const lock = {kubeConfig, namespace: 'shop', name: 'api'};
  t.throws(() => new LeaderElection({...lock, name: ''}), {message: 'name is empty: a candidate needs one'});
  t.throws(() => new LeaderElection({...lock, identity: ''}), {message: /identity is empty/});
  t.throws(() => new LeaderElection({...lock, leaseDurationSeconds: 5}), {
    message: /above the renew deadline/,
  });
  const nowhere = {...kubeConfig, getCurrentCluster: () => null};
  t.throws(() => new LeaderElection({...lock, kubeConfig: nowhere}), {message: /no cluster to talk to/});

  const stop = new AbortController();
  const problems: string[] = [];
  const problem = new EventTarget();
  const election = new LeaderElection({
    ...lock,
    signal: stop.signal,
    onProblem: error => {
      problems.push(error.message);
      problem.dispatchEvent(new Event('told'));
    },
  });
  t.regex(election.identity, /_[0-9a-f-]{36}$/);
  const terms = election.terms();
  const next = terms.next();
  await once(problem, 'told');
  t.regex(problems[0] ?? '', /ECONNREFUSED/);
  t.deepEqual(election.health(), {healthy: true, message: 'led by nobody'});
  stop.abort();
  t.true((await next).done);
  await t.throwsAsync(election.terms().next(), {message: /was read before/});
});
