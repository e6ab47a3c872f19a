/** The names for other programs: those that the operator gives, or an error that says why there is none. */
import {execFile} from 'node:child_process';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import {operatorCommand, ROOT} from '../dev/programs.ts';
import {rulesOf} from '../src/core/manifest/manifest.ts';
import {NAMING_VERSION as ofTheOperator} from '../src/core/naming/hash.ts';
import {
  leaseName,
  NAMING_VERSION,
  type Naming,
  NamingError,
  type NamingProblem,
  type Workload,
} from '../src/naming.ts';
import {blocksOf} from './docs/blocks.ts';
import golden from './golden/names.json' with {type: 'json'};

const execute = promisify(execFile);
const API: Workload = {kind: 'Deployment', namespace: 'shop', name: 'api'};

test('the version is that of the published names, and of the label on every Lease', t => {
  t.is(NAMING_VERSION, golden.version);
  t.is(NAMING_VERSION, ofTheOperator);
});

for (const {title, naming, subject, expected} of golden.vectors) {
  test(`another program has the published name: ${title}`, t => {
    t.is(leaseName(naming as Naming, subject as unknown as Workload), expected);
  });
}

test('what is left out is what the CRD fills in', t => {
  t.is(leaseName({prefix: 'payments'}, API), 'payments-14c2529eb4');
  t.is(
    leaseName({prefix: 'payments', hash: {of: ['kind', 'namespace', 'name']}}, API),
    'payments-d381c6448b',
  );
  t.is(leaseName({prefix: 'payments', hash: {encoding: 'Safe'}}, API), 'payments-cgrdhdntqg');
});

test('a Role has a name although no Deployment could be called so', t => {
  // printf %s 'system:leader' | sha256sum
  t.is(leaseName({prefix: 'a'}, {...API, kind: 'Role', name: 'system:leader'}), 'a-3908a03cb7');
});

const anyNaming = fc.record({
  prefix: fc.constantFrom('a', 'payments', 'x9-y'),
  template: fc.constantFrom('{prefix}-{hash}', '{kind}.{hash}', '{prefix}-{name}', '{label:tier}-{hash}'),
  hash: fc.record(
    {
      of: fc.subarray(['kind', 'namespace', 'name', 'label:tier'], {minLength: 1}),
      encoding: fc.constantFrom('Hex', 'Base32', 'Safe'),
      length: fc.integer({min: 6, max: 52}),
    },
    {requiredKeys: []},
  ),
});
const anyWorkload = fc.record({
  kind: fc.constantFrom('Deployment', 'StatefulSet'),
  namespace: fc.stringMatching(/^[a-z]{1,9}$/),
  name: fc.oneof(fc.stringMatching(/^[a-z0-9]{1,9}$/), fc.constant('a'.repeat(250))),
  labels: fc.oneof(fc.constant({}), fc.constant({tier: 'web'}), fc.constant({tier: 'Web_1'})),
});

test('it is the name that a policy with this naming gives, or the same refusal', t => {
  const property = fc.property(anyNaming, anyWorkload, (naming, workload) => {
    const rules = rulesOf({
      apiVersion: 'leasepolicy.dev/v1alpha1',
      kind: 'LeasePolicy',
      metadata: {name: 'any'},
      spec: {subjects: {workloads: {}}, naming},
    } as never);
    if (!('nameOf' in rules)) throw new Error(`no rules: ${rules}`);
    const result = rules.nameOf(workload);
    const given = attempt(naming as Naming, workload);
    t.is(
      given instanceof NamingError ? given.problem : given,
      'name' in result ? result.name : result.problem,
    );
  });
  t.notThrows(() => fc.assert(property, {numRuns: 500}));
});

function attempt(naming: unknown, workload: unknown): string | NamingError {
  try {
    return leaseName(naming as Naming, workload as Workload);
  } catch (error) {
    if (error instanceof NamingError) return error;
    throw error;
  }
}

