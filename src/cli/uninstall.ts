/** Removes what an installation and its operator have made, says what stays, and asks before. */
import type {KubeObject} from '../api/objects.ts';
import {
  type Kept,
  planUninstall,
  type Thing,
  thingText,
  type UninstallObservation,
  type UninstallPlan,
} from '../core/plan/uninstall.ts';
import {withCluster} from './cluster/cluster.ts';
import {demandNoRelease} from './cluster/helm-release.ts';
import {leaderElsewhere, operatorPods} from './cluster/leader-elsewhere.ts';
import {pathOf, Resources, readIfThere} from './cluster/resources.ts';
import {demandRights} from './cluster/rights.ts';
import {deleteFree, deleteRights, deleteThing} from './cluster/things.ts';
import {observe, renderedThings, type UninstallFlags, type Uninstalling} from './cluster/uninstalling.ts';
import type {Call} from './command.ts';
import {productOf, removeLeasesOf} from './leases-of.ts';
import {asking, demandTerminal} from './terminal/confirm.ts';
import {EXIT, Failure} from './terminal/failure.ts';
import {jsonText} from './terminal/output.ts';
import {waitUntil} from './terminal/wait.ts';

/** How long what was deleted may take to be gone. */
const GONE_MS = 60_000;
/** An operator that was about to write when its policy went may write once more. */
const SWEEPS = 5;

export async function run({flags: given, streams}: Call): Promise<number> {
  const flags = given as UninstallFlags;
  const product = flags.leasesOf === undefined ? undefined : productOf(flags.leasesOf);
  if (!flags.yes && !flags.print) demandTerminal(streams);
  await withCluster(flags, async ({client}) => {
    const uninstalling = {client, resources: new Resources(client), flags, streams};
    await (product ? removeLeasesOf(uninstalling, product) : uninstall(uninstalling));
  });
  return EXIT.done;
}

async function uninstall(uninstalling: Uninstalling): Promise<void> {
  const {client, flags, streams} = uninstalling;
  await demandNoRelease(client, 'uninstall');
  const observed = await observe(uninstalling);
  if (flags.yes || flags.print) {
    const plan = planUninstall(observed, !flags.keepPolicies);
    if (flags.print) await tellPlan(uninstalling, observed, plan);
    else await carryOut(uninstalling, observed, plan);
    return;
  }
  await asking(streams, async ask => {
    const names = observed.policies.map(({name}) => name).join(', ');
    const removesPolicies =
      names !== '' && !flags.keepPolicies && (await ask(`Remove the LeasePolicies (${names}), too?`));
    const plan = planUninstall(observed, removesPolicies);
    await tellPlan(uninstalling, observed, plan);
    if (plan.removals.length === 0) return;
    if (await ask('Remove this?')) await carryOut(uninstalling, observed, plan);
    else streams.stdout.write('Nothing was removed.\n');
  });
}

async function tellPlan(
  uninstalling: Uninstalling,
  observed: UninstallObservation,
  {removals, kept}: UninstallPlan,
): Promise<void> {
  const {flags, streams} = uninstalling;
  const {stdout, stderr} = streams;
  const leader = await leaderBeside(uninstalling, observed, removals);
  const notes = leader === undefined ? [] : [`${leader}: it has to be stopped first`];
  if (flags.output === 'json') {
    stdout.write(jsonText({wouldRemove: removals.map(thingText), kept, notes}));
    return;
  }
  if (removals.length === 0) stdout.write('Nothing of LeasePolicy is to be removed.\n');
  for (const thing of removals) stdout.write(`${thingText(thing)} would be removed\n`);
  for (const {thing, because} of kept) stdout.write(`${thing} stays: ${because}\n`);
  for (const note of notes) stderr.write(`${note}\n`);
}

/** Every right is asked for first; then each object goes in its turn. */
async function carryOut(
  uninstalling: Uninstalling,
  observed: UninstallObservation,
  {removals, kept}: UninstallPlan,
): Promise<void> {
  const {client, resources, flags, streams} = uninstalling;
  await demandRights(client, await deleteRights(removals, resources));
  if (removals.length > 0) await demandNoLeader(uninstalling, observed, removals);
  const keepsPolicies = observed.policies.some(each => !removals.includes(each));
  const removed: string[] = [];
  const remove = async (thing: Thing) => {
    if (!(await removeOne(uninstalling, thing, observed))) return;
    removed.push(thingText(thing));
    if (flags.output !== 'json') streams.stdout.write(`${thingText(thing)} removed\n`);
  };
  const isLast = endsRefusals(observed, removals);
  const stays = [...kept];
  for (const thing of removals) {
    const strangers = thing.kind === 'Namespace' ? await lastLook(uninstalling, thing) : [];
    if (strangers.length === 0) await remove(thing);
    stays.push(...strangers);
    if (thing.kind === 'Deployment') {
      await operatorGone(uninstalling, observed.namespace);
      if (keepsPolicies) await demandNoLeader(uninstalling, observed, []);
    }
    if (isLast(thing)) await sweep(uninstalling, remove);
  }
  await sweep(uninstalling, remove);
  tellEnd(uninstalling, removed, stays);
}

