/** Starts and stops real control planes on this machine: plain processes, no containers. */
import {readdirSync} from 'node:fs';
import {mkdir, readFile, rm, rmdir, writeFile} from 'node:fs/promises';
import path from 'node:path';
import {setTimeout as delay} from 'node:timers/promises';
import {type Binaries, ensureBinaries} from './binaries.ts';
import {claim, keep, release} from './claims.ts';
import {kwokctl, logTail, type Place, writeConfig} from './kwokctl.ts';
import type {ClusterOptions, Component} from './options.ts';
import {
  hasEnded,
  type Report,
  type RunningProgram,
  run,
  runningPrograms,
  sendSignal,
  toStderr,
} from './process.ts';

export interface KubectlOptions {
  /** Given to kubectl's stdin. */
  readonly input?: string;
  /** Another file than the administrator's. */
  readonly kubeconfig?: string;
  /** Returns stdout whatever the exit code is. */
  readonly allowFailure?: boolean;
}

export interface Cluster {
  readonly name: string;
  /** The administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** The components that it has, running or not. */
  readonly components: readonly Component[];
  /** Path of the audit log, one JSON document per line; only with an audit policy. */
  readonly auditLog: string | undefined;
  readonly binaries: Binaries;
  /** Returns stdout. Rejects with an error that contains stderr when the exit code is not 0. */
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<string>;
  /** The process of a component, or undefined while it is down. */
  pid(component: Component): number | undefined;
  /**
   * Sends a signal to a component and, when it is one that ends a process, waits until the process is gone, at
   * most 60 s. Rejects when the component is not running.
   */
  kill(component: Component, signal: NodeJS.Signals): Promise<void>;
  /** Brings back the components that are down and waits until the API server is ready, at most 60 s. */
  restart(): Promise<void>;
  /** Ends every process of the cluster, whatever started it, and removes its files. May be called twice. */
  stop(): Promise<void>;
}

const patienceMilliseconds = 60_000;
const pollMilliseconds = 50;
const endingSignals: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP'];

/**
 * Starts a control plane and waits until it is ready: about 3 s for `api`, and for `all` until the nodes are
 * Ready too. What an earlier cluster of the same name left in the directory is removed first. When it fails it
 * leaves nothing behind, and rejects with the end of the log of the component that is to blame, or with the
 * signal's reason.
 */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const {name, directory, report = toStderr, signal} = options;
  const place = {name, home: homeOf(directory, name), binaries: await ensureBinaries(report, signal)};
  const claimed = await claim(place.home, clear, signal);
  try {
    await clear(place.home);
    await create(place, claimed.firstPort, options);
    if (options.outlivesProcess) await keep(claimed);
    return clusterAt(place, auditLogOf(place, options));
  } catch (error) {
    await removeCluster(directory, name);
    signal?.throwIfAborted(); // says more than what the abort made fail
    throw error;
  }
}

/** The cluster of that name, if one was started completely in the directory; its components may be down. */
export async function openCluster(
  directory: string,
  name: string,
  report: Report = toStderr,
): Promise<Cluster | undefined> {
  const home = homeOf(directory, name);
  const state = await readFile(stateFile(home), 'utf8').catch(() => undefined);
  if (state === undefined) return undefined;
  return clusterAt({name, home, binaries: await ensureBinaries(report)}, JSON.parse(state).auditLog);
}

/**
 * Ends every process of the cluster of that name, complete or not, and removes its files, and the directory as
 * well when nothing else is in it. Rejects when a process does not end.
 */
export async function removeCluster(directory: string, name: string): Promise<void> {
  const home = homeOf(directory, name);
  await clear(home);
  await release(home);
}

function homeOf(directory: string, name: string): string {
  return path.resolve(directory, name);
}

/** Exists once the start is complete. */
function stateFile(home: string): string {
  return path.join(home, 'state.json');
}

function auditLogOf({home, name}: Place, {auditPolicy}: ClusterOptions): string | undefined {
  return auditPolicy ? path.join(home, 'clusters', name, 'logs', 'audit.log') : undefined;
}

async function create(place: Place, firstPort: number, options: ClusterOptions): Promise<void> {
  const {signal} = options;
  await mkdir(place.home, {recursive: true});
  await writeConfig(place, firstPort, options);
  await kwokctl(
    place,
    ['create', 'cluster', '--kubeconfig', kubeconfigOf(place), '--timeout', '60s'],
    signal,
  );
  await ready(place, signal);
  if (options.components === 'all') await addNodes(place, options.nodes ?? 0, signal);
  await writeFile(stateFile(place.home), JSON.stringify({auditLog: auditLogOf(place, options)}));
}

async function addNodes(place: Place, count: number, signal?: AbortSignal): Promise<void> {
  const wait = (args: string[]) => kubectl(place, ['wait', '--timeout=60s', ...args], {signal});
  if (count > 0) {
    await kwokctl(place, ['scale', 'node', '--replicas', String(count)], signal);
    await wait(['--for=condition=Ready', 'node', '--all']);
  }
  // Before this exists, no Pod can be made in the namespace.
  await wait(['--for=create', '--namespace=default', 'serviceaccount/default']);
}

