/** The main job on a real control plane: names, adoption, findings and bad input. */
import {execFileSync} from 'node:child_process';
import test from 'ava';
import {eventually} from '../support/eventually.ts';
import {deployment, namespace, policy, setStage, startLeader, workload} from '../support/stage.ts';

const shell = (command: string) => execFileSync('sh', ['-c', command], {encoding: 'utf8'}).trim();

test('each selected workload gets the Lease that a shell computes from its name', async t => {
  const stage = await setStage(t);
  await stage.apply(
    namespace('shop'),
    namespace('locks'),
    deployment('shop', 'api'),
    deployment('shop', 'worker'),
  );
  await stage.apply(workload('StatefulSet', 'shop', 'db'), workload('DaemonSet', 'shop', 'agent'));
  const kinds = ['Deployment', 'StatefulSet', 'DaemonSet'].map(kind => ({apiVersion: 'apps/v1', kind}));
  await stage.apply(
    policy('payments', {naming: {prefix: 'payments'}}),
    policy('every', {
      subjects: {workloads: {kinds}},
      naming: {prefix: 'every', hash: {of: ['kind', 'namespace', 'name'], encoding: 'Base32', length: 12}},
      lease: {namespace: 'locks'},
    }),
  );
  await startLeader(stage);

  const hex = (text: string) => shell(`printf %s ${text} | sha256sum | cut -c1-10`);
  const base32 = (text: string) =>
    shell(
      `printf %s ${text} | sha256sum | cut -d' ' -f1 | tr a-f A-F | basenc --base16 -d | base32 | tr A-Z a-z | cut -c1-12`,
    );
  const wanted = {
    shop: [`payments-${hex('api')}`, `payments-${hex('worker')}`],
    locks: [
      'Deployment/shop/api',
      'Deployment/shop/worker',
      'StatefulSet/shop/db',
      'DaemonSet/shop/agent',
    ].map(each => `every-${base32(each)}`),
  };
  for (const [where, names] of Object.entries(wanted)) {
    const found = await eventually(`Leases in ${where}`, async () => {
      const leases = await stage.leases(where);
      return leases.length === names.length && leases;
    });
    t.deepEqual(found.map(lease => lease.metadata.name).sort(), names.sort());
    for (const lease of found) {
      t.is(lease.metadata.ownerReferences, undefined, 'an owner reference would delete a held Lease');
      t.is(lease.spec?.leaseDurationSeconds, 15);
      t.is(lease.spec?.holderIdentity, undefined);
    }
  }
  const registry = await eventually('the registry', async () => {
    const spec = await stage.registry('shop');
    return spec && Object.keys(spec.subjects).length === 4 && spec;
  });
  t.deepEqual(registry.names[`payments-${hex('api')}`], {
    policy: 'payments',
    subject: 'Deployment/api',
    serviceAccount: 'default',
  });
  t.is(registry.subjects['Deployment/api']?.payments, `payments-${hex('api')}`);
  t.is(registry.subjects['StatefulSet/db']?.every, `locks/every-${base32('StatefulSet/shop/db')}`);
});

test('a Lease that already has the right name is adopted without a write to its spec, also while it is held', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), deployment('shop', 'api'));
  const candidate = await stage.candidate({
    namespace: 'shop',
    lease: 'payments-14c2529eb4',
    identity: 'api-0',
  });
  await candidate.line('leading', line => line.event === 'leading');
  await stage.apply(policy('payments', {naming: {prefix: 'payments'}, lease: {labels: {team: 'a'}}}));
  await startLeader(stage);

  const adopted = await eventually('adoption', async () => {
    const lease = await stage.lease('shop', 'payments-14c2529eb4');
    return lease?.metadata.labels?.['leasepolicy.dev/origin'] === 'adopted' && lease;
  });
  t.is(adopted.metadata.labels?.team, 'a');
  t.is(adopted.metadata.annotations?.['leasepolicy.dev/subject'], 'Deployment/api');
  t.is(adopted.spec?.holderIdentity, 'api-0');
  const ours = JSON.parse(
    await stage.kubectl([
      'get',
      'leases.coordination.k8s.io',
      'payments-14c2529eb4',
      '-n',
      'shop',
      '-o',
      'json',
      '--show-managed-fields',
    ]),
  ).metadata.managedFields.filter((each: {manager: string}) => each.manager === 'leasepolicy');
  t.is(ours.length, 1);
  t.is(ours[0].operation, 'Apply');
  t.false('f:spec' in ours[0].fieldsV1);
  await eventually('the state held', async () => (await stage.status('payments'))?.leases.held === 1);
});

