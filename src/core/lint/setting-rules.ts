/** Rules of how a program is told to elect a leader, and of those that elect none. */
import {type Bundle, isServed, replicasOf} from './bundle.ts';
import {goDuration} from './duration.ts';
import {type Election, electionOf, isBoolean, type Setting} from './elections.ts';
import {rightsOf} from './grants.ts';
import {allows, isWrite, maybeSame} from './rights.ts';
import type {LintRule, Remark} from './rule.ts';
import type {LintWorkload} from './workloads.ts';

const deployment = (args: string, replicas = 2) => `apiVersion: apps/v1
kind: Deployment
metadata: {name: mailer, namespace: shop}
spec:
  replicas: ${replicas}
  template:
    spec:
      serviceAccountName: mailer
      containers: [{name: mailer, image: mailer, args: [${args}]}]`;

const GOOD = deployment('--leader-elect, --leader-election-id=mailer');

function* electionsOf({workloads}: Bundle): Generator<Election> {
  for (const workload of workloads)
    for (const container of workload.containers) yield electionOf(workload, container);
}

const remark = ({workload: {object}}: Election, {path}: Setting, message: string): Remark => ({
  object,
  path,
  message,
});

const switchedOff: LintRule = {
  id: 'LP301',
  severity: 'error',
  title: 'Several replicas, and the election of a leader is switched off',
  why: 'Each replica does the work of a leader: objects are written twice, and mails are sent twice. Switch the election on, or run one replica with the strategy Recreate.',
  bad: deployment('--leader-elect=false'),
  good: GOOD,
  *find(bundle) {
    for (const election of electionsOf(bundle)) {
      const {workload, isOn, switch: setting} = election;
      const replicas = replicasOf(bundle, workload);
      if (workload.kind !== 'Deployment' || replicas < 2 || isOn !== false || !setting) continue;
      const message = `${setting.from} switches the election off, and ${replicas} replicas all do the work of the leader`;
      yield remark(election, setting, message);
    }
  },
};

/** What the project generator of controller-runtime gives every manager; its election is off by default. */
const OF_MANAGERS = /^--?(health-probe-bind-address|metrics-bind-address)(=|$)/;
/** What may say elsewhere how the leader is elected, or that this is no controller of the cluster it runs in. */
const ELSEWHERE = /^--?(config|config-file|kubeconfig|master)(=|$)/;

const notSwitchedOn: LintRule = {
  id: 'LP302',
  severity: 'warning',
  title: 'Several replicas of a manager, and no flag switches the election of a leader on',
  why: 'Programs from the project generator of controller-runtime elect a leader only with --leader-elect. Advisory: one that elects always, or by another flag, looks the same; ignore the rule there and say so in the reason.',
  bad: deployment('"--metrics-bind-address=:8443"'),
  good: GOOD,
  *find(bundle) {
    for (const {workload, container, settings} of electionsOf(bundle)) {
      const replicas = replicasOf(bundle, workload);
      const flags = container.words.filter(({text}) => OF_MANAGERS.test(text));
      const [flag] = flags;
      const isElsewhere = container.hasMoreEnv || container.words.some(({text}) => ELSEWHERE.test(text));
      if (workload.kind !== 'Deployment' || replicas < 2 || settings.length > 0 || !flag || isElsewhere)
        continue;
      const message = `${replicas} replicas of what looks like a manager of controller-runtime, without --leader-elect`;
      yield {object: workload.object, path: flag.path, message};
    }
  },
};

const mayElect = (bundle: Bundle, workload: LintWorkload) => {
  const {areKnown, rights, isOfController} = rightsOf(bundle, workload);
  return !areKnown || !isOfController || rights.some(isWrite);
};

const noRightToElect: LintRule = {
  id: 'LP303',
  severity: 'info',
  title: 'Several replicas of a controller that may write no Lease',
  why: 'Its service account may watch and change objects, as controllers do, and write no Lease, so its replicas elect no leader by one. Advisory: a server whose replicas all answer, or a controller that shares its work otherwise, is right as it is; one with a Service that others call is not told of.',
  bad: `${deployment('--workers=2')}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: mailer, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: mailer, namespace: shop}
rules: [{apiGroups: [""], resources: [pods], verbs: [list, watch, update]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: mailer, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: mailer}
subjects: [{kind: ServiceAccount, name: mailer, namespace: shop}]`,
  good: GOOD,
  *find(bundle) {
    for (const workload of bundle.workloads) {
      const replicas = replicasOf(bundle, workload);
      const isSet = workload.containers.some(each => electionOf(workload, each).settings.length > 0);
      if (workload.kind !== 'Deployment' || replicas < 2 || isSet || isServed(bundle, workload)) continue;
      if (mayElect(bundle, workload)) continue;
      const message = `${replicas} replicas of a controller by its rights, and ${workload.serviceAccount} may write no Lease to elect a leader`;
      yield {object: workload.object, path: ['spec', 'replicas'], message};
    }
  },
};

