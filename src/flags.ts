/** The flags and environment variables of a run of the operator; commander reads both. */
import {randomUUID} from 'node:crypto';
import {hostname} from 'node:os';
import {Command, InvalidArgumentError, Option} from 'commander';
import {ELECTION_WAYS, type ElectionWay} from './core/plan/election.ts';
import {DEFAULT_TIMING} from './runtime/elector.ts';
import {LOG_FORMATS, LOG_LEVELS} from './telemetry/levels.ts';
import {PRODUCT_VERSION} from './version.ts';

export type Flags = {
  namespace: string;
  deploymentName: string;
  installation: string;
  identity: string;
  leaderElection: ElectionWay;
  leaseDurationSeconds: number;
  renewDeadlineSeconds: number;
  retryPeriodSeconds: number;
  workers: number;
  heartbeatPollSeconds: number;
  httpHost: string;
  httpPort: number;
  logLevel: string;
  logFormat: string;
  catalogue?: string;
};

/** The parser of a run; without the command line, as in the container, it goes by the name of the product. */
export function runCommand(calledAs = 'leasepolicy'): Command {
  const command = new Command(calledAs)
    .description('Creates, validates and collects Leases as LeasePolicies say. KUBECONFIG names the cluster.')
    .version(PRODUCT_VERSION, '--version', 'print the version')
    .helpOption('-h, --help', 'print this')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({outputError: () => {}});
  for (const option of runFlags()) command.addOption(option);
  return command;
}

/** A new list at each call, as an option belongs to one command. */
export const runFlags = (): Option[] => [...electionFlags(), ...processFlags()];

function electionFlags(): Option[] {
  const {leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds} = DEFAULT_TIMING;
  const identity = `${hostname()}_${randomUUID()}`;
  return [
    name('--namespace <name>', 'namespace of our own Lease', 'leasepolicy-system'),
    name('--deployment-name <name>', 'Deployment whose replicas share the Lease', 'leasepolicy'),
    name('--identity <text>', 'holder that we write into our Lease', identity, '<host name>_<uuid>'),
    text('--leader-election <way>', 'coordinated lets the API server choose', 'classic').choices(
      ELECTION_WAYS,
    ),
    count('--lease-duration-seconds <n>', 'when standbys take over', leaseDurationSeconds, 1, 86_400),
    number('--renew-deadline-seconds <n>', 'when a leader that can not renew gives up', renewDeadlineSeconds),
    number('--retry-period-seconds <n>', 'between two renewals', retryPeriodSeconds),
  ];
}

/** Read more seldom, each heartbeat would seem to have run out in the meantime. */
const WITHIN_A_BEAT = ': the Lease of a node lasts for 40 seconds, and has to be read within them';

function processFlags(): Option[] {
  const port = 'port of /livez, /readyz and /metrics; 0 takes a free one';
  const installation = 'ClusterRole whose deletion ends all that is enforced';
  return [
    text('--installation <name>', installation, '', 'none'),
    count('--workers <n>', 'objects that are reconciled at once', 64, 1, 1000),
    count(
      '--heartbeat-poll-seconds <n>',
      'between two looks at the Leases of nodes',
      10,
      1,
      39,
      WITHIN_A_BEAT,
    ),
    text('--http-host <address>', 'where probes and metrics listen', '', 'all addresses'),
    count('--http-port <n>', port, 8080, 0, 65_535),
    text('--log-level <level>', 'least important lines that are written', 'info').choices(LOG_LEVELS),
    text('--log-format <format>', 'auto is text on a terminal, else json', 'auto').choices(LOG_FORMATS),
    option('--catalogue <file>', 'YAML or JSON file of further well-known Leases').argParser(notEmpty),
  ];
}

/** The environment variable is named after the flag: LEASEPOLICY_HTTP_PORT for --http-port. */
function option(flag: string, description: string): Option {
  const [long = ''] = flag.split(' ');
  return new Option(flag, description).env(`LEASEPOLICY_${long.slice(2).replaceAll('-', '_').toUpperCase()}`);
}

const text = (flag: string, description: string, preset: string, shown?: string) =>
  option(flag, description).default(preset, shown);

/** A text that can't be empty: two replicas with an empty identity would both lead. */
const name = (flag: string, description: string, preset: string, shown?: string) =>
  text(flag, description, preset, shown).argParser(notEmpty);

function notEmpty(value: string): string {
  if (value.trim() === '') throw new InvalidArgumentError('write a text that is not empty');
  return value;
}

function number(flag: string, description: string, preset: number): Option {
  return option(flag, description)
    .default(preset)
    .argParser(value => {
      const parsed = value.trim() === '' ? Number.NaN : Number(value);
      if (!Number.isFinite(parsed) || parsed <= 0) throw new InvalidArgumentError('write a number above 0');
      return parsed;
    });
}

function count(
  flag: string,
  description: string,
  preset: number,
  min: number,
  max: number,
  why = '',
): Option {
  return option(flag, description)
    .default(preset)
    .argParser(value => {
      if (!/^\d+$/.test(value) || Number(value) < min || Number(value) > max) {
        throw new InvalidArgumentError(`write a whole number from ${min} to ${max}${why}`);
      }
      return Number(value);
    });
}
