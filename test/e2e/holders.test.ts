/** Holders: a Lease is written by its own workload, Pod by Pod, and a stranger is told whose it is. */
import {randomUUID} from 'node:crypto';
import {readFile} from 'node:fs/promises';
import test, {type ExecutionContext} from 'ava';
import {leads} from '../../dev/programs.ts';
import {
  type Account,
  accountsOf,
  administrator,
  type BoundPod,
  clusterRoleBinding,
  enforced,
  leaseRights,
  podOf,
  podsOf,
  refusal,
  serviceAccount,
  startLeaderAs,
  writeRecord,
} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {namespace, policy, type Stage, setStage, workload} from '../support/stage.ts';

const LONG = `w${'o'.repeat(58)}k`;
const kinds = ['Deployment', 'StatefulSet', 'DaemonSet'].map(kind => ({kind}));
const naming = {prefix: 'shop', template: '{prefix}-{kind}-{name}'};
const leaseOf = (kind: string, name: string) => `shop-${kind.toLowerCase()}-${name}`;
const API = leaseOf('Deployment', 'api');
const place = {namespace: 'shop', lease: API};

test.serial(
  'a Lease is written by the service account and the Pods of its workload, and by nobody else',
  async t => {
    t.timeout(300_000);
    const stage = await setStage(t, {components: 'all', nodes: 1, auditPolicy: true});
    await populate(stage);
    await stage.apply(
      policy('payments', {subjects: {workloads: {kinds}}, naming, enforcement: {holders: 'Deny'}}),
    );
    const as = await accountsOf(t, stage);
    await startLeaderAs(t, await as('leasepolicy-system', 'leasepolicy'));
    await enforced(stage, 'payments');
    await eventually('the Leases', async () => (await stage.leases('shop')).length === 10);
    const cast: Cast = {
      t,
      stage,
      as,
      write: (account, spec, lease = API) => writeRecord(account, 'shop', lease, spec),
    };
    const stranger = await as('shop', 'intruder');
    await refusal(() => cast.write(stranger, {holderIdentity: randomUUID()}));

    await itsOwnAccountLeads(cast);
    await itsPodsLead(cast);
    await strangersAreRefused(cast);
    await anotherProductNeverLeads(cast);
    await podsOfEachKind(cast);
    await hugeHoldersAreRefused(cast);
    await labelsAreAnybodys(cast);
    await glassIsBroken(cast);
    await theAccountChanges(cast);
  },
);

// The chapters of the story.

type Cast = {
  t: ExecutionContext;
  stage: Stage;
  as: (namespace: string, name: string, pod?: BoundPod) => Promise<Account>;
  write: (account: Account, spec: object, lease?: string) => ReturnType<typeof writeRecord>;
};

async function itsOwnAccountLeads({t, stage, as}: Cast): Promise<void> {
  const account = await as('shop', 'api');
  await leadsAndReleases({t, stage}, account, {...place, identity: 'any-text'});
}

async function itsPodsLead({t, stage, as}: Cast): Promise<void> {
  const pod = await podOf(stage, 'shop', 'api');
  const account = await as('shop', 'api', pod);
  await leadsAndReleases({t, stage}, account, {...place, identity: `${pod.name}_${randomUUID()}`});
  await leadsAndReleases({t, stage}, account, {...place, identity: pod.name});
}

/** Stops only after a renewal: client-go can't release while its first one is under way. */
async function leadsAndReleases(
  {t, stage}: Pick<Cast, 't' | 'stage'>,
  account: Account,
  options: {namespace: string; lease: string; identity: string},
): Promise<void> {
  const candidate = await account.candidate(options);
  await candidate.line('leading', leads);
  const spec = async () => (await stage.lease(options.namespace, options.lease))?.spec;
  const first = await spec();
  t.is(first?.holderIdentity, options.identity);
  await eventually('a renewal', async () => (await spec())?.renewTime !== first?.renewTime);
  await candidate.stop();
  t.is((await spec())?.holderIdentity, '', candidate.errors);
  t.notRegex(candidate.errors, /forbidden/);
}

const WHOSE = 'Lease shop-deployment-api is that of Deployment/api (LeasePolicy payments): ';

