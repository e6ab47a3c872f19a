/** Finds or builds the programs of a real control plane. */
import {createHash} from 'node:crypto';
import {existsSync} from 'node:fs';
import {readdir, readFile} from 'node:fs/promises';
import path from 'node:path';
import {cacheFolder, type GoBuild, goBuild, requireGo} from './go.ts';
import {withLock} from './lock.ts';
import {type Report, toStderr} from './process.ts';

const module = import.meta.dirname;

/** Each program's file name, its main package, and the module whose version is the program's version. */
const programs = {
  etcd: ['etcd', 'go.etcd.io/etcd/server/v3', 'go.etcd.io/etcd/server/v3'],
  kubeApiserver: ['kube-apiserver', 'k8s.io/kubernetes/cmd/kube-apiserver', 'k8s.io/kubernetes'],
  kubeControllerManager: [
    'kube-controller-manager',
    'k8s.io/kubernetes/cmd/kube-controller-manager',
    'k8s.io/kubernetes',
  ],
  kubeScheduler: ['kube-scheduler', 'k8s.io/kubernetes/cmd/kube-scheduler', 'k8s.io/kubernetes'],
  kubectl: ['kubectl', 'k8s.io/kubernetes/cmd/kubectl', 'k8s.io/kubernetes'],
  kwok: ['kwok', 'sigs.k8s.io/kwok/cmd/kwok', 'sigs.k8s.io/kwok'],
  kwokctl: ['kwokctl', 'sigs.k8s.io/kwok/cmd/kwokctl', 'sigs.k8s.io/kwok'],
} as const;

type Program = keyof typeof programs;

/** The absolute path of each program. */
export type Binaries = Readonly<Record<Program, string>>;

/**
 * The programs of the control plane: those in $KUBEBUILDER_ASSETS come first, the others from a cache that is
 * filled once, in minutes, with Go. Safe to call at the same time from several processes.
 * Rejects with one sentence when Go is missing or too old, and with the compiler's output when a build fails.
 */
export async function ensureBinaries(report: Report = toStderr, signal?: AbortSignal): Promise<Binaries> {
  const goMod = await readFile(path.join(module, 'go.mod'), 'utf8');
  const folder = cacheFolder('controlplane', await cacheKey(goMod));
  const missing = () => programNames().filter(program => !existsSync(pathOf(program, folder)));
  if (missing().length > 0) {
    await withLock(`${folder}.lock`, () => buildAll(missing(), folder, goMod, report, signal), {
      signal,
      onWait: pid => report(`process ${pid} is building the control plane; waiting for it`),
    });
  }
  return Object.fromEntries(programNames().map(name => [name, pathOf(name, folder)])) as Binaries;
}

/** The version of Kubernetes that `ensureBinaries` builds, such as `v1.36.3`. */
export async function kubernetesVersion(): Promise<string> {
  return versionOf('k8s.io/kubernetes', await readFile(path.join(module, 'go.mod'), 'utf8'));
}

/**
 * Builds the main package in `moduleDirectory`, unless a build of the same sources is in the cache, and returns
 * the executable's path, whose last element is `name`. Sources are its go.mod, go.sum and *.go files.
 * Rejects as `ensureBinaries` does.
 */
export function buildGoProgram(
  moduleDirectory: string,
  name: string,
  report: Report = toStderr,
  signal?: AbortSignal,
): Promise<string> {
  return buildOnce({module: moduleDirectory, package: '.', title: name}, name, report, signal);
}

/**
 * Builds the one tool that the go.mod in `moduleDirectory` names, and returns the executable's path.
 * Its cache and its errors are those of `buildGoProgram`.
 */
export async function buildGoTool(
  moduleDirectory: string,
  report: Report = toStderr,
  signal?: AbortSignal,
): Promise<string> {
  const goMod = await readFile(path.join(moduleDirectory, 'go.mod'), 'utf8');
  const tool = /^tool (\S+)$/m.exec(goMod)?.[1];
  if (!tool) throw new Error(`the go.mod of ${path.basename(moduleDirectory)} names no tool`);
  const name = path.posix.basename(tool);
  const title = `${name}, which takes minutes once`;
  return buildOnce({module: moduleDirectory, package: tool, title}, name, report, signal);
}

async function buildOnce(
  build: Pick<GoBuild, 'module' | 'package' | 'title'>,
  name: string,
  report: Report,
  signal?: AbortSignal,
): Promise<string> {
  const folder = cacheFolder('programs', `${name}-${await sourceKey(build.module)}`);
  const output = path.join(folder, name);
  if (existsSync(output)) return output;
  await requireGo(build.module, signal);
  await withLock(`${folder}.lock`, () => goBuild({...build, output, ldflags: '-s -w'}, report, signal), {
    signal,
    onWait: pid => report(`process ${pid} is building ${name}; waiting for it`),
  });
  return output;
}

function programNames(): Program[] {
  return Object.keys(programs) as Program[];
}

function pathOf(program: Program, folder: string): string {
  const [file] = programs[program];
  const assets = process.env.KUBEBUILDER_ASSETS;
  const asset = assets && path.resolve(assets, file);
  return asset && existsSync(asset) ? asset : path.join(folder, file);
}

/** One after the other: each build uses every core already, and linking takes a gigabyte. */
async function buildAll(
  missing: Program[],
  folder: string,
  goMod: string,
  report: Report,
  signal?: AbortSignal,
): Promise<void> {
  if (missing.length > 0) await requireGo(module, signal);
  for (const [index, program] of missing.entries()) {
    const [file, mainPackage, versionedModule] = programs[program];
    const title = `${file} ${versionOf(versionedModule, goMod)} (${index + 1} of ${missing.length})`;
    const build = {
      module,
      package: mainPackage,
      output: path.join(folder, file),
      ldflags: ldflags(goMod),
      title,
    };
    await goBuild(build, report, signal);
  }
}

/** Without these the server calls itself v0.0.0, and clients and feature gates go by what it says. */
function ldflags(goMod: string): string {
  const version = versionOf('k8s.io/kubernetes', goMod);
  const [major, minor] = version.slice(1).split('.');
  const variables = {gitVersion: version, gitMajor: major, gitMinor: minor};
  const settings = Object.entries(variables).map(
    ([name, v]) => `-X k8s.io/component-base/version.${name}=${v}`,
  );
  return ['-s', '-w', ...settings].join(' ');
}

function versionOf(versionedModule: string, goMod: string): string {
  const line = goMod.split('\n').find(text => text.trim().startsWith(`${versionedModule} v`));
  const version = line?.trim().split(' ')[1];
  if (!version) throw new Error(`dev/controlplane/go.mod names no version of ${versionedModule}`);
  return version;
}

async function cacheKey(goMod: string): Promise<string> {
  return keyOf([goMod, await readFile(path.join(module, 'go.sum'), 'utf8'), ldflags(goMod)]);
}

async function sourceKey(directory: string): Promise<string> {
  const names = await readdir(directory, {recursive: true});
  const sources = names.filter(name => /(^|[/\\])go\.(mod|sum)$|\.go$/.test(name)).sort();
  const texts = await Promise.all(sources.map(name => readFile(path.join(directory, name), 'utf8')));
  return keyOf(sources.flatMap((name, index) => [name, texts[index] ?? '']));
}

/** Also of the platform, because a home folder may be shared by machines that are not alike. */
function keyOf(texts: string[]): string {
  const hash = createHash('sha256').update(`${process.platform}/${process.arch}`);
  for (const text of texts) hash.update('\0').update(text);
  return hash.digest('hex').slice(0, 16);
}
