/** What is known of a Lease, for people: its class and state, whose it is, who holds it, and what is wrong with it. */
import {LABELS} from '../api/objects.ts';
import {leaseController} from '../controllers/lease.ts';
import type {Look} from '../controllers/look.ts';
import type {Evidence, LeaseClass} from '../core/lease/classify.ts';
import {type FindingReason, leaseRef, refText, workloadRef} from '../core/lease/finding.ts';
import {asHeard, renewalAgeMs} from '../core/lease/heard.ts';
import {deploymentOf, hostsOf} from '../core/lease/holder.ts';
import {isManaged, type LeaseView, type Lifetime, lifetime} from '../core/lease/lifetime.ts';
import {HEARTBEATS} from '../core/naming/rules.ts';
import type {Now} from '../core/now.ts';
import {planLease} from '../core/plan/lease.ts';
import type {LeaseObservation} from '../core/plan/lease-observation.ts';
import type {World} from '../world/world.ts';
import type {Snapshot} from './snapshot.ts';

/** Names are those of -o json, and stay. */
export type LeaseFacts = {
  readonly namespace: string;
  readonly name: string;
  readonly class: LeaseClass;
  readonly evidence: Evidence;
  /** Completes "it is a ... because". */
  readonly because: string;
  readonly state: Lifetime;
  /** To which it belongs, or by which it is looked at. */
  readonly policies: readonly string[];
  /** Those that say which names are allowed in its namespace. */
  readonly governedBy: readonly string[];
  /** Kind/name of what the Lease is for. */
  readonly subject: string | null;
  readonly holder: string;
  /** Kind/name of what holds it, as far as the holder tells. */
  readonly holderWorkload: string | null;
  readonly durationSeconds: number | null;
  readonly acquireTime: string | null;
  readonly renewTime: string | null;
  /** By the clock of this machine. */
  readonly renewedSecondsAgo: number | null;
  readonly transitions: number;
  readonly findings: readonly FactFinding[];
  readonly labels: Readonly<Record<string, string>>;
};

export type FactFinding = {
  readonly policy: string;
  readonly reason: FindingReason | string;
  readonly message: string;
  /** Since when the operator says so in the status of the policy; null when only this command does. */
  readonly since: string | null;
};

export class FactFinder {
  readonly #snapshot: Snapshot;
  readonly #looks: ReadonlyMap<string, Look>;
  readonly #now: Now;
  /** Findings of the looks that are about several Leases, by the text of the reference. */
  readonly #byObject = new Map<string, FactFinding[]>();

