/** Flags and environment variables to one frozen Config; commander reads both. */
import {randomUUID} from 'node:crypto';
import {hostname} from 'node:os';
import {Command, CommanderError, InvalidArgumentError, Option} from 'commander';
import {type Catalogue, KNOWN} from './core/catalogue.ts';
import {hashOf} from './core/hash.ts';
import {ELECTION_WAYS, type ElectionWay} from './core/plan-election.ts';
import {messageOf, UsageError} from './errors.ts';
import {CANDIDATE_NAME} from './runtime/candidacy.ts';
import {loadCatalogue} from './runtime/catalogue-file.ts';
import {checkTiming, DEFAULT_TIMING, type ElectionTiming} from './runtime/elector.ts';
import {LOG_FORMATS, LOG_LEVELS} from './telemetry/log.ts';

export const PRODUCT_VERSION = '0.1.0';

export type Config = {
  readonly namespace: string;
  readonly ownLeaseName: string;
  readonly identity: string;
  readonly election: ElectionWay;
  readonly timing: ElectionTiming;
  readonly workers: number;
  readonly heartbeatPollSeconds: number;
  readonly httpHost: string;
  readonly httpPort: number;
  readonly logLevel: string;
  readonly logFormat: string;
  readonly userAgent: string;
  /** The Leases that are known by name: those of the user, and those that come with the operator. */
  readonly catalogue: Catalogue;
};

/** What the flags say, before the files that they name are read. */
export type Settings = Omit<Config, 'catalogue'> & {readonly catalogueFile: string | undefined};

type Flags = {
  namespace: string;
  deploymentName: string;
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

/**
 * The configuration of a run, or undefined when only help or the version was asked for. Throws UsageError with the
 * flag's name for what is unknown or impossible.
 */
export async function loadConfig(argv: readonly string[]): Promise<Config | undefined> {
  const settings = parseConfig(argv);
  if (!settings) return undefined;
  const {catalogueFile, ...rest} = settings;
  const catalogue = catalogueFile === undefined ? KNOWN : await loadCatalogue(catalogueFile);
  return Object.freeze({...rest, catalogue});
}

/** The same without a look at any file. */
export function parseConfig(argv: readonly string[]): Settings | undefined {
  const command = runCommand();
  try {
    command.parse([...argv], {from: 'user'});
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw new UsageError(`${error.message.replace(/^error: /, '')}; see --help`);
  }
  const flags = command.opts<Flags>();
  const {leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds} = flags;
  const timing = {leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds};
  checkFlags(timing, flags);
  return Object.freeze({
    namespace: flags.namespace,
    ownLeaseName: ownLeaseName(flags.deploymentName),
    identity: flags.identity,
    election: flags.leaderElection,
    timing,
    workers: flags.workers,
    heartbeatPollSeconds: flags.heartbeatPollSeconds,
    httpHost: flags.httpHost,
    httpPort: flags.httpPort,
    logLevel: flags.logLevel,
    logFormat: flags.logFormat,
    userAgent: `leasepolicy/${PRODUCT_VERSION}`,
    catalogueFile: flags.catalogue,
  });
}

function checkFlags(timing: ElectionTiming, {identity, leaderElection}: Flags): void {
  try {
    checkTiming(timing);
  } catch (error) {
    const flags = '--lease-duration-seconds, --renew-deadline-seconds, --retry-period-seconds';
    throw new UsageError(`${flags}: ${messageOf(error)}`);
  }
  // The API server makes the name of the candidate the holder, so both are one.
  if (leaderElection === 'coordinated' && !CANDIDATE_NAME.test(identity)) {
    throw new UsageError(
      `--identity: ${identity} can't be the name of a LeaseCandidate; write letters, digits, -, _ and .`,
    );
  }
}

/** Our own Lease by our own rule, the prefix and the hash of the Deployment's name: two installations never meet. */
export function ownLeaseName(deploymentName: string): string {
  return `leasepolicy-${hashOf([deploymentName], {encoding: 'Hex', length: 10})}`;
}

function runCommand(): Command {
  const command = new Command('leasepolicy')
    .description('Creates, validates and collects Leases as LeasePolicies say. KUBECONFIG names the cluster.')
    .version(PRODUCT_VERSION, '--version', 'print the version')
    .helpOption('--help', 'print this')
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({outputError: () => {}});
  for (const option of flags()) command.addOption(option);
  return command;
}

const flags = (): Option[] => [...electionFlags(), ...processFlags()];

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

function processFlags(): Option[] {
  const port = 'port of /livez, /readyz and /metrics; 0 takes a free one';
  return [
    count('--workers <n>', 'objects that are reconciled at once', 64, 1, 1000),
    count('--heartbeat-poll-seconds <n>', 'between two looks at the Leases of nodes', 10, 1, 3600),
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

function count(flag: string, description: string, preset: number, min: number, max: number): Option {
  return option(flag, description)
    .default(preset)
    .argParser(value => {
      if (!/^\d+$/.test(value) || Number(value) < min || Number(value) > max) {
        throw new InvalidArgumentError(`write a whole number from ${min} to ${max}`);
      }
      return Number(value);
    });
}
