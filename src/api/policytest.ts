/** The PolicyTest of the command line: what policies are expected to say of resources. It is a file, and in no cluster. */
import Type, {type Static} from 'typebox';
import {choice} from './schema.ts';

export const TEST_VERSION = 'cli.leasepolicy.dev/v1alpha1';
export const TEST_KIND = 'PolicyTest';

const text = (description: string) => Type.String({description, minLength: 1});
const texts = (description: string) => Type.Array(Type.String({minLength: 1}), {description});

/** The path of a file that holds one Lease, or the Lease itself; its own schema is below. */
const lease = (description: string) => Type.Unsafe<unknown>({description});

const nameExpectation = Type.Object({
  workload: text('Kind and name, such as deployment/api.'),
  namespace: text('Its namespace.'),
  policy: Type.Optional(text('The policy that gives the name; by default all of the test together.')),
  lease: Type.Unsafe<string | null>({
    type: 'string',
    nullable: true,
    minLength: 1,
    description:
      'The name of its Lease, or namespace/name where that is in another namespace; null for none at all.',
  }),
});

const findingExpectation = Type.Object({
  about: text('Kind and name of what it is about, such as lease/leader or deployment/api.'),
  namespace: Type.Optional(text('Its namespace, if it has one.')),
  policy: Type.Optional(text('The policy that tells it; by default all of the test together.')),
  reasons: texts('All reasons that there are, in any order; an empty list for none.'),
});

const admissionExpectation = Type.Object({
  create: Type.Optional(lease('The Lease that is created: itself, or the path of its file.')),
  update: Type.Optional(
    Type.Object({
      from: lease('The Lease as it is: itself, or the path of its file.'),
      to: lease('The Lease as it is to be.'),
    }),
  ),
  user: text('Who asks, such as system:serviceaccount:shop:api.'),
  groups: Type.Optional(texts('Groups beside those that a service account has anyway.')),
  pod: Type.Optional(text('The Pod to which the token is bound.')),
  fieldManager: Type.Optional(text('As whom the client writes.')),
  verdict: choice(['Allow', 'Warn', 'Deny'], {
    description: 'What the API server does; what is only audited is allowed.',
  }),
  message: Type.Optional(text('What must be in a message of that verdict.')),
  policy: Type.Optional(text('The policy whose verdict it is; by default all of the test together.')),
});

export const policyTestSchema = Type.Object({
  apiVersion: text(TEST_VERSION),
  kind: text(TEST_KIND),
  metadata: Type.Object({name: text('How the test is called.')}),
  policies: Type.Optional(
    texts('Paths of files and folders that hold the policies, from the folder of the test.'),
  ),
  resources: Type.Optional(texts('Paths of files and folders that hold what is in the cluster.')),
  at: Type.Optional(text('The moment that is taken for now, such as 2026-03-01T12:00:00Z.')),
  names: Type.Optional(Type.Array(nameExpectation)),
  findings: Type.Optional(Type.Array(findingExpectation)),
  admission: Type.Optional(Type.Array(admissionExpectation)),
});

const INT32_MOST = 2 ** 31 - 1;

/** A Lease as the API server takes it. */
export const leaseManifestSchema = Type.Object({
  apiVersion: choice(['coordination.k8s.io/v1']),
  kind: choice(['Lease']),
  metadata: Type.Object({
    name: text('Its name.'),
    namespace: text('Its namespace.'),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
    annotations: Type.Optional(Type.Record(Type.String(), Type.String())),
    ownerReferences: Type.Optional(
      Type.Array(
        Type.Object({
          apiVersion: text('Of the owner.'),
          kind: text('Of the owner.'),
          name: text('Of the owner.'),
          uid: text('Of the owner.'),
          controller: Type.Optional(Type.Boolean()),
          blockOwnerDeletion: Type.Optional(Type.Boolean()),
        }),
      ),
    ),
    finalizers: Type.Optional(texts('Who has to agree to its deletion.')),
    uid: Type.Optional(Type.String()),
    resourceVersion: Type.Optional(Type.String()),
    creationTimestamp: Type.Optional(Type.String()),
  }),
  spec: Type.Optional(
    Type.Object({
      holderIdentity: Type.Optional(Type.String()),
      leaseDurationSeconds: Type.Optional(Type.Integer({minimum: 1, maximum: INT32_MOST})),
      acquireTime: Type.Optional(Type.String()),
      renewTime: Type.Optional(Type.String()),
      leaseTransitions: Type.Optional(Type.Integer({minimum: 0, maximum: INT32_MOST})),
      strategy: Type.Optional(Type.String()),
      preferredHolder: Type.Optional(Type.String()),
    }),
  ),
});

export type PolicyTest = Static<typeof policyTestSchema>;
export type NameExpectation = Static<typeof nameExpectation>;
export type FindingExpectation = Static<typeof findingExpectation>;
export type AdmissionExpectation = Static<typeof admissionExpectation>;
