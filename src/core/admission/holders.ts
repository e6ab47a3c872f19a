/** Holders: a Lease of a policy is written by its workload, and by nobody else. */
import {HOLDER_MOST, POD_ENDINGS} from '../lease/holder.ts';
import type {Rules} from '../naming/rules.ts';
import {type Cel, cel, where} from './cel.ts';
import {ENTRY, type WriteRule} from './frame.ts';

/** What candidates write. A creation without a holder is nobody's: the record is free. */
const WRITES_RECORD = cel`(oldObject == null ? has(object.spec) && has(object.spec.holderIdentity) && object.spec.holderIdentity != "" : has(object.spec) != has(oldObject.spec) || has(object.spec) && object.spec != oldObject.spec)`;

/**
 * Who adds an owner can have the garbage collector delete the Lease under its holder, and who adds a finalizer keeps it
 * from ever going. To take either away does no harm, and is the cure where it was added before.
 */
const adds = (now: Cel, before: Cel) =>
  cel`has(${now}) && !${now}.all(each, oldObject != null && has(${before}) && each in ${before})`;
const ADDS_OWNER = adds(cel`object.metadata.ownerReferences`, cel`oldObject.metadata.ownerReferences`);
const ADDS_FINALIZER = adds(cel`object.metadata.finalizers`, cel`oldObject.metadata.finalizers`);

/** In this order: nearly every write is a renewal, and what comes after the first is not asked of it. */
const WRITES = cel`(${WRITES_RECORD} || ${ADDS_OWNER} || ${ADDS_FINALIZER})`;

/** What the rule speaks of. */
type Terms = {
  /** The subject in the registry, in parts: kind and name, or kind, namespace and name. */
  readonly subject: Cel;
  /** The Pod to which the token is bound, or "". */
  readonly pod: Cel;
  /** The holder after the write, and the one before; "" for none. */
  readonly holder: Cel;
  readonly before: Cel;
};

const POD_NAME = 'authentication.kubernetes.io/pod-name';
const POD = cel`(has(request.userInfo.extra) && ${POD_NAME} in request.userInfo.extra ? request.userInfo.extra[${POD_NAME}][0] : "")`;
const HOLDER = cel`(has(object.spec) && has(object.spec.holderIdentity) ? object.spec.holderIdentity : "")`;
const BEFORE = cel`(oldObject != null && has(oldObject.spec) && has(oldObject.spec.holderIdentity) ? oldObject.spec.holderIdentity : "")`;

/**
 * What counts as a write is a change of spec, or an owner or a finalizer more; labels are anybody's, but ours. Members of system:masters pass, and the
 * audit log has an annotation when one of them did what is refused to others.
 */
export function holderRule({policy, enforcement}: Rules): WriteRule | undefined {
  const {holders, failurePolicy} = enforcement;
  if (holders === 'Off') return undefined;
  const told: Terms = {
    subject: cel`variables.subject`,
    pod: cel`variables.pod`,
    holder: cel`variables.holder`,
    before: cel`variables.before`,
  };
  const account = accountOf(told);
  const whose = cel`"Lease " + object.metadata.name + " is that of " + ${ENTRY}.subject + ${` (LeasePolicy ${policy}): `}`;
  const passes = (holds: Cel) => cel`!variables.writes || variables.breaksGlass || ${holds}`;
  return {
    part: 'holders',
    field: 'holders',
    action: holders,
    failurePolicy: failurePolicy.holders,
    isBroken: cel`(${WRITES} && !${isByItsWorkload()})`,
    variables: {
      writes: WRITES,
      subject: cel`${ENTRY}.subject.split("/")`,
      pod: POD,
      holder: HOLDER,
      before: BEFORE,
      breaksGlass: cel`has(request.userInfo.groups) && "system:masters" in request.userInfo.groups`,
    },
    validations: [
      {
        holds: passes(cel`${isItsAccount(told)} || ${holdsItself(told)}`),
        fallback: 'this Lease is that of another workload',
        message: cel`${whose} + "only " + ${account} + " may write it, not " + request.userInfo.username`,
      },
      {
        holds: passes(isItsPod(told)),
        fallback: 'this Lease is that of another workload',
        message: cel`${whose} + "only its Pods may write it, and " + variables.pod + " is none of them"`,
      },
      {
        holds: passes(namesPod(told)),
        fallback: 'the holder of a Lease names the Pod that writes it',
        message: cel`${whose} + "its holder must name the Pod that writes it, such as " + ${host(told.pod)} + "_<unique id>, not " + ${shortened(named(told))}`,
      },
    ],
    auditAnnotations: {
      'break-glass': cel`variables.writes && variables.breaksGlass && !((${isItsAccount(told)} || ${holdsItself(told)}) && ${isItsPod(told)} && ${namesPod(told)}) ? request.userInfo.username + " wrote a Lease that only " + ${account} + " may write" : ""`,
    },
  };
}

