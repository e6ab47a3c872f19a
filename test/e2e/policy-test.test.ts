/** What the command test says of admission without a cluster is what a real API server says. */
import {readdirSync} from 'node:fs';
import {cp, mkdtemp, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test, {type ExecutionContext} from 'ava';
import fc from 'fast-check';
import {ROOT} from '../../dev/programs.ts';
import {readTests, type TestFile} from '../../src/cli/files/test-files.ts';
import {type LeaseManifest, leaseRequest} from '../../src/core/admission/lease-request.ts';
import {type Breach, review, type Verdict, verdictOf} from '../../src/core/admission/review.ts';
import {KNOWN} from '../../src/core/lease/catalogue.ts';
import {isPolicy} from '../../src/core/manifest/manifest.ts';
import {type AdmissionCase, judgeAdmission} from '../../src/rehearsal/expectations.ts';
import {FileWorld} from '../../src/rehearsal/file-world.ts';
import {enforced, leaseRights} from '../support/accounts.ts';
import {call, streams} from '../support/command.ts';
import {eventually} from '../support/eventually.ts';
import {type Ask, impersonating, type Reply, type UserInfo} from '../support/impersonation.ts';
import {namespace, type Stage, setStage, startLeader, workload} from '../support/stage.ts';

const SAMPLES = path.join(ROOT, 'config/samples');

for (const file of readdirSync(path.join(SAMPLES, 'tests')).filter(each => each !== 'shop.yaml')) {
  test.serial(`the verdicts of config/samples/tests/${file} are those of the API server`, async t => {
    const folder = await copied(t, SAMPLES);
    const {tests, answers} = await offline(path.join(folder, 'tests', file));
    t.true(answers.length > 0);
    const [first] = tests as [TestFile];
    const server = await Server.of(t, first);
    await agree(
      t,
      server,
      tests.flatMap(({admission}) => admission),
      answers,
    );
  });
}

/** Two policies about the same Leases, and all that a namespace may have. */
const MIXED = `apiVersion: leasepolicy.dev/v1alpha1
kind: LeasePolicy
metadata: {name: strict}
spec:
  subjects:
    workloads:
      kinds: [{kind: Deployment}, {kind: StatefulSet}, {kind: DaemonSet}]
      namespaceSelector: {matchLabels: {team: a}}
  naming: {prefix: strict, template: "{prefix}-{kind}-{name}"}
  enforcement:
    names: Deny
    holders: Deny
    durationSeconds: {min: 5, max: 60, action: Warn}
    exempt:
      - {namespace: "*", name: always, reason: a test}
      - {namespace: shop, name: for-a-year, reason: a test, until: "UNTIL"}
      - {namespace: shop, name: not-any-more, reason: a test, until: "2026-01-01T00:00:00Z"}
---
apiVersion: leasepolicy.dev/v1alpha1
kind: LeasePolicy
metadata: {name: mild}
spec:
  subjects:
    workloads: {namespaceSelector: {matchLabels: {team: a}}, selector: {matchLabels: {mild: "yes"}}}
  naming: {prefix: mild}
  lease: {create: false}
  enforcement: {names: Warn, holders: Warn, durationSeconds: {min: 10, max: 30, action: Audit}}
---
apiVersion: leasepolicy.dev/v1alpha1
kind: LeasePolicy
metadata: {name: central}
spec:
  subjects: {workloads: {namespaceSelector: {matchLabels: {team: a}}}}
  naming: {prefix: central, hash: {of: [namespace, name]}}
  lease: {namespace: leases, create: false}
  enforcement: {names: Warn, holders: Warn}
`;
const LONG = `w${'o'.repeat(50)}k`;

function mixed(): string {
  const workloads = [
    ...['Deployment', 'StatefulSet', 'DaemonSet'].map(kind => workload(kind, 'shop', kind.toLowerCase())),
    workload('Deployment', 'shop', LONG),
    workload('Deployment', 'shop', 'api', {app: 'api', mild: 'yes'}),
  ];
  const namespaces = [namespace('shop', {team: 'a'}), namespace('leases'), namespace('free')];
  const test = {
    apiVersion: 'cli.leasepolicy.dev/v1alpha1',
    kind: 'PolicyTest',
    metadata: {name: 'mixed'},
    names: [{workload: 'deployment/api', namespace: 'shop', policy: 'mild', lease: 'mild-14c2529eb4'}],
  };
  const until = new Date(Date.now() + 365 * 24 * 3600 * 1000).toISOString().replace(/\.\d+Z$/, 'Z');
  const all = [test, ...namespaces, ...workloads].map(each => JSON.stringify(each));
  return [MIXED.replace('UNTIL', until), ...all].join('\n---\n');
}

const PODS = [
  'api-6d4cf56db6-x7k2p',
  'deployment-6d4cf56db6-x7k2p',
  'statefulset-0',
  'daemonset-x7k2p',
  `${LONG}-6d4cf5x7k2p`.slice(0, 63),
  'api-2-6d4cf56db6-x7k2p',
];
const NAMES = [
  'mild-14c2529eb4',
  'strict-deployment-api',
  'strict-deployment-deployment',
  'strict-statefulset-statefulset',
  'strict-daemonset-daemonset',
  `strict-deployment-${LONG}`,
  ...['always', 'for-a-year', 'not-any-more', 'rogue', 'constructor', 'leasepolicy-0123456789'],
];
const POLICIES = ['strict', 'mild', 'central', 'other'];

const holder = fc.oneof(
  fc.constantFrom('', ...PODS, ...PODS.map(pod => `${pod}_1`), 'the leader', 'x'.repeat(120)),
  fc.constantFrom(`${PODS[0]}.cluster.local`, `a@${PODS[0]}`, `${PODS[2]}-suffix`, '😀'.repeat(101)),
  fc.string({unit: 'grapheme', maxLength: 8}).map(text => text.toWellFormed()),
);
const label = fc.option(fc.constantFrom(...POLICIES, ''), {nil: undefined, freq: 3});
const owners = [{apiVersion: 'v1', kind: 'ConfigMap', name: 'a', uid: '1'}];

/** A Lease of the name as it may be written. */
const written = (place: {name: string; namespace: string}): fc.Arbitrary<LeaseManifest> =>
  fc
    .record({
      policy: label,
      owned: fc.boolean(),
      kept: fc.boolean(),
      spec: fc.option(
        fc.record(
          {
            holderIdentity: holder,
            leaseDurationSeconds: fc.constantFrom(1, 4, 5, 15, 31, 60, 61, 3600),
            renewTime: fc.constantFrom('2026-03-01T12:00:00.000000Z', '2026-03-01T12:00:02.000000Z'),
            leaseTransitions: fc.constantFrom(0, 1),
          },
          {requiredKeys: []},
        ),
        {nil: undefined, freq: 6},
      ),
    })
    .map(({policy, owned, kept, spec}) => ({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        ...place,
        ...(policy === undefined ? {} : {labels: {'leasepolicy.dev/policy': policy}}),
        ...(owned ? {ownerReferences: owners} : {}),
        ...(kept ? {finalizers: ['example.com/kept']} : {}),
      },
      ...(spec === undefined ? {} : {spec}),
    }));

