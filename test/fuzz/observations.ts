/** What plans may be given: observations of what the caches may have, in every combination. */
import fc from 'fast-check';
import type {LeasePolicyStatus} from '../../src/api/leasepolicy.ts';
import {RENDERED_KINDS, type RenderedKind} from '../../src/api/objects.ts';
import {renderAdmission} from '../../src/core/admission/render.ts';
import type {RenderedView} from '../../src/core/admission/rendered.ts';
import {KNOWN} from '../../src/core/lease/catalogue.ts';
import {CLASSES, classify} from '../../src/core/lease/classify.ts';
import type {HolderChange} from '../../src/core/lease/history.ts';
import type {LeaseView} from '../../src/core/lease/lifetime.ts';
import {LIFETIMES} from '../../src/core/lease/lifetime.ts';
import {type Claim, claimOf, type Workload} from '../../src/core/naming/claims.ts';
import {compile, type Rules} from '../../src/core/naming/rules.ts';
import {compileSystem, type SystemRules} from '../../src/core/naming/system-rules.ts';
import type {AccessObservation} from '../../src/core/plan/access.ts';
import type {Garbage} from '../../src/core/plan/action.ts';
import type {AdmissionObservation} from '../../src/core/plan/admission.ts';
import type {CandidatesObservation, CandidateView} from '../../src/core/plan/candidates.ts';
import type {ClaimView} from '../../src/core/plan/claim-plan.ts';
import type {CollectionObservation} from '../../src/core/plan/collection.ts';
import type {ComponentLease, ComponentsObservation} from '../../src/core/plan/components.ts';
import type {HeartbeatObservation, NodeView} from '../../src/core/plan/heartbeat.ts';
import type {IdentitiesObservation} from '../../src/core/plan/identities.ts';
import type {LeaseObservation} from '../../src/core/plan/lease-observation.ts';
import type {PolicyObservation} from '../../src/core/plan/policy.ts';
import type {RegistryObservation} from '../../src/core/plan/registry.ts';
import type {WorkloadObservation} from '../../src/core/plan/workload.ts';
import {projectWorkload} from '../../src/world/project.ts';
import {
  admissionContext,
  ago,
  lease,
  leaseObservation,
  policy,
  served,
  systemPolicy,
  workload,
} from '../support/builders.ts';
import {
  anyHolder,
  anyKind,
  anyLabel,
  anyLabels,
  anyLease,
  anyName,
  anyRules,
  anySeenMs,
  anySystemSpec,
  anyText,
  anyTime,
  anyTransitions,
  anyWorkloadObject,
  anyWorkloadSpec,
  NOW,
  perhaps,
} from './arbitraries.ts';

/** Rules of a policy of workloads, of all that the schema lets through and the rules do. */
export const anyCompiled: fc.Arbitrary<Rules> = fc.oneof(
  {weight: 3, arbitrary: anyRules},
  {
    weight: 1,
    arbitrary: anyWorkloadSpec.map(spec => {
      const rules = compile('payments', 1, spec);
      return Array.isArray(rules) ? policy().rules() : rules;
    }),
  },
);
const anySystemRules: fc.Arbitrary<SystemRules> = anySystemSpec.map(spec => {
  const rules = compileSystem('system', 1, spec);
  return Array.isArray(rules) ? systemPolicy({apiServers: {}}).rules() : rules;
});

const projected = projectWorkload('deployments.apps', 'apps/v1', 'Deployment', () => NOW.monotonicMs);
export const anyWorkload: fc.Arbitrary<Workload> = fc.oneof(
  {weight: 2, arbitrary: anyWorkloadObject.map(object => projected(object))},
  {weight: 2, arbitrary: anyName.map(name => workload(name))},
  {weight: 1, arbitrary: fc.tuple(anyName, anyKind).map(([name, kind]) => workload(name).ofKind(kind))},
);

/** The claim of a workload under rules, also where they do not select it. */
export function claimUnder(subject: Workload, rules: Rules): Claim {
  const ref = rules.kinds.find(({kind}) => kind === subject.kind) ?? rules.kinds[0];
  const fitting = {...subject, ...ref};
  const all: Rules = {...rules, governsNamespace: () => true, selectsWorkload: () => true};
  return claimOf(fitting, {}, all) as Claim;
}