/** The whole rule in one expression, without the variables of the validations. */
function isByItsWorkload(): Cel {
  const terms: Terms = {subject: cel`subject`, pod: cel`pod`, holder: cel`holder`, before: cel`before`};
  const holds = cel`(${isItsAccount(terms)} || ${holdsItself(terms)}) && ${isItsPod(terms)} && ${namesPod(terms)}`;
  const bound = where('holder', HOLDER, where('before', BEFORE, holds));
  return where('subject', cel`${ENTRY}.subject.split("/")`, where('pod', POD, bound));
}

const kind = ({subject}: Terms) => cel`${subject}[0]`;
const workload = ({subject}: Terms) => cel`${subject}[size(${subject}) - 1]`;
const home = ({subject}: Terms) => cel`(size(${subject}) == 3 ? ${subject}[1] : request.namespace)`;
const accounts = (terms: Terms) => cel`"system:serviceaccount:" + ${home(terms)} + ":"`;

const accountOf = (terms: Terms) => cel`${accounts(terms)} + ${ENTRY}.serviceAccount`;
const isItsAccount = (terms: Terms) => cel`request.userInfo.username == ${accountOf(terms)}`;

/**
 * A Pod that holds the Lease goes on renewing it, and can give it up, when its workload's service account changes in the
 * middle of a rollout.
 */
function holdsItself(terms: Terms): Cel {
  const {pod, holder, before} = terms;
  const goesOn = cel`${before} != "" && (${holder} == ${before} || ${holder} == "")`;
  return cel`(${pod} != "" && ${goesOn} && request.userInfo.username.startsWith(${accounts(terms)}) && ${isItsPod(terms)})`;
}

/**
 * Pod names as controllers make them: a Deployment's is name-hash-5 characters, a StatefulSet's name-number, a
 * DaemonSet's name-5 characters. What comes before the 5 characters is cut at 58, which concerns Deployments of more
 * than 46 characters and DaemonSets of more than 57. For other kinds the name comes first.
 */
function isItsPod(terms: Terms): Cel {
  const {pod} = terms;
  const name = workload(terms);
  const cut = cel`(size(${name}) > 57 && ${kind(terms)} != "StatefulSet")`;
  const stem = cel`(${cut} ? ${name}.substring(0, 58) : ${name} + "-")`;
  const rest = cel`${pod}.substring(${cut} ? 58 : size(${name}) + 1)`;
  const isCut = cel`size(${name}) > 46 && size(${pod}) == 63 && ${rest}.matches(${POD_ENDINGS.cutDeployment})`;
  const ofDeployment = cel`${rest}.matches(${POD_ENDINGS.Deployment}) || ${isCut}`;
  const ofKind = cel`${kind(terms)} == "Deployment" ? ${ofDeployment} : ${kind(terms)} == "StatefulSet" ? ${rest}.matches(${POD_ENDINGS.StatefulSet}) : ${kind(terms)} == "DaemonSet" ? ${rest}.matches(${POD_ENDINGS.DaemonSet}) : true`;
  return cel`(${pod} == "" || ${pod}.startsWith(${stem}) && (${ofKind}))`;
}

/** A release names nobody: then it is the holder before. */
const named = ({holder, before}: Terms) => cel`(${holder} != "" ? ${holder} : ${before})`;

/** A Pod's host name is its name, cut at 63. */
const host = (pod: Cel) => cel`(size(${pod}) > 63 ? ${pod}.substring(0, 63) : ${pod})`;

const shortened = (text: Cel) => cel`(size(${text}) > 100 ? ${text}.substring(0, 100) : ${text})`;

/**
 * The holder is the Pod's host name, alone or with something around it: client-go's hostname_uuid, a domain, a suffix
 * of the product. Behind the number of a StatefulSet's Pod "-" would mean another Pod.
 */
function namesPod(terms: Terms): Cel {
  const {pod} = terms;
  const suffix = cel`${kind(terms)} != "StatefulSet" && part.startsWith(${host(pod)} + "-")`;
  const isHost = cel`part == ${host(pod)} || part.startsWith(${host(pod)} + ".") || ${suffix}`;
  const parts = cel`${named(terms)}.replace("/", "_").replace(":", "_").replace("@", "_").split("_")`;
  return cel`(${pod} == "" || ${named(terms)} == "" || size(${named(terms)}) <= ${HOLDER_MOST} && ${parts}.exists(part, ${isHost}))`;
}
