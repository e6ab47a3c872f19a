/** Texts of strangers: whatever they contain, what is shown is one line that ends in time. */
import test from 'ava';
import fc from 'fast-check';
import {escaped, excerpt, legible} from '../../src/core/legible.ts';
import {HOSTILE, UNSEEN} from '../support/hostile.ts';

for (const text of HOSTILE) {
  test(`${escaped(JSON.stringify(text))} is shown on one line, and JSON reads it back`, t => {
    t.notRegex(escaped(text), UNSEEN);
    t.is(JSON.parse(escaped(JSON.stringify(text))), text);
  });
}

test('what is harmless stays as it is', t => {
  for (const text of ['', 'api-66d9c47458-hvdmx_1', 'größer als 日本 😀', 'a\\u000ab', '"\\ %s'])
    t.is(escaped(text), text);
});

const anyText = fc.string({unit: 'binary', maxLength: 200});
/** With many characters of the kind that matters. */
const hostileText = fc
  .array(fc.oneof(fc.constantFrom(...HOSTILE), anyText), {maxLength: 8})
  .map(all => all.join(''));

test('no text has anything unseen once it is escaped, and JSON stays what it was', t => {
  fc.assert(
    fc.property(hostileText, text => {
      t.notRegex(escaped(text), UNSEEN);
      t.is(escaped(escaped(text)), escaped(text));
      const line = JSON.stringify({[text]: [text]});
      t.deepEqual(JSON.parse(escaped(line)), JSON.parse(line));
    }),
  );
  t.pass();
});

test('a text is at most as long as it may be, whole or with an ellipsis, and no character is cut in two', t => {
  fc.assert(
    fc.property(hostileText, fc.integer({min: 2, max: 300}), (text, most) => {
      const shown = legible(text, most);
      t.true(shown.length <= most);
      t.true(shown.isWellFormed());
      t.notRegex(shown, UNSEEN);
      const whole = escaped(text.replace(/[\t\n\r]+/g, ' '));
      if (text.length <= most && whole.length <= most) t.is(shown, whole);
      else t.true(shown.endsWith('…'));
    }),
  );
  t.is(legible('ERROR: x\r\n | y\n', 20), 'ERROR: x  | y ');
  t.is(legible('a😀b', 3), 'a…');
  t.is(legible('abcd', 4), 'abcd');
  t.is(legible('abcde', 4), 'abc…');
});

test('of a megabyte no more is kept than of a line', t => {
  for (const each of ['\0', 'x', '😀']) t.true(excerpt(each.repeat(500_000)).length <= 128);
});
