/** The parts of a LeasePolicy that the API server enforces: names, durations, holders, access and injection. */
import Type, {type Static} from 'typebox';
import {choice, rules} from './schema.ts';

/** What becomes of a request that breaks a rule. */
const ACTIONS = ['Audit', 'Warn', 'Deny'] as const;

const exemption = Type.Object({
  namespace: Type.String({
    description: 'A namespace, or "*" for all.',
    minLength: 1,
    maxLength: 63,
    ...rules({
      rule: "self == '*' || self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
      message: 'namespace of an exemption is the name of one namespace, or "*" for all',
    }),
  }),
  name: Type.String({
    description: 'The exact name of the Lease.',
    minLength: 1,
    maxLength: 253,
    ...rules({
      rule: "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
      message: 'name of an exemption is the exact name of a Lease: there are no wildcards',
    }),
  }),
  reason: Type.String({
    description: 'Why it is exempt, for those who read this later.',
    minLength: 1,
    maxLength: 512,
  }),
  until: Type.Optional(
    Type.String({
      format: 'date-time',
      description:
        'The exemption ends at this moment by itself, as 2027-06-30T00:00:00Z; a week before it is the finding ExemptionEnding.',
    }),
  ),
});

const durationSeconds = Type.Object(
  {
    min: Type.Integer({
      description: 'The shortest duration, in seconds.',
      minimum: 1,
      maximum: 2_147_483_647,
      default: 1,
    }),
    max: Type.Integer({
      description: 'The longest duration, in seconds.',
      minimum: 1,
      maximum: 2_147_483_647,
      default: 3600,
    }),
    action: Type.Optional(
      choice(ACTIONS, {
        description: 'What happens to a write outside of the bounds; left out: the same as to names.',
      }),
    ),
  },
  {
    description:
      'Bounds of spec.leaseDurationSeconds of the Leases of this policy. A Lease outside of them is a finding, except as a candidate releases it (no holder, 1 second). A holder that renews with the duration that it has is let through.',
    default: {},
    ...rules({
      rule: 'self.min <= self.max',
      message: 'durationSeconds.min is above max: write a min that is at most max',
    }),
  },
);

const FAILURE = ['Fail', 'Ignore'] as const;
const failure = (preset: 'Fail' | 'Ignore', description: string) =>
  choice(FAILURE, {description, default: preset});

export const enforcement = Type.Object(
  {
    names: choice(ACTIONS, {
      description:
        'What happens when a Lease is created that no policy allows. Audit: an annotation in the audit log; Warn: also a warning to the client; Deny: it is refused. Such a Lease is also a finding of every policy that governs its namespace.',
      default: 'Audit',
    }),
    holders: choice(['Off', ...ACTIONS], {
      description:
        'What happens when a Lease of this policy is written by somebody else than its workload. Off needs quotes in YAML.',
      default: 'Off',
    }),
    durationSeconds,
    failurePolicy: Type.Object(
      {
        names: failure('Fail', 'Of a new Lease.'),
        durationSeconds: failure('Ignore', 'Of a write with another duration.'),
        holders: failure('Ignore', 'Of a write by somebody else.'),
      },
      {
        description:
          'What the API server does under Deny when it can not evaluate a rule: Fail refuses the write, Ignore lets it through. Audit and Warn ignore it.',
        default: {},
      },
    ),
    exempt: Type.Array(exemption, {
      description: 'Leases that no rule of names applies to.',
      default: [],
      maxItems: 256,
    }),
  },
  {description: 'What the API server checks, and what is a finding.', default: {}},
);

export const access = Type.Object(
  {
    grant: choice(['None', 'ServiceAccount'], {
      description:
        'ServiceAccount: the service account of the workload may get, watch, update and patch its one Lease, by a Role and a RoleBinding. None: it has the rights that it has.',
      default: 'None',
    }),
  },
  {description: 'What the workload may do with its Lease.', default: {}},
);

const variable = (preset: string, description: string) =>
  Type.String({
    description,
    maxLength: 253,
    default: preset,
    ...rules({
      rule: "self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",
      message:
        'the name of a variable has letters, digits and "_", and no digit in front, such as LEASE_NAME',
    }),
  });

export const injection = Type.Object(
  {
    mode: choice(['None', 'Env'], {
      description:
        'Env: every container of the Pods of the workload is told its Lease in environment variables. None: it is not told.',
      default: 'None',
    }),
    nameEnv: variable('LEASE_NAME', 'The variable with the name of the Lease.'),
    namespaceEnv: variable('LEASE_NAMESPACE', 'The variable with the namespace of the Lease.'),
    failurePolicy: choice(FAILURE, {
      description:
        'Fail: a Pod is refused until its variables are known, and its controller tries again. Ignore: it starts without them.',
      default: 'Fail',
    }),
  },
  {
    description: 'How the workload learns the name of its Lease.',
    default: {},
    ...rules({
      rule: 'self.nameEnv != self.namespaceEnv',
      message: 'nameEnv and namespaceEnv are one variable: choose two',
    }),
  },
);

export type EnforcementAction = (typeof ACTIONS)[number];
export type FailurePolicy = (typeof FAILURE)[number];
export type Enforcement = Static<typeof enforcement>;
export type Injection = Static<typeof injection>;
