/** docs/check.md has every rule, as it is. */
import {readFileSync} from 'node:fs';
import test from 'ava';
import {parseAllDocuments} from 'yaml';
import {CHECK_DOCS, withRules} from '../../../dev/lint-docs.ts';
import {ignoresOf} from '../../../src/core/lint/ignores.ts';
import type {Manifest} from '../../../src/core/manifest/manifest.ts';

const page = readFileSync(CHECK_DOCS, 'utf8');

test('docs/check.md is in step with the rules: run make lint-docs', t => {
  t.is(withRules(page), page);
});

test('the example of a silence is understood', t => {
  const [, example = ''] = /## Silencing[\s\S]*?```yaml\n([\s\S]*?)```/.exec(page) ?? [];
  const [document] = parseAllDocuments(example);
  const comments = [...example.matchAll(/# (.*)/g)].map(([, comment = '']) => comment);
  const {ignored, notUnderstood} = ignoresOf(document?.toJS() as Manifest, comments);
  t.deepEqual([...ignored.keys()].sort(), ['LP201', 'LP202', 'LP204']);
  t.deepEqual(notUnderstood, []);
});
