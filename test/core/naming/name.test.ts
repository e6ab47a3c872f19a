/** The grammar of names: what is given, what is refused, what is recognised. */
import test from 'ava';
import fc from 'fast-check';
import {
  isInjective,
  MAX_NAME_LENGTH,
  type NameParts,
  type Naming,
  nameOf,
  parseTemplate,
  recognise,
} from '../../../src/core/naming/name.ts';
import golden from '../../golden/names.json' with {type: 'json'};

const HASH = {of: ['name'], algorithm: 'SHA256', encoding: 'Hex', length: 10};
const API: NameParts = {kind: 'Deployment', namespace: 'shop', name: 'api', labels: {}};

const naming = (template: string, hash: Partial<Naming['hash']> = {}): Naming => ({
  prefix: 'payments',
  tokens: parseTemplate(template),
  hash: {...HASH, ...hash},
});

for (const {title, naming: published, subject, expected} of golden.vectors) {
  test(`the published name is given: ${title}`, t => {
    const {prefix, template, hash} = published;
    const labels = subject.labels as Record<string, string>;
    t.deepEqual(nameOf({prefix, hash, tokens: parseTemplate(template)}, {...subject, labels}), {
      name: expected,
    });
  });
}

test('a template falls into literals and variables', t => {
  t.deepEqual(parseTemplate('lock-{label:app.kubernetes.io/name}.{hash}'), [
    {literal: 'lock-'},
    {variable: 'label:app.kubernetes.io/name'},
    {literal: '.'},
    {variable: 'hash'},
  ]);
});

/** A DNS subdomain of this length, with a dot after every 60 characters. */
const longName = (length: number) => `${'a'.repeat(60)}.`.repeat(5).slice(0, length);

test('a name of 253 characters is given', t => {
  const name = longName(MAX_NAME_LENGTH);
  t.deepEqual(nameOf(naming('{name}'), {...API, name}), {name});
});

test('a name of 254 characters is refused with its length', t => {
  const result = nameOf(naming('{name}'), {...API, name: longName(254)});
  t.like(result, {problem: 'NameTooLong'});
  t.regex('message' in result ? result.message : '', /\b254 characters\b.*\b253\b/);
});

test('a hash keeps the name of the longest workload short', t => {
  const result = nameOf(naming('{prefix}-{hash}'), {...API, name: longName(253)});
  t.regex('name' in result ? result.name : '', /^payments-[0-9a-f]{10}$/);
});

const INVALID: [template: string, subject: Partial<NameParts>, shown: RegExp][] = [
  ['-{name}', {}, /"-api"/],
  ['{name}.', {}, /"api\."/],
  ['{name}..{namespace}', {}, /"api\.\.shop"/],
  ['{name}.-{namespace}', {}, /"api\.-shop"/],
  ['{name}', {name: 'system:controller'}, /"system:controller"/],
  ['{name}-{label:tier}', {labels: {tier: 'Web_1'}}, /"api-Web_1"/],
];

for (const [template, subject, shown] of INVALID) {
  test(`no name is given by ${template} for ${JSON.stringify(subject)}`, t => {
    const result = nameOf(naming(template), {...API, ...subject});
    t.like(result, {problem: 'InvalidName'});
    t.regex('message' in result ? result.message : '', shown);
  });
}

const MISSING: [why: string, naming: Naming, labels: Record<string, string>][] = [
  ['the template names it', naming('{label:tier}-{hash}'), {other: 'web'}],
  ['the hash is made of it', naming('{prefix}-{hash}', {of: ['label:tier']}), {}],
  ['its value is empty', naming('{label:tier}-{hash}'), {tier: ''}],
];

for (const [why, rule, labels] of MISSING) {
  test(`a missing label is told by its key when ${why}`, t => {
    const result = nameOf(rule, {...API, labels});
    t.like(result, {problem: 'InvalidName'});
    t.regex('message' in result ? result.message : '', /no label tier\b/);
  });
}

test('a label that only the hash is made of is not needed in a template without it', t => {
  const rule = naming('{prefix}-{name}', {of: ['label:tier', 'name']});
  t.deepEqual(nameOf(rule, API), {name: 'payments-api'});
});

for (const key of ['constructor', 'toString']) {
  test(`a label called ${key} is one like any other`, t => {
    const inTemplate = naming(`{label:${key}}-{hash}`);
    const inHash = naming('{prefix}-{hash}', {of: [`label:${key}`]});
    const labelled = {...API, labels: {[key]: 'api'}};
    t.deepEqual(nameOf(inTemplate, labelled), {name: 'api-14c2529eb4'});
    t.deepEqual(nameOf(inHash, labelled), {name: 'payments-14c2529eb4'});
    for (const rule of [inTemplate, inHash]) {
      const result = nameOf(rule, API);
      t.regex('message' in result ? result.message : '', new RegExp(`no label ${key},`));
    }
  });
}

