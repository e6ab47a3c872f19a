/** Builds the objects of the domain as prose: lease().heldBy('api-5d8f-x2x4z').renewed(ago(5)). */
import type {
  HashSpec,
  LabelSelector,
  LeasePolicySpec,
  WorkloadPolicySpec,
} from '../../src/api/leasepolicy.ts';
import type {KubeObject} from '../../src/api/objects.ts';
import type {AdmissionContext} from '../../src/core/admission/frame.ts';
import {manifest, type Rendered, type RenderedView, renderedView} from '../../src/core/admission/rendered.ts';
import {KNOWN} from '../../src/core/lease/catalogue.ts';
import type {LeaseOwner, LeaseView} from '../../src/core/lease/lifetime.ts';
import {type Claim, claimOf, type Workload} from '../../src/core/naming/claims.ts';
import {compile, type Rules} from '../../src/core/naming/rules.ts';
import {compileSystem, type SystemRules} from '../../src/core/naming/system-rules.ts';
import type {Now} from '../../src/core/now.ts';
import type {Action, CreateLease} from '../../src/core/plan/action.ts';
import type {LeaseObservation} from '../../src/core/plan/lease-observation.ts';
import type {WorldOptions} from '../../src/world/world.ts';

/** The moment at which the tests take place, on both clocks. */
export const now: Now = {monotonicMs: 1_000_000_000, wallMs: Date.parse('2026-03-01T12:00:00Z')};

export const ago = (seconds: number): Now => ({
  monotonicMs: now.monotonicMs - seconds * 1000,
  wallMs: now.wallMs - seconds * 1000,
});
export const ahead = (seconds: number): Now => ago(-seconds);

/** A moment as a Lease writes it. */
export const micro = ({wallMs}: Now) => new Date(wallMs).toISOString().replace('Z', '000Z');
/** A moment as status writes it. */
export const stamp = ({wallMs}: Now) => new Date(wallMs).toISOString().replace('.000Z', 'Z');

class TestLease implements LeaseView {
  readonly namespace: string = 'shop';
  readonly name: string = 'payments-14c2529eb4';
  readonly uid: string = 'lease-uid';
  readonly resourceVersion: string = '100';
  readonly createdAt: string = '2020-01-01T00:00:00Z';
  readonly terminating: boolean = false;
  readonly labels: Readonly<Record<string, string>> = {};
  readonly subject: string | undefined = undefined;
  readonly orphanedSince: string | undefined = undefined;
  readonly owners: readonly LeaseOwner[] = [];
  readonly holder: string = '';
  readonly durationSeconds: number | undefined = 15;
  readonly acquireTime: string | undefined = undefined;
  readonly renewTime: string | undefined = undefined;
  readonly transitions: number = 0;
  readonly strategy: string | undefined = undefined;
  readonly preferredHolder: string | undefined = undefined;
  readonly changedAtMs: number = now.monotonicMs;

  get key(): string {
    return `${this.namespace}/${this.name}`;
  }

  with(fields: Partial<Omit<LeaseView, 'key'>>): TestLease {
    return Object.assign(new TestLease(), this, fields);
  }

  named(name: string) {
    return this.with({name, uid: `uid-of-${name}`});
  }
  in(namespace: string) {
    return this.with({namespace});
  }

  /** Created by the operator. */
  made(policyName = 'payments', subject = 'Deployment/api') {
    return this.#managed('created', policyName, subject);
  }
  /** Found by the operator under the right name. */
  adopted(policyName = 'payments', subject = 'Deployment/api') {
    return this.#managed('adopted', policyName, subject);
  }
  #managed(origin: string, policyName: string, subject: string) {
    const labels = {
      'app.kubernetes.io/managed-by': 'leasepolicy',
      'leasepolicy.dev/policy': policyName,
      'leasepolicy.dev/origin': origin,
      'leasepolicy.dev/naming': 'v1',
    };
    return this.with({labels, subject});
  }

  heldBy(holder: string) {
    return this.with({holder, acquireTime: micro(now), renewTime: micro(now)});
  }
  /** Kept closed by the operator because of another name. */
  keptClosedFor(otherName: string) {
    return this.heldBy(`leasepolicy-rename_${otherName}`);
  }
  /** Renewed, and seen to be renewed, at this moment. */
  renewed(at: Now) {
    return this.with({renewTime: micro(at), changedAtMs: at.monotonicMs});
  }
  /** Taken by its holder at this moment. */
  acquired(at: Now) {
    return this.with({acquireTime: micro(at)});
  }
  /** Given up as client-go does it. */
  released(at: Now = ago(60)) {
    return this.with({holder: '', durationSeconds: 1}).renewed(at);
  }
  /** With a record that the operator wrote, and saw, at this moment. */
  written(record: CreateLease['record'], at: Now) {
    return this.with({
      holder: record.holderIdentity ?? '',
      durationSeconds: record.leaseDurationSeconds,
      transitions: record.leaseTransitions ?? 0,
      acquireTime: record.acquireTime,
      renewTime: record.renewTime,
      changedAtMs: at.monotonicMs,
    });
  }
  lasting(durationSeconds: number) {
    return this.with({durationSeconds});
  }
  afterTransitions(transitions: number) {
    return this.with({transitions});
  }
  orphaned(since: Now) {
    return this.with({orphanedSince: micro(since)});
  }
  /** By owners as in postgresql.cnpg.io/Cluster/main, or Node/a. */
  ownedBy(...texts: string[]) {
    const owners = texts.map(text => {
      const [name = '', kind = '', group = ''] = text.split('/').toReversed();
      return {group, kind, name};
    });
    return this.with({owners});
  }
}

