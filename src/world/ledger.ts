/** What the plans of single objects found, summed up per policy as it changes. */
import type {StatusFinding} from '../api/leasepolicy.ts';
import type {LeaseClass} from '../core/lease/classify.ts';
import {type Finding, type FindingReason, refText, told} from '../core/lease/finding.ts';
import type {Lifetime} from '../core/lease/lifetime.ts';
import type {Garbage, LeaseState, Plan} from '../core/plan/action.ts';

/** Findings because of which a subject has no Lease. */
const WITHOUT_LEASE: ReadonlySet<FindingReason> = new Set([
  'MissingLease',
  'NameCollision',
  'NameTooLong',
  'InvalidName',
  'NamespaceMissing',
]);

/** The part of a plan that is summed up. */
export type Judgement = Pick<Plan, 'findings' | 'states' | 'garbage'>;

/** The sums of one policy. */
export class PolicyTally {
  readonly classes = new Map<LeaseClass, Map<Lifetime, number>>();
  readonly reasons = new Map<FindingReason, number>();
  /** By the key under which each was found, its reason and its object. */
  readonly findings = new Map<string, StatusFinding>();
  /** What was judged garbage, by the key of the Lease. */
  readonly garbage = new Map<string, Garbage>();
  /** Keys under which garbage was found, with how much. */
  readonly garbageKeys = new Map<string, number>();
  /** Leases that a subject has. */
  claimed = 0;

  get withoutLease(): number {
    return [...WITHOUT_LEASE].reduce((sum, reason) => sum + (this.reasons.get(reason) ?? 0), 0);
  }

  get lifetimes(): Partial<Record<Lifetime, number>> {
    const sums: Partial<Record<Lifetime, number>> = {};
    for (const counts of this.classes.values())
      for (const [lifetime, count] of counts) sums[lifetime] = (sums[lifetime] ?? 0) + count;
    return sums;
  }

  get total(): number {
    return Object.values(this.lifetimes).reduce((sum, count) => sum + count, 0);
  }
}

/** Of a finding that was made under this key; what two Leases show of one object are two. */
const idOf = (key: string, {reason, about}: Finding) => `${key} ${reason} ${refText(about)}`;

export class Ledger {
  readonly #entries = new Map<string, Judgement>();
  readonly #tallies = new Map<string, PolicyTally>();
  /** What was recorded of Leases that only count, by their states: thousands share one instead of having equal ones. */
  readonly #plain = new Map<string, Judgement>();
  readonly #since: (finding: Finding) => string | undefined;

  /** The function knows since when a finding has stood in status, from before this process led. */
  constructor(since: (finding: Finding) => string | undefined) {
    this.#since = since;
  }

  tally(policy: string): PolicyTally {
    const known = this.#tallies.get(policy);
    if (known) return known;
    const tally = new PolicyTally();
    this.#tallies.set(policy, tally);
    return tally;
  }

  /** Each policy with its sums; what belongs to no policy is under the empty name. */
  tallies(): IterableIterator<[string, PolicyTally]> {
    return this.#tallies.entries();
  }

  /** Where the Leases count that were judged under this key. */
  states(key: string): readonly LeaseState[] {
    return this.#entries.get(key)?.states ?? [];
  }

  /** Replaces what was found under this key. Returns the policies whose sums changed, and findings that are new. */
  record(key: string, judged: Judgement, wallMs: number): {changed: Set<string>; fresh: Finding[]} {
    const before = this.#entries.get(key);
    const entry = this.#shared(judged);
    const changed = new Set<string>();
    if (entry === before) return {changed, fresh: []};
    if (before) this.#subtract(key, before, changed);
    const fresh = this.#add(key, entry, before, changed, wallMs);
    if (isEmpty(entry)) this.#entries.delete(key);
    else this.#entries.set(key, entry);
    changed.delete('');
    return {changed: same(before, entry) ? new Set() : changed, fresh};
  }

  /** Forgets everything: a term begins, and all is looked at anew. */
  clear(): void {
    this.#entries.clear();
    this.#tallies.clear();
    this.#plain.clear();
  }

