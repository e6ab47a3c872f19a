/** The small kustomize: what it assembles, and what it refuses to guess. */
import test from 'ava';
import {parseAllDocuments} from 'yaml';
import {type AnyObject, inNamespace, kustomize, withImage} from '../../../src/core/manifest/kustomization.ts';

const parse = (text: string) => [...parseAllDocuments(text)].map(each => each.toJS());

const FILES = {
  'all/kustomization.yaml':
    'resources: [../base, extra.yaml]\nlabels: [{pairs: {part: x}}]\nimages: [{name: app, newTag: "2"}]',
  'all/extra.yaml': 'apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: here}',
  'base/Kustomization':
    'resources: [./two.yaml]\nconfigMapGenerator:\n- {name: c, files: [key.json=data.json], options: {disableNameSuffixHash: true, labels: {a: b}}}',
  'base/two.yaml':
    'apiVersion: v1\nkind: Namespace\nmetadata: {name: here, labels: {own: y}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {template: {spec: {containers: [{image: app}, {image: apple}]}}}',
  'base/data.json': '{}',
};

test('resources are files and folders, and labels, images and generated ConfigMaps are put in', t => {
  const [place, deployment, map, service] = kustomize('all', FILES, parse);
  t.deepEqual(place?.metadata, {name: 'here', labels: {own: 'y', part: 'x'}});
  t.like(deployment, {spec: {template: {spec: {containers: [{image: 'app:2'}, {image: 'apple'}]}}}});
  t.like(map, {
    kind: 'ConfigMap',
    metadata: {name: 'c', labels: {a: 'b', part: 'x'}},
    data: {'key.json': '{}'},
  });
  t.is(service?.metadata.name, 's');
});

test('what it does not know it refuses, so that nothing is left out in silence', t => {
  const files = {'a/kustomization.yaml': 'patches: [{path: x}]'};
  t.throws(() => kustomize('a', files, parse), {message: 'a/kustomization.yaml: patches is not known here'});
  t.throws(() => kustomize('b', files, parse), {message: 'b has no kustomization'});
  const broken = {'a/kustomization.yaml': 'resources: [x.yaml]', 'a/x.yaml': 'kind: Pod'};
  t.throws(() => kustomize('a', broken, parse), {message: 'a/x.yaml: it has no apiVersion'});
});

test('another namespace moves objects, the namespace itself and service accounts, and nothing else', t => {
  const binding = {
    apiVersion: 'v1',
    kind: 'RoleBinding',
    metadata: {name: 'here', namespace: 'here'},
    subjects: [
      {kind: 'ServiceAccount', name: 'a', namespace: 'here'},
      {kind: 'ServiceAccount', name: 'b', namespace: 'elsewhere'},
      {kind: 'User', name: 'here'},
    ],
  };
  const moved = inNamespace(binding, 'here', 'there');
  t.deepEqual(moved.metadata, {name: 'here', namespace: 'there'});
  t.deepEqual(moved.subjects, [
    {kind: 'ServiceAccount', name: 'a', namespace: 'there'},
    {kind: 'ServiceAccount', name: 'b', namespace: 'elsewhere'},
    {kind: 'User', name: 'here'},
  ]);
  const place: AnyObject = {apiVersion: 'v1', kind: 'Namespace', metadata: {name: 'here'}};
  t.deepEqual(inNamespace(place, 'here', 'there').metadata, {name: 'there'});
  t.is(
    withImage(place, () => 'x'),
    place,
  );
});
