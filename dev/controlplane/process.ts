/** Runs programs to their end, and finds the ones that are running. */
import {spawn, spawnSync} from 'node:child_process';
import {existsSync, readdirSync, readFileSync} from 'node:fs';

/** Takes one line of progress, without its line end. */
export type Report = (line: string) => void;

/** The `Report` of command-line tools: progress goes to stderr, so stdout stays free for results. */
export const toStderr: Report = line => {
  process.stderr.write(`${line}\n`);
};

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Written to the program's stdin, which is empty otherwise. */
  readonly input?: string;
  /** Gives the program a session of its own, where a Ctrl-C in the terminal does not reach it. */
  readonly detached?: boolean;
  /** Kills the program when it aborts; a detached one together with the programs that it runs. */
  readonly signal?: AbortSignal | undefined;
}

export interface Finished {
  /** The exit code, or null when a signal ended the program. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program and waits for its end. An exit code other than 0 is a result and no error; it rejects when
 * the program cannot be started (ENOENT), and with the signal's reason, after the program's end, on abort.
 */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const {cwd, env, detached = false, signal} = options;
  signal?.throwIfAborted();
  const child = spawn(command, args, {cwd, env, detached, stdio: 'pipe'});
  const output = {stdout: '', stderr: ''};
  child.stdout.setEncoding('utf8').on('data', text => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', text => (output.stderr += text));
  // A program that ends without reading its input breaks the pipe; its exit code tells what matters.
  child.stdin.on('error', () => {}).end(options.input);

  const kill = () => child.pid && sendSignal(detached ? -child.pid : child.pid, 'SIGKILL');
  signal?.addEventListener('abort', kill, {once: true});
  const ended = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', code => (signal?.aborted ? reject(signal.reason) : resolve({code, ...output})));
  });
  return ended.finally(() => signal?.removeEventListener('abort', kill));
}

/** Whether a process with this id exists, ours or not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Sends a signal, and does not mind a process that has just ended. */
export function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Whether nothing of a process is left but, perhaps, an entry for a parent that never asked. Until then one of its
 * threads may still hold its ports and files, although its command line is gone.
 */
export function hasEnded(pid: number): boolean {
  if (!existsSync('/proc/self/stat')) return !isAlive(pid);
  try {
    // The name, in parentheses, may contain anything; the state is the first word after it.
    const state = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '')[0];
    return state === 'Z' && readdirSync(`/proc/${pid}/task`).length <= 1;
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return true;
    throw error;
  }
}

export interface RunningProgram {
  readonly pid: number;
  /** Program and arguments, separated by spaces. */
  readonly commandLine: string;
}

/** Every running program that this user may see; one that has ended but was not yet reaped is not among them. */
export function runningPrograms(): RunningProgram[] {
  // Slim images have no ps, and macOS has no /proc.
  return existsSync('/proc/self/cmdline') ? fromProc() : fromPs();
}

function fromProc(): RunningProgram[] {
  const pids = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return pids
    .map(pid => ({pid, commandLine: commandLineOf(pid)}))
    .filter(({commandLine}) => commandLine !== '');
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
  } catch {
    return ''; // it ended since the listing
  }
}

function fromPs(): RunningProgram[] {
  const {stdout} = spawnSync('ps', ['-axww', '-o', 'pid=,args='], {encoding: 'utf8', maxBuffer: 64 << 20});
  return [...stdout.matchAll(/^\s*(\d+) (.*)$/gm)].map(([, pid, commandLine = '']) => ({
    pid: Number(pid),
    commandLine,
  }));
}