const anyChanges: fc.Arbitrary<readonly HolderChange[]> = fc
  .array(fc.record({atMs: anySeenMs, from: anyHolder, to: anyHolder, transitions: anyTransitions}), {
    maxLength: 4,
  })
  .map(changes => changes.toSorted((a, b) => a.atMs - b.atMs));

const aheadMs = fc.constantFrom(1, 1000, 8_640_000, 31_536_000_000);
const anyExists = fc
  .array(fc.tuple(anyKind, anyName), {maxLength: 3})
  .map(known => (kind: string, name: string) => known.some(each => each[0] === kind && each[1] === name));

const anyClass = fc.constantFrom(...CLASSES);
const anyCheck: fc.Arbitrary<LeaseObservation['check']> = fc.constantFrom(
  undefined,
  {expect: 'nothing'},
  {expect: 'absent', path: '/apis/apps/v1/namespaces/shop/deployments/api'},
  {
    expect: 'labels',
    path: '/apis/apps/v1/namespaces/shop/deployments/api',
    labels: {a: 'b'},
    namespace: 'shop',
    namespaceLabels: {},
  },
);

const wildLeaseObservation: fc.Arbitrary<LeaseObservation> = fc
  .record({
    lease: fc.oneof({weight: 30, arbitrary: anyLease}, fc.constant(undefined)),
    rules: fc.oneof({weight: 5, arbitrary: anyCompiled}, fc.constant(undefined)),
    claimed: fc.oneof({weight: 3, arbitrary: fc.constant(undefined)}, anyWorkload),
    subjectsKnown: fc.oneof({weight: 4, arbitrary: fc.constant(true)}, fc.boolean()),
    check: anyCheck,
    handingOver: fc.oneof({weight: 4, arbitrary: fc.constant(false)}, fc.boolean()),
    others: fc.array(anyRules, {maxLength: 1}),
    isGoverned: fc.boolean(),
    namespaceGoes: fc.oneof({weight: 4, arbitrary: fc.constant(false)}, fc.boolean()),
    allowed: fc.constantFrom('', 'none', 'a and 7 more'),
    exemptForMs: fc.oneof(
      {weight: 4, arbitrary: fc.constant(undefined)},
      aheadMs,
      fc.constant(Number.POSITIVE_INFINITY),
    ),
    own: fc.oneof({weight: 9, arbitrary: fc.constant(false)}, fc.boolean()),
    given: fc.oneof({weight: 3, arbitrary: fc.constantFrom('leader-election' as const, undefined)}, anyClass),
    changes: anyChanges,
    exists: anyExists,
    holderWorkload: perhaps(anyWorkload),
    readySinceMs: perhaps(anySeenMs),
    namesakes: fc.constantFrom([], ['Deployment/bank/other']),
    isSuperseded: fc.boolean(),
    bucketsChangeInMs: fc.constantFrom(undefined, 1, 10_000),
    isSystems: fc.boolean(),
  })
  .map(({claimed, others, isGoverned, exemptForMs, given, ...rest}) => {
    const {lease, rules} = rest;
    const byEvidence = lease && classify(lease, KNOWN, false);
    return {
      ...rest,
      claim: claimed && rules ? claimUnder(claimed, rules) : undefined,
      governing: [...(isGoverned && rules ? [rules] : []), ...others],
      exemptUntilMs: exemptForMs === undefined ? undefined : NOW.wallMs + exemptForMs,
      classification:
        given === undefined && byEvidence
          ? byEvidence
          : {...byEvidence, class: given ?? 'unknown', evidence: 'none', because: 'a test says so'},
    };
  });

/** One of these, with some of its fields as another one has them: most of what is dangerous is nearly allowed. */
const nearly = <T extends object>(base: T, wild: fc.Arbitrary<T>, most = 2): fc.Arbitrary<T> =>
  fc
    .tuple(wild, fc.subarray(Object.keys(base) as (keyof T)[], {maxLength: most}))
    .map(([other, fields]) => ({...base, ...Object.fromEntries(fields.map(field => [field, other[field]]))}));

