/** The opening of the story: a cluster, the rules, and the operators. */
import {readFile} from 'node:fs/promises';
import path from 'node:path';
import {ROOT} from '../programs.ts';
import {narrator} from './narrator.ts';
import {CRDS} from './place.ts';
import type {Stage} from './stage.ts';
import {OPERATOR_LEASE} from './story.ts';

export async function cluster(stage: Stage): Promise<string> {
  const version = await stage.kubectl('version');
  const nodes = await stage.tableUntil(
    'get nodes',
    'at least one node, and all of them to be Ready',
    rows => rows.length > 0 && rows.every(row => row.STATUS?.startsWith('Ready')),
  );
  const server = /Server Version: (\S+)/.exec(version)?.[1] ?? 'a server';
  return `${server} with ${nodes.length} nodes that are Ready`;
}

export async function rules(stage: Stage): Promise<string> {
  await stage.kubectl('apply -k crds');
  await stage.kubectl(`wait --for=condition=Established --timeout=30s crd ${CRDS.join(' ')}`);
  await stage.kubectl('apply -f dev/demo/namespaces.yaml');
  narrator.typed('cat dev/demo/policy.yaml');
  narrator.output(await readFile(path.join(ROOT, 'dev/demo/policy.yaml'), 'utf8'));
  await stage.kubectl('apply -f dev/demo/policy.yaml');
  const naming = 'get leasepolicy demo -o jsonpath=\'{.spec.naming}{"\\n"}\'';
  await stage.kubectlUntil(naming, 'the defaults of the naming', text => text.includes('"{prefix}-{hash}"'));
  return 'the API server knows LeasePolicies, took this one and filled in the defaults';
}

export async function operators(stage: Stage): Promise<string> {
  const first = await stage.operator('operator-1');
  await stage.operatorLeads(first);
  const second = await stage.operator('operator-2');
  await stage.line(
    second,
    'operator-2 to see that operator-1 leads',
    line => line.message === 'leader seen' && line.holder === 'operator-1',
  );
  await stage.tableUntil('get leases -n demo-operator', 'operator-1 in the Lease of the operators', rows =>
    rows.some(row => row.NAME === OPERATOR_LEASE && row.HOLDER === 'operator-1'),
  );
  await stage.tableUntil('get leasepolicies', 'the policy to be Ready', rows =>
    rows.some(row => row.NAME === 'demo' && row.READY === 'True'),
  );
  return `operator-1 leads by the Lease ${OPERATOR_LEASE}, operator-2 stands by, and the policy is Ready`;
}