test('a workload called constructor has a name like any other', t => {
  t.deepEqual(nameOf(naming('{name}'), {...API, name: 'constructor'}), {name: 'constructor'});
});

const INJECTIVE: [template: string, varying: string[], expected: boolean][] = [
  ['{name}', ['name'], true],
  ['{prefix}-{name}', ['name'], true],
  ['{prefix}{name}x', ['name'], true],
  ['{namespace}-{name}', ['name'], true],
  ['{namespace}.{name}', ['name', 'namespace'], true],
  ['{name}.{namespace}', ['name', 'namespace'], true],
  ['{prefix}-{namespace}.{name}', ['name', 'namespace'], true],
  ['{kind}-{name}', ['name', 'kind'], true],
  ['{name}-{kind}', ['name', 'kind'], true],
  ['{kind}.{name}', ['name', 'kind'], true],
  ['{kind}-{namespace}.{name}', ['name', 'namespace', 'kind'], true],
  ['{namespace}.{kind}-{name}', ['name', 'namespace', 'kind'], true],
  ['{kind}.{name}.{namespace}', ['name', 'namespace', 'kind'], true],
  ['{prefix}', ['name'], false],
  ['{namespace}', ['name', 'namespace'], false],
  ['{name}', ['name', 'namespace'], false],
  ['{name}', ['name', 'kind'], false],
  ['{namespace}-{name}', ['name', 'namespace'], false],
  ['{name}-{namespace}', ['name', 'namespace'], false],
  ['{prefix}-{namespace}-{name}', ['name', 'namespace'], false],
  ['{namespace}{name}', ['name', 'namespace'], false],
  ['{kind}{name}', ['name', 'kind'], false],
  ['{kind}x{name}', ['name', 'kind'], false],
  ['{kind}.{namespace}-{name}', ['name', 'namespace', 'kind'], false],
  ['{namespace}-{kind}.{name}', ['name', 'namespace', 'kind'], false],
  ['{name}.{kind}.{name}', ['name', 'kind'], false],
];

for (const [template, varying, expected] of INJECTIVE) {
  test(`${template} ${expected ? 'keeps' : 'may not keep'} subjects apart by ${varying.join(', ')}`, t => {
    t.is(isInjective(parseTemplate(template), varying), expected);
  });
}

/** All texts of up to four characters of the alphabet that are a DNS label, or a subdomain when it has dots. */
function texts(alphabet: string): string[] {
  let all = [''];
  const valid: string[] = [];
  for (let length = 1; length <= 4; length++) {
    all = all.flatMap(text => [...alphabet].map(character => text + character));
    valid.push(...all.filter(text => /^a+(-+a+)*(\.a+(-+a+)*)*$/.test(text)));
  }
  return valid;
}

/** Subjects that are easily mistaken for each other; what does not vary is the same for all. */
function adversaries(varying: readonly string[]): NameParts[] {
  const kinds = varying.includes('kind') ? ['A', 'Aa'] : ['A'];
  const namespaces = varying.includes('namespace') ? texts('a-') : ['a-a'];
  const names = texts('a-.');
  return kinds.flatMap(kind =>
    namespaces.flatMap(namespace => names.map(name => ({kind, namespace, name, labels: {}}))),
  );
}

const VARYING = [['name'], ['name', 'namespace'], ['name', 'kind'], ['name', 'namespace', 'kind']];
const PIECES = ['{prefix}', '{kind}', '{namespace}', '{name}', '-', '.', 'a', 'a-', '.a', '-a'];
const anyTemplate = fc.oneof(
  fc.array(fc.constantFrom(...PIECES), {minLength: 1, maxLength: 7}).map(pieces => pieces.join('')),
  fc
    .tuple(
      fc.shuffledSubarray(['{kind}', '{namespace}', '{name}', '{prefix}'], {minLength: 3}),
      fc.array(fc.constantFrom('-', '.', 'a-', '.a', ''), {minLength: 3, maxLength: 3}),
    )
    .map(([variables, between]) => variables.map((each, at) => each + (between[at] ?? '')).join('')),
);

