/** Decides one pass of garbage collection for a policy, within its budget and its share. */
import type {LeasePolicyStatus} from '../../api/leasepolicy.ts';
import type {Rules} from '../naming/rules.ts';
import type {Now} from '../now.ts';
import type {Action, Garbage, Plan} from './action.ts';

/** The minute that maxPerMinute counts. */
const WINDOW_MS = 60_000;

export type CollectionObservation = {
  readonly rules: Pick<Rules, 'policy' | 'collection'> | undefined;
  /** The resourceVersion of the policy on which this decision rests. */
  readonly resourceVersion: string;
  readonly garbage: readonly Garbage[];
  /** All Leases of the policy. */
  readonly total: number;
  readonly last: LeasePolicyStatus['lastGarbageCollection'];
};

export type CollectionPlan = Plan & {
  /** Why the pass is stopped, for the condition; undefined when it isn't. */
  stopped?: string;
};

/**
 * Takes what is due now, oldest first. The number of deletions is written into status before the first one, with
 * the policy's resourceVersion: so a leader that takes over counts them too, and an edit of the policy in the
 * meantime stops the pass. What falls due within the minute counts for maxPercent, else a mass deletion would pass
 * in slices.
 */
export function planCollection(observed: CollectionObservation, now: Now): CollectionPlan {
  const {rules, garbage} = observed;
  const plan: CollectionPlan = {actions: [], findings: []};
  if (!rules || garbage.length === 0) return plan;
  const byDue = garbage.toSorted((a, b) => a.dueAtMs - b.dueAtMs);
  const soon = share(byDue.filter(each => each.dueAtMs <= now.monotonicMs + WINDOW_MS));
  const allowed = Math.ceil((observed.total * rules.collection.maxPercent) / 100);
  if (soon > allowed) return {...plan, stopped: stopText(soon, observed.total, rules)};
  const due = byDue.filter(each => each.dueAtMs <= now.monotonicMs);
  const window = budget(observed.last, rules.collection.maxPerMinute, now);
  const taken = due.slice(0, window.left);
  plan.requeueAfterMs = nextPassMs(byDue, due.length > taken.length, window.endsInMs, now);
  if (taken.length === 0) return plan;
  const record = {
    time: iso(now.wallMs),
    deleted: taken.length,
    kept: garbage.length - taken.length,
    windowStart: iso(window.startMs),
    windowDeleted: window.used + taken.length,
  };
  plan.actions = [
    {
      type: 'writeStatus',
      policy: rules.policy,
      resourceVersion: observed.resourceVersion,
      status: {lastGarbageCollection: record},
    },
    ...retire(taken),
    ...taken.map(each => each.collect),
  ];
  return plan;
}

/** A set of buckets falls due as a whole, and its successor leads in its place: so it counts as one Lease. */
const share = (garbage: readonly Garbage[]) =>
  new Set(garbage.map(({set, collect: {lease}}) => set ?? `${lease.namespace}/${lease.name}`)).size;

const iso = (wallMs: number) => new Date(wallMs).toISOString();

function stopText(soon: number, total: number, {collection}: Pick<Rules, 'collection'>): string {
  return (
    `${soon} of ${total} Leases would be deleted at once, more than maxPercent ${collection.maxPercent}: ` +
    'correct the selectors, or raise garbageCollection.maxPercent to go on'
  );
}

type Budget = {left: number; used: number; startMs: number; endsInMs: number};

/** What is left of this minute. A window that starts more than a minute ahead is no window, but a wrong clock. */
function budget(last: CollectionObservation['last'], maxPerMinute: number, now: Now): Budget {
  const startMs = last ? Date.parse(last.windowStart) : Number.NaN;
  const isOpen = now.wallMs - startMs < WINDOW_MS && startMs - now.wallMs <= WINDOW_MS;
  if (!last || !isOpen) return {left: maxPerMinute, used: 0, startMs: now.wallMs, endsInMs: WINDOW_MS};
  // Whoever may edit a status can't raise the limit by it.
  const used = Math.max(0, last.windowDeleted);
  return {left: Math.max(0, maxPerMinute - used), used, startMs, endsInMs: startMs + WINDOW_MS - now.wallMs};
}

function nextPassMs(byDue: readonly Garbage[], overBudget: boolean, windowEndsInMs: number, now: Now) {
  if (overBudget) return windowEndsInMs;
  const next = byDue.find(each => each.dueAtMs > now.monotonicMs);
  return next && next.dueAtMs - now.monotonicMs;
}

/** Keeps the fencing counters of the names, before they are gone. */
function retire(taken: readonly Garbage[]): Action[] {
  const byNamespace = new Map<string, Record<string, {transitions: number}>>();
  for (const {collect, transitions} of taken) {
    if (transitions === 0) continue;
    const {namespace, name} = collect.lease;
    byNamespace.set(namespace, {...byNamespace.get(namespace), [name]: {transitions}});
  }
  return [...byNamespace].map(([namespace, retired]) => ({
    type: 'patchRegistry',
    namespace,
    patch: {retired},
  }));
}
