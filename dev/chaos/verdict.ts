/** What a run of chaos has shown, from the audit log and from what the candidates knew. */
import {type AuditEvent, guardedWrites, heldRecords, micros} from '../trust/audit.ts';
import {interleavings, miscounts, overlaps} from '../trust/invariant.ts';
import {NAMESPACE, type Workload} from './fleet.ts';

export type Verdict = {
  /** Each list has a sentence for each violation. */
  invariant: string[];
  together: string[];
  lost: string[];
  deletedWhileHeld: string[];
  guardedWrites: number;
  /** Leases that were deleted, all of them. */
  deleted: number;
};

export function verdictOf(
  events: readonly AuditEvent[],
  workloads: readonly Workload[],
  own: {namespace: string; name: string},
): Verdict {
  const writes = guardedWrites(events);
  const byLease = new Map(workloads.map(each => [each.lease, each]));
  const deletions = events.flatMap(event => {
    const {resource, namespace, name = ''} = event.objectRef ?? {};
    const isLease = event.verb === 'delete' && resource === 'leases' && namespace === NAMESPACE;
    const workload = byLease.get(name);
    return isLease && event.responseStatus?.code === 200 && workload ? [{event, workload}] : [];
  });
  return {
    invariant: [...interleavings(writes), ...miscounts(heldRecords(events, own.namespace, own.name))],
    together: workloads.flatMap(({reigns}) => overlaps(reigns)),
    lost: deletions.flatMap(({event, workload}) => lost(event, workload)),
    deletedWhileHeld: deletions.flatMap(({event, workload}) => heldAt(event, workload)),
    guardedWrites: writes.length,
    deleted: deletions.length,
  };
}

const ms = (time: string) => micros(time) / 1000;

function lost({stageTimestamp}: AuditEvent, {name, lease, toMs}: Workload): string[] {
  return toMs === undefined || ms(stageTimestamp) < toMs ? [`${lease} was deleted while ${name} lived`] : [];
}

/** A reign that covers the whole of the request covers the instant in which the server deleted. */
function heldAt({requestReceivedTimestamp, stageTimestamp}: AuditEvent, {lease, reigns}: Workload): string[] {
  const [fromMs, toMs] = [ms(requestReceivedTimestamp), ms(stageTimestamp)];
  const holder = reigns.find(reign => reign.fromMs <= fromMs && toMs <= reign.toMs);
  return holder ? [`${lease} was deleted while ${holder.identity} led`] : [];
}
