/** What the steps of the demo do: type commands, start and end programs, and wait until they see what they expect. */
import {eventually} from '../../test/support/eventually.ts';
import {type Line, leading, leads, type Program, startCandidate, startOperator} from '../programs.ts';
import {narrator} from './narrator.ts';
import type {Place} from './place.ts';
import {oneLine, type Row, rowsOf, wordsOf} from './text.ts';

/** Something else was seen than what the story tells. */
export class NotObserved extends Error {
  constructor(expected: string, seen: string) {
    super(`expected ${expected}, but saw ${oneLine(seen)}`);
  }
}

/** What to look at, and until when. */
export type Expectation<T> = {
  readonly expected: string;
  readonly look: () => Promise<T>;
  readonly accept: (seen: T) => boolean;
  readonly describe?: (seen: T) => string;
  readonly withinSeconds?: number;
};

const PATIENCE_SECONDS = 30;
const OPERATOR_FLAGS =
  '--namespace demo-operator --http-port 0 --lease-duration-seconds 4 --renew-deadline-seconds 3 --retry-period-seconds 0.5';
export const CANDIDATE_TIMING = '-lease-duration 4s -renew-deadline 3s -retry-period 500ms';
const LOG_LINES = 12;

export class Stage {
  readonly #place: Place;
  readonly #signal: AbortSignal;
  readonly #programs = new Map<string, Program>();

  constructor(place: Place, signal: AbortSignal) {
    this.#place = place;
    this.#signal = signal;
  }

  /** Types a command, shows what it printed and returns that. Throws when it fails. */
  async kubectl(command: string): Promise<string> {
    narrator.typed(`kubectl ${command}`);
    const {code, stdout, stderr} = await this.#place.kubectl(wordsOf(command), this.#signal);
    narrator.output(`${stdout}${stderr}`);
    if (code !== 0) throw new NotObserved(`"kubectl ${command}" to succeed`, `exit code ${code}: ${stderr}`);
    return stdout;
  }

  /** Types a command, repeats it until it prints what is expected, and shows that output. */
  async kubectlUntil(
    command: string,
    expected: string,
    accept: (text: string) => boolean,
    withinSeconds?: number,
  ) {
    narrator.typed(`kubectl ${command}`);
    const {stdout, stderr} = await this.until({
      expected,
      look: () => this.#place.kubectl(wordsOf(command), this.#signal),
      accept: seen => seen.code === 0 && accept(seen.stdout),
      describe: seen => `${seen.stdout}${seen.stderr}`,
      ...(withinSeconds ? {withinSeconds} : {}),
    });
    narrator.output(`${stdout}${stderr}`);
    return stdout;
  }

  /** Types a command, repeats it until it is refused as expected, and shows and returns the refusal. */
  async refusedUntil(command: string, expected: string, accept: (refusal: string) => boolean) {
    narrator.typed(`kubectl ${command}`);
    const {stderr} = await this.until({
      expected,
      look: () => this.#place.kubectl(wordsOf(command), this.#signal),
      accept: seen => seen.code !== 0 && accept(seen.stderr),
      describe: seen => `${seen.stdout}${seen.stderr}`,
    });
    narrator.output(stderr);
    return stderr;
  }

  /** The same for a table. */
  async tableUntil(
    command: string,
    expected: string,
    accept: (rows: Row[]) => boolean,
    withinSeconds?: number,
  ) {
    return rowsOf(await this.kubectlUntil(command, expected, text => accept(rowsOf(text)), withinSeconds));
  }

