/** The part of the story about names: who has which Lease, and who leads by it. */
import {narrator} from './narrator.ts';
import {CANDIDATE_TIMING, type Stage} from './stage.ts';
import {GET_FINDINGS, OLD_API, OLD_WORKER} from './story.ts';
import type {Row} from './text.ts';

const HARD_CODED = 'shop-leader-election';

export async function deployments(stage: Stage): Promise<string> {
  await stage.kubectl('apply -f dev/demo/shop.yaml');
  const subjects =
    "get leases -n demo-shop -o custom-columns='NAME:.metadata.name,SUBJECT:.metadata.annotations.leasepolicy\\.dev/subject'";
  const is = (rows: Row[], name: string, subject: string) =>
    rows.some(row => row.NAME === name && row.SUBJECT === subject);
  await stage.tableUntil(
    subjects,
    `the Lease ${OLD_API} of api and ${OLD_WORKER} of worker`,
    rows => is(rows, OLD_API, 'Deployment/api') && is(rows, OLD_WORKER, 'Deployment/worker'),
  );
  return `${OLD_API} and ${OLD_WORKER}: the prefix, and 10 digits of the SHA-256 of "api" and "worker"`;
}

export async function pods(stage: Stage): Promise<string> {
  const rows = await stage.tableUntil(
    'get pods -n demo-shop',
    'three Pods to be Running (the cluster must have a free node that can pull busybox)',
    pods => pods.length === 3 && pods.every(pod => pod.STATUS === 'Running'),
    60,
  );
  const named = (deployment: string) =>
    rows.map(row => row.NAME ?? '').filter(name => name.startsWith(`${deployment}-`));
  const [leader = '', standby = ''] = named('api');
  const [worker = ''] = named('worker');
  narrator.aside(
    `Beside each Pod, a process with its name contends with client-go (dev/candidate; "..." is ${CANDIDATE_TIMING}):`,
  );
  await stage.leads(await stage.candidate(leader, OLD_API));
  const second = await stage.candidate(standby, OLD_API);
  await stage.line(
    second,
    `${standby} to see that ${leader} leads`,
    line => line.event === 'observed' && line.holder === leader,
  );
  await stage.leads(await stage.candidate(worker, OLD_WORKER));
  await stage.tableUntil(
    'get leases -n demo-shop',
    'one holder for each of the two Leases',
    leases => holder(leases, OLD_API) === leader && holder(leases, OLD_WORKER) === worker,
  );
  return 'three Pods run; api and worker each have a leader, because they do not share a Lease';
}

const holder = (leases: readonly Row[], name: string) => leases.find(row => row.NAME === name)?.HOLDER;

export async function misnamed(stage: Stage): Promise<string> {
  narrator.aside(`A program with the election ID ${HARD_CODED} in its code makes that Lease itself:`);
  const legacy = await stage.candidate('legacy-0', HARD_CODED);
  await stage.leads(legacy);
  const violations = (count: string) =>
    stage.tableUntil('get leasepolicies', `${count} in the column VIOLATIONS`, rows =>
      rows.some(row => row.NAME === 'demo' && row.VIOLATIONS === count),
    );
  await violations('1');
  const lease = `Lease/demo-shop/${HARD_CODED}`;
  await stage.kubectlUntil(GET_FINDINGS, `the finding MisnamedLease of ${lease}`, text =>
    text.includes(`MisnamedLease ${lease}: `),
  );
  narrator.aside('It is removed again, and the finding with it:');
  await stage.end(legacy);
  await stage.kubectl(`delete lease -n demo-shop ${HARD_CODED}`);
  await violations('0');
  return `${HARD_CODED} was counted and named in the status with the names that are allowed, until it was gone`;
}