/** Garbage by everything that is known of it. */
const GARBAGE = {...lease().made().released(ago(100_000)).orphaned(ago(100_000))};
const garbageLease = nearly<LeaseView>({...GARBAGE, key: 'shop/payments-14c2529eb4'}, anyLease);
const garbageObservation = fc.constantFrom('Managed' as const, 'All' as const).chain(mode =>
  nearly(
    leaseObservation({
      lease: {...GARBAGE, key: 'shop/payments-14c2529eb4'},
      rules: policy().collecting({mode}).rules(),
      check: {expect: 'absent', path: '/apis/apps/v1/namespaces/shop/deployments/api'},
    }),
    fc.tuple(wildLeaseObservation, garbageLease).map(([other, each]) => ({...other, lease: each})),
  ),
);
const othersGarbageObservation = nearly(
  leaseObservation({
    lease: {...lease().released(ago(100_000)), key: 'shop/payments-14c2529eb4'},
    rules: policy().collecting({mode: 'All'}).rules(),
  }),
  fc.tuple(wildLeaseObservation, anyLease).map(([other, each]) => ({...other, lease: each})),
);

export const anyLeaseObservation = fc.oneof(
  wildLeaseObservation,
  garbageObservation,
  othersGarbageObservation,
);

const anyClaimView = (subject: Workload): fc.Arbitrary<ClaimView> =>
  fc
    .record({
      rules: anyCompiled,
      winner: fc.constantFrom('itself', 'none', 'older', 'other policy'),
      lease: perhaps(anyLease),
      predecessors: fc.array(anyLease, {maxLength: 2}),
      namespace: fc.oneof(
        {weight: 5, arbitrary: fc.constant('active' as const)},
        fc.constantFrom('terminating' as const, 'missing' as const, 'unregistered' as const),
      ),
      retiredTransitions: fc.nat({max: 9}),
      notAdopted: fc.constantFrom(undefined, 'a label is that of "helm"'),
    })
    .map(({winner, lease, predecessors, ...rest}) => {
      const claim = claimUnder(subject, rest.rules);
      const older = {...claim, workload: workload('older'), subject: 'Deployment/older'};
      const winners = {itself: claim, none: undefined, older, 'other policy': {...claim, policy: 'first'}};
      const place = {namespace: claim.leaseNamespace, labels: {}};
      const name = 'name' in claim.result ? claim.result.name : undefined;
      return {
        ...rest,
        claim,
        winner: winners[winner as keyof typeof winners],
        lease: lease && name !== undefined ? inPlace(lease, claim.leaseNamespace, name) : undefined,
        predecessors: predecessors.map((each, at) => inPlace(each, place.namespace, `old-${at}`)),
      };
    });

const inPlace = (lease: LeaseView, namespace: string, name: string): LeaseView => ({
  ...lease,
  key: `${namespace}/${name}`,
  namespace,
  name,
  uid: `uid-of-${name}`,
});

export const anyWorkloadObservation: fc.Arbitrary<WorkloadObservation> = fc
  .oneof({weight: 20, arbitrary: anyWorkload}, fc.constant(undefined))
  .chain(subject =>
    fc.record({
      workload: fc.constant(subject),
      claims: fc.array(anyClaimView(subject ?? workload('api')), {minLength: 1, maxLength: 2}),
    }),
  );

// Collection

const anyGarbage: fc.Arbitrary<Garbage> = fc
  .record({
    namespace: fc.constantFrom('shop', 'bank'),
    name: fc.integer({min: 0, max: 999}).map(at => `g${at}`),
    dueInMs: fc.oneof(
      fc.constantFrom(-1, 0, 1, 59_999, 60_000, 60_001),
      fc.integer({min: -100_000, max: 200_000}),
    ),
    transitions: fc.nat({max: 3}),
  })
  .map(({namespace, name, dueInMs, transitions}) => ({
    policy: 'payments',
    dueAtMs: NOW.monotonicMs + dueInMs,
    transitions,
    collect: {
      type: 'collectLease',
      policy: 'payments',
      lease: {namespace, name, uid: `uid-of-${name}`, resourceVersion: '1'},
      subject: 'Deployment/gone',
      check: {expect: 'nothing'},
    },
  }));

type LastCollection = LeasePolicyStatus['lastGarbageCollection'];
/** As a pass has left it, or somebody who edits a status. */
const anyLast: fc.Arbitrary<LastCollection> = perhaps(
  fc.record({
    time: anyTime,
    deleted: fc.integer(),
    kept: fc.integer(),
    windowStart: anyTime,
    windowDeleted: fc.oneof(fc.nat({max: 100}), fc.integer()),
  }),
);