const writer = fc.record(
  {
    user: fc
      .constantFrom('default', 'default', 'default', 'other')
      .chain(name =>
        fc.constantFrom('shop', 'shop', 'free').map(at => `system:serviceaccount:${at}:${name}`),
      ),
    pod: fc.constantFrom(...PODS),
    groups: fc.constantFrom<string[]>([], [], ['system:masters']),
  },
  {requiredKeys: ['user']},
);

const anyCase: fc.Arbitrary<AdmissionCase> = fc
  .record({
    name: fc.constantFrom(...NAMES),
    namespace: fc.constantFrom('shop', 'shop', 'shop', 'shop', 'leases', 'free'),
  })
  .chain(place =>
    fc.record({
      after: written(place),
      before: fc.option(written(place), {nil: undefined, freq: 2}),
      writer,
      isRenewal: fc.boolean(),
    }),
  )
  .map(({after, before, writer: who, isRenewal}) => {
    // Most writes change little.
    const renewed = before && {...before, spec: {...before.spec, ...after.spec}};
    return {...who, verdict: 'Allow', after: (isRenewal && renewed) || after, before};
  });

test.serial('the verdicts of 300 random requests are those of the API server', async t => {
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-mixed-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const file = path.join(folder, 'mixed.yaml');
  await writeFile(file, mixed());
  const {tests} = await offline(file);
  const [mixedTest] = tests as [TestFile];
  const cases = fc.sample(anyCase, {numRuns: 300, seed: 20260301});
  const server = await Server.of(t, {...mixedTest, admission: cases});
  const world = worldOf(mixedTest);
  const answers = cases.flatMap(each => judgeAdmission(each, world).answer ?? []);
  const count = (verdict: Verdict) => answers.filter(each => each.verdict === verdict).length;
  t.log(`${count('Allow')} are allowed, ${count('Warn')} warned of, ${count('Deny')} denied`);
  for (const verdict of ['Allow', 'Warn', 'Deny'] as const) t.true(count(verdict) > 20, verdict);
  await agree(t, server, cases, answers);

  // A namespace for which no operator has made a registry.
  await server.stage.apply(namespace('late', {team: 'a'}));
  for (const name of ['rogue', 'always']) {
    const manifest = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {name, namespace: 'late'},
    };
    const user = 'system:serviceaccount:late:default';
    const labels = {team: 'a', 'kubernetes.io/metadata.name': 'late'};
    const request = leaseRequest({user}, manifest, undefined, labels, Date.now());
    const breaches = review(world.rendered(), request, undefined);
    const said = await server.answer({user, verdict: 'Deny', after: manifest, before: undefined});
    t.deepEqual(said, toldOf({verdict: verdictOf(breaches), breaches}, said.first));
    t.is(said.verdict, 'Deny');
  }
});

