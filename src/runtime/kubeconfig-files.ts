/** Which files a list of kubeconfigs means. */
import {statSync} from 'node:fs';
import path from 'node:path';

/**
 * The list without files that are not there, which kubectl skips and @kubernetes/client-node does not. Where none is
 * there the list stays as it is, so that whoever reads it says which.
 */
export function withoutMissing(kubeconfigs: string): string {
  const there = kubeconfigs.split(path.delimiter).filter(file => file !== '' && !isMissing(file));
  return there.length > 0 ? there.join(path.delimiter) : kubeconfigs;
}

/** One that is only out of reach is not: without it another cluster would be asked, without a word. */
function isMissing(file: string): boolean {
  try {
    statSync(file);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
}

/** For the library, which reads the variable itself. */
export function skipMissingKubeconfigs(env: NodeJS.ProcessEnv = process.env): void {
  if (env.KUBECONFIG) env.KUBECONFIG = withoutMissing(env.KUBECONFIG);
}