async function strangersAreRefused({t, stage, as, write}: Cast): Promise<void> {
  const [mine, sibling] = await eventually('both Pods', async () => {
    const pods = (await podsOf(stage, 'shop', 'api')).map(each => each.metadata);
    return pods.length === 2 && (pods as [BoundPod, BoundPod]);
  });
  const pod = await as('shop', 'api', mine);
  const refused = async (account: Account, spec: object, sentence: string) => {
    const said = await refusal(() => write(account, spec));
    t.true(said.includes(WHOSE + sentence), said);
  };

  const mustName = `its holder must name the Pod that writes it, such as ${mine.name}_<unique id>, not `;
  await refused(pod, {holderIdentity: sibling.name}, mustName + sibling.name);
  await refused(pod, {holderIdentity: `${sibling.name}_1`}, `${mustName}${sibling.name}_1`);
  await refused(pod, {holderIdentity: 'the leader'}, `${mustName}the leader`);
  await refused(pod, {holderIdentity: `x${mine.name}`}, `${mustName}x${mine.name}`);

  for (const app of ['api-2', 'twin']) {
    const other = await podOf(stage, 'shop', app);
    const account = await as('shop', 'api', other);
    const sentence = `only its Pods may write it, and ${other.name} is none of them`;
    await refused(account, {holderIdentity: `${other.name}_1`}, sentence);
    await refused(account, {holderIdentity: `${mine.name}_1`}, sentence);
  }

  t.is((await write(pod, {holderIdentity: `${mine.name}_1`})).code, 0);
  const onlyAccount =
    'only system:serviceaccount:shop:api may write it, not system:serviceaccount:shop:intruder';
  const intruder = await as('shop', 'intruder');
  const boundIntruder = await as('shop', 'intruder', await podOf(stage, 'shop', 'intruder'));
  for (const account of [intruder, boundIntruder]) {
    await refused(account, {holderIdentity: 'intruder'}, onlyAccount);
    await refused(account, {holderIdentity: ''}, onlyAccount);
    await refused(account, {leaseDurationSeconds: 3600}, onlyAccount);
    await refused(account, {renewTime: '2020-01-01T00:00:00.000000Z'}, onlyAccount);
  }
  const admin = await as('shop', 'admin');
  await refused(
    admin,
    {holderIdentity: randomUUID()},
    'only system:serviceaccount:shop:api may write it, not ',
  );

  const replaced = {...(await stage.lease('shop', API)), spec: {holderIdentity: 'intruder'}};
  const replace = () => intruder.kubectl(['replace', '-f', '-'], JSON.stringify(replaced));
  t.true((await refusal(replace)).includes(WHOSE + onlyAccount));
  const {spec: _, ...emptied} = replaced;
  const empty = () => intruder.kubectl(['replace', '-f', '-'], JSON.stringify(emptied));
  t.true((await refusal(empty)).includes(WHOSE + onlyAccount));
  // The name is judged before it is looked up: as if somebody had deleted the Lease.
  const made = JSON.stringify({...leaseManifest(API), spec: {holderIdentity: 'intruder'}});
  t.true((await refusal(() => intruder.kubectl(['create', '-f', '-'], made))).includes(WHOSE + onlyAccount));
  t.is((await write(pod, {holderIdentity: ''})).code, 0);
}

async function anotherProductNeverLeads({t, stage, as}: Cast): Promise<void> {
  const pod = await podOf(stage, 'shop', 'api');
  const owner = await (await as('shop', 'api', pod)).candidate({
    namespace: 'shop',
    lease: API,
    identity: `${pod.name}_${randomUUID()}`,
  });
  await owner.line('leading', leads);
  const intruder = await (await as('shop', 'intruder')).candidate({
    namespace: 'shop',
    lease: API,
    identity: 'intruder',
  });
  await intruder.line('the leader', line => line.event === 'observed');
  await owner.stop();
  await eventually('three refusals', async () => intruder.errors.split(WHOSE).length > 3);
  t.false(intruder.lines.some(leads));
  t.is((await stage.lease('shop', API))?.spec?.holderIdentity, '');
  await intruder.stop();
}

