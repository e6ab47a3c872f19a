/** Lists of metadata as API servers answer them, and deletes that reach one object alone. */
import test from 'ava';
import {deleteThing, listObjects, listThings} from '../../../src/cli/cluster/things.ts';
import {ApiServer, json, refusal} from '../../support/api-server.ts';

const LEASES = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  group: 'coordination.k8s.io',
  plural: 'leases',
  namespaced: true,
  verbs: [],
};
const item = (name: string) => ({metadata: {name, namespace: 'shop', uid: name, resourceVersion: '1'}});

test('a list is read page by page, and no items may be null', async t => {
  const server = await ApiServer.start(t);
  const path = '/apis/coordination.k8s.io/v1/namespaces/shop/leases';
  const first = server.expect(
    `GET ${path}?limit=500`,
    json({metadata: {continue: 'x y'}, items: [item('a')]}),
  );
  server.expect(`GET ${path}?continue=x+y`, json({metadata: {continue: 'z'}, items: [item('b')]}));
  server.expect(`GET ${path}?continue=z`, json({metadata: {}, items: null}));
  const found = await listThings(server.client(), LEASES, {namespace: 'shop'});
  t.deepEqual(
    found.map(({name, kind, labels}) => [name, kind, labels]),
    [
      ['a', 'Lease', {}],
      ['b', 'Lease', {}],
    ],
  );
  t.regex(String((await first.received).headers.accept), /as=PartialObjectMetadataList/);
});

test('a selector goes with every page', async t => {
  const server = await ApiServer.start(t);
  server.expect('GET /api/v1/pods?labelSelector=a%3Db', json({metadata: {continue: 'x'}, items: []}));
  server.expect('GET /api/v1/pods?labelSelector=a%3Db&continue=x', json({metadata: {}, items: []}));
  t.deepEqual(await listObjects(server.client(), '/api/v1/pods', 'a=b'), []);
});

test('a delete names the uid, and another object of that name stays', async t => {
  const server = await ApiServer.start(t);
  const client = server.client();
  const deleted = server.expect('DELETE /api/v1/namespaces/a', json({}));
  t.true(await deleteThing(client, '/api/v1/namespaces/a', {uid: 'u'}));
  t.like((await deleted.received).body, {preconditions: {uid: 'u'}});
  server.expect('DELETE /api/v1/namespaces/a', refusal(409, 'Conflict'));
  t.false(await deleteThing(client, '/api/v1/namespaces/a', {uid: 'u'}));
  server.expect('DELETE /api/v1/namespaces/a', refusal(404, 'NotFound'));
  t.false(await deleteThing(client, '/api/v1/namespaces/a', {uid: 'u'}));
  server.expect('DELETE /api/v1/namespaces/a', refusal(403, 'Forbidden'));
  await t.throwsAsync(deleteThing(client, '/api/v1/namespaces/a', {uid: 'u'}), {message: /Forbidden/});
});
