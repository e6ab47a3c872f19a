/** Builds the Dockerfile with buildah, on a stand-in for the image that it builds in, and runs what comes out. */
import {execFile, execFileSync} from 'node:child_process';
import {mkdtemp, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import type {ExecutionContext} from 'ava';
import {Program, ROOT} from '../../dev/programs.ts';

const execute = promisify(execFile);
const STAND_IN = 'localhost/stand-in';
const IMAGE = 'localhost/leasepolicy';

/** Why no image can be built on this machine; undefined where one can be. */
export function whyNoImage(): string | undefined {
  if (process.platform !== 'linux') return 'images are built on Linux';
  if (process.getuid?.() !== 0) return 'buildah needs root to build without user namespaces';
  try {
    execFileSync('buildah', ['--version'], {stdio: 'ignore'});
    return undefined;
  } catch {
    return 'there is no buildah: apt-get install buildah';
  }
}

export type Config = {
  readonly User?: string;
  readonly Entrypoint?: readonly string[];
  readonly WorkingDir?: string;
  readonly Env?: readonly string[];
};

export class Image {
  readonly #folder: string;
  /** Of a container of it. */
  readonly #name: string;
  /** Where the container's files are. */
  readonly root: string;
  readonly config: Config;

  private constructor(folder: string, name: string, root: string, config: Config) {
    this.#folder = folder;
    this.#name = name;
    this.root = root;
    this.config = config;
  }

  /** Builds it as `docker build .` does, but from the stand-in. */
  static async built(t: ExecutionContext): Promise<Image> {
    const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-image-'));
    t.teardown(() => remove(folder));
    await execute(path.join(ROOT, 'test/support/stand-in.sh'), [path.join(folder, 'root'), process.execPath]);
    const registry = (await execute('npm', ['config', 'get', 'registry'], {cwd: ROOT})).stdout.trim();
    const base = ['FROM scratch', 'COPY root /', `ENV NPM_CONFIG_REGISTRY=${registry}`, CERTIFICATES];
    await writeFile(path.join(folder, 'Dockerfile'), `${base.join('\n')}\n`);
    await buildah(folder, 'build', '--tag', STAND_IN, folder);
    await buildah(
      folder,
      'build',
      '--pull-never',
      '--build-arg',
      `NODE_IMAGE=${STAND_IN}`,
      '--tag',
      IMAGE,
      ROOT,
    );
    const name = await buildah(folder, 'from', '--pull-never', IMAGE);
    const {OCIv1} = JSON.parse(await buildah(folder, 'inspect', '--type', 'image', IMAGE));
    return new Image(folder, name, await buildah(folder, 'mount', name), OCIv1.config);
  }

  /** Runs a command in it to its end, as the image's user, and returns what it printed. */
  run(command: readonly string[], files: Readonly<Record<string, string>> = {}): Promise<string> {
    return buildah(this.#folder, 'run', ...volumes(files), this.#name, '--', ...command);
  }

  /** Starts its entry point with these flags. The files are there by the names that they have in it. */
  start(flags: readonly string[], files: Readonly<Record<string, string>>, env: readonly string[]): Program {
    const given = [...volumes(files), ...env.flatMap(each => ['--env', each])];
    const command = [...(this.config.Entrypoint ?? []), ...flags];
    const args = [...storage(this.#folder), 'run', ...given, this.#name, '--', ...command];
    return new Program('image', 'buildah', args, {BUILDAH_ISOLATION: 'chroot'});
  }
}

const CERTIFICATES = 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt';

const volumes = (files: Readonly<Record<string, string>>) =>
  Object.entries(files).flatMap(([inside, outside]) => ['--volume', `${outside}:${inside}:ro`]);

/** All of it in the folder, with plain copies instead of mounts. */
const storage = (folder: string) => [
  ...['--root', path.join(folder, 'storage')],
  ...['--runroot', path.join(folder, 'run')],
  ...['--storage-driver', 'vfs'],
];

async function buildah(folder: string, ...args: string[]): Promise<string> {
  const env = {...process.env, BUILDAH_ISOLATION: 'chroot'};
  const {stdout} = await execute('buildah', [...storage(folder), ...args], {env, maxBuffer: 1 << 26});
  return stdout.trim();
}

/** To remove what is mounted there would remove it where it comes from. */
async function remove(folder: string): Promise<void> {
  await buildah(folder, 'umount', '--all');
  if ((await readFile('/proc/self/mounts', 'utf8')).includes(folder))
    throw new Error(`something is still mounted in ${folder}: it stays`);
  await rm(folder, {recursive: true, force: true});
}
