/** What a doctor says of a cluster: each check with a sentence, and with what to do next. */
import {isDeepStrictEqual} from 'node:util';
import {leastSkewMs, type Skew} from '../lease/clock-skew.ts';
import {parseMicroTime} from '../lease/microtime.ts';
import {podNamesIn} from '../lease/pod-of-holder.ts';
import {excerpt} from '../legible.ts';
import {FEATURES, isAtLeast, OLDEST, type ServerVersion} from '../server-version.ts';
import type {LeaseWebhook} from './lease-webhooks.ts';

export type Health = 'ok' | 'warn' | 'fail';
export type Check = {
  readonly check: string;
  readonly health: Health;
  readonly message: string;
  /** What to do; not there where all is well. */
  readonly next?: string;
};

const ok = (check: string, message: string): Check => ({check, health: 'ok', message});
const warn = (check: string, message: string, next: string): Check => ({
  check,
  health: 'warn',
  message,
  next,
});
const fail = (check: string, message: string, next: string): Check => ({
  check,
  health: 'fail',
  message,
  next,
});

export function checkVersion(version: ServerVersion): Check {
  const {text} = version;
  const oldest = `${OLDEST.major}.${OLDEST.minor}`;
  if (isAtLeast(version, OLDEST.major, OLDEST.minor)) return ok('server', `the API server is ${text}`);
  return warn(
    'server',
    `the API server is ${text}, older than ${oldest}`,
    `upgrade it to ${oldest} or newer`,
  );
}

/** By what the server really serves, as any of it may be switched off. */
export function checkFeatures(served: ReadonlySet<string>): Check[] {
  const features = FEATURES.map(({kind, minor, without}) =>
    served.has(kind)
      ? ok(kind, `the API server serves ${kind}`)
      : warn(
          kind,
          `the API server serves no ${kind} in v1: ${without}`,
          `upgrade it to 1.${minor} or newer, or do without`,
        ),
  );
  const candidates = served.has('LeaseCandidate')
    ? 'the API server serves LeaseCandidate, so that it can choose leaders'
    : 'the API server serves no LeaseCandidate, which coordinated election alone needs';
  return [...features, ok('LeaseCandidate', candidates)];
}

export type Definition = {
  readonly spec?: {versions?: readonly {name: string; served?: boolean; schema?: unknown}[]};
  readonly status?: {conditions?: readonly {type: string; status: string; message?: string}[]};
};

export function checkDefinition(name: string, live: Definition | undefined, ours: Definition): Check {
  const check = `crd ${name.split('.')[0]}`;
  if (!live) return fail(check, `there is no definition ${name}`, 'run leasepolicy install');
  const established = live.status?.conditions?.find(({type}) => type === 'Established');
  if (established?.status !== 'True')
    return fail(check, `${name} is not established`, `look at kubectl describe crd ${name}`);
  const [version] = ours.spec?.versions ?? [];
  const same = live.spec?.versions?.find(each => each.name === version?.name);
  if (same?.served !== true)
    return fail(check, `${name} has no version ${version?.name}`, 'run leasepolicy install of this version');
  return isDeepStrictEqual(same.schema, version?.schema)
    ? ok(check, `${name} is that of this version`)
    : warn(
        check,
        `${name} is that of another version`,
        'use the command line of the version that is installed, or install this one',
      );
}

export type OperatorState = {
  readonly namespace: string;
  readonly lease:
    | {holder: string; renewTime?: string | undefined; durationSeconds?: number | undefined}
    | undefined;
  readonly deployment: {name: string; replicas: number; ready: number} | undefined;
  /** Names of its Pods; undefined when they may not be looked at. */
  readonly pods: readonly string[] | undefined;
  /** The server's clock, as far as it is known. */
  readonly serverNowMs: number;
};

/** Ages are told by the server's clock, and the holder wrote its own: a second or two is nothing. */
const SKEW_MS = 5_000;

export function checkOperator(state: OperatorState): Check[] {
  return [checkReplicas(state), checkLeader(state)];
}

function checkReplicas({deployment, namespace}: OperatorState): Check {
  if (!deployment)
    return warn('operator', `there is no Deployment leasepolicy in ${namespace}`, 'run leasepolicy install');
  const {ready, replicas} = deployment;
  return ready > 0
    ? ok('operator', `${ready} of ${replicas} replicas are ready in ${namespace}`)
    : fail(
        'operator',
        `none of ${replicas} replicas is ready in ${namespace}`,
        `look at kubectl get pods -n ${namespace}`,
      );
}

