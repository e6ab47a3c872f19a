/** The LeasePolicy resource: one schema that gives the CRD, the validation and the TypeScript types. */
import Type, {type Static} from 'typebox';
import {access, enforcement, injection} from './enforcement.ts';
import {GROUP, VERSION} from './objects.ts';
import {DNS_LABEL, objectMetaSchema, rules} from './schema.ts';
import {subjects, type WorkloadSubjects} from './subjects.ts';

const LABEL_KEY = '([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?';

const hash = Type.Object(
  {
    of: Type.Array(
      Type.String({
        maxLength: 323,
        ...rules({
          rule: `self in ['kind', 'namespace', 'name'] || self.matches('^label:${LABEL_KEY}$')`,
          message: 'a part of hash.of is one of kind, namespace, name, label:KEY',
        }),
      }),
      {
        description:
          'Parts of the subject that are hashed, in this order, joined by "/": kind, namespace, name, label:KEY.',
        default: ['name'],
        minItems: 1,
        maxItems: 8,
        ...rules({
          rule: 'self.all(part, self.filter(other, other == part).size() == 1)',
          message: 'hash.of names a part twice: list each part once',
        }),
      },
    ),
    algorithm: Type.String({description: 'The hash function.', enum: ['SHA256'], default: 'SHA256'}),
    encoding: Type.String({
      description:
        'How the hash is written. Hex: 0-9a-f; Base32: a-z2-7, lower case, no padding; Safe: hex digits as bcdfghjkmnpqrstv, without vowels and look-alikes.',
      enum: ['Hex', 'Base32', 'Safe'],
      default: 'Hex',
    }),
    length: Type.Integer({
      description: 'Characters of the written hash that are used; at most 52 in Base32.',
      minimum: 6,
      maximum: 64,
      default: 10,
    }),
  },
  {
    description: 'The hash of the subject.',
    default: {},
    ...rules({
      rule: "self.encoding != 'Base32' || self.length <= 52",
      message: 'a SHA-256 in Base32 has 52 characters: write a hash.length of at most 52',
    }),
  },
);

/** How the Leases of workloads are named. */
export const namingSchema = Type.Object(
  {
    prefix: Type.String({
      description: 'The product: a DNS label, the variable {prefix} of the template.',
      maxLength: 63,
      ...rules({
        rule: `self.matches('${DNS_LABEL}')`,
        message: 'prefix must be a DNS label: lower-case letters, digits and "-", such as payments',
      }),
    }),
    template: Type.String({
      description:
        'The name of the Lease, with the variables {prefix} {namespace} {kind} {name} {label:KEY} {hash}. One that could give two subjects one name is refused.',
      maxLength: 512,
      default: '{prefix}-{hash}',
      ...rules(
        {
          rule: `self.matches('^([-a-z0-9.]|\\\\{(prefix|namespace|kind|name|hash|label:${LABEL_KEY})\\\\})+$')`,
          message:
            'template has only lower-case letters, digits, "-", "." and the variables {prefix} {namespace} {kind} {name} {label:KEY} {hash}',
        },
        {
          rule: "self.contains('{hash}') || self.contains('{name}')",
          message:
            'template could give two subjects one Lease: write {hash} or {name} into it, such as {prefix}-{hash}',
        },
        {
          rule: "self.contains('{hash}') || !self.contains('}{')",
          message: 'template has two variables side by side: put "-" or "." between them, or use {hash}',
        },
        {
          rule: "self.contains('{hash}') || !self.contains('{label:')",
          message: 'a template with {label:KEY} could give two subjects one Lease: add {hash}',
        },
      ),
    }),
    hash,
  },
  {description: 'How the Lease of a workload is named; the names of all others are given.'},
);

