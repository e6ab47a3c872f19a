/** Builds Go programs into a cache outside the tree, each of them once. */
import {existsSync} from 'node:fs';
import {mkdir, readFile, rename, rm} from 'node:fs/promises';
import {homedir} from 'node:os';
import path from 'node:path';
import {type Finished, type Report, run} from './process.ts';

const heartbeatMilliseconds = 10_000;

export interface GoBuild {
  /** The folder with the go.mod. */
  readonly module: string;
  /** The main package: an import path, or `.` for the module's own folder. */
  readonly package: string;
  /** Absolute path of the executable to make. */
  readonly output: string;
  readonly ldflags: string;
  /** What progress calls it, as in `kube-apiserver v1.36.3 (2 of 7)`. */
  readonly title: string;
}

/** A folder below the user's cache (`$XDG_CACHE_HOME`, or else `~/.cache`) that is ours; it may not exist yet. */
export function cacheFolder(...names: string[]): string {
  return path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'leasepolicy', ...names);
}

/**
 * Makes sure that the Go in PATH is as new as the module asks for.
 * Rejects with one sentence that says what is missing.
 */
export async function requireGo(module: string, signal?: AbortSignal): Promise<void> {
  const goMod = await readFile(path.join(module, 'go.mod'), 'utf8');
  const wanted = /^go (\d+\.\d+)/m.exec(goMod)?.[1] ?? '1.26';
  const need = `Building ${path.basename(module)} needs Go ${wanted} or newer`;
  const {stdout, stderr, code} = await goVersion(module, signal).catch(error => {
    if (error.code !== 'ENOENT') throw error;
    throw new Error(`${need}, and there is no go in the PATH: install it from https://go.dev/dl`);
  });
  const found = /go(\d+)\.(\d+)/.exec(stdout);
  if (code !== 0 || !found) throw new Error(`${need}, and "go version" fails: ${stderr.trim()}`);
  if (!isAtLeast([Number(found[1]), Number(found[2])], wanted)) {
    throw new Error(
      `${need}, and the one in the PATH is ${found[0]}: install a newer one from https://go.dev/dl`,
    );
  }
}

/** Asked within the module, because that is where Go decides to fetch a newer toolchain by itself. */
function goVersion(module: string, signal?: AbortSignal): Promise<Finished> {
  return run('go', ['version'], {cwd: module, signal});
}

function isAtLeast([major, minor]: [number, number], wanted: string): boolean {
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/**
 * Builds one executable unless it exists. It appears under its name only when it is complete.
 * Two builds of the same output must not overlap. Rejects with the compiler's output when it does not build.
 */
export async function goBuild(build: GoBuild, report: Report, signal?: AbortSignal): Promise<void> {
  if (existsSync(build.output)) return;
  const work = `${build.output}.partial`;
  await rm(work, {recursive: true, force: true}); // what a killed build left
  await mkdir(work, {recursive: true});
  try {
    const made = path.join(work, 'program');
    const {code, stderr} = await withHeartbeat(build.title, report, () => compile(build, made, signal));
    if (code !== 0) throw new Error(`building ${build.title} failed:\n${stderr.trim()}`);
    await rename(made, build.output);
  } finally {
    await rm(work, {recursive: true, force: true});
  }
}

function compile(build: GoBuild, output: string, signal?: AbortSignal): Promise<Finished> {
  const args = ['build', '-trimpath', '-ldflags', build.ldflags, '-o', output, build.package];
  // An interrupted Go leaves its files; here they go with the folder. Detached, so its compilers end with it.
  const env = {...process.env, GOTMPDIR: path.dirname(output)};
  return run('go', args, {cwd: build.module, env, signal, detached: true});
}

/** Shows that a long build is alive, with the seconds that it has taken. */
async function withHeartbeat<T>(title: string, report: Report, work: () => Promise<T>): Promise<T> {
  const start = performance.now();
  const seconds = () => Math.round((performance.now() - start) / 1000);
  report(`building ${title} ...`);
  const heartbeat = setInterval(() => report(`building ${title} ..., ${seconds()} s`), heartbeatMilliseconds);
  try {
    const result = await work();
    report(`built ${title}, ${seconds()} s`);
    return result;
  } finally {
    clearInterval(heartbeat);
  }
}
