/** The catalogue of well-known Leases: what comes with the operator, what is refused, and who goes first. */
import test from 'ava';
import fc from 'fast-check';
import builtIn from '../../../src/core/lease/catalogue.json' with {type: 'json'};
import {
  type Catalogue,
  type CatalogueEntry,
  compileCatalogue,
  entryOfName,
  entryOfOwner,
  entryOfPattern,
  entryOfStrategy,
  extend,
  KNOWN,
} from '../../../src/core/lease/catalogue.ts';
import {lease} from '../../support/builders.ts';

const ENTRY = {name: 'ledger', namespace: 'books', component: 'our ledger', class: 'data-lock'};

function compiled(...entries: unknown[]): Catalogue {
  const catalogue = compileCatalogue(entries);
  if (Array.isArray(catalogue)) throw new Error(catalogue.join('; '));
  return catalogue;
}

test('what comes with the operator is what a user could write', t => {
  t.false(Array.isArray(compileCatalogue(builtIn)));
  t.is(KNOWN.entries.length, 81);
});

test('each entry that comes with the operator says where it was looked up', t => {
  for (const {source, component} of KNOWN.entries) t.regex(source ?? '', /\S/, component);
});

test('no two entries that come with the operator are of one name in one namespace', t => {
  const places = KNOWN.entries.map(({name, pattern, namespace}) => `${namespace}/${name ?? pattern}`);
  const twice = places.filter((place, at) => places.indexOf(place) !== at);
  t.deepEqual(twice, []);
});

test('what a managed cloud has is reserved, and names its cloud', t => {
  const reserved = KNOWN.entries.filter(entry => entry.reserved || entry.provider);
  t.true(reserved.every(({provider}) => provider === 'GKE' || provider === 'EKS'));
  t.true(reserved.every(entry => entry.reserved === true));
  t.deepEqual(
    reserved.filter(({provider}) => provider === 'EKS').map(({name}) => name),
    ['cp-vpc-resource-controller', 'eks-certificates-controller'],
  );
  const names = reserved.map(({name}) => name);
  t.true(names.includes('vpa-recommender'));
  t.false(names.includes('vpa-recommender-lease'));
});

test('names that unrelated products share are marked', t => {
  const names = (mark: 'generic' | 'scaffold') =>
    KNOWN.entries.filter(entry => entry[mark]).map(({name, example}) => name ?? example);
  t.deepEqual(names('generic'), ['operator-lock', 'controller-leader-election-helper']);
  t.deepEqual(names('scaffold'), ['f1c5ece8.example.com']);
});

// The API server's own rule for names, RFC 1123.
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

test('a scaffold without a domain once gave a name that no Lease can bear', t => {
  t.notRegex('1ca428e5.', SUBDOMAIN);
  t.deepEqual(compileCatalogue([{...ENTRY, name: '1ca428e5.'}]), [
    'entry 1: name: write the exact name of a Lease: letters of lower case, digits, "-" and "."',
  ]);
  t.is(entryOfPattern(KNOWN, {namespace: 'kubeflow', name: '1ca428e5.'}), undefined);
});

test('every name and example that comes with the operator is one that a Lease can bear', t => {
  for (const {name, example} of KNOWN.entries) {
    for (const each of [name, example]) if (each !== undefined) t.regex(each, SUBDOMAIN);
  }
});