/** Every moment is now there, as it is for the server. */
async function copied(t: ExecutionContext, folder: string): Promise<string> {
  const copy = await mkdtemp(path.join(tmpdir(), 'leasepolicy-samples-'));
  t.teardown(() => rm(copy, {recursive: true}));
  await cp(folder, copy, {recursive: true});
  for (const name of await readdir(path.join(copy, 'tests'))) {
    const file = path.join(copy, 'tests', name);
    await writeFile(file, (await readFile(file, 'utf8')).replace(/^at: .*\n/gm, ''));
  }
  return copy;
}

type Answer = {readonly verdict: Verdict; readonly breaches: readonly Breach[]};

/** What the command prints, and the requests that it speaks of. */
async function offline(file: string): Promise<{tests: TestFile[]; answers: Answer[]}> {
  const {stdout} = await call(['test', file, '-o', 'json']);
  const {results} = JSON.parse(stdout) as {results: {admission: Answer | null}[]};
  const {tests, failures} = await readTests([file], streams().streams, Date.now());
  if (failures.length > 0) throw failures[0];
  return {tests, answers: results.flatMap(({admission}) => admission ?? [])};
}

const OPERATOR = {
  ownLease: 'leasepolicy-system/leasepolicy',
  username: undefined,
  usualName: 'system:serviceaccount:leasepolicy-system:leasepolicy',
  installation: '',
};

const worldOf = ({manifests}: Pick<TestFile, 'manifests'>, wallMs = Date.now()) =>
  new FileWorld({
    manifests: manifests.map(({manifest}) => manifest),
    catalogue: KNOWN,
    operator: OPERATOR,
    wallMs,
  });

/** What the server tells: every warning, and of what is refused or audited the first. */
type Told = {readonly verdict: Verdict; readonly first: string | undefined; readonly warned: string[]};

const textOf = ({admissionPolicy, binding, message}: Omit<Breach, 'policy' | 'actions'>) =>
  `ValidatingAdmissionPolicy '${admissionPolicy}' with binding '${binding}': ${message}`;

/** The same, where any of the policies may come first. */
function toldOf({verdict, breaches}: Answer, first: string | undefined): Told {
  const warned = breaches.filter(({actions}) => actions.includes('Warn')).map(textOf);
  const bindings = [...Map.groupBy(breaches, ({binding}) => binding).values()];
  const firsts = bindings.flatMap(([each]) => (each ? textOf(each) : []));
  return {verdict, first: firsts.find(each => each === first) ?? firsts[0], warned: warned.sort()};
}

/** A request for each rule that breaks this one first. */
function firstOfEach(cases: readonly AdmissionCase[], answers: readonly Answer[]): AdmissionCase[] {
  const broken = cases.filter((_, at) => answers[at]?.breaches.length !== 0);
  const byRule = Map.groupBy(broken, each => answers[cases.indexOf(each)]?.breaches[0]?.binding);
  return [...byRule.values()].flatMap(([first]) => first ?? []);
}

/** A rule is in force a second or two after it was written, so those that are broken are waited for. */
async function agree(
  t: ExecutionContext,
  server: Server,
  cases: readonly AdmissionCase[],
  answers: readonly Answer[],
): Promise<void> {
  t.is(cases.length, answers.length);
  for (const each of firstOfEach(cases, answers))
    await eventually('the rule is in force', async () => (await server.answer(each)).first !== undefined);
  for (const [at, each] of cases.entries()) {
    const said = await server.answer(each);
    t.deepEqual(said, toldOf(answers[at] as Answer, said.first), JSON.stringify(each));
  }
}

/** An API server with what the test names, whose operator has made its objects and gone. */
class Server {
  readonly stage: Stage;
  readonly #ask: Ask;
  #count = 0;
  #seed = '';

  private constructor(stage: Stage, ask: Ask) {
    this.stage = stage;
    this.#ask = ask;
  }

