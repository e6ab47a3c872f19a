/** Computes a policy's status from what the other plans found, and writes it only when it differs. */
import {isDeepStrictEqual} from 'node:util';
import type {Condition, LeasePolicyStatus, StatusFinding} from '../../api/leasepolicy.ts';
import {policyRef} from '../lease/finding.ts';
import {LIFETIMES, type Lifetime} from '../lease/lifetime.ts';
import {CONDITION_MOST, legible} from '../legible.ts';
import type {Exemption, Rules} from '../naming/rules.ts';
import type {Now} from '../now.ts';
import {type Action, type Plan, sooner} from './action.ts';
import type {Enforced} from './admission.ts';
import type {ConditionType, ReasonOf} from './condition.ts';

/** The number of findings that status lists; their exact number is in violations. */
const MAX_FINDINGS = 20;

/** Whether the spec as it stands can be in force. */
export type Acceptance =
  | {accepted: true}
  /** What has to be known first, such as whether a kind is served. */
  | {accepted: undefined; message: string}
  | {accepted: false; reason: ReasonOf<'Accepted'>; message: string};

export type PolicyObservation = {
  readonly policy: string;
  readonly generation: number;
  readonly specText: string;
  readonly kinds: readonly string[];
  readonly acceptance: Acceptance;
  /** The version in force. */
  readonly rules: Pick<Rules, 'generation' | 'exempt'> | undefined;
  readonly subjects: number;
  readonly lifetimes: Readonly<Partial<Record<Lifetime, number>>>;
  readonly violations: number;
  /** Subjects that have no Lease because of a finding. */
  readonly withoutLease: number;
  readonly findings: readonly StatusFinding[];
  /** Whether every subject was looked at since this process began to lead. */
  readonly settled: boolean;
  readonly stopped: string | undefined;
  /** What the API server enforces, once that is known. */
  readonly enforced: Enforced | undefined;
  readonly uid: string;
  readonly status: LeasePolicyStatus | undefined;
};

export function planPolicy(observed: PolicyObservation, now: Now): Plan {
  const status = statusOf(observed, new Date(now.wallMs).toISOString().replace(/\.\d+Z$/, 'Z'));
  const ending = exemptionsEnding(observed, now);
  const unchanged = Object.entries(status).every(([key, value]) =>
    isDeepStrictEqual(observed.status?.[key as keyof LeasePolicyStatus], value),
  );
  if (unchanged) return {actions: [], ...ending};
  const write: Action = {type: 'writeStatus', policy: observed.policy, status};
  return {actions: [write, ...stopEvent(observed, status)], ...ending};
}

/** Told when status begins to say it: nobody looks at a policy whose Leases should go by themselves. */
function stopEvent(observed: PolicyObservation, status: OwnStatus): Action[] {
  const {policy, stopped, uid} = observed;
  const isStopped = (each: Pick<LeasePolicyStatus, 'conditions'> | undefined) =>
    each?.conditions.some(({reason}) => reason === 'CollectionStopped') ?? false;
  if (stopped === undefined || !isStopped(status) || isStopped(observed.status)) return [];
  const [about, severity, reason] = [policyRef(policy, uid), 'Warning', 'CollectionStopped'] as const;
  return [{type: 'emitEvent', policy, about, severity, reason, message: stopped}];
}

/** How long before its end an exemption becomes a finding. */
const WARNING_MS = 7 * 24 * 3600 * 1000;

/** The exemptions that end within a week, and when that changes. */
function exemptionsEnding(
  {policy, uid, rules}: PolicyObservation,
  {wallMs}: Now,
): Pick<Plan, 'findings' | 'requeueAfterMs'> {
  const lasting = (rules?.exempt ?? []).filter(
    ({untilWallMs}) => Number.isFinite(untilWallMs) && untilWallMs > wallMs,
  );
  const isEnding = ({untilWallMs}: Exemption) => untilWallMs - wallMs <= WARNING_MS;
  const waits = lasting.map(each => each.untilWallMs - wallMs - (isEnding(each) ? 0 : WARNING_MS));
  const ending = lasting.filter(isEnding);
  if (ending.length === 0)
    return {findings: [], requeueAfterMs: waits.reduce<number | undefined>(sooner, undefined)};
  const list = ending.map(each => {
    const until = new Date(each.untilWallMs).toISOString().replace(/\.\d+Z$/, 'Z');
    return `${each.name} in ${each.namespace === '*' ? 'all namespaces' : each.namespace} until ${until} (${each.reason})`;
  });
  const message = `exemptions end within a week, and then these Leases need an allowed name: ${list.join('; ')}`;
  return {
    findings: [{policy, reason: 'ExemptionEnding', about: policyRef(policy, uid), message}],
    requeueAfterMs: waits.reduce<number | undefined>(sooner, undefined),
  };
}

