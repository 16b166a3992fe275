import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { HASH } from './layout.js';

/** Hash of a name in an indexed directory: `hash` orders the tree, `minor` breaks ties within the legacy of the format. */
export interface NameHash {
  readonly hash: number;
  readonly minor: number;
}

/** The hash value that marks the end of a directory; real hashes step aside ("Hash Tree Directories"). */
const HTREE_EOF = 0x7fffffff;

/**
 * Hash a name with one of the versions of the directory index.
 * @param seed `s_hash_seed`; all zeros stand for the default of MD4
 * @throws UnsupportedFeatureError for SipHash, which needs the directory's encryption key
 */
export function hashName(name: Uint8Array, version: number, seed: readonly number[]): NameHash {
  const start = seed.some((word) => word !== 0) ? seed : MD4_START;
  let hash = 0;
  let minor = 0;
  switch (version) {
    case HASH.LEGACY:
    case HASH.LEGACY_UNSIGNED:
      hash = legacyHash(name, version === HASH.LEGACY);
      break;
    case HASH.HALF_MD4:
    case HASH.HALF_MD4_UNSIGNED: {
      const state = Int32Array.from(start);
      for (let at = 0; at < name.length; at += 32) halfMd4(state, words(name, at, 8, version === HASH.HALF_MD4));
      hash = state[1]! >>> 0;
      minor = state[2]! >>> 0;
      break;
    }
    case HASH.TEA:
    case HASH.TEA_UNSIGNED: {
      const state = Int32Array.from(start);
      for (let at = 0; at < name.length; at += 16) tea(state, words(name, at, 4, version === HASH.TEA));
      hash = state[0]! >>> 0;
      minor = state[1]! >>> 0;
      break;
    }
    default:
      throw new UnsupportedFeatureError({ feature: `directory hash version ${version}`, structure: 'dx_root_info' });
  }
  hash = (hash & ~1) >>> 0;
  if (hash === (HTREE_EOF << 1) >>> 0) hash = ((HTREE_EOF - 1) << 1) >>> 0;
  return { hash, minor };
}

const MD4_START = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476];

/** The first ext3 hash. */
function legacyHash(name: Uint8Array, signed: boolean): number {
  let hash0 = 0x12a3fe2d;
  let hash1 = 0x37abe8f9;
  for (const byte of name) {
    const c = signed ? (byte << 24) >> 24 : byte;
    let hash = (hash1 + (hash0 ^ Math.imul(c, 7152373))) >>> 0;
    if ((hash & 0x80000000) !== 0) hash = (hash - 0x7fffffff) >>> 0;
    hash1 = hash0;
    hash0 = hash;
  }
  return (hash0 << 1) >>> 0;
}

/** `count` words of a name from `at` on, padded with its length. */
function words(name: Uint8Array, at: number, count: number, signed: boolean): Int32Array {
  const length = name.length - at;
  let pad = length | (length << 8);
  pad |= pad << 16;
  const out = new Int32Array(count).fill(pad);
  const used = Math.min(length, count * 4);
  let value = pad;
  let i = 0;
  for (; i < used; i++) {
    const byte = name[at + i]!;
    value = ((signed ? (byte << 24) >> 24 : byte) + (value << 8)) | 0;
    if (i % 4 === 3) {
      out[i >> 2] = value;
      value = pad;
    }
  }
  if (i % 4 !== 0) out[i >> 2] = value;
  return out;
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

/** Order of the message words and shifts in the three rounds of MD4, cut to eight steps each (RFC 1320, halved). */
const ROUNDS = [
  { words: [0, 1, 2, 3, 4, 5, 6, 7], shifts: [3, 7, 11, 19], add: 0 },
  { words: [1, 3, 5, 7, 0, 2, 4, 6], shifts: [3, 5, 9, 13], add: 0x5a827999 },
  { words: [3, 7, 2, 6, 1, 5, 0, 4], shifts: [3, 9, 11, 15], add: 0x6ed9eba1 },
] as const;

const MIX = [
  (x: number, y: number, z: number) => z ^ (x & (y ^ z)),
  (x: number, y: number, z: number) => (x & y) + ((x ^ y) & z),
  (x: number, y: number, z: number) => x ^ y ^ z,
] as const;

function halfMd4(state: Int32Array, input: Int32Array): void {
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  for (let r = 0; r < 3; r++) {
    const round = ROUNDS[r]!;
    const mix = MIX[r]!;
    for (let i = 0; i < 8; i++) {
      const sum = (a + mix(b, c, d) + input[round.words[i]!]! + round.add) | 0;
      const turned = rotate(sum, round.shifts[i & 3]!);
      a = d;
      d = c;
      c = b;
      b = turned;
    }
  }
  state[0] = state[0]! + a;
  state[1] = state[1]! + b;
  state[2] = state[2]! + c;
  state[3] = state[3]! + d;
}

/** Tiny Encryption Algorithm, 16 rounds, as a mixing function. */
function tea(state: Int32Array, key: Int32Array): void {
  let sum = 0;
  let b0 = state[0]!;
  let b1 = state[1]!;
  for (let n = 0; n < 16; n++) {
    sum = (sum + 0x9e3779b9) | 0;
    b0 = (b0 + (((b1 << 4) + key[0]!) ^ (b1 + sum) ^ ((b1 >>> 5) + key[1]!))) | 0;
    b1 = (b1 + (((b0 << 4) + key[2]!) ^ (b0 + sum) ^ ((b0 >>> 5) + key[3]!))) | 0;
  }
  state[0] = state[0]! + b0;
  state[1] = state[1]! + b1;
}
