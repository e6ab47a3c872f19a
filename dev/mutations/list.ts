/** Lines that must not go, each with the test that fails without it. */

export type Mutation = {
  /** What the operator does with the line replaced. */
  readonly effect: string;
  readonly file: string;
  /** Text that is in the file exactly once, and what stands in its place. */
  readonly line: string;
  readonly replacement: string;
  /** File and title of the test that must fail then. */
  readonly test: readonly [file: string, title: string];
};

const REPORTS = 'test/reports.test.ts';

/** What finds the bugs that others have reported: these run in make test too. */
export const OF_REPORTS: readonly Mutation[] = [
  {
    effect: 'a template is in force that gives two subjects one name',
    file: 'src/core/naming/rules.ts',
    line: 'if (plain && isInjective(tokens, varying)) return [];',
    replacement: 'if (plain) return [];',
    test: [REPORTS, 'cilium #48084: a template that gives two Services one Lease is never in force'],
  },
  {
    effect: 'what is hashed is joined by a character that is in the parts',
    file: 'src/core/naming/hash.ts',
    line: "parts.join('/')",
    replacement: "parts.join('-')",
    test: [
      REPORTS,
      'cilium #48084: hashed, the two Services have two Leases, as nothing that is hashed can be divided in two ways',
    ],
  },
  {
    effect: 'the younger of two subjects with one name has the Lease too',
    file: 'src/core/plan/workload.ts',
    line: 'if (winner !== undefined && winner !== claim) {',
    replacement: 'if (winner !== undefined && winner === undefined) {',
    test: [
      REPORTS,
      'cilium #48084: where two subjects share a name all the same, the older keeps it and the other is told',
    ],
  },
  {
    effect: 'nobody tells of a lock that a managed cloud uses itself',
    file: 'src/core/plan/lease-findings.ts',
    line: 'if (!reserved || !workload) return [];',
    replacement: 'if (reserved || !workload) return [];',
    test: [REPORTS, 'autoscaler #7461: the workload that takes the lock of a managed cloud is told so'],
  },
  {
    effect: 'the catalogue does not know that lock',
    file: 'src/core/lease/catalogue.json',
    line: 'stops horizontal autoscaling",\n    "provider": "GKE",\n    "reserved": true',
    replacement: 'stops horizontal autoscaling",\n    "provider": "GKE"',
    test: [REPORTS, 'autoscaler #7461: the workload that takes the lock of a managed cloud is told so'],
  },
  {
    effect: 'a name is cut at 63 characters',
    file: 'src/core/naming/name.ts',
    line: "naming.tokens.map(token => text(token, naming, subject)).join('');",
    replacement: "naming.tokens.map(token => text(token, naming, subject)).join('').slice(0, 63);",
    test: [REPORTS, 'akka-management #910: names that differ at their end alone stay two'],
  },
  {
    effect: 'a name that is too long is cut',
    file: 'src/core/naming/name.ts',
    line: "naming.tokens.map(token => text(token, naming, subject)).join('');",
    replacement: "naming.tokens.map(token => text(token, naming, subject)).join('').slice(0, 253);",
    test: [REPORTS, 'akka-management #910: a name that is too long is told with its length, and never cut'],
  },
  {
    effect: 'a leader writes on when its deadline has passed',
    file: 'src/runtime/term.ts',
    line: 'return !this.#end.signal.aborted && this.#clock.monotonicMs() < this.#deadlineMs;',
    replacement: 'return !this.#end.signal.aborted;',
    test: [
      REPORTS,
      'cilium #42920: who could not renew writes nothing any more, seconds before anybody else may lead',
    ],
  },
  {
    effect: 'no write asks whether the term lasts',
    file: 'src/runtime/write.ts',
    line: 'if (!term.mayWrite) throw new TermEndedError();',
    replacement: '',
    test: [
      REPORTS,
      'cilium #42920: who could not renew writes nothing any more, seconds before anybody else may lead',
    ],
  },
  {
    effect: 'a standby takes the Lease before its duration has passed',
    file: 'src/core/plan/election.ts',
    line: "return leftMs + freeMs <= 0 ? 'take' : 'wait';",
    replacement: "return leftMs + freeMs <= 1000 ? 'take' : 'wait';",
    test: [
      REPORTS,
      'cilium #42920: who could not renew writes nothing any more, seconds before anybody else may lead',
    ],
  },
  {
    effect: 'the counter of a Lease that is deleted is forgotten',
    file: 'src/core/plan/collection.ts',
    line: '...retire(taken),',
    replacement: '',
    test: [REPORTS, 'mecatl #1517: a Lease that is deleted and made again never repeats a fencing token'],
  },
  {
    effect: 'a Lease that is made again begins to count anew',
    file: 'src/core/plan/workload.ts',
    line: 'Math.max(retiredTransitions, ...predecessors',
    replacement: 'Math.max(0, ...predecessors',
    test: [REPORTS, 'mecatl #1517: a Lease that is deleted and made again never repeats a fencing token'],
  },
  {
    effect: 'a counter is forgotten before a Lease has gone on with it',
    file: 'src/core/plan/registry.ts',
    line: 'exists(name, retired[name]?.transitions ?? 0)',
    replacement: 'exists(name, 0)',
    test: [REPORTS, 'mecatl #1517: the counter is kept until a Lease of the name has gone on with it'],
  },
];