const lease = Type.Object(
  {
    namespace: Type.String({
      description:
        'Namespace of the Leases; empty: that of the workload. If set, hash.of must contain namespace. Not kube-node-lease.',
      maxLength: 63,
      default: '',
      ...rules(
        {
          rule: `self == '' || self.matches('${DNS_LABEL}')`,
          message: 'lease.namespace is the name of a namespace, or empty for that of the workload',
        },
        {
          rule: "self != 'kube-node-lease'",
          message: 'lease.namespace kube-node-lease is for the heartbeats of nodes: choose another namespace',
        },
      ),
    }),
    create: Type.Boolean({
      description: 'Create a Lease that is missing; else it is the finding MissingLease.',
      default: true,
    }),
    adopt: Type.Boolean({
      description:
        'Label a Lease that already has the right name, and count it as our own. Its record is left as it is.',
      default: true,
    }),
    durationSeconds: Type.Integer({
      description:
        'spec.leaseDurationSeconds of a Lease that we create, in seconds. Candidates write their own later.',
      minimum: 1,
      maximum: 86_400,
      default: 15,
    }),
    labels: Type.Record(Type.String(), Type.String({maxLength: 63}), {
      description: 'Further labels of the Leases. One that is taken out of this list stays on its Leases.',
      default: {},
      maxProperties: 32,
      ...rules({
        rule: "self.all(key, !key.startsWith('leasepolicy.dev/'))",
        message: 'labels that begin with leasepolicy.dev/ are written by the operator: choose another key',
      }),
    }),
  },
  {description: 'The Leases themselves.', default: {}},
);

const garbageCollection = Type.Object(
  {
    mode: Type.String({
      description:
        'Off and Report: nothing is deleted, there are findings only; Managed: what we made or adopted is deleted; All: also others that bear names of the policy, for which the template needs {prefix} or {hash}, and what nodes and components leave behind. Off needs quotes in YAML.',
      enum: ['Off', 'Report', 'Managed', 'All'],
      default: 'Managed',
    }),
    ttlSeconds: Type.Integer({
      description:
        'How long a Lease has had no living subject and no renewal before it is deleted, in seconds. At least lease.durationSeconds.',
      minimum: 1,
      maximum: 31_536_000,
      default: 3600,
    }),
    maxPerMinute: Type.Integer({
      description: 'Deletions per minute of this policy, counted across changes of our leader.',
      minimum: 1,
      maximum: 100_000,
      default: 60,
    }),
    maxPercent: Type.Integer({
      description:
        'Share of the Leases of the policy, rounded up, that may fall due within a minute; a set of buckets that was replaced counts as one. Above it nothing is deleted, and Ready is False with the reason CollectionStopped until the selectors are corrected or this is raised.',
      minimum: 1,
      maximum: 100,
      default: 25,
    }),
  },
  {description: 'When a Lease that nobody needs is deleted.', default: {}},
);

const isOfWorkloads = 'has(self.subjects.workloads)';

/** What must hold for workloads alone. */
const ofWorkloads = (rule: string, message: string) => ({
  rule: `!(${isOfWorkloads} && has(self.naming)) || ${rule}`,
  message,
});

const WORKLOAD_RULES = [
  {
    rule: `${isOfWorkloads} == has(self.naming)`,
    message:
      'naming is for workloads, and workloads need it: write naming.prefix for them, and no naming for nodes, apiServers and components, whose names are given',
  },
  ofWorkloads(
    "self.lease.namespace == '' || !self.naming.template.contains('{hash}') || 'namespace' in self.naming.hash.of",
    'lease.namespace collects the Leases of many namespaces: add namespace to naming.hash.of, such as of: [namespace, name]',
  ),
  ofWorkloads(
    "self.lease.namespace == '' || self.naming.template.contains('{hash}') || self.naming.template.contains('{namespace}.') || self.naming.template.contains('.{namespace}')",
    'lease.namespace collects the Leases of many namespaces: write {namespace}.{name} into the template, or use {hash}',
  ),
  ofWorkloads(
    "self.subjects.workloads.kinds.size() == 1 || self.naming.template.contains('{hash}') || self.naming.template.contains('{kind}')",
    'several kinds could give two subjects one Lease: write {kind}-{name} into the template, or use {hash}',
  ),
  ofWorkloads(
    "self.garbageCollection.mode != 'All' || self.naming.template.contains('{prefix}') || self.naming.template.contains('{hash}')",
    'garbageCollection.mode All takes Leases of others that bear the names of the policy, and this template bears every name: write {prefix} or {hash} into it, or use Managed',
  ),
  ofWorkloads(
    'self.garbageCollection.ttlSeconds >= self.lease.durationSeconds',
    'garbageCollection.ttlSeconds is below lease.durationSeconds: write a ttlSeconds of at least that',
  ),
  ofWorkloads(
    'self.lease.durationSeconds >= self.enforcement.durationSeconds.min && self.lease.durationSeconds <= self.enforcement.durationSeconds.max',
    'lease.durationSeconds is outside enforcement.durationSeconds: widen min and max, or change it',
  ),
];

