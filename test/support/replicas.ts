/** Replicas of the operator that have work all the time, and the judgement on what they wrote. */
import {setTimeout as delay} from 'node:timers/promises';
import {KubeConfig} from '@kubernetes/client-node';
import type {ExecutionContext} from 'ava';
import {leading, type Program} from '../../dev/programs.ts';
import {type AuditEvent, auditEvents, guardedWrites, heldRecords} from '../../dev/trust/audit.ts';
import {interleavings, miscounts} from '../../dev/trust/invariant.ts';
import {ApiClient} from '../../src/runtime/client.ts';
import {eventually} from './eventually.ts';
import {deployment, namespace, policy, type Stage, setStage} from './stage.ts';

/** With the responses of writes of Leases, so that each version of a record is in the log. */
export const LEASE_AUDIT = new URL('lease-audit.yaml', import.meta.url).pathname;

/** As seconds: the Lease outlives the deadline by one, as by the defaults it does by five. */
export const FAST_TIMING = {leaseDurationSeconds: 4, renewDeadlineSeconds: 3, retryPeriodSeconds: 0.5};
export const FAST = [
  ...['--lease-duration-seconds', `${FAST_TIMING.leaseDurationSeconds}`],
  ...['--renew-deadline-seconds', `${FAST_TIMING.renewDeadlineSeconds}`],
  ...['--retry-period-seconds', `${FAST_TIMING.retryPeriodSeconds}`],
];

export const OWN_LEASE = {namespace: 'leasepolicy-system', name: 'leasepolicy-d704b00044'};

/** A client with the rights of the administrator, that ends with the test. */
export function administratorOf(t: ExecutionContext, {cluster}: Stage): ApiClient {
  const config = new KubeConfig();
  config.loadFromFile(cluster.kubeconfig);
  const client = new ApiClient(config, 'test');
  t.teardown(() => client.close());
  return client;
}

/** A stage with a policy whose Leases the audit log shows, and a new workload many times a second. */
export async function busyStage(t: ExecutionContext): Promise<Stage> {
  const stage = await setStage(t, {auditPolicy: LEASE_AUDIT});
  await stage.apply(namespace('shop'), policy('payments', {naming: {prefix: 'payments'}}));
  const client = administratorOf(t, stage);
  const stop = new AbortController();
  const work = (async () => {
    for (let count = 0; !stop.signal.aborted; count += 1) {
      const body = deployment('shop', `app-${count}`);
      await client.request('POST', '/apis/apps/v1/namespaces/shop/deployments', {body}).catch(() => {});
      await delay(50, undefined, {signal: stop.signal}).catch(() => {});
    }
  })();
  t.teardown(async () => {
    stop.abort();
    await work;
  });
  return stage;
}

export type Judgement = {
  /** Identities in the order of their terms, which wrote under them. */
  leaders: string[];
  writes: number;
  events: readonly AuditEvent[];
};

/** Fails the test where the audit log shows that terms interleaved, or that a change of the holder was miscounted. */
export async function judge(t: ExecutionContext, {cluster}: Stage): Promise<Judgement> {
  const events = await auditEvents(cluster.auditLog ?? '');
  const writes = guardedWrites(events);
  t.deepEqual(interleavings(writes), []);
  t.deepEqual(miscounts(heldRecords(events, OWN_LEASE.namespace, OWN_LEASE.name)), []);
  const byTerm = new Map(writes.map(({term, identity}) => [term, identity]));
  const leaders = [...byTerm].toSorted(([a], [b]) => a - b).map(([, identity]) => identity);
  return {leaders, writes: writes.length, events};
}

/**
 * The first of the replicas that has begun so many terms. It may have before anybody asks: a standby takes a
 * released Lease in milliseconds.
 */
export const leaderOf = (replicas: readonly Program[], {terms = 1, withinMs = 30_000} = {}) =>
  eventually('a leader', async () => replicas.find(each => termsOf(each) >= terms), withinMs);

export const termsOf = (program: Program) => program.lines.filter(leading).length;

/** Waits until the leader has written something under its term, which the log shows. */
export async function hasWritten({cluster}: Stage, identity: string, atLeast = 1): Promise<void> {
  await eventually(`${atLeast} writes of ${identity}`, async () => {
    const writes = guardedWrites(await auditEvents(cluster.auditLog ?? ''));
    return writes.filter(each => each.identity === identity).length >= atLeast;
  });
}
