/** Faults of the control plane and of the operator itself: nothing is lost, and nothing is done twice. */
import test from 'ava';
import {leading} from '../../dev/programs.ts';
import type {Lease} from '../../src/api/objects.ts';
import {type AuditEvent, writesOf} from '../support/audit-log.ts';
import {eventually} from '../support/eventually.ts';
import {deployment, namespace, policy, type Stage, setStage, startLeader} from '../support/stage.ts';

const payments = policy('payments', {naming: {prefix: 'payments'}});
const FAST = [
  '--lease-duration-seconds',
  '4',
  '--renew-deadline-seconds',
  '3',
  '--retry-period-seconds',
  '0.5',
];

const isOwnLease = (event: AuditEvent) => event.objectRef?.name?.startsWith('leasepolicy-') === true;

/** What the operator leaves behind, without what differs from one run to the other. */
async function result(stage: Stage): Promise<unknown> {
  const leases = (await stage.leases('shop')).map(({metadata: {name, labels, annotations}, spec}: Lease) => ({
    name,
    labels,
    annotations,
    spec,
  }));
  const status = await stage.status('payments');
  return {
    leases,
    registry: await stage.registry('shop'),
    leasesInStatus: status?.leases,
    subjects: status?.subjects,
    violations: status?.violations,
    conditions: status?.conditions.map(({type, status: value, reason, message}) => ({
      type,
      value,
      reason,
      message,
    })),
  };
}

const ready = async (stage: Stage, subjects: number) => {
  const status = await stage.status('payments');
  return (
    status?.subjects === subjects &&
    status.leases.total === subjects &&
    status.conditions.find(each => each.type === 'Ready')?.status === 'True'
  );
};

test('a second look at an unchanged world writes nothing', async t => {
  const stage = await setStage(t, {auditPolicy: true});
  const names = Array.from({length: 20}, (_, index) => `app-${index}`);
  await stage.apply(namespace('shop'), ...names.map(name => deployment('shop', name)));
  await stage.apply({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {name: 'odd', namespace: 'shop'},
  });
  await stage.apply(payments);
  const first = await startLeader(stage, ...FAST);
  await eventually('all is said in status', async () => {
    const status = await stage.status('payments');
    const isEnforced = status?.conditions.some(each => each.type === 'Enforced' && each.status === 'True');
    return isEnforced && status?.violations === 1 && (await ready(stage, 20));
  });
  await eventually('the Event of the finding', async () =>
    (await writesOf(stage, 'create')).some(each => each.objectRef?.resource === 'events'),
  );
  await first.stop();
  const before = (await writesOf(stage)).length;
  t.true(before > 20);

  const second = await startLeader(stage, ...FAST);
  const metrics = second.lines.find(line => line.message === 'started');
  const url = `http://127.0.0.1:${metrics?.httpPort}/metrics`;
  await eventually('every key looked at', async () => {
    const text = await (await fetch(url)).text();
    const looks = (controller: string) =>
      Number(new RegExp(`reconcile_seconds_count\\{controller="${controller}"\\} (\\d+)`).exec(text)?.[1]);
    const all = looks('workload') >= 20 && looks('policy') >= 1 && looks('admission') >= 1;
    return all && /leasepolicy_queue_length 0/.test(text);
  });
  const after = (await writesOf(stage)).slice(before).filter(each => !isOwnLease(each));
  t.deepEqual(
    after.filter(each => each.objectRef?.resource !== 'events').map(each => [each.verb, each.objectRef]),
    [],
  );
  // The Event of a finding that still stands since before is not made again.
  t.is(after.length, 0);
});

