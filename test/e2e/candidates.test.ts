/** What is wrong with candidates of coordinated election, on a server that has it. */
import test from 'ava';
import {eventually} from '../support/eventually.ts';
import {setStage, startLeader} from '../support/stage.ts';
import {findingsOf, microTime, systemPolicy} from '../support/system.ts';

const candidate = (name: string, leaseName: string) => ({
  apiVersion: 'coordination.k8s.io/v1beta1',
  kind: 'LeaseCandidate',
  metadata: {name, namespace: 'kube-system'},
  spec: {
    leaseName,
    binaryVersion: '1.36.0',
    emulationVersion: '1.36.0',
    strategy: 'OldestEmulationVersion',
    renewTime: microTime(),
  },
});

test('a preferred holder without a candidate, and a candidate that is nobody, are findings until they are mended', async t => {
  t.timeout(240_000);
  const stage = await setStage(t, {coordinated: true});
  const components = [{namespace: 'kube-system', name: 'custom-scheduler'}];
  await stage.apply(systemPolicy('control-plane', {components}));
  await startLeader(stage);
  // Nobody answers for it, so that the API server pings in vain.
  await stage.apply(candidate('nobody', 'custom-scheduler'));
  await eventually(
    'the candidate that answers nobody',
    async () =>
      (await findingsOf(stage, 'control-plane')).includes(
        'OrphanedCandidate LeaseCandidate/kube-system/nobody',
      ),
    120_000,
  );
  await stage.kubectl(['delete', 'leasecandidate', 'nobody', '-n', 'kube-system']);
  await eventually('that has cleared', async () =>
    (await findingsOf(stage, 'control-plane')).every(each => !each.startsWith('OrphanedCandidate')),
  );

  await stage.apply({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {name: 'custom-scheduler', namespace: 'kube-system'},
    spec: {
      strategy: 'OldestEmulationVersion',
      holderIdentity: 'a',
      preferredHolder: 'b',
      leaseDurationSeconds: 3600,
      acquireTime: microTime(),
      renewTime: microTime(),
    },
  });
  await eventually('the preferred holder is missing', async () =>
    (await findingsOf(stage, 'control-plane')).includes(
      'PreferredHolderMissing Lease/kube-system/custom-scheduler',
    ),
  );
  t.pass();
});