test('what is wrong is a finding, an Event and a count, and it goes when it is mended', async t => {
  const stage = await setStage(t);
  const long = 'a'.repeat(200);
  await stage.apply(
    namespace('shop'),
    deployment('shop', 'api'),
    deployment('shop', 'second'),
    deployment('shop', long),
  );
  await stage.apply({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {name: 'my-lock', namespace: 'shop'},
    spec: {leaseDurationSeconds: 15},
  });
  await stage.apply(
    policy('payments', {
      naming: {prefix: 'payments'},
      subjects: {workloads: {selector: {matchLabels: {app: 'api'}}}},
    }),
    policy('long', {naming: {prefix: 'x'.repeat(60), template: '{prefix}-{name}'}}),
    policy('same', {naming: {prefix: 'payments', template: 'payments-14c2529eb4{label:empty}-{hash}'}}),
  );
  await startLeader(stage);

  const findings = await eventually('findings', async () => {
    const status = await stage.status('long');
    const ready = status?.conditions.find(each => each.type === 'Ready')?.reason;
    return status?.findings.length === 2 && ready === 'SubjectsWithoutLease' && status;
  });
  const [misnamed, tooLong] = findings.findings.toSorted((a, b) => (a.reason < b.reason ? -1 : 1));
  t.is(misnamed?.reason, 'MisnamedLease');
  t.regex(
    misnamed?.message ?? '',
    /no policy allows Lease my-lock in namespace shop; allowed here: payments-14c2529eb4, x+-api/,
  );
  t.is(tooLong?.reason, 'NameTooLong');
  t.regex(tooLong?.message ?? '', /would have 261 characters and 253 are allowed/);
  t.is(findings.violations, 2);
  t.is((await stage.status('same'))?.findings.filter(each => each.reason === 'InvalidName').length, 3);
  await eventually('an Event on the workload', async () =>
    (await stage.kubectl(['get', 'events', '-n', 'shop', '--field-selector', 'reason=NameTooLong'])).includes(
      `deployment/${long}`,
    ),
  );
  t.regex(
    await stage.kubectl(['get', 'leasepolicies', 'long']),
    /long +Deployment +x+ +Audit +3 +2 +2 +0 +False/,
  );

  await stage.kubectl(['delete', 'leases.coordination.k8s.io', 'my-lock', '-n', 'shop']);
  await stage.kubectl(['delete', 'deployment', long, '-n', 'shop']);
  await eventually('no finding', async () => (await stage.status('long'))?.violations === 0);
});

test('of two workloads with one name the older keeps it, and the other one gets it when the older is gone', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), workload('StatefulSet', 'shop', 'api'));
  // Creation times have whole seconds: the second workload must be younger by one.
  const createdMs = Date.parse(
    await stage.kubectl(['get', 'sts', 'api', '-n', 'shop', '-o', 'jsonpath={.metadata.creationTimestamp}']),
  );
  await eventually('the next second', async () => Date.now() > createdMs + 1_500);
  await stage.apply(deployment('shop', 'api'));
  const kinds = ['Deployment', 'StatefulSet'].map(kind => ({apiVersion: 'apps/v1', kind}));
  await stage.apply(policy('payments', {subjects: {workloads: {kinds}}, naming: {prefix: 'payments'}}));
  await startLeader(stage);

  const subject = async () =>
    (await stage.lease('shop', 'payments-14c2529eb4'))?.metadata.annotations?.['leasepolicy.dev/subject'];
  await eventually('the older one', async () => (await subject()) === 'StatefulSet/api');
  const finding = await eventually('the finding', async () => (await stage.status('payments'))?.findings[0]);
  t.is(finding.reason, 'NameCollision');
  t.is(finding.object, 'Deployment/shop/api');
  t.is((await stage.registry('shop'))?.subjects['Deployment/api'], undefined);

  await stage.kubectl(['delete', 'sts', 'api', '-n', 'shop']);
  await eventually('the younger one', async () => (await subject()) === 'Deployment/api');
  await eventually('no finding', async () => (await stage.status('payments'))?.violations === 0);
});

const ofKind = (naming: {prefix: string}, kind: {apiVersion: string; kind: string}) =>
  policy('a', {naming, subjects: {workloads: {kinds: [kind]}}});

