/** The installation as an administrator makes it, on a real control plane. */
import {readFileSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {parseAllDocuments} from 'yaml';
import {ensureBinaries} from '../../dev/controlplane/binaries.ts';
import {type Cluster, startCluster} from '../../dev/controlplane/cluster.ts';
import {run} from '../../dev/controlplane/process.ts';
import {leading, type Program, startOperator} from '../../dev/programs.ts';
import type {WorkloadPolicySpec} from '../../src/api/leasepolicy.ts';
import {ownLeaseName, PRODUCT_VERSION} from '../../src/config.ts';
import {compile} from '../../src/core/naming/rules.ts';
import {eventually} from '../support/eventually.ts';
import {everything, lines} from '../support/inventory.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const DEFAULT = path.join(ROOT, 'config', 'default');
const SAMPLES = path.join(ROOT, 'config', 'samples');

type Manifest = {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    uid?: string;
    generation?: number;
    labels?: Record<string, string>;
  };
};
type Rendered = Manifest & {rules: {resourceNames?: string[]}[]; spec: {template: PodTemplate}};
type List<T> = {items: (Manifest & T)[]};
type Container = {image: string; securityContext?: object; env: {name: string; value?: string}[]};
type PodTemplate = {metadata: object; spec: {securityContext?: object; containers: [Container]}};

async function clusterOf(t: ExecutionContext, components: 'api' | 'all'): Promise<Cluster> {
  const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-install-'));
  t.teardown(() => rm(directory, {recursive: true, force: true}));
  const nodes = components === 'all' ? {nodes: 2} : {};
  const cluster = await startCluster({name: `install-${components}`, directory, components, ...nodes});
  t.teardown(() => cluster.stop());
  return cluster;
}

async function json<T>(cluster: Cluster, ...args: string[]): Promise<T> {
  return JSON.parse(await cluster.kubectl([...args, '--output=json']));
}

/** The answer of `kubectl auth can-i`, which exits with 1 for no. */
async function mayI(cluster: Cluster, user: string, verb: string, resource: string): Promise<boolean> {
  const args = ['auth', 'can-i', verb, resource, '--namespace=default', `--as=${user}`];
  return (await cluster.kubectl(args, {allowFailure: true})).trim() === 'yes';
}

test('one command installs all of it, and one removes all that it installed', async t => {
  t.timeout(240_000);
  const cluster = await clusterOf(t, 'all');
  const before = await everything(cluster);

  const installed = lines(await cluster.kubectl(['apply', `--kustomize=${DEFAULT}`]));
  t.true(installed.length > 10);
  t.deepEqual(
    installed.filter(line => !line.endsWith(' created')),
    [],
  );
  await cluster.kubectl([
    'wait',
    '--for=condition=Established',
    '--timeout=30s',
    'crd',
    'leasepolicies.leasepolicy.dev',
    'leaseregistries.leasepolicy.dev',
  ]);
  const rollout = ['rollout', 'status', 'deployment/leasepolicy', '--timeout=60s'];
  await cluster.kubectl([...rollout, '--namespace=leasepolicy-system']);
  await runsApart(t, cluster);
  await showsPoliciesToViewersAlone(t, cluster);

  const again = lines(await cluster.kubectl(['apply', `--kustomize=${DEFAULT}`]));
  // kubectl says "configured" of every PodDisruptionBudget: it replaces the selector as a whole.
  const changed = again.filter(
    line => !line.endsWith(' unchanged') && !line.startsWith('poddisruptionbudget'),
  );
  t.deepEqual(changed, [], 'a second time changes nothing');

  await cluster.kubectl(['delete', `--kustomize=${DEFAULT}`, '--ignore-not-found', '--timeout=120s']);
  const left = (await everything(cluster)).filter(name => !before.includes(name));
  t.deepEqual(left, [], 'nothing is left');
});

test('an uninstallation without the operator leaves nothing in force, however young the CRDs are', async t => {
  t.timeout(240_000);
  const cluster = await clusterOf(t, 'all');
  await strictWithoutOperator(t, cluster);
  // The garbage collector learns of new kinds twice a minute: now that LeasePolicy is gone again it may never, and what
  // a policy owns stays. What ends all of it is owned by a ClusterRole.
  await cluster.kubectl(['delete', `--kustomize=${DEFAULT}`, '--ignore-not-found', '--timeout=120s']);
  await eventually('no binding is left', async () => (await ours(cluster, BINDINGS)).length === 0, 60_000);
  await eventually('a Lease is taken again', async () => (await refusedLease(cluster)) === '');
  t.pass();
});