/** Why a program would not take the value, or takes another one than is meant. */
function misread({role, isFlag, value, stray}: Setting): string | undefined {
  if (stray !== undefined)
    return `a switch takes its value behind "=", so "${stray}" is not read: write =${stray}`;
  if (!isFlag || value === undefined) return undefined;
  if (role === 'enabled' || role === 'disabled')
    return isBoolean(value) ? undefined : `"${value}" is neither true nor false`;
  return undefined;
}

const DURATIONS = ['leaseDuration', 'renewDeadline', 'retryPeriod'] as const;

function misreadDurations({durations}: Election): [Setting, string][] {
  return DURATIONS.flatMap((role): [Setting, string][] => {
    const given = durations[role];
    const value = given?.setting.value;
    if (!given || value === undefined || !given.setting.isFlag || given.ms !== undefined) return [];
    if (goDuration(value) !== undefined) return [];
    const next = /^\d+$/.test(value) ? `write ${value}s` : 'write one such as 15s';
    return [[given.setting, `"${value}" is no duration: ${next}`]];
  });
}

const notUnderstood: LintRule = {
  id: 'LP304',
  severity: 'error',
  title: 'The value of an election flag is not read as it is meant',
  why: 'A duration needs its unit, a switch is true or false, and its value stands behind "=": a program ends at once, or, with --leader-elect false, elects a leader all the same, because the word behind it belongs to nothing.',
  bad: deployment('--leader-elect, --leader-elect-lease-duration=30'),
  good: deployment('--leader-elect, --leader-elect-lease-duration=30s'),
  *find(bundle) {
    for (const election of electionsOf(bundle)) {
      for (const setting of election.settings) {
        const why = misread(setting);
        if (why !== undefined) yield remark(election, setting, `${setting.from}: ${why}`);
      }
      for (const [setting, why] of misreadDurations(election))
        yield remark(election, setting, `${setting.from}: ${why}`);
    }
  },
};

const otherLock: LintRule = {
  id: 'LP305',
  severity: 'warning',
  title: 'The lock is no Lease',
  why: 'client-go has dropped locks of the kinds Endpoints and ConfigMap, and those of two kinds at once: a present program does not start with them, and an old one writes an object that every watcher of Endpoints reads every two seconds. Write leases, or leave the flag out.',
  bad: deployment('--leader-elect, --leader-elect-resource-lock=endpoints'),
  good: GOOD,
  *find(bundle) {
    for (const election of electionsOf(bundle)) {
      const lock = election.settings.find(({role}) => role === 'lock');
      if (lock?.value === undefined || lock.value === '' || lock.value === 'leases') continue;
      yield remark(election, lock, `${lock.from}: ${lock.value} is no lock any more: write leases`);
    }
  },
};

/** What a candidate needs of its own Lease, once that is there. */
function missingVerbs(bundle: Bundle, {workload, name, namespace}: Election): string[] {
  const {areKnown, rights} = rightsOf(bundle, workload);
  if (!areKnown || name?.value === undefined || namespace === undefined) return [];
  const own = rights.filter(
    each =>
      (each.namespace === undefined || maybeSame(each.namespace, namespace)) &&
      (!each.names || each.names.includes(name.value ?? '')),
  );
  const lacks = (...verbs: string[]) => !own.some(each => verbs.some(verb => allows(each, verb)));
  return [...(lacks('get') ? ['get'] : []), ...(lacks('update', 'patch') ? ['update'] : [])];
}

const mayNotWrite: LintRule = {
  id: 'LP306',
  severity: 'warning',
  title: 'A candidate may not write the Lease by which it elects',
  why: 'By the roles of the input its service account lacks the right to read or update the Lease of this name in this namespace, so it never leads and says so only in its log. Grant get and update of that name, and see that the names agree. Looked at only where the account, its bindings and their roles are all in the input.',
  bad: `${deployment('--leader-elect, --leader-election-id=mailer')}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: mailer, namespace: shop}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: mailer, namespace: shop}
rules:
  - {apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [mail], verbs: [get, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: mailer, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: mailer}
subjects: [{kind: ServiceAccount, name: mailer, namespace: shop}]`,
  good: GOOD,
  *find(bundle) {
    for (const election of electionsOf(bundle)) {
      const {name, isOn, workload, settings} = election;
      const otherLocks = settings.some(({role, value}) => role === 'lock' && value !== 'leases');
      if (!name || isOn === false || otherLocks) continue;
      const missing = missingVerbs(bundle, election);
      if (missing.length === 0) continue;
      const message = `${workload.serviceAccount} may not ${missing.join(' and ')} Lease ${name.value}, by which it elects: grant it`;
      yield remark(election, name, message);
    }
  },
};

export const SETTING_RULES: readonly LintRule[] = [
  switchedOff,
  notSwitchedOn,
  noRightToElect,
  notUnderstood,
  otherLock,
  mayNotWrite,
];
