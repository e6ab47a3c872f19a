/** The command line on a real control plane: it says what the operator does, and kubectl finds it as a plugin. */
import {spawn} from 'node:child_process';
import {mkdtemp, rm, symlink} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import {parseAllDocuments} from 'yaml';
import {type Finished, run} from '../../dev/controlplane/process.ts';
import {operatorCommand, Program, ROOT} from '../../dev/programs.ts';
import {accountsOf, podOf, serviceAccount} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {deployment, namespace, policy, type Stage, setStage, startLeader} from '../support/stage.ts';

const BUNDLE = path.join(ROOT, 'dist/leasepolicy.mjs');
const API = 'payments-14c2529eb4';
const MICRO = () => new Date().toISOString().replace('Z', '000Z');

type Cli = (...args: string[]) => Promise<Finished>;

/** The bundle, as the administrator of the stage. */
async function cliOf({cluster}: Stage): Promise<Cli> {
  await operatorCommand();
  const env = {...process.env, KUBECONFIG: cluster.kubeconfig, NO_COLOR: '1'};
  return (...args) => run(process.execPath, [BUNDLE, ...args], {env});
}

const json = async <T>(answer: Promise<Finished>): Promise<T> => JSON.parse((await answer).stdout) as T;

type Plan = {actions: {action: string; kind: string; namespace: string | null; name: string}[]};
const lines = ({actions}: Plan) =>
  actions.map(({action, kind, namespace: place, name}) => `${action} ${kind} ${place ?? '-'}/${name}`);

test('a plan comes true, and when it has there is nothing to do', async t => {
  t.timeout(180_000);
  const stage = await setStage(t);
  const cli = await cliOf(stage);
  const payments = policy('payments', {
    naming: {prefix: 'payments'},
    enforcement: {names: 'Deny'},
    access: {grant: 'ServiceAccount'},
  });
  await stage.apply(namespace('shop'), deployment('shop', 'api'), deployment('shop', 'web'), payments);

  const before = await cli('plan', '-o', 'json');
  t.is(before.code, 2, before.stderr);
  const planned = lines(JSON.parse(before.stdout));
  t.true(planned.includes('create LeaseRegistry shop/leases'));
  t.is((await stage.leases('shop')).length, 0, 'a plan writes nothing');
  t.is(await stage.status('payments'), undefined);

  await startLeader(stage);
  await eventually('nothing more to do', async () => (await cli('plan')).code === 0, 60_000);
  for (const line of planned.filter(each => each.startsWith('create '))) {
    const [, kind = '', place = ''] = line.split(' ');
    const [within = '', name = ''] = place.split('/');
    const where = within === '-' ? [] : ['-n', within];
    t.regex(await stage.kubectl(['get', kind, name, ...where, '-o', 'name']), new RegExp(name));
  }
  await rendersWhatIsThere(t, stage, cli);
  await tellsOfNames(t, stage, cli);
  await says(t, stage, cli);
});

/** The YAML of render is what the operator has in the API server. */
async function rendersWhatIsThere(t: ExecutionContext, stage: Stage, cli: Cli): Promise<void> {
  const live = await json<{items: {spec: object; metadata: {name: string}}[]}>(
    run(stage.cluster.binaries.kubectl, [
      `--kubeconfig=${stage.cluster.kubeconfig}`,
      'get',
      'validatingadmissionpolicies',
      '-l',
      'leasepolicy.dev/policy=payments',
      '-o',
      'json',
    ]),
  );
  const user = 'kwok-admin';
  const {stdout} = await cli('render', 'payments', '--operator-user', user);
  const rendered = parseAllDocuments(stdout).map(each => each.toJS() as Made);
  const policies = rendered.filter(({kind}) => kind === 'ValidatingAdmissionPolicy');
  t.deepEqual(
    policies.map(({metadata, spec}) => [metadata.name, spec]).sort(),
    live.items.map(({metadata, spec}) => [metadata.name, spec]).sort(),
  );
  // From the file the same rules, without an owner.
  const file = await run(process.execPath, [BUNDLE, 'render', '-f', '-', '--operator-user', user], {
    input: await stage.kubectl(['get', 'leasepolicy', 'payments', '-o', 'yaml']).then(withoutStatus),
  });
  t.is(file.code, 0, file.stderr);
  const offline = parseAllDocuments(file.stdout).map(each => each.toJS() as Made);
  t.deepEqual(
    offline.map(({spec}) => spec),
    rendered.map(({spec}) => spec),
  );
}

type Made = {kind: string; metadata: {name: string}; spec: object};
const withoutStatus = (text: string) => text.replace(/^status:[\s\S]*/m, '');

async function tellsOfNames(t: ExecutionContext, stage: Stage, cli: Cli): Promise<void> {
  t.is((await cli('name', 'deployment/api', '-n', 'shop')).stdout, `${API}\n`);
  t.truthy(await stage.lease('shop', API));
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-plugin-'));
  t.teardown(() => rm(folder, {recursive: true}));
  await symlink(BUNDLE, path.join(folder, 'kubectl-leasepolicy'));
  const env = {
    ...process.env,
    KUBECONFIG: stage.cluster.kubeconfig,
    PATH: `${folder}:${path.dirname(process.execPath)}:${process.env.PATH}`,
  };
  const plugin = await run(
    stage.cluster.binaries.kubectl,
    ['leasepolicy', 'name', 'deploy/api', '-n', 'shop'],
    {
      env,
    },
  );
  t.is(plugin.stdout, `${API}\n`, plugin.stderr);
  const help = await run(stage.cluster.binaries.kubectl, ['leasepolicy'], {env});
  t.regex(help.stdout, /^Usage: kubectl leasepolicy COMMAND/);
}

