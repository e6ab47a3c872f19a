/** Renames from their beginning to their end: what one plan writes is what the next one sees. */
import test from 'ava';
import fc from 'fast-check';
import {isHeldByOthers, type LeaseView} from '../../../src/core/lease/lifetime.ts';
import type {Rules} from '../../../src/core/naming/rules.ts';
import type {Now} from '../../../src/core/now.ts';
import type {Action} from '../../../src/core/plan/action.ts';
import {planLease} from '../../../src/core/plan/lease.ts';
import {planWorkload} from '../../../src/core/plan/workload.ts';
import {lease, leaseObservation, now, policy, workload} from '../../support/builders.ts';

const POD = 'api-5d8f-x2x4z';
const [A, B, C] = ['a', 'b', 'c'].map(prefix => `${prefix}-14c2529eb4`) as [string, string, string];
type TestLease = ReturnType<typeof lease>;
const isOurs = ({holder}: LeaseView) => holder.startsWith('leasepolicy-rename_');

/**
 * The Deployment api, whose policy is renamed, and the operator at work on it. The workload is looked at when its
 * last plan said so, or when a Pod takes or gives up a Lease; garbage is taken in the millisecond in which it is due.
 */
class Story {
  /** Which names were open to Pods, each time that this changed: two in one entry would be two leaders. */
  readonly opened: string[] = [];
  /** When a Lease was collected, in milliseconds since the beginning. */
  readonly collected = new Map<string, number>();
  readonly #leases = new Map<string, TestLease>();
  readonly #policy: ReturnType<typeof policy>;
  readonly #seconds: number;
  #rules: Rules;
  #ms = 0;
  #lookAtMs = Number.POSITIVE_INFINITY;
  #held: string | undefined;
  #beatAtMs = Number.POSITIVE_INFINITY;

  /** Begins with a Pod that holds the name of the prefix a. */
  constructor(durationSeconds = 15, ttlSeconds = 3600) {
    this.#policy = policy().leases({durationSeconds}).collecting({ttlSeconds});
    this.#seconds = durationSeconds;
    this.#rules = this.#policy.prefixed('a').rules();
    this.#leases.set(A, lease().named(A).made());
    this.take(A);
  }

