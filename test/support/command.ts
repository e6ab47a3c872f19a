/** Calls the command line within the test, with streams that remember what was written. */
import {Readable, Writable} from 'node:stream';
import {runCommandLine} from '../../src/cli/command-line.ts';
import type {Streams} from '../../src/cli/terminal/output.ts';

export type Printed = {readonly code: number; readonly stdout: string; readonly stderr: string};

export type CallOptions = {
  readonly stdin?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly isTerminal?: boolean;
  /** How the program was called. */
  readonly file?: string;
};

/** A stream that keeps what is written to it. */
function memory(isTTY: boolean) {
  const chunks: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return {stream: Object.assign(stream, {isTTY, columns: 80}), text: () => chunks.join('')};
}

export function streams({stdin = '', env = {}, isTerminal = false}: CallOptions = {}) {
  const [stdout, stderr] = [memory(isTerminal), memory(isTerminal)];
  const all: Streams = {
    stdin: Object.assign(Readable.from([Buffer.from(stdin)]), {isTTY: isTerminal}),
    stdout: stdout.stream,
    stderr: stderr.stream,
    env,
  };
  return {streams: all, stdout: stdout.text, stderr: stderr.text};
}

export async function call(args: readonly string[], options: CallOptions = {}): Promise<Printed> {
  const {file = '/usr/bin/leasepolicy'} = options;
  const held = streams(options);
  const code = await runCommandLine(['node', file, ...args], held.streams);
  return {code, stdout: held.stdout(), stderr: held.stderr()};
}