  /** Reads without showing; undefined when it is not there. */
  async read<T>(what: string): Promise<T | undefined> {
    const args = ['get', ...wordsOf(what), '--ignore-not-found', '-o', 'json'];
    const {code, stdout, stderr} = await this.#place.kubectl(args, this.#signal);
    if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr.trim()}`);
    return stdout.trim() === '' ? undefined : (JSON.parse(stdout) as T);
  }

  /** Looks until it sees what is expected, and returns it. Throws NotObserved with the last thing that it saw. */
  async until<T>({
    expected,
    look,
    accept,
    describe = String,
    withinSeconds = PATIENCE_SECONDS,
  }: Expectation<T>) {
    const waiting = narrator.waiting(expected);
    let last: {seen: T} | undefined;
    const ask = async () => {
      if (this.#signal.aborted) return 'aborted';
      waiting.look();
      last = {seen: await look()};
      return accept(last.seen) && last;
    };
    try {
      const answer = await eventually(expected, ask, withinSeconds * 1000);
      if (answer !== 'aborted') return answer.seen;
    } catch (error) {
      const seen = last ? describe(last.seen) : (error as Error).message;
      throw new NotObserved(`${expected} within ${withinSeconds} s`, seen);
    } finally {
      waiting.end();
    }
    throw this.#signal.reason;
  }

  /** Looks again and again for a while, and throws what a look throws. */
  async hold(what: string, seconds: number, look: () => Promise<void>): Promise<void> {
    const startMs = performance.now();
    let broken: unknown;
    await this.until({
      expected: `${what}, for ${seconds} s`,
      look: () =>
        look().catch(error => {
          broken = error;
        }),
      accept: () => broken !== undefined || performance.now() - startMs > seconds * 1000,
      withinSeconds: seconds + PATIENCE_SECONDS,
    });
    if (broken !== undefined) throw broken;
  }

  /** Throws NotObserved unless it is so. */
  check(isSo: boolean, expected: string, seen: string): void {
    if (!isSo) throw new NotObserved(expected, seen);
  }

  /** Starts an operator with short times. */
  async operator(name: string): Promise<Program> {
    narrator.typed(`npm start -- --identity ${name} ${OPERATOR_FLAGS} &`);
    return this.#keep(await startOperator(this.#place.kubeconfig, wordsOf(OPERATOR_FLAGS), name));
  }

  /** Starts a process that contends for a Lease with client-go. */
  async candidate(identity: string, lease: string): Promise<Program> {
    const namespace = 'demo-shop';
    narrator.typed(`candidate -namespace ${namespace} -lease ${lease} -identity ${identity} ... &`);
    const flags = wordsOf(CANDIDATE_TIMING);
    return this.#keep(await startCandidate(this.#place.kubeconfig, {namespace, lease, identity, flags}));
  }

  program(name: string): Program {
    const program = this.#programs.get(name);
    if (!program) throw new NotObserved(`a program ${name}`, [...this.#programs.keys()].join(', '));
    return program;
  }

  /** Waits for a line of a program and shows it. */
  async line(program: Program, expected: string, accept: (line: Line) => boolean): Promise<Line> {
    const line = await this.until({
      expected,
      look: async () => program.lines.find(accept),
      accept: found => found !== undefined,
      describe: () =>
        `${program.running ? '' : 'that it ended, after '}${JSON.stringify(program.lines.at(-1) ?? '')}`,
    });
    narrator.output(JSON.stringify(line));
    return line ?? {};
  }

  leads(candidate: Program): Promise<Line> {
    return this.line(candidate, `${candidate.name} to lead`, leads);
  }

  operatorLeads(operator: Program): Promise<Line> {
    return this.line(operator, `${operator.name} to lead`, leading);
  }

  /** Sends a signal and waits for the end. Returns when the signal was sent, by the wall clock in milliseconds. */
  async end(program: Program, signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number> {
    narrator.typed(`kill ${signal === 'SIGKILL' ? '-KILL ' : ''}${program.pid}   # ${program.name}`);
    this.check(program.running, `${program.name} to run`, 'that it ended by itself');
    const sentAtMs = Date.now();
    void program.stop(signal);
    const expected = `${program.name} to end`;
    await this.until({expected, look: async () => program.running, accept: running => !running});
    return sentAtMs;
  }

  /** The end of each operator's log. */
  operatorLog(): string {
    const operators = [...this.#programs.values()].filter(({name}) => name.startsWith('operator-'));
    return operators
      .flatMap(({name, lines}) => [`${name}:`, ...lines.slice(-LOG_LINES).map(line => JSON.stringify(line))])
      .join('\n');
  }

  /** Ends every program at once. */
  async leave(): Promise<void> {
    await Promise.all([...this.#programs.values()].map(program => program.stop('SIGKILL')));
  }

  #keep(program: Program): Program {
    this.#programs.set(program.name, program);
    return program;
  }
}
