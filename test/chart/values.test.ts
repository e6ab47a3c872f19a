/** What each value does, what is refused, and that the schema, the comments and the operator say the same of them. */
import {readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {parse} from 'yaml';
import {valueRows} from '../../dev/chart/values-table.ts';
import {ownLeaseName, parseConfig, type Settings} from '../../src/config.ts';
import {compileCatalogue} from '../../src/core/lease/catalogue.ts';
import {ELECTION_WAYS} from '../../src/core/plan/election.ts';
import {checkTiming} from '../../src/runtime/elector.ts';
import {LOG_FORMATS, LOG_LEVELS} from '../../src/telemetry/levels.ts';
import {
  ALL_PARTS,
  CHART,
  helm,
  idOf,
  type Manifest,
  objectsIn,
  rendered,
  settingsOf,
  template,
} from '../support/helm.ts';

const read = (name: string) => readFileSync(path.join(CHART, name), 'utf8');
const VALUES = read('values.yaml');
const SCHEMA = JSON.parse(read('values.schema.json')) as Schema;

type Schema = {properties?: Record<string, Schema>; enum?: unknown[]; additionalProperties?: unknown};

/** Values that are flags of the operator, the part of its configuration that they are, and where they end. */
const FLAGS: [value: string, flag: string, of: (settings: Settings) => unknown, ends?: [number, number]][] = [
  ['leaderElection.way', '--leader-election', ({election}) => election],
  ['log.level', '--log-level', ({logLevel}) => logLevel],
  ['log.format', '--log-format', ({logFormat}) => logFormat],
  ['workers', '--workers', ({workers}) => workers, [1, 1000]],
  [
    'heartbeatPollSeconds',
    '--heartbeat-poll-seconds',
    ({heartbeatPollSeconds}) => heartbeatPollSeconds,
    [1, 39],
  ],
];
const settings = (...argv: string[]) => parseConfig(argv) as Settings;
const commentOf = (value: string) => valueRows(VALUES).find(row => row.path === value)?.preset ?? '';

for (const [value, flag, of, ends] of FLAGS) {
  test(`${value} is left to the operator, whose default the comment tells`, t => {
    t.is(
      value.split('.').reduce((at, key) => at[key], parse(VALUES)),
      null,
    );
    t.is(`${of(settings())}`, commentOf(value));
  });

  if (ends)
    test(`${value} ends where ${flag} ends`, async t => {
      const variable = `LEASEPOLICY_${flag.slice(2).replaceAll('-', '_').toUpperCase()}`;
      for (const good of ends) {
        t.is(of(settings(flag, `${good}`)), good);
        t.is(settingsOf(await rendered({set: {[value]: good}}))[variable], `${good}`);
      }
      for (const bad of [ends[0] - 1, ends[1] + 1]) {
        t.throws(() => settings(flag, `${bad}`));
        t.regex((await template({set: {[value]: bad}})).stderr, new RegExp(`at '/${value}': `));
      }
    });
}

test('the operator takes every variable that the chart writes', async t => {
  const timing = {leaseDurationSeconds: 30, renewDeadlineSeconds: 20.5, retryPeriodSeconds: 4};
  const set = {
    leaderElection: {way: 'coordinated', timing},
    log: {level: 'debug', format: 'json'},
    workers: 8,
    heartbeatPollSeconds: 20,
    catalogue: [{namespace: 'shop', name: 'x', component: 'ours', class: 'data-lock'}],
  };
  const given = settingsOf(await rendered({release: 'lp', set}));
  const argv = Object.entries({...given, LEASEPOLICY_NAMESPACE: 'ops'}).flatMap(([variable, value = '']) => [
    variable.replace('LEASEPOLICY_', '--').replaceAll('_', '-').toLowerCase(),
    value,
  ]);
  t.like(settings(...argv), {
    namespace: 'ops',
    ownLeaseName: ownLeaseName('lp-leasepolicy'),
    installation: 'leasepolicy-operator',
    election: 'coordinated',
    timing,
    logLevel: 'debug',
    logFormat: 'json',
    workers: 8,
    heartbeatPollSeconds: 20,
    catalogueFile: '/etc/leasepolicy/catalogue.yaml',
  });
});

test('the catalogue is mounted where the operator looks for it, and is one that it takes', async t => {
  const entry = {namespace: 'shop', pattern: '^x-[0-9]+$', component: 'ours', class: 'shard', example: 'x-1'};
  const objects = await rendered({set: {catalogue: [entry]}});
  const map = objects.find(each => each.kind === 'ConfigMap');
  const {containers, volumes} = objects.find(each => each.kind === 'Deployment')?.spec.template.spec ?? {};
  const [mount] = containers[0].volumeMounts;
  t.is(volumes.find((each: {name: string}) => each.name === mount.name).configMap.name, map?.metadata.name);
  const [[file, text] = []] = Object.entries<string>(map?.data ?? {});
  t.is(settingsOf(objects).LEASEPOLICY_CATALOGUE, `${mount.mountPath}/${file}`);
  t.false(Array.isArray(compileCatalogue(parse(text ?? ''))), 'no list of problems');
});

test('the schema has the choices of the operator', t => {
  const choices = (...keys: string[]) =>
    keys.reduce((at: Schema | undefined, key) => at?.properties?.[key], SCHEMA)?.enum;
  t.deepEqual(choices('log', 'level'), [...LOG_LEVELS, null]);
  t.deepEqual(choices('log', 'format'), [...LOG_FORMATS, null]);
  t.deepEqual(choices('leaderElection', 'way'), [...ELECTION_WAYS, null]);
});

test('the durations of an election are refused as the operator would refuse them', async t => {
  const timings = [
    [15, 10, 2],
    [10, 10, 2],
    [15, 2.4, 2],
    [15, 2.5, 2],
    [86_400, 43_200, 3600],
    [2, 1.5, 0.5],
  ];
  for (const [leaseDurationSeconds = 0, renewDeadlineSeconds = 0, retryPeriodSeconds = 0] of timings) {
    const timing = {leaseDurationSeconds, renewDeadlineSeconds, retryPeriodSeconds};
    const {code, stderr, stdout} = await template({set: {'leaderElection.timing': timing}});
    if (isAllowed(timing)) {
      t.is(code, 0, stderr);
      const given = settingsOf(objectsIn(stdout));
      t.is(given.LEASEPOLICY_LEASE_DURATION_SECONDS, `${leaseDurationSeconds}`);
      t.is(given.LEASEPOLICY_RENEW_DEADLINE_SECONDS, `${renewDeadlineSeconds}`);
      t.is(given.LEASEPOLICY_RETRY_PERIOD_SECONDS, `${retryPeriodSeconds}`);
    } else t.regex(stderr, /leaderElection\.timing: \w+ \([\d.]+\) must be above/);
  }
});

function isAllowed(timing: Parameters<typeof checkTiming>[0]): boolean {
  try {
    checkTiming(timing);
    return true;
  } catch {
    return false;
  }
}

const REFUSED: [values: Record<string, unknown>, sentence: RegExp][] = [
  [{wrkers: 8}, /at '': additional properties 'wrkers' not allowed/],
  [{'image.registry': 'x'}, /at '\/image': additional properties 'registry' not allowed/],
  [{'podSecurity.privileged': true}, /at '\/podSecurity': additional properties 'privileged' not allowed/],
  [{securityContext: {}}, /additional properties 'securityContext' not allowed/],
  [{'podSecurity.runAsUser': 0}, /at '\/podSecurity\/runAsUser': minimum: got 0, want 1/],
  [{replicas: null}, /at '': missing property 'replicas'/],
  [{networkPolicy: null}, /at '': missing property 'networkPolicy'/],
  [{'leaderElection.timing': null}, /at '\/leaderElection': missing property 'timing'/],
  [{replicas: 'two'}, /at '\/replicas': got string, want integer/],
  [{'image.tag': 'a b'}, /at '\/image\/tag': 'a b' does not match pattern/],
  [{'image.digest': 'latest'}, /at '\/image\/digest': 'latest' does not match pattern/],
  [{'log.level': 'verbose'}, /at '\/log\/level': value must be one of 'error', 'warn', 'info', 'debug'/],
  [{'leaderElection.way': 'none'}, /value must be one of 'classic', 'coordinated'/],
  [
    {'leaderElection.timing': {leaseDurationSeconds: 30}},
    /properties 'renewDeadlineSeconds', 'retryPeriodSeconds' required, if 'leaseDurationSeconds' exists/,
  ],
  [
    {'rbac.kinds': [{apiGroup: '', resources: ['secrets']}]},
    /at '\/rbac\/kinds\/0\/resources\/0': 'not' failed/,
  ],
  [
    {'rbac.kinds': [{apiGroup: '*', resources: ['*']}]},
    /at '\/rbac\/kinds\/0\/resources\/0': '\*' does not match/,
  ],
  [{fullnameOverride: 'Locks'}, /at '\/fullnameOverride': 'Locks' does not match pattern/],
  [{'podDisruptionBudget.maxUnavailable': 0}, /at '\/podDisruptionBudget\/maxUnavailable': 'anyOf' failed/],
  [{'networkPolicy.metricsFrom': []}, /at '\/networkPolicy\/metricsFrom': minItems: got 0, want 1/],
];
for (const [values, sentence] of REFUSED) {
  test(`helm refuses ${JSON.stringify(values)}, and says where`, async t => {
    const {code, stderr} = await template({set: values});
    t.not(code, 0);
    t.regex(stderr, /values don't meet the specifications of the schema/);
    t.regex(stderr, sentence);
  });
}

test('a cluster before 1.30 is refused', async t => {
  const {code, stderr} = await helm(['template', 'leasepolicy', CHART, '--kube-version', '1.29.0']);
  t.not(code, 0);
  t.regex(stderr, /chart requires kubeVersion: >=1\.30\.0-0 which is incompatible with Kubernetes v1\.29\.0/);
});

test('the schema speaks of every value and of no other, and takes no unknown one at any depth', t => {
  const inSchema = paths(SCHEMA, '').filter(each => each !== 'global');
  const given = valueRows(VALUES).map(({path: each}) => each);
  for (const each of inSchema)
    if (!each.startsWith('leaderElection.timing.') && !/^affinity\./.test(each))
      t.true(
        given.some(row => row === each || row.startsWith(`${each}.`)),
        each,
      );
  for (const each of given)
    t.true(
      inSchema.includes(each) || OPEN.some(open => each.startsWith(`${open}.`)),
      `${each} is in the schema`,
    );
});

/** Groups whose keys are the user's. */
const OPEN = ['resources.requests', 'resources.limits', 'monitoring.dashboard.labels'];

/** The paths of all properties; those that have some of their own are closed. */
function paths({properties = {}}: Schema, above: string): string[] {
  return Object.entries(properties).flatMap(([key, schema]) => {
    if (schema.properties && schema.additionalProperties !== false) throw new Error(`${above}${key} is open`);
    return [`${above}${key}`, ...paths(schema, `${above}${key}.`)];
  });
}

const CONTAINER = 'Deployment/leasepolicy spec.template.spec.containers.0';
const POD = 'Deployment/leasepolicy spec.template';
const BINDINGS = ['', '-access', '-kinds'].map(each => `ClusterRoleBinding/leasepolicy-operator${each}`);

/** Values, and all that differs by them from what every part makes by default. */
const EFFECTS: [values: Record<string, unknown>, ...differences: string[]][] = [
  [{'image.repository': 'example.com/lp'}, `${CONTAINER}.image`],
  [{'image.tag': 'edge'}, `${CONTAINER}.image`],
  [{'image.digest': `sha256:${'0'.repeat(64)}`}, `${CONTAINER}.image`],
  [{'image.pullPolicy': 'Always'}, `${CONTAINER}.imagePullPolicy`],
  [{imagePullSecrets: [{name: 'registry'}]}, `${POD}.spec.imagePullSecrets`],
  [{replicas: 3}, 'Deployment/leasepolicy spec.replicas'],
  [{'resources.requests.cpu': '1'}, `${CONTAINER}.resources.requests.cpu`],
  [{'resources.requests.memory': '1Gi'}, `${CONTAINER}.resources.requests.memory`],
  [{'resources.limits.memory': '1Gi'}, `${CONTAINER}.resources.limits.memory`],
  [{'leaderElection.way': 'coordinated'}, `${CONTAINER}.env.3`],
  [
    {
      'leaderElection.timing': {
        leaseDurationSeconds: 30,
        renewDeadlineSeconds: 20,
        retryPeriodSeconds: 4,
      },
    },
    ...[3, 4, 5].map(each => `${CONTAINER}.env.${each}`),
  ],
  [{'log.level': 'debug'}, `${CONTAINER}.env.3`],
  [{'log.format': 'json'}, `${CONTAINER}.env.3`],
  [{workers: 8}, `${CONTAINER}.env.3`],
  [{heartbeatPollSeconds: 20}, `${CONTAINER}.env.3`],
  [
    {catalogue: [{namespace: 'shop', name: 'x', component: 'ours', class: 'data-lock'}]},
    '+ConfigMap/leasepolicy-catalogue',
    `${POD}.metadata.annotations.checksum/catalogue`,
    `${CONTAINER}.env.3`,
    `${CONTAINER}.volumeMounts`,
    `${POD}.spec.volumes`,
  ],
  [
    {'rbac.grantAccess': false},
    '-ClusterRole/leasepolicy-operator-access',
    '-ClusterRoleBinding/leasepolicy-operator-access',
  ],
  [{'rbac.kinds': [{apiGroup: 'argoproj.io', resources: ['rollouts']}]}, '+ClusterRole/leasepolicy-kinds'],
  [
    {'serviceAccount.name': 'locks'},
    '-ServiceAccount/leasepolicy',
    '+ServiceAccount/locks',
    `${POD}.spec.serviceAccountName`,
    ...[...BINDINGS, 'RoleBinding/leasepolicy-election'].map(each => `${each} subjects.0.name`),
  ],
  [{'serviceAccount.annotations': {role: 'arn'}}, 'ServiceAccount/leasepolicy metadata.annotations'],
  [
    {'crds.install': false},
    '-CustomResourceDefinition/leasepolicies.leasepolicy.dev',
    '-CustomResourceDefinition/leaseregistries.leasepolicy.dev',
  ],
  [{'podDisruptionBudget.enabled': false}, '-PodDisruptionBudget/leasepolicy'],
  [{'podDisruptionBudget.maxUnavailable': '50%'}, 'PodDisruptionBudget/leasepolicy spec.maxUnavailable'],
  [{'networkPolicy.enabled': false}, '-NetworkPolicy/leasepolicy'],
  [
    {'networkPolicy.metricsFrom': [{podSelector: {}}]},
    ...['namespaceSelector', 'podSelector'].map(
      each => `NetworkPolicy/leasepolicy spec.ingress.0.from.0.${each}`,
    ),
  ],
  [{'networkPolicy.apiServerPorts': [443, 8443]}, 'NetworkPolicy/leasepolicy spec.egress.0.ports.1.port'],
  [{'flowControl.enabled': false}, '-FlowSchema/leasepolicy-leases'],
  [
    {'flowControl.subjects': [{kind: 'Group', group: {name: 'x'}}]},
    'FlowSchema/leasepolicy-leases spec.rules.0.subjects.0.group.name',
  ],
  [
    {'monitoring.serviceMonitor.enabled': false},
    '-Service/leasepolicy-metrics',
    '-ServiceMonitor/leasepolicy',
  ],
  [
    {'monitoring.serviceMonitor.labels': {release: 'x'}},
    'ServiceMonitor/leasepolicy metadata.labels.release',
  ],
  [{'monitoring.serviceMonitor.interval': '1m'}, 'ServiceMonitor/leasepolicy spec.endpoints.0.interval'],
  [
    {'monitoring.serviceMonitor.scrapeTimeout': '5s'},
    'ServiceMonitor/leasepolicy spec.endpoints.0.scrapeTimeout',
  ],
  [{'monitoring.prometheusRule.enabled': false}, '-PrometheusRule/leasepolicy'],
  [
    {'monitoring.prometheusRule.labels': {release: 'x'}},
    'PrometheusRule/leasepolicy metadata.labels.release',
  ],
  [{'monitoring.dashboard.enabled': false}, '-ConfigMap/leasepolicy-dashboard'],
  [
    {'monitoring.dashboard.labels.grafana_dashboard': 'yes'},
    'ConfigMap/leasepolicy-dashboard metadata.labels.grafana_dashboard',
  ],
  [
    {'monitoring.dashboard.annotations': {folder: 'ops'}},
    'ConfigMap/leasepolicy-dashboard metadata.annotations',
  ],
  [
    {'systemPolicies.enabled': false},
    ...['api-servers', 'control-plane', 'nodes'].map(each => `-LeasePolicy/${each}`),
  ],
  [
    {'systemPolicies.components': [{namespace: 'kube-system', name: 'kube-scheduler'}]},
    ...['0.name', '1'].map(each => `LeasePolicy/control-plane spec.subjects.components.${each}`),
  ],
  [{'podSecurity.runAsUser': null}, `${POD}.spec.securityContext.runAsUser`],
  [{'podSecurity.runAsGroup': 1000}, `${POD}.spec.securityContext.runAsGroup`],
  [{podAnnotations: {a: 'b'}}, `${POD}.metadata.annotations.a`],
  [{podLabels: {a: 'b'}}, `${POD}.metadata.labels.a`],
  [{nodeSelector: {a: 'b'}}, `${POD}.spec.nodeSelector`],
  [{tolerations: [{operator: 'Exists'}]}, `${POD}.spec.tolerations`],
  [
    {affinity: {nodeAffinity: {}}},
    ...['nodeAffinity', 'podAntiAffinity'].map(each => `${POD}.spec.affinity.${each}`),
  ],
  [
    {topologySpreadConstraints: [{maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule'}]},
    `${POD}.spec.topologySpreadConstraints`,
  ],
  [{priorityClassName: 'system-cluster-critical'}, `${POD}.spec.priorityClassName`],
];
for (const [values, ...expected] of EFFECTS) {
  test(`${JSON.stringify(values)} changes what it says, and nothing else`, async t => {
    const [before, after] = await Promise.all([
      rendered({set: ALL_PARTS}),
      rendered({set: {...ALL_PARTS, ...values}}),
    ]);
    t.deepEqual(differences(before, after).toSorted(), expected.toSorted());
  });
}

test('labels for everything are on every object and every Pod, and Pods are found without them', async t => {
  const objects = await rendered({set: {...ALL_PARTS, commonLabels: {team: 'ops'}}});
  for (const {kind, metadata} of objects) t.is(metadata.labels?.team, 'ops', `${kind}/${metadata.name}`);
  const {template: pods, selector} = objects.find(each => each.kind === 'Deployment')?.spec ?? {};
  t.is(pods.metadata.labels.team, 'ops');
  t.false('team' in selector.matchLabels);
});

test('a test tells the effect of every value', t => {
  const told = new Set(EFFECTS.flatMap(([values]) => Object.keys(values)));
  const elsewhere = ['nameOverride', 'fullnameOverride', 'commonLabels'];
  const leaves = valueRows(VALUES).filter(({preset}) => preset !== '');
  t.deepEqual(
    leaves.map(({path: each}) => each).filter(each => !told.has(each)),
    elsewhere,
  );
});

test('whatever the values are, the Pods are as restricted', async t => {
  const values = Object.assign({}, ...EFFECTS.map(([each]) => each));
  for (const set of [{}, values]) {
    const {spec} = (await rendered({set})).find(each => each.kind === 'Deployment')?.spec.template ?? {};
    t.true(spec.securityContext.runAsNonRoot);
    t.deepEqual(spec.securityContext.seccompProfile, {type: 'RuntimeDefault'});
    t.deepEqual(spec.containers[0].securityContext, {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: {drop: ['ALL']},
    });
  }
});

/** `+Kind/name` and `-Kind/name` for an object that came or went, else the object and the path of what differs. */
function differences(before: readonly Manifest[], after: readonly Manifest[]): string[] {
  const [was, is] = [before, after].map(objects => new Map(objects.map(each => [idOf(each), each])));
  if (!was || !is) return [];
  const came = [...is.keys()].filter(id => !was.has(id)).map(id => `+${id}`);
  const others = [...was].flatMap(([id, object]) => {
    const now = is.get(id);
    return now ? differing(object, now).map(at => `${id} ${at.slice(1)}`) : `-${id}`;
  });
  return [...came, ...others];
}

function differing(before: unknown, after: unknown): string[] {
  if (typeof before !== 'object' || typeof after !== 'object' || !before || !after)
    return before === after ? [] : [''];
  const [was, is] = [before, after] as Record<string, unknown>[];
  const keys = new Set([...Object.keys(was ?? {}), ...Object.keys(is ?? {})]);
  return [...keys].flatMap(key => differing(was?.[key], is?.[key]).map(at => `.${key}${at}`));
}
