/** Whose Leases a policy speaks of: workloads, nodes, API servers or components of the cluster. */
import Type, {type Static} from 'typebox';
import {DNS_LABEL, rules} from './schema.ts';

const labelSelector = (description: string) =>
  Type.Object(
    {
      matchLabels: Type.Optional(
        Type.Record(Type.String(), Type.String(), {
          description: 'Labels that it has, with these values.',
          maxProperties: 64,
        }),
      ),
      matchExpressions: Type.Optional(
        Type.Array(
          Type.Object({
            key: Type.String({description: 'The label.', minLength: 1, maxLength: 317}),
            operator: Type.String({
              description: 'What holds for the label.',
              enum: ['In', 'NotIn', 'Exists', 'DoesNotExist'],
            }),
            values: Type.Optional(
              Type.Array(Type.String({maxLength: 63}), {
                description: 'The values of In and NotIn.',
                maxItems: 100,
              }),
            ),
          }),
          {description: 'What else holds for its labels: all of these.', maxItems: 64},
        ),
      ),
    },
    {description, default: {}},
  );

const kindRef = Type.Object(
  {
    apiVersion: Type.String({
      description: 'Group and version of the kind, such as apps/v1.',
      minLength: 1,
      maxLength: 253,
      default: 'apps/v1',
      ...rules({
        rule: "self.matches('^([a-z0-9][-a-z0-9.]*/)?[a-z0-9]+$')",
        message: 'apiVersion is group and version as in a manifest: write apps/v1, or v1 for the core',
      }),
    }),
    kind: Type.String({
      description: 'The kind, such as Deployment.',
      maxLength: 63,
      ...rules({
        rule: "self.matches('^[A-Z][A-Za-z0-9]*$')",
        message: 'kind is the kind as in a manifest: write Deployment, not deployments',
      }),
    }),
  },
  rules({
    rule: "self.kind != 'Secret' || self.apiVersion != 'v1'",
    message: 'a Secret is no workload, and the operator reads none: name the kind that runs the Pods',
  }),
);

const workloads = Type.Object(
  {
    kinds: Type.Array(kindRef, {
      description:
        'Kinds whose objects are subjects; each kind once. Deployment, StatefulSet and DaemonSet work as installed; for any other kind grant the operator get, list and watch. Not a Secret: the operator reads none.',
      default: [{apiVersion: 'apps/v1', kind: 'Deployment'}],
      minItems: 1,
      maxItems: 16,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['kind'],
    }),
    namespaceSelector: labelSelector(
      'Labels of the namespaces; empty selects all but kube-system, kube-public and kube-node-lease.',
    ),
    selector: labelSelector('Labels of the workloads; empty selects all.'),
  },
  {
    description:
      'Workloads, each of which has one Lease. A workload is in the policy by these selectors alone.',
  },
);

const nodes = Type.Object(
  {
    selector: labelSelector(
      'Labels of the nodes; empty selects all. What is left of a node that is gone is judged by policies that select all, as nobody knows its labels.',
    ),
  },
  {description: 'Nodes, each of which renews the Lease of its name in kube-node-lease as its heartbeat.'},
);

const apiServers = Type.Object(
  {},
  {description: 'API servers, each of which renews a Lease in kube-system as its identity.'},
);

const component = Type.Object({
  namespace: Type.String({
    description: 'Namespace of the Lease.',
    maxLength: 63,
    ...rules({
      rule: `self.matches('${DNS_LABEL}')`,
      message: 'namespace of a component is the name of one namespace, such as kube-system',
    }),
  }),
  name: Type.String({
    description: 'The exact name of the Lease, or of a set of buckets without .NN-of-MM.',
    maxLength: 253,
    ...rules({
      rule: "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
      message:
        'name of a component is the exact name of its Lease, such as kube-scheduler: there are no wildcards',
    }),
  }),
});

const components = Type.Array(component, {
  description: 'Leases of components that always have a leader, such as kube-scheduler.',
  minItems: 1,
  maxItems: 64,
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['namespace', 'name'],
});

export const subjects = Type.Object(
  {
    workloads: Type.Optional(workloads),
    nodes: Type.Optional(nodes),
    apiServers: Type.Optional(apiServers),
    components: Type.Optional(components),
  },
  {
    description: 'Who has a Lease: exactly one of these keys.',
    ...rules({
      rule: '[has(self.workloads), has(self.nodes), has(self.apiServers), has(self.components)].filter(given, given).size() == 1',
      message:
        'subjects has exactly one of workloads, nodes, apiServers and components: write a policy for each',
    }),
  },
);

export type LabelSelector = Static<ReturnType<typeof labelSelector>>;
export type KindRef = Static<typeof kindRef>;
export type Subjects = Static<typeof subjects>;
export type WorkloadSubjects = Static<typeof workloads>;
