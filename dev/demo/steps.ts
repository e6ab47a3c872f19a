/** The story of the demo, in its order. */
import {denied, injected} from './enforcement.ts';
import {deletion, failover, rename} from './lifetimes.ts';
import {deployments, misnamed, pods} from './names.ts';
import {cluster, operators, rules} from './opening.ts';
import type {Stage} from './stage.ts';

export type Step = {
  readonly title: string;
  /** Returns what was observed; throws when it was something else. */
  readonly run: (stage: Stage) => Promise<string>;
};

export const STEPS: readonly Step[] = [
  {title: 'A cluster', run: cluster},
  {title: 'The CRDs and a policy are applied', run: rules},
  {title: 'Two operator processes start, and one of them leads', run: operators},
  {title: 'Two Deployments of one product get Leases with different names', run: deployments},
  {title: 'The Pods run, and both Deployments have a leader at the same time', run: pods},
  {title: 'A Lease whose name no policy allows is a finding', run: misnamed},
  {title: 'The policy says Deny: now the API server refuses that name', run: denied},
  {title: 'The Pods of a new Deployment are told the name of their Lease', run: injected},
  {title: 'The prefix changes while the old Lease is held: the new Lease opens only after it', run: rename},
  {title: 'A Deployment is deleted while its Lease is held: the Lease stays, and goes later', run: deletion},
  {title: 'The leading operator is killed, and the other one goes on', run: failover},
];
