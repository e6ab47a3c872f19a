/** CEL literals before the real API server: whatever a string holds, it means itself and nothing else. */
import test from 'ava';
import fc from 'fast-check';
import {cel} from '../../src/core/admission/cel.ts';
import {eventually} from '../support/eventually.ts';
import {namespace, type Stage, setStage} from '../support/stage.ts';

const HOSTILE = [
  '',
  '" || true || "',
  '"',
  '\\',
  '\\"',
  '\\\\"',
  "'",
  "' || true || '",
  '"""',
  '\\u0022 || true',
  '\\n',
  '\n',
  '\r\n',
  '\0',
  '\x7f',
  '\u0085',
  '\u2028',
  '\ufeff',
  '\uffff',
  '😀',
  '\u{10ffff}',
  '$' + '{object.data}',
  '"]) || ("" in ["',
  '// no comment',
  'object.data.k0',
];
const fragment = fc.oneof(
  fc.constantFrom(
    '"',
    "'",
    '\\',
    '`',
    '\n',
    '\r',
    '\t',
    '\0',
    ' || ',
    ' && ',
    'true',
    'r"',
    '//',
    '${',
    '}',
    '?',
    ':',
  ),
  fc.string({unit: 'binary', maxLength: 3}),
  fc.string({unit: 'grapheme', maxLength: 3}),
);
const anyText = fc.oneof(
  fc.array(fragment, {minLength: 1, maxLength: 8}).map(parts => parts.join('').toWellFormed()),
  fc.string({unit: 'binary', maxLength: 20}),
);
const TEXTS = [...HOSTILE, ...fc.sample(anyText, {numRuns: 130, seed: 20260301})];

const keyOf = (index: number) => `k${index}`;
const DATA = Object.fromEntries(TEXTS.map((text, index) => [keyOf(index), text]));

/** Another text that is as near as can be. */
function changed(text: string, index: number): string {
  if (index % 2 === 0) return `${text}"`;
  const characters = [...text];
  return characters.length > 0 ? characters.slice(0, -1).join('') : ' ';
}

/** One rule for each text, half of them with the text in a list. */
const validations = TEXTS.map((text, index) => {
  const value = `object.data.${keyOf(index)}`;
  const {text: expression} = index % 2 === 0 ? cel` == ${text}` : cel` in ${[text]}`;
  return {expression: value + expression, message: `${keyOf(index)} differs`};
});

const POLICY = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicy',
  metadata: {name: 'literals'},
  spec: {
    failurePolicy: 'Fail',
    matchConstraints: {
      resourceRules: [
        {apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['configmaps']},
      ],
    },
    validations,
  },
};
const BINDING = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingAdmissionPolicyBinding',
  metadata: {name: 'literals'},
  spec: {
    policyName: 'literals',
    validationActions: ['Deny'],
    matchResources: {namespaceSelector: {matchLabels: {'kubernetes.io/metadata.name': 'shop'}}},
  },
};

const configMap = (name: string, data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: {name, namespace: 'shop'},
  data,
});

/** What the server says to each of the objects, without making them. */
async function tryOut(stage: Stage, ...items: object[]): Promise<string> {
  const input = JSON.stringify({apiVersion: 'v1', kind: 'List', items});
  try {
    return await stage.kubectl(['create', '--dry-run=server', '-f', '-'], {input});
  } catch (error) {
    return (error as Error).message;
  }
}

test('150 hostile texts mean themselves to the API server, each in its own expression', async t => {
  const stage = await setStage(t, {components: 'all'});
  await stage.apply(namespace('shop'), POLICY, BINDING);
  const different = configMap('different', {...DATA, k0: 'x'});
  await eventually('the policy is in force', async () => /k0 differs/.test(await tryOut(stage, different)));

  t.true(TEXTS.length >= 150);
  t.is((await tryOut(stage, configMap('same', DATA))).trim(), 'configmap/same created (server dry run)');

  const objects = TEXTS.map((text, index) => {
    const key = keyOf(index);
    return configMap(`other-${key}`, {...DATA, [key]: changed(text, index)});
  });
  const said = await tryOut(stage, ...objects);
  const denied = [...said.matchAll(/"other-(k\d+)" is forbidden: .*? denied request: (.*)$/gm)];
  t.deepEqual(
    denied.map(([, key, message]) => [key, message]),
    TEXTS.map((_, index) => [keyOf(index), `${keyOf(index)} differs`]),
  );
  t.notRegex(said, /created/);

  const status = await eventually('the type check', async () => {
    const text = await stage.kubectl(['get', 'validatingadmissionpolicy', 'literals', '-o', 'json']);
    const {metadata, status} = JSON.parse(text);
    return status?.observedGeneration === metadata.generation && status.typeChecking ? status : undefined;
  });
  t.is(status.typeChecking.expressionWarnings, undefined);
});
