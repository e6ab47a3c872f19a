/** Injection: Pods are told the name of their Lease before their first container starts, and nobody else waits. */
import test, {type ExecutionContext} from 'ava';
import type {Program} from '../../dev/programs.ts';
import {enforced, podsOf} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {namespace, policy, type Stage, setStage, startLeader, workload} from '../support/stage.ts';

const KINDS = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;
type Kind = (typeof KINDS)[number];
const kinds = KINDS.map(kind => ({kind}));
const naming = {prefix: 'shop', template: '{prefix}-{kind}-{name}'};

/** Where the new Pods of a known workload are late when they are later than this. */
const SOON_MS = 5_000;

const injecting = (name: string, spec: object = {}) =>
  policy(name, {
    naming,
    injection: {mode: 'Env'},
    ...spec,
    subjects: {workloads: {kinds, namespaceSelector: {matchLabels: {team: name}}, ...workloadsOf(spec)}},
  });
const workloadsOf = (spec: {subjects?: {workloads?: object}}) => spec.subjects?.workloads;

test.serial(
  'Pods run within five seconds and know their Lease, and while the operator is down only new workloads wait',
  async t => {
    t.timeout(420_000);
    const stage = await setStage(t, {components: 'all', nodes: 2});
    const operator = await populate(stage);
    await podsKnowTheirLease(t, stage);
    await ownNamesAndFixedNamespace(t, stage);
    await ownValuesStay(t, stage);
    await addedContainersAreNoObstacle(t, stage);
    await othersAreNotTouched(t, stage);
    await operator.stop();
    await knownWorkloadsStart(t, stage);
    await othersAreNotHeldUp(t, stage);
    await newWorkloadsWait(t, stage);
  },
);

// The chapters of the story.

async function podsKnowTheirLease(t: ExecutionContext, stage: Stage): Promise<void> {
  for (const kind of KINDS) {
    const name = `new-${kind.toLowerCase()}`;
    const pod = await runsSoon(t, stage, running(kind, 'shop', name));
    const wanted = {LEASE_NAME: `shop-${kind.toLowerCase()}-${name}`, LEASE_NAMESPACE: 'shop'};
    t.deepEqual(pod, {main: wanted, second: wanted, first: wanted});
  }
  const pod = await runsSoon(
    t,
    stage,
    running('Deployment', 'fresh', 'api'),
    namespace('fresh', {team: 'shop'}),
  );
  t.like(pod.main, {LEASE_NAME: 'shop-deployment-api', LEASE_NAMESPACE: 'fresh'});
}

async function ownNamesAndFixedNamespace(t: ExecutionContext, stage: Stage): Promise<void> {
  for (const kind of KINDS) {
    const name = `far-${kind.toLowerCase()}`;
    const pod = await runsSoon(t, stage, running(kind, 'far', name));
    const wanted = {LOCK: `far.${kind.toLowerCase()}.${name}`, LOCK_HOME: 'locks'};
    t.deepEqual(pod, {main: wanted, second: wanted, first: wanted});
  }
}

async function ownValuesStay(t: ExecutionContext, stage: Stage): Promise<void> {
  const valueFrom = {fieldRef: {apiVersion: 'v1', fieldPath: 'metadata.name'}};
  const made = setting('own', {
    main: [
      {name: 'A', value: '1'},
      {name: 'LEASE_NAME', value: 'mine'},
    ],
    second: [{name: 'LEASE_NAMESPACE', valueFrom}],
  });
  const pod = await runsSoon(t, stage, made);
  const LEASE_NAME = 'shop-deployment-own';
  const LEASE_NAMESPACE = 'shop';
  t.deepEqual(pod, {
    main: {A: '1', LEASE_NAME: 'mine', LEASE_NAMESPACE},
    second: {LEASE_NAME, LEASE_NAMESPACE: valueFrom},
    first: {LEASE_NAME, LEASE_NAMESPACE},
  });
}

