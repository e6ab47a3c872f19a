/**
 * The operator as a process: flags to an exit code, and signals to one stop. `leasepolicy run` loads this file, and the
 * container starts it alone, without the rest of the command line.
 */
import {type Config, loadConfig} from './config.ts';
import {messageOf, UsageError} from './errors.ts';
import {LeasePolicyOperator} from './operator.ts';
import {skipMissingKubeconfigs} from './runtime/kubeconfig-files.ts';
import {createLogger, type Logger} from './telemetry/log.ts';

/** The framework reads the kubeconfig as it is made. */
function newOperator(config: Config, log: Logger): LeasePolicyOperator {
  try {
    skipMissingKubeconfigs();
    return new LeasePolicyOperator(config, log);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const [reason = ''] = messageOf(error).split('\n');
    throw new UsageError(`the kubeconfig can't be read (${reason}): set KUBECONFIG to the file of a cluster`);
  }
}

/** Runs the operator until SIGTERM or SIGINT. Exit codes: 0 stopped as asked, 1 failed or wrong usage. */
export async function run(argv: readonly string[], calledAs?: string): Promise<number> {
  try {
    const config = await loadConfig(argv, calledAs);
    if (!config) return 0;
    const log = createLogger(config.logLevel, config.logFormat);
    const operator = newOperator(config, log);
    const stop = (signal: NodeJS.Signals) => {
      log.info(`${signal}: stopping`);
      operator.stop();
    };
    process.once('SIGTERM', stop).once('SIGINT', stop);
    await operator.start();
    return 0;
  } catch (error) {
    process.stderr.write(`leasepolicy: ${messageOf(error)}\n`);
    return 1;
  }
}

if (import.meta.main) process.exitCode = await run(process.argv.slice(2));
