import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { createHasher } from './hash.js';
import { hashLibrary } from './hash-library.js';
import { checkLimit, type LuksLimits } from './limits.js';

/** How a passphrase becomes the key of a key slot. */
export type Kdf =
  | { readonly type: 'pbkdf2'; readonly hash: string; readonly iterations: number; readonly salt: Uint8Array }
  | {
      readonly type: 'argon2i' | 'argon2id';
      /** Passes. */
      readonly time: number;
      /** KiB. */
      readonly memory: number;
      readonly cpus: number;
      readonly salt: Uint8Array;
    };

/** Hashes whose PBKDF2 every host has in native code. */
const NATIVE: Readonly<Record<string, string>> = {
  sha1: 'SHA-1',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
};

/**
 * Derive `length` bytes from a passphrase. The caller overwrites them after use.
 * @throws LimitExceededError when the image asks for more work than allowed
 * @throws UnsupportedFeatureError for a hash not known
 */
export async function deriveKey(
  passphrase: Uint8Array,
  kdf: Kdf,
  length: number,
  limits: LuksLimits,
): Promise<Uint8Array> {
  return kdf.type === 'pbkdf2' ? pbkdf2(passphrase, kdf, length, limits) : argon2(passphrase, kdf, length, limits);
}

async function pbkdf2(
  passphrase: Uint8Array,
  kdf: Kdf & { type: 'pbkdf2' },
  length: number,
  limits: LuksLimits,
): Promise<Uint8Array> {
  const { iterations, salt } = kdf;
  checkLimit('LUKS PBKDF2 iterations', iterations, limits, 'maxIterations');
  if (!(iterations >= 1)) {
    const found = { field: 'iterations', found: iterations, expected: 'at least 1' };
    throw new CorruptImageError({ structure: 'LUKS PBKDF2', ...found });
  }
  const native = Object.hasOwn(NATIVE, kdf.hash.toLowerCase()) ? NATIVE[kdf.hash.toLowerCase()] : undefined;
  const { subtle } = globalThis.crypto ?? {};
  if (native === undefined || subtle === undefined) {
    const { pbkdf2: portable } = await hashLibrary();
    const hashFunction = createHasher(kdf.hash);
    await hashFunction;
    return portable({ password: passphrase, salt, iterations, hashLength: length, hashFunction, outputType: 'binary' });
  }
  const key = await subtle.importKey('raw', passphrase.slice(), 'PBKDF2', false, ['deriveBits']);
  return new Uint8Array(
    await subtle.deriveBits({ name: 'PBKDF2', hash: native, salt: salt.slice(), iterations }, key, length * 8),
  );
}

async function argon2(
  passphrase: Uint8Array,
  kdf: Kdf & { type: 'argon2i' | 'argon2id' },
  length: number,
  limits: LuksLimits,
): Promise<Uint8Array> {
  checkLimit('LUKS argon2 memory (KiB)', kdf.memory, limits, 'maxMemory');
  checkLimit('LUKS argon2 passes times memory (KiB)', kdf.time * kdf.memory, limits, 'maxCost');
  if (passphrase.length === 0) {
    throw new UnsupportedFeatureError({ feature: 'an empty passphrase with argon2', structure: 'LUKS2' });
  }
  const library = await hashLibrary();
  return library[kdf.type]({
    password: passphrase,
    salt: kdf.salt,
    iterations: kdf.time,
    memorySize: kdf.memory,
    parallelism: kdf.cpus,
    hashLength: length,
    outputType: 'binary',
  });
}
