/** Leases in manifests: what takes them from their holders, and what no API server would take. */
import test from 'ava';
import {ids, lintedObjects} from '../../support/lint.ts';

const lease = (spec?: object, metadata: object = {}, apiVersion = 'coordination.k8s.io/v1') => ({
  apiVersion,
  kind: 'Lease',
  metadata: {name: 'mailer', namespace: 'shop', ...metadata},
  ...(spec && {spec}),
});

const owner = (apiVersion: string, kind: string) => ({
  ownerReferences: [{apiVersion, kind, name: 'mailer', uid: '1'}],
});

for (const [what, object, expected] of [
  ['a bare Lease', lease(), ['LP102']],
  ['one with a duration', lease({leaseDurationSeconds: 15}), ['LP102']],
  ['one that is held', lease({holderIdentity: 'a', leaseDurationSeconds: 15}), ['LP101']],
  ['one that is released', lease({holderIdentity: '', leaseDurationSeconds: 1}), ['LP101']],
  ['one with a counter', lease({leaseTransitions: 0}), ['LP101']],
  ['one whose fields are null', lease({holderIdentity: null, leaseTransitions: null}), ['LP102']],
  ['a spec that is no map', lease([] as object), ['LP102']],
  ['a duration of 0', lease({leaseDurationSeconds: 0}), ['LP102', 'LP103']],
  ['a duration that is a text', lease({leaseDurationSeconds: '15'}), ['LP102', 'LP103']],
  ['half a second', lease({leaseDurationSeconds: 0.5}), ['LP102', 'LP103']],
  ['a counter below 0', lease({leaseTransitions: -1}), ['LP101', 'LP103']],
  ['three digits of a second', lease({renewTime: '2026-03-01T12:00:00.000Z'}), ['LP101', 'LP103']],
  ['six digits of a second', lease({renewTime: '2026-03-01T12:00:00.000000Z'}), ['LP101']],
  ['a version of former times', lease(undefined, {}, 'coordination.k8s.io/v1beta1'), ['LP102', 'LP103']],
  ['4 seconds', lease({leaseDurationSeconds: 4}), ['LP102', 'LP104']],
  ['5 seconds', lease({leaseDurationSeconds: 5}), ['LP102']],
  ['an hour', lease({leaseDurationSeconds: 3600}), ['LP102']],
  ['more than an hour', lease({leaseDurationSeconds: 3601}), ['LP102', 'LP104']],
  ['a Deployment as its owner', lease(undefined, owner('apps/v1', 'Deployment')), ['LP102', 'LP105']],
  ['a Job as its owner', lease(undefined, owner('batch/v1', 'Job')), ['LP102', 'LP105']],
  ['a Node as its owner', lease(undefined, owner('v1', 'Node')), ['LP102']],
  ['a Deployment of another group', lease(undefined, owner('example.com/v1', 'Deployment')), ['LP102']],
  ['owners that are no list', lease(undefined, {ownerReferences: 'Deployment'}), ['LP102']],
  ['a Lease of another group', lease(undefined, {}, 'cars.example.com/v1'), []],
] as const) {
  test(`${what}: ${expected.join(', ') || 'nothing'}`, t => {
    t.deepEqual(ids(lintedObjects([object])), [...expected]);
  });
}

test('a finding points to the field that it is about', t => {
  const [first, second] = lintedObjects([lease({leaseTransitions: -1}, owner('apps/v1', 'StatefulSet'))]);
  t.deepEqual(first?.path, ['spec', 'leaseTransitions']);
  t.deepEqual(second?.path, ['spec', 'leaseTransitions']);
});
