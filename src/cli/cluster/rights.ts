/** Which rights the caller lacks, asked of the API server before anything is written. */
import type {ApiClient} from '../../runtime/client.ts';
import {Failure} from '../terminal/failure.ts';

/** One thing to be done. */
export type Right = {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
};

type Review = {status: {allowed?: boolean}};

export async function missingRights(client: ApiClient, rights: readonly Right[]): Promise<Right[]> {
  const answers = await Promise.all(
    rights.map(async right => ({right, isAllowed: await isAllowed(client, right)})),
  );
  return answers.filter(each => !each.isAllowed).map(({right}) => right);
}

async function isAllowed(client: ApiClient, resourceAttributes: Right): Promise<boolean> {
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: {resourceAttributes},
  };
  const path = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
  return (await client.request<Review>('POST', path, {body})).status.allowed === true;
}

/** Ends the command with what is missing, before its first write. */
export async function demandRights(client: ApiClient, rights: readonly Right[]): Promise<void> {
  const missing = await missingRights(client, rights);
  if (missing.length === 0) return;
  throw new Failure(
    'Forbidden',
    `nothing was changed, as you may not ${rightsText(missing)}`,
    'ask for these rights, or name a context that has them by --context',
  );
}

/** Each verb and resource once: create and patch clusterroles.rbac.authorization.k8s.io. */
export function rightsText(rights: readonly Right[]): string {
  const verbs = new Map<string, Set<string>>();
  for (const {verb, group, resource} of rights) {
    const full = group === '' ? resource : `${resource}.${group}`;
    verbs.set(full, (verbs.get(full) ?? new Set()).add(verb));
  }
  return [...verbs].map(([resource, each]) => `${[...each].join(' and ')} ${resource}`).join(', ');
}
