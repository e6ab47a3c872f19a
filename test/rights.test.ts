/** What the manifests grant, and that neither they nor the program ask for Secrets or for ways to more rights. */
import {readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {ROOT} from '../dev/programs.ts';
import {bindings, manifestsBelow, type Rule, roles} from './support/rights.ts';

/** All that the operator has to do with, of any role. */
const RESOURCES = new Set([
  '/events',
  '/namespaces',
  '/nodes',
  'admissionregistration.k8s.io/mutatingadmissionpolicies',
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
  'apps/daemonsets',
  'apps/deployments',
  'apps/statefulsets',
  'coordination.k8s.io/leasecandidates',
  'coordination.k8s.io/leases',
  'leasepolicy.dev/leasepolicies',
  'leasepolicy.dev/leasepolicies/status',
  'leasepolicy.dev/leaseregistries',
  'rbac.authorization.k8s.io/clusterroles',
  'rbac.authorization.k8s.io/rolebindings',
  'rbac.authorization.k8s.io/roles',
]);
const VERBS = new Set(['get', 'list', 'watch', 'create', 'update', 'patch', 'delete']);

const rules = () =>
  roles().flatMap(({metadata, rules = []}) => rules.map(rule => ({role: metadata.name, ...rule})));
const resourcesOf = ({apiGroups, resources}: Rule) =>
  apiGroups.flatMap(group => resources.map(resource => `${group}/${resource}`));

test('no rule has a wildcard, a verb that gives more rights, or a resource that is not on the list', t => {
  t.true(rules().length > 10);
  for (const {role, ...rule} of rules()) {
    for (const resource of resourcesOf(rule)) t.true(RESOURCES.has(resource), `${role}: ${resource}`);
    for (const verb of rule.verbs) t.true(VERBS.has(verb), `${role}: ${verb}`);
    t.deepEqual(rule.nonResourceURLs, undefined, role);
  }
  const granted = new Set(rules().flatMap(resourcesOf));
  t.deepEqual(
    [...RESOURCES].filter(each => !granted.has(each)),
    [],
    'the list names nothing else',
  );
});

test('no rule grants Secrets, ConfigMaps, Pods or tokens, whatever its verbs are', t => {
  for (const {role, ...rule} of rules())
    for (const resource of rule.resources)
      t.notRegex(resource, /secret|configmap|^pods|serviceaccount|token|exec|proxy|clusterrolebinding/, role);
});

test('of cluster roles the operator sees its own, to know when it is uninstalled', t => {
  const about = rules().filter(({resources}) => resources.includes('clusterroles'));
  t.deepEqual(
    about.map(({verbs, resourceNames}) => [verbs, resourceNames]),
    [[['list', 'watch'], ['leasepolicy-operator']]],
  );
});

test('of roles and bindings the operator has no update, and of policies nothing that changes what it is told', t => {
  const verbsOn = (resource: string) =>
    new Set(
      rules()
        .filter(rule => resourcesOf(rule).includes(resource))
        .flatMap(rule => rule.verbs),
    );
  for (const resource of ['roles', 'rolebindings'])
    t.deepEqual(verbsOn(`rbac.authorization.k8s.io/${resource}`).has('update'), false);
  t.deepEqual(
    [...verbsOn('leasepolicy.dev/leasepolicies')].sort(),
    ['get', 'list', 'watch'],
    'viewers get them',
  );
  t.deepEqual([...verbsOn('leasepolicy.dev/leasepolicies/status')], ['patch']);
  for (const resource of ['/namespaces', '/nodes', 'apps/deployments'])
    t.deepEqual(
      [...verbsOn(resource)].filter(verb => !['get', 'list', 'watch'].includes(verb)),
      [],
    );
});

test('the roles are bound to the one service account of the operator, and to nobody else', t => {
  t.true(bindings().length >= 4);
  for (const {metadata, subjects} of bindings()) {
    const [only, ...others] = subjects;
    t.deepEqual(others, [], metadata.name);
    t.like(
      only,
      {kind: 'ServiceAccount', name: 'leasepolicy', namespace: 'leasepolicy-system'},
      metadata.name,
    );
  }
});

test('what is aggregated from outside has a label that says so, and nothing of ours goes into edit or admin', t => {
  for (const {metadata, rules = []} of roles()) {
    const aggregated = Object.keys(metadata.labels ?? {}).filter(key => key.includes('aggregate-to'));
    if (aggregated.length === 0) continue;
    t.deepEqual(aggregated, ['rbac.authorization.k8s.io/aggregate-to-view'], metadata.name);
    for (const {verbs} of rules) t.deepEqual(verbs, ['get', 'list', 'watch']);
  }
});

test("only the operator's Pods get a token, and only by their own word", t => {
  const accounts = manifestsBelow('').filter(({kind}) => kind === 'ServiceAccount');
  t.deepEqual(
    accounts.map(({automountServiceAccountToken}) => automountServiceAccountToken),
    [false],
  );
});

const SRC = path.join(ROOT, 'src');
const sources = readdirSync(SRC, {recursive: true, encoding: 'utf8'}).filter(name => name.endsWith('.ts'));

test('no line of the program names the resource of Secrets, ConfigMaps or tokens, or the file of the token', t => {
  t.true(sources.length > 80);
  // The linter knows of them, and asks nobody for them: it reads files.
  for (const file of sources.filter(each => !each.startsWith(path.join('core', 'lint')))) {
    const code = readFileSync(path.join(SRC, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    t.notRegex(code, /\bsecrets\b|\bconfigmaps\b|serviceaccounts\/|tokenreviews|\/exec\b|\/proxy\b/i, file);
    t.notRegex(code, /serviceaccount\/token|BEGIN (RSA |EC )?PRIVATE KEY/, file);
  }
});

test('only the connection and the client have to do with the header of the token', t => {
  const knowing = sources.filter(file =>
    /\bauthorization\b/i.test(
      readFileSync(path.join(SRC, file), 'utf8').replaceAll(/(rbac\.)?authorization\.k8s\.io/g, ''),
    ),
  );
  t.deepEqual(knowing.sort(), ['runtime/client.ts', 'runtime/connection.ts']);
});
