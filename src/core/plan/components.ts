/** Judges the Leases of the components that a policy lists: each is expected to have a leader at every moment. */
import {bucketSet, supersededBuckets} from '../lease/buckets.ts';
import type {LeaseClass} from '../lease/classify.ts';
import {type Finding, leaseRef} from '../lease/finding.ts';
import type {HolderChange} from '../lease/history.ts';
import {holding, type LeaseView} from '../lease/lifetime.ts';
import {recordAilments} from '../lease/record.ts';
import type {SystemRules} from '../naming/system-rules.ts';
import type {Now} from '../now.ts';
import {type LeaseState, type Plan, sooner} from './action.ts';
import {ailments} from './health.ts';
import {fateOf, leftoverGarbage} from './leftover.ts';

export type ComponentsObservation = {
  readonly rules: SystemRules | undefined;
  readonly components: readonly ComponentView[];
};

/** A component, with its Lease or its buckets, as many as there are. */
export type ComponentView = {
  readonly namespace: string;
  readonly name: string;
  readonly leases: readonly ComponentLease[];
};

export type ComponentLease = {
  readonly lease: LeaseView;
  readonly class: LeaseClass;
  readonly changes: readonly HolderChange[];
};

/** What candidates of Kubernetes use, for a record that says nothing or that of a release. */
const DURATION_SECONDS = 15;

export function planComponents({rules, components}: ComponentsObservation, now: Now): Plan {
  if (!rules) return {actions: [], findings: []};
  const plans = components.map(component => planComponent(component, rules, now));
  return joined(plans);
}

const joined = (plans: readonly Plan[]): Plan => ({
  actions: [],
  findings: plans.flatMap(plan => plan.findings),
  states: plans.flatMap(plan => plan.states ?? []),
  garbage: plans.flatMap(plan => plan.garbage ?? []),
  requeueAfterMs: plans.map(plan => plan.requeueAfterMs).reduce(sooner, undefined),
});

function planComponent(component: ComponentView, rules: SystemRules, now: Now): Plan {
  const {namespace, name, leases} = component;
  if (leases.length === 0) {
    const message = `there is no Lease ${name} in ${namespace}: nothing of this name has ever led; take it out of the policy if there is no such component`;
    const about = leaseRef({namespace, name, uid: ''});
    return {actions: [], findings: [{policy: rules.policy, reason: 'MissingLease', about, message}]};
  }
  const views = leases.map(each => each.lease);
  const superseded = new Set(supersededBuckets(views, now.monotonicMs));
  const plans = leases.map(each =>
    superseded.has(each.lease) ? planSuperseded(each, rules) : planLed(each, rules, now),
  );
  return joined(plans);
}

function planLed({lease, class: kind, changes}: ComponentLease, rules: SystemRules, now: Now): Plan {
  const {state, changesInMs} = holding(lease, now.monotonicMs);
  const {ailments: found, requeueAfterMs} = ailments(
    {
      lease,
      workload: undefined,
      changes,
      exists: () => false,
      durationSeconds: DURATION_SECONDS,
      alwaysLed: true,
    },
    now,
  );
  const findings = [...recordAilments(lease, rules.durationSeconds, now), ...found].map(
    ({reason, message}): Finding => ({policy: rules.policy, reason, message, about: leaseRef(lease)}),
  );
  const counted: LeaseState = {policy: rules.policy, class: kind, lifetime: state, claimed: true};
  return {actions: [], findings, states: [counted], requeueAfterMs: sooner(changesInMs, requeueAfterMs)};
}

function planSuperseded({lease, class: kind}: ComponentLease, rules: SystemRules): Plan {
  const {policy, collection} = rules;
  const message = `bucket ${lease.name} belongs to a set that another one has replaced: ${fateOf(collection)}`;
  const about = leaseRef(lease);
  const isBucket = kind === 'leader-election-bucket';
  const left = {
    sinceMs: lease.changedAtMs,
    subject: lease.name,
    check: {expect: 'nothing'},
    set: bucketSet(lease),
  } as const;
  const counted: LeaseState = {policy, class: kind, lifetime: 'orphaned', claimed: false};
  return {
    actions: [],
    findings: [{policy, reason: 'OrphanedLease', about, message}],
    states: [counted],
    garbage: isBucket ? [leftoverGarbage(lease, rules, left) ?? []].flat() : [],
  };
}
