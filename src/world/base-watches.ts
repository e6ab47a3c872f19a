/** What is watched in every cluster, whatever the policies say; they add the kinds that they name. */
import {GROUP, VERSION} from '../api/objects.ts';
import {systemClock} from '../runtime/clock.ts';
import {projectLease, projectNamespace, projectPolicy, projectRegistry} from './project.ts';
import type {World} from './world.ts';

/** Heartbeats of nodes are of no interest here, and there may be hundreds a second. */
const NOT_NODE_LEASES = 'metadata.namespace!=kube-node-lease';

/** Begins to fill the stores of the world. */
export function watchBase(world: World): void {
  const {policies, registries, namespaces, leases, rendered, candidates, installation} = world;
  const {watch} = world.options;
  const ours = {group: GROUP, version: VERSION};
  watch({...ours, plural: 'leasepolicies', store: policies, project: projectPolicy});
  watch({...ours, plural: 'leaseregistries', store: registries, project: projectRegistry});
  watch({group: '', version: 'v1', plural: 'namespaces', store: namespaces, project: projectNamespace});
  watch({
    group: 'coordination.k8s.io',
    version: 'v1',
    plural: 'leases',
    store: leases,
    project: (object, previous) => projectLease(object, previous, systemClock.monotonicMs()),
    fieldSelector: NOT_NODE_LEASES,
  });
  if (installation.request) watch(installation.request);
  rendered.start();
  candidates.start();
}
