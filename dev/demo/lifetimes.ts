/** The part of the story about time: hand-over to a new name, the end of a Lease, and the end of a leader. */
import type {Lease} from '../../src/api/objects.ts';
import {type Line, leads, type Program} from '../programs.ts';
import {narrator} from './narrator.ts';
import type {Stage} from './stage.ts';
import {
  DURATION_SECONDS,
  GET_FINDINGS,
  GET_LEASES,
  leaseName,
  NEW_API,
  OLD_API,
  OLD_WORKER,
  OPERATOR_LEASE,
  TTL_SECONDS,
} from './story.ts';
import type {Row} from './text.ts';

const leaseOf = (stage: Stage, name: string) => stage.read<Lease>(`lease ${name} -n demo-shop`);
const rowOf = (rows: readonly Row[], name: string) => rows.find(row => row.NAME === name);
const timeOf = (line: Line) => Date.parse(String(line.time));
const seconds = (milliseconds: number) => `${(milliseconds / 1000).toFixed(1)} s`;

export async function rename(stage: Stage): Promise<string> {
  const [leader, standby] = await candidatesOfApi(stage);
  await stage.kubectl(`patch leasepolicy demo --type merge -p '{"spec": {"naming": {"prefix": "store"}}}'`);
  await stage.tableUntil(
    GET_LEASES,
    `${NEW_API} to be kept closed by the operator while ${leader.name} holds ${OLD_API}`,
    rows =>
      rowOf(rows, NEW_API)?.HOLDER === `leasepolicy-rename_${OLD_API}` &&
      rowOf(rows, OLD_API)?.HOLDER === leader.name,
  );
  narrator.aside('The next version of api, configured with the new name, comes while the old one leads:');
  const next = await stage.candidate('api-next', NEW_API);
  await stage.hold(`${leader.name} leads and api-next does not`, DURATION_SECONDS + 2, async () => {
    stage.check(!next.lines.some(leads), 'api-next to wait for the old leader', 'both of them lead');
    stage.check(leader.running, `${leader.name} to go on leading`, 'that it ended');
  });
  narrator.aside('The old version ends, as a rollout ends it:');
  await stage.end(standby);
  return `${await handOver(stage, leader, next)}; ${OLD_WORKER}, still held, goes on`;
}

/** The Pods of step 5, the leader first. */
async function candidatesOfApi(stage: Stage): Promise<[Program, Program]> {
  const leader = (await leaseOf(stage, OLD_API))?.spec?.holderIdentity ?? '';
  const pods = await stage.read<{items: {metadata: {name: string}}[]}>('pods -n demo-shop -l app=api');
  const names = pods?.items.map(pod => pod.metadata.name) ?? [];
  const standby = names.find(name => name !== leader) ?? '';
  return [stage.program(leader), stage.program(standby)];
}

async function handOver(stage: Stage, leader: Program, next: Program): Promise<string> {
  const before = (await leaseOf(stage, OLD_API))?.spec?.leaseTransitions ?? 0;
  stage.check(!next.lines.some(leads), 'api-next to wait until the last moment', 'that it leads');
  const endedAt = await stage.end(leader);
  const line = await stage.leads(next);
  const waitedMs = timeOf(line) - endedAt;
  stage.check(waitedMs > 0, 'api-next to lead after the old leader ended', `${waitedMs} ms before`);
  const counter = Number(line.transitions);
  stage.check(counter > before, `a fencing counter above ${before}`, String(counter));
  await stage.tableUntil(
    GET_LEASES,
    `api-next in ${NEW_API}, and ${OLD_WORKER} held as before`,
    rows =>
      rowOf(rows, NEW_API)?.HOLDER === 'api-next' &&
      rowOf(rows, OLD_WORKER)?.HOLDER?.startsWith('worker-') === true,
  );
  return `${NEW_API} opened ${seconds(waitedMs)} after ${leader.name} was told to end, never before`;
}

export async function deletion(stage: Stage): Promise<string> {
  const before = await leaseOf(stage, NEW_API);
  await stage.kubectl('delete deployment api -n demo-shop');
  narrator.aside('api-next goes on, as a process does whose node is cut off:');
  await stage.kubectlUntil(GET_FINDINGS, 'the finding OrphanedLease', text =>
    text.includes(
      `Lease ${NEW_API} is no longer the name of Deployment/api; it is kept while api-next renews it`,
    ),
  );
  await stage.hold(`api-next renews and ${NEW_API} stays`, TTL_SECONDS + 3, async () => {
    const uid = (await leaseOf(stage, NEW_API))?.metadata.uid;
    stage.check(uid === before?.metadata.uid, `${NEW_API} to stay while it is renewed`, uid ?? 'no Lease');
  });
  const renewedAt = before?.spec?.renewTime ?? '';
  await stage.tableUntil(
    GET_LEASES,
    `api-next in ${NEW_API}, renewed since ${renewedAt}`,
    rows => rowOf(rows, NEW_API)?.HOLDER === 'api-next' && String(rowOf(rows, NEW_API)?.RENEWED) > renewedAt,
  );
  narrator.aside('Now api-next ends:');
  const endedAt = await stage.end(stage.program('api-next'));
  await stage.tableUntil(GET_LEASES, `${NEW_API} to be gone`, rows => rowOf(rows, NEW_API) === undefined);
  const keptMs = Date.now() - endedAt;
  const limit = `at least the ttl, ${TTL_SECONDS} s`;
  stage.check(keptMs >= TTL_SECONDS * 1000, `${NEW_API} to be kept for ${limit}`, seconds(keptMs));
  narrator.aside('The operator logged the whole Lease before, so that kubectl apply can bring it back:');
  await stage.line(
    stage.program('operator-1'),
    `the deletion of ${NEW_API} in the operator's log`,
    line => line.message === 'deleting Lease' && (line.manifest as Lease).metadata.name === NEW_API,
  );
  return `${NEW_API} outlived its Deployment while it was renewed, and went ${seconds(keptMs)} after that (ttl ${TTL_SECONDS} s)`;
}

export async function failover(stage: Stage): Promise<string> {
  const [first, second] = [stage.program('operator-1'), stage.program('operator-2')];
  const heir = leaseName('store', 'reports');
  const killedAt = await stage.end(first, 'SIGKILL');
  await stage.kubectl('apply -f dev/demo/reports.yaml');
  const line = await stage.operatorLeads(second);
  const tookMs = Date.parse(String(line.timestamp)) - killedAt;
  await stage.tableUntil(
    'get leases -n demo-operator',
    'operator-2 in the Lease of the operators',
    rows => rowOf(rows, OPERATOR_LEASE)?.HOLDER === 'operator-2',
  );
  await stage.tableUntil(
    'get leases -n demo-shop',
    `the Lease ${heir} of reports, which came after the kill`,
    rows => rowOf(rows, heir) !== undefined,
  );
  return `operator-2 led ${seconds(tookMs)} after the SIGKILL, and gave reports its Lease`;
}