  get names(): string[] {
    return [...this.#leases.keys()].sort();
  }

  rename(prefix: string): void {
    this.#rules = this.#policy.prefixed(prefix).rules();
    this.#look();
  }

  /** A Pod takes the name, and renews it from now on. */
  take(name: string): void {
    this.#held = name;
    this.#beatAtMs = this.#ms;
    this.#beat();
    this.#look();
  }

  release(): void {
    this.#change(this.#held, each => each.released(this.#now));
    this.crash();
    this.#look();
  }

  /** The Pod renews no more, and nobody is told. */
  crash(): void {
    this.#held = undefined;
    this.#beatAtMs = Number.POSITIVE_INFINITY;
  }

  pass(ms: number): void {
    const end = this.#ms + ms;
    for (; this.#ms < end; this.#ms = Math.min(end, this.#beatAtMs, this.#dueAtMs())) this.#happen();
    this.#happen();
  }

  /** The operator is down for a while, and then sees everything for the first time. */
  restart(downMs: number): void {
    for (const end = this.#ms + downMs; this.#ms < end; this.#ms = Math.min(end, this.#beatAtMs))
      this.#beat();
    for (const name of this.names)
      this.#change(name, each => each.with({changedAtMs: this.#now.monotonicMs}));
    this.#look();
  }

  get #now(): Now {
    return {monotonicMs: now.monotonicMs + this.#ms, wallMs: now.wallMs + this.#ms};
  }

  #happen(): void {
    this.#beat();
    if (this.#ms >= this.#lookAtMs) this.#look();
    this.#judge();
  }

  #beat(): void {
    if (this.#ms < this.#beatAtMs) return;
    this.#change(this.#held, each => each.heldBy(POD).lasting(this.#seconds).renewed(this.#now));
    this.#beatAtMs = this.#ms + this.#seconds * 400;
  }

  #change(name: string | undefined, change: (each: TestLease) => TestLease): void {
    const known = this.#leases.get(name ?? '');
    if (!known) throw new Error(`there is no Lease ${name}`);
    this.#leases.set(known.name, change(known));
  }

  /** Plans for the workload until there is nothing more to do. */
  #look(): void {
    for (let looks = 0; ; looks++) {
      if (looks > 3) throw new Error('plans go on for ever');
      const {actions, requeueAfterMs = Number.POSITIVE_INFINITY} = this.#planWorkload();
      this.#lookAtMs = this.#ms + requeueAfterMs;
      if (actions.length === 0) break;
      for (const action of actions) this.#apply(action);
    }
    this.#judge();
    const open = this.names.filter(name => !isOurs(this.#leases.get(name) as LeaseView)).join(' and ');
    if (this.opened.at(-1) !== open) this.opened.push(open);
  }

  #planWorkload() {
    const claim = workload('api').under(this.#rules);
    const name = 'name' in claim.result ? claim.result.name : '';
    const view = {
      claim,
      rules: this.#rules,
      winner: claim,
      lease: this.#leases.get(name),
      predecessors: [...this.#leases.values()].filter(each => each.name !== name),
      namespace: 'active' as const,
      retiredTransitions: 0,
      notAdopted: undefined,
    };
    return planWorkload({workload: claim.workload, claims: [view]}, this.#now);
  }

  #planLease(view: LeaseView) {
    const claim = workload('api').under(this.#rules);
    const isClaimed = 'name' in claim.result && claim.result.name === view.name;
    const observed = {
      lease: view,
      rules: this.#rules,
      claim: isClaimed ? claim : undefined,
      subjectsKnown: true,
      check: {expect: 'nothing'},
      handingOver:
        !isClaimed &&
        this.#oldNames().some(each => each !== view && isHeldByOthers(each, this.#now.monotonicMs)),
      governing: [this.#rules],
    } as const;
    return planLease(leaseObservation(observed), this.#now);
  }

  #oldNames(): LeaseView[] {
    const {result} = workload('api').under(this.#rules);
    return [...this.#leases.values()].filter(each => !('name' in result && result.name === each.name));
  }

  /** Marks and collects. */
  #judge(): void {
    for (const view of [...this.#leases.values()]) {
      const {actions, garbage} = this.#planLease(view);
      for (const action of actions) this.#apply(action);
      for (const {dueAtMs, collect} of garbage ?? [])
        if (dueAtMs <= this.#now.monotonicMs) this.#apply(collect);
    }
  }

  /** When the operator has something to do next. */
  #dueAtMs(): number {
    const due = [...this.#leases.values()].map(view => this.#planLease(view).garbage?.[0]?.dueAtMs);
    return Math.min(this.#lookAtMs, ...due.flatMap(at => (at === undefined ? [] : [at - now.monotonicMs])));
  }

  #apply(action: Action): void {
    const subject = (annotations: Record<string, string>) => ({
      subject: annotations['leasepolicy.dev/subject'],
      orphanedSince: annotations['leasepolicy.dev/orphaned-since'],
    });
    switch (action.type) {
      case 'createLease': {
        const {name, labels, annotations, record} = action;
        const made = lease().named(name).with({labels}).with(subject(annotations));
        this.#leases.set(name, made.written(record, this.#now));
        return;
      }
      case 'writeRecord':
        this.#change(action.lease.name, each => each.written(action.record, this.#now));
        return;
      case 'labelLease': {
        const {name, labels, annotations} = action;
        this.#change(name, each => each.with({labels}).with(subject(annotations)));
        return;
      }
      case 'collectLease':
        this.#leases.delete(action.lease.name);
        this.collected.set(action.lease.name, this.#ms);
        return;
      default:
        if (action.type !== 'emitEvent') throw new Error(`nobody planned for ${action.type}`);
    }
  }
}

const TTL_MS = 3_600_000;

test('a name that is given up is kept closed for the ttl, and then collected', t => {
  const story = new Story();
  story.rename('b');
  story.pass(TTL_MS);
  t.deepEqual(story.opened, [A]);
  story.release();
  story.pass(3 * TTL_MS);
  t.deepEqual(story.opened, [A, B]);
  t.deepEqual([...story.collected], [[A, 2 * TTL_MS]]);
});

test('a name whose holder crashed is handed over when its hold has run out', t => {
  const story = new Story();
  story.rename('b');
  story.pass(TTL_MS);
  story.crash();
  story.pass(14_000);
  t.deepEqual(story.opened, [A]);
  story.pass(1000);
  t.deepEqual(story.opened, [A, B]);
});

test('while A is held for many ttls, B and C stay closed and none is collected', t => {
  const story = new Story();
  story.rename('b');
  story.rename('c');
  story.pass(10 * TTL_MS);
  t.deepEqual(story.opened, [A]);
  t.deepEqual([...story.collected], []);
});

test('after A was held for many ttls, B is still kept closed for the ttl, and then collected', t => {
  const story = new Story();
  story.rename('b');
  story.rename('c');
  story.pass(10 * TTL_MS);
  story.release();
  story.take(C);
  story.pass(TTL_MS - 15_000);
  t.deepEqual(story.names, [A, B, C]);
  story.pass(15_000);
  t.deepEqual(story.names, [C]);
  t.deepEqual(story.opened, [A, C]);
});

test('a name that was opened is sealed by another rename, also before any candidate took it', t => {
  const story = new Story();
  story.rename('b');
  story.release();
  story.rename('c');
  t.deepEqual(story.opened, [A, B, C]);
});

test('a rename that is taken back leaves the first name open, and the other one is collected', t => {
  const story = new Story();
  story.rename('b');
  story.pass(3 * TTL_MS);
  story.rename('a');
  story.pass(3 * TTL_MS);
  t.deepEqual(story.opened, [A]);
  t.deepEqual(story.names, [A]);
});

test('from A to C one name is open at every moment, and none is collected while A is held, whenever the operator fails', t => {
  const ttls = fc.double({min: 0, max: 4, noNaN: true});
  const property = fc.property(
    fc.record({
      seconds: fc.integer({min: 1, max: 20}).map(third => third * 3),
      ttl: fc.integer({min: 1, max: 20}),
      beforeC: ttls,
      outages: fc.array(fc.record({after: ttls, down: ttls}), {maxLength: 3}),
      held: ttls,
      end: fc.constantFrom('release', 'crash'),
    }),
    ({seconds, ttl, beforeC, outages, held, end}) => {
      const ttlMs = seconds * ttl * 1000;
      const story = new Story(seconds, ttlMs / 1000);
      const pass = (count: number) => story.pass(Math.ceil(count * ttlMs));
      story.rename('b');
      pass(beforeC);
      story.rename('c');
      for (const {after, down} of outages) {
        pass(after);
        story.restart(Math.ceil(down * ttlMs));
      }
      pass(held);
      if (story.opened.join() !== A || story.names.join() !== [A, B, C].join()) return false;
      if (end === 'release') story.release();
      else story.crash();
      pass(6);
      return story.opened.join() === [A, C].join() && story.names.join() === C;
    },
  );
  t.notThrows(() => fc.assert(property));
});
