/**
 * A candidate of src/election.ts as a process of its own, for tests and chaos. It takes the flags of dev/candidate, its
 * counterpart on client-go, and prints the same lines.
 */
import {readFileSync} from 'node:fs';
import type {RequestOptions} from 'node:https';
import {parseArgs} from 'node:util';
import {parse} from 'yaml';
import {type KubeConfigSource, LeaderElection} from '../src/election.ts';

const {values: flags} = parseArgs({
  options: {
    namespace: {type: 'string', default: 'default'},
    lease: {type: 'string', default: ''},
    identity: {type: 'string'},
    'lease-duration': {type: 'string', default: '15s'},
    'renew-deadline': {type: 'string', default: '10s'},
    'retry-period': {type: 'string', default: '2s'},
  },
  args: process.argv.slice(2).map(each => each.replace(/^-(?=[a-z])/, '--')),
});

/** KubeConfig of the client takes ten times as long to load as everything else here. */
function kubeConfigFrom(file: string): KubeConfigSource {
  const {clusters, users} = parse(readFileSync(file, 'utf8'));
  const [{name, cluster}] = clusters;
  const [{user}] = users;
  const bytes = (key: string, data: string, from: Record<string, string>) =>
    from[data] ? Buffer.from(from[data], 'base64') : from[key] && readFileSync(from[key]);
  return {
    getCurrentCluster: () => ({name, server: cluster.server}),
    async applyToHTTPSOptions(options: RequestOptions) {
      Object.assign(options, {
        ca: bytes('certificate-authority', 'certificate-authority-data', cluster),
        cert: bytes('client-certificate', 'client-certificate-data', user),
        key: bytes('client-key', 'client-key-data', user),
        ...(user.token ? {headers: {Authorization: `Bearer ${user.token}`}} : {}),
      });
    },
  };
}

function seconds(text: string): number {
  const [, number, unit] = /^([\d.]+)(ms|s)$/.exec(text) ?? [];
  if (number === undefined) throw new Error(`${text} is no duration: write 2s or 300ms`);
  return unit === 'ms' ? Number(number) / 1000 : Number(number);
}

const stop = new AbortController();
process.once('SIGTERM', () => stop.abort()).once('SIGINT', () => stop.abort());
const election = new LeaderElection({
  kubeConfig: kubeConfigFrom(process.env.KUBECONFIG ?? ''),
  namespace: flags.namespace,
  name: flags.lease,
  ...(flags.identity === undefined ? {} : {identity: flags.identity}),
  leaseDurationSeconds: seconds(flags['lease-duration']),
  renewDeadlineSeconds: seconds(flags['renew-deadline']),
  retryPeriodSeconds: seconds(flags['retry-period']),
  signal: stop.signal,
  onHolder: holder => report({event: 'observed', holder}),
  onProblem: error => report({event: 'problem', problem: error.name, message: error.message}),
});

function report(event: object): void {
  const time = new Date().toISOString();
  process.stdout.write(`${JSON.stringify({time, identity: election.identity, ...event})}\n`);
}

report({event: 'started'});
for await (const {signal, transitions} of election.terms()) {
  report({event: 'leading', transitions});
  await new Promise(resolve => signal.addEventListener('abort', resolve, {once: true}));
  if (!stop.signal.aborted) report({event: 'lost', message: `${signal.reason?.message}`});
}
report({event: 'stopped'});
