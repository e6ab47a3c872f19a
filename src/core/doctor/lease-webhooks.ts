/** Which admission webhooks are asked about Leases: one that is away can take a control plane down. */
import type {LabelSelector} from '../../api/leasepolicy.ts';
import {compileSelector, type Labels, labelsOfNamespace} from '../selector.ts';

export type WebhookRule = {
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly resources?: readonly string[];
  readonly operations?: readonly string[];
  readonly scope?: string;
};

export type Webhook = {
  readonly name: string;
  readonly rules?: readonly WebhookRule[];
  readonly failurePolicy?: string;
  readonly timeoutSeconds?: number;
  readonly namespaceSelector?: LabelSelector;
  readonly objectSelector?: LabelSelector;
  readonly matchConditions?: readonly unknown[];
};

export type WebhookConfiguration = {
  readonly kind: string;
  readonly name: string;
  readonly webhooks: readonly Webhook[];
};

/** A webhook that is asked about Leases, and how much depends on it. */
export type LeaseWebhook = {
  readonly configuration: string;
  readonly name: string;
  /**
   * - fatal: while it is away, the control plane and nodes can't renew theirs
   * - failing: while it is away, others can't renew theirs
   * - slow: renewals wait for it
   */
  readonly risk: 'fatal' | 'failing' | 'slow';
  readonly timeoutSeconds: number;
};

/** Where the control plane and the nodes have their Leases. */
export const CRITICAL_NAMESPACES = ['kube-system', 'kube-node-lease'] as const;

export function leaseWebhooks(
  configurations: readonly WebhookConfiguration[],
  namespaces: ReadonlyMap<string, Labels>,
): LeaseWebhook[] {
  return configurations.flatMap(({kind, name, webhooks}) =>
    webhooks
      .filter(({rules = []}) => rules.some(matchesLeases))
      .map(webhook => ({
        configuration: `${kind}/${name}`,
        name: webhook.name,
        risk: riskOf(webhook, namespaces),
        timeoutSeconds: webhook.timeoutSeconds ?? 10,
      })),
  );
}

const has = (values: readonly string[] | undefined, ...wanted: string[]) =>
  (values ?? []).some(value => wanted.includes(value));

export function matchesLeases({apiGroups, apiVersions, resources, operations, scope}: WebhookRule): boolean {
  return (
    has(apiGroups, '*', 'coordination.k8s.io') &&
    has(apiVersions, '*', 'v1') &&
    has(resources, '*', '*/*', 'leases') &&
    has(operations, '*', 'CREATE', 'UPDATE', 'DELETE') &&
    scope !== 'Cluster'
  );
}

/** Conditions and labels of objects may spare the control plane: nobody here can tell. */
function riskOf(webhook: Webhook, namespaces: ReadonlyMap<string, Labels>): LeaseWebhook['risk'] {
  const {failurePolicy = 'Fail', namespaceSelector = {}, objectSelector = {}, matchConditions = []} = webhook;
  if (failurePolicy === 'Ignore') return 'slow';
  const mayBeSpared = matchConditions.length > 0 || Object.values(objectSelector).some(isThere);
  const selects = compileSelector(namespaceSelector, 'namespaceSelector');
  const isCritical = CRITICAL_NAMESPACES.some(name => {
    const labels = namespaces.get(name) ?? labelsOfNamespace(name);
    return typeof selects === 'string' || selects(labels);
  });
  return isCritical && !mayBeSpared ? 'fatal' : 'failing';
}

const isThere = (part: unknown) => typeof part === 'object' && part !== null && Object.keys(part).length > 0;