/** A Lease that nobody has touched. */
export const lease = () => new TestLease();

class TestWorkload implements Workload {
  readonly id: string = 'deployments.apps/shop/api';
  readonly resource: string = 'deployments.apps';
  readonly apiVersion: string = 'apps/v1';
  readonly kind: string = 'Deployment';
  readonly namespace: string = 'shop';
  readonly name: string = 'api';
  readonly uid: string = 'uid-of-api';
  readonly createdAt: string = '2026-01-01T00:00:00Z';
  readonly terminating: boolean = false;
  readonly labels: Readonly<Record<string, string>> = {};
  readonly serviceAccount: string = 'default';
  readonly readySinceMs: number | undefined = undefined;

  with(fields: Partial<Workload>): TestWorkload {
    const made = Object.assign(new TestWorkload(), this, fields);
    return Object.assign(made, {id: `${made.resource}/${made.namespace}/${made.name}`});
  }

  in(namespace: string) {
    return this.with({namespace});
  }
  ofKind(kind: string) {
    return this.with({kind, resource: `${kind.toLowerCase()}s.apps`});
  }
  created(createdAt: string) {
    return this.with({createdAt});
  }
  withUid(uid: string) {
    return this.with({uid});
  }
  labelled(labels: Record<string, string>) {
    return this.with({labels});
  }
  runningAs(serviceAccount: string) {
    return this.with({serviceAccount});
  }
  beingDeleted() {
    return this.with({terminating: true});
  }
  /** The claim of this workload under these rules. */
  under(rules: Rules): Claim {
    const claim = claimOf(this, {}, rules);
    if (!claim) throw new Error(`${rules.policy} does not select ${this.name}`);
    return claim;
  }
}

/** A Deployment in the namespace shop. */
export const workload = (name = 'api') => new TestWorkload().with({name, uid: `uid-of-${name}`});

type Exemption = {name: string; namespace?: string; until?: string; reason?: string};

class TestPolicy {
  readonly name: string;
  readonly spec: WorkloadPolicySpec;

  constructor(name: string, spec: WorkloadPolicySpec) {
    this.name = name;
    this.spec = spec;
  }

  #but(change: (spec: WorkloadPolicySpec) => void): TestPolicy {
    const spec = structuredClone(this.spec);
    change(spec);
    return new TestPolicy(this.name, spec);
  }

  prefixed(prefix: string) {
    return this.#but(({naming}) => Object.assign(naming, {prefix}));
  }
  template(template: string) {
    return this.#but(({naming}) => Object.assign(naming, {template}));
  }
  hashing(...of: string[]) {
    return this.hashed({of});
  }
  hashed(hash: Partial<HashSpec>) {
    return this.#but(({naming}) => Object.assign(naming.hash, hash));
  }
  forKinds(...kinds: string[]) {
    const refs = kinds.map(kind => ({apiVersion: 'apps/v1', kind}));
    return this.#but(({subjects}) => Object.assign(subjects.workloads, {kinds: refs}));
  }
  inNamespaces(namespaceSelector: LabelSelector) {
    return this.#but(({subjects}) => Object.assign(subjects.workloads, {namespaceSelector}));
  }
  selecting(selector: LabelSelector) {
    return this.#but(({subjects}) => Object.assign(subjects.workloads, {selector}));
  }
  leasesIn(namespace: string) {
    return this.#but(spec => Object.assign(spec.lease, {namespace}));
  }
  leases(lease: Partial<LeasePolicySpec['lease']>) {
    return this.#but(spec => Object.assign(spec.lease, lease));
  }
  allowing(min: number, max: number) {
    return this.#but(({enforcement}) => Object.assign(enforcement.durationSeconds, {min, max}));
  }
  exempting(...list: Exemption[]) {
    const exempt = list.map(each => ({namespace: '*', reason: 'known', ...each}));
    return this.#but(({enforcement}) => Object.assign(enforcement, {exempt}));
  }
  enforcing(enforcement: Partial<LeasePolicySpec['enforcement']>) {
    return this.#but(spec => Object.assign(spec.enforcement, enforcement));
  }
  injecting(injection: Partial<LeasePolicySpec['injection']> = {}) {
    return this.#but(spec => Object.assign(spec.injection, {mode: 'Env', ...injection}));
  }
  granting() {
    return this.#but(({access}) => Object.assign(access, {grant: 'ServiceAccount'}));
  }
  collecting(collection: Partial<LeasePolicySpec['garbageCollection']>) {
    return this.#but(({garbageCollection}) => Object.assign(garbageCollection, collection));
  }

  /** The rules, or an error with the problems. */
  rules(generation = 1): Rules {
    const compiled = compile(this.name, generation, this.spec);
    if (Array.isArray(compiled)) throw new Error(compiled.join('; '));
    return compiled;
  }
  /** The sentences that say why it can't be in force. */
  problems(): string[] {
    const compiled = compile(this.name, 1, this.spec);
    return Array.isArray(compiled) ? compiled : [];
  }
}

