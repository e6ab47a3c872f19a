/** Keeps what each policy has in the API server as it is rendered from the policy. */
import {GROUP, VERSION} from '../api/objects.ts';
import {type AdmissionContext, lenientNamespaces} from '../core/admission/frame.ts';
import {type AdmissionObservation, type AdmissionPlan, planAdmission} from '../core/plan/admission.ts';
import type {World} from '../world/world.ts';
import type {Controller} from './controller.ts';

export const admissionController: Controller<AdmissionObservation> = {
  name: 'admission',
  observe(policy, world) {
    const row = world.policies.get(policy);
    return {
      rules: row && !row.terminating ? world.rules.get(policy) : undefined,
      isTerminating: row?.terminating === true,
      context: row && contextOf(policy, row.uid, world),
      missingInstallation: world.installation.isGone ? world.installation.name : undefined,
      problems: world.rendered.problems,
      live: [...world.rendered.ofPolicy(policy)],
    };
  },
  plan: planAdmission,
  note(policy, {enforced}: AdmissionPlan, world) {
    world.enforcement.set(policy, enforced);
  },
  ended(policy, error, world) {
    if (error) world.enforcement.failed(policy, policy, error.message);
    else world.enforcement.succeeded(policy);
  },
};

function contextOf(policy: string, uid: string, world: World): AdmissionContext {
  const operator = {username: world.username, namespace: world.options.ownLease.split('/')[0] ?? ''};
  const governsSystem = lenientNamespaces(operator.namespace).some(namespace =>
    world.governing(namespace).some(rules => rules.policy === policy),
  );
  const owner = {apiVersion: `${GROUP}/${VERSION}`, kind: 'LeasePolicy', name: policy, uid};
  return {owner, installation: world.installation.owner, operator, governsSystem};
}
