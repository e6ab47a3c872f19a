/** Which files a list of kubeconfigs means. */
import {existsSync} from 'node:fs';
import path from 'node:path';

/**
 * The list without files that are not there, which kubectl skips and @kubernetes/client-node does not. Where none is
 * there the list stays as it is, so that whoever reads it says which.
 */
export function withoutMissing(kubeconfigs: string): string {
  const there = kubeconfigs.split(path.delimiter).filter(file => existsSync(file));
  return there.length > 0 ? there.join(path.delimiter) : kubeconfigs;
}

/** For the library, which reads the variable itself. */
export function skipMissingKubeconfigs(env: NodeJS.ProcessEnv = process.env): void {
  if (env.KUBECONFIG) env.KUBECONFIG = withoutMissing(env.KUBECONFIG);
}