/** A policy as the API server's defaulting leaves it, for Deployments in all namespaces. */
export const policy = (name = 'payments') =>
  new TestPolicy(name, {
    subjects: {
      workloads: {
        kinds: [{apiVersion: 'apps/v1', kind: 'Deployment'}],
        namespaceSelector: {},
        selector: {},
      },
    },
    naming: {
      prefix: 'payments',
      template: '{prefix}-{hash}',
      hash: {of: ['name'], algorithm: 'SHA256', encoding: 'Hex', length: 10},
    },
    lease: {namespace: '', create: true, adopt: true, durationSeconds: 15, labels: {}},
    access: {grant: 'None'},
    injection: {mode: 'None', nameEnv: 'LEASE_NAME', namespaceEnv: 'LEASE_NAMESPACE', failurePolicy: 'Fail'},
    enforcement: {
      names: 'Audit',
      holders: 'Off',
      durationSeconds: {min: 1, max: 3600},
      failurePolicy: {names: 'Fail', durationSeconds: 'Ignore', holders: 'Ignore'},
      exempt: [],
    },
    garbageCollection: {mode: 'Managed', ttlSeconds: 3600, maxPerMinute: 60, maxPercent: 25},
  });

/** A policy of nodes, API servers or components, as the API server's defaulting leaves it. */
export function systemPolicy(
  subjects: LeasePolicySpec['subjects'],
  collection: Partial<LeasePolicySpec['garbageCollection']> = {},
) {
  const {naming, ...rest} = policy().spec;
  const garbageCollection = {...rest.garbageCollection, mode: 'Report', ...collection};
  const spec: LeasePolicySpec = {...rest, subjects, garbageCollection};
  const rules = (name = 'system'): SystemRules => {
    const compiled = compileSystem(name, 1, spec);
    if (Array.isArray(compiled)) throw new Error(compiled.join('; '));
    return compiled;
  };
  return {spec, rules};
}

/** What is known of a Lease when it is judged: one in a governed namespace that nobody claims. */
export function leaseObservation(given: Partial<LeaseObservation>): LeaseObservation {
  const rules = given.rules ?? policy().rules();
  return {
    lease: undefined,
    rules,
    claim: undefined,
    namespaceGoes: false,
    subjectsKnown: true,
    check: {expect: 'nothing'},
    handingOver: false,
    governing: [rules],
    allowed: '',
    exemptUntilMs: undefined,
    own: false,
    classification: {class: 'leader-election', evidence: 'pattern', because: 'its name is one of a policy'},
    changes: [],
    exists: () => false,
    holderWorkload: undefined,
    readySinceMs: undefined,
    namesakes: [],
    isSuperseded: false,
    bucketsChangeInMs: undefined,
    isSystems: false,
    ...given,
  };
}

/** What a World needs to be there and do nothing. */
export const idleWorld: WorldOptions = {
  ownLease: 'leasepolicy-system/leasepolicy-d704b00044',
  enqueue: () => {},
  kinds: {get: () => ({state: 'asking'})},
  watch: () => {},
  catalogue: KNOWN,
  heartbeatPollMs: 10_000,
  onWrite: () => {},
};

/** What is known of the operator and of the policy when its admission policies are rendered. */
export const admissionContext = (given: Partial<AdmissionContext> = {}): AdmissionContext => ({
  owner: {apiVersion: 'leasepolicy.dev/v1alpha1', kind: 'LeasePolicy', name: 'payments', uid: 'policy-uid'},
  operator: {
    username: 'system:serviceaccount:leasepolicy-system:leasepolicy',
    namespace: 'leasepolicy-system',
  },
  governsSystem: false,
  ...given,
});

/** What the caches keep of an object as the API server has it, perhaps after somebody has edited it. */
export function served(
  rendered: Rendered,
  // biome-ignore lint/suspicious/noExplicitAny: an edit may do anything
  edit: (object: any) => void = () => {},
): RenderedView {
  const object = structuredClone(manifest(rendered)) as KubeObject;
  const uid = `uid-of-${rendered.kind}-${rendered.name}`;
  Object.assign(object.metadata, {uid, resourceVersion: '7', creationTimestamp: stamp(now), generation: 1});
  edit(object);
  return renderedView(rendered.kind, object);
}

/** The actions of one type. */
export const only = <Type extends Action['type']>(actions: readonly Action[], type: Type) =>
  actions.filter((action): action is Extract<Action, {type: Type}> => action.type === type);

/** What the actions do, in their order: createLease, seal, open, ... */
export const steps = (actions: readonly Action[]) =>
  actions.map(action => ('purpose' in action ? action.purpose : action.type));