const REFUSED: [what: string, naming: unknown, workload: unknown, problem: NamingProblem, says: RegExp][] = [
  ['a missing prefix', {}, API, 'InvalidNaming', /^naming\.prefix: it is missing$/],
  ['no naming at all', undefined, API, 'InvalidNaming', /^naming: it is missing, write a map of fields$/],
  [
    'a prefix in capitals',
    {prefix: 'Payments'},
    API,
    'InvalidNaming',
    /^naming\.prefix: prefix must be a DNS label/,
  ],
  [
    'a field that is misspelt',
    {prefix: 'a', hash: {lenght: 12}},
    API,
    'InvalidNaming',
    /naming\.hash\.lenght: there is/,
  ],
  [
    'a template of no variable',
    {prefix: 'a', template: 'lock'},
    API,
    'InvalidNaming',
    /could give two subjects one Lease/,
  ],
  [
    'too long a hash in Base32',
    {prefix: 'a', hash: {encoding: 'Base32', length: 60}},
    API,
    'InvalidNaming',
    /at most 52$/,
  ],
  [
    'a workload without a namespace',
    {prefix: 'a'},
    {...API, namespace: ''},
    'InvalidWorkload',
    /^namespace of the workload is ""/,
  ],
  [
    'a workload without a name',
    {prefix: 'a'},
    {...API, name: undefined},
    'InvalidWorkload',
    /^name of the workload is missing/,
  ],
  ['no workload at all', {prefix: 'a'}, null, 'InvalidWorkload', /^kind of the workload is missing/],
  [
    'a plural for the kind',
    {prefix: 'a'},
    {...API, kind: 'deployments'},
    'InvalidWorkload',
    /is "deployments": write it as in a manifest/,
  ],
  [
    'a name that ends what is hashed before it',
    {prefix: 'a'},
    {...API, name: 'a/b'},
    'InvalidWorkload',
    /^name .* is "a\/b"/,
  ],
  [
    'a name that no Deployment can have',
    {prefix: 'a'},
    {...API, name: 'API_x'},
    'InvalidWorkload',
    /^name of the workload is "API_x": no Deployment can be called so, write lower-case letters and digits/,
  ],
  [
    'a name that is too long for any object',
    {prefix: 'a'},
    {...API, name: 'a'.repeat(254)},
    'InvalidWorkload',
    /^name of the workload is /,
  ],
  [
    'a namespace with a dot',
    {prefix: 'a'},
    {...API, namespace: 'shop.eu'},
    'InvalidWorkload',
    /^namespace of the workload is "shop\.eu": no namespace can be called so/,
  ],
  [
    'a Role whose name is no part of a path',
    {prefix: 'a'},
    {...API, kind: 'Role', name: '50%'},
    'InvalidWorkload',
    /^name of the workload is "50%": no Role can be called so/,
  ],
  [
    'a label that is no text',
    {prefix: 'a'},
    {...API, labels: {tier: 1}},
    'InvalidWorkload',
    /^label tier of the workload is 1/,
  ],
  [
    'a label that is missing',
    {prefix: 'a', hash: {of: ['label:tier']}},
    API,
    'InvalidName',
    /^Deployment shop\/api: .* no label tier/,
  ],
  [
    'a name with a colon',
    {prefix: 'a', template: '{name}'},
    {...API, kind: 'Role', name: 'a:b'},
    'InvalidName',
    /"a:b" is no valid name/,
  ],
  [
    'a name beyond the limit',
    {prefix: 'a', template: 'x-{name}'},
    {...API, name: 'a'.repeat(252)},
    'NameTooLong',
    /254 characters/,
  ],
];

for (const [what, naming, workload, problem, says] of REFUSED) {
  test(`refused, and told what to write instead: ${what}`, t => {
    const error = attempt(naming, workload);
    t.true(error instanceof NamingError, String(error));
    t.like(error, {name: 'NamingError', problem});
    t.regex((error as NamingError).message, says);
  });
}

test('there is a name or a NamingError for every value that JSON can hold', t => {
  const property = fc.property(fc.jsonValue(), fc.jsonValue(), (naming, workload) => {
    const one = attempt(naming, API);
    const other = attempt({prefix: 'a'}, workload);
    return [one, other].every(each => typeof each === 'string' || each instanceof NamingError);
  });
  t.notThrows(() => fc.assert(property, {numRuns: 1000}));
});

test('the example and the page say what they print', async t => {
  await operatorCommand();
  const folder = await mkdtemp(path.join(tmpdir(), 'leasepolicy-naming-'));
  t.teardown(() => rm(folder, {recursive: true}));
  const file = path.join(folder, 'deployment.json');
  const example = () => execute(process.execPath, ['examples/naming.ts', file], {cwd: ROOT});
  const deployment = {kind: 'Deployment', metadata: {name: 'api', namespace: 'shop'}};
  await writeFile(file, JSON.stringify(deployment));
  t.is((await example()).stdout, 'payments-14c2529eb4\n');
  await writeFile(file, JSON.stringify({...deployment, kind: 'deployment'}));
  const {code, stderr} = await example().then(
    done => ({...done, code: 0}),
    error => error,
  );
  t.is(code, 1);
  t.regex(stderr, /^InvalidWorkload: kind of the workload is "deployment"/);

  const [shown] = (await blocksOf('docs/naming.md')).filter(each => each.language === 'ts');
  const printed = [...(shown?.text ?? '').matchAll(/\/\/ (.+)$/gm)].map(([, text]) => text);
  const page = await execute(process.execPath, ['--input-type=module', '-e', shown?.text ?? ''], {cwd: ROOT});
  t.true(printed.length > 0);
  t.deepEqual(page.stdout.trim().split('\n'), printed);
});
