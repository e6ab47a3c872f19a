/** Drives kwokctl, which knows how to wire etcd, an API server and the rest together. */
import {readFile, writeFile} from 'node:fs/promises';
import path from 'node:path';
import type {Binaries} from './binaries.ts';
import type {ClusterOptions, Component} from './options.ts';
import {run} from './process.ts';

/** A cluster's name, its folder, and the programs that it is made of. */
export interface Place {
  readonly name: string;
  readonly home: string;
  readonly binaries: Binaries;
}

/** Reads are left out: they are most of the traffic, and what people ask is who wrote. */
const writesOnly = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{level: 'None', verbs: ['get', 'list', 'watch']}, {level: 'Metadata'}],
};

/** The gate alone is not enough: what assigns Leases reads candidates of this version. */
const COORDINATED = {
  featureGates: {CoordinatedLeaderElection: true},
  runtimeConfig: {'coordination.k8s.io/v1beta1': true},
};

const logTailLines = 15;

/** Writes the configuration that every later `kwokctl` call for this cluster uses. */
export async function writeConfig(place: Place, firstPort: number, options: ClusterOptions): Promise<void> {
  const auditPolicy = path.join(place.home, 'audit-policy.json');
  if (options.auditPolicy === true) await writeFile(auditPolicy, JSON.stringify(writesOnly));
  const policyFile =
    options.auditPolicy === true ? auditPolicy : options.auditPolicy && path.resolve(options.auditPolicy);
  const coordinated = options.coordinated ? COORDINATED : undefined;
  const config = {
    apiVersion: 'config.kwok.x-k8s.io/v1alpha1',
    kind: 'KwokctlConfiguration',
    options: {
      runtime: 'binary',
      // Otherwise etcd, which asks nobody for a password, listens on every network interface.
      bindAddress: '127.0.0.1',
      ...programPaths(place.binaries),
      ...ports(firstPort),
      ...disabled(options),
      kubeFeatureGates: settings({...coordinated?.featureGates, ...options.featureGates}),
      kubeRuntimeConfig: settings({...coordinated?.runtimeConfig, ...options.runtimeConfig}),
      kubeAuditPolicy: policyFile || '',
    },
    componentsPatches: [
      {name: 'kube-apiserver', extraArgs: extraArgs(options.apiServerFlags)},
      {name: 'kwok-controller', extraArgs: extraArgs(kwokFlags(options))},
    ],
  };
  await writeFile(configFile(place), JSON.stringify(config, null, 2));
}

/** Runs kwokctl for the cluster. Rejects with what it printed, and the API server's last words, when it fails. */
export async function kwokctl(place: Place, args: readonly string[], signal?: AbortSignal): Promise<void> {
  const all = [...args, '--name', place.name, '--config', configFile(place)];
  // In a session of its own: a Ctrl-C in between two components would leave one that nobody knows of.
  const {code, stderr} = await run(place.binaries.kwokctl, all, {
    detached: true,
    env: environment(place),
    signal,
  });
  if (code === 0) return;
  throw new Error(`kwokctl ${args.join(' ')}: ${stderr.trim()}\n${await logTail(place, 'kube-apiserver')}`);
}

/** The last lines of a component's log. */
export async function logTail({home, name}: Place, component: Component): Promise<string> {
  const file = path.join(home, 'clusters', name, 'logs', `${component}.log`);
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-logTailLines).join('\n');
}

function configFile({home}: Place): string {
  return path.join(home, 'kwokctl.json');
}

/** The user's own KWOK_ variables would change what we ask for. */
function environment({home, binaries}: Place): NodeJS.ProcessEnv {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('KWOK_'));
  const searchPath = `${path.dirname(binaries.kubectl)}${path.delimiter}${process.env.PATH}`;
  return {...Object.fromEntries(others), KWOK_WORKDIR: home, PATH: searchPath};
}

function programPaths(binaries: Binaries): Record<string, string> {
  return {
    etcdBinary: binaries.etcd,
    kubeApiserverBinary: binaries.kubeApiserver,
    kubeControllerManagerBinary: binaries.kubeControllerManager,
    kubeSchedulerBinary: binaries.kubeScheduler,
    kwokControllerBinary: binaries.kwok,
    kubectlBinary: binaries.kubectl,
  };
}

function ports(firstPort: number): Record<string, number> {
  return {
    kubeApiserverPort: firstPort,
    etcdPort: firstPort + 1,
    etcdPeerPort: firstPort + 2,
    kubeControllerManagerPort: firstPort + 3,
    kubeSchedulerPort: firstPort + 4,
    kwokControllerPort: firstPort + 5,
  };
}

function disabled({components}: ClusterOptions): {disable: Component[]} {
  return {
    disable: components === 'all' ? [] : ['kube-controller-manager', 'kube-scheduler', 'kwok-controller'],
  };
}

function kwokFlags({nodeLeaseSeconds}: ClusterOptions): Record<string, string> {
  return nodeLeaseSeconds === undefined ? {} : {'node-lease-duration-seconds': `${nodeLeaseSeconds}`};
}

function extraArgs(flags: Readonly<Record<string, string>> = {}): {key: string; value: string}[] {
  return Object.entries(flags).map(([key, value]) => ({key, value}));
}

function settings(values: Readonly<Record<string, boolean>> = {}): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}
