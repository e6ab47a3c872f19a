/**
 * Registers properties as tests: a few thousand inputs with a fixed seed in `make test`, a million with a new one in
 * `make fuzz`. The environment says which: CASES, and to repeat a failure SEED and CASE, which the failure tells.
 */
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import fc, {type RunDetails} from 'fast-check';

/** How many inputs each property is tried with, without CASES. */
const FEW = 10_000;
/** So that every run of `make test` tries the same. */
const FIXED = 20_260_301;
const TELL_EVERY_MS = 15_000;
/** A case that takes longer waits for ever. */
const PATIENCE_MS = 60_000;

const isNightly = process.env.CASES !== undefined;
export const SEED = Number(process.env.SEED ?? (isNightly ? Date.now() % 2_147_483_647 : FIXED));
/** How many inputs a test tries that makes its own. */
export const COUNT = Number(process.env.CASES ?? FEW);

/** How many inputs a property that takes its time is tried with in `make test`; in `make fuzz` it has as many as others. */
type Options = {few?: number};
/** One with limits of real time runs alone, before the others of its file: those leave the event loop no turn for seconds. */
type OptionsInTime = Options & {alone?: boolean};

const casesOf = ({few = FEW}: Options) => (process.env.CASES === undefined ? few : Number(process.env.CASES));

type Arbitraries<Values extends unknown[]> = {[At in keyof Values]: fc.Arbitrary<Values[At]>};

/** A property that holds for all values; the check throws where it does not. */
export function forAll<Values extends [unknown, ...unknown[]]>(
  title: string,
  arbitraries: Arbitraries<Values>,
  check: (...values: Values) => void,
  options: Options = {},
): void {
  test(title, t => {
    const progress = new Progress(title, casesOf(options));
    const property = fc.property(...arbitraries, (...values: Values) => {
      check(...values);
      progress.count();
    });
    judge(t, title, fc.check(property, parameters<Values>(progress.cases)), progress);
  });
}

/** The same where the check takes time. */
export function forAllInTime<Values extends [unknown, ...unknown[]]>(
  title: string,
  arbitraries: Arbitraries<Values>,
  check: (...values: Values) => Promise<void>,
  options: OptionsInTime = {},
): void {
  const register = options.alone ? test.serial : test;
  register(title, async t => {
    const progress = new Progress(title, casesOf(options));
    const property = fc.asyncProperty(...arbitraries, async (...values: Values) => {
      await check(...values);
      progress.count();
    });
    judge(t, title, await fc.check(property, parameters<Values>(progress.cases)), progress);
  });
}

function parameters<Values>(numRuns: number): fc.Parameters<Values> {
  const {CASE} = process.env;
  return {numRuns, seed: SEED, timeout: PATIENCE_MS, ...(CASE === undefined ? {} : {path: CASE})};
}

function judge<Values>(
  t: ExecutionContext,
  title: string,
  details: RunDetails<Values>,
  progress: Progress,
): void {
  if (!details.failed) {
    progress.end();
    t.pass();
    return;
  }
  const repeat = `CASES=${progress.cases} SEED=${details.seed} CASE=${details.counterexamplePath ?? ''}`;
  const file = path.relative(process.cwd(), new URL(test.meta.file).pathname);
  t.log(fc.defaultReportMessage(details));
  t.log(details.errorInstance);
  t.fail(`repeat it with: ${repeat} npx ava ${file} --match=${JSON.stringify(title)}`);
}

/** What `make fuzz` prints: what it is at, every now and then, and a line for each property at its end. */
export class Progress {
  readonly cases: number;
  readonly #title: string;
  readonly #startMs = performance.now();
  #toldMs = this.#startMs;
  #count = 0;

  constructor(title: string, cases: number) {
    this.#title = title;
    this.cases = cases;
  }

  count(): void {
    this.#count++;
    if (!isNightly || this.#count % 256 !== 0 || performance.now() - this.#toldMs < TELL_EVERY_MS) return;
    this.#toldMs = performance.now();
    this.#tell('at', `${number(this.#count)} of ${number(this.cases)}`);
  }

  end(): void {
    if (isNightly) this.#tell('done', `${number(this.#count)} cases`);
  }

  #tell(what: string, how: string): void {
    const seconds = Math.round((performance.now() - this.#startMs) / 1000);
    process.stdout.write(`${what}: ${this.#title}: ${how} in ${seconds} s, seed ${SEED}\n`);
  }
}

const number = (value: number) => value.toLocaleString('en');
