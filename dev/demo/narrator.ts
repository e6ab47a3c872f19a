/** Tells a story on standard output: headlines, what is typed, what came back, and what was observed. */
import {styleText} from 'node:util';

const INDENT = '    ';
const LONGEST_LINE = 400;
/** A shorter wait is not worth a line. */
const SILENT_MS = 600;

/** Colours appear on a terminal only. */
const styled = (format: Parameters<typeof styleText>[0], text: string) =>
  styleText(format, text, {stream: process.stdout});

const write = (text: string) => process.stdout.write(text);

export const narrator = {
  headline(number: number, title: string): void {
    write(`\n${styled('bold', `${number}. ${title}`)}\n`);
  },

  say(text: string): void {
    write(`${text}\n`);
  },

  /** A sentence between two commands. */
  aside(text: string): void {
    write(`\n  ${text}\n\n`);
  },

  /** A command as a person would type it. */
  typed(command: string): void {
    write(`${INDENT}${styled('cyan', `$ ${command}`)}\n`);
  },

  /** What a program printed; a line that is cut off says so. */
  output(text: string): void {
    if (text.trim() === '') return;
    for (const line of text.trimEnd().split('\n')) write(`${INDENT}${shortened(line)}\n`);
  },

  observed(text: string): void {
    write(`  ${styled('green', `observed: ${text}`)}\n`);
  },

  failed(text: string): void {
    write(`\n${styled('red', 'FAILED:')} ${text}\n`);
  },

  /** Says what it waits for, unless it is there at once, and at the end how long it took. */
  waiting(forWhat: string): {look(): void; end(): void} {
    const startMs = performance.now();
    let said = false;
    return {
      look() {
        if (said || performance.now() - startMs < SILENT_MS) return;
        write(styled('dim', `${INDENT}(waiting: ${forWhat} ...`));
        said = true;
      },
      end() {
        if (said) write(styled('dim', ` ${secondsSince(startMs)} s)\n`));
      },
    };
  },
};

/** Seconds with one digit, for people. */
export const secondsSince = (startMs: number) => ((performance.now() - startMs) / 1000).toFixed(1);

function shortened(line: string): string {
  return line.length > LONGEST_LINE ? `${line.slice(0, LONGEST_LINE)} ...` : line;
}
