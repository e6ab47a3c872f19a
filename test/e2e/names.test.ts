/** Names and durations, as the API server checks them: for people, for products, and while the operator is down. */
import {readFile} from 'node:fs/promises';
import test from 'ava';
import {leads, type Program} from '../../dev/programs.ts';
import {
  type Account,
  type Answer,
  accountsOf,
  administrator,
  creates,
  enforced,
  leaseRights,
  refusal,
  serviceAccount,
} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {deployment, namespace, policy, type Stage, setStage, startLeader} from '../support/stage.ts';

const naming = {prefix: 'payments', template: '{prefix}-{name}'};
const create = false;
const exempt = [{namespace: '*', name: 'built-in', reason: 'the name is built in'}];

const lease = (name: string, spec: object = {}, namespaceName = 'shop') => ({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  metadata: {namespace: namespaceName, name},
  spec,
});

/** As the API server would answer, without a Lease that is left behind. */
const tries = (account: Account, manifest: object) => creates(account, manifest, '--dry-run=server');

const passes = (account: Account, manifest: object) =>
  eventually('a creation that passes', async () => {
    const answer = await creates(account, manifest);
    if (answer.code !== 0) throw new Error(answer.stderr);
    return answer;
  });

const records = ({kubectl}: Account, name: string, spec: object, ...flags: string[]): Promise<Answer> =>
  kubectl(['patch', 'lease', name, '-n', 'shop', '--type=merge', '-p', JSON.stringify({spec}), ...flags]);

const registered = (stage: Stage, name: string, namespaceName = 'shop') =>
  eventually(`${name} in the registry`, async () => {
    const spec = await stage.registry(namespaceName);
    return spec !== undefined && (name in spec.names || spec.exempt.includes(name));
  });

const names = async (stage: Stage) => (await stage.leases('shop')).map(each => each.metadata.name).sort();

/** Waits for renewals after now. */
async function renews(stage: Stage, name: string): Promise<void> {
  const renewed = async () => (await stage.lease('shop', name))?.spec?.renewTime ?? '';
  const before = await renewed();
  const first = await eventually('a renewal', async () => (await renewed()) > before && renewed());
  await eventually('another one', async () => (await renewed()) > first);
}

const complaint = (candidate: Program, pattern: RegExp) =>
  eventually(`${candidate.name}: ${pattern}`, async () => pattern.test(candidate.errors));

test.serial(
  'under Deny a Lease that no policy allows is not created, and the sentence says which are allowed',
  async t => {
    const stage = await setStage(t);
    const workloads = ['api', 'db', 'mail', 'web'].map(each => deployment('shop', each));
    await stage.apply(
      namespace('shop'),
      namespace('market'),
      serviceAccount('shop', 'app'),
      ...leaseRights(),
    );
    await stage.apply(...workloads);
    const here = exempt.map(each => ({...each, namespace: 'shop'}));
    await stage.apply(
      policy('payments', {naming, lease: {create}, enforcement: {names: 'Deny', exempt: here}}),
    );
    await startLeader(stage);
    await registered(stage, 'payments-web');
    await enforced(stage, 'payments');
    const admin = administrator(t, stage);
    const app = await (await accountsOf(t, stage))('shop', 'app');
    await refusal(() => tries(admin, lease('rogue')));

    const allowed = 'payments-api, payments-db, payments-mail and 2 more';
    const sentence = `no policy allows Lease rogue in namespace shop (LeasePolicy payments); allowed here: ${allowed}; use the name of your workload, or have this one exempted`;
    for (const account of [admin, app]) {
      const said = await refusal(() => creates(account, lease('rogue')));
      t.true(said.endsWith(sentence), said);
    }
    const applied = (...flags: string[]) =>
      admin.kubectl(['apply', '-f', '-', ...flags], JSON.stringify(lease('rogue')));
    t.true((await refusal(() => applied())).includes(sentence));
    t.true((await refusal(() => applied('--server-side'))).includes(sentence));
    const {name: _, ...metadata} = {...lease('').metadata, generateName: 'payments-'};
    const generated = await refusal(() => creates(admin, {...lease(''), metadata}));
    t.regex(generated, /no policy allows Lease payments-[a-z0-9]{5} in namespace shop/);
    const elsewhere = await refusal(() => creates(admin, lease('built-in', {}, 'market')));
    t.regex(elsewhere, /no policy allows Lease built-in in namespace market .+ allowed here: none;/);
    t.deepEqual(await names(stage), []);

    for (const name of ['payments-api', 'built-in']) {
      const {code, stderr} = await creates(app, lease(name));
      t.is(code, 0, stderr);
      t.is(stderr, '');
    }
    t.deepEqual(await names(stage), ['built-in', 'payments-api']);
  },
);

