/** An API server that serves no MutatingAdmissionPolicy: injection is missing, and nothing else. */
import test from 'ava';
import {administrator, podsOf, refusal} from '../support/accounts.ts';
import {eventually} from '../support/eventually.ts';
import {deployment, namespace, policy, setStage, startLeader} from '../support/stage.ts';

test('on a server of version 1.35 the condition names injection, names are enforced, and no Pod is refused', async t => {
  t.timeout(180_000);
  const stage = await setStage(t, {
    components: 'all',
    nodes: 1,
    apiServerFlags: {'emulated-version': '1.35'},
  });
  const api = deployment('shop', 'api');
  await stage.apply(namespace('shop'), {...api, spec: {...api.spec, replicas: 2}});
  const spec = {naming: {prefix: 'payments', template: '{prefix}-{name}'}, enforcement: {names: 'Deny'}};
  await stage.apply(policy('payments', {...spec, injection: {mode: 'Env'}}));
  const operator = await startLeader(stage);
  const enforced = await eventually('the condition', async () => {
    const conditions = (await stage.status('payments'))?.conditions;
    const found = conditions?.find(each => each.type === 'Enforced');
    return found?.status === 'False' && found;
  });
  t.is(enforced.reason, 'KindNotServed');
  t.is(
    enforced.message,
    'injection not enforced: the API server serves no MutatingAdmissionPolicy in admissionregistration.k8s.io/v1; everything else is in force',
  );

  const admin = administrator(t, stage);
  const rogue = {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {namespace: 'shop', name: 'rogue'},
  };
  const create = () => admin.kubectl(['create', '-f', '-', '--dry-run=server'], JSON.stringify(rogue));
  t.regex(await refusal(create), /no policy allows Lease rogue in namespace shop .+ payments-api;/);
  const rendered = await stage.kubectl(['get', 'validatingadmissionpolicies', '-o', 'name']);
  t.deepEqual(
    rendered.trim().split('\n').sort(),
    ['durations', 'durations.system', 'names', 'names.system'].map(
      part => `validatingadmissionpolicy.admissionregistration.k8s.io/leasepolicy-${part}-payments`,
    ),
    'no guard that would wait for variables',
  );

  await stage.apply(deployment('shop', 'late'));
  await stage.kubectl(['scale', 'deployment', 'late', '-n', 'shop', '--replicas=2']);
  await stage.kubectl(['rollout', 'status', 'deployment/late', '-n', 'shop', '--timeout=60s']);
  await stage.kubectl(['rollout', 'restart', 'deployment/api', '-n', 'shop']);
  await stage.kubectl(['rollout', 'status', 'deployment/api', '-n', 'shop', '--timeout=60s']);
  const [pod] = await podsOf(stage, 'shop', 'late');
  t.is(pod?.spec.containers[0]?.env, undefined, 'it runs without its variables');
  await eventually('the Lease of the late one', () => stage.lease('shop', 'payments-late'));
  const warnings = operator.lines.filter(line => line.level === 'warn' || line.level === 'error');
  t.deepEqual(warnings, []);

  await stage.apply(policy('payments', spec));
  await eventually('enforcement without injection', async () => {
    const conditions = (await stage.status('payments'))?.conditions;
    return conditions?.find(each => each.type === 'Enforced')?.status === 'True';
  });
});
