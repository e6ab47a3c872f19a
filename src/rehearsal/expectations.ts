/** Holds what a policy test expects against what the product says: names, findings and verdicts of admission. */
import type {AdmissionExpectation, FindingExpectation, NameExpectation} from '../api/policytest.ts';
import {type LeaseManifest, leaseRequest} from '../core/admission/lease-request.ts';
import {type Breach, review, type Verdict, verdictOf} from '../core/admission/review.ts';
import type {Claim} from '../core/naming/claims.ts';
import {type Asked, meansKind, namesGiven, parseSubject} from '../core/naming/subject-names.ts';
import type {WorkloadRow} from '../world/project.ts';
import type {FileWorld} from './file-world.ts';

/** What was expected, what was found, and whether that is the same. */
export type Outcome = {
  readonly what: string;
  readonly passed: boolean;
  readonly expected: string;
  readonly found: string;
  /** Of a request for admission. */
  readonly answer?: {readonly verdict: Verdict; readonly breaches: readonly Breach[]};
};

/** Something that the expectation names and the files do not have: it fails, whatever is expected. */
class Unknown extends Error {}

function outcomeOf(what: string, expected: string, judge: () => Omit<Outcome, 'what' | 'expected'>): Outcome {
  try {
    return {what, expected, ...judge()};
  } catch (error) {
    if (!(error instanceof Unknown)) throw error;
    return {what, expected, passed: false, found: error.message};
  }
}

const ofPolicy = (policy: string | undefined) => (policy === undefined ? '' : ` by policy ${policy}`);

function checkPolicy(policy: string | undefined, {world}: FileWorld): void {
  if (policy === undefined || world.policies.get(policy)) return;
  const names = [...world.policies.values()].map(({key}) => key).join(', ');
  throw new Unknown(`there is no policy ${policy} in the files, only ${names}`);
}

function subjectIn(text: string): Asked {
  const asked = parseSubject(text);
  if (asked) return asked;
  throw new Unknown(`${text} names nothing: write kind and name, such as deployment/api`);
}

const placeOf = (namespace: string) => (namespace === '' ? '' : ` in namespace ${namespace}`);

const missing = (text: string, namespace: string) =>
  new Unknown(`there is no ${text}${placeOf(namespace)} in the files: add it to resources`);

// Names.

export function judgeName(expectation: NameExpectation, files: FileWorld): Outcome {
  const {workload, namespace, policy, lease} = expectation;
  const what = `name of ${workload}${placeOf(namespace)}${ofPolicy(policy)}`;
  return outcomeOf(what, lease ?? 'no Lease', () => {
    checkPolicy(policy, files);
    const asked = subjectIn(workload);
    if (!files.has(asked, namespace)) throw missing(workload, namespace);
    const isMeant = (claim: Claim) => policy === undefined || claim.policy === policy;
    const claims = rowsOf(asked, namespace, files).flatMap(({id}) => files.world.claims.of(id));
    const names = claims.filter(isMeant).flatMap(claim => nameOf(claim, files) ?? []);
    const found = names.length > 0 ? names.join(', ') : `no Lease${whyNone(expectation, asked, files)}`;
    return {passed: lease === null ? names.length === 0 : names.length === 1 && names[0] === lease, found};
  });
}

/** The workload, of the kinds that policies name. */
const rowsOf = ({kind, name}: Asked, namespace: string, {world}: FileWorld): WorkloadRow[] =>
  [...world.sources.values()].flatMap(({ref, store}) =>
    meansKind(kind, ref) ? (store.get(`${namespace}/${name}`) ?? []) : [],
  );

/** As the registry writes it; undefined where an older workload has the name. */
function nameOf(claim: Claim, {world}: FileWorld): string | undefined {
  const {leaseKey, leaseNamespace, workload} = claim;
  if (leaseKey === undefined || world.claims.winner(leaseKey) !== claim) return undefined;
  return leaseNamespace === workload.namespace ? leaseKey.slice(leaseNamespace.length + 1) : leaseKey;
}