test.serial(
  'Warn lets a Lease pass with a warning, and Audit with an annotation in the audit log alone',
  async t => {
    const stage = await setStage(t, {auditPolicy: true});
    await stage.apply(namespace('shop'), deployment('shop', 'api'));
    await stage.apply(policy('payments', {naming, lease: {create}, enforcement: {names: 'Warn'}}));
    await startLeader(stage);
    await registered(stage, 'payments-api');
    const admin = administrator(t, stage);
    const sentence = (name: string) =>
      `no policy allows Lease ${name} in namespace shop (LeasePolicy payments); allowed here: payments-api; use the name of your workload`;
    await eventually('a warning', async () => (await tries(admin, lease('first'))).stderr !== '');
    const warned = await creates(admin, lease('first'));
    t.is(warned.code, 0);
    t.regex(warned.stderr, /^Warning: /);
    t.true(warned.stderr.includes(sentence('first')), warned.stderr);
    t.is((await creates(admin, lease('payments-api'))).stderr, '');

    await stage.apply(policy('payments', {naming, lease: {create}, enforcement: {names: 'Audit'}}));
    await eventually('no warning', async () => (await tries(admin, lease('second'))).stderr === '');
    t.deepEqual((await creates(admin, lease('second'))).stderr, '');
    t.deepEqual(await names(stage), ['first', 'payments-api', 'second']);
    for (const name of ['first', 'second']) {
      const annotation = await eventually(`${name} in the audit log`, () => failureOf(stage, name));
      t.true(annotation.includes(sentence(name)), annotation);
    }
    t.is(await failureOf(stage, 'payments-api'), undefined);
  },
);

type AuditEvent = {
  verb: string;
  objectRef?: {resource?: string; name?: string};
  annotations?: Record<string, string>;
};

/** The annotation of the API server's on the creation of a Lease. */
async function failureOf({cluster}: Stage, name: string): Promise<string | undefined> {
  const lines = (await readFile(cluster.auditLog ?? '', 'utf8')).split('\n').slice(0, -1);
  const events = lines.map(line => JSON.parse(line) as AuditEvent);
  const found = events.filter(
    ({verb, objectRef}) => verb === 'create' && objectRef?.resource === 'leases' && objectRef.name === name,
  );
  const failure = found.at(-1)?.annotations?.['validation.policy.admission.k8s.io/validation_failure'];
  return failure && (JSON.parse(failure) as {message: string}[]).map(each => each.message).join();
}

test.serial(
  'only creation is checked: a Lease that became misnamed goes on being renewed, released and taken',
  async t => {
    const stage = await setStage(t);
    await stage.apply(namespace('shop'), serviceAccount('shop', 'app'), ...leaseRights());
    const app = await (await accountsOf(t, stage))('shop', 'app');
    const at = (identity: string, name: string) => ({namespace: 'shop', lease: name, identity});
    const first = await app.candidate(at('app-0', 'old-name'));
    await first.line('leading', leads);
    await stage.apply(policy('payments', {naming, enforcement: {names: 'Deny'}}));
    await startLeader(stage);
    await enforced(stage, 'payments');
    await refusal(() => tries(app, lease('rogue')));

    await renews(stage, 'old-name');
    const second = await app.candidate(at('app-1', 'old-name'));
    t.is(await first.stop(), 0);
    await second.line('leading', leads);
    await renews(stage, 'old-name');

    const newcomer = await app.candidate(at('app-2', 'new-name'));
    await complaint(newcomer, /no policy allows Lease new-name in namespace shop/);
    t.false(newcomer.lines.some(leads));
    t.deepEqual(await names(stage), ['old-name']);
  },
);