  constructor(snapshot: Snapshot, now: Now) {
    this.#snapshot = snapshot;
    this.#now = now;
    this.#looks = snapshot.rehearsal.advance(now);
    for (const [key, {plan}] of this.#looks) {
      if (/^(lease|candidates|heartbeat)\//.test(key)) continue;
      for (const {about, policy, reason, message} of plan.findings)
        this.#note(refText(about), {policy, reason, message, since: null});
    }
  }

  of(lease: LeaseView): LeaseFacts {
    const {world} = this.#snapshot;
    const {namespace, name, holder, durationSeconds, acquireTime, renewTime, transitions, labels} = lease;
    const observed = this.observe(lease);
    const {class: kind, evidence, because} = world.classify(lease);
    const ageMs = renewalAgeMs(lease, this.#now);
    return {
      namespace,
      name,
      class: kind,
      evidence,
      because,
      state: this.#stateOf(lease, observed),
      policies: policiesOf(lease, observed, this.#snapshot),
      governedBy: (observed?.governing ?? []).map(({policy}) => policy),
      subject: subjectOf(lease, observed, kind, world) ?? null,
      holder,
      holderWorkload: holderOf(lease, observed, kind) ?? null,
      durationSeconds: durationSeconds ?? null,
      acquireTime: acquireTime ?? null,
      renewTime: renewTime ?? null,
      renewedSecondsAgo: ageMs === undefined ? null : Math.floor(ageMs / 1000),
      transitions,
      findings: this.#findingsOf(lease, observed),
      labels,
    };
  }

  /** As the lease controller sees it; undefined for a heartbeat, which it never sees. */
  observe(lease: LeaseView): LeaseObservation | undefined {
    if (lease.namespace === HEARTBEATS) return undefined;
    return leaseController.observe(lease.key, this.#snapshot.world, this.#now) as LeaseObservation;
  }

  /** As the Lease would be judged by one who had watched all along, if clocks agree. */
  heard(lease: LeaseView): LeaseView {
    return asHeard(lease, this.#snapshot.firstSeenMs, this.#now);
  }

  /** Where policies can't be read, nobody knows what is orphaned. */
  #stateOf(lease: LeaseView, observed: LeaseObservation | undefined): Lifetime {
    const heard = this.heard(lease);
    const isTold = observed && !this.#snapshot.problems.has('leasepolicies');
    const [state] = isTold ? (planLease({...observed, lease: heard}, this.#now).states ?? []) : [];
    return state?.lifetime ?? lifetime(heard, true, this.#now.monotonicMs).state;
  }

  #note(object: string, finding: FactFinding): void {
    this.#byObject.set(object, [...(this.#byObject.get(object) ?? []), finding]);
  }

  /** What this process found, and what the operator has found, which may have watched for long. */
  #findingsOf(lease: LeaseView, observed: LeaseObservation | undefined): FactFinding[] {
    const {namespace, name} = lease;
    const key = observed ? `candidates/${namespace}/${name}` : `heartbeat/${name}`;
    const judged = observed ? planLease({...observed, lease: this.heard(lease)}, this.#now).findings : [];
    const own = [...judged, ...(this.#looks.get(key)?.plan.findings ?? [])].map(
      ({policy, reason, message}): FactFinding => ({policy, reason, message, since: null}),
    );
    const objects = [refText(leaseRef(lease))];
    if (namespace === HEARTBEATS) objects.push(`Node/${name}`);
    if (observed?.claim) objects.push(refText(workloadRef(observed.claim.workload)));
    const all = [...own, ...objects.flatMap(each => this.#byObject.get(each) ?? [])];
    const governing = (observed?.governing ?? []).map(({policy}) => policy);
    const policies = [...policiesOf(lease, observed, this.#snapshot), ...governing];
    const said = objects.flatMap(object => this.#saidOf(object, policies));
    return [
      ...all.map(each => said.find(other => isSame(each, other)) ?? each),
      ...said.filter(each => !all.some(other => isSame(each, other))),
    ].filter((each, at, list) => list.findIndex(other => isSame(each, other)) === at);
  }

  /** What stands in the status of policies. */
  #saidOf(object: string, policies: readonly string[]): FactFinding[] {
    return policies.flatMap(policy => {
      const findings = this.#snapshot.world.policies.get(policy)?.status?.findings ?? [];
      return findings
        .filter(each => each.object === object)
        .map(({reason, message, since}) => ({policy, reason, message, since}));
    });
  }
}

const isSame = (a: FactFinding, b: FactFinding) => a.policy === b.policy && a.reason === b.reason;

function policiesOf(
  lease: LeaseView,
  observed: LeaseObservation | undefined,
  {world}: Snapshot,
): readonly string[] {
  const own = observed?.claim?.policy ?? (isManaged(lease) ? lease.labels[LABELS.policy] : undefined);
  if (own !== undefined) return [own];
  if (!observed) return world.ledger.states(`heartbeat/${lease.name}`).map(({policy}) => policy);
  return [...world.systemPolicies(lease)].map(key => key.slice(key.indexOf('/') + 1));
}

function subjectOf(
  lease: LeaseView,
  observed: LeaseObservation | undefined,
  kind: LeaseClass,
  world: World,
): string | undefined {
  if (observed?.claim) return observed.claim.subject;
  if (isManaged(lease)) return lease.subject;
  if (kind === 'node-heartbeat') return `Node/${lease.name}`;
  if (kind === 'apiserver-identity') return `APIServer/${lease.labels[HOST_NAME] ?? lease.name}`;
  const isListed = [...world.systemPolicies(lease)].some(key => key.startsWith('components/'));
  return isListed ? `Component/${lease.name}` : undefined;
}

/** By this label an API server tells on which host it runs. */
const HOST_NAME = 'kubernetes.io/hostname';

/** By the exact grammar of the names of Pods: of workloads in the caches, or beyond doubt. */
function holderOf(
  {name, holder}: LeaseView,
  observed: LeaseObservation | undefined,
  kind: LeaseClass,
): string | undefined {
  if (holder === '') return undefined;
  if (kind === 'node-heartbeat') return holder === name ? `Node/${name}` : undefined;
  if (kind === 'apiserver-identity') return `APIServer/${hostsOf(holder)[0] ?? holder}`;
  const workload = observed?.holderWorkload;
  if (workload) return `${workload.kind}/${workload.name}`;
  const deployment = deploymentOf(holder);
  return deployment === undefined ? undefined : `Deployment/${deployment}`;
}
