/** What the plans of single objects found, summed up per policy as it changes. */
import type {StatusFinding} from '../api/leasepolicy.ts';
import {type Finding, type FindingReason, refText} from '../core/finding.ts';
import type {Lifetime} from '../core/lifetime.ts';
import type {Garbage, LeasePlan} from '../core/plan-lease.ts';

/** Findings because of which a subject has no Lease. */
const WITHOUT_LEASE: ReadonlySet<FindingReason> = new Set([
  'MissingLease',
  'NameCollision',
  'NameTooLong',
  'InvalidName',
  'NamespaceMissing',
]);

type Entry = {
  findings: readonly Finding[];
  state?: LeasePlan['state'] | undefined;
  garbage?: Garbage | undefined;
};

/** The sums of one policy. */
export class PolicyTally {
  readonly lifetimes: Partial<Record<Lifetime, number>> = {};
  readonly reasons = new Map<FindingReason, number>();
  readonly findings = new Map<string, StatusFinding>();
  readonly garbage = new Map<string, Garbage>();
  /** Leases that have the name of a subject. */
  claimed = 0;

  get withoutLease(): number {
    return [...WITHOUT_LEASE].reduce((sum, reason) => sum + (this.reasons.get(reason) ?? 0), 0);
  }

  get total(): number {
    return Object.values(this.lifetimes).reduce((sum, count) => sum + count, 0);
  }
}

const idOf = ({reason, about}: Finding) => `${reason} ${refText(about)}`;

export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #tallies = new Map<string, PolicyTally>();
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

  /** Each policy with its sums. */
  tallies(): IterableIterator<[string, PolicyTally]> {
    return this.#tallies.entries();
  }

  /** Replaces what was found under this key. Returns the policies whose sums changed, and findings that are new. */
  record(key: string, entry: Entry, wallMs: number): {changed: Set<string>; fresh: Finding[]} {
    const before = this.#entries.get(key);
    const changed = new Set<string>();
    if (before) this.#subtract(key, before, changed);
    const fresh = this.#add(key, entry, before, changed, wallMs);
    if (entry.findings.length > 0 || entry.state || entry.garbage) this.#entries.set(key, entry);
    else this.#entries.delete(key);
    return {changed: same(before, entry) ? new Set() : changed, fresh};
  }

  /** Forgets everything: a term begins, and all is looked at anew. */
  clear(): void {
    this.#entries.clear();
    this.#tallies.clear();
  }

  /** Forgets a policy that is gone, with everything that was found for it. */
  forget(policy: string): void {
    for (const [key, {findings, state, garbage}] of this.#entries) {
      this.#entries.set(key, {
        findings: findings.filter(each => each.policy !== policy),
        state: state?.policy === policy ? undefined : state,
        garbage: garbage?.policy === policy ? undefined : garbage,
      });
    }
    this.#tallies.delete(policy);
  }

  #subtract(key: string, {findings, state, garbage}: Entry, changed: Set<string>): void {
    if (state) this.#count(state, -1, changed);
    if (garbage) this.tally(touched(changed, garbage.policy)).garbage.delete(key);
    for (const finding of findings) {
      const tally = this.tally(touched(changed, finding.policy));
      tally.reasons.set(finding.reason, (tally.reasons.get(finding.reason) ?? 1) - 1);
    }
  }

  #add(
    key: string,
    entry: Entry,
    before: Entry | undefined,
    changed: Set<string>,
    wallMs: number,
  ): Finding[] {
    if (entry.state) this.#count(entry.state, 1, changed);
    if (entry.garbage) this.tally(touched(changed, entry.garbage.policy)).garbage.set(key, entry.garbage);
    const kept = new Map<string, StatusFinding | undefined>();
    for (const old of before?.findings ?? []) {
      const {findings} = this.tally(old.policy);
      kept.set(`${old.policy} ${idOf(old)}`, findings.get(idOf(old)));
      findings.delete(idOf(old));
    }
    return entry.findings.filter(finding => {
      const tally = this.tally(touched(changed, finding.policy));
      tally.reasons.set(finding.reason, (tally.reasons.get(finding.reason) ?? 0) + 1);
      const known = kept.get(`${finding.policy} ${idOf(finding)}`)?.since ?? this.#since(finding);
      const since = known ?? new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');
      const {reason, message, about} = finding;
      tally.findings.set(idOf(finding), {reason, object: refText(about), message, since});
      return known === undefined;
    });
  }

  #count(
    {policy, lifetime, claimed}: NonNullable<LeasePlan['state']>,
    by: 1 | -1,
    changed: Set<string>,
  ): void {
    const tally = this.tally(touched(changed, policy));
    tally.lifetimes[lifetime] = (tally.lifetimes[lifetime] ?? 0) + by;
    if (claimed) tally.claimed += by;
  }
}

function touched(changed: Set<string>, policy: string): string {
  changed.add(policy);
  return policy;
}

/** Whether nothing that status shows is different. */
function same(a: Entry | undefined, b: Entry): boolean {
  const text = (entry: Entry | undefined) =>
    JSON.stringify([
      entry?.state,
      entry?.findings.map(each => [each.policy, idOf(each), each.message]),
      entry?.garbage?.dueAtMs,
    ]);
  return a !== undefined && text(a) === text(b);
}
