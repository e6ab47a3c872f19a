/** What kubectl apply -k config/monitoring would make, and that it fits the operator's own manifests. */
import {readFileSync} from 'node:fs';
import path from 'node:path';
import test from 'ava';
import {parse, parseAllDocuments} from 'yaml';
import {ensureBinaries} from '../../dev/controlplane/binaries.ts';
import {run} from '../../dev/controlplane/process.ts';
import {ROOT} from '../../dev/programs.ts';
import {RULES} from '../support/promtool.ts';

type Labels = Record<string, string>;
type Port = {name: string; port?: number; targetPort?: string; containerPort?: number};
type Manifest = {
  kind: string;
  metadata: {name: string; namespace?: string; labels?: Labels};
  data?: Labels;
  spec: {
    selector: Labels & {matchLabels: Labels};
    ports: [Port];
    endpoints: [{port: string; path: string}];
    groups: unknown;
    template: {metadata: {labels: Labels; annotations: Labels}; spec: {containers: [{ports: Port[]}]}};
    ingress: [{ports: [{port: number}]}];
  };
};

async function manifests(folder: string): Promise<Map<string, Manifest>> {
  const {kubectl} = await ensureBinaries();
  const {code, stdout, stderr} = await run(kubectl, ['kustomize', path.join(ROOT, 'config', folder)]);
  if (code !== 0) throw new Error(stderr);
  const objects = parseAllDocuments(stdout).map(each => each.toJS() as Manifest);
  return new Map(objects.map(each => [each.kind, each]));
}

const holds = (labels: Labels = {}, wanted: Labels) =>
  Object.entries(wanted).every(([key, value]) => labels[key] === value);

test('the Service and its ServiceMonitor lead to the port of the Pods', async t => {
  const [ours, installed] = [await manifests('monitoring'), await manifests('default')];
  const [service, monitor] = [ours.get('Service'), ours.get('ServiceMonitor')];
  const {template} = installed.get('Deployment')?.spec ?? {};
  const [{name, port, targetPort} = {name: ''}] = service?.spec.ports ?? [];
  t.true(holds(template?.metadata.labels, service?.spec.selector ?? {none: 'none'}));
  t.true(holds(service?.metadata.labels, monitor?.spec.selector.matchLabels ?? {none: 'none'}));
  const container = template?.spec.containers[0].ports.find(each => each.name === targetPort);
  t.is(container?.containerPort, port);
  t.is(installed.get('NetworkPolicy')?.spec.ingress[0].ports[0].port, port);
  t.like(monitor?.spec.endpoints[0], {
    port: name,
    path: template?.metadata.annotations['prometheus.io/path'],
  });
});

test('all of it is in the namespace of the operator, and in no other kustomization', async t => {
  const ours = [...(await manifests('monitoring')).values()];
  t.deepEqual(ours.map(({kind}) => kind).sort(), [
    'ConfigMap',
    'PrometheusRule',
    'Service',
    'ServiceMonitor',
  ]);
  for (const {metadata} of ours) t.is(metadata.namespace, 'leasepolicy-system');
  // Where the Prometheus operator is not, the installation must not ask for its kinds.
  t.false((await manifests('default')).has('ServiceMonitor'));
});

test('the sidecar of Grafana finds the dashboard as it is', async t => {
  const map = (await manifests('monitoring')).get('ConfigMap');
  t.is(map?.metadata.name, 'leasepolicy-dashboard');
  t.is(map?.metadata.labels?.grafana_dashboard, '1');
  const file = readFileSync(path.join(ROOT, 'config/monitoring/dashboard.json'), 'utf8');
  t.deepEqual(map?.data, {'leasepolicy.json': file});
});

test('the PrometheusRule has the plain rules', async t => {
  const rule = (await manifests('monitoring')).get('PrometheusRule');
  t.deepEqual({groups: rule?.spec.groups}, parse(readFileSync(RULES, 'utf8')));
});
