/**
 * A program of which any number may run while one of them works.
 *
 *     make build cluster-up
 *     export KUBECONFIG=$PWD/.cluster/kubeconfig
 *     node_modules/.bin/node examples/election.ts        # once more in a second terminal; Ctrl-C in the first hands over
 */
import {createServer} from 'node:http';
import {setTimeout as delay} from 'node:timers/promises';
import {KubeConfig} from '@kubernetes/client-node';
import {LeaderElection} from 'leasepolicy/election';

const kubeConfig = new KubeConfig();
kubeConfig.loadFromDefault();
const stop = new AbortController();
process.once('SIGINT', () => stop.abort()).once('SIGTERM', () => stop.abort());

const election = new LeaderElection({
  kubeConfig,
  namespace: 'default',
  name: 'example',
  signal: stop.signal,
  onHolder: holder => console.log(`holder: ${holder || 'nobody'}`),
  onProblem: error => console.error(error.message),
});

const probes = createServer((_, response) => {
  const {healthy, message} = election.health();
  response.writeHead(healthy ? 200 : 503).end(`${message}\n`);
}).listen(Number(process.env.PORT ?? 0));

for await (const term of election.terms()) {
  console.log(`leading as ${election.identity}, term ${term.transitions}`);
  await work(term.signal);
  console.log(`no longer leading: ${term.signal.reason.message}`);
}
console.log('released');
probes.close();

async function work(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    console.log('working');
    await delay(1_000, undefined, {signal}).catch(() => {});
  }
}