/** Leases that Kubernetes itself writes are looked at: nothing may ever refuse a heartbeat. */
const OTHERS_RULES = [
  {
    rule: `${isOfWorkloads} || self.access.grant == 'None' && self.injection.mode == 'None'`,
    message: 'access and injection are for workloads: leave them out',
  },
  {
    rule: `${isOfWorkloads} || self.enforcement.names == 'Audit' && self.enforcement.holders == 'Off' && self.enforcement.exempt.size() == 0 && (!has(self.enforcement.durationSeconds.action) || self.enforcement.durationSeconds.action == 'Audit')`,
    message:
      'what Kubernetes writes is never refused: of enforcement, nodes, apiServers and components have durationSeconds.min and max alone',
  },
  {
    rule: `${isOfWorkloads} || self.lease.namespace == '' && self.lease.labels.size() == 0 && self.lease.create && self.lease.adopt && self.lease.durationSeconds == 15`,
    message: 'lease says how Leases of workloads are made: leave it out, nobody makes those of others',
  },
  {
    rule: "!has(self.subjects.apiServers) || self.garbageCollection.mode != 'All'",
    message: 'the API server deletes the Leases of API servers that are gone by itself: write mode: Report',
  },
];

/** What a cluster admin declares. After the API server's defaulting every field is present. */
export const leasePolicySpecSchema = Type.Object(
  {
    subjects,
    naming: Type.Optional(namingSchema),
    lease,
    access,
    injection,
    enforcement,
    garbageCollection,
  },
  {
    description: 'What the policy demands.',
    ...rules(...WORKLOAD_RULES, ...OTHERS_RULES),
  },
);

const condition = Type.Object({
  type: Type.String({description: 'Accepted, Enforced or Ready.', maxLength: 316}),
  status: Type.String({
    description: 'Whether it holds; Unknown while that is being found out.',
    enum: ['True', 'False', 'Unknown'],
  }),
  reason: Type.String({description: 'Why, as one word of a closed set.', maxLength: 1024}),
  message: Type.String({description: 'Why, as a sentence.', maxLength: 32_768}),
  lastTransitionTime: Type.String({
    format: 'date-time',
    description: 'When the status was another one last.',
  }),
  observedGeneration: Type.Optional(Type.Integer({description: 'The metadata.generation that it is about.'})),
});

const finding = Type.Object({
  reason: Type.String({description: 'One of the closed set of findings.'}),
  object: Type.String({description: 'Kind/namespace/name of what it is about.'}),
  message: Type.String({description: 'What is wrong, and what to do.'}),
  since: Type.String({format: 'date-time', description: 'When it was found.'}),
});

