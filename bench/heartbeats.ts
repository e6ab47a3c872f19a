/** What heartbeats of nodes cost: without a policy of nodes, with one, and beside a controller-runtime operator. */
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {buildGoProgram} from '../dev/controlplane/binaries.ts';
import {type Cluster, startCluster} from '../dev/controlplane/cluster.ts';
import {operatorCommand, ROOT} from '../dev/programs.ts';
import {circumstances, median, note, ROUNDS, run} from './measure.ts';

const NODES = Number(process.env.BENCH_NODES ?? '5000');
const RENEWALS_PER_SECOND = 500;
const SECONDS = Number(process.env.BENCH_SECONDS ?? '30');

const POLICY = path.join(ROOT, 'config/policies/system/nodes.yaml');

type Figures = {cpuPercent: number; cpuMicrosPerRenewal: number; rssMiB: number; peakRssMiB: number};
type Contender = {who: string; command: string[]; hasPolicy: boolean};

/** Measures renewals of node Leases, and prints a table. */
export async function measureHeartbeats(harness: string): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'leasepolicy-bench-'));
  const list = await contenders();
  const figures = new Map<string, Figures[]>(list.map(({who}) => [who, []]));
  try {
    const cluster = await startCluster({
      name: 'bench-heartbeats',
      directory,
      components: 'api',
      report: note,
    });
    try {
      await prepare(cluster);
      for (let round = 1; round <= ROUNDS; round++) {
        for (const contender of list) {
          note(`heartbeats, ${contender.who}: round ${round} of ${ROUNDS}`);
          figures.get(contender.who)?.push(await measure(contender, harness, cluster, directory));
        }
      }
    } finally {
      await cluster.stop();
    }
  } finally {
    await rm(directory, {recursive: true, force: true});
  }
  print(figures);
}

async function contenders(): Promise<Contender[]> {
  const yardstick = await buildGoProgram(path.join(ROOT, 'bench/controller-runtime'), 'controller-runtime');
  const command = [...(await operatorCommand()), '--http-port', '0', '--log-format', 'json'];
  return [
    {who: 'leasepolicy, no policy of nodes', command, hasPolicy: false},
    {who: 'leasepolicy, a policy of nodes', command, hasPolicy: true},
    {who: 'controller-runtime, watching Leases', command: [yardstick, '-workers', '64'], hasPolicy: false},
  ];
}

async function measure(
  {who, command, hasPolicy}: Contender,
  harness: string,
  cluster: Cluster,
  directory: string,
): Promise<Figures> {
  const verb = hasPolicy ? ['apply', '-f'] : ['delete', '--ignore-not-found', '-f'];
  await cluster.kubectl([...verb, POLICY]);
  const log = path.join(directory, `${who.replaceAll(/\W+/g, '-')}.log`);
  const load = ['-n', `${NODES}`, '-rate', `${RENEWALS_PER_SECOND}`, '-for', `${SECONDS}s`];
  const result = await run<Figures & {seconds?: number}>(
    harness,
    ['beat', ...load, '-log', log, '--', ...command],
    cluster.kubeconfig,
  );
  return result as Figures;
}

async function prepare(cluster: Cluster): Promise<void> {
  await cluster.kubectl(['apply', '-f', path.join(ROOT, 'crds')]);
  await cluster.kubectl(['wait', '--for=condition=Established', 'crd/leasepolicies.leasepolicy.dev']);
  await cluster.kubectl(['create', 'namespace', 'leasepolicy-system']);
}

function print(figures: ReadonlyMap<string, readonly Figures[]>): void {
  process.stdout.write(`\n${circumstances()}\n`);
  process.stdout.write(
    `${NODES} nodes, of which ${RENEWALS_PER_SECOND} a second renew their Lease, for ${SECONDS} s.\n\n`,
  );
  process.stdout.write(
    '| | CPU, % of a core | CPU µs per renewal | RSS MiB | peak MiB |\n|---|---|---|---|---|\n',
  );
  for (const [who, list] of figures) {
    const cell = (key: keyof Figures, digits: number) => median(list.map(row => row[key])).toFixed(digits);
    const cells = [
      cell('cpuPercent', 1),
      cell('cpuMicrosPerRenewal', 1),
      cell('rssMiB', 1),
      cell('peakRssMiB', 1),
    ];
    process.stdout.write(`| ${who} | ${cells.join(' | ')} |\n`);
  }
}
