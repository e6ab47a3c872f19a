/** The time format of Leases. */
import test from 'ava';
import fc from 'fast-check';
import {formatMicroTime, parseMicroTime} from '../../../src/core/lease/microtime.ts';

const END_OF_9999 = Date.parse('9999-12-31T23:59:59.999Z');
const anyMs = fc.integer({min: 0, max: END_OF_9999});

test('what is written is read back', t => {
  t.notThrows(() => fc.assert(fc.property(anyMs, ms => parseMicroTime(formatMicroTime(ms)) === ms)));
});

test('exactly six digits stand after the second', t => {
  const form = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
  t.notThrows(() => fc.assert(fc.property(anyMs, ms => form.test(formatMicroTime(ms)))));
});

const WRITTEN: [text: string, iso: string][] = [
  ['2026-03-01T12:00:00.000000Z', '2026-03-01T12:00:00Z'],
  ['2026-03-01T12:00:00.007000Z', '2026-03-01T12:00:00.007Z'],
  ['1970-01-01T00:00:00.000000Z', '1970-01-01T00:00:00Z'],
  ['9999-12-31T23:59:59.999000Z', '9999-12-31T23:59:59.999Z'],
];

for (const [text, iso] of WRITTEN) {
  test(`${iso} is written as ${text}`, t => {
    t.is(formatMicroTime(Date.parse(iso)), text);
  });
}

test('a fraction of a millisecond is kept to the microsecond', t => {
  t.is(formatMicroTime(1.25), '1970-01-01T00:00:00.001250Z');
});

test('a fraction of a microsecond is cut off, also in the last one of a second', t => {
  t.is(formatMicroTime(1.0008), '1970-01-01T00:00:00.001000Z');
  t.is(formatMicroTime(999.9996), '1970-01-01T00:00:00.999999Z');
  t.is(formatMicroTime(Date.parse('2026-03-01T12:00:00.999Z') + 0.9998), '2026-03-01T12:00:00.999999Z');
});

test('no time is written that has not come yet', t => {
  const anyFraction = fc.double({min: 0, max: 10_000_000, noNaN: true});
  const property = fc.property(anyFraction, ms => (parseMicroTime(formatMicroTime(ms)) ?? Infinity) <= ms);
  t.notThrows(() => fc.assert(property));
});

const READ: [text: string, iso: string][] = [
  ['2026-03-01T12:00:00Z', '2026-03-01T12:00:00Z'],
  ['2026-03-01T12:00:00.123456Z', '2026-03-01T12:00:00.123Z'],
  ['2026-03-01T12:00:00.123456789Z', '2026-03-01T12:00:00.123Z'],
  ['2026-03-01T13:00:00.000000+01:00', '2026-03-01T12:00:00Z'],
  ['9999-12-31T23:59:59.999999Z', '9999-12-31T23:59:59.999Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z'],
];

for (const [text, iso] of READ) {
  test(`${text} is read as ${iso}`, t => {
    t.is(parseMicroTime(text), Date.parse(iso));
  });
}

const JUNK = [
  undefined,
  '',
  'never',
  '1',
  '2026',
  '2026-03-01',
  '2026-03-01 12:00:00Z',
  '2026-03-01T12:00:00',
  '2026-03-01T12:00Z',
  '2026-03-01T12:00:00.Z',
  '2026-13-01T12:00:00Z',
  '2026-03-01T25:00:00Z',
  '12026-03-01T12:00:00Z',
  '+012026-03-01T12:00:00Z',
  ' 2026-03-01T12:00:00Z',
  'Sun, 01 Mar 2026 12:00:00 GMT',
];

for (const text of JUNK) {
  test(`"${text}" is no time`, t => {
    t.is(parseMicroTime(text), undefined);
  });
}

test('any text is read without an error', t => {
  const anyText = fc.oneof(fc.string(), fc.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/));
  const property = fc.property(anyText, text => {
    const ms = parseMicroTime(text);
    return ms === undefined || Number.isFinite(ms);
  });
  t.notThrows(() => fc.assert(property));
});
