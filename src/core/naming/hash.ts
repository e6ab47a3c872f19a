/** The hash of a subject, as a shell or a Helm chart computes it too. */
import {createHash} from 'node:crypto';
import type {HashSpec} from '../../api/leasepolicy.ts';

/** Version of the algorithm that gives names; it stands in a label of every Lease, so that a change can be told. */
export const NAMING_VERSION = 'v1';

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
/** One character per hex digit: no vowels, so no words, and none of 0 1 i l o, which look alike. */
const SAFE = 'bcdfghjkmnpqrstv';

/**
 * The first `length` characters of the encoded SHA-256 of the parts joined by "/". No kind, namespace, name or
 * label value contains "/", so two different lists of parts never give the same input.
 */
export function hashOf(parts: readonly string[], spec: Pick<HashSpec, 'encoding' | 'length'>): string {
  const digest = createHash('sha256').update(parts.join('/')).digest();
  return encode(digest, spec.encoding).slice(0, spec.length);
}

function encode(digest: Buffer, encoding: string): string {
  if (encoding === 'Base32') return base32(digest);
  const hex = digest.toString('hex');
  return encoding === 'Safe' ? hex.replace(/./g, digit => SAFE[Number.parseInt(digit, 16)] ?? '') : hex;
}

/** RFC 4648, lower case, without padding, as API servers write their identity. */
export function base32(bytes: Uint8Array): string {
  let text = '';
  let value = 0;
  let bits = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32[(value >>> (bits - 5)) & 31];
    value &= 31;
  }
  return bits > 0 ? text + BASE32[(value << (5 - bits)) & 31] : text;
}

/** The pattern of an encoded hash, for telling whether a name bears it. */
export function hashPattern({encoding, length}: Pick<HashSpec, 'encoding' | 'length'>): string {
  const alphabet = {Hex: '0-9a-f', Base32: 'a-z2-7', Safe: SAFE}[encoding] ?? '0-9a-f';
  return `[${alphabet}]{${length}}`;
}
