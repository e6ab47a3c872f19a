/** What the API server has logged of our operator's requests. */
import {readFile} from 'node:fs/promises';
import type {Stage} from './stage.ts';

export type AuditEvent = {
  verb: string;
  user: {username: string};
  userAgent?: string;
  stageTimestamp: string;
  objectRef?: {resource?: string; name?: string; namespace?: string; subresource?: string};
  responseStatus?: {code?: number};
};

/** The writes of our operator, or its requests of one verb. */
export async function writesOf(stage: Stage, verb?: string): Promise<AuditEvent[]> {
  const text = await readFile(stage.cluster.auditLog ?? '', 'utf8');
  const lines = text
    .split('\n')
    .slice(0, text.endsWith('\n') ? undefined : -1)
    .filter(line => line.includes('"leasepolicy/'));
  const events = lines.map(line => JSON.parse(line) as AuditEvent);
  return events.filter(each =>
    verb === undefined
      ? !['get', 'list', 'watch'].includes(each.verb) && !isQuestion(each)
      : each.verb === verb,
  );
}

/** Who am I: asked by a creation, of which nothing stays. */
const isQuestion = (event: AuditEvent) => event.objectRef?.resource === 'selfsubjectreviews';
