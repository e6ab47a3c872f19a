/** What Helm has installed is left to Helm. */
import test from 'ava';
import {demandNoRelease} from '../../../src/cli/cluster/helm-release.ts';
import {ApiServer, json, refusal} from '../../support/api-server.ts';

const ROLES =
  'GET /apis/rbac.authorization.k8s.io/v1/clusterroles?labelSelector=app.kubernetes.io%2Fpart-of%3Dleasepolicy%2Capp.kubernetes.io%2Fmanaged-by%3DHelm';

test('a release is named with the command that does it', async t => {
  const server = await ApiServer.start(t);
  const annotations = {'meta.helm.sh/release-name': 'leases', 'meta.helm.sh/release-namespace': 'ops'};
  const metadata = {name: 'leasepolicy-operator', annotations};
  server.expect(ROLES, json({metadata: {}, items: [{metadata}]}));
  const error = await t.throwsAsync(demandNoRelease(server.client(), 'uninstall'));
  t.like(error, {
    message: 'nothing was changed, as Helm has installed LeasePolicy in namespace ops',
    next: 'run helm uninstall leases -n ops',
  });
});

test('without a release, or the right to see one, the command goes on', async t => {
  const server = await ApiServer.start(t);
  const client = server.client();
  server.expect(ROLES, json({metadata: {}, items: []}));
  await demandNoRelease(client, 'upgrade');
  // As helm template prints them, applied by kubectl.
  server.expect(ROLES, json({metadata: {}, items: [{metadata: {name: 'leasepolicy-operator'}}]}));
  await demandNoRelease(client, 'uninstall');
  server.expect(ROLES, refusal(403, 'Forbidden'));
  await demandNoRelease(client, 'upgrade');
  server.expect(ROLES, refusal(500, 'InternalError'));
  await t.throwsAsync(demandNoRelease(client, 'upgrade'), {message: /InternalError/});
});
