/** Whose renewals say that an operator runs elsewhere, request by request. */
import test from 'ava';
import {leaderElsewhere} from '../../../src/cli/cluster/leader-elsewhere.ts';
import {ApiServer, json, refusal} from '../../support/api-server.ts';

const ALL =
  'GET /apis/coordination.k8s.io/v1/leases?limit=500&labelSelector=app.kubernetes.io%2Fmanaged-by%3Dleasepolicy%2C%21leasepolicy.dev%2Forigin';
const OWN = 'GET /apis/coordination.k8s.io/v1/namespaces/ops/leases/leasepolicy-own';
const PODS = 'GET /api/v1/namespaces/ops/pods?limit=500&labelSelector=app.kubernetes.io%2Fname%3Dleasepolicy';

const lease = (holderIdentity: string, second: number, namespace = 'ops') => ({
  metadata: {name: 'leasepolicy-own', namespace, uid: namespace, resourceVersion: `${second}`},
  spec: {holderIdentity, leaseDurationSeconds: 1, renewTime: `2026-01-01T00:00:0${second}.000000Z`},
});
const list = (...items: object[]) => json({metadata: {}, items});

function look(server: ApiServer, podsGo = true) {
  const lines: string[] = [];
  const streams = {stderr: {write: (line: string) => lines.push(line) > 0}};
  const where = {namespace: 'ops', ownLease: 'leasepolicy-own', podsGo};
  const leader = leaderElsewhere({client: server.client(), streams: streams as never, ...where});
  return {leader, lines};
}

test('without a Lease nobody is waited for', async t => {
  const server = await ApiServer.start(t);
  server.expect(OWN, refusal(404, 'NotFound'));
  server.expect(ALL, list());
  const {leader, lines} = look(server);
  t.is(await leader, undefined);
  t.deepEqual(lines, []);
});

test('a Pod that goes with the Deployment may lead', async t => {
  const server = await ApiServer.start(t);
  server.expect(OWN, json(lease('leasepolicy-7-x_1', 1)));
  server.expect(ALL, list(lease('leasepolicy-7-x_1', 1)));
  server.expect(PODS, list({metadata: {name: 'leasepolicy-7-x'}}));
  const {leader, lines} = look(server);
  t.is(await leader, undefined);
  t.deepEqual(lines, []);
});

test('the first renewal of anybody else ends the look', async t => {
  const server = await ApiServer.start(t);
  server.expect(OWN, json(lease('laptop_1', 1)));
  server.expect(ALL, list(lease('laptop_1', 1)));
  server.expect(PODS, list({metadata: {name: 'leasepolicy-7-x'}}));
  server.expect(OWN, json(lease('laptop_1', 1)));
  server.expect(OWN, json(lease('laptop_1', 3)));
  const {leader, lines} = look(server);
  const says =
    "the operator's Lease ops/leasepolicy-own says that one runs elsewhere (laptop_1 has written it under our eyes)";
  t.is(await leader, says);
  t.deepEqual(lines, ['watching for up to 4 seconds whether an operator leads elsewhere ...\n']);
});

test('a Pod whose Deployment stays is somebody else, and so is one of another namespace', async t => {
  const server = await ApiServer.start(t);
  server.expect(OWN, json(lease('leasepolicy-7-x_1', 1)));
  server.expect(ALL, list());
  server.expect(OWN, json(lease('leasepolicy-7-x_1', 2)));
  t.regex((await look(server, false).leader) ?? '', /leasepolicy-7-x_1 has written it/);

  server.expect(OWN, refusal(404, 'NotFound'));
  server.expect(ALL, list(lease('leasepolicy-7-x_1', 1, 'mine')));
  server.expect(PODS, list({metadata: {name: 'leasepolicy-7-x'}}));
  server.expect(OWN.replace('/ops/', '/mine/'), json(lease('leasepolicy-7-x_1', 2, 'mine')));
  t.regex((await look(server).leader) ?? '', /Lease mine\/leasepolicy-own says/);
});

test('a standby that takes a free Lease is seen, and one that was given up says nothing', async t => {
  const server = await ApiServer.start(t);
  server.expect(OWN, json(lease('laptop_1', 1)));
  server.expect(ALL, list());
  server.expect(OWN, json(lease('', 2)));
  server.expect(OWN, json(lease('laptop_2', 3)));
  t.regex((await look(server, false).leader) ?? '', /\(laptop_2 has written it/);
});