type OwnStatus = Omit<LeasePolicyStatus, 'lastGarbageCollection'>;

function statusOf(observed: PolicyObservation, time: string): OwnStatus {
  const {generation, acceptance, specText, status, lifetimes} = observed;
  const leases = Object.fromEntries(LIFETIMES.map(state => [state, lifetimes[state] ?? 0])) as Record<
    Lifetime,
    number
  >;
  const total = Object.values(leases).reduce((sum, count) => sum + count, 0);
  const lastAccepted = acceptance.accepted === true ? {generation, spec: specText} : status?.lastAccepted;
  return {
    observedGeneration: generation,
    subjectsKind: observed.kinds.join(','),
    conditions: conditions(observed).map(each => stamped(each, status?.conditions, generation, time)),
    subjects: observed.subjects,
    leases: {total, ...leases},
    violations: observed.violations,
    findings: newest(observed.findings),
    ...(lastAccepted ? {lastAccepted} : {}),
  };
}

function newest(findings: readonly StatusFinding[]): StatusFinding[] {
  const order = (finding: StatusFinding) => `${finding.object} ${finding.reason}`;
  return findings
    .toSorted((a, b) => (a.since === b.since ? (order(a) < order(b) ? -1 : 1) : a.since < b.since ? 1 : -1))
    .slice(0, MAX_FINDINGS);
}

type Draft = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/** One that is decided here, and not carried over from the leader before. */
type Decided<Type extends ConditionType> = Draft & {type: Type; reason: ReasonOf<Type>};

function stamped(
  draft: Draft,
  before: readonly Condition[] | undefined,
  generation: number,
  time: string,
): Condition {
  const old = before?.find(each => each.type === draft.type);
  const lastTransitionTime = old?.status === draft.status ? old.lastTransitionTime : time;
  const message = legible(draft.message, CONDITION_MOST);
  return {...draft, message, lastTransitionTime, observedGeneration: generation};
}

function conditions(observed: PolicyObservation): Draft[] {
  return [accepted(observed), enforced(observed), ready(observed)];
}

function accepted({acceptance, rules}: PolicyObservation): Decided<'Accepted'> {
  if (acceptance.accepted === true) {
    return {type: 'Accepted', status: 'True', reason: 'Accepted', message: 'the policy is in force'};
  }
  const still = rules ? `; generation ${rules.generation} stays in force` : '';
  if (acceptance.accepted === undefined) {
    return {type: 'Accepted', status: 'Unknown', reason: 'Pending', message: acceptance.message + still};
  }
  return {type: 'Accepted', status: 'False', reason: acceptance.reason, message: acceptance.message + still};
}

function enforced({rules, enforced, status}: PolicyObservation): Draft {
  const decided = (draft: Enforced): Decided<'Enforced'> => ({type: 'Enforced', ...draft});
  if (!rules) return decided({status: 'False', reason: 'NotAccepted', message: 'no version is in force'});
  if (enforced) return decided(enforced);
  // As the leader before us has said, until we have looked ourselves.
  const before = status?.conditions.find(each => each.type === 'Enforced');
  if (before) {
    const {type, status: value, reason, message} = before;
    return {type, status: value, reason, message};
  }
  return decided({status: 'Unknown', reason: 'Pending', message: 'nothing was looked at yet'});
}

function ready(observed: PolicyObservation): Decided<'Ready'> {
  const no = (reason: ReasonOf<'Ready'>, message: string): Decided<'Ready'> => ({
    type: 'Ready',
    status: 'False',
    reason,
    message,
  });
  if (observed.acceptance.accepted !== true) return no('NotAccepted', 'see the condition Accepted');
  if (observed.stopped !== undefined) return no('CollectionStopped', observed.stopped);
  if (!observed.settled) return no('Reconciling', 'not every subject has been looked at yet');
  if (observed.withoutLease > 0) {
    return no(
      'SubjectsWithoutLease',
      `${observed.withoutLease} of ${observed.subjects} subjects have no Lease: see findings`,
    );
  }
  return {type: 'Ready', status: 'True', reason: 'Reconciled', message: 'every subject has its Lease'};
}
