/** The process: arguments to an exit code, and signals to one stop. */
import {run} from './cli/run.ts';

process.exitCode = await run(process.argv.slice(2));