test('bindings that an operator without an installation made are handed over to the installation', async t => {
  t.timeout(120_000);
  const cluster = await clusterOf(t, 'api');
  await cluster.kubectl(['apply', `--kustomize=${DEFAULT}`]);
  const owners = async () => {
    const kinds = '{range .items[*]}{.metadata.ownerReferences[*].kind}{"\\n"}{end}';
    const selector = '--selector=app.kubernetes.io/managed-by=leasepolicy';
    const query = ['get', BINDINGS.join(','), selector, `--output=jsonpath=${kinds}`];
    return [...new Set(lines(await cluster.kubectl(query)))];
  };
  await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
  const elder = await operatorOf(t, cluster, []);
  await cluster.kubectl(['apply', '--filename=-'], {input: JSON.stringify(policyOf('strict', 'Deny'))});
  await eventually('the policy owns the bindings', async () => `${await owners()}` === 'LeasePolicy');
  t.is(await elder.stop(), 0);

  await operatorOf(t, cluster);
  // Two owners would both have to go.
  await eventually('the ClusterRole alone owns them', async () => `${await owners()}` === 'ClusterRole');
});

test('a policy that is deleted while the operator is down is not in force any more, and its bindings go when it is back', async t => {
  t.timeout(240_000);
  const cluster = await clusterOf(t, 'all');
  await strictWithoutOperator(t, cluster);
  await cluster.kubectl(['delete', 'leasepolicy', 'strict']);
  await eventually('a Lease is taken again', async () => (await refusedLease(cluster)) === '', 90_000);
  t.true((await ours(cluster, BINDINGS)).length > 0, 'a binding without its policy does nothing');

  await operatorOf(t, cluster);
  await eventually('nothing is left', async () => (await ours(cluster)).length === 0);
});

/** An installation with a policy in force, whose operator is gone. */
async function strictWithoutOperator(t: ExecutionContext, cluster: Cluster): Promise<void> {
  await cluster.kubectl(['apply', `--kustomize=${DEFAULT}`]);
  await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
  const operator = await operatorOf(t, cluster);
  await cluster.kubectl(['apply', '--filename=-'], {input: JSON.stringify(policyOf('strict', 'Deny'))});
  await eventually('names are enforced', async () =>
    /no policy allows Lease intruder/.test(await refusedLease(cluster)),
  );
  await operator.stop('SIGKILL');
}

async function operatorOf(
  t: ExecutionContext,
  {kubeconfig}: Cluster,
  flags = ['--installation=leasepolicy-operator'],
): Promise<Program> {
  const operator = await startOperator(kubeconfig, flags);
  t.teardown(() => operator.stop('SIGKILL'));
  await operator.line('leading', leading);
  return operator;
}

const policyOf = (name: string, names: string) => ({
  apiVersion: 'leasepolicy.dev/v1alpha1',
  kind: 'LeasePolicy',
  metadata: {name},
  spec: {subjects: {workloads: {}}, naming: {prefix: name}, enforcement: {names}},
});

const BINDINGS = ['validatingadmissionpolicybindings', 'mutatingadmissionpolicybindings'];
const RENDERED = [...BINDINGS, 'validatingadmissionpolicies', 'mutatingadmissionpolicies'];

/** What is rendered from policies. */
async function ours(cluster: Cluster, kinds = RENDERED): Promise<string[]> {
  const selector = '--selector=app.kubernetes.io/managed-by=leasepolicy';
  return lines(await cluster.kubectl(['get', kinds.join(','), selector, '--output=name']));
}

