/** The cluster of the demo: the one that KUBECONFIG names, or a control plane of its own that goes with the demo. */
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {ensureBinaries, kubernetesVersion} from '../controlplane/binaries.ts';
import {startCluster} from '../controlplane/cluster.ts';
import {type Finished, run} from '../controlplane/process.ts';
import {ROOT} from '../programs.ts';
import {narrator} from './narrator.ts';

const NODES = 3;
const NAMESPACES = ['demo-shop', 'demo-operator'];
const POLICY = 'demo';
export const CRDS = ['leasepolicies.leasepolicy.dev', 'leaseregistries.leasepolicy.dev'];

export type Place = {
  readonly kubeconfig: string;
  readonly kubectl: Kubectl;
  /** Removes what the demo made. Rejects with what is left. */
  leave(): Promise<void>;
};

/** Runs kubectl in the root of the tree, where a Ctrl-C does not reach it. An exit code other than 0 is a result. */
type Kubectl = (args: readonly string[], signal?: AbortSignal) => Promise<Finished>;

export function openPlace(signal: AbortSignal): Promise<Place> {
  const {KUBECONFIG} = process.env;
  return KUBECONFIG ? visit(KUBECONFIG, signal) : build(signal);
}

async function build(signal: AbortSignal): Promise<Place> {
  narrator.say(`Starting Kubernetes ${await kubernetesVersion()} on this machine, with ${NODES} nodes ...`);
  const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-demo-'));
  const discard = () => rm(directory, {recursive: true, force: true});
  try {
    const [name, report] = [`demo-${process.pid}`, narrator.say];
    const cluster = await startCluster({name, directory, components: 'all', nodes: NODES, report, signal});
    const {kubeconfig, binaries} = cluster;
    narrator.say('The API server, the controllers and the scheduler are real; kwok plays the nodes.');
    narrator.say(`To look around meanwhile: export KUBECONFIG=${kubeconfig}`);
    const leave = () => cluster.stop().finally(discard);
    // What kubectl remembers of an API is by address, and another cluster may have had this one before.
    return {
      kubeconfig,
      kubectl: kubectlOf(binaries.kubectl, kubeconfig, path.join(directory, 'kubectl-cache')),
      leave,
    };
  } catch (error) {
    await discard();
    throw error;
  }
}

async function visit(setting: string, signal: AbortSignal): Promise<Place> {
  narrator.say(`Using the cluster of KUBECONFIG=${setting}`);
  const files = setting.split(path.delimiter).filter(each => each !== '');
  const kubeconfig = files.map(each => path.resolve(each)).join(path.delimiter);
  const kubectl = kubectlOf(await installedKubectl(signal), kubeconfig);
  const names = (...what: string[]) => existing(kubectl, what, signal);
  const [namespaces, crds] = [await names('namespaces', ...NAMESPACES), await names('crd', ...CRDS)];
  const policies = crds.length === CRDS.length ? await names('leasepolicies') : [];
  const taken = [...namespaces, ...policies.filter(each => each.endsWith(`/${POLICY}`))];
  if (taken.length > 0) {
    throw new Error(
      `expected names that nobody uses, but the cluster has them already, perhaps from a demo that was killed: ` +
        `kubectl delete ${taken.join(' ')}`,
    );
  }
  if (policies.length > 0) {
    narrator.say(`The cluster has policies: the operators of the demo act on ${policies.join(' and ')} too.`);
  }
  const made = CRDS.filter(name => !crds.some(each => each.endsWith(`/${name}`)));
  return {kubeconfig, kubectl, leave: () => cleanUp(kubectl, made)};
}

/** The names of the objects that exist. Throws when the cluster does not answer. */
async function existing(kubectl: Kubectl, what: readonly string[], signal: AbortSignal): Promise<string[]> {
  const args = ['get', ...what, '--ignore-not-found', '-o', 'name', '--request-timeout=20s'];
  const {code, stdout, stderr} = await kubectl(args, signal);
  if (code === 0) return stdout.split('\n').filter(line => line !== '');
  const complaint = stderr.trim().split('\n').at(-1);
  throw new Error(`expected a cluster that answers, but kubectl said: ${complaint}`);
}

/** The kubectl that the person uses, which also knows how to log in; else the one that we build. */
async function installedKubectl(signal: AbortSignal): Promise<string> {
  try {
    await run('kubectl', ['version', '--client'], {signal});
    return 'kubectl';
  } catch {
    signal.throwIfAborted();
    return (await ensureBinaries(narrator.say, signal)).kubectl;
  }
}

function kubectlOf(program: string, kubeconfig: string, cache?: string): Kubectl {
  const env = {...process.env, KUBECONFIG: kubeconfig, ...(cache ? {KUBECACHEDIR: cache} : {})};
  return (args, signal) => run(program, args, {cwd: ROOT, env, detached: true, signal});
}

async function cleanUp(kubectl: Kubectl, crds: readonly string[]): Promise<void> {
  narrator.say('\nRemoving what the demo made in this cluster ...');
  const remove = (...what: string[]) => kubectl(['delete', ...what, '--ignore-not-found', '--timeout=60s']);
  // Fails when the demo ended before the CRDs were there, and then there is no policy.
  await remove('leasepolicies.leasepolicy.dev', POLICY);
  const results = [await remove('namespaces', ...NAMESPACES)];
  if (crds.length > 0) results.push(await remove('crd', ...crds));
  const failed = results.find(({code}) => code !== 0);
  if (failed) throw new Error(`the cluster is not clean again: ${failed.stderr.trim()}`);
}
