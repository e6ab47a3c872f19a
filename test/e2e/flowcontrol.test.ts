/** The optional FlowSchema: renewals by service accounts take the lane of elections, and nothing else does. */
import type {IncomingMessage} from 'node:http';
import https from 'node:https';
import path from 'node:path';
import {text} from 'node:stream/consumers';
import test from 'ava';
import {ROOT} from '../../dev/programs.ts';
import {eventually} from '../support/eventually.ts';
import {namespace, type Stage, setStage} from '../support/stage.ts';

const LEASES = '/apis/coordination.k8s.io/v1/namespaces/shop/leases';
const CONFIG_MAPS = '/api/v1/namespaces/shop/configmaps';
const FLOW_CONTROL = path.join(ROOT, 'config', 'flowcontrol');

test('Leases of service accounts take the lane of elections, and only they', async t => {
  t.timeout(120_000);
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), namespace('other'));
  const api = await senderOf(stage, 'shop', 'api');
  const stranger = await senderOf(stage, 'other', 'stranger');
  const ordinary = await laneOf(stage, 'service-accounts', 'workload-low');
  t.deepEqual(await api('POST', LEASES, lease('before')), ordinary, 'it is off by default');

  await stage.kubectl(['apply', `--kustomize=${FLOW_CONTROL}`]);
  const ours = await laneOf(stage, 'leasepolicy-leases', 'leader-election');
  const isOurs = (lane: Lane) => lane.flowSchema === ours.flowSchema;
  await eventually('the schema is in force', async () =>
    isOurs(await api('PATCH', `${LEASES}/before`, renewal)),
  );
  t.deepEqual(await api('POST', LEASES, lease('api')), ours);
  t.deepEqual(await api('PATCH', `${LEASES}/api`, renewal), ours);
  const read = await stage.lease('shop', 'api');
  t.deepEqual(await api('PUT', `${LEASES}/api`, read), ours);
  t.deepEqual(await api('GET', `${LEASES}/api`), ours);
  t.deepEqual(await stranger('PATCH', `${LEASES}/api`, renewal), ours);
  t.deepEqual(await api('GET', LEASES), ordinary, 'a list may be large');
  t.deepEqual(await api('POST', CONFIG_MAPS, configMap), ordinary);

  // As the manifest says it for one namespace.
  const group = {kind: 'Group', group: {name: 'system:serviceaccounts:shop'}};
  const narrow = [{op: 'replace', path: '/spec/rules/0/subjects', value: [group]}];
  const patch = ['patch', 'flowschema', 'leasepolicy-leases', '--type=json'];
  await stage.kubectl([...patch, `--patch=${JSON.stringify(narrow)}`]);
  await eventually('others are back in their own lane', async () => {
    return !isOurs(await stranger('PATCH', `${LEASES}/api`, renewal));
  });
  t.deepEqual(await api('PATCH', `${LEASES}/api`, renewal), ours);
});

test('the FlowSchema comes between those of the control plane and those of everybody', async t => {
  t.timeout(60_000);
  const stage = await setStage(t);
  await stage.kubectl(['apply', `--kustomize=${path.join(ROOT, 'config', 'default')}`]);
  const before = await precedences(stage);
  t.false(before.has('leasepolicy-leases'), 'config/default has none');
  await stage.kubectl(['apply', `--kustomize=${FLOW_CONTROL}`]);
  const ours = (await precedences(stage)).get('leasepolicy-leases') ?? 0;
  t.true(ours > (before.get('system-leader-election') ?? Number.POSITIVE_INFINITY));
  t.true(ours > (before.get('kube-system-service-accounts') ?? Number.POSITIVE_INFINITY));
  t.true(ours < (before.get('service-accounts') ?? 0));
  t.false([...before.values()].includes(ours), 'two of one precedence would be ordered by name');
});

async function precedences({kubectl}: Stage): Promise<Map<string, number>> {
  const {items} = JSON.parse(await kubectl(['get', 'flowschemas', '--output=json'])) as {
    items: {metadata: {name: string}; spec: {matchingPrecedence: number}}[];
  };
  return new Map(items.map(({metadata, spec}) => [metadata.name, spec.matchingPrecedence]));
}

// Requests with a token, and the lane that the API server says it put them in.

type Lane = {flowSchema: string; level: string};
type Send = (method: string, path: string, body?: object) => Promise<Lane>;

async function laneOf({kubectl}: Stage, flowSchema: string, level: string): Promise<Lane> {
  const uid = ['--output=jsonpath={.metadata.uid}'];
  return {
    flowSchema: await kubectl(['get', 'flowschema', flowSchema, ...uid]),
    level: await kubectl(['get', 'prioritylevelconfiguration', level, ...uid]),
  };
}

/** Makes a service account that may write in the namespace shop, and what sends requests with its token. */
async function senderOf({kubectl}: Stage, namespaceName: string, account: string): Promise<Send> {
  const here = `--namespace=${namespaceName}`;
  await kubectl(['create', 'serviceaccount', account, here]);
  const subject = `--serviceaccount=${namespaceName}:${account}`;
  const verbs = '--verb=get,list,create,update,patch';
  const resources = '--resource=leases.coordination.k8s.io,configmaps';
  await kubectl(['create', 'role', account, verbs, resources, '--namespace=shop']);
  await kubectl(['create', 'rolebinding', account, `--role=${account}`, subject, '--namespace=shop']);
  const token = (await kubectl(['create', 'token', account, here])).trim();
  const view = await kubectl(['config', 'view', '--raw', '--flatten', '--minify', '--output=json']);
  const {server, 'certificate-authority-data': authority} = JSON.parse(view).clusters[0].cluster;
  const ca = Buffer.from(authority, 'base64');
  return (method, target, body) => send(new URL(target, server), {ca, token, method, body});
}

type Sent = {ca: Buffer; token: string; method: string; body: object | undefined};

async function send(url: URL, {ca, token, method, body}: Sent): Promise<Lane> {
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const headers = {authorization: `Bearer ${token}`, 'content-type': type};
  const request = https.request(url, {ca, method, headers, agent: false});
  const {promise, resolve, reject} = Promise.withResolvers<IncomingMessage>();
  request
    .on('response', resolve)
    .on('error', reject)
    .end(body && JSON.stringify(body));
  const response = await promise;
  const said = await text(response);
  if ((response.statusCode ?? 0) >= 300) throw new Error(`${method} ${url.pathname}: ${said}`);
  return {
    flowSchema: String(response.headers['x-kubernetes-pf-flowschema-uid']),
    level: String(response.headers['x-kubernetes-pf-prioritylevel-uid']),
  };
}

const lease = (name: string) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {name},
  spec: {leaseDurationSeconds: 15},
});
const renewal = {spec: {renewTime: '2026-01-01T00:00:00.000000Z'}};
const configMap = {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'settings'}};