function whyNone({namespace, policy}: NameExpectation, asked: Asked, files: FileWorld): string {
  const {world} = files;
  const [row] = rowsOf(asked, namespace, files);
  const namespaceLabels = world.namespaces.get(namespace)?.labels;
  const rules = [...world.rules.values(), ...world.systemRules.values()];
  const meant = rules.filter(each => policy === undefined || each.policy === policy);
  const {names, others} = namesGiven({...asked, namespace, labels: row?.labels, namespaceLabels}, meant);
  const lost = names.map(({policy: by, result}) =>
    'name' in result ? `${by} gives ${result.name} to an older workload` : `${by}: ${result.message}`,
  );
  const reasons = [...others.map(each => `${each.policy} ${each.because}`), ...lost];
  return reasons.length > 0 ? ` (${reasons.join('; ')})` : '';
}

// Findings.

export function judgeFindings(expectation: FindingExpectation, files: FileWorld): Outcome {
  const {about, namespace = '', policy, reasons} = expectation;
  const what = `findings of ${about}${placeOf(namespace)}${ofPolicy(policy)}`;
  return outcomeOf(what, textOf(reasons), () => {
    checkPolicy(policy, files);
    const asked = subjectIn(about);
    const all = files
      .findings()
      .filter(
        ({about: object}) =>
          object.name === asked.name && object.namespace === namespace && meansKind(asked.kind, object),
      );
    if (all.length === 0 && !files.has(asked, namespace)) throw missing(about, namespace);
    const own = all.filter(each => policy === undefined || each.policy === policy);
    const passed = textOf(reasons) === textOf(own.map(({reason}) => reason));
    const found = own.map(({reason, policy: by, message}) => `${reason} (${by}: ${message})`);
    return {passed, found: passed ? textOf(reasons) : [...new Set(found)].sort().join(', ') || NONE};
  });
}

const NONE = 'none';
const textOf = (reasons: readonly string[]) => [...new Set(reasons)].sort().join(', ') || NONE;

// Admission.

/** An expectation whose Leases are read. */
export type AdmissionCase = Omit<AdmissionExpectation, 'create' | 'update'> & {
  readonly after: LeaseManifest;
  readonly before: LeaseManifest | undefined;
};

export function judgeAdmission(expectation: AdmissionCase, files: FileWorld): Outcome {
  const {after, before, user, pod, policy, verdict, message} = expectation;
  const {name, namespace} = after.metadata;
  const who = pod === undefined ? user : `${user} in Pod ${pod}`;
  const what = `${before ? 'update' : 'create'} lease/${name}${placeOf(namespace)} by ${who}${ofPolicy(policy)}: ${verdict}`;
  const expected = message === undefined ? verdict : `${verdict} with "${message}"`;
  return outcomeOf(what, expected, () => {
    checkPolicy(policy, files);
    const breaches = reviewOf(expectation, files).filter(
      each => policy === undefined || each.policy === policy,
    );
    const answer = {verdict: verdictOf(breaches), breaches};
    const said = breaches.filter(({actions}) => verdictOf([{actions}]) === answer.verdict);
    const hasMessage = message === undefined || said.some(each => each.message.includes(message));
    const messages = said.map(each => each.message).join('; ');
    const found = messages === '' ? answer.verdict : `${answer.verdict}: ${messages}`;
    return {passed: answer.verdict === verdict && hasMessage, found, answer};
  });
}

function reviewOf({after, before, ...writer}: AdmissionCase, files: FileWorld): Breach[] {
  const {namespace} = after.metadata;
  const labels = files.world.namespaces.get(namespace)?.labels;
  if (!labels) throw missing(`namespace/${namespace}`, '');
  const request = leaseRequest(writer, after, before, labels, files.now.wallMs);
  return review(files.rendered(), request, files.registry(namespace));
}