async function addedContainersAreNoObstacle(t: ExecutionContext, stage: Stage): Promise<void> {
  const containers = (name: string) =>
    `Object{spec: Object.spec{containers: [Object.spec.containers{name: "${name}", image: "none"}]}}`;
  const mutation = (name: string) => [
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingAdmissionPolicy',
      metadata: {name},
      spec: {
        reinvocationPolicy: 'Never',
        matchConstraints: {
          resourceRules: [
            {apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods']},
          ],
        },
        mutations: [{patchType: 'ApplyConfiguration', applyConfiguration: {expression: containers(name)}}],
      },
    },
    {
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingAdmissionPolicyBinding',
      metadata: {name},
      spec: {policyName: name, matchResources: {objectSelector: {matchLabels: {meshed: 'yes'}}}},
    },
  ];
  await stage.apply(...mutation('a-sidecar'), ...mutation('z-sidecar'));
  const meshed = await eventually('a Pod with both', async () => {
    await stage.apply(running('Deployment', 'shop', 'meshed', {}, {meshed: 'yes'}));
    const pod = await eventually('it runs', () => runningPod(stage, 'shop', 'meshed'));
    const found = variables(pod);
    if (found['a-sidecar'] && found['z-sidecar']) return found;
    await stage.kubectl(['delete', 'deployment', 'meshed', '-n', 'shop', '--cascade=foreground']);
    return undefined;
  });
  const wanted = {LEASE_NAME: 'shop-deployment-meshed', LEASE_NAMESPACE: 'shop'};
  t.like(meshed, {main: wanted, second: wanted, first: wanted});
}

async function othersAreNotTouched(t: ExecutionContext, stage: Stage): Promise<void> {
  const none = {main: {}, second: {}, first: {}};
  const unselected = running('Deployment', 'some', 'unselected');
  t.deepEqual(await runsSoon(t, stage, unselected), none);
  const selected = running('Deployment', 'some', 'selected', {selected: 'yes'});
  t.is((await runsSoon(t, stage, selected)).main?.LEASE_NAME, 'shop-deployment-selected');
  for (const made of [...jobAndOthers('shop'), ...jobAndOthers('some')])
    t.deepEqual(await runsSoon(t, stage, made), none);
}

async function knownWorkloadsStart(t: ExecutionContext, stage: Stage): Promise<void> {
  for (const kind of KINDS) {
    const name = `new-${kind.toLowerCase()}`;
    const before = await podsOf(stage, 'shop', name);
    await stage.kubectl(['delete', 'pods', '-n', 'shop', '-l', `app=${name}`, '--grace-period=0', '--force']);
    const deletedAt = Date.now();
    const pod = await eventually(`another Pod of ${name}`, async () => {
      const [found] = await podsOf(stage, 'shop', name);
      return found?.status.phase === 'Running' && found.metadata.uid !== before[0]?.metadata.uid && found;
    });
    t.log(`${kind}, operator stopped: ${Date.now() - deletedAt} ms`);
    t.is(variables(pod).main?.LEASE_NAME, `shop-${kind.toLowerCase()}-${name}`);
  }
}

async function othersAreNotHeldUp(t: ExecutionContext, stage: Stage): Promise<void> {
  await stage.apply(namespace('late', {team: 'some'}));
  await eventually('its default account', () =>
    stage.kubectl(['get', 'serviceaccount', 'default', '-n', 'late']),
  );
  for (const made of [...jobAndOthers('late', 'late-'), ...jobAndOthers('shop', 'late-')])
    t.deepEqual(await runsSoon(t, stage, made), {main: {}, second: {}, first: {}});
  for (const where of ['kube-system', 'leasepolicy-system'])
    t.deepEqual(await runsSoon(t, stage, running('Deployment', where, 'vital')), {
      main: {},
      second: {},
      first: {},
    });
  const own = [
    {name: 'LEASE_NAME', value: 'mine'},
    {name: 'LEASE_NAMESPACE', value: 'home'},
  ];
  const set = {LEASE_NAME: 'mine', LEASE_NAMESPACE: 'home'};
  const made = setting('late-own', {main: own, second: own, first: own});
  t.deepEqual(await runsSoon(t, stage, made), {main: set, second: set, first: set});
  await stage.apply(setting('late-half', {main: own}));
  // With injection.failurePolicy Ignore.
  t.deepEqual(await runsSoon(t, stage, running('Deployment', 'ignoring', 'hasty')), {
    main: {},
    second: {},
    first: {},
  });
}

