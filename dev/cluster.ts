/** The command behind `make cluster-up` and `make cluster-down`: one control plane that stays until it is told. */
import {copyFile, mkdir, rm, symlink} from 'node:fs/promises';
import path from 'node:path';
import {kubernetesVersion} from './controlplane/binaries.ts';
import {type Cluster, openCluster, removeCluster, startCluster} from './controlplane/cluster.ts';
import {toStderr} from './controlplane/process.ts';

const directory = path.join(import.meta.dirname, '..', '.cluster');
const name = 'leasepolicy';
const nodes = 3;
const exitCodes = {SIGHUP: 129, SIGINT: 130, SIGTERM: 143} as const;

/** Starts the cluster, or brings back what is down of it; an interrupt removes what it has begun. */
async function up(signal: AbortSignal): Promise<void> {
  const known = await openCluster(directory, name, toStderr);
  if (known) return bringBack(known);
  toStderr(`starting Kubernetes ${await kubernetesVersion()} with ${nodes} nodes ...`);
  const cluster = await startCluster({
    name,
    directory,
    components: 'all',
    nodes,
    outlivesProcess: true,
    signal,
  });
  try {
    await publish(cluster);
    signal.throwIfAborted();
  } catch (error) {
    await down();
    throw error;
  }
  sayHowToUse(`Kubernetes ${await kubernetesVersion()} is running with ${nodes} nodes.`);
}

async function bringBack(cluster: Cluster): Promise<void> {
  const missing = cluster.components.filter(component => cluster.pid(component) === undefined);
  await cluster.restart();
  await publish(cluster);
  sayHowToUse(missing.length > 0 ? `Brought back ${missing.join(', ')}.` : 'The cluster is running already.');
}

/** Puts kubeconfig and kubectl where they are easy to type. */
async function publish({kubeconfig, binaries}: Cluster): Promise<void> {
  await mkdir(path.join(directory, 'bin'), {recursive: true});
  await copyFile(kubeconfig, path.join(directory, 'kubeconfig'));
  await rm(path.join(directory, 'bin', 'kubectl'), {force: true});
  await symlink(binaries.kubectl, path.join(directory, 'bin', 'kubectl'));
}

function sayHowToUse(state: string): void {
  const bin = path.join(directory, 'bin');
  process.stdout.write(`${state} In the shell that is to use it:

  export KUBECONFIG=${path.join(directory, 'kubeconfig')}
  export PATH=${bin}:$PATH
  kubectl get nodes

It stays until "make cluster-down".
`);
}

async function down(): Promise<void> {
  await removeCluster(directory, name);
  await rm(directory, {recursive: true, force: true});
}

/** Runs the work with a signal that the first interrupt aborts, and takes the exit code from the interrupt. */
async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController();
  for (const [signal, code] of Object.entries(exitCodes)) {
    process.on(signal, () => {
      process.exitCode ??= code;
      controller.abort(new Error(`${signal}: the cluster that was being started is removed`));
    });
  }
  try {
    await work(controller.signal);
  } catch (error) {
    toStderr(error instanceof Error ? error.message : String(error));
    process.exitCode ??= 1;
  }
}

const command = process.argv[2];
if (command === 'up') {
  await interruptible(up);
} else if (command === 'down') {
  await down();
  process.stdout.write('The cluster is gone.\n');
} else {
  process.stderr.write('usage: node dev/cluster.ts up|down\n');
  process.exitCode = 2;
}
