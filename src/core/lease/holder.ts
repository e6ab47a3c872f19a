/** From the text of a holder to a Pod, and from the Pod's name to its workload. */
import {createHash} from 'node:crypto';

/** A workload as far as its Pods' names tell it. */
export type WorkloadName = {readonly kind: string; readonly name: string};

/** A longer holder is left unread, so that no text can make a rule cost more than it may. */
export const HOLDER_MOST = 1024;

/** A Pod's host name is its name, cut at 63; and a name that was cut before its random ending has as many. */
const HOST_MOST = 63;

/** What controllers make hashes and random endings of: no vowels and no look-alikes (SafeEncodeString in apimachinery). */
const SAFE = '[bcdfghjklmnpqrstvwxz2456789]';

/**
 * How the names of Pods end, by the kind that makes them. Of a long name the end of the hash and the "-" behind it are
 * cut off.
 */
export const POD_ENDINGS = {
  Deployment: `^${SAFE}{1,10}-${SAFE}{5}$`,
  cutDeployment: `^${SAFE}{0,10}-?${SAFE}{5}$`,
  StatefulSet: '^[0-9]+$',
  DaemonSet: `^${SAFE}{5}$`,
} as const;

const ENDS = {
  Deployment: new RegExp(POD_ENDINGS.Deployment),
  cutDeployment: new RegExp(POD_ENDINGS.cutDeployment),
  StatefulSet: new RegExp(POD_ENDINGS.StatefulSet),
  DaemonSet: new RegExp(POD_ENDINGS.DaemonSet),
};

const POD_KINDS = ['Deployment', 'StatefulSet', 'DaemonSet'] as const;

/** Whether the names of the Pods of this kind are told by their grammar; of another kind only how they begin. */
export const namesItsPods = (kind: string) => POD_KINDS.some(each => each === kind);

/**
 * What the caches keep of a holder, which may be any text of more than a megabyte. One that is too long stays too long to
 * be read, and its hash tells it from others.
 */
export function keptHolder(holder: string): string {
  if (holder.length <= HOLDER_MOST) return holder;
  const hash = createHash('sha256').update(holder).digest('hex');
  // A slice alone would keep the whole text alive.
  const start = Buffer.from(holder.slice(0, HOLDER_MOST)).toString();
  return `${start}…${hash}`;
}

/** The parts of a holder in which a host name may be: client-go writes hostname_uuid, others namespace/name. */
export function hostsOf(holder: string): string[] {
  if (holder.length > HOLDER_MOST) return [];
  return holder.split(/[_/:@]/).filter(part => part !== '');
}

/**
 * Whether a Pod of this workload has this name. What comes before the 5 random characters is cut at 58, which concerns
 * Deployments of more than 46 characters and DaemonSets of more than 57. True of another kind means "may be".
 */
export function isPodOf({kind, name}: WorkloadName, pod: string): boolean {
  const stem = name.length > 57 && kind !== 'StatefulSet' ? name.slice(0, 58) : `${name}-`;
  if (!pod.startsWith(stem)) return false;
  const rest = pod.slice(stem.length);
  switch (kind) {
    case 'Deployment':
      return ENDS.Deployment.test(rest) || (pod.length === HOST_MOST && ENDS.cutDeployment.test(rest));
    case 'StatefulSet':
    case 'DaemonSet':
      return ENDS[kind].test(rest);
    default:
      return true;
  }
}

/** Whether the holder names a Pod of this workload: its host name, alone or with something around it. */
export function isHeldBy(workload: WorkloadName, holder: string): boolean {
  return podsIn(holder, workload.kind).some(pod => isPodOf(workload, pod));
}

/**
 * The host names that a holder may begin its parts with: before a domain, or before a suffix of the product. Behind the
 * number of a StatefulSet's Pod "-" would mean another Pod.
 */
function podsIn(holder: string, kind: string): string[] {
  const ends = kind === 'StatefulSet' ? /\.|$/g : /[-.]|$/g;
  return hostsOf(holder).flatMap(part =>
    [...part.matchAll(ends)].flatMap(({index}) => (index > HOST_MOST ? [] : part.slice(0, index))),
  );
}

/**
 * The one workload that exists and has a Pod of the name that the holder names; undefined where none or more than one
 * has: foo-7d9f8-x2x4z may be a Pod of the Deployment foo and of the DaemonSet foo-7d9f8. A name of more than 57
 * characters is cut in the names of its Pods, and never found.
 */
export function workloadOf(
  holder: string,
  exists: (kind: string, name: string) => boolean,
): WorkloadName | undefined {
  const found = new Map<string, WorkloadName>();
  for (const kind of POD_KINDS) {
    for (const name of namesIn(holder, kind))
      if (exists(kind, name)) found.set(`${kind}/${name}`, {kind, name});
  }
  const [first, ...others] = found.values();
  return others.length === 0 ? first : undefined;
}

/** The names that a workload of this kind may have by the names of its Pods in the holder. */
function namesIn(holder: string, kind: string): string[] {
  return podsIn(holder, kind).flatMap(pod => {
    const starts = [...pod.matchAll(/-/g)].map(({index}) => pod.slice(0, index));
    return starts.filter(name => name !== '' && isPodOf({kind, name}, pod));
  });
}

/**
 * The hash in the names of a Deployment's Pods is a number of 32 bits, digit by digit in the alphabet: it has but ten
 * different characters, and nearly always seven or more. Machines of Cluster API and of Gardener are named, and so are
 * their nodes, like Pods of a Deployment, with five characters in place of the hash.
 */
const DEPLOYMENT_POD = new RegExp(`^([a-z0-9](?:[-.a-z0-9]*[a-z0-9])?)-[456789bcdf]{7,10}-${SAFE}{5}$`);

/** The name of the Deployment whose Pod the holder names beyond doubt, whether or not the caches know it. */
export function deploymentOf(holder: string): string | undefined {
  const hosts = hostsOf(holder).filter(part => part.length <= HOST_MOST);
  return hosts.map(host => DEPLOYMENT_POD.exec(host)?.[1]).find(name => name !== undefined);
}