function tellEnd({flags, streams}: Uninstalling, removed: readonly string[], kept: readonly Kept[]): void {
  const {stdout} = streams;
  if (flags.output === 'json') {
    stdout.write(jsonText({removed, kept}));
    return;
  }
  if (removed.length === 0) stdout.write('Nothing of LeasePolicy is to be removed.\n');
  for (const {thing, because} of kept) stdout.write(`${thing} stays: ${because}\n`);
}

/**
 * Why the namespace stays after all: while what goes before it went, others may have put something into it. It is looked
 * for by its name, as what told where the operator is installed has gone by now.
 */
async function lastLook(uninstalling: Uninstalling, namespace: Thing): Promise<readonly Kept[]> {
  const flags = {...uninstalling.flags, namespace: namespace.name};
  const {removals, kept} = planUninstall(await observe({...uninstalling, flags}), true);
  if (removals.some(({uid}) => uid === namespace.uid)) return [];
  const thing = thingText(namespace);
  const told = kept.filter(each => each.thing === thing);
  return told.length > 0 ? told : [{thing, because: 'it is not there any more, or was made anew'}];
}

/** Behind this one nothing may refuse any more, as what the rules need to be obeyed goes next. */
function endsRefusals({rendered}: UninstallObservation, removals: readonly Thing[]) {
  const last = removals.findLast(each => each.kind === 'Deployment' || rendered.includes(each));
  return (thing: Thing) => thing === last;
}

async function removeOne(
  {client, resources, streams}: Uninstalling,
  thing: Thing,
  {ownLease}: UninstallObservation,
): Promise<boolean> {
  const resource = await resources.of(thing);
  if (!resource) return false;
  const path = pathOf(resource, thing.namespace, thing.name);
  // The operator gives up the one of its election as it goes.
  const isFree = thing.kind === 'Lease' && thing.name !== ownLease;
  if (!(await (isFree ? deleteFree : deleteThing)(client, path, thing))) return false;
  if (thing.kind === 'CustomResourceDefinition' || thing.kind === 'Namespace') {
    const isGone = async () => (await readIfThere<KubeObject>(client, path))?.metadata.uid !== thing.uid;
    const what = `${thingText(thing)} is gone`;
    await waitUntil({streams, what, mostMs: GONE_MS, next: 'look at its finalizers'}, isGone);
  }
  return true;
}

/** What still runs would make anew what is removed next. */
async function operatorGone({client, streams}: Uninstalling, namespace: string): Promise<void> {
  const isGone = async () => (await operatorPods(client, namespace)).length === 0;
  const what = 'the Pods of the operator are gone';
  await waitUntil({streams, what, mostMs: GONE_MS, next: `look at the Pods in ${namespace}`}, isGone);
}

/** One that runs elsewhere would fight what is done next, or come back to a cluster that has lost what it needs. */
async function demandNoLeader(
  uninstalling: Uninstalling,
  observed: UninstallObservation,
  removals: readonly Thing[],
): Promise<void> {
  const leader = await leaderBeside(uninstalling, observed, removals);
  if (leader === undefined) return;
  const what = removals.length > 0 ? `nothing was removed, as ${leader}` : leader;
  throw new Failure('Refused', what, 'stop it, then again');
}

/** An operator that leads and does not go with what is still to be removed. */
const leaderBeside = (
  {client, streams}: Uninstalling,
  {namespace, ownLease}: UninstallObservation,
  removals: readonly Thing[],
) => {
  const podsGo = removals.some(({kind}) => kind === 'Deployment');
  return leaderElsewhere({client, streams, namespace, ownLease, podsGo});
};

/** An operator that was in the middle of a write has made some anew. */
async function sweep({client, resources}: Uninstalling, remove: (thing: Thing) => Promise<void>) {
  for (let round = 0; round < SWEEPS; round += 1) {
    const left = await renderedThings(client, resources);
    if (left.length === 0) return;
    for (const thing of left) await remove(thing);
  }
  const what = 'what refuses requests is made anew as soon as it is removed';
  throw new Failure('Refused', what, 'stop the operator that does it, then again');
}
