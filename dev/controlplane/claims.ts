/** Gives each control plane of this machine ports of its own, and knows the ones that nobody uses any more. */
import {existsSync} from 'node:fs';
import {mkdir, readdir, readFile, rm, writeFile} from 'node:fs/promises';
import {createServer} from 'node:net';
import {hostname} from 'node:os';
import path from 'node:path';
import {cacheFolder} from './go.ts';
import {withLock} from './lock.ts';
import {isAlive} from './process.ts';

/**
 * Says that the control plane in `home` may use `portsPerClaim` ports from `firstPort` on, also while it is
 * down: kwokctl by itself takes what is free at the moment of creation, so that of two clusters created at the
 * same time one fails, and so does the restart of a component whose port went to another cluster meanwhile.
 */
export interface Claim {
  readonly firstPort: number;
  readonly home: string;
  /** The process without which the control plane is of no use, or null when it shall stay on its own. */
  readonly owner: number | null;
}

export const portsPerClaim = 10;
/** Below the ports that Linux gives to outgoing connections, and to servers that ask for any port. */
const firstPorts = Array.from({length: 900}, (_, index) => 21_000 + index * portsPerClaim);

/**
 * Claims ports for the control plane in `home` on behalf of this process. Before that it hands every claim
 * whose owner or home is gone to `clear`, which has to end what is left of that control plane.
 * Rejects when a living process uses `home`, or when no ports are left.
 */
export function claim(
  home: string,
  clear: (home: string) => Promise<void>,
  signal?: AbortSignal,
): Promise<Claim> {
  // Clearing is inside the lock, or it could hit a control plane that was just started in the same home.
  return withLock(`${claimsFolder()}.lock`, () => clearAndClaim(home, clear), {signal});
}

/** The claim of the control plane in `home`, if it has one. */
export async function claimOf(home: string): Promise<Claim | undefined> {
  return (await readClaims()).find(known => known.home === home);
}

/** From here on the control plane outlives the process that claimed its ports. */
export function keep(known: Claim): Promise<void> {
  return write({...known, owner: null});
}

/** Gives the ports back; to be called when nothing uses them any more. */
export async function release(home: string): Promise<void> {
  const known = await claimOf(home);
  if (known) await rm(fileOf(known), {force: true});
}

/** Of this host only: a home folder may be shared between hosts, process ids and ports are not. */
function claimsFolder(): string {
  return cacheFolder(`clusters-${hostname()}`);
}

function fileOf({firstPort}: Claim): string {
  return path.join(claimsFolder(), `${firstPort}.json`);
}

function write(known: Claim): Promise<void> {
  return writeFile(fileOf(known), JSON.stringify(known));
}

async function clearAndClaim(home: string, clear: (home: string) => Promise<void>): Promise<Claim> {
  await mkdir(claimsFolder(), {recursive: true});
  for (const known of await readClaims()) {
    if (known.home === home) refuseIfInUse(known);
    if (known.home !== home && !isAbandoned(known)) continue;
    await clear(known.home);
    await rm(fileOf(known), {force: true});
  }
  const made = {firstPort: await freePorts(), home, owner: process.pid};
  await write(made);
  return made;
}

function refuseIfInUse({home, owner}: Claim): void {
  if (owner !== null && isAlive(owner)) throw new Error(`process ${owner} uses the control plane in ${home}`);
}

function isAbandoned({home, owner}: Claim): boolean {
  return owner === null ? !existsSync(home) : !isAlive(owner);
}

async function readClaims(): Promise<Claim[]> {
  const names = await readdir(claimsFolder()).catch(() => []);
  const texts = names.map(name => readFile(path.join(claimsFolder(), name), 'utf8').catch(() => ''));
  return (await Promise.all(texts)).filter(text => text !== '').map(text => JSON.parse(text));
}

async function freePorts(): Promise<number> {
  const taken = new Set((await readClaims()).map(({firstPort}) => firstPort));
  for (const first of firstPorts) {
    if (!taken.has(first) && (await areFree(first))) return first;
  }
  throw new Error(`no ports are left for a control plane: see the claims in ${claimsFolder()}`);
}

async function areFree(first: number): Promise<boolean> {
  const ports = Array.from({length: portsPerClaim}, (_, index) => first + index);
  return (await Promise.all(ports.map(isFree))).every(Boolean);
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise(resolve => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
