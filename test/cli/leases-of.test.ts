/** The Leases of one product, request by request: what is asked before a delete, and what the delete carries. */
import test, {type ExecutionContext} from 'ava';
import {ApiServer, json, refusal} from '../support/api-server.ts';
import {call} from '../support/command.ts';
import {writeKubeconfig} from '../support/small-cluster.ts';

const LEASES = '/apis/coordination.k8s.io/v1';
const LEASE = `${LEASES}/namespaces/shop/leases/payments-1`;
const DEPLOYMENT = '/apis/apps/v1/namespaces/shop/deployments/api';

/** Released, as client-go does it: so it is looked at for a second. */
const lease = (renewTime: string, resourceVersion: string, holderIdentity = '') => ({
  metadata: {
    name: 'payments-1',
    namespace: 'shop',
    uid: 'the-uid',
    resourceVersion,
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: {'leasepolicy.dev/origin': 'created'},
    annotations: {'leasepolicy.dev/subject': 'Deployment/api'},
  },
  spec: {holderIdentity, leaseDurationSeconds: 1, renewTime, leaseTransitions: 41},
});
const OLD = lease('2026-01-01T00:00:00.000000Z', '7');

/** Up to the answer whether the workload is there. */
async function serverWith(t: ExecutionContext): Promise<ApiServer> {
  const server = await ApiServer.start(t);
  const deployments = {name: 'deployments', kind: 'Deployment', namespaced: true, verbs: ['list']};
  server.expect('GET /apis', json({groups: [{preferredVersion: {groupVersion: 'apps/v1'}}]}));
  server.expect('GET /api/v1', json({resources: []}));
  server.expect('GET /apis/apps/v1', json({resources: [deployments]}));
  return server;
}

/** Whether one may get, and delete, the Lease. */
function expectReviews(server: ApiServer, ...answers: readonly boolean[]): void {
  const reviews = 'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  for (const allowed of answers) server.expect(reviews, json({status: {allowed}}));
}

/** The product is gone, its one Lease is found, and nothing forbids to delete it. */
function expectFound(server: ApiServer): void {
  server.expect(`GET ${DEPLOYMENT}`, refusal(404, 'NotFound'));
  server.expect(`GET ${LEASES}/leases`, json({metadata: {}, items: [OLD]}));
  expectReviews(server, true, true);
}

const removeLeases = (t: ExecutionContext, server: ApiServer, ...flags: string[]) =>
  removeLeasesOf(t, server, 'shop/deployment/api', ...flags);

async function removeLeasesOf(t: ExecutionContext, server: ApiServer, workload: string, ...flags: string[]) {
  const kubeconfig = await writeKubeconfig(t, server.url);
  return call(['uninstall', '--yes', '--leases-of', workload, ...flags, `--kubeconfig=${kubeconfig}`]);
}

test('a kind that is misspelt is not taken for one without Leases', async t => {
  const server = await serverWith(t);
  server.expect(`GET ${LEASES}/leases`, json({metadata: {}, items: [OLD]}));
  const {code, stderr} = await removeLeasesOf(t, server, 'shop/deploymnet/api');
  t.is(code, 1);
  t.is(
    stderr,
    'leasepolicy: no Lease of deploymnet api in namespace shop is there, and the API server knows no kind deploymnet: write the kind as kubectl api-resources does\n',
  );
});

test('a kind that went with its product is looked for all the same', async t => {
  const server = await serverWith(t);
  const {metadata, spec} = OLD;
  const annotations = {'leasepolicy.dev/subject': 'Widget/api'};
  server.expect(
    `GET ${LEASES}/leases`,
    json({metadata: {}, items: [{metadata: {...metadata, annotations}, spec}]}),
  );
  expectReviews(server, false, false);
  t.regex((await removeLeasesOf(t, server, 'shop/widget/api')).stderr, /may not .*leases/);
});

test('while the workload is there, none of its Leases is even looked at', async t => {
  const server = await serverWith(t);
  server.expect(`GET ${DEPLOYMENT}`, json({metadata: {name: 'api'}}));
  const {code, stderr} = await removeLeases(t, server);
  t.is(code, 1);
  t.regex(stderr, /nothing was removed, as Deployment api in namespace shop is there: delete it first/);
});

test('one that nobody holds is looked at for its duration, read again and deleted in this very version', async t => {
  const server = await serverWith(t);
  expectFound(server);
  server.expect(`GET ${LEASE}`, json(OLD));
  server.expect(`GET ${LEASE}`, json(OLD));
  const deleted = server.expect(`DELETE ${LEASE}`, json({}));
  const {code, stdout, stderr} = await removeLeases(t, server, '-o', 'json');
  t.is(code, 0, stderr);
  t.deepEqual((await deleted.received).body, {preconditions: {uid: 'the-uid', resourceVersion: '7'}});
  const {atMs = 0} = server.requests[4] ?? {};
  t.true((await deleted.received).atMs - atMs >= 1000, 'after one second');
  t.regex(stderr, /^watching 1 Leases for 1 seconds, whether anybody renews them \.\.\.\n$/);
  t.deepEqual(JSON.parse(stdout).removed[0].manifest.spec, OLD.spec);
});

test('one that is written meanwhile stays', async t => {
  const server = await serverWith(t);
  expectFound(server);
  const taken = lease('2026-01-01T00:00:09.000000Z', '8', 'api-2');
  server.expect(`GET ${LEASE}`, json(taken));
  server.expect(`GET ${LEASE}`, json(taken));
  const {code, stdout} = await removeLeases(t, server);
  t.is(code, 0);
  t.is(
    stdout,
    'lease.coordination.k8s.io/payments-1 in namespace shop stays: api-2 has written it under our eyes\n',
  );
});

test('one that is taken between the last look and the delete stays', async t => {
  const server = await serverWith(t);
  expectFound(server);
  server.expect(`GET ${LEASE}`, json(OLD));
  server.expect(`GET ${LEASE}`, json(OLD));
  server.expect(`DELETE ${LEASE}`, refusal(409, 'Conflict'));
  const {code, stdout} = await removeLeases(t, server);
  t.is(code, 0);
  t.regex(stdout, /payments-1 in namespace shop stays: somebody has written it meanwhile\n$/);
});

test('with --print nothing is deleted', async t => {
  const server = await serverWith(t);
  expectFound(server);
  server.expect(`GET ${LEASE}`, json(OLD));
  const {code, stdout} = await removeLeases(t, server, '--print');
  t.deepEqual(
    [code, stdout],
    [0, 'lease.coordination.k8s.io/payments-1 in namespace shop would be removed\n'],
  );
});

test('without the right to delete nothing is done', async t => {
  const server = await serverWith(t);
  server.expect(`GET ${DEPLOYMENT}`, refusal(404, 'NotFound'));
  server.expect(`GET ${LEASES}/leases`, json({metadata: {}, items: [OLD]}));
  expectReviews(server, true, false);
  const {code, stderr} = await removeLeases(t, server);
  t.is(code, 1);
  t.regex(stderr, /nothing was changed, as you may not delete leases\.coordination\.k8s\.io: ask/);
});
