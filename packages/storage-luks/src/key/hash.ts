import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import type { IHasher } from 'hash-wasm';
import { type HashLibrary, hashLibrary } from './hash-library.js';

/** A hash that can be run many times without waiting. */
export interface Hash {
  /** Bytes. */
  readonly digestSize: number;
  digest(...parts: readonly Uint8Array[]): Uint8Array;
}

/** Hashes by the names that cryptsetup gives them. */
const HASHES: Readonly<Record<string, (m: HashLibrary) => Promise<IHasher>>> = {
  sha1: (m) => m.createSHA1(),
  sha224: (m) => m.createSHA224(),
  sha256: (m) => m.createSHA256(),
  sha384: (m) => m.createSHA384(),
  sha512: (m) => m.createSHA512(),
  'sha3-224': (m) => m.createSHA3(224),
  'sha3-256': (m) => m.createSHA3(256),
  'sha3-384': (m) => m.createSHA3(384),
  'sha3-512': (m) => m.createSHA3(512),
  ripemd160: (m) => m.createRIPEMD160(),
  whirlpool: (m) => m.createWhirlpool(),
  'blake2b-512': (m) => m.createBLAKE2b(512),
  'blake2s-256': (m) => m.createBLAKE2s(256),
  sm3: (m) => m.createSM3(),
};

/** A new hasher of hash-wasm. @throws UnsupportedFeatureError for a name not known */
export async function createHasher(name: string): Promise<IHasher> {
  const lower = name.toLowerCase();
  const create = Object.hasOwn(HASHES, lower) ? HASHES[lower] : undefined;
  if (create === undefined) {
    const shown = name.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 40);
    throw new UnsupportedFeatureError({ feature: `hash '${shown}'`, workaround: 'cryptsetup may know it' });
  }
  return create(await hashLibrary());
}

/** @throws UnsupportedFeatureError for a name not known */
export async function hashByName(name: string): Promise<Hash> {
  const hasher = await createHasher(name);
  return {
    digestSize: hasher.digestSize,
    digest: (...parts) => {
      hasher.init();
      for (const part of parts) hasher.update(part);
      return hasher.digest('binary');
    },
  };
}

/** The digest of one run of bytes. @throws UnsupportedFeatureError for a name not known */
export async function digestOf(name: string, data: Uint8Array): Promise<Uint8Array> {
  return (await hashByName(name)).digest(data);
}