test.serial('names are enforced while the operator is stopped, also in a namespace that is new', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'), deployment('shop', 'api'));
  await stage.apply(policy('payments', {naming, lease: {create}, enforcement: {names: 'Deny', exempt}}));
  const operator = await startLeader(stage);
  await registered(stage, 'payments-api');
  await enforced(stage, 'payments');
  const admin = administrator(t, stage);
  await refusal(() => tries(admin, lease('rogue')));

  t.is(await operator.stop(), 0);
  t.regex(await refusal(() => creates(admin, lease('rogue'))), /no policy allows Lease rogue/);
  t.is((await creates(admin, lease('payments-api'))).code, 0);
  await stage.apply(namespace('market'), deployment('market', 'web'));
  const {code, stderr} = await creates(admin, lease('payments-web', {}, 'market'));
  t.is(code, 1);
  t.regex(stderr, /leasepolicy-names-payments.+no params found/);

  await startLeader(stage);
  await passes(admin, lease('payments-web', {}, 'market'));
  await passes(admin, lease('built-in', {}, 'market'));
  t.regex(
    await refusal(() => creates(admin, lease('rogue', {}, 'market'))),
    /allowed here: payments-web, built-in;/,
  );
});

test.serial('under failurePolicy Ignore a namespace without a registry lets every Lease pass', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'));
  const failurePolicy = {names: 'Ignore'};
  await stage.apply(policy('payments', {naming, enforcement: {names: 'Deny', failurePolicy}}));
  const operator = await startLeader(stage);
  await enforced(stage, 'payments');
  const admin = administrator(t, stage);
  await refusal(() => tries(admin, lease('rogue')));

  await operator.stop();
  await stage.apply(namespace('market'));
  t.is((await creates(admin, lease('rogue', {}, 'market'))).code, 0);
  t.regex(await refusal(() => creates(admin, lease('rogue'))), /allowed here: none/);
});

test.serial('an exemption ends in the API server at its moment, while the operator is stopped', async t => {
  const stage = await setStage(t);
  await stage.apply(namespace('shop'));
  const ending = (until?: string) =>
    policy('payments', {
      naming,
      enforcement: {names: 'Deny', exempt: exempt.map(each => ({...each, ...(until ? {until} : {})}))},
    });
  await stage.apply(ending());
  const operator = await startLeader(stage);
  await enforced(stage, 'payments');
  const admin = administrator(t, stage);
  await refusal(() => tries(admin, lease('rogue')));
  const until = new Date(Date.now() + 8_000).toISOString();
  await stage.apply(ending(until));
  await eventually('the end in the registry', async () => {
    const spec = await stage.registry('shop');
    return spec?.exemptUntil['built-in'] === until.replace(/\.\d+Z$/, 'Z');
  });
  await operator.stop();
  const lasting = await tries(admin, lease('built-in'));
  t.is(lasting.code, 0, lasting.stderr);
  t.true(Date.now() < Date.parse(until), 'the exemption was seen while it lasted');

  t.regex(await refusal(() => tries(admin, lease('built-in'))), /no policy allows Lease built-in/);
  t.true(Date.now() >= Date.parse(until) - 1_000, 'a moment has whole seconds');
  t.deepEqual((await stage.registry('shop'))?.exempt, ['built-in'], 'nobody has taken it out');
  await startLeader(stage);
  await eventually(
    'the registry without it',
    async () => (await stage.registry('shop'))?.exempt.length === 0,
  );
});

test.serial(
  'a name is allowed when one of several policies allows it, as long as that policy is there',
  async t => {
    const stage = await setStage(t);
    await stage.apply(namespace('shop'), deployment('shop', 'api'));
    await stage.apply(
      policy('payments', {naming, lease: {create}, enforcement: {names: 'Deny', exempt}}),
      policy('audit', {naming: {...naming, prefix: 'audit'}, lease: {create}, enforcement: {names: 'Deny'}}),
    );
    await startLeader(stage);
    await registered(stage, 'payments-api');
    await registered(stage, 'audit-api');
    await enforced(stage, 'payments', 'audit');
    const admin = administrator(t, stage);
    // The API server tells the first of several refusals.
    const first = await refusal(() => tries(admin, lease('rogue')));
    t.regex(first, /LeasePolicy (audit|payments)\); allowed here: audit-api, payments-api, built-in;/);
    for (const name of ['payments-api', 'audit-api', 'built-in'])
      t.is((await tries(admin, lease(name))).code, 0, name);

    await stage.kubectl(['delete', 'leasepolicy', 'audit']);
    const sentence = 'no policy allows Lease audit-api in namespace shop (LeasePolicy payments)';
    await eventually('a refusal by the other one', async () =>
      (await tries(admin, lease('audit-api'))).stderr.includes(sentence),
    );
    t.is((await tries(admin, lease('payments-api'))).code, 0);
  },
);

