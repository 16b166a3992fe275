import { CorruptImageError } from '@vmcraft/core/errors';
import { type Hash, hashByName } from './hash.js';

/** Bytes of the number that each piece is hashed with. */
const NUMBER = 4;

/** Splits a key so that every stripe is needed to have it back (LUKS1 On-Disk Format 1.2.3, section 2.4). */
export interface AntiForensic {
  readonly stripes: number;
  readonly hash: string;
}

/** The stripes, one behind the other. `random` gives all of them but the last. */
export async function splitKey(
  key: Uint8Array,
  af: AntiForensic,
  random: (length: number) => Uint8Array,
): Promise<Uint8Array> {
  const hash = await hashByName(af.hash);
  const out = new Uint8Array(key.length * af.stripes);
  const last = out.length - key.length;
  for (let at = 0; at < last; at += 65536) out.set(random(Math.min(65536, last - at)), at);
  const state = mix(out, key.length, af.stripes, hash);
  for (let i = 0; i < key.length; i++) out[last + i] = state[i]! ^ key[i]!;
  state.fill(0);
  return out;
}

/** The key that stripes stand for. @throws CorruptImageError when there are not enough bytes */
export async function mergeKey(stripes: Uint8Array, length: number, af: AntiForensic): Promise<Uint8Array> {
  if (stripes.length < length * af.stripes) {
    throw new CorruptImageError({ structure: 'LUKS key slot', reason: 'its area is too small for its stripes' });
  }
  const state = mix(stripes, length, af.stripes, await hashByName(af.hash));
  const last = length * (af.stripes - 1);
  for (let i = 0; i < length; i++) state[i]! ^= stripes[last + i]!;
  return state;
}

/** All stripes but the last, mixed. */
function mix(stripes: Uint8Array, length: number, count: number, hash: Hash): Uint8Array {
  const state = new Uint8Array(length);
  const input = new Uint8Array(NUMBER + hash.digestSize);
  for (let stripe = 0; stripe < count - 1; stripe++) {
    for (let i = 0, at = stripe * length; i < length; i++, at++) state[i]! ^= stripes[at]!;
    diffuse(state, hash, input);
  }
  input.fill(0);
  return state;
}

/** H1: each piece of a digest's size becomes the hash of its number and itself. */
function diffuse(state: Uint8Array, hash: Hash, input: Uint8Array): void {
  for (let at = 0, i = 0; at < state.length; at += hash.digestSize, i++) {
    const piece = state.subarray(at, at + hash.digestSize);
    input[2] = i >>> 8;
    input[3] = i & 0xff;
    input.set(piece, NUMBER);
    const digest = hash.digest(input.subarray(0, NUMBER + piece.length));
    state.set(piece.length === digest.length ? digest : digest.subarray(0, piece.length), at);
  }
}