test('where a template is said to keep subjects apart, no two of them share a name', t => {
  let judged = 0;
  const property = fc.property(anyTemplate, fc.constantFrom(...VARYING), (template, varying) => {
    const tokens = parseTemplate(template);
    if (!isInjective(tokens, varying)) return;
    judged++;
    const owners = new Map<string, string>();
    for (const subject of adversaries(varying)) {
      const result = nameOf({prefix: 'a-a', tokens, hash: HASH}, subject);
      if (!('name' in result)) continue;
      const {kind, namespace, name} = subject;
      const other = owners.get(result.name);
      if (other) throw new Error(`${result.name} is that of ${other} and of ${kind} ${namespace} ${name}`);
      owners.set(result.name, `${kind} ${namespace} ${name}`);
    }
  });
  t.notThrows(() => fc.assert(property, {numRuns: 400}));
  t.true(judged > 20, `only ${judged} templates were injective`);
});

test('a template with {namespace}-{name} does give two subjects one name', t => {
  const one = nameOf(naming('{namespace}-{name}'), {...API, namespace: 'a', name: 'a-a'});
  const other = nameOf(naming('{namespace}-{name}'), {...API, namespace: 'a-a', name: 'a'});
  t.deepEqual(one, other);
});

const dnsLabel = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?$/);
const anyNaming = fc
  .record({
    prefix: dnsLabel,
    pieces: fc.array(fc.constantFrom(...PIECES, '{hash}', '{label:app.io/tier}'), {
      minLength: 1,
      maxLength: 6,
    }),
    encoding: fc.constantFrom('Hex', 'Base32', 'Safe'),
    length: fc.integer({min: 6, max: 52}),
    of: fc.uniqueArray(fc.constantFrom('kind', 'namespace', 'name', 'label:app.io/tier'), {minLength: 1}),
  })
  .map(({prefix, pieces, ...hash}) => ({
    prefix,
    tokens: parseTemplate(pieces.join('')),
    hash: {...HASH, ...hash},
  }));
const anySubject = fc.record({
  kind: fc.stringMatching(/^[A-Z][A-Za-z0-9]{0,8}$/),
  namespace: dnsLabel,
  name: fc.array(dnsLabel, {minLength: 1, maxLength: 3}).map(labels => labels.join('.')),
  labels: fc.record({'app.io/tier': fc.stringMatching(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,5}[A-Za-z0-9])?$/)}),
});

test('every name that is given is recognised', t => {
  const property = fc.property(anyNaming, anySubject, (rule, subject) => {
    const result = nameOf(rule, subject);
    return !('name' in result) || recognise(rule)(result.name);
  });
  t.notThrows(() => fc.assert(property, {numRuns: 500}));
});

test('a name is valid and within the limit whatever the subject is called', t => {
  const anything = fc.record({
    kind: fc.string(),
    namespace: fc.string(),
    name: fc.string(),
    labels: fc.dictionary(fc.constant('app.io/tier'), fc.string()),
  });
  const property = fc.property(anyNaming, anything, (rule, subject) => {
    const result = nameOf(rule, subject);
    return 'problem' in result || (result.name.length <= 253 && /^[a-z0-9][-.a-z0-9]*$/.test(result.name));
  });
  t.notThrows(() => fc.assert(property));
});

test('a name of another prefix, or with something before or after it, is not recognised', t => {
  const recognised = recognise(naming('{prefix}-{hash}'));
  t.true(recognised('payments-14c2529eb4'));
  for (const other of [
    'payment-14c2529eb4',
    'payments-14c2529eb',
    'x-payments-14c2529eb4',
    'payments-14c2529eb4.x',
  ]) {
    t.false(recognised(other), other);
  }
});

test('a dot in a template stands for itself alone', t => {
  const recognised = recognise(naming('a.{namespace}'));
  t.true(recognised('a.shop'));
  t.false(recognised('axshop'));
});

test('{namespace} has no dot, {kind} nothing but letters and digits, and neither ends with a dash', t => {
  const recognised = recognise(naming('{namespace}.{kind}-{name}'));
  t.true(recognised('a-b.job-x.y-z'));
  for (const other of ['a-.job-x', 'a.j.b-x', '.job-x', 'a.job-', 'a.job-x-', 'a.-x', 'a.job-X', ''])
    t.false(recognised(other), other);
});

test('a prefix stands for itself alone, whatever is in it', t => {
  t.true(recognise({...naming('{prefix}-{hash}'), prefix: '(.*'})('(.*-14c2529eb4'));
  t.false(recognise({...naming('{prefix}-{hash}'), prefix: '.*'})('x-14c2529eb4'));
});

test('a name that could be read in very many ways is told in no time', t => {
  const recognised = recognise(naming('{namespace}-{kind}-{name}-{label:a}-{name}-{hash}'));
  const startMs = performance.now();
  t.false(recognised('a-'.repeat(126)));
  t.true(recognised(`${'a-'.repeat(120)}14c2529eb4`));
  t.true(performance.now() - startMs < 100);
});
