/** Runs the operator until SIGTERM or SIGINT. */
import {parseConfig} from '../config.ts';
import {messageOf, UsageError} from '../errors.ts';
import {LeasePolicyOperator} from '../operator.ts';
import {createLogger} from '../telemetry/log.ts';

/** Exit codes: 0 stopped as asked, 1 failed, 2 wrong usage. */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    const config = parseConfig(argv);
    if (!config) return 0;
    const log = createLogger(config.logLevel, config.logFormat);
    const operator = new LeasePolicyOperator(config, log);
    const stop = (signal: NodeJS.Signals) => {
      log.info(`${signal}: stopping`);
      operator.stop();
    };
    process.once('SIGTERM', stop).once('SIGINT', stop);
    await operator.start();
    return 0;
  } catch (error) {
    process.stderr.write(`leasepolicy: ${messageOf(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}
