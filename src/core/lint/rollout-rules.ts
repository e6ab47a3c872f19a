/** Rules of rollouts that never end, as a new Pod waits for the lead and the old one for the new. */
import {type Bundle, replicasOf} from './bundle.ts';
import {electionOf} from './elections.ts';
import type {LintRule} from './rule.ts';
import {at, count, text, texts} from './values.ts';
import type {LintContainer, LintWorkload, Strategy} from './workloads.ts';

const deployment = (path: string, strategy: string) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: mailer, namespace: shop}
spec:
  replicas: 2
  strategy: ${strategy}
  template:
    spec:
      containers:
        - name: mailer
          image: mailer
          args: [--leader-elect]
          readinessProbe: {httpGet: {path: ${path}, port: 8081}}`;

const NONE_LESS = '{rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}';

/** How many old Pods a rollout may end before new ones are ready; undefined where nobody can tell. */
function unavailable({maxUnavailable}: Strategy, replicas: number): number | undefined {
  const number = count(maxUnavailable);
  if (number !== undefined) return number;
  const percent = /^(\d+)%$/.exec(text(maxUnavailable) ?? '')?.[1];
  return percent === undefined ? undefined : Math.floor((replicas * Number(percent)) / 100);
}

/** Whether old Pods stay until new ones are ready. */
const waitsForNew = (bundle: Bundle, workload: LintWorkload) =>
  workload.kind === 'Deployment' &&
  workload.strategy.type === 'RollingUpdate' &&
  unavailable(workload.strategy, replicasOf(bundle, workload)) === 0;

/** What the probe asks, as a text. */
const asked = ({readiness}: LintContainer): string =>
  text(at(readiness?.probe, 'httpGet', 'path')) ?? texts(at(readiness?.probe, 'exec', 'command')).join(' ');

/**
 * Whether a Pod answers only while it leads, by what is asked. The check leaderElection of the control plane's
 * components says whether a leader still renews, and is right for all others.
 */
const asksForLead = (question: string) =>
  /leader|leading|is-?master/i.test(question) && !/leaderElection/.test(question);

const waitsForLead: LintRule = {
  id: 'LP601',
  severity: 'warning',
  title: 'A Pod is ready only while it leads, and a rollout waits until new Pods are ready',
  why: 'The new Pod is ready when it leads, it leads when the old one gives up, and the old one is ended when the new one is ready: the rollout never ends. Let every replica be ready that could lead, and tell clients of the leader by a label or by the Lease. As the path of the probe alone says that it asks for the lead, this is a warning.',
  bad: deployment('/leader', NONE_LESS),
  good: deployment('/healthz', NONE_LESS),
  *find(bundle) {
    for (const workload of bundle.workloads.filter(each => waitsForNew(bundle, each))) {
      for (const container of workload.containers) {
        const question = asked(container);
        if (!container.readiness || !asksForLead(question)) continue;
        const message = `readiness asks "${question}", and no old Pod ends before a new one is ready: the rollout waits for ever`;
        yield {object: workload.object, path: container.readiness.path, message};
      }
    }
  },
};

const mayWaitForLead: LintRule = {
  id: 'LP602',
  severity: 'info',
  title: 'See that readiness does not wait for the lead',
  why: 'The workload elects a leader, its probe asks /readyz, and maxUnavailable is 0. If /readyz answers only while the Pod leads, as some programs have it, rollouts never end. Advisory: what a path answers can not be seen from a manifest; the managers of controller-runtime are right by default.',
  bad: deployment('/readyz', NONE_LESS),
  good: deployment('/readyz', '{rollingUpdate: {maxUnavailable: 1}}'),
  *find(bundle) {
    for (const workload of bundle.workloads.filter(each => waitsForNew(bundle, each))) {
      if (workload.strategy.isDefault) continue;
      for (const container of workload.containers) {
        const question = asked(container);
        const elects = electionOf(workload, container).isOn === true;
        if (!container.readiness || !elects || !/\/ready/.test(question) || asksForLead(question)) continue;
        const message = `maxUnavailable is 0: if ${question} answers only while the Pod leads, a rollout never ends`;
        yield {object: workload.object, path: container.readiness.path, message};
      }
    }
  },
};

export const ROLLOUT_RULES: readonly LintRule[] = [waitsForLead, mayWaitForLead];
