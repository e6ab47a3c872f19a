/** Says what an action does, to which object and why, for people who are shown a plan. */
import {ANNOTATIONS, REGISTRY_NAME} from '../../api/objects.ts';
import type {ObjectRef} from '../lease/finding.ts';
import type {Action, LabelLease, RegistryPatch, WriteRecord} from './action.ts';

export type ActionText = {
  /** One word: create, adopt, delete, ... */
  readonly action: string;
  readonly kind: string;
  /** Null for what has none. */
  readonly namespace: string | null;
  readonly name: string;
  /** Null for what is done for no single policy. */
  readonly policy: string | null;
  readonly detail: string;
};

export function actionText(action: Action): ActionText {
  switch (action.type) {
    case 'createLease': {
      const subject = action.annotations[ANNOTATIONS.subject];
      const closed = action.record.holderIdentity === undefined ? '' : ', closed until its old name is free';
      return leaseText('create', action, action.policy, `for ${subject}${closed}`);
    }
    case 'labelLease':
      return leaseText(LABELLING[action.purpose].word, action, action.policy, labelDetail(action));
    case 'writeRecord':
      return leaseText(action.purpose, action.lease, action.policy, RECORD_DETAILS[action.purpose]);
    case 'collectLease': {
      const whose =
        action.subject === '' ? 'nobody renews it' : `nobody renews it, and ${action.subject} is gone`;
      return leaseText('delete', action.lease, action.policy, whose);
    }
    case 'applyObject': {
      const {kind, namespace = null, name} = action.rendered;
      const word = action.uid === undefined ? 'create' : 'repair';
      return {
        action: word,
        kind,
        namespace,
        name,
        policy: action.policy,
        detail: 'as it is rendered from the policy',
      };
    }
    case 'deleteObject': {
      const {kind, namespace = null, name, policy} = action;
      return {action: 'delete', kind, namespace, name, policy, detail: 'the policy does not ask for it'};
    }
    case 'createRegistry': {
      const count = Object.keys(action.spec.names).length;
      return registryText('create', action.namespace, `with ${count} names`);
    }
    case 'patchRegistry':
      return registryText('patch', action.namespace, patchDetail(action.patch));
    case 'deleteRegistry':
      return registryText('delete', action.namespace, 'no policy governs the namespace');
    case 'writeStatus': {
      const {policy} = action;
      const detail = 'it has changed';
      return {action: 'status', kind: 'LeasePolicy', namespace: null, name: policy, policy, detail};
    }
    case 'emitEvent':
      return eventText(action.about, action.reason, action.message);
    default:
      return action satisfies never;
  }
}

const leaseText = (
  action: string,
  {namespace, name}: {namespace: string; name: string},
  policy: string,
  detail: string,
): ActionText => ({action, kind: 'Lease', namespace, name, policy, detail});

const registryText = (action: string, namespace: string, detail: string): ActionText => ({
  action,
  kind: 'LeaseRegistry',
  namespace,
  name: REGISTRY_NAME,
  policy: null,
  detail,
});

const eventText = ({kind, namespace, name}: ObjectRef, reason: string, message: string): ActionText => ({
  action: 'event',
  kind,
  namespace: namespace === '' ? null : namespace,
  name,
  policy: null,
  detail: `${reason}: ${message}`,
});

const LABELLING: Readonly<Record<LabelLease['purpose'], {word: string; detail: string}>> = {
  adopt: {word: 'adopt', detail: 'it has the name of'},
  overwrite: {word: 'label', detail: 'labels of ours that somebody else has written; it is that of'},
  label: {word: 'label', detail: 'labels of ours differ; it is that of'},
  markOrphaned: {word: 'mark', detail: 'nobody holds it, and it is no longer the name of'},
  reclaim: {word: 'unmark', detail: 'it is in use again, or held; it was marked as that of'},
};

function labelDetail({purpose, annotations}: LabelLease): string {
  return `${LABELLING[purpose].detail} ${annotations[ANNOTATIONS.subject] ?? 'another'}`;
}

const RECORD_DETAILS: Readonly<Record<WriteRecord['purpose'], string>> = {
  close: 'kept closed while an old name of its subject is held',
  renew: 'goes on to be kept closed',
  seal: 'an old name, kept closed so that no old Pod leads by it',
  open: 'nobody holds an old name any more: free for its candidates',
};

/** How many entries of each section are written, and how many go. */
function patchDetail(patch: RegistryPatch): string {
  const parts = Object.entries(patch).map(([section, content]) => {
    if (Array.isArray(content) || typeof content === 'string') return section;
    const values = Object.values(content ?? {});
    const gone = values.filter(each => each === null).length;
    const signs = [values.length > gone ? `+${values.length - gone}` : '', gone > 0 ? `-${gone}` : ''];
    return [section, ...signs.filter(each => each !== '')].join(' ');
  });
  return parts.join(', ');
}
