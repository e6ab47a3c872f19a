/** Texts that a stranger writes into Leases: what the operator tells of them stays whole, short and on its line. */
import test from 'ava';
import {eventually} from '../support/eventually.ts';
import {HOSTILE, UNSEEN} from '../support/hostile.ts';
import {deployment, namespace, policy, type Stage, setStage, startLeader} from '../support/stage.ts';

/** Three of them are more than the API server takes as one object. */
const HUGE = 'x'.repeat(700_000);
const HOLDERS = [...HOSTILE, HUGE, HUGE, HUGE];

const payments = policy('payments', {
  naming: {prefix: 'pay', template: '{prefix}-{name}'},
  lease: {durationSeconds: 1},
  garbageCollection: {ttlSeconds: 1, maxPercent: 100},
});

const record = (holderIdentity: string, leaseDurationSeconds: number) => {
  const time = new Date().toISOString().replace('Z', '000Z');
  return {holderIdentity, leaseDurationSeconds, acquireTime: time, renewTime: time, leaseTransitions: 1};
};

/** By its input, as no argument may be so long. */
async function hold({kubectl}: Stage, name: string, spec: object): Promise<void> {
  const lease = JSON.parse(await kubectl(['get', 'lease', name, '-n', 'shop', '-o', 'json']));
  await kubectl(['replace', '-f', '-'], {input: JSON.stringify({...lease, spec})});
}

test('holders that forge lines, steer terminals or fill megabytes are told on one short line, everywhere', async t => {
  t.timeout(180_000);
  const stage = await setStage(t);
  const names = HOLDERS.map((_, index) => `w${index}`);
  await stage.apply(namespace('shop'), payments, ...names.map(name => deployment('shop', name)));
  const operator = await startLeader(stage, '--log-level=debug');
  await eventually('the Leases', async () => (await stage.leases('shop')).length === names.length);
  for (const [index, name] of names.entries())
    await hold(stage, `pay-${name}`, record(HOLDERS[index] ?? '', 3600));
  await stage.kubectl(['delete', 'deployments', '--all', '-n', 'shop']);

  const findings = await eventually('a finding of each', async () => {
    const {findings = []} = (await stage.status('payments')) ?? {};
    return findings.length === HOLDERS.length && findings;
  });
  for (const {reason, message} of findings) {
    t.is(reason, 'OrphanedLease');
    t.notRegex(message, UNSEEN);
    t.regex(message, /; it is kept while .* renews it$/, 'the sentence has its end');
    t.true(message.length < 400);
  }
  await eventually('an Event of each', async () => {
    const events = await stage.kubectl(['get', 'events', '-n', 'shop', '-o', 'json']);
    const {items} = JSON.parse(events) as {items: {reason: string; message: string}[]};
    const ours = items.filter(each => each.reason === 'OrphanedLease');
    for (const {message} of ours) t.notRegex(message, UNSEEN);
    return ours.length >= HOLDERS.length;
  });

  for (const args of [
    ['get', 'leasepolicies', '-o', 'wide'],
    ['get', 'leasepolicies', '-o', 'yaml'],
    ['describe', 'leasepolicy', 'payments'],
    ['get', 'events', '-n', 'shop'],
  ]) {
    const lines = (await stage.kubectl(args)).split('\n');
    t.deepEqual(
      lines.filter(line => UNSEEN.test(line) || /^\s*(forged|\{"level"|\d\d:\d\d:\d\d)/.test(line)),
      [],
      args.join(' '),
    );
  }
  t.deepEqual(
    operator.lines.filter(({level, timestamp}) => level === undefined || timestamp === undefined),
    [],
    'every line of the log is one event',
  );
});

test('a subject that somebody has made up holds up no collection', async t => {
  t.timeout(120_000);
  const stage = await setStage(t);
  const subjects = [
    'Deployment/w0?watch=1',
    'Deployment/..',
    'Deployment/w0#',
    `Deployment/${'x'.repeat(200_000)}`,
  ];
  const names = [...subjects.map((_, index) => `w${index}`), 'last'];
  await stage.apply(namespace('shop'), payments, ...names.map(name => deployment('shop', name)));
  const operator = await startLeader(stage);
  await eventually('the Leases', async () => (await stage.leases('shop')).length === names.length);
  for (const name of names) await hold(stage, `pay-${name}`, record('', 1));
  await operator.stop();

  await stage.kubectl(['delete', 'deployments', '--all', '-n', 'shop']);
  for (const [index, subject] of subjects.entries()) {
    const name = `pay-w${index}`;
    const lease = JSON.parse(await stage.kubectl(['get', 'lease', name, '-n', 'shop', '-o', 'json']));
    // They come before the others, which are marked only now.
    const since = record('', 1).renewTime;
    Object.assign(lease.metadata.annotations, {
      'leasepolicy.dev/subject': subject,
      'leasepolicy.dev/orphaned-since': since,
    });
    await stage.kubectl(['replace', '-f', '-'], {input: JSON.stringify(lease)});
  }
  await startLeader(stage);
  const left = ['pay-w0', 'pay-w1', 'pay-w2', 'pay-w3'];
  await eventually(
    'only those stay that name nothing that can be',
    async () => `${(await stage.leases('shop')).map(each => each.metadata.name)}` === `${left}`,
  );
  const findings = await eventually('a finding of each', async () => {
    const {findings = []} = (await stage.status('payments')) ?? {};
    return `${findings.map(each => each.object)}` === `${left.map(name => `Lease/shop/${name}`)}` && findings;
  });
  for (const {message} of findings)
    t.regex(message, /that is no workload of a kind of the policy, so nobody can tell and it stays$/);
});