const APPLY = 'test/runtime/apply.test.ts';
const PLAN_LEASE = 'test/core/plan/lease.test.ts';
const COLLECTION = 'test/core/plan/collection.test.ts';
const HEARTBEAT = 'test/core/plan/heartbeat.test.ts';
const WORKLOAD = 'test/core/plan/workload.test.ts';
const ELECTION = 'test/runtime/elector.test.ts';
const INFORMER = 'test/runtime/informer.test.ts';
const FUZZ_PLANS = 'test/fuzz/plans.test.ts';
const FUZZ_CLUSTERS = 'test/fuzz/clusters.test.ts';
const FUZZ_LEASES = 'test/fuzz/leases.test.ts';

const DELETED =
  'a Lease is deleted after live reads agree, with both preconditions, and its manifest is told first';
const JUDGED = 'a Lease is judged, and deleted by no judgement that speaks against its record';
const BOUNDED = 'a pass stays within its minute and its share, and tells before it deletes';
const DECIDED = 'in no cluster anything is deleted, written or made that speaks against it';
const PLANNED =
  'what a workload needs is planned, and no record is written that somebody may hold or nobody understands';

/** The delete and its preconditions. */
const PRECONDITIONS = 'await deleteLease(path, {uid, resourceVersion}, options);';

/** The dangerous lines: what is deleted or written, on what evidence, and how much of it. */
export const OF_DANGER: readonly Mutation[] = [
  // A delete: preconditions, live reads, term
  {
    effect: 'a delete reaches another Lease of the name',
    file: 'src/runtime/apply.ts',
    line: PRECONDITIONS,
    replacement: 'await deleteLease(path, {resourceVersion}, options);',
    test: [APPLY, DELETED],
  },
  {
    effect: 'a delete takes a Lease that was renewed in between',
    file: 'src/runtime/apply.ts',
    line: PRECONDITIONS,
    replacement: 'await deleteLease(path, {uid}, options);',
    test: [APPLY, DELETED],
  },
  {
    effect: 'the live read is not compared by version',
    file: 'src/runtime/apply.ts',
    line: 'const isJudged = live.metadata.uid === uid && live.metadata.resourceVersion === resourceVersion;',
    replacement: 'const isJudged = live.metadata.uid === uid;',
    test: [APPLY, 'a Lease that was renewed since is not deleted'],
  },
  {
    effect: 'the live read is not compared by uid',
    file: 'src/runtime/apply.ts',
    line: 'const isJudged = live.metadata.uid === uid && live.metadata.resourceVersion === resourceVersion;',
    replacement: 'const isJudged = live.metadata.resourceVersion === resourceVersion;',
    test: [APPLY, 'a Lease that was made anew is not deleted'],
  },
  {
    effect: 'nobody looks whether the subject lives',
    file: 'src/runtime/apply.ts',
    line: '|| !(await isAsJudged(action, options.client))',
    replacement: '',
    test: [APPLY, 'a Lease is not deleted when the subject that was judged as gone lives'],
  },
  {
    effect: 'a look at the subject that fails counts as one that finds nothing',
    file: 'src/runtime/apply.ts',
    line: '!(await isAsJudged(action, options.client))',
    replacement: '!(await isAsJudged(action, options.client).catch(() => true))',
    test: [APPLY, 'a Lease is not deleted when its subject can not be read: 500'],
  },
  {
    effect: 'a collection begins when the term is over',
    file: 'src/runtime/apply.ts',
    line: 'if (!options.term.mayWrite) throw new TermEndedError();\n  options.onCollect(live, action);',
    replacement: 'options.onCollect(live, action);',
    test: [APPLY, 'collectLease: no delete is sent when the term ends during the live reads'],
  },
  {
    effect: 'a Lease is opened though another could not be kept closed',
    file: 'src/runtime/apply.ts',
    line: "(action.type === 'writeRecord' && action.purpose !== 'open') ||",
    replacement: "action.type === 'writeRecord' ||",
    test: [APPLY, 'no Lease is opened when another could not be kept closed: renew'],
  },
  {
    effect: 'a refusal to one policy keeps the Leases of another from being renewed',
    file: 'src/runtime/apply.ts',
    line: 'if (policy !== undefined && other !== undefined && policy !== other) return false;',
    replacement: '',
    test: [
      APPLY,
      'a policy that is refused keeps nothing of another from being done, and each failure is told',
    ],
  },
  {
    effect: 'the wait for a connection does not count for the end of a term',
    file: 'src/runtime/client.ts',
    line: 'limit(stream, leftMs, ',
    replacement: 'limit(stream, timeoutMs, ',
    test: [
      'test/runtime/client.test.ts',
      'the limit counts from the beginning: what the connection took the answer may not take again',
    ],
  },
  {
    effect: 'the answer to a write is awaited for longer than the term lasts',
    file: 'src/runtime/write.ts',
    line: 'Math.min(WRITE_TIMEOUT_MS, Math.max(1, term.leftMs))',
    replacement: 'WRITE_TIMEOUT_MS',
    test: [APPLY, 'the answer to a write is not awaited beyond the term'],
  },
  // What is garbage
  {
    effect: 'what is held is an orphan',
    file: 'src/core/lease/lifetime.ts',
    line: "const orphaned = !claimed && isManaged(lease) && (hold.state !== 'held' || isHeldByUs(lease));",
    replacement: 'const orphaned = !claimed && isManaged(lease);',
    test: [PLAN_LEASE, 'what is held or not understood is never garbage'],
  },
  {
    effect: 'what is held is an orphan, as the random Leases find it',
    file: 'src/core/lease/lifetime.ts',
    line: "const orphaned = !claimed && isManaged(lease) && (hold.state !== 'held' || isHeldByUs(lease));",
    replacement: 'const orphaned = !claimed && isManaged(lease);',
    test: [FUZZ_PLANS, JUDGED],
  },
  {
    effect: 'a record that is not understood is an orphan',
    file: 'src/core/lease/lifetime.ts',
    line: "return hold.state !== 'unknown' && orphaned ?",
    replacement: 'return orphaned ?',
    test: [FUZZ_PLANS, JUDGED],
  },
  {
    effect: 'a holder without a duration, or with one of 0, has expired',
    file: 'src/core/lease/lifetime.ts',
    line: 'if (durationSeconds <= 0 || parseMicroTime(lease.renewTime) === undefined)',
    replacement: 'if (parseMicroTime(lease.renewTime) === undefined)',
    test: [
      FUZZ_LEASES,
      'a holder counts until its duration has passed under our eyes, and for ever if it is not understood',
    ],
  },
  {
    effect: 'a holder whose renewTime is no time has expired',
    file: 'src/core/lease/lifetime.ts',
    line: 'if (durationSeconds <= 0 || parseMicroTime(lease.renewTime) === undefined)',
    replacement: 'if (durationSeconds <= 0)',
    test: [
      FUZZ_LEASES,
      'a holder counts until its duration has passed under our eyes, and for ever if it is not understood',
    ],
  },
  {
    effect: 'Leases of others go while they are held',
    file: 'src/core/plan/lease.ts',
    line: "return state === 'released' || state === 'expired';",
    replacement: 'return true;',
    test: [FUZZ_PLANS, JUDGED],
  },
  {
    effect: 'a Lease of a class that is not understood goes',
    file: 'src/core/plan/lease.ts',
    line: 'if (!COLLECTED.has(kind) || (kind ===',
    replacement: 'if ((kind ===',
    test: [FUZZ_PLANS, JUDGED],
  },
  {
    effect: 'a Lease whose owner nobody knows goes',
    file: 'src/core/lease/classify.ts',
    line: 'if (stranger)\n    return found(',
    replacement: 'if (stranger && lease.owners.length > 9)\n    return found(',
    test: [FUZZ_CLUSTERS, DECIDED],
  },
  {
    effect: 'the Lease of a known product goes because it has a name like ours',
    file: 'src/core/plan/lease.ts',
    line: 'if (!isManaged(lease) && entry) return undefined;',
    replacement: '',
    test: [FUZZ_PLANS, JUDGED],
  },
  {
    effect: 'a Lease goes whose subject nobody can look for',
    file: 'src/core/plan/lease.ts',
    line: '|| !check || observed.handingOver) return undefined;',
    replacement: '|| observed.handingOver) return undefined;',
    test: [PLAN_LEASE, 'when no live read could tell about its subject an orphan is no garbage'],
  },
  {
    effect: 'an old name goes while another one is held',
    file: 'src/core/plan/lease.ts',
    line: '|| !check || observed.handingOver) return undefined;',
    replacement: '|| !check) return undefined;',
    test: [PLAN_LEASE, 'no garbage of a hand-over is taken while another old name is held'],
  },
  {
    effect: 'an exempt Lease of others goes',
    file: 'src/core/plan/lease.ts',
    line: '!isFinished(lease, now) || isExempt(observed)',
    replacement: '!isFinished(lease, now)',
    test: [PLAN_LEASE, 'in the mode All a Lease of others that is exempt is no garbage'],
  },
  {
    effect: 'a Lease goes before all workloads are known',
    file: 'src/core/plan/lease.ts',
    line: 'const claimed = claim !== undefined || !observed.subjectsKnown;',
    replacement: 'const claimed = claim !== undefined;',
    test: [FUZZ_CLUSTERS, DECIDED],
  },
  {
    effect: 'a subject that somebody has made unreadable counts as one that is gone',
    file: 'src/core/naming/claims.ts',
    line: 'return kind === undefined || name === undefined ? undefined : {kind, namespace, name};',
    replacement: "return {kind: kind ?? text.split('/')[0] ?? '', namespace, name: name ?? text};",
    test: [
      'test/controllers/lease.test.ts',
      'a Lease whose subject somebody has made "Deployment" is checked by no look, so it stays',
    ],
  },
  // When
  {
    effect: 'the ttl of an orphan is nothing',
    file: 'src/core/plan/lease.ts',
    line: 'return now.monotonicMs + rules.collection.ttlSeconds * 1000 - (now.wallMs - from);',
    replacement: 'return now.monotonicMs - (now.wallMs - from);',
    test: [
      PLAN_LEASE,
      'the ttl of an orphan counts from its mark, which is never ahead, or from a later renewal',
    ],
  },
  {
    effect: 'an orphan goes before it is marked',
    file: 'src/core/plan/lease.ts',
    line: 'const marked = markedAtMs(lease) ?? now.wallMs;',
    replacement: 'const marked = markedAtMs(lease) ?? 0;',
    test: [FUZZ_PLANS, JUDGED],
  },
  {
    effect: 'a part of a mass of orphans goes before the rest counts',
    file: 'src/core/plan/lease.ts',
    line: "if (state !== 'orphaned' || lease.subject === undefined) return undefined;",
    replacement:
      "if (state !== 'orphaned' || lease.subject === undefined || markedAtMs(lease) === undefined) return undefined;",
    test: [
      'test/controllers/collection.test.ts',
      'a mistake that orphans all counts all at the first pass, before any of them is marked',
    ],
  },
  {
    effect: 'the ttl of a Lease of others is nothing',
    file: 'src/core/plan/lease.ts',
    line: 'return lease.changedAtMs + rules.collection.ttlSeconds * 1000;',
    replacement: 'return lease.changedAtMs;',
    test: [FUZZ_PLANS, JUDGED],
  },
  {
    effect: 'a Lease goes before one of its own durations has passed under our eyes',
    file: 'src/core/plan/lease.ts',
    line: 'return isHeldByUs(lease) ? 0 : lease.changedAtMs + (lease.durationSeconds ?? 0) * 1000;',
    replacement: 'return 0;',
    test: [PLAN_LEASE, 'an orphan that we see for the first time, with a long duration is due in 9000 s'],
  },
  {
    effect: 'a mark in the future, or a renewal after it, does not count',
    file: 'src/core/plan/lease.ts',
    line: 'parseMicroTime(lease.createdAt) ?? 0, last);',
    replacement: 'parseMicroTime(lease.createdAt) ?? 0);',
    test: [FUZZ_PLANS, JUDGED],
  },
  {
    effect: 'what is not due is taken',
    file: 'src/core/plan/collection.ts',
    line: 'const due = byDue.filter(each => each.dueAtMs <= now.monotonicMs);',
    replacement: 'const due = byDue;',
    test: [FUZZ_PLANS, BOUNDED],
  },
  // How much
  {
    effect: 'a mass deletion is not stopped',
    file: 'src/core/plan/collection.ts',
    line: 'if (soon > allowed) return',
    replacement: 'if (soon > 1e9) return',
    test: [COLLECTION, '26 of 100 Leases at 25 percent are too many'],
  },
  {
    effect: 'a mass deletion passes in slices',
    file: 'src/core/plan/collection.ts',
    line: 'each.dueAtMs <= now.monotonicMs + WINDOW_MS));',
    replacement: 'each.dueAtMs <= now.monotonicMs));',
    test: [FUZZ_PLANS, BOUNDED],
  },
  {
    effect: 'no pass keeps to maxPerMinute',
    file: 'src/core/plan/collection.ts',
    line: 'const taken = due.slice(0, window.left);',
    replacement: 'const taken = due;',
    test: [COLLECTION, 'no more than maxPerMinute are taken at once, and the rest a minute later'],
  },
  {
    effect: 'a status raises maxPerMinute',
    file: 'src/core/plan/collection.ts',
    line: 'const used = Math.max(0, last.windowDeleted);',
    replacement: 'const used = last.windowDeleted;',
    test: [FUZZ_PLANS, BOUNDED],
  },
  {
    effect: 'what another leader has deleted in this minute does not count',
    file: 'src/core/plan/collection.ts',
    line: 'if (!last || !isOpen) return',
    replacement: 'if (!last || !isOpen || last.deleted >= 0) return',
    test: [COLLECTION, 'what was deleted within this minute counts, whoever deleted it'],
  },
  {
    effect: 'a pass goes on though somebody has edited the policy',
    file: 'src/core/plan/collection.ts',
    line: 'resourceVersion: observed.resourceVersion,',
    replacement: '',
    test: [
      COLLECTION,
      'the number of deletions is written before the first of them, on the version that was seen',
    ],
  },
  // Nodes and components
  {
    effect: 'heartbeats go where the policy only reports',
    file: 'src/core/plan/leftover.ts',
    line: "if (collection.mode !== 'All' || lease",
    replacement: "if (collection.mode === 'Off' || lease",
    test: [HEARTBEAT, 'a Lease under Report is kept'],
  },
  {
    effect: 'the heartbeat that another one holds goes',
    file: 'src/core/plan/heartbeat.ts',
    line: 'if (lease.holder !== lease.name)',
    replacement: "if (lease.holder === '')",
    test: [HEARTBEAT, 'a Lease of kwok, which holds it by its own name is kept'],
  },
  {
    effect: 'the ttl of a heartbeat is nothing',
    file: 'src/core/plan/leftover.ts',
    line: 'dueAtMs: Math.max(sinceMs, lease.changedAtMs) + seconds * 1000,',
    replacement: 'dueAtMs: Math.max(sinceMs, lease.changedAtMs),',
    test: [FUZZ_PLANS, 'the heartbeat of a node is judged, and deleted only when both are gone for long'],
  },
  {
    effect: 'buckets go while somebody holds one of their set',
    file: 'src/core/lease/buckets.ts',
    line: "members.every(lease => !['held', 'unknown'].includes(stateOf(lease))),",
    replacement: "members.some(lease => !['held', 'unknown'].includes(stateOf(lease))),",
    test: [
      FUZZ_PLANS,
      'components are judged, and of them only buckets of a set that another one has replaced are deleted',
    ],
  },
  // What is written
  {
    effect: 'a holder that is not understood keeps no name closed',
    file: 'src/core/lease/lifetime.ts',
    line: "return state === 'held' || state === 'unknown';",
    replacement: "return state === 'held';",
    test: [WORKLOAD, 'a holder that is not understood keeps the new name closed'],
  },
  {
    effect: 'an old name is sealed while somebody holds it',
    file: 'src/core/plan/handover.ts',
    line: 'if (!isLeft || name === undefined) return',
    replacement: 'if (name === undefined) return',
    test: [FUZZ_PLANS, PLANNED],
  },
  {
    effect: 'an old name is sealed while somebody holds it, as the random clusters find it',
    file: 'src/core/plan/handover.ts',
    line: 'if (!isLeft || name === undefined) return',
    replacement: 'if (name === undefined) return',
    test: [FUZZ_CLUSTERS, DECIDED],
  },
  {
    effect: 'a record is written over that of a candidate that was faster',
    file: 'src/runtime/apply.ts',
    line: 'const body = {metadata: {uid, resourceVersion}, spec: record};',
    replacement: 'const body = {metadata: {uid}, spec: record};',
    test: [APPLY, 'a record is written to the version that was judged, and to no other'],
  },
  // Our own leadership
  {
    effect: 'a leader counts its deadline from the answer',
    file: 'src/runtime/elector.ts',
    line: 'new Term(startMs + this.#timing',
    replacement: 'new Term(this.#clock.monotonicMs() + this.#timing',
    test: [ELECTION, 'the deadline counts from the beginning of an acquisition, not from its answer'],
  },
  {
    effect: 'a leader leads by what it has sent',
    file: 'src/runtime/elector.ts',
    line: 'return this.holder === this.#options.identity;',
    replacement: 'return true;',
    test: [
      ELECTION,
      'a write that is answered by a Lease that nobody holds is no leadership: it is read again whose the Lease is',
    ],
  },
  {
    effect: 'durations are in force that give two leaders',
    file: 'src/runtime/term.ts',
    line: 'if (!(lease > renew)) {',
    replacement: 'if (lease < 0) {',
    test: [
      'test/fuzz/config.test.ts',
      'flags and variables give a configuration that can work, or a sentence',
    ],
  },
  // What comes in
  {
    effect: 'an answer that is no list empties the caches',
    file: 'src/runtime/answers.ts',
    line: 'const isList = items === null ||',
    replacement: 'const isList = items === null || items === undefined ||',
    test: [INFORMER, 'a list that is {"metadata": {"resourceVersion": "10"}} is told and tried again'],
  },
  {
    effect: 'an event of a type that nobody knows is put into the caches',
    file: 'src/runtime/informer.ts',
    line: 'default:\n      return false;',
    replacement: 'default:\n      return isObject(event?.object);',
    test: [
      'test/runtime/informer.test.ts',
      'after an event of a type that nobody knows the watch goes on where it was, without a list',
    ],
  },
  {
    effect: 'a status that is no spec ends the process',
    file: 'src/world/in-force.ts',
    line: 'if (!isSpec(spec)) return [NOT_WHOLE];',
    replacement: '',
    test: [
      'test/fuzz/policies.test.ts',
      'what is in force is whole, whatever the CRD let through and status says of the version before',
    ],
  },
];