function checkLeader(state: OperatorState): Check {
  const {namespace, lease, deployment, serverNowMs} = state;
  const start = 'start one: leasepolicy install';
  const logs = deployment ? `look at kubectl logs -n ${namespace} deployment/${deployment.name}` : start;
  if (!lease) return fail('leader', `no operator has ever led in ${namespace}`, logs);
  const {holder, renewTime, durationSeconds = 0} = lease;
  if (holder === '')
    return fail('leader', 'the last leader gave its Lease up, and none has come after it', logs);
  const renewedMs = parseMicroTime(renewTime);
  const who = excerpt(holder);
  if (renewedMs === undefined) return fail('leader', `${who} has never renewed its Lease`, logs);
  const seconds = Math.round((serverNowMs - renewedMs) / 1000);
  if (serverNowMs - renewedMs > durationSeconds * 1000 + SKEW_MS)
    return fail(
      'leader',
      `${who} renewed its Lease ${seconds} seconds ago, and it lasts ${durationSeconds}`,
      logs,
    );
  const leads = `${who} leads, and renewed its Lease ${Math.max(0, seconds)} seconds ago`;
  return runsElsewhere(holder, state) ? warn('leader', `${leads}; ${ELSEWHERE}`, STOP) : ok('leader', leads);
}

const ELSEWHERE = 'it is none of the Pods of the operator, so it runs elsewhere, as by npm start';
const STOP = 'unless that is meant, stop it; uninstall does not begin while it runs';

/** The holder is the host name of a Pod, with something around it. */
function runsElsewhere(holder: string, {pods}: OperatorState): boolean {
  return pods !== undefined && !podNamesIn(holder).some(name => pods.includes(name));
}

/** A command, and what the caller may not do that it needs; empty when nothing is missing. */
export function checkRights(command: string, missing: string): Check {
  const check = `rights for ${command}`;
  if (missing === '') return ok(check, `you may do what ${command} needs`);
  return warn(check, `you may not ${missing}, which ${command} needs`, 'ask for that right');
}

const RISKS: Readonly<Record<LeaseWebhook['risk'], readonly [Health, string]>> = {
  fatal: ['fail', 'while it is away, the control plane and nodes lose their Leases (kubernetes issue 90217)'],
  failing: ['warn', 'while it is away, nobody whom it covers can renew a Lease'],
  slow: ['warn', 'each renewal waits for it'],
};

export function checkWebhooks(webhooks: readonly LeaseWebhook[]): Check[] {
  if (webhooks.length === 0) return [ok('webhooks', 'no webhook is asked about Leases')];
  return webhooks.map(({configuration, name, risk, timeoutSeconds}) => {
    const [health, why] = RISKS[risk];
    const message = `${excerpt(configuration)}: ${excerpt(name)} is asked about Leases, for up to ${timeoutSeconds} seconds: ${why}`;
    const next = 'take leases of coordination.k8s.io out of its rules, or out by a matchCondition';
    return {check: 'webhooks', health, message, next};
  });
}

const WARN_MS = 2_000;
/** The usual duration of a Lease. */
const FAIL_MS = 15_000;

export function checkClock(skew: Skew | undefined): Check {
  if (!skew)
    return warn('clock', 'the answers of the API server contradict each other in time', 'run it once more');
  const error = seconds((skew.mostMs - skew.leastMs) / 2);
  const middle = (skew.mostMs + skew.leastMs) / 2;
  const way = middle < 0 ? 'behind' : 'ahead of';
  const message = `the server's clock is ${seconds(Math.abs(middle))} s ${way} this one, give or take ${error} s`;
  const apart = leastSkewMs(skew);
  const next = 'set both clocks by NTP: ages of Leases are told by them';
  if (apart > FAIL_MS) return fail('clock', message, next);
  return apart > WARN_MS ? warn('clock', message, next) : ok('clock', message);
}

const seconds = (ms: number) => (ms / 1000).toFixed(1);

export type Leftover = {readonly kind: string; readonly name: string; readonly policy: string};

/** A binding without its policy goes on to refuse; the operator takes it away, if it runs. */
export function checkLeftovers(rendered: readonly Leftover[], policies: ReadonlySet<string>): Check[] {
  const left = rendered.filter(({policy}) => !policies.has(policy));
  if (left.length === 0) return [ok('leftovers', 'each of our admission objects has its policy')];
  return left.map(({kind, name, policy}) => {
    const message = `${kind} ${name} is there, and LeasePolicy ${policy} is gone`;
    const next = 'let the operator run, or run leasepolicy uninstall';
    return kind.endsWith('Binding') ? fail('leftovers', message, next) : warn('leftovers', message, next);
  });
}
