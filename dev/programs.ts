/** Starts the operator and client-go candidates as processes, and reads what they print. */
import {type ChildProcess, execFile, spawn} from 'node:child_process';
import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {createInterface} from 'node:readline';
import {promisify} from 'node:util';
import {buildGoProgram} from './controlplane/binaries.ts';

export const ROOT = path.dirname(import.meta.dirname);

/** A JSON line that a program printed. */
export type Line = Readonly<Record<string, unknown>>;

export class Program {
  readonly name: string;
  readonly lines: Line[] = [];
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  readonly #listeners = new Set<() => void>();
  #errors = '';

  constructor(name: string, command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.name = name;
    this.#child = spawn(command, args, {
      cwd: ROOT,
      env: {...process.env, ...env},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#exit = new Promise(resolve => this.#child.once('exit', code => resolve(code)));
    this.#child.stderr?.on('data', chunk => {
      this.#errors += chunk;
    });
    if (this.#child.stdout) createInterface(this.#child.stdout).on('line', line => this.#take(line));
    void this.#exit.then(() => this.#tell());
  }

  /** What it wrote to standard error. */
  get errors(): string {
    return this.#errors;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Throws when it has ended, with what it printed last. */
  mustRun(): void {
    if (this.running) return;
    const {exitCode, signalCode} = this.#child;
    throw new Error(`${this.name} ended by ${signalCode ?? `exit code ${exitCode}`}\n${this.#printed}`);
  }

  get #printed(): string {
    const last = this.lines.slice(-20).map(each => JSON.stringify(each));
    return this.#errors + last.join('\n');
  }

  /** Waits for a line. Throws when the program ends first, or at the deadline, with what it printed. */
  async line(what: string, matches: (line: Line) => boolean, withinMs = 30_000): Promise<Line> {
    const deadline = AbortSignal.timeout(withinMs);
    for (;;) {
      const found = this.lines.find(matches);
      if (found) return found;
      if (!this.running || deadline.aborted) {
        const state = this.running ? `within ${withinMs / 1000} s` : 'before it ended';
        throw new Error(`${this.name}: no ${what} ${state}\n${this.#printed}`);
      }
      await new Promise<void>(resolve => {
        this.#listeners.add(resolve);
        deadline.addEventListener('abort', () => resolve(), {once: true});
      });
    }
  }

  /** Sends a signal and waits for the end. Returns the exit code, null after a signal that was not handled. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.running) this.#child.kill(signal);
    return this.#exit;
  }

  /** Freezes it in the middle of whatever it does, as a machine that is suspended. */
  pause(): void {
    this.#child.kill('SIGSTOP');
  }

  /** Lets it go on after pause, with no knowledge of it. */
  resume(): void {
    this.#child.kill('SIGCONT');
  }

  #take(text: string): void {
    try {
      this.lines.push(JSON.parse(text) as Line);
    } catch {
      this.lines.push({message: text});
    }
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }
}

const bundled = new Map<string, Promise<string[]>>();

/** The command of npm start, after its bundle was made; with a version, as another release. */
export function operatorCommand(version = ''): Promise<string[]> {
  const command = bundled.get(version) ?? bundle(version);
  bundled.set(version, command);
  return command;
}

async function bundle(version: string): Promise<string[]> {
  await promisify(execFile)(process.execPath, ['dev/bundle.ts', version], {cwd: ROOT});
  const {scripts} = JSON.parse(await readFile(path.join(ROOT, 'package.json'), 'utf8')) as {
    scripts: {start: string};
  };
  const args = scripts.start.split(' ').slice(2);
  return [
    process.execPath,
    ...args.map(each => (version ? each.replace(/\.mjs$/, `-${version}.mjs`) : each)),
  ];
}

/** Starts the operator as npm start does, with any free port for its endpoints. */
export async function startOperator(
  kubeconfig: string,
  flags: readonly string[] = [],
  name = 'operator',
  version?: string,
  env: NodeJS.ProcessEnv = {},
): Promise<Program> {
  const [command = '', ...args] = await operatorCommand(version);
  const fixed = ['--http-port', '0', '--http-host', '127.0.0.1', '--log-format', 'json', '--identity', name];
  return new Program(name, command, [...args, ...fixed, ...flags], {KUBECONFIG: kubeconfig, ...env});
}

/** Whether the operator's line says that its term began. */
export const leading = (line: Line) => line.message === 'leading';

export type CandidateOptions = {
  namespace: string;
  lease: string;
  identity: string;
  flags?: readonly string[];
  env?: NodeJS.ProcessEnv;
};

/** Builds the client-go candidate, unless that was done. Returns its path. */
export const ensureCandidate = () => buildGoProgram(path.join(ROOT, 'dev/candidate'), 'candidate');

/** Starts a real client-go candidate; it prints started, leading, observed, lost and stopped. */
export async function startCandidate(kubeconfig: string, options: CandidateOptions): Promise<Program> {
  return new Program(options.identity, await ensureCandidate(), candidateFlags(options), {
    KUBECONFIG: kubeconfig,
    ...options.env,
  });
}

/** Starts a candidate of src/election.ts, which prints the same, and its problems. */
export function startNodeCandidate(kubeconfig: string, options: CandidateOptions): Program {
  const args = ['dev/node-candidate.ts', ...candidateFlags(options)];
  return new Program(options.identity, process.execPath, args, {KUBECONFIG: kubeconfig, ...options.env});
}

const candidateFlags = ({namespace, lease, identity, flags = []}: CandidateOptions) => [
  '-namespace',
  namespace,
  '-lease',
  lease,
  '-identity',
  identity,
  ...flags,
];

/** Whether the candidate's line says that it leads. */
export const leads = (line: Line) => line.event === 'leading';
