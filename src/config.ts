/** Flags and environment variables to one frozen Config; commander reads both. */
import {CommanderError} from 'commander';
import {type Catalogue, KNOWN} from './core/lease/catalogue.ts';
import {ownLeaseName} from './core/naming/own-lease.ts';
import type {ElectionWay} from './core/plan/election.ts';
import {messageOf, UsageError, usageSentence} from './errors.ts';
import {type Flags, runCommand} from './flags.ts';
import {CANDIDATE_NAME} from './runtime/candidacy.ts';
import {loadCatalogue} from './runtime/catalogue-file.ts';
import {checkTiming, type ElectionTiming} from './runtime/elector.ts';
import {PRODUCT_VERSION} from './version.ts';

export {ownLeaseName} from './core/naming/own-lease.ts';
export {PRODUCT_VERSION} from './version.ts';

export type Config = {
  readonly namespace: string;
  readonly ownLeaseName: string;
  /** The ClusterRole with which everything that is enforced goes; empty for none. */
  readonly installation: string;
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

/**
 * The configuration of a run, or undefined when only help or the version was asked for. Throws UsageError with the
 * flag's name for what is unknown or impossible.
 */
export async function loadConfig(argv: readonly string[], calledAs?: string): Promise<Config | undefined> {
  const settings = parseConfig(argv, calledAs);
  if (!settings) return undefined;
  const {catalogueFile, ...rest} = settings;
  const catalogue = catalogueFile === undefined ? KNOWN : await loadCatalogue(catalogueFile);
  return Object.freeze({...rest, catalogue});
}

/** The same without a look at any file. */
export function parseConfig(argv: readonly string[], calledAs?: string): Settings | undefined {
  const command = runCommand(calledAs);
  try {
    command.parse([...argv], {from: 'user'});
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return undefined;
    throw new UsageError(`${usageSentence(error.message)}; see --help`);
  }
  const flags = command.opts<Flags>();
  const {leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds} = flags;
  const timing = {leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds};
  checkFlags(timing, flags);
  return Object.freeze({
    namespace: flags.namespace,
    ownLeaseName: ownLeaseName(flags.deploymentName),
    installation: flags.installation,
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