const REFUSED: [what: string, entries: unknown, problem: RegExp][] = [
  ['nothing', undefined, /^write a list of entries/],
  ['an object', {entries: []}, /^write a list of entries/],
  ['a text', 'ledger', /^write a list of entries/],
  ['an entry that is a text', ['ledger'], /^entry 1: write an object/],
  ['an entry that is null', [null], /^entry 1: write an object/],
  ['an entry that is a list', [[]], /^entry 1: write an object/],
  ['a gap', new Array(1), /^entry 1: write an object/],
  ['neither name nor pattern', [{...ENTRY, name: undefined}], /^entry 1: name: write/],
  ['no name at all', [without('name')], /^entry 1: name: write either name or pattern/],
  ['both name and pattern', [{...ENTRY, pattern: '^a$'}], /^entry 1: name: write either name or pattern/],
  ['a name of capitals', [{...ENTRY, name: 'Ledger'}], /^entry 1: name: write the exact name/],
  ['a name that is too long', [{...ENTRY, name: 'a'.repeat(254)}], /^entry 1: name: write/],
  ['no namespace', [without('namespace')], /^entry 1: namespace: write the namespace/],
  ['a namespace with a dot', [{...ENTRY, namespace: 'a.b'}], /^entry 1: namespace: write/],
  ['no component', [without('component')], /^entry 1: component: write/],
  ['an empty component', [{...ENTRY, component: ' '}], /^entry 1: component: write/],
  ['no class', [without('class')], /^entry 1: class: write one of node-heartbeat/],
  ['a class that is none', [{...ENTRY, class: 'lock'}], /^entry 1: class: write one of/],
  ['a tombstone, which is ours', [{...ENTRY, class: 'tombstone'}], /^entry 1: class: write one of/],
  [
    'heartbeats of nodes elsewhere',
    [{...ENTRY, class: 'node-heartbeat'}],
    /^entry 1: class: .*kube-node-lease/,
  ],
  ['a pattern without an end', [patterned('^a')], /^entry 1: pattern: write a regular expression/],
  ['a pattern without a start', [patterned('a$')], /^entry 1: pattern: write/],
  ['a pattern that is none', [patterned('^(a$')], /^entry 1: pattern: write/],
  ['an example of another form', [{...patterned('^a$'), example: 'b'}], /^entry 1: example: write/],
  ['a duration of 0', [{...ENTRY, leaseDurationSeconds: 0}], /^entry 1: leaseDurationSeconds: write/],
  ['a duration as a text', [{...ENTRY, leaseDurationSeconds: '15'}], /^entry 1: leaseDurationSeconds/],
  ['a mark as a text', [{...ENTRY, reserved: 'yes'}], /^entry 1: reserved: write true when/],
  [
    'a condition of no kind',
    [{...ENTRY, when: {field: 'metadata.ownerReferences', op: 'hasKind'}}],
    /^entry 1: when/,
  ],
  [
    'a condition that is unknown',
    [{...ENTRY, when: {field: 'spec.holder', op: 'exists'}}],
    /^entry 1: when: write/,
  ],
  [
    'a condition with a kind of a version',
    [{...ENTRY, when: {field: 'metadata.ownerReferences', op: 'hasKind', value: 'a.b/v1/Kind'}}],
    /^entry 1: when: write/,
  ],
  [
    'a condition with more',
    [{...ENTRY, when: {field: 'spec.strategy', op: 'exists', value: 'a'}}],
    /^entry 1: when/,
  ],
  [
    'a strategy of another class',
    [{...ENTRY, when: {field: 'spec.strategy', op: 'exists'}}],
    /^entry 1: class: write coordinated-leader-election/,
  ],
  ['a field that is none', [{...ENTRY, duration: 15}], /^entry 1: "duration" is no field: write one of name/],
  ['a field that all objects inherit', [{...ENTRY, constructor: 'a'}], /^entry 1: "constructor" is no field/],
  ['the third of three', [ENTRY, ENTRY, {...ENTRY, class: 'lock'}], /^entry 3: class/],
];

function without(field: keyof typeof ENTRY) {
  const {[field]: _, ...rest} = ENTRY;
  return rest;
}

function patterned(pattern: string) {
  return {...without('name'), pattern};
}

for (const [what, entries, problem] of REFUSED) {
  test(`a catalogue with ${what} is refused with what to write`, t => {
    const problems = compileCatalogue(entries);
    t.true(Array.isArray(problems));
    t.regex((problems as string[])[0] ?? '', problem);
  });
}

test('every problem is told, not only the first', t => {
  t.is((compileCatalogue([{...ENTRY, class: 'lock', namespace: ''}, {}]) as string[]).length, 5);
});

test('a catalogue can be compiled from anything', t => {
  const anyEntry = fc.oneof(
    fc.anything(),
    fc.record({name: fc.anything(), pattern: fc.anything(), namespace: fc.anything(), when: fc.anything()}),
    fc.constant(ENTRY),
  );
  const property = fc.property(fc.oneof(fc.anything(), fc.array(anyEntry)), entries => {
    const result = compileCatalogue(entries);
    return !Array.isArray(result) || (result.length > 0 && result.every(each => /\bwrite\b/.test(each)));
  });
  t.notThrows(() => fc.assert(property, {numRuns: 500}));
});

test('what was compiled does not change with the input', t => {
  const entry = {...ENTRY};
  const catalogue = compiled(entry);
  entry.class = 'shard';
  t.is(catalogue.entries[0]?.class, 'data-lock');
  t.true(Object.isFrozen(catalogue));
});

test('a name is looked up in its namespace alone', t => {
  const catalogue = compiled(
    ENTRY,
    {...ENTRY, name: 'all', namespace: '*'},
    {...ENTRY, name: 'here', namespace: '<install>'},
  );
  t.truthy(entryOfName(catalogue, {namespace: 'books', name: 'ledger'}));
  t.falsy(entryOfName(catalogue, {namespace: 'shop', name: 'ledger'}));
  t.truthy(entryOfName(catalogue, {namespace: 'shop', name: 'all'}));
  t.truthy(entryOfName(catalogue, {namespace: 'shop', name: 'here'}));
});