test('the operator is killed in the middle of 500 creations: the next one makes each missing Lease once', async t => {
  const stage = await setStage(t, {auditPolicy: true});
  const names = Array.from({length: 500}, (_, index) => `app-${index}`);
  await stage.apply(namespace('shop'), ...names.map(name => deployment('shop', name)));
  const undisturbed = await setStage(t);
  await undisturbed.apply(namespace('shop'), ...names.map(name => deployment('shop', name)));
  await undisturbed.apply(payments);
  await startLeader(undisturbed, ...FAST);

  const first = await startLeader(stage, '--workers', '1', ...FAST);
  await stage.apply(payments);
  const count = await eventually('some Leases', async () => {
    const found = (await stage.leases('shop')).length;
    return found > 20 && found;
  });
  await first.stop('SIGKILL');
  t.true(count < 500, `${count} Leases were there before the kill`);
  t.true((await stage.leases('shop')).length < 500, 'it was killed in the middle');

  await startLeader(stage, ...FAST);
  await eventually('500 Leases', () => ready(stage, 500), 60_000);
  await eventually('500 Leases without a fault', () => ready(undisturbed, 500), 60_000);
  // The API server logs a request after it has answered it.
  const created = await eventually('500 creations in the audit log', async () => {
    const found = (await writesOf(stage, 'create')).filter(
      each => each.objectRef?.resource === 'leases' && each.responseStatus?.code === 201 && !isOwnLease(each),
    );
    return found.length >= 500 && found;
  });
  t.is(created.length, 500, 'each Lease was created once');
  t.deepEqual(await result(stage), await result(undisturbed));
});

test('the API server is killed: the operator goes on when it is back, with the same result', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), deployment('shop', 'api'));
  await stage.apply(payments);
  const operator = await startLeader(stage, ...FAST);
  await eventually('the Lease', () => ready(stage, 1));

  await stage.cluster.kill('kube-apiserver', 'SIGKILL');
  await operator.line('lost leadership', line => line.message === 'no longer leading');
  await stage.cluster.restart();
  await stage.apply(deployment('shop', 'worker'));
  await stage.kubectl(['delete', 'leases.coordination.k8s.io', 'payments-14c2529eb4', '-n', 'shop']);
  await eventually('both Leases', () => ready(stage, 2), 60_000);
  t.true(operator.running);
  t.true(operator.lines.filter(leading).length >= 2, 'it contends again and does not exit');
});

test('etcd is compacted while the operator is frozen: it lists anew and misses no deletion', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), deployment('shop', 'api'), deployment('shop', 'worker'));
  await stage.apply(payments);
  const operator = await startLeader(stage);
  await eventually('both Leases', () => ready(stage, 2));

  process.kill(operator.pid, 'SIGSTOP');
  await stage.cluster.kill('kube-apiserver', 'SIGKILL');
  await stage.cluster.restart();
  await stage.kubectl(['delete', 'deployment', 'worker', '-n', 'shop']);
  await stage.apply(deployment('shop', 'late'));
  await stage.compact();
  process.kill(operator.pid, 'SIGCONT');

  const status = await eventually(
    'what happened meanwhile',
    async () => {
      const seen = await stage.status('payments');
      return seen?.subjects === 2 && seen.leases.orphaned === 1 && seen.leases.total === 3 && seen;
    },
    60_000,
  );
  t.is(
    status.findings.find(each => each.reason === 'OrphanedLease')?.object,
    'Lease/shop/payments-87eba76e7f',
  );
  const port = operator.lines.find(line => line.message === 'started')?.httpPort;
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  t.regex(metrics, /leasepolicy_lists_total\{resource="deployments"\} [2-9]/, 'it listed again');
});

test('SIGTERM hands over in under 500 ms, SIGKILL within the Lease and a retry', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), deployment('shop', 'api'), payments);
  const first = await startLeader(stage);
  const second = await stage.operator();
  await second.line('standby', line => line.message === 'leader seen');
  const third = await stage.operator();
  await third.line('standby', line => line.message === 'leader seen');

  const at = (line: {timestamp?: unknown}) => Date.parse(String(line.timestamp));
  const stoppedAt = Date.now();
  await first.stop('SIGTERM');
  const next = await Promise.race(
    [second, third].map(each => each.line('leading', leading).then(line => ({each, line}))),
  );
  const handOverMs = at(next.line) - stoppedAt;
  t.true(handOverMs < 500, `${handOverMs} ms`);
  t.log(`SIGTERM: ${handOverMs} ms`);

  const other = next.each === second ? third : second;
  const killedAt = Date.now();
  await next.each.stop('SIGKILL');
  const takeOverMs = at(await other.line('leading', leading)) - killedAt;
  t.true(takeOverMs <= (15 + 2) * 1000 + 500, `${takeOverMs} ms`);
  t.log(`SIGKILL: ${takeOverMs} ms`);
  const own = await stage.lease('leasepolicy-system', 'leasepolicy-d704b00044');
  t.is(own?.spec?.leaseTransitions, 2);
  await stage.apply(deployment('shop', 'worker'));
  await eventually('work by the new leader', () => stage.lease('shop', 'payments-87eba76e7f'));
});
