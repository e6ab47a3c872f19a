/**
 * Names. What is hashed is never the same for two subjects. A hash that is cut is: of a million subjects in one
 * namespace two share ten hex digits with a probability of 0.37 (n²/2^41 pairs are expected), so what is promised is
 * that the older one keeps the name, and that more digits keep them apart.
 */
import assert from 'node:assert/strict';
import test from 'ava';
import fc from 'fast-check';
import type {HashSpec} from '../../src/api/leasepolicy.ts';
import {
  type Claim,
  ClaimIndex,
  parseSubject,
  subjectText,
  type Workload,
} from '../../src/core/naming/claims.ts';
import {hashOf} from '../../src/core/naming/hash.ts';
import {type NameParts, nameOf, parseTemplate} from '../../src/core/naming/name.ts';
import {compile, type Rules} from '../../src/core/naming/rules.ts';
import {accessName, leaseOfAccess} from '../../src/core/plan/access.ts';
import {planWorkload} from '../../src/core/plan/workload.ts';
import {policy, workload} from '../support/builders.ts';
import {anyKind, anyLabel, anyName, anyWorkloadSpec, NOW} from './arbitraries.ts';
import {COUNT, forAll, Progress, SEED} from './property.ts';

// Subjects by the million

const TIER = 'app.io/tier';
const LABEL = `label:${TIER}`;
const ORDERS = [
  ['namespace', 'kind', 'name', LABEL],
  [LABEL, 'name', 'kind', 'namespace'],
  ['name', 'namespace', LABEL, 'kind'],
];

/** All texts of up to so many characters that have the form; of few characters, so that they are easily mistaken. */
function texts(alphabet: string, most: number, form: RegExp): string[] {
  let all = [''];
  const valid: string[] = [];
  for (let length = 1; length <= most; length++) {
    all = all.flatMap(text => [...alphabet].map(character => text + character));
    valid.push(...all.filter(text => form.test(text)));
  }
  return valid;
}

const KINDS = texts('Aa', 3, /^A/);
const NAMESPACES = texts('a-', 6, /^a(-*a)*$/);
const NAMES = texts('a-.', 8, /^a+(-+a+)*(\.a+(-+a+)*)*$/);
const TIERS = texts('aA-._', 3, /^[aA]([-._aA]*[aA])?$/);
const ALL = KINDS.length * NAMESPACES.length * NAMES.length * TIERS.length;

/** So many different subjects, in an order that the seed gives: a step that has no factor in common with their number. */
function* subjects(count: number): Generator<NameParts> {
  const step = stepFor(SEED);
  for (let at = 0, place = SEED % ALL; at < count; at++, place = (place + step) % ALL) {
    let rest = place;
    const pick = (list: readonly string[]) => {
      const text = list[rest % list.length] ?? '';
      rest = Math.floor(rest / list.length);
      return text;
    };
    const [kind, namespace, name] = [pick(KINDS), pick(NAMESPACES), pick(NAMES)];
    yield {kind, namespace, name, labels: {[TIER]: pick(TIERS)}};
  }
}

function stepFor(seed: number): number {
  let step = Math.floor(ALL * 0.618) + (seed % 1000);
  while (divisor(step, ALL) !== 1) step++;
  return step;
}

const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));

const namingOf = (of: readonly string[], hash: Partial<HashSpec>) => ({
  prefix: 'p',
  tokens: parseTemplate('{hash}'),
  hash: {of: [...of], algorithm: 'SHA256', encoding: 'Hex', length: 64, ...hash},
});

/** How many pairs of the subjects have one name. */
function pairs(title: string, of: readonly string[], hash: Partial<HashSpec>): number {
  const naming = namingOf(of, hash);
  const progress = new Progress(title, COUNT);
  const counts = new Map<string, number>();
  let found = 0;
  for (const subject of subjects(COUNT)) {
    const result = nameOf(naming, subject);
    if (!('name' in result)) throw new Error(result.message);
    const before = counts.get(result.name) ?? 0;
    found += before;
    counts.set(result.name, before + 1);
    progress.count();
  }
  progress.end();
  return found;
}

test('there are enough subjects that are easily mistaken', t => {
  t.true(ALL >= Math.max(COUNT, 1_000_000), `${ALL}`);
  t.is(new Set([...subjects(1000)].map(each => JSON.stringify(each))).size, 1000);
});

for (const of of ORDERS) {
  const title = `no two of many subjects are hashed as one text, by ${of.join(', ')}`;
  test(title, t => t.is(pairs(title, of, {}), 0));
}

