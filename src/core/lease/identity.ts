/** The names that API servers give to their identities. */
import {createHash} from 'node:crypto';
import {base32} from '../naming/hash.ts';
import type {LeaseView} from './lifetime.ts';

/** By this label an API server finds the Leases of the others; those up to 1.26 had the other one. */
export const IDENTITY_LABEL = 'apiserver.kubernetes.io/identity';
export const FORMER_IDENTITY_LABEL = 'k8s.io/component';

/** What every API server of a cluster's own is called, whichever host it runs on. */
const COMPONENT = 'kube-apiserver';

/** The name of the Lease of an API server of 1.27 or later on this host. */
export function apiServerIdentity(hostname: string): string {
  const digest = createHash('sha256').update(prefixed(hostname)).update(prefixed(COMPONENT)).digest();
  return `apiserver-${base32(digest.subarray(0, 16))}`;
}

/** A text behind its length in bytes, so that no two lists of texts are written alike. */
function prefixed(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.from([bytes.length >>> 8, bytes.length, ...bytes].map(byte => byte & 0xff));
}

/**
 * - hash: apiServerIdentity of its host name tells whether the name is right
 * - hostname-hash: of 1.26, whose hash is that of the host name alone
 * - uuid: of 1.25 and earlier, where every start of a server gives another name
 * - other: of another server, or not the name of an API server
 * Only the first can be a mismatch.
 */
export const IDENTITY_FORMS = ['hash', 'hostname-hash', 'uuid', 'other'] as const;
export type IdentityForm = (typeof IDENTITY_FORMS)[number];

const HASH = /^apiserver-[a-z2-7]{26}$/;
const HOSTNAME_HASH = /^kube-apiserver-[a-z2-7]{26}$/;
const UUID = /^kube-apiserver-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function identityForm({name, labels}: Pick<LeaseView, 'name' | 'labels'>): IdentityForm {
  const component = labels[IDENTITY_LABEL] ?? labels[FORMER_IDENTITY_LABEL] ?? COMPONENT;
  if (component !== COMPONENT) return 'other';
  if (HASH.test(name)) return 'hash';
  if (HOSTNAME_HASH.test(name)) return 'hostname-hash';
  return UUID.test(name) ? 'uuid' : 'other';
}