  /** Forgets a policy that is gone or is of other subjects now, with everything that was found for it. */
  forget(policy: string): void {
    const isOthers = (each: {readonly policy: string}) => each.policy !== policy;
    for (const [key, {findings, states = [], garbage = []}] of this.#entries) {
      const rest = {
        findings: findings.filter(isOthers),
        states: states.filter(isOthers),
        garbage: garbage.filter(isOthers),
      };
      if (isEmpty(rest)) this.#entries.delete(key);
      else this.#entries.set(key, rest);
    }
    this.#tallies.delete(policy);
  }

  #shared(judged: Judgement): Judgement {
    const {findings, states = [], garbage = []} = judged;
    if (findings.length > 0 || garbage.length > 0) return {...judged, findings: findings.map(told)};
    const key = JSON.stringify(states);
    const known = this.#plain.get(key) ?? {findings: [], states};
    this.#plain.set(key, known);
    return known;
  }

  #subtract(key: string, {findings, states = [], garbage = []}: Judgement, changed: Set<string>): void {
    for (const state of states) this.#count(state, -1, changed);
    for (const each of garbage) this.#countGarbage(key, each, -1, changed);
    for (const finding of findings) {
      const tally = this.tally(touched(changed, finding.policy));
      tally.reasons.set(finding.reason, (tally.reasons.get(finding.reason) ?? 1) - 1);
    }
  }

  #add(
    key: string,
    {findings, states = [], garbage = []}: Judgement,
    before: Judgement | undefined,
    changed: Set<string>,
    wallMs: number,
  ): Finding[] {
    for (const state of states) this.#count(state, 1, changed);
    for (const each of garbage) this.#countGarbage(key, each, 1, changed);
    const kept = new Map<string, StatusFinding | undefined>();
    for (const old of before?.findings ?? []) {
      const {findings} = this.tally(old.policy);
      kept.set(`${old.policy} ${idOf(key, old)}`, findings.get(idOf(key, old)));
      findings.delete(idOf(key, old));
    }
    return findings.filter(finding => {
      const tally = this.tally(touched(changed, finding.policy));
      tally.reasons.set(finding.reason, (tally.reasons.get(finding.reason) ?? 0) + 1);
      const known = kept.get(`${finding.policy} ${idOf(key, finding)}`)?.since ?? this.#since(finding);
      const since = known ?? new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');
      const {reason, message, about} = finding;
      tally.findings.set(idOf(key, finding), {reason, object: refText(about), message, since});
      return known === undefined;
    });
  }

  #count(state: LeaseState, by: 1 | -1, changed: Set<string>): void {
    const tally = this.tally(touched(changed, state.policy));
    const counts = tally.classes.get(state.class) ?? new Map<Lifetime, number>();
    counts.set(state.lifetime, (counts.get(state.lifetime) ?? 0) + by);
    tally.classes.set(state.class, counts);
    if (state.claimed) tally.claimed += by;
  }

  #countGarbage(key: string, garbage: Garbage, by: 1 | -1, changed: Set<string>): void {
    const tally = this.tally(touched(changed, garbage.policy));
    const {namespace, name} = garbage.collect.lease;
    if (by === 1) tally.garbage.set(`${namespace}/${name}`, garbage);
    else tally.garbage.delete(`${namespace}/${name}`);
    const count = (tally.garbageKeys.get(key) ?? 0) + by;
    if (count > 0) tally.garbageKeys.set(key, count);
    else tally.garbageKeys.delete(key);
  }
}

const isEmpty = ({findings, states = [], garbage = []}: Judgement) =>
  findings.length === 0 && states.length === 0 && garbage.length === 0;

function touched(changed: Set<string>, policy: string): string {
  changed.add(policy);
  return policy;
}

/** Whether nothing that status shows is different. */
function same(a: Judgement | undefined, b: Judgement): boolean {
  const text = ({findings, states = [], garbage = []}: Judgement) =>
    JSON.stringify([
      states,
      findings.map(each => [each.policy, idOf('', each), each.message]),
      garbage.map(({dueAtMs, waitsForMark}) => (waitsForMark ? 'at its mark' : dueAtMs)),
    ]);
  return a !== undefined && text(a) === text(b);
}