for (const [encoding, length] of [
  ['Hex', 20],
  ['Base32', 16],
  ['Safe', 20],
] as const) {
  const title = `no two of many subjects share ${length} characters in ${encoding}: they hold 80 bits`;
  test(title, t => t.is(pairs(title, ORDERS[0] ?? [], {encoding, length}), 0));
}

for (const length of [6, 10]) {
  const title = `many subjects share ${length} hex digits as often as chance has it, and no more often`;
  test(title, t => {
    const expected = (COUNT * (COUNT - 1)) / 2 / 16 ** length;
    const found = pairs(title, ORDERS[0] ?? [], {length});
    // Seven standard deviations, and room for a few where hardly one is expected.
    const most = expected + 7 * Math.sqrt(expected) + 8;
    const least = expected - 7 * Math.sqrt(expected);
    t.true(found <= most && found >= least, `${found} pairs, ${expected.toFixed(2)} expected`);
  });
}

// printf %s api-620956 | sha256sum | cut -c1-10
test('two names that share ten hex digits do not share eleven', t => {
  const [one, other] = ['api-620956', 'api-1679497'].map(name => [name] as const);
  for (const [length, isShared] of [
    [10, true],
    [11, false],
  ] as const)
    t.is(
      hashOf(one ?? [], {encoding: 'Hex', length}) === hashOf(other ?? [], {encoding: 'Hex', length}),
      isShared,
    );
  t.is(hashOf(one ?? [], {encoding: 'Hex', length: 10}), '56ed1b49c9');
});

// Where two names are one

/** Groups of names that share six hex digits. */
const GROUPS = sharing(6, 30_000);

function sharing(length: number, count: number): string[][] {
  const groups = new Map<string, string[]>();
  for (let at = 0; at < count; at++) {
    const name = `w${at}`;
    const hash = hashOf([name], {encoding: 'Hex', length});
    groups.set(hash, [...(groups.get(hash) ?? []), name]);
  }
  return [...groups.values()].filter(each => each.length > 1);
}

test('there are groups to try', t => t.true(GROUPS.length > 10));

const DAYS = ['2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z'];
const rules = policy().hashed({length: 6}).rules();
const anyGroups = fc
  .shuffledSubarray(GROUPS, {minLength: 1, maxLength: 4})
  .chain(groups => fc.shuffledSubarray(groups.flat(), {minLength: groups.flat().length}))
  .chain(names =>
    fc.tuple(
      fc.constant(names),
      fc.array(fc.constantFrom(...DAYS), {minLength: names.length, maxLength: names.length}),
      fc.subarray(names),
    ),
  );

forAll(
  'where subjects share a name the oldest keeps it, and the others get a finding and no Lease',
  [anyGroups],
  ([names, days, gone]) => {
    const index = new ClaimIndex();
    const all = names.map((name, at) => workload(name).created(days[at] ?? ''));
    for (const each of all) index.set(each.id, [each.under(rules)]);
    for (const each of all.filter(({name}) => gone.includes(name))) index.set(each.id, []);
    const living = all.filter(({name}) => !gone.includes(name));
    for (const each of living) {
      const rivals = living.filter(other => sixDigits(other) === sixDigits(each));
      const [oldest] = rivals.toSorted((a, b) => (a.createdAt + a.uid < b.createdAt + b.uid ? -1 : 1));
      keepsOrTells(index, each, oldest === each);
    }
  },
);

const sixDigits = ({name}: Workload) => hashOf([name], {encoding: 'Hex', length: 6});

function keepsOrTells(index: ClaimIndex, subject: Workload, keeps: boolean): void {
  const [claim] = index.of(subject.id) as [Claim];
  const {actions, findings} = planWorkload({workload: subject, claims: [viewOf(claim, index)]}, NOW);
  const done = actions.map(each => each.type);
  assert.deepEqual(done, keeps ? ['createLease', 'emitEvent'] : []);
  assert.deepEqual(
    findings.map(({reason, about}) => `${reason} ${about.name}`),
    keeps ? [] : [`NameCollision ${subject.name}`],
  );
}

const viewOf = (claim: Claim, index: ClaimIndex) => ({
  claim,
  rules,
  winner: index.winner(claim.leaseKey ?? ''),
  lease: undefined,
  predecessors: [],
  namespace: 'active' as const,
  retiredTransitions: 0,
  notAdopted: undefined,
});

// Names that are read back

const anySubject = fc.record({kind: anyKind, namespace: anyLabel, name: anyName});

