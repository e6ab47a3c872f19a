/** Decides what a policy has in the API server, and says whether that is in force. */
import type {RenderedKind} from '../../api/objects.ts';
import type {AdmissionContext} from '../admission/frame.ts';
import {type AdmissionPart, renderAdmission} from '../admission/render.ts';
import {difference, type RenderedView} from '../admission/rendered.ts';
import type {Rules} from '../naming/rules.ts';
import type {Plan} from './action.ts';
import type {ReasonOf} from './condition.ts';

/** Why objects of a kind can't be written. */
export type KindProblem = {
  readonly reason: 'KindNotServed' | 'KindNotReadable';
  readonly message: string;
};
export type KindProblems = ReadonlyMap<RenderedKind, KindProblem>;

export type AdmissionObservation = {
  /** Undefined when the policy is gone, is about to go, or has no version in force. */
  readonly rules: Rules | undefined;
  /** Whether the policy is about to go: a finalizer may keep it for long. */
  readonly isTerminating: boolean;
  readonly context: AdmissionContext | undefined;
  /** The ClusterRole of the installation, when that is gone. */
  readonly missingInstallation?: string | undefined;
  readonly problems: KindProblems;
  readonly live: readonly RenderedView[];
};

/** The condition Enforced. */
export type Enforced = {
  status: 'True' | 'False' | 'Unknown';
  reason: ReasonOf<'Enforced'>;
  message: string;
};
export type AdmissionPlan = Plan & {enforced?: Enforced};

export function planAdmission(observed: AdmissionObservation): AdmissionPlan {
  const {rules, isTerminating, context, missingInstallation, problems, live} = observed;
  if (!rules || !context) {
    const actions = difference([], live);
    return {actions, findings: [], ...(isTerminating ? {enforced: ending(actions.length)} : {})};
  }
  if (missingInstallation !== undefined)
    return {actions: difference([], live), findings: [], enforced: uninstalled(missingInstallation)};
  const parts = renderAdmission(rules, context);
  const possible = parts.filter(({objects}) => !objects.some(({kind}) => problems.has(kind)));
  const wanted = possible.flatMap(({objects}) => objects);
  const unknown = parts.filter(({objects}) => objects.some(({kind}) => isUnknown(problems.get(kind))));
  const actions = difference(wanted, except(live, unknown));
  const enforced = unavailable(rules, parts, problems) ?? state(rules, possible, actions.length, live);
  return {actions, findings: [], enforced};
}

function ending(left: number): Enforced {
  const what =
    left > 0 ? `${left} objects are about to be removed` : 'the API server checks nothing of it any more';
  return {status: 'False', reason: 'Terminating', message: `the policy is being deleted: ${what}`};
}

const uninstalled = (clusterRole: string): Enforced => ({
  status: 'False',
  reason: 'NotInstalled',
  message: `ClusterRole ${clusterRole} is gone, and with it all that is enforced: apply the installation again`,
});

/** What can't be looked up may be there all the same, and come back in a moment: nothing is removed for it. */
const isUnknown = (problem: KindProblem | undefined) => problem?.reason === 'KindNotReadable';

function except(live: readonly RenderedView[], parts: readonly AdmissionPart[]): RenderedView[] {
  const names = new Set(parts.flatMap(({objects}) => objects.map(({kind, name}) => `${kind} ${name}`)));
  return live.filter(({kind, name}) => !names.has(`${kind} ${name}`));
}

/** Parts that the API server, or the operator's rights, have no means for; the others are in force. */
function unavailable(
  {grantsAccess}: Rules,
  parts: readonly AdmissionPart[],
  problems: KindProblems,
): Enforced | undefined {
  const access: RenderedKind[] = grantsAccess ? ['Role', 'RoleBinding'] : [];
  const needed = [
    ...parts.map(({part, objects}) => ({part, kinds: objects.map(({kind}) => kind)})),
    {part: 'access', kinds: access},
  ];
  const lacking = needed.flatMap(({part, kinds}) => {
    const problem = kinds.map(kind => problems.get(kind)).find(each => each !== undefined);
    return problem ? [{part, ...problem}] : [];
  });
  const [first] = lacking;
  if (!first) return undefined;
  const message = lacking
    .map(each => `${each.part} not ${isUnknown(each) ? 'looked after' : 'enforced'}: ${each.message}`)
    .join('; ');
  return {status: 'False', reason: first.reason, message: `${message}; everything else is in force`};
}

function state(
  rules: Rules,
  parts: readonly AdmissionPart[],
  writes: number,
  live: readonly RenderedView[],
): Enforced {
  if (writes > 0) {
    const message = `${writes} objects are about to be written or removed`;
    return {status: 'Unknown', reason: 'Pending', message};
  }
  const warning = live.flatMap(view => view.warnings.map(text => `${view.kind} ${view.name}: ${text}`))[0];
  if (warning !== undefined) return {status: 'False', reason: 'TypeCheckFailed', message: warning};
  const {names, holders, durationSeconds} = rules.enforcement;
  const said = [
    `names: ${names}`,
    `durationSeconds: ${durationSeconds.action ?? names}`,
    `holders: ${holders}`,
    ...(rules.grantsAccess ? ['access: ServiceAccount'] : []),
    ...(parts.some(({part, objects}) => part === 'injection' && objects.length > 0)
      ? ['injection: Env']
      : []),
  ];
  return {status: 'True', reason: 'InForce', message: `the API server checks ${said.join(', ')}`};
}