async function podsOfEachKind({t, stage, as, write}: Cast): Promise<void> {
  const may = async (account: string, app: string, lease: string) => {
    const pod = await podOf(stage, 'shop', app);
    const identity = `${pod.name}_${randomUUID()}`;
    const bound = await as('shop', account, pod);
    await leadsAndReleases({t, stage}, bound, {namespace: 'shop', lease, identity});
    return pod;
  };
  const mayNot = async (account: string, app: string, lease: string) => {
    const pod = await podOf(stage, 'shop', app);
    const bound = await as('shop', account, pod);
    const said = await refusal(() => write(bound, {holderIdentity: `${pod.name}_1`}, lease));
    t.true(said.includes(`only its Pods may write it, and ${pod.name} is none of them`), said);
  };
  t.is((await may('db', 'db', leaseOf('StatefulSet', 'db'))).name, 'db-0');
  t.is((await may('db', 'db-0', leaseOf('StatefulSet', 'db-0'))).name, 'db-0-0');
  await mayNot('db', 'db-0', leaseOf('StatefulSet', 'db'));
  await mayNot('db', 'db', leaseOf('StatefulSet', 'db-0'));
  await may('agent', 'agent', leaseOf('DaemonSet', 'agent'));
  await mayNot('agent', 'api-agent', leaseOf('DaemonSet', 'agent'));
  t.is((await may('api', LONG, leaseOf('Deployment', LONG))).name.length, 63);
  await mayNot('api', 'api', leaseOf('Deployment', LONG));

  const account = await as('shop', 'db', await podOf(stage, 'shop', 'db'));
  const said = await refusal(() => write(account, {holderIdentity: 'db-0-0'}, leaseOf('StatefulSet', 'db')));
  t.regex(said, /its holder must name the Pod that writes it, such as db-0_<unique id>, not db-0-0/);
}

async function hugeHoldersAreRefused({t, stage, as, write}: Cast): Promise<void> {
  const pod = await podOf(stage, 'shop', 'api');
  const cast = [
    await as('shop', 'intruder'),
    await as('shop', 'api', pod),
    await as('shop', 'api', await podOf(stage, 'shop', 'twin')),
  ];
  for (const account of cast) {
    for (const text of ['x', '_', '/', `${pod.name}_`, 'ä']) {
      const holderIdentity = text.repeat(500_000 / Buffer.byteLength(text));
      const said = await refusal(() => write(account, {holderIdentity}));
      t.true(said.includes(WHOSE), said.slice(0, 1000));
      t.true(said.length < 1000);
    }
  }
}

async function labelsAreAnybodys({t, stage, as}: Cast): Promise<void> {
  const intruder = await as('shop', 'intruder');
  for (const verb of ['label', 'annotate'])
    t.is((await intruder.kubectl([verb, 'lease', API, '-n', 'shop', 'seen=yes'])).code, 0);
  const metadata = (await stage.lease('shop', API))?.metadata;
  t.is(metadata?.labels?.seen, 'yes');
  t.is(metadata?.annotations?.seen, 'yes');
  // By this one the API server finds the Lease: who takes it away could then write what he likes.
  for (const change of ['leasepolicy.dev/policy-', 'leasepolicy.dev/policy=other']) {
    const label = () => intruder.kubectl(['label', '--overwrite', 'lease', API, '-n', 'shop', change]);
    t.regex(await refusal(label), /its label leasepolicy.dev\/policy is written by the operator alone/);
  }
}

async function glassIsBroken({t, stage, as, write}: Cast): Promise<void> {
  const broken = async () =>
    (await auditLines(stage)).flatMap(
      each => each.annotations?.['leasepolicy-holders-payments/break-glass'] ?? [],
    );
  t.deepEqual(await broken(), [], 'nobody has broken it so far');
  t.is((await write(administrator(t, stage), {holderIdentity: '', leaseTransitions: 70})).code, 0);
  const [said] = await eventually('the annotation', async () => {
    const all = await broken();
    return all.length === 1 && all;
  });
  t.is(said, 'kwok-admin wrote a Lease that only system:serviceaccount:shop:api may write');
  const admin = await as('shop', 'admin');
  await refusal(() => write(admin, {leaseTransitions: 71}));
}