/** What the API server says to a Lease that no policy allows, or nothing when it takes it. */
async function refusedLease(cluster: Cluster): Promise<string> {
  const lease = {apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: {name: 'intruder'}};
  const create = ['create', '--namespace=default', '--dry-run=server', '--filename=-'];
  try {
    await cluster.kubectl(create, {input: JSON.stringify(lease)});
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

async function runsApart(t: ExecutionContext, cluster: Cluster): Promise<void> {
  const pods = await json<List<{spec: {nodeName: string}}>>(
    cluster,
    'get',
    'pods',
    '--namespace=leasepolicy-system',
  );
  t.is(new Set(pods.items.map(pod => pod.spec.nodeName)).size, 2, 'two replicas on two nodes');
}

async function showsPoliciesToViewersAlone(t: ExecutionContext, cluster: Cluster): Promise<void> {
  for (const role of ['view', 'edit', 'admin']) {
    const binding = ['create', 'rolebinding', `${role}-here`, `--clusterrole=${role}`, `--user=${role}`];
    await cluster.kubectl([...binding, '--namespace=default']);
  }
  const registries = 'leaseregistries.leasepolicy.dev';
  await eventually('the role view knows the registries', () => mayI(cluster, 'view', 'list', registries));
  for (const verb of ['create', 'update', 'patch', 'delete']) {
    for (const role of ['view', 'edit', 'admin']) {
      t.false(await mayI(cluster, role, verb, registries), `${role} may not ${verb} registries`);
    }
  }
  t.false(await mayI(cluster, 'nobody', 'list', registries));
  await cluster.kubectl([
    'delete',
    'rolebinding',
    'view-here',
    'edit-here',
    'admin-here',
    '--namespace=default',
  ]);
}

test('the Pods are as restricted as their namespace demands', async t => {
  t.timeout(120_000);
  const cluster = await clusterOf(t, 'api');
  await cluster.kubectl(['apply', `--kustomize=${DEFAULT}`]);
  const {spec} = await json<{spec: {template: PodTemplate}}>(
    cluster,
    'get',
    'deployment',
    'leasepolicy',
    '--namespace=leasepolicy-system',
  );
  const {template} = spec;
  t.is(await refusal(cluster, template), '');

  const warned = await run(cluster.binaries.kubectl, [
    ...[`--kubeconfig=${cluster.kubeconfig}`, 'apply', '--dry-run=server', `--kustomize=${DEFAULT}`],
  ]);
  t.is(warned.code, 0);
  t.notRegex(warned.stderr, /PodSecurity|would violate/);

  const {securityContext: _, ...open} = template.spec;
  const [container] = template.spec.containers;
  const holding = (securityContext: object) => ({
    ...template.spec,
    containers: [{...container, securityContext: {...container.securityContext, ...securityContext}}],
  });
  for (const [what, spec] of Object.entries({
    'without the context of the Pod': open,
    'as root': {...template.spec, securityContext: {...template.spec.securityContext, runAsUser: 0}},
    'without seccomp': {...template.spec, securityContext: {runAsNonRoot: true}},
    privileged: holding({privileged: true, allowPrivilegeEscalation: true}),
    'that gains rights': holding({allowPrivilegeEscalation: true}),
    'with a capability': holding({capabilities: {add: ['NET_ADMIN'], drop: ['ALL']}}),
    'that keeps capabilities': holding({capabilities: {}}),
    'on the network of the node': {...template.spec, hostNetwork: true},
    'with a folder of the node': {...template.spec, volumes: [{name: 'root', hostPath: {path: '/'}}]},
  }))
    t.regex(
      await refusal(cluster, {...template, spec}),
      /violates PodSecurity "restricted:latest"/,
      `a Pod ${what}`,
    );
});

test('the Pods have a root file system that is read-only, no volumes, and no more of the node than they need', async t => {
  const [deployment] = (await rendered()).filter(each => each.kind === 'Deployment');
  const {spec = undefined} = deployment?.spec.template ?? {};
  t.like(spec, {automountServiceAccountToken: true, enableServiceLinks: false});
  for (const key of ['volumes', 'hostNetwork', 'hostPID', 'hostIPC', 'hostUsers', 'initContainers'])
    t.false(key in (spec ?? {[key]: ''}), key);
  const [container, ...others] = spec?.containers ?? [];
  t.deepEqual(others, []);
  t.like(container?.securityContext, {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false});
  for (const key of ['volumeMounts', 'envFrom', 'command', 'args', 'lifecycle'])
    t.false(key in (container ?? {[key]: ''}), key);
});

test('every namespace of the installation demands restricted Pods', async t => {
  const namespaces = (await rendered()).filter(each => each.kind === 'Namespace');
  t.is(namespaces.length, 1);
  for (const {metadata} of namespaces)
    for (const mode of ['enforce', 'audit', 'warn'])
      t.is(metadata.labels?.[`pod-security.kubernetes.io/${mode}`], 'restricted', `${metadata.name} ${mode}`);
});

test('the NetworkPolicy is for the Pods of the operator: in to the metrics, out to the API server and DNS', async t => {
  const objects = await rendered();
  const spec = objects.find(each => each.kind === 'NetworkPolicy')?.spec as unknown as
    | NetworkPolicySpec
    | undefined;
  const {podSelector, policyTypes, ingress, egress} = spec ?? NO_NETWORK;
  t.deepEqual([...policyTypes].sort(), ['Egress', 'Ingress']);
  const deployment = objects.find(each => each.kind === 'Deployment');
  const {labels = {}} = (deployment?.spec.template.metadata ?? {}) as {labels?: Record<string, string>};
  t.deepEqual(
    Object.entries(podSelector.matchLabels).filter(([key, value]) => labels[key] !== value),
    [],
  );
  const ports = (rules: NetworkPolicySpec['ingress']) =>
    rules.flatMap(each => each.ports).map(each => `${each.protocol} ${each.port}`);
  t.deepEqual(ports(ingress), ['TCP 8080']);
  t.deepEqual(ports(egress), ['TCP 443', 'TCP 6443', 'TCP 53', 'UDP 53']);
});

type NetworkPolicySpec = {
  podSelector: {matchLabels: Record<string, string>};
  policyTypes: string[];
  ingress: {ports: {protocol: string; port: number}[]}[];
  egress: {ports: {protocol: string; port: number}[]}[];
};

const NO_NETWORK: NetworkPolicySpec = {
  podSelector: {matchLabels: {}},
  policyTypes: [],
  ingress: [],
  egress: [],
};

/** All that kubectl apply -k config/default sends. */
async function rendered(): Promise<Rendered[]> {
  const {kubectl} = await ensureBinaries();
  const {stdout} = await run(kubectl, ['kustomize', DEFAULT]);
  return parseAllDocuments(stdout).map(each => each.toJS() as Rendered);
}

/** Why the API server refuses a Pod of this template, or nothing. */
async function refusal(
  cluster: Cluster,
  {metadata, spec}: {metadata: object; spec: object},
): Promise<string> {
  const pod = {apiVersion: 'v1', kind: 'Pod', metadata: {...metadata, generateName: 'try-'}, spec};
  try {
    await cluster.kubectl(['create', '--namespace=leasepolicy-system', '--filename=-'], {
      input: JSON.stringify(pod),
    });
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

test('the manifests agree with the program', async t => {
  const objects = await rendered();
  const election = objects.find(each => each.kind === 'Role');
  const deployment = objects.find(each => each.kind === 'Deployment');
  const [container] = deployment?.spec.template.spec.containers ?? [];
  const name = deployment?.metadata.name ?? '';
  t.deepEqual(election?.rules[0]?.resourceNames, [ownLeaseName(name)]);
  t.is(container?.env.find(each => each.name === 'LEASEPOLICY_DEPLOYMENT_NAME')?.value, name);
  const installation = container?.env.find(each => each.name === 'LEASEPOLICY_INSTALLATION')?.value;
  const owner = objects.find(each => each.kind === 'ClusterRole' && each.metadata.name === installation);
  t.true(
    owner?.rules.some(({resourceNames}) => `${resourceNames}` === installation),
    'it may read its own role',
  );
  t.is(container?.image, `leasepolicy:${PRODUCT_VERSION}`);
  const [, ...flags] =
    /^ENTRYPOINT (.*)$/m
      .exec(readFileSync(path.join(ROOT, 'Dockerfile'), 'utf8'))
      ?.slice(1)
      .flatMap(list => JSON.parse(list) as string[]) ?? [];
  const {scripts} = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    scripts: {start: string};
  };
  t.deepEqual(
    flags.slice(0, -1),
    scripts.start.split(' ').slice(2, -1),
    'the image runs Node as npm start does',
  );
});

test('the samples are accepted, and a wrong one is refused with what to write instead', async t => {
  t.timeout(120_000);
  const cluster = await clusterOf(t, 'api');
  // As the operator's log advises; it must not trip over the Kustomization beside the manifests.
  await cluster.kubectl(['apply', `--filename=${path.join(ROOT, 'crds')}`]);
  await cluster.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd', '--all']);
  await cluster.kubectl(['apply', `--kustomize=${SAMPLES}`]);

  const {items} = await json<List<{spec: WorkloadPolicySpec}>>(cluster, 'get', 'leasepolicies');
  t.deepEqual(
    items.map(({metadata}) => metadata.name),
    ['audit', 'orders', 'payments', 'platform'],
  );
  for (const {metadata, spec} of items) {
    const problems = compile(metadata.name, metadata.generation ?? 0, spec);
    t.false(Array.isArray(problems), `${metadata.name}: ${problems}`);
  }

  const wrong = {spec: {naming: {hash: {of: ['name']}}}};
  await t.throwsAsync(
    cluster.kubectl(['patch', 'leasepolicy', 'platform', '--type=merge', `--patch=${JSON.stringify(wrong)}`]),
    {message: /add namespace to naming.hash.of, such as of: \[namespace, name\]/},
  );
});
