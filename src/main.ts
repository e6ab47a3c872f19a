#!/usr/bin/env node
/** The process of the command line: arguments to an exit code. */
import {runCommandLine} from './cli/command-line.ts';

// Whoever reads our output may have read enough, as head does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
process.exitCode = await runCommandLine(process.argv, process);
