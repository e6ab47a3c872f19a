/** What a container is told about its election, however the flags and variables are written. */
import test from 'ava';
import {bundleOf} from '../../../src/core/lint/bundle.ts';
import {type Election, electionOf, type SettingRole} from '../../../src/core/lint/elections.ts';
import type {Manifest} from '../../../src/core/manifest/manifest.ts';
import {workload} from '../../support/lint.ts';

function electionIn(
  options: Parameters<typeof workload>[0],
  injected: Record<string, string> = {},
): Election {
  const manifest = workload(options) as unknown as Manifest;
  const object = {manifest, namespace: 'shop', ignored: new Map(), notUnderstood: []};
  const [found] = bundleOf([object]).workloads;
  const [container] = found?.containers ?? [];
  if (!found || !container) throw new Error('no workload');
  return electionOf(found, container, injected);
}

const settings = (options: Parameters<typeof workload>[0]) =>
  electionIn(options).settings.map(({role, value}) => [role, value]);

for (const [text, role, value] of [
  ['--leader-elect', 'enabled', 'true'],
  ['-leader-elect=false', 'enabled', 'false'],
  ['--enable-leader-election', 'enabled', 'true'],
  ['--leader-election=true', 'enabled', 'true'],
  ['--leaderElect', 'enabled', 'true'],
  ['--leader-election-enabled=true', 'enabled', 'true'],
  ['--disable-leader-election', 'disabled', 'true'],
  ['--leader-election-id=a', 'name', 'a'],
  ['--leader-elect-resource-name=a', 'name', 'a'],
  ['--leaderElectionID=a', 'name', 'a'],
  ['--election-id=a', 'name', 'a'],
  ['--lease-name=a', 'name', 'a'],
  ['--leader-election-namespace=a', 'namespace', 'a'],
  ['--leader-elect-resource-namespace=a', 'namespace', 'a'],
  ['--leader-elect-resource-lock=leases', 'lock', 'leases'],
  ['--leader-election-type=endpoints', 'lock', 'endpoints'],
  ['--leader-elect-lease-duration=30s', 'leaseDuration', '30s'],
  ['--leader-election-lease-duration-seconds=30', 'leaseDuration', '30'],
  ['--leader-election-renew-deadline=30s', 'renewDeadline', '30s'],
  ['--leader-elect-retry-period=5s', 'retryPeriod', '5s'],
] as const satisfies [string, SettingRole, string][]) {
  test(`${text} sets ${role}`, t => {
    t.deepEqual(settings({args: [text]}), [[role, value]]);
  });
}

for (const text of [
  '--leader',
  '--elect',
  '--lease-duration=15s',
  '--leader-elect-something=1',
  '--no-leader',
  'leader-elect',
  '--my-leader-elect',
  '--id=a',
  '--namespace=a',
]) {
  test(`${text} sets nothing`, t => {
    t.deepEqual(settings({args: [text]}), []);
  });
}

test('a value may stand behind its flag, in the command too, and in the script of a shell', t => {
  t.deepEqual(settings({command: ['/manager', '--leader-election-id', 'a'], args: ['--leader-elect']}), [
    ['name', 'a'],
    ['enabled', 'true'],
  ]);
  t.deepEqual(
    settings({command: ['sh', '-c', 'exec /manager --leader-elect=false  --leader-election-id a']}),
    [
      ['enabled', 'false'],
      ['name', 'a'],
    ],
  );
});

test('variables set the same, with the name of the product in front', t => {
  const env = [
    {name: 'STRIMZI_LEADER_ELECTION_ENABLED', value: 'true'},
    {name: 'STRIMZI_LEADER_ELECTION_LEASE_NAME', value: 'strimzi'},
    {
      name: 'STRIMZI_LEADER_ELECTION_LEASE_NAMESPACE',
      valueFrom: {fieldRef: {fieldPath: 'metadata.namespace'}},
    },
    {name: 'LEADER_ELECTION_LEASE_DURATION_MS', value: '15000'},
    {name: 'LEADER_ELECTION_RETRY_PERIOD_SECONDS', value: '2'},
    {name: 'STRIMZI_LEADER_ELECTION_IDENTITY', value: 'a'},
    {name: 'DISABLE_LEADER_ELECTION', value: ''},
  ];
  const election = electionIn({env});
  t.true(election.isOn);
  t.is(election.name?.value, 'strimzi');
  t.is(election.namespace, 'shop');
  t.is(election.durations.leaseDuration?.ms, 15_000);
  t.is(election.durations.retryPeriod?.ms, 2000);
  t.is(election.settings.length, 5);
});

for (const [what, options, isOn] of [
  ['nothing is said', {}, undefined],
  ['a flag stands alone', {args: ['--leader-elect']}, true],
  ['Go reads it as true', {args: ['--leader-elect=T']}, true],
  ['Go reads it as false', {args: ['--leader-elect=0']}, false],
  ['Go does not read it', {args: ['--leader-elect=yes']}, undefined],
  ['the last flag counts', {args: ['--leader-elect=false', '--leader-elect']}, true],
  ['it is disabled', {args: ['--disable-leader-election']}, false],
  ['it is not disabled', {args: ['--disable-leader-election=false']}, true],
  [
    'a flag goes before a variable',
    {args: ['--leader-elect'], env: [{name: 'LEADER_ELECT', value: 'false'}]},
    true,
  ],
  [
    'the value is in a ConfigMap',
    {env: [{name: 'ENABLE_LEADER_ELECTION', valueFrom: {configMapKeyRef: {name: 'a', key: 'b'}}}]},
    undefined,
  ],
  ['the value is a variable', {args: ['--leader-elect=$(HA)'], env: [{name: 'HA', value: 'false'}]}, false],
  ['the variable is not known', {args: ['--leader-elect=$(HA)']}, undefined],
] as const) {
  test(`on or off, when ${what}`, t => {
    t.is(electionIn(options as Parameters<typeof workload>[0]).isOn, isOn);
  });
}

test('the kubelet puts variables into flags, and those of a policy too', t => {
  const args = ['--leader-election-id=$(LEASE_NAME)', '--leader-election-namespace=$(POD_NAMESPACE)'];
  const env = [{name: 'POD_NAMESPACE', valueFrom: {fieldRef: {fieldPath: 'metadata.namespace'}}}];
  t.is(electionIn({args, env}).name?.value, undefined);
  const told = electionIn({args, env}, {LEASE_NAME: 'payments-14c2529eb4'});
  t.is(told.name?.value, 'payments-14c2529eb4');
  t.is(told.namespace, 'shop');
  const escaped = electionIn({args: ['--leader-election-id=$$(LEASE_NAME)']});
  t.is(escaped.name?.value, '$(LEASE_NAME)');
});

test('words that are none do no harm', t => {
  t.deepEqual(settings({args: [null, 3, {a: 1}, '--leader-elect'] as unknown[]}), [['enabled', 'true']]);
});
