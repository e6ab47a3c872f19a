/** The command behind `make demo`: tells the story on a real cluster, and believes only what it sees. */
import path from 'node:path';
import {buildGoProgram} from './controlplane/binaries.ts';
import {narrator, secondsSince} from './demo/narrator.ts';
import {openPlace} from './demo/place.ts';
import {Stage} from './demo/stage.ts';
import {STEPS} from './demo/steps.ts';
import {operatorCommand, ROOT} from './programs.ts';

const exitCodes = {SIGHUP: 129, SIGINT: 130, SIGTERM: 143} as const;

/** Aborts at the first interrupt, or when nobody reads the story any more; further ones change nothing. */
function interrupts(): AbortSignal {
  const controller = new AbortController();
  for (const [signal, code] of Object.entries(exitCodes)) {
    process.on(signal, () => {
      process.exitCode ??= code;
      controller.abort(new Error(signal));
    });
  }
  process.stdout.on('error', () => controller.abort(new Error('the end of the output')));
  return controller.signal;
}

async function prepare(signal: AbortSignal): Promise<void> {
  await operatorCommand();
  await buildGoProgram(path.join(ROOT, 'dev/candidate'), 'candidate', narrator.say, signal);
}

async function tell(stage: Stage, signal: AbortSignal): Promise<void> {
  for (const [index, {title, run}] of STEPS.entries()) {
    narrator.headline(index + 1, title);
    try {
      narrator.observed(await run(stage));
    } catch (error) {
      signal.throwIfAborted();
      const log = stage.operatorLog();
      throw new Error(
        `step ${index + 1}: ${messageOf(error)}${log && `\n\nThe end of the operators' log:\n${log}`}`,
      );
    }
  }
}

/** Returns what went wrong; whatever that is, everything that was started is ended. */
async function perform(signal: AbortSignal): Promise<unknown[]> {
  const errors: unknown[] = [];
  const attempt = (work: () => Promise<void>) => work().catch(error => void errors.push(error));
  await attempt(async () => {
    await prepare(signal);
    const place = await openPlace(signal);
    const stage = new Stage(place, signal);
    await attempt(() => tell(stage, signal));
    await attempt(() => stage.leave());
    await attempt(() => place.leave());
  });
  return errors;
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

const startMs = performance.now();
const signal = interrupts();
const errors = await perform(signal);
if (signal.aborted) {
  narrator.say(`\nStopped by ${messageOf(signal.reason)} after ${secondsSince(startMs)} s.`);
  for (const error of errors.filter(each => each !== signal.reason)) narrator.failed(messageOf(error));
} else if (errors.length > 0) {
  for (const error of errors) narrator.failed(messageOf(error));
  narrator.say(`\nThe demo failed after ${secondsSince(startMs)} s.`);
} else {
  narrator.say(`\nAll ${STEPS.length} steps were observed. The demo took ${secondsSince(startMs)} s.`);
}
// A signal has its own exit code, which is set already.
process.exitCode ??= errors.length > 0 || signal.aborted ? 1 : 0;