  static async of(t: ExecutionContext, file: TestFile): Promise<Server> {
    t.timeout(240_000);
    const stage = await setStage(t, {auditPolicy: true});
    const manifests = file.manifests.map(({manifest}) => manifest);
    await stage.apply(...leaseRights(), ...manifests.filter(({kind}) => kind === 'Namespace'));
    await stage.apply(...manifests.filter(each => each.kind !== 'Namespace' && !isPolicy(each)));
    const operator = await startLeader(stage);
    await stage.apply(...manifests.filter(isPolicy));
    await enforced(stage, ...manifests.filter(isPolicy).map(({metadata}) => metadata.name));
    const world = worldOf(file);
    for (const name of new Set(file.admission.map(({after}) => after.metadata.namespace))) {
      const {retired: _, ...planned} = plain(world.registry(name)) ?? {};
      await eventually(`the registry of ${name} is the one that is told`, async () => {
        const {retired: __, ...spec} = plain(await stage.registry(name)) ?? {};
        return JSON.stringify(sorted(spec)) === JSON.stringify(sorted(planned));
      });
    }
    // What it has made goes on without it, and nobody else writes the Leases now.
    await operator.stop();
    return new Server(stage, await impersonating(t, stage));
  }

  async answer(each: AdmissionCase): Promise<Told> {
    const {after, before, ...writer} = each;
    const request = leaseRequest(writer, after, before, {}, Date.now());
    const {userInfo} = request.attributes as {userInfo: UserInfo};
    const resourceVersion = await this.#seeded(after, before);
    this.#count += 1;
    const manager = writer.fieldManager ?? 'nobody';
    const query = `dryRun=All&fieldManager=${manager}&${MARK}=${this.#count}`;
    const {namespace, name} = after.metadata;
    const path = `${leases(namespace)}${before ? `/${name}` : ''}?${query}`;
    const object = {...after, metadata: {...after.metadata, ...resourceVersion}};
    const reply = await this.#ask(before ? 'PUT' : 'POST', path, object, userInfo);
    return this.#told(reply);
  }

  /** The Lease as it is before, written as the operator writes, of whom nothing is asked. */
  async #seeded(after: LeaseManifest, before: LeaseManifest | undefined) {
    const {namespace, name} = after.metadata;
    const seed = JSON.stringify([namespace, name, before]);
    if (seed !== this.#seed) {
      const free = {metadata: {finalizers: null}};
      await this.#ask('PATCH', `${leases(namespace)}/${name}?fieldManager=leasepolicy`, free);
      await this.#ask('DELETE', `${leases(namespace)}/${name}`);
      if (before) {
        const reply = await this.#ask('POST', `${leases(namespace)}?fieldManager=leasepolicy`, before);
        if (reply.code !== 201) throw new Error(`the Lease was not made: ${reply.body.message}`);
      }
      this.#seed = seed;
    }
    if (!before) return {};
    const {body} = await this.#ask('GET', `${leases(namespace)}/${name}`);
    return {resourceVersion: body.metadata?.resourceVersion ?? ''};
  }

  async #told({code, body, warnings}: Reply): Promise<Told> {
    const denied = code > 299;
    if (denied && !/denied request: /.test(body.message ?? '')) throw new Error(body.message);
    const warned = warnings.flatMap(each => /^Validation failed for (.*)$/s.exec(each)?.[1] ?? []).sort();
    if (denied) {
      const [, said = ''] = /(ValidatingAdmissionPolicy '.*)$/s.exec(body.message ?? '') ?? [];
      return {verdict: 'Deny', first: said.replace(/' denied request: /, "': "), warned};
    }
    return {verdict: warned.length > 0 ? 'Warn' : 'Allow', first: await this.#audited(), warned};
  }

  /** What failed first of a request that was let through. */
  async #audited(): Promise<string | undefined> {
    const find = async () => {
      const log = await readFile(this.stage.cluster.auditLog ?? '', 'utf8');
      const line = log.split('\n').find(each => each.includes(`${MARK}=${this.#count}"`));
      return line !== undefined && (JSON.parse(line) as {annotations?: Record<string, string>});
    };
    const event = (await find()) || (await eventually('the event of the audit log', find, 5_000));
    const [failed] = JSON.parse(event.annotations?.[FAILURES] ?? '[]') as Failed[];
    return failed && textOf({...failed, admissionPolicy: failed.policy});
  }
}

/** By this part of its query the audit log tells a request from others; the server makes nothing of it. */
const MARK = 'pretty';
const FAILURES = 'validation.policy.admission.k8s.io/validation_failure';
type Failed = Pick<Breach, 'policy' | 'binding' | 'message'>;

const leases = (namespace: string) => `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;

const plain = <T>(value: T): T => (value === undefined ? value : JSON.parse(JSON.stringify(value)));

/** Whatever the order of the keys is. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, each]) => [key, sorted(each)]),
  );
}