function clusterAt(place: Place, auditLog: string | undefined): Cluster {
  const {name, home, binaries} = place;
  return {
    name,
    binaries,
    auditLog,
    kubeconfig: kubeconfigOf(place),
    components: componentsOf(place),
    kubectl: (args, options) => kubectl(place, args, options),
    pid: component => pidOf(place, component),
    kill: (component, signal) => kill(place, component, signal),
    restart: () => restart(place),
    stop: () => removeCluster(path.dirname(home), name),
  };
}

function kubeconfigOf({home}: Place): string {
  return path.join(home, 'kubeconfig');
}

async function kubectl(
  place: Place,
  args: readonly string[],
  options: KubectlOptions & {signal?: AbortSignal | undefined} = {},
): Promise<string> {
  const kubeconfig = options.kubeconfig ?? kubeconfigOf(place);
  // What it remembers of an API is by address, and another cluster may have had our address before.
  const env = {...process.env, KUBECACHEDIR: path.join(place.home, 'kubectl-cache')};
  const all = ['--kubeconfig', kubeconfig, ...args];
  const {code, stdout, stderr} = await run(place.binaries.kubectl, all, {...options, env});
  if (code !== 0 && !options.allowFailure) throw new Error(`kubectl ${args.join(' ')}: ${stderr.trim()}`);
  return stdout;
}

/** kwokctl links every component's program into a folder of the cluster. */
function programFolder({home, name}: Place): string {
  return path.join(home, 'clusters', name, 'bin');
}

function componentsOf(place: Place): Component[] {
  return readdirSync(programFolder(place)) as Component[];
}

/**
 * Goes by the path of the running program and not by kwokctl's pid files: after a crash, a pid may by now
 * belong to a stranger.
 */
function pidOf(place: Place, component: Component): number | undefined {
  const program = path.join(programFolder(place), component);
  return runningPrograms().find(({commandLine}) => commandLine.startsWith(`${program} `))?.pid;
}

async function kill(place: Place, component: Component, signal: NodeJS.Signals): Promise<void> {
  const pid = pidOf(place, component);
  if (pid === undefined) throw new Error(`${component} of the cluster ${place.name} is not running`);
  sendSignal(pid, signal);
  if (!endingSignals.includes(signal)) return;
  await until(() => hasEnded(pid), `${component} (process ${pid}) did not end on ${signal}`);
}

async function restart(place: Place): Promise<void> {
  const down = componentsOf(place).filter(component => pidOf(place, component) === undefined);
  await start(place, down);
  if (down.includes('kwok-controller')) await handOverNodes(place);
}

async function start(place: Place, down: readonly Component[]): Promise<void> {
  await removePids(place, down);
  await kwokctl(place, ['start', 'cluster', '--timeout', '60s']);
  await ready(place);
}

/** kwokctl takes a component for running while any process has its pid, be it one that was never reaped. */
async function removePids(place: Place, down: readonly Component[]): Promise<void> {
  const folder = path.join(place.home, 'clusters', place.name, 'pids');
  await Promise.all(down.map(component => rm(path.join(folder, `${component}.pid`), {force: true})));
}

/**
 * A kwok that finds its nodes' Leases held by its predecessor leaves the nodes alone for a minute, and their Pods
 * pending. So the Leases go, which needs a running API server, and then kwok starts once more.
 */
async function handOverNodes(place: Place): Promise<void> {
  await kill(place, 'kwok-controller', 'SIGKILL');
  await kubectl(place, ['delete', 'leases', '--all', '--namespace=kube-node-lease']);
  await start(place, ['kwok-controller']);
}

/** kwokctl's own wait ends with success when the time is over, and knows nothing of /readyz. */
async function ready(place: Place, signal?: AbortSignal): Promise<void> {
  const isReady = async () => {
    const down = componentsOf(place).find(component => pidOf(place, component) === undefined);
    if (down)
      throw new Error(`${down} of the cluster ${place.name} has ended:\n${await logTail(place, down)}`);
    const answer = await kubectl(place, ['get', '--raw', '/readyz'], {allowFailure: true, signal});
    return answer === 'ok';
  };
  await until(isReady, `the API server of the cluster ${place.name} is not ready after 60 s`);
}

/** Ends whatever runs from or for `home`, and removes it, with the folder around it when that is empty now. */
async function clear(home: string): Promise<void> {
  const noneLeft = () => {
    const left = programsOf(home);
    for (const {pid} of left) sendSignal(pid, 'SIGKILL');
    return left.length === 0;
  };
  await until(noneLeft, `processes of ${home} do not end`);
  await rm(home, {recursive: true, force: true});
  await rmdir(path.dirname(home)).catch(() => {});
}

/** The components, and a kwokctl that is about to start some; no editor or kubectl that has a file open there. */
function programsOf(home: string): RunningProgram[] {
  return runningPrograms().filter(
    ({commandLine}) =>
      commandLine.startsWith(`${path.join(home, 'clusters')}${path.sep}`) ||
      (commandLine.includes('/kwokctl ') && commandLine.includes(` --config ${home}${path.sep}`)),
  );
}

async function until(condition: () => boolean | Promise<boolean>, complaint: string): Promise<void> {
  const deadline = performance.now() + patienceMilliseconds;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(complaint);
    await delay(pollMilliseconds);
  }
}
