/** Names: a Lease is created only under a name that a policy gives, or that is exempt. */
import type {Rules} from '../naming/rules.ts';
import {cel} from './cel.ts';
import {type AdmissionContext, exclusions, LEASES, leaseScopes, validating} from './frame.ts';
import type {Rendered} from './rendered.ts';

/**
 * Only creation is checked: a holder whose Lease became misnamed goes on renewing it. An exemption ends by the server's
 * own clock, which has set creationTimestamp by then, so that it ends also while the operator is down. By default the
 * rule fails closed: a creation is refused while the registry can't be read, and an existing holder loses nothing.
 */
export function renderNames(rules: Rules, context: AdmissionContext): Rendered[] {
  const {names, failurePolicy} = rules.enforcement;
  const name = cel`object.metadata.name`;
  const until = cel`params.spec.exemptUntil`;
  const isExempt = cel`${name} in params.spec.exempt && (!(${name} in ${until}) || timestamp(object.metadata.creationTimestamp) < timestamp(${until}[${name}]))`;
  return validating(rules, context, {
    part: 'names',
    action: names,
    failurePolicy: failurePolicy.names,
    resource: LEASES,
    operations: ['CREATE'],
    conditions: exclusions(context),
    validations: [
      {
        holds: cel`${name} in params.spec.names || ${isExempt}`,
        fallback: 'no LeasePolicy allows a Lease of this name here: see kubectl get leaseregistry leases',
        message: cel`"no policy allows Lease " + ${name} + " in namespace " + request.namespace + ${` (LeasePolicy ${rules.policy}); allowed here: `} + params.spec.allowed + "; use the name of your workload, or have this one exempted"`,
      },
    ],
    whenMissing: 'Deny',
    scopes: leaseScopes(rules, context),
  });
}
