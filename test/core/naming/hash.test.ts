/** The hash of a subject, against published values and those of RFC 4648. */
import {createHash} from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import {base32, hashOf, hashPattern, NAMING_VERSION} from '../../../src/core/naming/hash.ts';
import golden from '../../golden/names.json' with {type: 'json'};

test('the published names are those of the version that stands on every Lease', t => {
  t.is(golden.version, NAMING_VERSION);
});

for (const {title, naming, hashInput, expected} of golden.vectors) {
  if (!naming.template.includes('{hash}')) continue;
  test(`the hash stands in the published name: ${title}`, t => {
    t.true(expected.includes(hashOf(hashInput.split('/'), naming.hash)));
  });
}

/** The vectors of RFC 4648, in lower case and without padding. */
const RFC4648 = [
  ['', ''],
  ['f', 'my'],
  ['fo', 'mzxq'],
  ['foo', 'mzxw6'],
  ['foob', 'mzxw6yq'],
  ['fooba', 'mzxw6ytb'],
  ['foobar', 'mzxw6ytboi'],
] as const;

for (const [text, expected] of RFC4648) {
  test(`base32 of "${text}" is "${expected}"`, t => {
    t.is(base32(Buffer.from(text)), expected);
  });
}

test('parts that are divided differently never give the same hash', t => {
  const spec = {encoding: 'Hex', length: 64};
  t.not(hashOf(['ab', 'c'], spec), hashOf(['a', 'bc'], spec));
  t.not(hashOf(['a', 'b'], spec), hashOf(['b', 'a'], spec));
});

const lengths = {Hex: 64, Base32: 52, Safe: 64} as const;
const anySpec = fc
  .constantFrom('Hex', 'Base32', 'Safe')
  .chain(encoding =>
    fc.record({encoding: fc.constant(encoding), length: fc.integer({min: 6, max: lengths[encoding]})}),
  );

test('a hash has exactly its length, and its pattern recognises it', t => {
  const property = fc.property(fc.array(fc.string(), {minLength: 1}), anySpec, (parts, spec) => {
    const hash = hashOf(parts, spec);
    return hash.length === spec.length && new RegExp(`^${hashPattern(spec)}$`).test(hash);
  });
  t.notThrows(() => fc.assert(property));
});

test('a pattern recognises neither another length nor another encoding', t => {
  const pattern = new RegExp(`^${hashPattern({encoding: 'Hex', length: 10})}$`);
  t.true(pattern.test('14c2529eb4'));
  t.false(pattern.test('14c2529eb'));
  t.false(pattern.test('14c2529eb44'));
  t.false(pattern.test('14C2529EB4'));
  t.false(pattern.test('ctbffhvujg'));
});

test('Safe has no vowels and no characters that look alike', t => {
  const all = hashOf(['anything'], {encoding: 'Safe', length: 64});
  t.notRegex(all, /[aeiou01l]/);
  const hex = createHash('sha256').update('anything').digest('hex');
  t.is(new Set(all).size, new Set(hex).size, 'one character for each hex digit');
});
