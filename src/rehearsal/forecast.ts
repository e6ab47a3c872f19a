/** What the operator would do now, by the looks of all its controllers. */
import {leaseController} from '../controllers/lease.ts';
import {asHeard, isSilent} from '../core/lease/heard.ts';
import type {LeaseView} from '../core/lease/lifetime.ts';
import type {Now} from '../core/now.ts';
import type {Action} from '../core/plan/action.ts';
import {type ActionText, actionText} from '../core/plan/action-text.ts';
import {differingFields, isDoubtful} from '../core/plan/status-doubt.ts';
import {asSeen} from '../world/seen.ts';
import type {Snapshot} from './snapshot.ts';

export type Forecast = {
  readonly actions: readonly ActionText[];
  /** Events, which say what is done and found, and change nothing. */
  readonly events: readonly ActionText[];
  /** Leases of which nothing was seen for as long as they last by the times in them: what becomes of them is open. */
  readonly silent: readonly {readonly namespace: string; readonly name: string}[];
  /** Policies whose status can't be told without watching for longer. */
  readonly doubtful: readonly string[];
};

/** Within a policy in the order in which they are done. */
export function forecast(snapshot: Snapshot, now: Now): Forecast {
  const looks = [...snapshot.rehearsal.advance(now).values()];
  const all = looks.flatMap(({plan}) => plan.actions);
  const silent = [...snapshot.leases()].filter(
    lease => isSilentNow(lease, snapshot, now) && isJudged(lease, snapshot, now),
  );
  const doubtful = all.filter(action => isInDoubt(action, silent, snapshot));
  const sure = all.filter(action => !doubtful.includes(action));
  return {
    actions: sure.filter(({type}) => type !== 'emitEvent').map(each => textOf(each, snapshot)),
    events: sure.filter(({type}) => type === 'emitEvent').map(actionText),
    silent: silent.map(({namespace, name}) => ({namespace, name})),
    doubtful: doubtful.flatMap(action => (action.type === 'writeStatus' ? action.policy : [])),
  };
}

function isSilentNow(lease: LeaseView, {world, firstSeenMs}: Snapshot, now: Now): boolean {
  const seen = asSeen(world.leases, lease.key, now.monotonicMs) ?? lease;
  return isSilent(seen, asHeard(lease, firstSeenMs, now), now);
}

/** Of a Lease that no policy is about, nothing depends on its holder. */
function isJudged(lease: LeaseView, {world}: Snapshot, now: Now): boolean {
  const isOfSystem = countsFor(lease, world).some(policy => policy !== '');
  return isOfSystem || leaseController.observe(lease.key, world, now).rules !== undefined;
}

/** Of a status it says what is new in it. */
function textOf(action: Action, {world}: Snapshot): ActionText {
  const text = actionText(action);
  if (action.type !== 'writeStatus') return text;
  const written = world.policies.get(action.policy)?.status;
  const fields = differingFields(written, action.status).join(', ');
  return {...text, detail: written ? `it differs in ${fields}` : 'it has none yet'};
}

function isInDoubt(action: Action, silent: readonly LeaseView[], {world}: Snapshot): boolean {
  if (action.type !== 'writeStatus') return false;
  const counted = silent.filter(lease => countsFor(lease, world).includes(action.policy));
  const written = world.policies.get(action.policy)?.status;
  return isDoubtful(written, action.status, counted.length);
}

/** The key of a heartbeat in the caches is the name of its node. */
const countsFor = (lease: LeaseView, world: Snapshot['world']) =>
  [...world.counted(lease), ...world.ledger.states(`heartbeat/${lease.name}`)].map(({policy}) => policy);
