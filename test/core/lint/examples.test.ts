/** The examples of the rules, as they stand in the docs: the bad ones are told of, and the good ones are not. */
import test from 'ava';
import {LINT_RULES} from '../../../src/core/lint/lint.ts';
import {ids, linted} from '../../support/lint.ts';

for (const {id, severity, title, bad, good} of LINT_RULES) {
  test(`${id}: ${title}`, t => {
    const found = linted(bad).filter(({rule}) => rule === id);
    t.true(found.length > 0);
    t.true(
      found.every(each => each.severity === severity),
      'the example is one of the full weight',
    );
  });

  test(`${id} is content with its good example, and so is every other rule`, t => {
    const found = linted(good);
    t.deepEqual(ids(found, 'error', 'warning'), []);
    t.false(ids(found).includes(id));
  });
}

test('each rule has an id of its own, and they are in order', t => {
  const all = LINT_RULES.map(({id}) => id);
  t.deepEqual(all, [...new Set(all)].sort());
});

test('titles and reasons are sentences', t => {
  for (const {id, title, why} of LINT_RULES) {
    t.regex(title, /^[A-Za-z].*[^.]$/, id);
    t.regex(why, /^[A-Za-z].*\.$/s, id);
  }
});
