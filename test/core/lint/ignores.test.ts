/** Silences: each rule on each object, with a reason. */
import test from 'ava';
import {ignoresOf} from '../../../src/core/lint/ignores.ts';
import type {Manifest} from '../../../src/core/manifest/manifest.ts';
import {leasesRule, lintedObjects, role} from '../../support/lint.ts';

const read = (annotation: unknown, comments: string[] = []) => {
  const annotations = {'leasepolicy.dev/ignore': annotation};
  const manifest = {apiVersion: 'v1', kind: 'A', metadata: {name: 'a', annotations}} as unknown as Manifest;
  const {ignored, notUnderstood} = ignoresOf(manifest, comments);
  return {ignored: Object.fromEntries(ignored), notUnderstood};
};

for (const [annotation, comments, ignored, notUnderstood] of [
  ['LP101=we know', [], {LP101: 'we know'}, []],
  ['LP101=we know; and more; LP202 = it = is', [], {LP101: 'we know; and more', LP202: 'it = is'}, []],
  ['LP101=a\nLP202=b\n', [], {LP101: 'a', LP202: 'b'}, []],
  [
    undefined,
    [' leasepolicy.dev/ignore: LP101=a', 'leasepolicy.dev/ignore: LP202=b; LP203=c'],
    {LP101: 'a', LP202: 'b', LP203: 'c'},
    [],
  ],
  [undefined, [' other words\n leasepolicy.dev/ignore: LP101=a\n and more'], {LP101: 'a'}, []],
  ['LP101', [], {}, ['LP101']],
  ['LP101=', [], {}, ['LP101=']],
  ['all', [' leasepolicy.dev/ignore: '], {}, ['all']],
  [3, ['see leasepolicy.dev/ignore: LP101=a'], {}, []],
] as const) {
  test(`${JSON.stringify(annotation ?? comments)} ignores ${Object.keys(ignored).join(', ') || 'nothing'}`, t => {
    t.deepEqual(read(annotation, [...comments]), {ignored, notUnderstood: [...notUnderstood]} as never);
  });
}

test('a silence is for one rule and one object', t => {
  const silent = role([leasesRule(['delete', 'update'])]);
  Object.assign(silent.metadata, {annotations: {'leasepolicy.dev/ignore': 'LP202=it cleans up'}});
  const found = lintedObjects([silent, role([leasesRule(['delete'])], {name: 'other'})]);
  t.deepEqual(
    found.map(({rule, object, ignored}) => [rule, object.manifest.metadata.name, ignored]),
    [
      ['LP202', 'api', 'it cleans up'],
      ['LP203', 'api', undefined],
      ['LP202', 'other', undefined],
    ],
  );
});

test('a silence without a reason, or for no rule, is told of itself', t => {
  const loud = role([leasesRule(['delete'])]);
  Object.assign(loud.metadata, {annotations: {'leasepolicy.dev/ignore': 'LP202; LP999=because'}});
  t.deepEqual(
    lintedObjects([loud]).map(({rule, message}) => [rule, message]),
    [
      ['LP001', 'there is no rule LP999 to ignore: see docs/check.md'],
      ['LP001', '"LP202" ignores nothing: write a rule and a reason, as LP204=reason'],
      ['LP202', 'delete of any Lease: no candidate needs it, leave it out'],
    ],
  );
});
