/** What people and proxies give: flags, variables, catalogue files and answers of every shape. */
import assert from 'node:assert/strict';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import {loadConfig, parseConfig} from '../../src/config.ts';
import {type Catalogue, compileCatalogue} from '../../src/core/lease/catalogue.ts';
import {CLASSES, classify} from '../../src/core/lease/classify.ts';
import {UsageError} from '../../src/errors.ts';
import {loadCatalogue} from '../../src/runtime/catalogue-file.ts';
import {anyJson, anyLease, anyText, damaged, perhaps} from './arbitraries.ts';
import {forAll, forAllInTime} from './property.ts';

// Flags and variables

const FLAGS = [
  '--namespace',
  '--deployment-name',
  '--identity',
  '--leader-election',
  '--lease-duration-seconds',
  '--renew-deadline-seconds',
  '--retry-period-seconds',
  '--workers',
  '--heartbeat-poll-seconds',
  '--http-host',
  '--http-port',
  '--log-level',
  '--log-format',
  '--catalogue',
  '--help',
  '--version',
];
const VALUES = [
  'ops',
  'coordinated',
  'classic',
  'info',
  'json',
  '8080',
  '0',
  '-1',
  '1e9',
  '15',
  '10.5',
  '2',
  'NaN',
  '--',
];
const anyFlag = fc.oneof({weight: 6, arbitrary: fc.constantFrom(...FLAGS)}, anyText);
const anyValue = fc.oneof({weight: 4, arbitrary: fc.constantFrom(...VALUES)}, anyText);
const anyArguments = fc
  .array(
    fc.oneof(
      {weight: 5, arbitrary: fc.tuple(anyFlag, anyValue)},
      {weight: 2, arbitrary: fc.tuple(anyFlag, anyValue).map(pair => [pair.join('=')])},
      {weight: 1, arbitrary: fc.tuple(anyFlag)},
    ),
    {maxLength: 4},
  )
  .map(pairs => pairs.flat());
const variableOf = (flag: string) => `LEASEPOLICY_${flag.slice(2).replaceAll('-', '_').toUpperCase()}`;
const anyVariables = fc.dictionary(fc.constantFrom(...FLAGS.map(variableOf)), anyValue, {maxKeys: 3});

/** Help and version are printed where nobody reads them. */
function silently<T>(run: () => T): T {
  const {write} = process.stdout;
  process.stdout.write = () => true;
  try {
    return run();
  } finally {
    process.stdout.write = write;
  }
}

function withVariables<T>(variables: Readonly<Record<string, string>>, run: () => T): T {
  Object.assign(process.env, variables);
  try {
    return run();
  } finally {
    for (const name of Object.keys(variables)) delete process.env[name];
  }
}

/** The result, or undefined where it was refused with a sentence. */
function unlessRefused<T>(run: () => T): T | undefined {
  try {
    return run();
  } catch (error) {
    assert.ok(error instanceof UsageError, `${error}`);
    assert.match(error.message, /\S/);
    return undefined;
  }
}

forAll(
  'flags and variables give a configuration that can work, or a sentence',
  [anyArguments, anyVariables],
  (argv, variables) => {
    const config = unlessRefused(() => withVariables(variables, () => silently(() => parseConfig(argv))));
    if (!config) return;
    const {timing, workers, httpPort, heartbeatPollSeconds} = config;
    assert.ok(timing.leaseDurationSeconds > timing.renewDeadlineSeconds);
    assert.ok(timing.renewDeadlineSeconds > 1.2 * timing.retryPeriodSeconds && timing.retryPeriodSeconds > 0);
    assert.ok(
      [workers, httpPort, heartbeatPollSeconds].every(Number.isInteger) && workers >= 1 && httpPort <= 65_535,
    );
    assert.ok(config.identity.trim() !== '' && config.namespace.trim() !== '');
    assert.match(config.ownLeaseName, /^leasepolicy-[0-9a-f]{10}$/);
    assert.ok(Object.isFrozen(config));
  },
);

// Catalogues

const ENTRY = {
  name: 'ledger-writer',
  namespace: 'ledger',
  component: 'ledger',
  class: 'data-lock',
  holderFormat: 'hostname',
  leaseDurationSeconds: 15,
};
const anyEntry = fc.oneof(
  fc.constant(ENTRY),
  fc.record({
    pattern: fc.constantFrom('^a.*$', '^(a|b)-x$', '^(', 'a', '^[a-z]+$', '^\\p{L}$', '^(?<a>x)\\k<a>$'),
    namespace: fc.constantFrom('*', '<install>', 'shop', ''),
    component: anyText,
    class: fc.oneof(fc.constantFrom(...CLASSES), anyText),
  }),
  damaged(fc.constant(ENTRY)),
  anyJson,
);
const anyEntries = fc.oneof({weight: 5, arbitrary: fc.array(anyEntry, {maxLength: 3})}, fc.anything());

const isCatalogue = (result: Catalogue | string[]): result is Catalogue => !Array.isArray(result);

forAll(
  'entries give a catalogue that knows every Lease a class, or sentences',
  [anyEntries, anyLease],
  (entries, lease) => {
    const result = compileCatalogue(entries);
    if (isCatalogue(result)) assert.ok(CLASSES.includes(classify(lease, result, false).class));
    else assert.ok(result.length > 0 && result.every(each => /\bwrite\b/.test(each)));
  },
);

const folder = mkdtempSync(path.join(tmpdir(), 'fuzz-'));
const file = path.join(folder, 'leases.yaml');
test.after.always(() => rmSync(folder, {recursive: true}));

const YAML = [
  '- &a [*a]',
  '? {a: 1}\n: b',
  '- !!binary aGk=',
  '- !!set {a, b}',
  '- <<: {name: a}',
  '- !tag x',
  '%YAML 9.9\n---\n- a',
  '---\n- a\n---\n- b',
  '- &x a\n- *y',
  '- 0x1F\n- .inf\n- .nan',
  '\t- a',
  'a: &a [1]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]',
  '- __proto__: {name: x}',
  '- 2026-03-01',
];
const anyFile = fc.oneof(
  anyEntries.map(entries => JSON.stringify(entries) ?? ''),
  fc
    .array(anyEntry, {maxLength: 2})
    .map(entries => entries.map(each => `- ${JSON.stringify(each)}\n`).join('')),
  fc.constantFrom(...YAML),
  fc.tuple(fc.constantFrom(...YAML), anyText).map(texts => texts.join('\n')),
  anyText,
);

forAllInTime(
  'a catalogue file is taken, or refused with a sentence of one line',
  [anyFile, perhaps(anyText)],
  async (text, name) => {
    writeFileSync(file, text);
    for (const each of [file, ...(name === undefined ? [] : [path.join(folder, `no-${name.length}`)])]) {
      try {
        assert.ok((await loadCatalogue(each)).entries.length > 0);
      } catch (error) {
        assert.ok(error instanceof UsageError, `${error}`);
        assert.ok(
          error.message.startsWith(`--catalogue ${each}: `) && !error.message.includes('\n'),
          error.message,
        );
      }
    }
  },
);

forAllInTime('a configuration with any file is loaded, or refused with a sentence', [anyText], async name => {
  try {
    await loadConfig(['--catalogue', name]);
  } catch (error) {
    assert.ok(error instanceof UsageError, `${error}`);
  }
});
