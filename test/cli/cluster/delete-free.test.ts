/** A Lease of the operator's own is deleted in the version in which nobody holds it, or not at all. */
import test from 'ava';
import {deleteFree} from '../../../src/cli/cluster/things.ts';
import {ApiServer, json, refusal} from '../../support/api-server.ts';

const PATH = '/apis/coordination.k8s.io/v1/namespaces/leasepolicy-system/leases/all-1';
const THING = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  namespace: 'leasepolicy-system',
  name: 'all-1',
  uid: 'the-uid',
  resourceVersion: '7',
  labels: {},
};
const lease = (holderIdentity?: string, uid = 'the-uid') =>
  json({metadata: {name: 'all-1', uid, resourceVersion: '8'}, spec: {holderIdentity}});

test('one that is free goes in the version that was read last', async t => {
  const server = await ApiServer.start(t);
  server.expect(`GET ${PATH}`, lease());
  const deleted = server.expect(`DELETE ${PATH}`, json({}));
  t.true(await deleteFree(server.client(), PATH, THING));
  t.deepEqual((await deleted.received).body, {preconditions: {uid: 'the-uid', resourceVersion: '8'}});
});

test('one that somebody has taken stays, and ends the command before the namespace goes', async t => {
  const server = await ApiServer.start(t);
  server.expect(`GET ${PATH}`, lease('api-1'));
  await t.throwsAsync(deleteFree(server.client(), PATH, THING), {
    message: /all-1 in namespace leasepolicy-system is no longer free \(its holder is api-1\)/,
  });
  server.expect(`GET ${PATH}`, lease(''));
  server.expect(`DELETE ${PATH}`, refusal(409, 'Conflict'));
  await t.throwsAsync(deleteFree(server.client(), PATH, THING), {
    message: /somebody has written it meanwhile/,
  });
  server.expect(`GET ${PATH}`, lease('', 'another'));
  await t.throwsAsync(deleteFree(server.client(), PATH, THING), {message: /it was made anew/});
});

test('one that is gone needs nothing', async t => {
  const server = await ApiServer.start(t);
  server.expect(`GET ${PATH}`, refusal(404, 'NotFound'));
  t.false(await deleteFree(server.client(), PATH, THING));
  server.expect(`GET ${PATH}`, lease(''));
  server.expect(`DELETE ${PATH}`, refusal(404, 'NotFound'));
  t.false(await deleteFree(server.client(), PATH, THING));
});