async function theAccountChanges({t, stage, as, write}: Cast): Promise<void> {
  const [old] = await podsOf(stage, 'shop', 'turn');
  const lease = leaseOf('Deployment', 'turn');
  if (!old) throw new Error('no Pod of turn');
  const identity = `${old.metadata.name}_${randomUUID()}`;
  const account = await as('shop', 'before', old.metadata);
  const unbound = await as('shop', 'before');
  const candidate = await account.candidate({namespace: 'shop', lease, identity});
  await candidate.line('leading', leads);
  // The rollout never ends, as its new Pods fit nowhere: the old one stays.
  const spec = {serviceAccountName: 'after', nodeSelector: {nowhere: 'yes'}};
  const patch = JSON.stringify({spec: {template: {spec}}});
  await stage.kubectl(['patch', 'deployment', 'turn', '-n', 'shop', '--type=merge', `--patch=${patch}`]);
  await refusal(() => write(unbound, {holderIdentity: identity, leaseDurationSeconds: 5}, lease));

  const {renewTime = ''} = (await stage.lease('shop', lease))?.spec ?? {};
  await eventually('renewals for longer than the deadline', async () => {
    const now = (await stage.lease('shop', lease))?.spec?.renewTime ?? '';
    return Date.parse(now) - Date.parse(renewTime) > 5_000;
  });
  t.true(candidate.running);
  t.is((await stage.lease('shop', lease))?.spec?.holderIdentity, identity);
  const heir = await (await as('shop', 'after')).candidate({namespace: 'shop', lease, identity: 'after'});
  await candidate.stop();
  const stoppedAt = Date.now();
  await heir.line('leading', leads);
  t.log(`the heir led ${Date.now() - stoppedAt} ms after the old Pod ended`);
  await heir.stop();
  const again = await refusal(() => write(account, {holderIdentity: identity}, lease));
  t.true(
    again.includes(
      'only system:serviceaccount:shop:after may write it, not system:serviceaccount:shop:before',
    ),
  );
}

type AuditLine = {
  annotations?: Record<string, string>;
  user: {username: string};
  objectRef?: {name?: string};
};

async function auditLines({cluster}: Stage): Promise<AuditLine[]> {
  const lines = (await readFile(cluster.auditLog ?? '', 'utf8')).split('\n').filter(line => line !== '');
  return lines.map(line => JSON.parse(line) as AuditLine);
}

// The world in which the story plays.

/** A workload with Pods that run as the service account. */
function running(kind: string, name: string, serviceAccountName: string, replicas = 1) {
  const made = workload(kind, 'shop', name);
  const {template} = made.spec;
  const spec = {...made.spec, template: {...template, spec: {...template.spec, serviceAccountName}}};
  return {...made, spec: kind === 'DaemonSet' ? spec : {...spec, replicas}};
}

async function populate(stage: Stage): Promise<void> {
  const accounts = ['api', 'intruder', 'db', 'agent', 'admin', 'before', 'after'];
  await stage.apply(
    namespace('shop'),
    ...leaseRights(),
    ...accounts.map(name => serviceAccount('shop', name)),
    serviceAccount('leasepolicy-system', 'leasepolicy'),
    clusterRoleBinding('cluster-admin', 'shop/admin', 'leasepolicy-system/leasepolicy'),
    running('Deployment', 'api', 'api', 2),
    running('Deployment', 'api-2', 'api'),
    running('Deployment', 'twin', 'api'),
    running('Deployment', 'intruder', 'intruder'),
    running('Deployment', LONG, 'api'),
    running('Deployment', 'turn', 'before'),
    running('StatefulSet', 'db', 'db'),
    running('StatefulSet', 'db-0', 'db'),
    running('DaemonSet', 'agent', 'agent'),
    running('DaemonSet', 'api-agent', 'agent'),
  );
}

