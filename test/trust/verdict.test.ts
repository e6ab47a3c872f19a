/** What chaos counts is what went wrong: each kind of fault is found in a history that has it, and fails the run. */
import test from 'ava';
import type {Workload} from '../../dev/chaos/fleet.ts';
import {type Run, reportOf} from '../../dev/chaos/report.ts';
import {type Verdict, verdictOf} from '../../dev/chaos/verdict.ts';
import type {AuditEvent} from '../../dev/trust/audit.ts';

const START = Date.parse('2026-03-01T12:00:00Z');
const at = (seconds: number) => new Date(START + seconds * 1000).toISOString();
const OWN = {namespace: 'leasepolicy-system', name: 'own'};

const workload = (more: Partial<Workload> = {}): Workload => ({
  name: 'api',
  lease: 'chaos-1',
  fromMs: START,
  reigns: [{identity: 'api-0', fromMs: START, toMs: START + 60_000}],
  candidates: [],
  ...more,
});

const deletion = (seconds: number, term = 1, more: Partial<AuditEvent> = {}): AuditEvent => ({
  verb: 'delete',
  stage: 'ResponseComplete',
  userAgent: `leasepolicy/0.1.0 (pod-${term}; term ${term})`,
  objectRef: {resource: 'leases', namespace: 'shop', name: 'chaos-1'},
  responseStatus: {code: 200},
  requestReceivedTimestamp: at(seconds),
  stageTimestamp: at(seconds + 0.01),
  ...more,
});

test('a Lease that is deleted when its workload and its holder are gone is no fault', t => {
  const gone = workload({toMs: START + 30_000});
  const verdict = verdictOf([deletion(90)], [gone], OWN);
  t.like(verdict, {
    invariant: [],
    together: [],
    lost: [],
    deletedWhileHeld: [],
    deleted: 1,
    guardedWrites: 1,
  });
});

test('a Lease that is deleted while its workload lives is lost', t => {
  t.regex(verdictOf([deletion(90)], [workload()], OWN).lost[0] ?? '', /chaos-1 was deleted while api lived/);
  t.is(verdictOf([deletion(90)], [workload({toMs: START + 91_000})], OWN).lost.length, 1);
});

test('a Lease that is deleted while a candidate leads is found, and a delete that was refused is none', t => {
  const held = workload({toMs: START + 10_000});
  t.regex(verdictOf([deletion(50)], [held], OWN).deletedWhileHeld[0] ?? '', /while api-0 led/);
  const refused = deletion(50, 1, {responseStatus: {code: 409}});
  t.like(verdictOf([refused], [held], OWN), {deletedWhileHeld: [], deleted: 0});
});

test('two candidates that lead together, and terms that interleave, are found', t => {
  const twice = workload({
    toMs: START,
    reigns: [
      {identity: 'api-0', fromMs: START, toMs: START + 10_000},
      {identity: 'api-1', fromMs: START + 9_000, toMs: START + 20_000},
    ],
  });
  const verdict = verdictOf([deletion(90, 2), deletion(91, 1)], [twice], OWN);
  t.is(verdict.together.length, 1);
  t.is(verdict.invariant.length, 1);
});

const CALM: Verdict = {
  invariant: [],
  together: [],
  lost: [],
  deletedWhileHeld: [],
  guardedWrites: 9,
  deleted: 3,
};
const HOLDINGS = {sockets: 4, timers: 9, rssMiB: 80};
const run = (more: Partial<Run> = {}): Run => ({
  minutes: 3,
  storm: {handOvers: [{blow: 'SIGKILL', tookMs: 14_000}], kills: {'kube-apiserver': 1, etcd: 1}},
  fleet: {all: [workload()]},
  verdict: CALM,
  missing: [],
  before: HOLDINGS,
  after: HOLDINGS,
  left: 0,
  ...more,
});

test('a run without a fault is good, and tells how long the hand-overs took', t => {
  const {text, isGood} = reportOf(run());
  t.true(isGood);
  t.regex(text, /hand-overs after SIGKILL +1, p50 14.00 s, p99 14.00 s/);
  t.regex(text, /violations of invariant I +0/);
});

const FAULTS: [what: string, run: Partial<Run>][] = [
  ['a violation of the invariant', {verdict: {...CALM, invariant: ['a and b']}}],
  ['two candidates that lead together', {verdict: {...CALM, together: ['a beside b']}}],
  ['a lost Lease', {verdict: {...CALM, lost: ['chaos-1']}}],
  ['a Lease that is missing at the end', {missing: ['api']}],
  ['a Lease that was deleted while held', {verdict: {...CALM, deletedWhileHeld: ['chaos-1']}}],
  ['a leaked timer', {after: {...HOLDINGS, timers: 13}}],
  ['a leaked socket', {after: {...HOLDINGS, sockets: 5}}],
  ['what the candidates have left', {left: 1}],
  ['no guarded write at all', {verdict: {...CALM, guardedWrites: 0}}],
  ['no collected Lease at all', {verdict: {...CALM, deleted: 0}}],
  ['no hand-over at all', {storm: {handOvers: [], kills: {'kube-apiserver': 0, etcd: 0}}}],
];
for (const [what, more] of FAULTS) test(`${what} makes a run bad`, t => t.false(reportOf(run(more)).isGood));
