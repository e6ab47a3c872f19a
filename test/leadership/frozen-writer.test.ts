/** A write of a process that is frozen is over when it is done, so that the audit log tells to which term it belongs. */
import path from 'node:path';
import test from 'ava';
import {Program, ROOT} from '../../dev/programs.ts';
import {auditEvents} from '../../dev/trust/audit.ts';
import {eventually} from '../support/eventually.ts';
import {namespace, setStage} from '../support/stage.ts';

/** A registry of half a megabyte, which the answer to each write of it holds. */
const names = Object.fromEntries(
  Array.from({length: 4_000}, (_, index) => [
    `payments-${index}`,
    {policy: 'payments', subject: `Deployment/workload-${index}`, serviceAccount: 'default'},
  ]),
);
const registry = {
  apiVersion: 'leasepolicy.dev/v1alpha1',
  kind: 'LeaseRegistry',
  metadata: {name: 'leases', namespace: 'shop'},
  spec: {names, subjects: {}, exempt: [], exemptUntil: {}, allowed: 'old'},
};

test('a write with a large answer is answered though its sender is frozen', async t => {
  t.timeout(60_000);
  const stage = await setStage(t, {auditPolicy: true});
  await stage.apply(namespace('shop'));
  await stage.kubectl(['create', '-f', '-'], {input: JSON.stringify(registry)});
  const writer = new Program(
    'frozen-writer',
    process.execPath,
    [path.join(ROOT, 'test/support/frozen-writer.ts')],
    {KUBECONFIG: stage.cluster.kubeconfig},
  );
  t.teardown(() => writer.stop('SIGKILL'));
  await writer.line('frozen', line => line.event === 'frozen');
  const answered = await eventually('the answer', async () =>
    (await auditEvents(stage.cluster.auditLog ?? '')).find(
      ({userAgent, verb}) => userAgent === 'frozen-writer' && verb === 'patch',
    ),
  );
  t.is(answered.responseStatus?.code, 200);
  t.true(writer.running);
  writer.resume();
  t.is(await writer.stop('SIGCONT'), 0);
});
