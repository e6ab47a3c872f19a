/** The terminal while a live view has it: another screen, without a cursor, and keys as they are pressed. */
import type {ReadStream, WriteStream} from 'node:tty';

const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const REST_OF_LINE = '\u001b[K';
const REST_OF_SCREEN = '\u001b[J';

export class Screen {
  readonly #input: ReadStream;
  readonly #output: WriteStream;
  readonly #restore = () => this.leave();
  #entered = false;

  constructor(input: ReadStream, output: WriteStream) {
    this.#input = input;
    this.#output = output;
  }

  get size(): {columns: number; rows: number} {
    return {columns: this.#output.columns ?? 80, rows: this.#output.rows ?? 24};
  }

  /** Whatever ends the process, the terminal is as it was. */
  enter(onKeys: (chunk: string) => void, onResize: () => void): void {
    this.#entered = true;
    process.once('exit', this.#restore);
    this.#input.setRawMode(true);
    this.#input.setEncoding('utf8').resume().on('data', onKeys);
    this.#output.write(ENTER);
    this.#output.on('resize', onResize);
  }

  draw(lines: readonly string[]): void {
    this.#output.write(HOME + lines.map(line => line + REST_OF_LINE).join('\r\n') + REST_OF_SCREEN);
  }

  leave(): void {
    if (!this.#entered) return;
    this.#entered = false;
    process.off('exit', this.#restore);
    // First, so that whoever sees the other screen go has a terminal again.
    this.#input.setRawMode(false);
    this.#input.pause();
    this.#output.write(LEAVE);
  }
}
