/** How fast Leases are made from nothing, beside a controller-runtime operator and the API server's limit. */
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {buildGoProgram} from '../dev/controlplane/binaries.ts';
import {type Cluster, startCluster} from '../dev/controlplane/cluster.ts';
import {operatorCommand, ROOT} from '../dev/programs.ts';
import {circumstances, median, note, ROUNDS, run} from './measure.ts';

const NAMESPACES = 50;
const SIZES = (process.env.BENCH_SIZES ?? '5000,20000').split(',').map(Number);

const POLICY = `
apiVersion: leasepolicy.dev/v1alpha1
kind: LeasePolicy
metadata: {name: bench}
spec:
  subjects: {workloads: {namespaceSelector: {matchLabels: {bench: "true"}}}}
  naming: {prefix: bench}
`;

/** The own Lease of the operator, made beforehand: the harness counts every Lease that is made. */
const OWN_LEASE = `
apiVersion: v1
kind: Namespace
metadata: {name: leasepolicy-system}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: leasepolicy-d704b00044, namespace: leasepolicy-system}
`;

/** What the operator leaves in the API server would check the Leases of the others. */
const ADMISSION = 'validatingadmissionpolicybindings,validatingadmissionpolicies';
const OURS = 'app.kubernetes.io/managed-by=leasepolicy';

type Row = {
  who: string;
  n: number;
  seconds: number;
  cpuSeconds: number;
  settledCpuSeconds: number;
  rssMiB: number;
  peakRssMiB: number;
};

type Contender = {who: string; command: string[]};

/** Measures making Leases from nothing, and prints a table. */
export async function measureScale(harness: string): Promise<void> {
  const yardstick = await buildGoProgram(path.join(ROOT, 'bench/controller-runtime'), 'controller-runtime');
  const operator = await operatorCommand();
  const contenders: Contender[] = [
    {who: 'leasepolicy', command: [...operator, '--http-port', '0', '--log-format', 'json']},
    {who: 'controller-runtime, 64 workers', command: [yardstick, '-workers', '64']},
  ];
  const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-bench-'));
  const rows: Row[] = [];
  try {
    for (const n of SIZES) rows.push(...(await measure(n, harness, contenders, directory)));
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
  print(rows);
}

/** A fresh control plane for each size, so that one size does not inherit the other's history. */
async function measure(
  n: number,
  harness: string,
  contenders: Contender[],
  directory: string,
): Promise<Row[]> {
  const cluster = await startCluster({name: `bench-${n}`, directory, components: 'api', report: note});
  try {
    await prepare(cluster);
    const bench = (...args: string[]) => run<Row>(harness, args, cluster.kubeconfig);
    note(`${n}: making Deployments`);
    await bench('seed', '-n', `${n}`, '-namespaces', `${NAMESPACES}`);
    const rows: Row[] = [];
    for (let round = 1; round <= ROUNDS; round++) {
      note(`${n}: round ${round} of ${ROUNDS}`);
      const raw = await bench('raw', '-n', `${n}`, '-namespaces', `${NAMESPACES}`);
      rows.push({...EMPTY, who: 'raw creation, the limit', n, seconds: raw.seconds ?? Number.NaN});
      await bench('wipe');
      for (const {who, command} of contenders) {
        const log = path.join(directory, `${who.replaceAll(/\W+/g, '-')}.log`);
        const result = await bench('run', '-n', `${n}`, '-log', log, '--', ...command);
        rows.push({...EMPTY, ...result, who, n});
        await cluster.kubectl(['delete', ADMISSION, '--selector', OURS]);
        await bench('wipe');
      }
    }
    return rows;
  } finally {
    await cluster.stop();
  }
}

const EMPTY = {
  seconds: Number.NaN,
  cpuSeconds: Number.NaN,
  settledCpuSeconds: Number.NaN,
  rssMiB: Number.NaN,
  peakRssMiB: Number.NaN,
};

async function prepare(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['apply', '-f', path.join(ROOT, 'crds')]);
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd/leasepolicies.leasepolicy.dev']);
  await cluster.kubectl(['apply', '-f', '-'], {input: POLICY});
  await cluster.kubectl(['apply', '-f', '-'], {input: OWN_LEASE});
}

function print(rows: Row[]): void {
  process.stdout.write(`\n${circumstances()}\n\n`);
  process.stdout.write('| Deployments | | seconds | CPU s | CPU s when settled | RSS MiB | peak MiB |\n');
  process.stdout.write('|---|---|---|---|---|---|---|\n');
  for (const n of SIZES) {
    for (const who of new Set(rows.map(row => row.who))) {
      const mine = rows.filter(row => row.n === n && row.who === who);
      const cell = (key: keyof typeof EMPTY, digits: number) => {
        const value = median(mine.map(row => row[key]));
        return Number.isNaN(value) ? '' : value.toFixed(digits);
      };
      const cells = [
        cell('seconds', 1),
        cell('cpuSeconds', 2),
        cell('settledCpuSeconds', 2),
        cell('rssMiB', 0),
        cell('peakRssMiB', 0),
      ];
      process.stdout.write(`| ${n} | ${who} | ${cells.join(' | ')} |\n`);
    }
  }
}
