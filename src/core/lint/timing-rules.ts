/** Rules of how long an election waits: what client-go refuses, and what follows from what is set. */
import {
  CLIENT_GO_TIMING,
  isLeaseLongEnough,
  isRenewLongEnough,
  type Timing,
  timingFigures,
} from '../lease/timing.ts';
import type {Bundle} from './bundle.ts';
import {durationText} from './duration.ts';
import {type DurationRole, type Election, electionOf, type GivenDuration} from './elections.ts';
import type {LintRule, Remark} from './rule.ts';

const deployment = (flags: string) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: mailer, namespace: shop}
spec:
  template:
    spec:
      containers: [{name: mailer, image: mailer, args: [--leader-elect, ${flags}]}]`;

const GOOD = deployment(
  '--leader-elect-lease-duration=15s, --leader-elect-renew-deadline=10s, --leader-elect-retry-period=2s',
);

/** The durations of an election, of which one at least is set. */
type Timed = {
  readonly election: Election;
  readonly given: Election['durations'];
  /** With what client-go takes for the others. */
  readonly timing: Timing;
  /** Where the first one is set. */
  readonly first: GivenDuration;
};

function* timedOf({workloads}: Bundle): Generator<Timed> {
  for (const workload of workloads) {
    for (const container of workload.containers) {
      const timed = timedElection(electionOf(workload, container));
      if (timed) yield timed;
    }
  }
}

function timedElection(election: Election): Timed | undefined {
  const {durations: given} = election;
  const all = [given.leaseDuration, given.renewDeadline, given.retryPeriod];
  const first = all.find(each => each !== undefined);
  if (!first || all.some(each => each && each.ms === undefined)) return undefined;
  return {
    election,
    given,
    first,
    timing: {
      leaseMs: given.leaseDuration?.ms ?? CLIENT_GO_TIMING.leaseMs,
      renewMs: given.renewDeadline?.ms ?? CLIENT_GO_TIMING.renewMs,
      retryMs: given.retryPeriod?.ms ?? CLIENT_GO_TIMING.retryMs,
    },
  };
}

/** Two durations of which the longer one is too short. */
type Conflict = {readonly longer: DurationRole; readonly shorter: DurationRole; readonly message: string};

const NAMES: Readonly<Record<DurationRole, string>> = {
  leaseDuration: 'the lease duration',
  renewDeadline: 'the renew deadline',
  retryPeriod: 'the retry period',
};

function conflictsIn({timing, given}: Timed): Conflict[] {
  const {leaseMs, renewMs, retryMs} = timing;
  const told = (role: DurationRole, ms: number) =>
    `${NAMES[role]} (${durationText(ms)}${given[role] ? '' : ', the default of client-go'})`;
  const [lease, renew, retry] = [
    told('leaseDuration', leaseMs),
    told('renewDeadline', renewMs),
    told('retryPeriod', retryMs),
  ];
  return [
    ...(isLeaseLongEnough(timing)
      ? []
      : [
          {
            longer: 'leaseDuration',
            shorter: 'renewDeadline',
            message: `${lease} must be above ${renew}`,
          } as const,
        ]),
    ...(isRenewLongEnough(timing)
      ? []
      : [
          {
            longer: 'renewDeadline',
            shorter: 'retryPeriod',
            message: `${renew} must be above 1.2 times ${retry}`,
          } as const,
        ]),
  ];
}

const isWritten = ({given}: Timed, {longer, shorter}: Conflict) =>
  given[longer] !== undefined && given[shorter] !== undefined;

function conflict(timed: Timed, {longer, shorter, message}: Conflict): Remark {
  const {setting} = timed.given[longer] ?? timed.given[shorter] ?? timed.first;
  return {object: timed.election.workload.object, path: setting.path, message};
}

const wrongOrder: LintRule = {
  id: 'LP401',
  severity: 'error',
  title: 'The durations of an election contradict each other',
  why: 'client-go starts only with lease duration > renew deadline > 1.2 x retry period. Where another library takes them all the same, a leader goes on while another one may lead already, or gives up before its second try.',
  bad: deployment('--leader-elect-lease-duration=10s, --leader-elect-renew-deadline=15s'),
  good: GOOD,
  *find(bundle) {
    for (const timed of timedOf(bundle))
      for (const each of conflictsIn(timed)) if (isWritten(timed, each)) yield conflict(timed, each);
  },
};

const wrongByDefault: LintRule = {
  id: 'LP402',
  severity: 'warning',
  title: 'A duration of an election contradicts the default of another one',
  why: 'Only a part of the three durations is set, and with the defaults of client-go (15, 10 and 2 seconds) for the others the program does not start. Advisory, as a program may have other defaults: set all three.',
  bad: deployment('--leader-elect-lease-duration=8s'),
  good: GOOD,
  *find(bundle) {
    for (const timed of timedOf(bundle))
      for (const each of conflictsIn(timed)) if (!isWritten(timed, each)) yield conflict(timed, each);
  },
};

const figures: LintRule = {
  id: 'LP403',
  severity: 'info',
  title: 'What follows from the durations of an election',
  why: 'Skew tolerance is lease duration - renew deadline: by so much may clocks of two nodes run apart before both lead. An absence of the API server of (renew deadline / retry period, rounded down, - 1) x retry period costs no lead. After a crash the next one leads within lease duration + retry period, after a release within the retry period.',
  bad: GOOD,
  good: deployment('--leader-election-id=mailer'),
  *find(bundle) {
    for (const timed of timedOf(bundle)) {
      const {timing, first, election} = timed;
      if (timing.retryMs <= 0 || conflictsIn(timed).length > 0) continue;
      const {skewTolerated, downtimeSurvived, takeoverAfterCrash, takeoverAfterRelease} =
        timingFigures(timing);
      const message = `clocks may run ${durationText(skewTolerated)} apart, the API server may be away for ${durationText(downtimeSurvived)}, and the next one leads within ${durationText(takeoverAfterCrash)} of a crash and ${durationText(takeoverAfterRelease)} of a release`;
      yield {object: election.workload.object, path: first.setting.path, message};
    }
  },
};

/** Below it clocks that NTP keeps are not near enough. */
const SKEW_LEAST_MS = 1000;

const noRoom: LintRule = {
  id: 'LP404',
  severity: 'warning',
  title: 'The durations of an election leave no room for a mishap',
  why: 'With less than a second between renew deadline and lease duration clocks of two nodes are not near enough; with a renew deadline below twice the retry period one failed request ends the term.',
  bad: deployment(
    '--leader-elect-lease-duration=15s, --leader-elect-renew-deadline=10s, --leader-elect-retry-period=6s',
  ),
  good: GOOD,
  *find(bundle) {
    for (const timed of timedOf(bundle)) {
      const {timing, first, election} = timed;
      if (timing.retryMs <= 0 || conflictsIn(timed).length > 0) continue;
      const {skewTolerated, downtimeSurvived} = timingFigures(timing);
      const {object} = election.workload;
      if (downtimeSurvived === 0)
        yield {
          object,
          path: first.setting.path,
          message:
            'one request that fails ends the term: lengthen the renew deadline, or shorten the retry period',
        };
      if (skewTolerated < SKEW_LEAST_MS)
        yield {
          object,
          path: first.setting.path,
          message: `clocks that run ${durationText(skewTolerated)} apart give two leaders: lengthen the lease duration`,
        };
    }
  },
};

export const TIMING_RULES: readonly LintRule[] = [wrongOrder, wrongByDefault, figures, noRoom];