export const anyCollectionObservation: fc.Arbitrary<CollectionObservation> = fc.record({
  rules: fc.oneof({weight: 9, arbitrary: fc.oneof(anyCompiled, anySystemRules)}, fc.constant(undefined)),
  resourceVersion: fc.constant('7'),
  garbage: fc.uniqueArray(anyGarbage, {
    maxLength: 12,
    selector: ({collect: {lease}}) => `${lease.namespace}/${lease.name}`,
  }),
  total: fc.oneof(fc.nat({max: 50}), fc.nat({max: 100_000})),
  last: anyLast,
});

// Registry and status

const anyEntry = fc.record({
  policy: fc.constantFrom('payments', 'a'),
  subject: fc.constantFrom('Deployment/api', 'Deployment/gone'),
  serviceAccount: fc.constantFrom('default', 'api'),
});
const anyRegistryName = fc.constantFrom('payments-14c2529eb4', 'constructor', '__proto__', 'a', 'old');

export const anyRegistryObservation: fc.Arbitrary<RegistryObservation> = fc
  .record({
    governed: fc.boolean(),
    terminating: fc.oneof({weight: 5, arbitrary: fc.constant(false)}, fc.boolean()),
    subjects: fc.array(fc.tuple(anyWorkload, anyCompiled), {maxLength: 3}),
    heldOld: fc.array(anyLease, {maxLength: 2}),
    bystanders: fc.subarray(['Deployment/a', 'Deployment/constructor', 'Job/x']),
    heldForMs: fc.dictionary(anyRegistryName, fc.nat({max: 15_000})),
    exempt: fc.dictionary(anyRegistryName, fc.oneof(aheadMs, fc.constant(Number.POSITIVE_INFINITY))),
    current: perhaps(
      fc.record({
        uid: fc.constant('u'),
        resourceVersion: fc.constant('3'),
        spec: fc.record({
          names: fc.dictionary(anyRegistryName, anyEntry),
          subjects: fc.dictionary(
            fc.constantFrom('Deployment/api', 'Deployment/a', 'constructor'),
            fc.dictionary(fc.constantFrom('payments', 'constructor'), anyRegistryName),
          ),
          exempt: fc.array(anyRegistryName, {maxLength: 2}),
          exemptUntil: fc.dictionary(anyRegistryName, anyTime),
          allowed: fc.constantFrom('', 'none', 'a'),
          retired: fc.dictionary(anyRegistryName, fc.record({transitions: fc.nat({max: 9})})),
        }),
      }),
    ),
    goesOn: fc.subarray(['constructor', 'a']),
  })
  .map(({subjects, heldOld, heldForMs, exempt, goesOn, ...rest}) => {
    const claims = subjects.map(([subject, rules]) => claimUnder({...subject, namespace: 'shop'}, rules));
    const [first] = claims;
    return {
      ...rest,
      namespace: 'shop',
      claims,
      heldOld: first ? heldOld.map(lease => ({lease, claim: first})) : [],
      heldForMs: (name: string) => (Object.hasOwn(heldForMs, name) ? (heldForMs[name] ?? 0) : 0),
      exempt: new Map(Object.entries(exempt).map(([name, ms]) => [name, NOW.wallMs + ms])),
      exists: (name: string) => goesOn.includes(name),
    };
  });

const anyStatus: fc.Arbitrary<LeasePolicyStatus | undefined> = perhaps(
  fc
    .record({
      conditions: fc.array(
        fc.record({
          type: fc.constantFrom('Accepted', 'Enforced', 'Ready', 'Other'),
          status: fc.constantFrom('True', 'False', 'Unknown'),
          reason: anyText,
          message: anyText,
          lastTransitionTime: anyTime,
        }),
        {maxLength: 4},
      ),
      lastAccepted: perhaps(fc.record({generation: fc.nat({max: 3}), spec: fc.constant('{}')})),
      lastGarbageCollection: anyLast,
    })
    .map(status => status as LeasePolicyStatus),
);

export const anyPolicyObservation: fc.Arbitrary<PolicyObservation> = fc.record({
  policy: fc.constant('payments'),
  generation: fc.nat({max: 3}),
  specText: fc.constant('{}'),
  kinds: fc.subarray(['Deployment', 'Job']),
  acceptance: fc.constantFrom(
    {accepted: true as const},
    {accepted: undefined, message: 'asking'},
    {accepted: false as const, reason: 'InvalidSpec', message: 'no'},
  ),
  rules: perhaps(anyCompiled),
  subjects: fc.nat(),
  lifetimes: fc.dictionary(fc.constantFrom(...LIFETIMES), fc.nat()),
  violations: fc.nat(),
  withoutLease: fc.nat({max: 2}),
  findings: fc.array(fc.record({reason: anyText, object: anyText, message: anyText, since: anyTime}), {
    maxLength: 24,
  }),
  settled: fc.boolean(),
  stopped: fc.constantFrom(undefined, 'too many'),
  enforced: fc.constantFrom(undefined, {status: 'True' as const, reason: 'InForce', message: 'it is'}),
  uid: fc.constant('p'),
  status: anyStatus,
});