test.serial('under Warn and Audit the write goes through with a word, and under Off without one', async t => {
  t.timeout(120_000);
  const stage = await setStage(t, {auditPolicy: true});
  const modes = {warned: 'Warn', audited: 'Audit', off: 'Off'} as const;
  const rights = [...leaseRights(), serviceAccount('leasepolicy-system', 'leasepolicy')];
  await stage.apply(...rights, clusterRoleBinding('cluster-admin', 'leasepolicy-system/leasepolicy'));
  for (const [name, holders] of Object.entries(modes)) {
    await stage.apply(namespace(name, {team: name}), serviceAccount(name, 'stranger'));
    await stage.apply(workload('Deployment', name, 'api'));
    const workloads = {namespaceSelector: {matchLabels: {team: name}}};
    await stage.apply(policy(name, {subjects: {workloads}, naming, enforcement: {holders}}));
  }
  const as = await accountsOf(t, stage);
  await startLeaderAs(t, await as('leasepolicy-system', 'leasepolicy'));
  await enforced(stage, ...Object.keys(modes));
  const writes = async (name: string) =>
    writeRecord(await as(name, 'stranger'), name, API, {holderIdentity: randomUUID()});

  const warning = await eventually('a warning', async () => {
    const {code, stderr} = await writes('warned');
    t.is(code, 0);
    return stderr !== '' && stderr;
  });
  t.regex(
    warning,
    /^Warning: .*Lease shop-deployment-api is that of Deployment\/api \(LeasePolicy warned\): only system:serviceaccount:warned:default may write it, not system:serviceaccount:warned:stranger/,
  );

  const failures = async (name: string) =>
    (await auditLines(stage)).flatMap(({user, annotations = {}}) =>
      user.username === `system:serviceaccount:${name}:stranger`
        ? (annotations['validation.policy.admission.k8s.io/validation_failure'] ?? [])
        : [],
    );
  const failure = await eventually('an annotation', async () => {
    t.like(await writes('audited'), {code: 0, stderr: ''});
    return (await failures('audited'))[0];
  });
  t.regex(failure, /"message":"Lease shop-deployment-api is that of Deployment\/api \(LeasePolicy audited\)/);
  t.true((await failures('warned')).length > 0);

  t.like(await writes('off'), {code: 0, stderr: ''});
  t.deepEqual(await failures('off'), []);
  const rendered = await stage.kubectl(['get', 'validatingadmissionpolicies', '-o', 'name']);
  t.deepEqual(
    [...rendered.matchAll(/leasepolicy-(durations|holders|writes)-\S+/g)].map(each => each[0]).sort(),
    [
      'leasepolicy-durations-off',
      'leasepolicy-durations-warned',
      'leasepolicy-holders-warned',
      'leasepolicy-writes-audited',
    ],
    'checks with one action are one object',
  );
});

test.serial('a rename hands over from one name to the other while nobody else may write either', async t => {
  t.timeout(120_000);
  const stage = await setStage(t);
  const quick = {
    lease: {durationSeconds: 4},
    garbageCollection: {ttlSeconds: 6, maxPercent: 100},
    enforcement: {names: 'Deny', holders: 'Deny'},
  } as const;
  await stage.apply(
    namespace('shop'),
    ...leaseRights(),
    ...['default', 'intruder'].map(name => serviceAccount('shop', name)),
    serviceAccount('leasepolicy-system', 'leasepolicy'),
    clusterRoleBinding('cluster-admin', 'leasepolicy-system/leasepolicy'),
    workload('Deployment', 'shop', 'api'),
    policy('payments', {naming, ...quick}),
  );
  const as = await accountsOf(t, stage);
  const operator = await startLeaderAs(t, await as('leasepolicy-system', 'leasepolicy'));
  await enforced(stage, 'payments');
  const renamed = 'store-deployment-api';
  const [account, intruder] = [await as('shop', 'default'), await as('shop', 'intruder')];
  await refusal(() => writeRecord(intruder, 'shop', API, {holderIdentity: randomUUID()}));
  const create = () => account.kubectl(['create', '-f', '-'], JSON.stringify(leaseManifest('stray')));
  t.regex(await refusal(create), /no policy allows Lease stray in namespace shop/);

  const oldLeader = await account.candidate({namespace: 'shop', lease: API, identity: 'old-leader'});
  await oldLeader.line('leading', leads);
  await stage.apply(policy('payments', {naming: {...naming, prefix: 'store'}, ...quick}));
  await eventually('the closed new Lease', async () => {
    const holder = (await stage.lease('shop', renamed))?.spec?.holderIdentity;
    return holder === `leasepolicy-rename_${API}`;
  });
  const newLeader = await account.candidate({namespace: 'shop', lease: renamed, identity: 'new-leader'});
  for (const lease of [API, renamed])
    t.regex(
      await refusal(() => writeRecord(intruder, 'shop', lease, {holderIdentity: randomUUID()})),
      /is that of Deployment\/api \(LeasePolicy payments\)/,
    );
  const before = (await stage.lease('shop', renamed))?.spec?.renewTime;
  await eventually('two renewals by the operator', async () => {
    const renewTime = (await stage.lease('shop', renamed))?.spec?.renewTime ?? '';
    return Date.parse(renewTime) - Date.parse(before ?? '') > 2_000;
  });
  t.deepEqual(
    oldLeader.lines.filter(line => line.event === 'lost'),
    [],
    'the old leader goes on',
  );
  t.deepEqual(newLeader.lines.filter(leads), []);

  await oldLeader.stop();
  await newLeader.line('leading', leads);
  await eventually('the old Lease collected', async () => (await stage.lease('shop', API)) === undefined);
  t.true(newLeader.running);
  const problems = operator.lines.filter(line => /forbidden|denied/i.test(JSON.stringify(line)));
  t.deepEqual(problems, []);

  // Nobody mends labels now: a Lease that is made anew, without ours or with a foreign one, is looked at all the same.
  t.is(await operator.stop(), 0);
  await newLeader.stop();
  await stage.kubectl(['delete', 'lease', renamed, '-n', 'shop']);
  const foreign = leaseManifest(renamed, {'leasepolicy.dev/policy': 'other'});
  const createForeign = () => intruder.kubectl(['create', '-f', '-'], JSON.stringify(foreign));
  t.regex(await refusal(createForeign), /its label leasepolicy.dev\/policy is written by the operator alone/);
  t.is((await intruder.kubectl(['create', '-f', '-'], JSON.stringify(leaseManifest(renamed)))).code, 0);
  t.regex(
    await refusal(() => writeRecord(intruder, 'shop', renamed, {holderIdentity: 'intruder'})),
    /is that of Deployment\/api \(LeasePolicy payments\)/,
  );
});

test.serial('in a fixed namespace a Lease is written from the namespace of its workload', async t => {
  t.timeout(120_000);
  const stage = await setStage(t, {components: 'all', nodes: 1});
  await stage.apply(
    namespace('locks'),
    namespace('shop'),
    ...leaseRights(),
    ...['shop', 'locks'].map(each => serviceAccount(each, 'api')),
    serviceAccount('leasepolicy-system', 'leasepolicy'),
    clusterRoleBinding('cluster-admin', 'leasepolicy-system/leasepolicy'),
    running('Deployment', 'api', 'api'),
    {...running('Deployment', 'api', 'api'), metadata: {namespace: 'locks', name: 'api'}},
    policy('payments', {
      naming: {prefix: 'shop', hash: {of: ['namespace', 'name']}},
      lease: {namespace: 'locks'},
      enforcement: {holders: 'Deny'},
    }),
  );
  const as = await accountsOf(t, stage);
  await startLeaderAs(t, await as('leasepolicy-system', 'leasepolicy'));
  await enforced(stage, 'payments');
  const registry = await eventually('both Leases', async () => {
    const found = await stage.registry('locks');
    return (
      (await stage.leases('locks')).length === 2 && Object.keys(found?.names ?? {}).length === 2 && found
    );
  });
  const [lease = ''] =
    Object.entries(registry.names).find(([, {subject}]) => subject === 'Deployment/shop/api') ?? [];
  const write = (account: Account, spec: object) => writeRecord(account, 'locks', lease, spec);

  const pod = await podOf(stage, 'shop', 'api');
  const podThere = await podOf(stage, 'locks', 'api');
  for (const account of [await as('locks', 'api'), await as('locks', 'api', podThere)]) {
    const said = await refusal(() => write(account, {holderIdentity: randomUUID()}));
    t.true(
      said.includes(
        `Lease ${lease} is that of Deployment/shop/api (LeasePolicy payments): only system:serviceaccount:shop:api may write it, not system:serviceaccount:locks:api`,
      ),
    );
  }
  for (const account of [await as('shop', 'api'), await as('shop', 'api', pod)]) {
    const identity = `${pod.name}_${randomUUID()}`;
    await leadsAndReleases({t, stage}, account, {namespace: 'locks', lease, identity});
  }
});

const leaseManifest = (name: string, labels: Record<string, string> = {}) => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {namespace: 'shop', name, labels},
  spec: {},
});
