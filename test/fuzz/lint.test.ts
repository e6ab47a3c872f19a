/** The linter: whatever stands in a file, it has an answer. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import {parseAllDocuments} from 'yaml';
import {objectsIn} from '../../src/cli/files/yaml-source.ts';
import {Failure} from '../../src/cli/terminal/failure.ts';
import {LINT_RULES, lint} from '../../src/core/lint/lint.ts';
import {SEVERITIES} from '../../src/core/lint/rule.ts';
import {itemsOf, manifestOf} from '../../src/core/manifest/manifest.ts';
import {anyJson, anySpec, anyText, damaged} from './arbitraries.ts';
import {forAll} from './property.ts';

/** The objects of the examples of the rules, which have all that the rules look at. */
const EXAMPLES = LINT_RULES.flatMap(({bad, good}) => [bad, good])
  .flatMap(yaml => parseAllDocuments(yaml))
  .flatMap(document => itemsOf(document.toJS()));

const anyExample = fc.constantFrom(...EXAMPLES);
const anyPolicy = fc.record({
  apiVersion: fc.constant('leasepolicy.dev/v1alpha1'),
  kind: fc.constant('LeasePolicy'),
  metadata: fc.record({name: fc.constantFrom('payments', 'orders')}),
  spec: fc.oneof(anySpec, damaged(anySpec)),
});
const anyObject = fc.oneof(anyExample, damaged(anyExample), damaged(damaged(anyExample)), anyPolicy, anyJson);

forAll(
  'any manifests give findings that are whole',
  [fc.array(anyObject, {maxLength: 8}), fc.array(anyText, {maxLength: 2}), fc.constantFrom('', 'shop')],
  (objects, comments, namespace) => {
    const manifests = objects.map(manifestOf).filter(each => typeof each !== 'string');
    const sources = manifests.map(manifest => ({manifest, comments}));
    for (const {rule, severity, source, path, message} of lint(sources, namespace)) {
      assert.ok(LINT_RULES.some(({id}) => id === rule));
      assert.ok(SEVERITIES.includes(severity));
      assert.ok(source >= 0 && source < sources.length);
      assert.ok(Array.isArray(path));
      assert.match(message, /\S/);
    }
  },
);

forAll(
  'the order of the objects changes nothing but the order of the findings',
  [fc.array(anyObject, {maxLength: 6})],
  objects => {
    const manifests = objects.map(manifestOf).filter(each => typeof each !== 'string');
    const told = (list: typeof manifests) =>
      lint(list.map(manifest => ({manifest, comments: []})))
        // Of two that are in each other's way the second one is told of, whichever that is.
        .filter(({rule}) => !['LP504', 'LP505', 'LP702', 'LP706'].includes(rule))
        .map(({rule, message}) => `${rule} ${message}`)
        .sort();
    assert.deepEqual(told(manifests.toReversed()), told(manifests));
  },
);

const anyYaml = fc.oneof(
  anyText,
  fc
    .array(
      fc.constantFrom(
        ...LINT_RULES.map(({bad}) => bad),
        '---',
        '{{ x }}',
        '- a',
        'a: &a [*a]',
        '\t',
        '# b',
        '"',
      ),
      {
        maxLength: 5,
      },
    )
    .map(parts => parts.join('\n')),
);

forAll('any text is objects and failures with their places', [anyYaml], text => {
  const lines = text.split('\n').length;
  for (const each of objectsIn(text, 'a.yaml')) {
    if (each instanceof Failure) assert.match(each.message, /^a\.yaml, line \d+: it/);
    else {
      const line = each.lineOf(['spec', 'template', 0, 'none']);
      assert.ok(each.line >= 1 && line >= each.line && line <= lines, `${each.line} ${line} of ${lines}`);
    }
  }
});