// What the API server enforces, and who has access

const edit = (object: {spec?: unknown; metadata: {labels?: object}}) => {
  object.spec = {};
};

export const anyAdmissionObservation: fc.Arbitrary<AdmissionObservation> = fc
  .record({
    rules: fc.oneof({weight: 6, arbitrary: anyCompiled}, fc.constant(undefined)),
    isTerminating: fc.boolean(),
    hasContext: fc.oneof({weight: 6, arbitrary: fc.constant(true)}, fc.boolean()),
    governsSystem: fc.boolean(),
    problems: fc.dictionary(
      fc.constantFrom(...(Object.keys(RENDERED_KINDS) as RenderedKind[])),
      fc.constantFrom(
        {reason: 'KindNotServed' as const, message: 'no'},
        {reason: 'KindNotReadable' as const, message: 'no'},
      ),
      {maxKeys: 2},
    ),
    before: fc.oneof(
      fc.constant('nothing'),
      fc.constant('all'),
      fc.constant('edited'),
      fc.constant('another'),
    ),
    other: anyCompiled,
  })
  .map(({hasContext, governsSystem, problems, before, other, ...rest}) => {
    const context = admissionContext({governsSystem});
    const source = before === 'another' ? other : (rest.rules ?? other);
    const rendered =
      before === 'nothing' ? [] : renderAdmission(source, context).flatMap(({objects}) => objects);
    return {
      ...rest,
      context: hasContext ? context : undefined,
      problems: new Map(Object.entries(problems)) as AdmissionObservation['problems'],
      live: rendered.map(each => served(each, before === 'edited' ? edit : undefined)),
    };
  });

const anyRenderedView = (kind: RenderedKind): fc.Arbitrary<RenderedView | undefined> =>
  perhaps(
    fc.record({
      key: fc.constant('shop/leasepolicy-a'),
      kind: fc.constant(kind),
      namespace: fc.constant('shop'),
      name: fc.constant('leasepolicy-a'),
      uid: fc.constant('u'),
      resourceVersion: fc.constant('9'),
      policy: fc.constantFrom('payments', undefined),
      ownerUids: fc.constantFrom([], ['uid-of-a']),
      annotations: fc.dictionary(
        fc.constantFrom(
          'leasepolicy.dev/service-account',
          'leasepolicy.dev/former-service-account',
          'leasepolicy.dev/until-holder',
        ),
        fc.oneof(anyText, fc.constant('shop/api'), anyHolder),
      ),
      content: fc.constantFrom({}, {rules: []}, {subjects: null}),
      warnings: fc.constant([]),
    }),
  );

export const anyAccessObservation: fc.Arbitrary<AccessObservation> = fc
  .record({
    lease: perhaps(anyLease),
    rules: fc.oneof(anyCompiled, fc.constant(policy().granting().rules()), fc.constant(undefined)),
    claimed: perhaps(anyWorkload),
    readable: fc.oneof({weight: 5, arbitrary: fc.constant(true)}, fc.boolean()),
    role: anyRenderedView('Role'),
    binding: anyRenderedView('RoleBinding'),
  })
  .map(({claimed, ...rest}) => ({
    ...rest,
    claim: claimed && rest.rules ? claimUnder(claimed, rest.rules) : undefined,
  }));

// What Kubernetes itself leases

const anyNode: fc.Arbitrary<NodeView> = fc.record({
  name: anyName,
  uid: fc.constant('node-uid'),
  labels: anyLabels,
  isSimulated: fc.boolean(),
  seenAtMs: anySeenMs,
});

/** Of no two policies the same name. */
const nodeRules = fc
  .array(anySystemRules, {maxLength: 2})
  .map(all => all.map((rules, index): SystemRules => ({...rules, policy: `system-${index}`})));