test('bad input is refused at kubectl apply with a sentence', async t => {
  const stage = await setStage(t);
  const naming = {prefix: 'payments'};
  const refused: [object, RegExp][] = [
    [policy('a', {naming: {prefix: 'Pay_ments'}}), /prefix must be a DNS label/],
    [
      policy('a', {naming: {...naming, template: '{prefix}-lock'}}),
      /template could give two subjects one Lease: write \{hash\} or \{name\}/,
    ],
    [
      policy('a', {naming, enforcement: {durationSeconds: {min: 60, max: 30}}}),
      /durationSeconds.min is above max/,
    ],
    [policy('a', {naming, garbageCollection: {ttlSeconds: 5}}), /ttlSeconds is below lease.durationSeconds/],
    [policy('a', {naming, lease: {namespace: 'locks'}}), /add namespace to naming.hash.of/],
    [policy('a', {naming: {...naming, hash: {of: ['name', 'name']}}}), /list each part once/],
    [policy('a', {naming: {...naming, hash: {of: ['uid']}}}), /one of kind, namespace, name, label:KEY/],
    [policy('a', {naming: {...naming, hash: {encoding: 'Base32', length: 60}}}), /at most 52/],
    [
      policy('a', {naming, lease: {labels: {'leasepolicy.dev/policy': 'b'}}}),
      /written by the operator: choose another key/,
    ],
    [policy('b'.repeat(64), {naming}), /use at most 63 characters/],
    [
      ofKind(naming, {apiVersion: 'v1', kind: 'Secret'}),
      /a Secret is no workload, and the operator reads none/,
    ],
    [ofKind(naming, {apiVersion: '../../api/v1', kind: 'Secret'}), /write apps\/v1, or v1 for the core/],
    [ofKind(naming, {apiVersion: 'v1?watch=1', kind: 'Pod'}), /write apps\/v1, or v1 for the core/],
    [
      {...policy('a', {naming}), spec: {subjects: {workloads: {}}, naming, unknown: 1}},
      /unknown field "spec.unknown"/,
    ],
    [
      {...policy('a', {naming}), spec: {subjects: {workloads: {}, nodes: {}}, naming}},
      /exactly one of workloads, nodes, apiServers and components: write a policy for each/,
    ],
    [
      {...policy('a', {}), spec: {subjects: {}}},
      /exactly one of workloads, nodes, apiServers and components/,
    ],
    [policy('a', {}), /workloads need it: write naming.prefix for them/],
    [
      {...policy('a', {naming}), spec: {subjects: {nodes: {}}, naming}},
      /no naming for nodes, apiServers and components, whose names are given/,
    ],
    [
      {...policy('a', {}), spec: {subjects: {nodes: {}}, enforcement: {names: 'Deny'}}},
      /what Kubernetes writes is never refused/,
    ],
    [
      {...policy('a', {}), spec: {subjects: {nodes: {}}, injection: {mode: 'Env'}}},
      /access and injection are for workloads: leave them out/,
    ],
    [
      {...policy('a', {}), spec: {subjects: {nodes: {}}, lease: {durationSeconds: 40}}},
      /leave it out, nobody makes those of others/,
    ],
    [
      {...policy('a', {}), spec: {subjects: {apiServers: {}}, garbageCollection: {mode: 'All'}}},
      /the API server deletes .* by itself: write mode: Report/,
    ],
    [
      {...policy('a', {}), spec: {subjects: {components: [{namespace: 'kube-system', name: 'kube-*'}]}}},
      /exact name of its Lease, such as kube-scheduler: there are no wildcards/,
    ],
    [
      policy('a', {naming: {...naming, template: '{name}'}, garbageCollection: {mode: 'All'}}),
      /this template bears every name: write \{prefix\} or \{hash\} into it/,
    ],
  ];
  for (const [object, sentence] of refused) {
    const error = await t.throwsAsync(stage.kubectl(['apply', '-f', '-'], {input: JSON.stringify(object)}));
    t.regex(error?.message ?? '', sentence);
  }
});

test('what only the operator can see is told in Accepted, and the last accepted version stays in force', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), deployment('shop', 'api'));
  await stage.apply(policy('payments', {naming: {prefix: 'payments'}}));
  const operator = await startLeader(stage);
  await eventually('the Lease', () => stage.lease('shop', 'payments-14c2529eb4'));

  const widgets = {workloads: {kinds: [{apiVersion: 'example.dev/v1', kind: 'Widget'}]}};
  await stage.apply(policy('payments', {subjects: widgets, naming: {prefix: 'other'}}));
  const accepted = () =>
    stage.status('payments').then(status => status?.conditions.find(each => each.type === 'Accepted'));
  const refusal = await eventually('the refusal', async () => {
    const condition = await accepted();
    return condition?.status === 'False' && condition;
  });
  t.is(refusal.reason, 'KindNotServed');
  t.is(refusal.message, 'the API server serves no example.dev/v1; generation 1 stays in force');

  await operator.stop();
  await startLeader(stage);
  await stage.apply(deployment('shop', 'worker'));
  await eventually(
    'the accepted version at work after a restart',
    async () => (await stage.leases('shop')).length === 2,
  );

  await stage.apply(
    policy('payments', {
      naming: {prefix: 'payments'},
      subjects: {workloads: {selector: {matchExpressions: [{key: 'a', operator: 'In'}]}}},
    }),
  );
  const invalid = await eventually('the next refusal', async () => {
    const condition = await accepted();
    return condition?.reason === 'InvalidSpec' && condition;
  });
  t.regex(invalid.message, /^selector: a In needs at least one value; generation 1 stays in force/);
  await stage.apply(
    policy('payments', {naming: {prefix: 'payments'}, subjects: {workloads: {selector: {}}}}),
  );
  await eventually('acceptance', async () => (await accepted())?.status === 'True');
});
