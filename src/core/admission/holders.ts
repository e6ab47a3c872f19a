/** Holders: a Lease of a policy is written by its workload, and by nobody else. */
import {cel} from '../cel.ts';
import type {Rendered} from '../rendered.ts';
import type {Rules} from '../rules.ts';
import {type AdmissionContext, exclusions, LEASES, leaseScopes, validating} from './frame.ts';

/** A longer holder is refused unread, so that no text can make an expression cost more than the server allows. */
const HOLDER_MOST = 1024;

/**
 * Pod names as controllers make them: a Deployment's is name-hash-5 characters, a StatefulSet's name-number, a
 * DaemonSet's name-5 characters. The API server cuts what comes before the 5 characters at 58, which concerns
 * Deployments of more than 46 characters and DaemonSets of more than 57. For other kinds the name comes first.
 */
const POD_OF_WORKLOAD = cel`variables.pod.startsWith(variables.stem) && (
  variables.kind == "Deployment" ? variables.rest.matches("^[a-z0-9]{1,10}-[a-z0-9]{5}$") || (size(variables.workload) > 46 && size(variables.pod) == 63 && variables.rest.matches("^[a-z0-9]{0,10}-?[a-z0-9]{5}$")) :
  variables.kind == "StatefulSet" ? variables.rest.matches("^[0-9]+$") :
  variables.kind == "DaemonSet" ? variables.rest.matches("^[a-z0-9]{5}$") :
  true)`;

/**
 * The holder is the Pod's name, as a host name cut at 63, alone or with something after it: client-go's
 * hostname_uuid, a domain, a suffix of the product. Behind the number of a StatefulSet's Pod "-" means another Pod.
 */
const NAMES_POD = cel`size(variables.named) <= ${HOLDER_MOST} && variables.named.replace("/", "_").replace(":", "_").replace("@", "_").split("_").exists(part, part == variables.host || part.startsWith(variables.host + ".") || variables.kind != "StatefulSet" && part.startsWith(variables.host + "-"))`;

/**
 * What counts as a write is a change of spec; labels are anybody's. Members of system:masters pass, and the audit log
 * has an annotation when one of them did what is refused to others. A Pod that holds the Lease keeps renewing it when
 * its workload's service account changes in the middle of a rollout. By default an error lets a renewal pass.
 */
export function renderHolders(rules: Rules, context: AdmissionContext): Rendered[] {
  const {holders, failurePolicy} = rules.enforcement;
  if (holders === 'Off') return [];
  const registered = cel`object.metadata.name in params.spec.names && params.spec.names[object.metadata.name].policy == ${rules.policy}`;
  const breaksGlass = cel`(has(request.userInfo.groups) && "system:masters" in request.userInfo.groups)`;
  const isAccount = cel`(request.userInfo.username == variables.account || variables.renewsItself)`;
  const isPod = cel`(variables.pod == "" || ${POD_OF_WORKLOAD})`;
  const isHolder = cel`(variables.pod == "" || variables.named == "" || ${NAMES_POD})`;
  const whose = cel`"Lease " + object.metadata.name + " is that of " + variables.entry.subject + ${` (LeasePolicy ${rules.policy}): `}`;
  return validating(rules, context, {
    part: 'holders',
    action: holders as 'Audit' | 'Warn' | 'Deny',
    failurePolicy: failurePolicy.holders as 'Fail' | 'Ignore',
    resource: LEASES,
    operations: ['CREATE', 'UPDATE'],
    conditions: {
      'writes-the-record': cel`oldObject == null ? has(object.spec) && has(object.spec.holderIdentity) && object.spec.holderIdentity != "" : has(object.spec) != has(oldObject.spec) || has(object.spec) && object.spec != oldObject.spec`,
      ...exclusions(context),
      'is-of-the-policy': registered,
    },
    variables: {
      entry: cel`params.spec.names[object.metadata.name]`,
      subject: cel`variables.entry.subject.split("/")`,
      kind: cel`variables.subject[0]`,
      workload: cel`variables.subject[size(variables.subject) - 1]`,
      home: cel`size(variables.subject) == 3 ? variables.subject[1] : request.namespace`,
      account: cel`"system:serviceaccount:" + variables.home + ":" + variables.entry.serviceAccount`,
      pod: cel`has(request.userInfo.extra) && "authentication.kubernetes.io/pod-name" in request.userInfo.extra ? request.userInfo.extra["authentication.kubernetes.io/pod-name"][0] : ""`,
      host: cel`size(variables.pod) > 63 ? variables.pod.substring(0, 63) : variables.pod`,
      stem: cel`size(variables.workload) > 57 && variables.kind != "StatefulSet" ? variables.workload.substring(0, 58) : variables.workload + "-"`,
      rest: cel`variables.pod.startsWith(variables.stem) ? variables.pod.substring(size(variables.stem)) : ""`,
      holder: cel`has(object.spec) && has(object.spec.holderIdentity) ? object.spec.holderIdentity : ""`,
      before: cel`oldObject != null && has(oldObject.spec) && has(oldObject.spec.holderIdentity) ? oldObject.spec.holderIdentity : ""`,
      named: cel`variables.holder != "" ? variables.holder : variables.before`,
      renewsItself: cel`variables.pod != "" && variables.holder == variables.before && request.userInfo.username.startsWith("system:serviceaccount:" + variables.home + ":") && ${NAMES_POD}`,
      breaksGlass,
    },
    validations: [
      {
        holds: cel`variables.breaksGlass || ${isAccount}`,
        fallback: 'this Lease is that of another workload',
        message: cel`${whose} + "only service account " + variables.home + "/" + variables.entry.serviceAccount + " may write it, not " + request.userInfo.username`,
      },
      {
        holds: cel`variables.breaksGlass || ${isPod}`,
        fallback: 'this Lease is that of another workload',
        message: cel`${whose} + "only its Pods may write it, and " + variables.pod + " is none of them"`,
      },
      {
        holds: cel`variables.breaksGlass || ${isHolder}`,
        fallback: 'the holder of a Lease names the Pod that writes it',
        message: cel`${whose} + "its holder must name the Pod that writes it, such as " + variables.host + "_<unique id>, not " + variables.named.substring(0, size(variables.named) > 100 ? 100 : size(variables.named))`,
      },
    ],
    auditAnnotations: {
      'break-glass': cel`variables.breaksGlass && !(${isAccount} && ${isPod} && ${isHolder}) ? request.userInfo.username + " wrote a Lease that is written by service account " + variables.home + "/" + variables.entry.serviceAccount : ""`,
    },
    scopes: leaseScopes(rules, context).map(scope => ({...scope, whenMissing: 'Allow'})),
  });
}
