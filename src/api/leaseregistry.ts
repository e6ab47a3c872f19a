/** The LeaseRegistry resource: which Lease names exist in a namespace and whose they are. */
import Type, {type Static} from 'typebox';
import {GROUP, VERSION} from './objects.ts';
import {objectMetaSchema, rules} from './schema.ts';

const nameEntry = Type.Object({
  policy: Type.String({description: 'The policy that gives the name.'}),
  subject: Type.String({
    description: 'Kind/name of the workload, or Kind/namespace/name when it lives in another namespace.',
  }),
  serviceAccount: Type.String({description: 'The service account of its Pods.'}),
});

const retiredEntry = Type.Object({
  transitions: Type.Integer({description: 'leaseTransitions of the Lease when it was deleted.'}),
});

export const leaseRegistrySpecSchema = Type.Object(
  {
    names: Type.Record(Type.String(), nameEntry, {
      description: 'The names that are allowed here: of each Lease its policy and its subject.',
      default: {},
    }),
    subjects: Type.Record(Type.String(), Type.Record(Type.String(), Type.String()), {
      description:
        'Subject to its Lease name, by policy; namespace/name when the Lease is in another namespace. Empty for a workload that no policy selects, where Pods wait for the names of the others.',
      default: {},
    }),
    exempt: Type.Array(Type.String(), {description: 'Names of Leases that are exempt here.', default: []}),
    exemptUntil: Type.Record(Type.String(), Type.String(), {
      description: 'When an exemption ends by itself, for those that do.',
      default: {},
    }),
    allowed: Type.String({
      description: 'The first few names that are allowed here and how many more there are, for messages.',
      default: '',
    }),
    retired: Type.Record(Type.String(), retiredEntry, {
      description: 'Fencing counters of deleted names that may come back.',
      default: {},
    }),
  },
  {description: 'Written by the operator alone.'},
);

export const leaseRegistrySchema = Type.Object(
  {metadata: objectMetaSchema, spec: leaseRegistrySpecSchema},
  {
    description: 'The Lease names of one namespace and whose they are; always named leases.',
    ...rules({rule: "self.metadata.name == 'leases'", message: 'a LeaseRegistry is always named leases'}),
  },
);

export type LeaseRegistrySpec = Static<typeof leaseRegistrySpecSchema>;
export type RegisteredName = Static<typeof nameEntry>;

export const leaseRegistryResource = {
  group: GROUP,
  version: VERSION,
  kind: 'LeaseRegistry',
  plural: 'leaseregistries',
  singular: 'leaseregistry',
  shortNames: ['lreg'],
  scope: 'Namespaced',
  columns: [{name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp'}],
  schema: leaseRegistrySchema,
} as const;
