/** An API server that lists, watches and reads a few objects, for commands: it takes no writes. */
import {once} from 'node:events';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import http2 from 'node:http2';
import type {AddressInfo} from 'node:net';
import {tmpdir} from 'node:os';
import path from 'node:path';
import type {ExecutionContext} from 'ava';

type Made = {apiVersion: string; kind: string; metadata: {name: string; namespace?: string; uid?: string}};

/** A resource that is served. */
type Resource = {root: string; plural: string; kind: string; namespaced: boolean};

const SERVED: readonly Resource[] = [
  ['/api/v1', 'namespaces', 'Namespace', false] as const,
  ['/api/v1', 'pods', 'Pod', true] as const,
  ['/api/v1', 'nodes', 'Node', false] as const,
  ['/apis/apps/v1', 'deployments', 'Deployment', true] as const,
  ['/apis/apps/v1', 'statefulsets', 'StatefulSet', true] as const,
  ['/apis/apps/v1', 'daemonsets', 'DaemonSet', true] as const,
  ['/apis/coordination.k8s.io/v1', 'leases', 'Lease', true] as const,
  ['/apis/leasepolicy.dev/v1alpha1', 'leasepolicies', 'LeasePolicy', false] as const,
  ['/apis/leasepolicy.dev/v1alpha1', 'leaseregistries', 'LeaseRegistry', true] as const,
  ['/apis/rbac.authorization.k8s.io/v1', 'roles', 'Role', true] as const,
  ['/apis/rbac.authorization.k8s.io/v1', 'rolebindings', 'RoleBinding', true] as const,
  ...[
    'ValidatingAdmissionPolicy',
    'ValidatingAdmissionPolicyBinding',
    'MutatingAdmissionPolicy',
    'MutatingAdmissionPolicyBinding',
  ].map(
    kind =>
      [
        '/apis/admissionregistration.k8s.io/v1',
        kind.toLowerCase().replace(/(y?)$/, (_, y) => (y ? 'ies' : 's')),
        kind,
        false,
      ] as const,
  ),
].map(([root, plural, kind, namespaced]) => ({root, plural, kind, namespaced}));

export type SmallCluster = {
  readonly kubeconfig: string;
  /** The paths that were asked for, without their queries. */
  readonly asked: readonly string[];
};

export type SmallClusterOptions = {
  readonly objects?: readonly object[];
  /** Answers with a status instead, by the beginning of the path. */
  readonly refusals?: Readonly<Record<string, {status: number; message: string}>>;
  /** Answers to requests of this path come so many milliseconds late. */
  readonly late?: {readonly path: string; readonly ms: number};
};

/** Starts one that ends with the test, with a kubeconfig of its own. */
export async function smallCluster(
  t: ExecutionContext,
  {objects = [], refusals = {}, late}: SmallClusterOptions = {},
): Promise<SmallCluster> {
  const asked: string[] = [];
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer();
  server.on('session', session => sessions.add(session));
  server.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    const url = new URL(headers[':path'] ?? '', 'http://server');
    asked.push(url.pathname);
    stream.on('error', () => {});
    const reply = replyTo(url, objects as Made[], refusals);
    if (late?.path === url.pathname) setTimeout(() => send(stream, reply), late.ms);
    else send(stream, reply);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {kubeconfig: await writeKubeconfig(t, address), asked};
}

function send(stream: http2.ServerHttp2Stream, reply: Reply): void {
  if (stream.destroyed) return;
  stream.respond({':status': reply === 'watch' ? 200 : reply.status, 'content-type': 'application/json'});
  if (reply === 'watch') sendBookmarks(stream);
  else stream.end(JSON.stringify(reply.body));
}

/** By them a client knows that it has missed nothing. */
function sendBookmarks(stream: http2.ServerHttp2Stream): void {
  let version = 1000;
  const timer = setInterval(() => {
    version += 1;
    const metadata = {resourceVersion: `${version}`};
    stream.write(`${JSON.stringify({type: 'BOOKMARK', object: {metadata}})}\n`);
  }, 100);
  stream.once('close', () => clearInterval(timer));
}

/** A kubeconfig of the server in a folder that goes with the test; returns its path. */
export async function writeKubeconfig(t: ExecutionContext, server: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-cluster-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const file = path.join(folder, 'kubeconfig');
  await writeFile(file, JSON.stringify(kubeconfigOf(server)));
  return file;
}

const kubeconfigOf = (server: string) => ({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'small',
  clusters: [{name: 'small', cluster: {server, 'insecure-skip-tls-verify': true}}],
  users: [{name: 'tester', user: {token: 'secret'}}],
  contexts: [{name: 'small', context: {cluster: 'small', user: 'tester', namespace: 'shop'}}],
});

/** The body of an answer, or a watch that stays open. */
type Reply = {status: number; body: object} | 'watch';

function replyTo(
  url: URL,
  objects: readonly Made[],
  refusals: NonNullable<SmallClusterOptions['refusals']>,
): Reply {
  const refused = Object.entries(refusals).find(([start]) => url.pathname.startsWith(start))?.[1];
  if (refused) return refusal(refused.status, refused.message);
  const resource = SERVED.find(({root, plural}) => partsOf(url.pathname, root)?.plural === plural);
  if (!resource) return discovery(url);
  const {namespace, name} = partsOf(url.pathname, resource.root) ?? {};
  const own = objects.filter(
    ({kind, metadata}) =>
      kind === resource.kind && (namespace === undefined || metadata.namespace === namespace),
  );
  if (name !== undefined) return single(resource, name, own);
  if (url.searchParams.has('watch')) return 'watch';
  const isHidden = ({metadata}: Made) =>
    url.searchParams.get('fieldSelector') === 'metadata.namespace!=kube-node-lease' &&
    metadata.namespace === 'kube-node-lease';
  const items = own.filter(each => !isHidden(each)).map(stored);
  return {status: 200, body: {metadata: {resourceVersion: '1000'}, items}};
}

/** What the API server adds to an object. */
const stored = (object: Made, at: number) => ({
  ...object,
  metadata: {
    uid: `uid-of-${object.kind}-${object.metadata.name}`,
    resourceVersion: `${at + 1}`,
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...object.metadata,
  },
});

function partsOf(pathname: string, root: string) {
  if (!pathname.startsWith(`${root}/`)) return undefined;
  const parts = pathname.slice(root.length + 1).split('/');
  if (parts[0] === 'namespaces' && parts.length > 2)
    return {namespace: parts[1], plural: parts[2], name: parts[3]};
  return {namespace: undefined, plural: parts[0], name: parts[1]};
}

function discovery({pathname}: URL): Reply {
  const resources = SERVED.filter(({root}) => root === pathname).map(({plural, kind, namespaced}) => ({
    name: plural,
    kind,
    namespaced,
    verbs: ['get', 'list', 'watch'],
  }));
  if (resources.length > 0) return {status: 200, body: {resources}};
  return refusal(404, 'the server could not find the requested resource');
}

function single({plural}: Resource, name: string, own: readonly Made[]): Reply {
  const found = own.map(stored).find(({metadata}) => metadata.name === name);
  return found ? {status: 200, body: found} : refusal(404, `${plural} "${name}" not found`);
}

const REASONS: Readonly<Record<number, string>> = {401: 'Unauthorized', 403: 'Forbidden', 404: 'NotFound'};

const refusal = (status: number, message: string): Reply => ({
  status,
  body: {kind: 'Status', code: status, reason: REASONS[status] ?? '', message},
});