test('one name may be two products in two namespaces', t => {
  const catalogue = compiled(ENTRY, {...ENTRY, namespace: 'shop', class: 'status'});
  t.is(entryOfName(catalogue, {namespace: 'books', name: 'ledger'})?.class, 'data-lock');
  t.is(entryOfName(catalogue, {namespace: 'shop', name: 'ledger'})?.class, 'status');
});

for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
  test(`no entry is found for a Lease called ${name}`, t => {
    const place = {namespace: 'shop', name};
    t.is(entryOfName(KNOWN, place), undefined);
    t.is(entryOfPattern(KNOWN, place), undefined);
    t.is(entryOfOwner(KNOWN, place, {group: '', kind: name, name}), undefined);
  });
}

test('an entry with a condition is found by that alone', t => {
  const when = {field: 'metadata.ownerReferences', op: 'hasKind', value: 'acme.io/Ledger'};
  const catalogue = compiled({...ENTRY, when}, {...patterned('^b.*$'), when: {...when, value: 'Node'}});
  const place = {namespace: 'books', name: 'ledger'};
  t.is(entryOfName(catalogue, place), undefined);
  t.truthy(entryOfOwner(catalogue, place, {group: 'acme.io', kind: 'Ledger', name: 'a'}));
  t.falsy(entryOfOwner(catalogue, place, {group: 'other.io', kind: 'Ledger', name: 'a'}));
  t.falsy(entryOfOwner(catalogue, {...place, name: 'other'}, {group: 'acme.io', kind: 'Ledger', name: 'a'}));
  t.truthy(entryOfOwner(catalogue, {...place, name: 'b1'}, {group: '', kind: 'Node', name: 'a'}));
  t.falsy(entryOfPattern(catalogue, {...place, name: 'b1'}));
  t.is(entryOfStrategy(catalogue, place), undefined);
  t.is(entryOfStrategy(KNOWN, place)?.class, 'coordinated-leader-election');
});

test('entries of the user go before those that come with the operator', t => {
  const mine = (entry: Partial<CatalogueEntry>) => ({
    namespace: '*',
    component: 'mine',
    class: 'unknown',
    ...entry,
  });
  const catalogue = extend(KNOWN, compiled(mine({name: 'kyverno'}), mine({pattern: '^vpa-.*$'})));
  t.is(entryOfName(catalogue, {namespace: 'kyverno', name: 'kyverno'})?.component, 'mine');
  t.is(entryOfPattern(catalogue, {namespace: 'kube-system', name: 'vpa-updater'})?.component, 'mine');
  t.is(
    entryOfName(catalogue, {namespace: 'argo-events', name: 'argo-events-controller'})?.component,
    'Argo Events',
  );
  t.is(catalogue.entries.length, KNOWN.entries.length + 2);
  t.is(entryOfName(KNOWN, {namespace: 'kyverno', name: 'kyverno'})?.component, 'kyverno');
});

const SCAFFOLDED: [name: string, isScaffold: boolean][] = [
  ['f1c5ece8.example.com', true],
  ['002c317f.kubeblocks.io', true],
  ['8c5b1a31.my.domain', true],
  ['1ca428e5', false],
  ['1ca428e5.', false],
  ['1ca428e5.kubeflow', false],
  ['a', false],
  ['beef', false],
  ['deadbeef', false],
  ['beef.example.com', false],
  ['f1c5ece81.example.com', false],
  ['F1C5ECE8.example.com', false],
  ['g1c5ece8.example.com', false],
  ['20260131.example.com', false],
  ['20269931.example.com', true],
  ['10000001.10.0.0.1', false],
];

for (const [name, isScaffold] of SCAFFOLDED) {
  test(`${name} ${isScaffold ? 'reads' : 'does not read'} as a name of a scaffolded operator`, t => {
    t.is(entryOfPattern(KNOWN, lease().named(name))?.scaffold ?? false, isScaffold);
  });
}

test('no pattern that comes with the operator takes long for a name that fits none', t => {
  const names = [
    'a-'.repeat(126),
    'a.'.repeat(126),
    `00000000${'.a-'.repeat(80)}`,
    `cilium-l2announce-${'a-'.repeat(110)}.`,
  ];
  const begun = performance.now();
  for (const name of names) entryOfPattern(KNOWN, {namespace: 'kube-system', name});
  t.true(performance.now() - begun < 2000);
});
