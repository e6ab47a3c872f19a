/** The part of the story about the API server: it refuses names by itself, and tells Pods theirs. */
import {narrator} from './narrator.ts';
import type {Stage} from './stage.ts';
import {leaseName} from './story.ts';

const ENFORCED =
  'get leasepolicy demo -o jsonpath=\'{.status.conditions[?(@.type=="Enforced")].status}: {.status.conditions[?(@.type=="Enforced")].message}{"\\n"}\'';
const CREATE = 'create -f dev/demo/hard-coded-lease.yaml';

export async function denied(stage: Stage): Promise<string> {
  await stage.kubectl(
    `patch leasepolicy demo --type merge -p '{"spec": {"enforcement": {"names": "Deny"}, "injection": {"mode": "Env"}}}'`,
  );
  await stage.kubectlUntil(ENFORCED, 'names: Deny in the condition Enforced', text =>
    /names: Deny|injection/.test(text),
  );
  narrator.aside('A new rule takes the API server a second or two:');
  const refusal = await stage.refusedUntil(
    `${CREATE} --dry-run=server`,
    'the API server to refuse the name',
    text => text.includes('no policy allows Lease shop-leader-election in namespace demo-shop'),
  );
  stage.check(
    refusal.includes(leaseName('shop', 'api')),
    'the names that are allowed in the refusal',
    refusal,
  );
  return 'the API server refuses the name, says which are allowed, and asks no operator';
}

export async function injected(stage: Stage): Promise<string> {
  if (await isOlder(stage))
    return 'this API server is older than Kubernetes 1.36: it can not tell Pods their Lease';
  narrator.aside('Until its name is known a Pod is refused, and its controller tries again:');
  await stage.refusedUntil(
    'create -f dev/demo/pod-of-mailer.yaml --dry-run=server',
    'the API server to refuse a Pod whose Lease it does not know',
    text => text.includes('a Pod of Deployment/mailer waits for LEASE_NAME'),
  );
  await stage.kubectl('apply -f dev/demo/mailer.yaml');
  const variables =
    'get pods -n demo-shop -l app=mailer -o jsonpath=\'{range .items[*]}{.metadata.name} {.status.phase} {.spec.containers[*].env}{"\\n"}{end}\'';
  const name = leaseName('shop', 'mailer');
  const seen = await stage.kubectlUntil(
    variables,
    `a running Pod of mailer`,
    text => text.includes(' Running '),
    60,
  );
  stage.check(seen.includes(`"value":"${name}"`), `${name} in the variables of the Pod`, seen);
  return `the Pod of mailer knows its Lease, ${name}, although its manifest says nothing of it`;
}

async function isOlder(stage: Stage): Promise<boolean> {
  const policy = await stage.read<{status: {conditions: {reason: string}[]}}>('leasepolicy demo');
  return policy?.status.conditions.some(({reason}) => reason === 'KindNotServed') === true;
}
