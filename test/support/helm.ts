/** Helm, away from whatever the user has configured for it, and what it renders. */
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {parseAllDocuments} from 'yaml';
import {ensureBinaries, kubernetesVersion} from '../../dev/controlplane/binaries.ts';
import {type Finished, run} from '../../dev/controlplane/process.ts';
import {ensureHelm} from '../../dev/helm/helm.ts';
import {ROOT} from '../../dev/programs.ts';

export const CHART = path.join(ROOT, 'charts', 'leasepolicy');
export const NAMING_CHART = path.join(ROOT, 'charts', 'leasepolicy-naming');

/** Any object of a manifest; each test knows what it looks for. */
export type Manifest = {
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: each kind has fields of its own
  [field: string]: any;
};

/** A file of tests asks for many at once: so many of them run. */
const LANES: Promise<unknown>[] = Array(4).fill(Promise.resolve());
let asked = 0;

/** Runs helm. Without a kubeconfig it reaches no cluster. */
export function helm(args: readonly string[], kubeconfig = '/dev/null'): Promise<Finished> {
  asked += 1;
  const lane = asked % LANES.length;
  const finished = (LANES[lane] ?? Promise.resolve()).then(() => runHelm(args, kubeconfig));
  LANES[lane] = finished.catch(() => {});
  return finished;
}

async function runHelm(args: readonly string[], kubeconfig: string): Promise<Finished> {
  const program = await ensureHelm();
  const home = await mkdtemp(path.join(tmpdir(), 'leasepolicy-helm-'));
  const homes = Object.fromEntries(
    ['CACHE', 'CONFIG', 'DATA'].map(each => [`HELM_${each}_HOME`, path.join(home, each)]),
  );
  const env = {...process.env, ...homes, KUBECONFIG: kubeconfig};
  try {
    return await run(program, args, {cwd: ROOT, env});
  } finally {
    await rm(home, {recursive: true, force: true});
  }
}

/** What helm prints. Throws with its complaint when it refuses. */
export async function helmPrints(args: readonly string[], kubeconfig?: string): Promise<string> {
  const {code, stdout, stderr} = await helm(args, kubeconfig);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

/** The flags by which helm takes the cluster to be of our version; a helm that was built from source takes it for 1.20. */
export const asOurVersion = async () => ['--kube-version', await kubernetesVersion()];

export type Release = {
  release?: string;
  namespace?: string;
  /** As for `--set-json`, by path. */
  set?: Readonly<Record<string, unknown>>;
  chart?: string;
};

/** The flags that say what to render or to install. */
export const releaseFlags = ({
  release = 'leasepolicy',
  namespace = 'leasepolicy-system',
  set = {},
  chart = CHART,
}: Release = {}) => [
  release,
  chart,
  '--namespace',
  namespace,
  ...Object.entries(set).flatMap(([key, value]) => ['--set-json', `${key}=${JSON.stringify(value)}`]),
];

/** What `helm template` answers. */
export const template = async (release: Release = {}) =>
  helm(['template', ...releaseFlags(release), ...(await asOurVersion())]);

/** The objects that `helm template` makes. */
export async function rendered(release: Release = {}): Promise<Manifest[]> {
  const {code, stdout, stderr} = await template(release);
  if (code !== 0) throw new Error(stderr);
  return objectsIn(stdout);
}

/** The objects that a kustomization makes. */
export async function kustomized(...folder: string[]): Promise<Manifest[]> {
  const {kubectl} = await ensureBinaries();
  const {code, stdout, stderr} = await run(kubectl, ['kustomize', path.join(ROOT, 'config', ...folder)]);
  if (code !== 0) throw new Error(stderr);
  return objectsIn(stdout);
}

/** As kubectl reads YAML. */
export const objectsIn = (text: string) =>
  parseAllDocuments(text, {version: '1.1'})
    .map(each => each.toJS() as Manifest | null)
    .filter(each => each !== null);

export const idOf = ({kind, metadata: {name}}: Manifest) => `${kind}/${name}`;

/** The variables of the operator's container. */
export function settingsOf(objects: readonly Manifest[]): Record<string, string | undefined> {
  const deployment = objects.find(each => each.kind === 'Deployment');
  const env: {name: string; value?: string}[] = deployment?.spec.template.spec.containers[0].env;
  return Object.fromEntries(env.map(({name, value}) => [name, value]));
}

/** All parts on, and each as it is by default. */
export const ALL_PARTS = {
  'flowControl.enabled': true,
  'monitoring.serviceMonitor.enabled': true,
  'monitoring.prometheusRule.enabled': true,
  'monitoring.dashboard.enabled': true,
  'systemPolicies.enabled': true,
};