/** What the operator reports. Counts are exact; lists are bounded. */
export const leasePolicyStatusSchema = Type.Object(
  {
    observedGeneration: Type.Integer({description: 'The metadata.generation that this status is about.'}),
    subjectsKind: Type.String({description: 'The kinds of the subjects, for kubectl get.'}),
    conditions: Type.Array(condition, {
      description:
        'Accepted: the spec is in force; if False, the version that was accepted last stays in force. Enforced: the API server checks all that the spec asks for. Ready: every subject has its Lease, and no collection is stopped.',
      maxItems: 8,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['type'],
    }),
    subjects: Type.Integer({
      description: 'Workloads or nodes that the policy selects, API servers, or components that it lists.',
    }),
    leases: Type.Object(
      {
        total: Type.Integer({description: 'All of them.'}),
        unclaimed: Type.Integer({description: 'Made by us and never held.'}),
        held: Type.Integer({description: 'Renewed by a holder.'}),
        expired: Type.Integer({description: 'Not renewed for its duration.'}),
        released: Type.Integer({description: 'Given up by its holder.'}),
        orphaned: Type.Integer({description: 'Held by nobody, and the subject is gone or has another name.'}),
        unknown: Type.Integer({description: 'Not understood, and never touched.'}),
      },
      {description: 'Leases of the policy, each counted in one state.'},
    ),
    violations: Type.Integer({description: 'Number of findings, exact.'}),
    findings: Type.Array(finding, {description: 'The newest 20 findings.', maxItems: 20}),
    lastGarbageCollection: Type.Optional(
      Type.Object(
        {
          time: Type.String({format: 'date-time', description: 'When it was.'}),
          deleted: Type.Integer({description: 'Leases that the last pass set out to delete.'}),
          kept: Type.Integer({description: 'Garbage that the last pass left for later.'}),
          windowStart: Type.String({
            format: 'date-time',
            description: 'Start of the minute that maxPerMinute counts.',
          }),
          windowDeleted: Type.Integer({description: 'Deletions begun since windowStart.'}),
        },
        {description: 'The last pass that set out to delete something.'},
      ),
    ),
    lastAccepted: Type.Optional(
      Type.Object(
        {
          generation: Type.Integer({description: 'Its metadata.generation.'}),
          spec: Type.String({description: 'The accepted spec as JSON.'}),
        },
        {description: 'The version that is in force.'},
      ),
    ),
  },
  {description: 'Written by the operator.'},
);

export const leasePolicySchema = Type.Object(
  {metadata: objectMetaSchema, spec: leasePolicySpecSchema, status: Type.Optional(leasePolicyStatusSchema)},
  {
    description: 'Says which subjects have a Lease with which name, and what happens to the others.',
    ...rules({
      rule: 'self.metadata.name.size() <= 63',
      message: 'the name of a LeasePolicy is written into labels: use at most 63 characters',
    }),
  },
);

export type LeasePolicySpec = Static<typeof leasePolicySpecSchema>;
export type NamingSpec = Static<typeof namingSchema>;
/** The spec of a policy of workloads. */
export type WorkloadPolicySpec = LeasePolicySpec & {
  subjects: {workloads: WorkloadSubjects};
  naming: NamingSpec;
};
export type LeasePolicyStatus = Static<typeof leasePolicyStatusSchema>;
export type LeasePolicy = Static<typeof leasePolicySchema>;
export type Condition = Static<typeof condition>;
export type StatusFinding = Static<typeof finding>;
export type {KindRef, LabelSelector} from './subjects.ts';
export type HashSpec = Static<typeof hash>;

/** Names and printed columns of the resource. */
export const leasePolicyResource = {
  group: GROUP,
  version: VERSION,
  kind: 'LeasePolicy',
  plural: 'leasepolicies',
  singular: 'leasepolicy',
  shortNames: ['lp'],
  scope: 'Cluster',
  columns: [
    {name: 'Subjects-Kind', type: 'string', jsonPath: '.status.subjectsKind'},
    {name: 'Prefix', type: 'string', jsonPath: '.spec.naming.prefix'},
    {name: 'Names', type: 'string', jsonPath: '.spec.enforcement.names'},
    {name: 'Subjects', type: 'integer', jsonPath: '.status.subjects'},
    {name: 'Leases', type: 'integer', jsonPath: '.status.leases.total'},
    {name: 'Violations', type: 'integer', jsonPath: '.status.violations'},
    {name: 'Orphans', type: 'integer', jsonPath: '.status.leases.orphaned'},
    {name: 'Ready', type: 'string', jsonPath: '.status.conditions[?(@.type=="Ready")].status'},
    {
      name: 'Accepted',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Accepted")].reason',
      priority: 1,
    },
    {name: 'Holders', type: 'string', jsonPath: '.spec.enforcement.holders', priority: 1},
    {
      name: 'Enforced',
      type: 'string',
      jsonPath: '.status.conditions[?(@.type=="Enforced")].status',
      priority: 1,
    },
    {name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp'},
  ],
  schema: leasePolicySchema,
} as const;