const BOUNDS = {min: 5, max: 60};
const SLOW = ['-lease-duration', '600s', '-renew-deadline', '3s', '-retry-period', '500ms'];
const SOUND = ['-lease-duration', '10s', '-renew-deadline', '3s', '-retry-period', '500ms'];

test.serial(
  'a duration outside of the bounds is refused, but a holder goes on renewing and may release',
  async t => {
    const stage = await setStage(t);
    await stage.apply(namespace('shop'), ...['api', 'held', 'web'].map(each => deployment('shop', each)));
    await stage.apply(deployment('shop', 'batch', {app: 'batch', tier: 'batch'}));
    const at = {namespace: 'shop', lease: 'payments-held'};
    const holder = await stage.candidate({...at, identity: 'held-0', flags: SLOW});
    await holder.line('leading', leads);
    const isBatch = [{key: 'tier', operator: 'Exists'}];
    const workloads = (matchExpressions: {key: string; operator: string}[]) => ({
      workloads: {selector: {matchExpressions}},
    });
    const spec = {naming, lease: {create}, subjects: workloads([{key: 'tier', operator: 'DoesNotExist'}])};
    await stage.apply(
      policy('payments', {...spec, enforcement: {names: 'Deny', durationSeconds: BOUNDS, exempt}}),
      policy('batch', {naming: {...naming, prefix: 'batch'}, lease: {create}, subjects: workloads(isBatch)}),
    );
    await startLeader(stage);
    for (const name of ['payments-api', 'payments-held', 'payments-web', 'batch-batch', 'built-in'])
      await registered(stage, name);
    await enforced(stage, 'payments', 'batch');
    const admin = administrator(t, stage);
    const sentence =
      'Lease payments-api has leaseDurationSeconds 600; LeasePolicy payments allows 5 to 60: change the lease duration of Deployment/api';
    const slow = {holderIdentity: 'x', leaseDurationSeconds: 600};
    const said = await refusal(() => tries(admin, lease('payments-api', slow)));
    t.true(said.endsWith(sentence), said);

    t.is((await creates(admin, lease('payments-api', {...slow, leaseDurationSeconds: 60}))).code, 0);
    t.true((await refusal(() => records(admin, 'payments-api', slow))).endsWith(sentence));
    await refusal(() => records(admin, 'payments-api', {leaseDurationSeconds: 4}));
    t.is((await records(admin, 'payments-api', {leaseDurationSeconds: 5})).code, 0);
    t.is((await records(admin, 'payments-api', {leaseDurationSeconds: 1, holderIdentity: ''})).code, 0);
    t.is((await creates(admin, lease('payments-web'))).code, 0, 'without a duration');
    for (const name of ['batch-batch', 'built-in'])
      t.is((await creates(admin, lease(name, slow))).code, 0, `${name} is not of this policy`);

    await renews(stage, 'payments-held');
    t.is((await stage.lease('shop', 'payments-held'))?.spec?.leaseDurationSeconds, 600);
    t.is(await holder.stop(), 0);
    t.like((await stage.lease('shop', 'payments-held'))?.spec, {holderIdentity: '', leaseDurationSeconds: 1});
    const next = await stage.candidate({...at, identity: 'held-1', flags: SLOW});
    await complaint(next, /Lease payments-held has leaseDurationSeconds 600/);
    t.false(next.lines.some(leads));
    const sound = await stage.candidate({...at, identity: 'held-2', flags: SOUND});
    await sound.line('leading', leads);

    const durationSeconds = {...BOUNDS, action: 'Warn'};
    await stage.apply(policy('payments', {...spec, enforcement: {names: 'Deny', durationSeconds, exempt}}));
    const warned = await eventually('a warning', async () => {
      const answer = await records(admin, 'payments-api', slow, '--dry-run=server');
      return answer.code === 0 && answer;
    });
    t.true(warned.stderr.startsWith('Warning: ') && warned.stderr.includes(sentence), warned.stderr);
    await refusal(() => creates(admin, lease('rogue')));
  },
);