forAll('a subject is read back from the text on its Lease', [anySubject, anyLabel], (subject, elsewhere) => {
  for (const place of [subject.namespace, elsewhere])
    assert.deepEqual(parseSubject(subjectText(subject, place), place), {...subject});
});

forAll('a Lease is read back from the name of its Role', [anyName], name => {
  assert.equal(leaseOfAccess(accessName(name)), name);
});

const shortLabel = fc.stringMatching(/^a([-a]{0,2}a)?$/);
const anyShort = fc.record({
  kind: fc.constantFrom('A', 'Aa', 'Aaa'),
  namespace: shortLabel,
  name: fc.array(shortLabel, {minLength: 1, maxLength: 2}).map(labels => labels.join('.')),
});
const anyPlainTemplate = fc
  .tuple(
    fc.shuffledSubarray(['{kind}', '{namespace}', '{name}', '{prefix}'], {minLength: 1}),
    fc.array(fc.constantFrom('-', '.', '-a-', '.a.', 'a-', '-a'), {minLength: 5, maxLength: 5}),
    fc.boolean(),
  )
  .map(([variables, between, isOuter]) =>
    variables.map((each, at) => (at > 0 || isOuter ? `${between[at]}${each}` : each)).join(''),
  );
const anyPlainRules = fc
  .tuple(anyPlainTemplate, fc.constantFrom('', 'bank'), fc.boolean(), anyWorkloadSpec)
  .map(([template, namespace, isMixed, spec]) => {
    const kinds = ['A', 'Aa', 'Aaa'].slice(0, isMixed ? 3 : 1).map(kind => ({apiVersion: 'v1', kind}));
    const {naming, lease, ...rest} = spec;
    const made = {
      ...rest,
      subjects: {workloads: {kinds, namespaceSelector: {}, selector: {}}},
      naming: {...naming, prefix: 'a-a', template},
      lease: {...lease, namespace, labels: {}},
      enforcement: {...spec.enforcement, exempt: []},
    };
    return {template, namespace, kinds, rules: compile('p', 1, made)};
  });

forAll(
  'a name without a hash can be read in one way only: as that of its subject',
  [anyPlainRules, anyShort],
  ({template, namespace, kinds, rules: compiled}, subject) => {
    if (Array.isArray(compiled)) return;
    const [{kind} = subject] = kinds;
    const named = kinds.length > 1 ? subject : {...subject, kind};
    const name = nameUnder(compiled, named);
    if (name === undefined) return;
    const known = {
      prefix: 'a-a',
      ...(kinds.length > 1 ? {} : {kind: kind.toLowerCase()}),
      ...(namespace === '' ? {namespace: subject.namespace} : {}),
    };
    const [reading, ...others] = readingsOf(parts(template), name, known);
    assert.deepEqual(others, [], `${name} can be read in another way`);
    assert.deepEqual(reading, {...known, ...pick(named, template)});
  },
);

/** What of the subject is in the template. */
function pick({kind, namespace, name}: Omit<NameParts, 'labels'>, template: string): Record<string, string> {
  const all = Object.entries({kind: kind.toLowerCase(), namespace, name});
  return Object.fromEntries(all.filter(([variable]) => template.includes(`{${variable}}`)));
}

function nameUnder(compiled: Rules, subject: Omit<NameParts, 'labels'>): string | undefined {
  const result = compiled.nameOf({...subject, labels: {}});
  return 'name' in result ? result.name : undefined;
}

const parts = (template: string) => template.match(/\{[a-z]+\}|[^{]+/g) ?? [];

const FORMS: Readonly<Record<string, RegExp>> = {
  kind: /^[a-z0-9]+$/,
  namespace: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
  name: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
};

/** All ways to read a name, by trying each: what the parts of the template may stand for beside what is known. */
function* readingsOf(
  [first, ...rest]: readonly string[],
  name: string,
  known: Readonly<Record<string, string>>,
): Generator<Readonly<Record<string, string>>> {
  if (first === undefined) {
    if (name === '') yield known;
    return;
  }
  const variable = /^\{([a-z]+)\}$/.exec(first)?.[1];
  const text = variable === undefined ? first : known[variable];
  if (text !== undefined) {
    if (name.startsWith(text)) yield* readingsOf(rest, name.slice(text.length), known);
    return;
  }
  for (let end = 1; end <= name.length; end++) {
    const value = name.slice(0, end);
    if (FORMS[variable ?? '']?.test(value))
      yield* readingsOf(rest, name.slice(end), {...known, [variable ?? '']: value});
  }
}
