/** Reads from an API server's audit log who wrote what in which term. */
import {readFile} from 'node:fs/promises';
import type {Lease} from '../../src/api/objects.ts';
import type {GuardedWrite, HeldRecord, Micros} from './invariant.ts';

export type AuditEvent = {
  verb: string;
  stage: string;
  userAgent?: string;
  objectRef?: {resource?: string; name?: string; namespace?: string; subresource?: string};
  responseStatus?: {code?: number};
  responseObject?: unknown;
  requestReceivedTimestamp: string;
  stageTimestamp: string;
};

/** The complete events in a log, oldest first; the last line may be half-written. */
export async function auditEvents(file: string): Promise<AuditEvent[]> {
  const text = await readFile(file, 'utf8');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as AuditEvent)
    .filter(({stage}) => stage === 'ResponseComplete');
}

/** The remark that src/runtime/write.ts puts behind the user agent. */
const REMARK = /\((.*); term (\d+)\)$/;

/** Every write of operators that was made under a term and accepted. */
export function guardedWrites(events: readonly AuditEvent[]): GuardedWrite[] {
  return events.flatMap(event => {
    const [, identity, term] = REMARK.exec(event.userAgent ?? '') ?? [];
    if (identity === undefined || !isAccepted(event)) return [];
    const {resource = '', subresource = '', namespace = '', name = ''} = event.objectRef ?? {};
    const object = [resource, subresource, namespace, name].filter(each => each !== '').join('/');
    return {
      identity,
      term: Number(term),
      what: `${event.verb} ${object}`,
      receivedUs: micros(event.requestReceivedTimestamp),
      answeredUs: micros(event.stageTimestamp),
    };
  });
}

/** The versions of one Lease in their order; the log must have the responses of its writes. */
export function heldRecords(events: readonly AuditEvent[], namespace: string, name: string): HeldRecord[] {
  return events
    .filter(isAccepted)
    .filter(({verb}) => ['create', 'update', 'patch'].includes(verb))
    .filter(({objectRef}) => objectRef?.resource === 'leases' && objectRef.namespace === namespace)
    .map(({responseObject}) => responseObject as Lease)
    .filter(lease => lease?.metadata?.name === name)
    .toSorted((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
    .map(({spec}) => ({holder: spec?.holderIdentity ?? '', transitions: spec?.leaseTransitions ?? 0}));
}

const isAccepted = ({responseStatus}: AuditEvent) => {
  const code = responseStatus?.code ?? 0;
  return code >= 200 && code < 300;
};

/** Microseconds fit a number until the year 2255. */
export function micros(time: string): Micros {
  const fraction = /\.(\d+)/.exec(time)?.[1] ?? '';
  return Math.floor(Date.parse(time) / 1000) * 1_000_000 + Number(fraction.padEnd(6, '0').slice(0, 6));
}