async function newWorkloadsWait(t: ExecutionContext, stage: Stage): Promise<void> {
  for (const kind of KINDS) await stage.apply(running(kind, 'shop', `late-${kind.toLowerCase()}`));
  const sentence = (kind: Kind) =>
    `a Pod of ${kind}/late-${kind.toLowerCase()} waits for LEASE_NAME and LEASE_NAMESPACE from LeasePolicy shop; its controller tries again`;
  for (const kind of KINDS) {
    await eventually(`an Event of ${kind}`, async () =>
      (await failedCreates(stage)).find(each => each.includes(sentence(kind))),
    );
  }
  const sets = JSON.parse(
    await stage.kubectl(['get', 'replicasets', '-n', 'shop', '-l', 'app=late-deployment', '-o', 'json']),
  );
  const failure = await eventually('the condition', async () =>
    sets.items[0].status.conditions?.find((each: {type: string}) => each.type === 'ReplicaFailure'),
  );
  t.true(failure.message.includes(sentence('Deployment')));
  const waiting = ['late-half', ...KINDS.map(kind => `late-${kind.toLowerCase()}`)];
  for (const name of waiting) t.deepEqual(await podsOf(stage, 'shop', name), []);

  const startedAt = Date.now();
  await startLeader(stage);
  for (const kind of KINDS) {
    const name = `late-${kind.toLowerCase()}`;
    const pod = await eventually(`${name} runs`, () => runningPod(stage, 'shop', name), 60_000);
    t.log(`${kind}: ran ${Date.now() - startedAt} ms after the operator's start`);
    t.is(variables(pod).main?.LEASE_NAME, `shop-${kind.toLowerCase()}-${name}`);
  }
  const half = await eventually('late-half runs', () => runningPod(stage, 'shop', 'late-half'), 60_000);
  const told = {LEASE_NAME: 'shop-deployment-late-half', LEASE_NAMESPACE: 'shop'};
  const own = {LEASE_NAME: 'mine', LEASE_NAMESPACE: 'home'};
  t.deepEqual(variables(half), {main: own, second: told, first: told});
}

test.serial(
  'two policies never write one variable into one Pod: the second is not accepted while the first is',
  async t => {
    const stage = await setStage(t);
    const team = {kinds, namespaceSelector: {matchLabels: {team: 'a'}}};
    const spec = {naming, injection: {mode: 'Env'}} as const;
    await stage.apply(policy('first', {...spec, subjects: {workloads: team}}));
    await startLeader(stage);
    const acceptance = async (name: string) =>
      (await stage.status(name))?.conditions.find(each => each.type === 'Accepted');
    const accepted = (name: string) =>
      eventually(`${name} is accepted`, async () => {
        const found = await acceptance(name);
        if (found?.status !== 'True') throw new Error(JSON.stringify(found));
        return true;
      });
    await accepted('first');
    const own = {...naming, prefix: 'own'};
    await stage.apply(policy('second', {...spec, naming: own}));
    const refused = await eventually('the second is refused', async () => {
      const found = await acceptance('second');
      return found?.status === 'False' && found;
    });
    t.is(refused.reason, 'InjectionConflict');
    t.regex(refused.message, /policy first injects LEASE_NAME into Pods that this one may select/);
    const rendered = await stage.kubectl(['get', 'mutatingadmissionpolicies', '-o', 'name']);
    t.notRegex(rendered, /second/);

    const apart = {kinds, namespaceSelector: {matchLabels: {team: 'b'}}};
    await stage.apply(
      policy('third', {...spec, naming: {...naming, prefix: 'third'}, subjects: {workloads: apart}}),
    );
    await stage.apply(
      policy('fourth', {
        ...spec,
        naming: {...naming, prefix: 'fourth'},
        injection: {mode: 'Env', nameEnv: 'OTHER', namespaceEnv: 'OTHER_NAMESPACE'},
      }),
    );
    await accepted('fourth');
    await accepted('third');
    await stage.kubectl(['delete', 'leasepolicy', 'third']);
    t.is((await acceptance('second'))?.status, 'False');
    await stage.kubectl(['delete', 'leasepolicy', 'first']);
    await accepted('second');
    await eventually('it injects', () =>
      stage.kubectl(['get', 'mutatingadmissionpolicy', 'leasepolicy-pods-second']),
    );
  },
);

