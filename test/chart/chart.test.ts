/** The chart makes what config/ makes, under names that fit together and that no second release can have. */
import {readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {parse} from 'yaml';
import {ownLeaseName, PRODUCT_VERSION} from '../../src/config.ts';
import {
  ALL_PARTS,
  asOurVersion,
  CHART,
  helm,
  idOf,
  kustomized,
  type Manifest,
  NAMING_CHART,
  objectsIn,
  rendered,
  settingsOf,
  template,
} from '../support/helm.ts';

// Labels that helm wants on everything, and config/ only where they are of use.
const METADATA_LABELS = ['app.kubernetes.io/name', 'app.kubernetes.io/part-of', 'app.kubernetes.io/version'];
const HELM_LABELS = ['app.kubernetes.io/instance', 'app.kubernetes.io/managed-by', 'helm.sh/chart'];

/** Without the labels of helm and its annotation on CRDs, in an order that does not depend on where it is from. */
function comparable(objects: readonly Manifest[]): Manifest[] {
  const each = objects.map(object => {
    const copy = without(object, HELM_LABELS) as Manifest;
    const labels = without(copy.metadata.labels ?? {}, METADATA_LABELS);
    const annotations = without(copy.metadata.annotations ?? {}, ['helm.sh/resource-policy']);
    copy.metadata = {...copy.metadata, labels, annotations};
    return copy;
  });
  return each.toSorted((a, b) => idOf(a).localeCompare(idOf(b)));
}

/** A copy without these keys, at whatever depth they are. */
function without<T>(value: T, keys: readonly string[]): T {
  if (Array.isArray(value)) return value.map(each => without(each, keys)) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !keys.includes(key));
  return Object.fromEntries(entries.map(([key, each]) => [key, without(each, keys)])) as T;
}

const isNoNamespace = ({kind}: Manifest) => kind !== 'Namespace';

test('helm finds nothing to complain of, with every part on or off', async t => {
  for (const set of [{}, ALL_PARTS]) {
    const flags = Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const {code, stdout} = await helm(['lint', '--strict', CHART, ...flags, ...(await asOurVersion())]);
    t.is(code, 0, stdout);
  }
  const {code, stdout} = await helm(['lint', '--strict', NAMING_CHART]);
  t.is(code, 0, stdout);
});

test('by default it makes the objects of config/default, and leaves the namespace to helm', async t => {
  const config = await kustomized('default');
  t.deepEqual(comparable(await rendered()), comparable(config.filter(isNoNamespace)));
  t.is(config.filter(each => !isNoNamespace(each)).length, 1);
});

test('with every part on it makes the objects of all kustomizations', async t => {
  const folders = [['default'], ['monitoring'], ['flowcontrol'], ['policies', 'system']];
  const config = (await Promise.all(folders.map(folder => kustomized(...folder)))).flat();
  t.deepEqual(comparable(await rendered({set: ALL_PARTS})), comparable(config.filter(isNoNamespace)));
});

test('Pods are found by labels of the release, which Services, budgets and policies name as well', async t => {
  const objects = await rendered({release: 'lp', namespace: 'ops', set: ALL_PARTS});
  const labels = {'app.kubernetes.io/name': 'leasepolicy', 'app.kubernetes.io/instance': 'lp'};
  const of = (kind: string) => objects.find(each => each.kind === kind);
  const {selector, template: pods} = of('Deployment')?.spec ?? {};
  t.deepEqual(selector.matchLabels, labels);
  t.like(pods.metadata.labels, labels);
  t.deepEqual(of('Service')?.spec.selector, labels);
  t.deepEqual(of('PodDisruptionBudget')?.spec.selector.matchLabels, labels);
  t.deepEqual(of('NetworkPolicy')?.spec.podSelector.matchLabels, labels);
  t.like(of('Service')?.metadata.labels, of('ServiceMonitor')?.spec.selector.matchLabels);
});

test('nothing is said of another namespace than that of the release', async t => {
  const {stdout} = await template({release: 'lp', namespace: 'ops', set: ALL_PARTS});
  t.notRegex(stdout, /leasepolicy-system/);
  const namespaces = objectsIn(stdout).map(({metadata}) => metadata.namespace);
  t.deepEqual([...new Set(namespaces)].toSorted(), ['ops', undefined]);
});

const LONG = `${'a'.repeat(51)}-b`;
const NAMES: [what: string, given: Parameters<typeof rendered>[0], deployment: string][] = [
  ['a release with the chart’s name', {}, 'leasepolicy'],
  ['another release', {release: 'lp'}, 'lp-leasepolicy'],
  ['a release that contains the name', {release: 'my-leasepolicy'}, 'my-leasepolicy'],
  ['a name of its own', {set: {nameOverride: 'locks'}}, 'leasepolicy-locks'],
  ['a full name of its own', {set: {fullnameOverride: 'locks'}}, 'locks'],
  ['the longest release', {release: LONG}, `${LONG}`],
  ['one that does not fit with the chart’s name', {release: LONG.slice(1)}, LONG.slice(1)],
  ['dots', {release: 'a.b'}, 'a-b-leasepolicy'],
];
for (const [what, given, name] of NAMES) {
  test(`with ${what} the election is about the Lease that the operator takes for Deployment ${name}`, async t => {
    const objects = await rendered({...given, set: {...given?.set, ...ALL_PARTS}});
    const deployment = objects.find(each => each.kind === 'Deployment');
    const role = objects.find(each => each.kind === 'Role');
    t.is(deployment?.metadata.name, name);
    t.is(settingsOf(objects).LEASEPOLICY_DEPLOYMENT_NAME, name);
    t.deepEqual(role?.rules[0].resourceNames, [ownLeaseName(name)]);
    for (const {metadata} of objects) t.true(metadata.name.length <= 63, metadata.name);
  });
}

test('what is outside of the namespace has the same name in every release, so that a second one is refused', async t => {
  const names = async (release: string, namespace: string) =>
    (await rendered({release, namespace, set: ALL_PARTS}))
      .filter(({metadata}) => metadata.namespace === undefined)
      .map(idOf);
  const ours = await names('leasepolicy', 'leasepolicy-system');
  t.true(ours.includes('ClusterRole/leasepolicy-operator'));
  t.deepEqual(await names('other', 'elsewhere'), ours);
});

test('both charts have the version of the program', t => {
  for (const folder of [CHART, NAMING_CHART])
    t.is(parse(readFileSync(path.join(folder, 'Chart.yaml'), 'utf8')).version, PRODUCT_VERSION);
  t.is(parse(readFileSync(path.join(CHART, 'Chart.yaml'), 'utf8')).appVersion, PRODUCT_VERSION);
});