const wildHeartbeatObservation: fc.Arbitrary<HeartbeatObservation> = fc
  .record({
    name: anyName,
    node: perhaps(anyNode),
    lease: fc.oneof({weight: 6, arbitrary: anyLease}, fc.constant(undefined)),
    isHeldByItself: fc.boolean(),
    class: fc.oneof({weight: 3, arbitrary: fc.constant('node-heartbeat' as const)}, anyClass),
    absentSinceMs: perhaps(anySeenMs),
    policies: nodeRules,
  })
  .map(({isHeldByItself, lease, name, ...rest}) => {
    const placed = lease && inPlace(lease, 'kube-node-lease', name);
    return {...rest, name, lease: placed && isHeldByItself ? {...placed, holder: name} : placed};
  });

/** What a node that is long gone has left behind. */
const LEFT_LEASE = {...inPlace(lease().heldBy('a').renewed(ago(100_000)), 'kube-node-lease', 'a')};
export const anyHeartbeatObservation = fc.oneof(
  wildHeartbeatObservation,
  nearly<HeartbeatObservation>(
    {
      name: 'a',
      node: undefined,
      lease: LEFT_LEASE,
      class: 'node-heartbeat',
      absentSinceMs: ago(100_000).monotonicMs,
      policies: [systemPolicy({nodes: {selector: {}}}, {mode: 'All'}).rules()],
    },
    fc
      .tuple(wildHeartbeatObservation, nearly<LeaseView>(LEFT_LEASE, anyLease))
      .map(([other, each]) => ({...other, lease: inPlace(each, 'kube-node-lease', 'a')})),
  ),
);

export const anyIdentitiesObservation: fc.Arbitrary<IdentitiesObservation> = fc.record({
  rules: perhaps(anySystemRules),
  leases: fc.array(fc.record({lease: anyLease, class: anyClass}), {maxLength: 3}),
});

const anyBucketName = fc.constantFrom(
  'a.00-of-01',
  'a.00-of-02',
  'a.01-of-02',
  'a.00-of-03',
  'a',
  'a.02-of-02',
);

const anyComponentLease = fc.record({
  lease: fc.tuple(anyLease, anyBucketName).map(([lease, name]) => inPlace(lease, 'kube-system', name)),
  class: fc.oneof({weight: 3, arbitrary: fc.constant('leader-election-bucket' as const)}, anyClass),
  changes: anyChanges,
});

const wildComponents = fc.uniqueArray(anyComponentLease, {maxLength: 5, selector: ({lease}) => lease.name});
/** Two buckets that are held, and one of an older set that nobody holds. */
const bucket = (name: string, each: LeaseView): fc.Arbitrary<ComponentLease> =>
  nearly<LeaseView>({...each}, anyLease, 1).map(changed => ({
    lease: inPlace(changed, 'kube-system', name),
    class: 'leader-election-bucket',
    changes: [],
  }));
const replacedComponents = fc
  .tuple(
    bucket('a.00-of-02', lease().heldBy('x').renewed(ago(1))),
    bucket('a.01-of-02', lease().heldBy('y').renewed(ago(1))),
    bucket('a.00-of-01', lease().heldBy('z').renewed(ago(100_000))),
    anyComponentLease,
  )
  .map(([first, second, old, other]) =>
    ['a.00-of-02', 'a.01-of-02', 'a.00-of-01'].includes(other.lease.name)
      ? [first, second, old]
      : [first, second, old, other],
  );

export const anyComponentsObservation: fc.Arbitrary<ComponentsObservation> = fc
  .record({
    rules: fc.oneof(
      perhaps(anySystemRules),
      fc.constant(systemPolicy({apiServers: {}}, {mode: 'All'}).rules()),
    ),
    leases: fc.oneof(wildComponents, replacedComponents),
  })
  .map(({rules, leases}) => ({rules, components: [{namespace: 'kube-system', name: 'a', leases}]}));

const anyCandidate: fc.Arbitrary<CandidateView> = fc.record({
  namespace: anyLabel,
  name: fc.oneof(anyName, anyHolder),
  uid: fc.constant('c'),
  leaseName: anyName,
  pingTime: perhaps(anyTime),
  renewTime: perhaps(anyTime),
  changedAtMs: anySeenMs,
});

export const anyCandidatesObservation: fc.Arbitrary<CandidatesObservation> = fc.record({
  lease: perhaps(anyLease),
  candidates: fc.array(anyCandidate, {maxLength: 3}),
  policies: fc.subarray(['payments', 'a']),
});