test.serial('a kind whose Pods do not name it is the finding NotInjected', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), WIDGETS);
  await stage.kubectl(['wait', '--for=condition=Established', '--timeout=30s', 'crd/widgets.example.dev']);
  await stage.apply({
    apiVersion: 'example.dev/v1',
    kind: 'Widget',
    metadata: {namespace: 'shop', name: 'gear'},
  });
  const workloads = {kinds: [{apiVersion: 'example.dev/v1', kind: 'Widget'}]};
  await stage.apply(policy('payments', {naming, subjects: {workloads}, injection: {mode: 'Env'}}));
  await startLeader(stage);
  const finding = await eventually('the finding', async () => (await stage.status('payments'))?.findings[0]);
  t.is(finding.reason, 'NotInjected');
  t.regex(
    finding.message,
    /the Pods of a Widget can't be told the name of their Lease: set LEASE_NAME in its manifest/,
  );
  t.truthy(await eventually('its Lease', () => stage.lease('shop', 'shop-widget-gear')));
});

// What is there.

type Variables = Record<string, Record<string, unknown>>;
type Pod = Awaited<ReturnType<typeof podsOf>>[number];

/** The variables of each container. */
function variables({spec}: Pod): Variables {
  const all = [...spec.containers, ...(spec.initContainers ?? [])];
  return Object.fromEntries(
    all.map(({name, env = []}) => [
      name,
      Object.fromEntries(env.map(each => [each.name, each.value ?? each.valueFrom])),
    ]),
  );
}

async function runningPod(stage: Stage, where: string, app: string): Promise<Pod | undefined> {
  return (await podsOf(stage, where, app)).find(each => each.status.phase === 'Running');
}

/** Applies the workload, and gives the variables of its first Pod that runs, unless that is late. */
async function runsSoon(
  t: ExecutionContext,
  stage: Stage,
  made: Manifest,
  ...before: object[]
): Promise<Variables> {
  const {kind, metadata} = made;
  const startedAt = Date.now();
  await stage.apply(...before, made);
  const isDone = ({status}: Pod) => ['Running', 'Succeeded'].includes(status.phase);
  const pod = await eventually(`${kind} ${metadata.namespace}/${metadata.name} runs`, async () => {
    const found = await podsOf(stage, metadata.namespace, metadata.name);
    if (found.length === 0) throw new Error((await failedCreates(stage, metadata.namespace)).join('\n'));
    return found.find(isDone);
  });
  const tookMs = Date.now() - startedAt;
  t.log(`${kind} ${metadata.namespace}/${metadata.name}: ${tookMs} ms`);
  t.true(tookMs < SOON_MS, `${kind} ${metadata.name} ran after ${tookMs} ms`);
  return variables(pod);
}

async function failedCreates({kubectl}: Stage, where = 'shop'): Promise<string[]> {
  const text = await kubectl([
    'get',
    'events',
    '-n',
    where,
    '--field-selector=reason=FailedCreate',
    '-o',
    'json',
  ]);
  const {items} = JSON.parse(text) as {
    items: {message: string; involvedObject: {kind: string; name: string}}[];
  };
  return items.map(
    ({message, involvedObject}) => `${involvedObject.kind}/${involvedObject.name}: ${message}`,
  );
}

// The world in which the story plays.

