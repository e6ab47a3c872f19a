/** What a control plane can be asked to be. */
import type {Report} from './process.ts';

export type Component =
  | 'etcd'
  | 'kube-apiserver'
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'kwok-controller';

export interface ClusterOptions {
  /** Lower-case letters, digits and hyphens. */
  readonly name: string;
  /** Everything of the cluster is below `<directory>/<name>`. */
  readonly directory: string;
  /** `api` is etcd and the API server alone: nothing makes default service accounts or collects garbage. */
  readonly components: 'api' | 'all';
  /** How many simulated nodes to make and wait for; only with `all`. */
  readonly nodes?: number;
  /** leaseDurationSeconds of the heartbeats of simulated nodes, which are renewed four times in it; by default 200. */
  readonly nodeLeaseSeconds?: number;
  /** For all components, as in `{CoordinatedLeaderElection: true}`. */
  readonly featureGates?: Readonly<Record<string, boolean>>;
  /** API versions to serve or not, as in `{'coordination.k8s.io/v1beta1': true}`. */
  readonly runtimeConfig?: Readonly<Record<string, boolean>>;
  /** Leader election by the API server's choice: LeaseCandidates are served, and what assigns Leases runs. */
  readonly coordinated?: boolean;
  /** Further flags of the API server, as in `{'emulated-version': '1.35'}`. */
  readonly apiServerFlags?: Readonly<Record<string, string>>;
  /** `true` logs the metadata of every write; a string is the path of an audit policy. */
  readonly auditPolicy?: boolean | string;
  /** Otherwise the next start of any cluster ends this one once our process is gone. */
  readonly outlivesProcess?: boolean;
  readonly report?: Report;
  /** Ends an unfinished start, which then leaves nothing behind. */
  readonly signal?: AbortSignal | undefined;
}
