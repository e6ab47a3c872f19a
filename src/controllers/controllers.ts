/** The features of the operator, one controller each. */
import {accessController} from './access.ts';
import {admissionController} from './admission.ts';
import {candidatesController} from './candidates.ts';
import {collectionController} from './collection.ts';
import {componentsController} from './components.ts';
import type {Controller} from './controller.ts';
import {heartbeatController} from './heartbeat.ts';
import {identitiesController} from './identities.ts';
import {leaseController} from './lease.ts';
import {policyController} from './policy.ts';
import {registryController} from './registry.ts';
import {workloadController} from './workload.ts';

export const CONTROLLERS: readonly Controller<unknown>[] = [
  workloadController,
  leaseController,
  collectionController,
  registryController,
  admissionController,
  accessController,
  heartbeatController,
  identitiesController,
  componentsController,
  candidatesController,
  policyController,
];