type Manifest = {apiVersion: string; kind: string; metadata: {namespace: string; name: string}; spec: object};

/** A workload with two containers and an init container. */
function running(kind: Kind, where: string, name: string, labels: object = {}, podLabels: object = {}) {
  const made = workload(kind, where, name, {app: name, ...labels});
  const metadata = {labels: {app: name, ...podLabels}};
  const withPods = {...made.spec, template: {metadata, spec: podSpec()}};
  return {...made, spec: kind === 'DaemonSet' ? withPods : {...withPods, replicas: 1}};
}

type Environment = {name: string; value?: string; valueFrom?: object}[];

/** A Deployment of which these containers have variables of their own. */
function setting(name: string, env: {main?: Environment; second?: Environment; first?: Environment}) {
  const made = running('Deployment', 'shop', name);
  const {initContainers, containers} = made.spec.template.spec;
  for (const container of [...initContainers, ...containers])
    Object.assign(container, {env: env[container.name as keyof typeof env] ?? []});
  return made;
}

const podSpec = () => ({
  initContainers: [{name: 'first', image: 'none'}],
  containers: [
    {name: 'main', image: 'none'},
    {name: 'second', image: 'none'},
  ],
});

/** A Job, a bare Pod and a ReplicaSet without a Deployment. */
function jobAndOthers(where: string, prefix = ''): Manifest[] {
  const labelsOf = (name: string) => ({labels: {app: name}});
  const [job, pod, set] = [`${prefix}job`, `${prefix}pod`, `${prefix}set`];
  const template = (name: string) => ({metadata: labelsOf(name), spec: podSpec()});
  return [
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: {namespace: where, name: job},
      spec: {template: {...template(job), spec: {...podSpec(), restartPolicy: 'Never'}}},
    },
    {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {namespace: where, name: pod, ...labelsOf(pod)},
      spec: podSpec(),
    },
    {
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: {namespace: where, name: set},
      spec: {replicas: 1, selector: {matchLabels: {app: set}}, template: template(set)},
    },
  ] as Manifest[];
}

async function populate(stage: Stage): Promise<Program> {
  const namespaces = ['shop', 'far', 'some', 'ignoring'];
  await stage.apply(namespace('locks'), ...namespaces.map(name => namespace(name, {team: name})));
  await stage.apply(
    injecting('shop'),
    injecting('far', {
      naming: {prefix: 'far', template: '{namespace}.{kind}.{name}'},
      lease: {namespace: 'locks'},
      injection: {mode: 'Env', nameEnv: 'LOCK', namespaceEnv: 'LOCK_HOME'},
    }),
    injecting('some', {subjects: {workloads: {selector: {matchLabels: {selected: 'yes'}}}}}),
    injecting('ignoring', {injection: {mode: 'Env', failurePolicy: 'Ignore'}}),
    // Every namespace that there is.
    policy('every', {
      naming: {...naming, prefix: 'every'},
      subjects: {
        workloads: {
          namespaceSelector: {matchExpressions: [{key: 'team', operator: 'DoesNotExist'}]},
        },
      },
      injection: {mode: 'Env'},
    }),
  );
  const operator = await startLeader(stage);
  await enforced(stage, 'shop', 'far', 'some', 'ignoring', 'every');
  await eventually('a Pod is told', async () => {
    await stage.kubectl(['delete', 'deployment', 'warm', '-n', 'shop', '--ignore-not-found', '--wait']);
    await stage.apply(running('Deployment', 'shop', 'warm'));
    const pod = await eventually('it runs', () => runningPod(stage, 'shop', 'warm'));
    return variables(pod).main?.LEASE_NAME !== undefined;
  });
  return operator;
}

const WIDGETS = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {name: 'widgets.example.dev'},
  spec: {
    group: 'example.dev',
    scope: 'Namespaced',
    names: {kind: 'Widget', plural: 'widgets', singular: 'widget', listKind: 'WidgetList'},
    versions: [{name: 'v1', served: true, storage: true, schema: {openAPIV3Schema: {type: 'object'}}}],
  },
};