/** What is refused, each as one sentence. */
async function says(t: ExecutionContext, stage: Stage, cli: Cli): Promise<void> {
  await stage.apply(serviceAccount('shop', 'nobody'));
  const nobody = await (await accountsOf(t, stage))('shop', 'nobody');
  for (const args of [['plan'], ['get', '-A'], ['name', 'deploy/api'], ['explain', API, '-n', 'shop']]) {
    const {code, stdout, stderr} = await cli(...args, '--kubeconfig', nobody.kubeconfig);
    t.is(code, 1);
    t.is(stdout, '');
    t.regex(
      stderr,
      /^leasepolicy: .*forbidden: User "system:serviceaccount:shop:nobody" cannot .*: ask for that right[^\n]*\n$/,
    );
  }
  await stage.kubectl(['delete', 'crd', 'leasepolicies.leasepolicy.dev', 'leaseregistries.leasepolicy.dev']);
  const missing = await eventually('the CRDs are gone', async () => {
    const answer = await cli('plan', '-o', 'json');
    return answer.stdout.includes('NotInstalled') && answer;
  });
  t.is(missing.code, 1);
  t.deepEqual(Object.keys(JSON.parse(missing.stdout).error), ['reason', 'message', 'next']);
}

type Explained = {
  state: string;
  subject: string;
  holderWorkload: string;
  pod: {phase: string; workload: string} | null;
  fate: {what: string; due: string | null};
  findings: {reason: string}[];
};

test('a Lease is followed from its holder to its Pod and workload, and from there to its end', async t => {
  t.timeout(240_000);
  const stage = await setStage(t, {components: 'all', nodes: 1});
  const cli = await cliOf(stage);
  const web = deployment('shop', 'web');
  Object.assign(web.spec, {replicas: 1});
  await stage.apply(
    namespace('shop'),
    web,
    policy('web', {naming: {prefix: 'web'}, garbageCollection: {ttlSeconds: 60}}),
  );
  await startLeader(stage);
  const lease = 'web-4b5e57f6eb';
  await eventually('the Lease', () => stage.lease('shop', lease));
  const pod = await podOf(stage, 'shop', 'web');
  const hold = (holder: string, seconds: number) => {
    const spec = {
      holderIdentity: holder,
      leaseDurationSeconds: seconds,
      leaseTransitions: 1,
      acquireTime: MICRO(),
      renewTime: MICRO(),
    };
    return stage.kubectl([
      'patch',
      'lease',
      lease,
      '-n',
      'shop',
      '--type=merge',
      '-p',
      JSON.stringify({spec}),
    ]);
  };

  const watch = new Program('get --watch', process.execPath, [BUNDLE, 'get', '-n', 'shop', '--watch'], {
    KUBECONFIG: stage.cluster.kubeconfig,
  });
  t.teardown(() => watch.stop('SIGKILL'));
  const shown = (state: string) => watch.line(state, ({message}) => `${message}`.includes(` ${state} `));
  await shown('unclaimed');
  await hold(`${pod.name}_1`, 3600);
  await shown('held');

  const explain = () => json<Explained>(cli('explain', `lease/${lease}`, '-n', 'shop', '-o', 'json'));
  const running = await eventually('the Pod runs', async () => {
    const told = await explain();
    return told.pod?.phase === 'Running' && told;
  });
  t.like(running, {
    state: 'held',
    subject: 'Deployment/web',
    holderWorkload: 'Deployment/web',
    pod: {workload: 'Deployment/web'},
    fate: {what: 'kept'},
  });

  await stage.kubectl(['delete', 'deployment', 'web', '-n', 'shop']);
  await hold('', 1);
  await shown('orphaned');
  const orphan = await eventually('its end is told', async () => {
    const told = await explain();
    return told.fate.what === 'deleted' && told.findings.length > 0 && told;
  });
  t.like(orphan, {state: 'orphaned', findings: [{reason: 'OrphanedLease'}]});
  const leftMs = Date.parse(orphan.fate.due ?? '') - Date.now();
  t.true(leftMs > 0 && leftMs < 61_000, `${leftMs}`);
  await topWorks(t, stage);
});

/** Needs Python for a terminal of its own. */
async function topWorks(t: ExecutionContext, {cluster}: Stage): Promise<void> {
  const script = path.join(ROOT, 'test/support/top-in-terminal.py');
  const child = spawn('python3', [script, process.execPath, BUNDLE, 'top'], {
    env: {...process.env, KUBECONFIG: cluster.kubeconfig},
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const steps = [
    {keys: 's', until: 'sort: name'},
    {keys: '/', until: 'filter: _'},
    {keys: 'web-', until: 'filter: web-_'},
    {keys: '\r', until: 'filter: web-'},
    {keys: 'f', until: 'findings: only'},
    {keys: 'q', until: '[?1049l'},
  ];
  child.stdin.end(steps.map(step => `${JSON.stringify(step)}\n`).join(''));
  let text = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) text += chunk;
  const {drawn, ...rest} = JSON.parse(text) as {drawn: string; exitCode: number};
  t.deepEqual(rest, {exitCode: 0, wasRaw: true, restored: true} as object);
  t.true(drawn.startsWith('\u001b[?1049h\u001b[?25l'));
  t.true(drawn.endsWith('\u001b[?25h\u001b[?1049l'));
  t.regex(drawn, /shop\/web-4b5e57f6eb/);
  t.regex(drawn, /OrphanedLease: nobody holds Lease web-4b5e57f6eb/);
}
