import type { FormatContainerRequest } from '@vmcraft/core/contracts';
import { UsageError } from '@vmcraft/core/errors';
import { checkKeyLength } from '../cipher/sector-cipher.js';
import { parseCipher } from '../cipher/spec.js';
import { createHasher } from '../key/hash.js';
import { deriveKey, type Kdf } from '../key/kdf.js';
import { DEFAULT_LIMITS } from '../key/limits.js';
import { LUKS1_SLOTS, LUKS2_MAX_SLOTS } from '../layout.js';

/** A format request with everything decided. */
export interface FormatPlan {
  readonly version: 1 | 2;
  readonly cipher: string;
  readonly keyBytes: number;
  readonly hash: string;
  readonly uuid: string;
  readonly label: string;
  readonly slot: number;
  readonly sectorSize: number;
  /** Cost of the key slot; the salt is fresh. */
  readonly kdf: Kdf;
  readonly digestIterations: number;
  readonly randomBytes: (length: number) => Uint8Array;
}

/** Salts of key slots and digests, bytes: those of LUKS1 have this length (§3.1), cryptsetup keeps it for LUKS2. */
export const SALT_BYTES = 32;
/** argon2id for new slots: within what a small machine can give at boot, and some seconds of portable code. */
const ARGON2 = { time: 4, memory: 256 * 1024, cpus: 4 } as const;
/** A volume key is random, so that its digest needs no long derivation; cryptsetup's least is 1000. */
const DIGEST_ITERATIONS = 100_000;
const LEAST_ITERATIONS = 200_000;
const PROBE_ITERATIONS = 50_000;
/** What PBKDF2 of a slot is to take, ms. */
const AIM_MS = 1000;

/** Decide what the request leaves open. @throws UsageError, UnsupportedFeatureError */
export async function planFormat(request: FormatContainerRequest, deviceSector: number): Promise<FormatPlan> {
  const { version = 2, cipher = 'aes-xts-plain64', slot, randomBytes, extra = {} } = request;
  const isXts = parseCipher(cipher).mode === 'xts';
  const keyBytes = numberOf(extra, 'keyBits', isXts ? 512 : 256) / 8;
  checkKeyLength(cipher, keyBytes);
  const hash = textOf(extra, 'hash', 'sha256');
  await createHasher(hash);
  const slots = version === 1 ? LUKS1_SLOTS : LUKS2_MAX_SLOTS;
  if (slot < -1 || slot >= slots) throw new UsageError(`there is no key slot ${slot}: LUKS${version} has ${slots}`);
  const sectorSize = version === 1 ? 512 : numberOf(extra, 'sectorSize', deviceSector);
  if (![512, 1024, 2048, 4096].includes(sectorSize))
    throw new UsageError(`sectors of ${sectorSize} bytes are not possible`);
  return {
    version,
    cipher,
    keyBytes,
    hash,
    uuid: request.uuid ?? randomUuid(randomBytes),
    label: request.label ?? '',
    slot: Math.max(slot, 0),
    sectorSize,
    kdf: await planKdf(version, hash, extra, randomBytes(SALT_BYTES)),
    digestIterations: numberOf(extra, 'digestIterations', DIGEST_ITERATIONS),
    randomBytes,
  };
}

type Extra = NonNullable<FormatContainerRequest['extra']>;

async function planKdf(version: 1 | 2, hash: string, extra: Extra, salt: Uint8Array): Promise<Kdf> {
  const type = textOf(extra, 'pbkdf', version === 1 ? 'pbkdf2' : 'argon2id');
  if (type === 'pbkdf2') {
    const given = numberOf(extra, 'iterations', 0);
    return { type, hash, salt, iterations: given > 0 ? given : await measureIterations(hash) };
  }
  if (version === 1 || (type !== 'argon2i' && type !== 'argon2id')) {
    throw new UsageError(`LUKS${version} has no key derivation '${type}'`, { argument: 'pbkdf' });
  }
  const { time, memory, cpus } = ARGON2;
  return {
    type,
    salt,
    time: numberOf(extra, 'iterations', time),
    memory: numberOf(extra, 'memory', memory),
    cpus: numberOf(extra, 'cpus', cpus),
  };
}

/** Rounds of PBKDF2 that take this host about a second. */
async function measureIterations(hash: string): Promise<number> {
  const kdf = { type: 'pbkdf2', hash, iterations: PROBE_ITERATIONS, salt: new Uint8Array(SALT_BYTES) } as const;
  const started = performance.now();
  await deriveKey(new Uint8Array(8), kdf, 32, DEFAULT_LIMITS);
  const perMs = PROBE_ITERATIONS / Math.max(1, performance.now() - started);
  return Math.max(LEAST_ITERATIONS, Math.round(perMs * AIM_MS));
}

function numberOf(extra: Extra, name: string, otherwise: number): number {
  const value = extra[name] ?? otherwise;
  if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
  throw new UsageError(`${name}: must be a whole number`, { argument: name });
}

function textOf(extra: Extra, name: string, otherwise: string): string {
  const value = extra[name] ?? otherwise;
  if (typeof value === 'string') return value;
  throw new UsageError(`${name}: must be text`, { argument: name });
}

/** RFC 9562, section 5.4. */
function randomUuid(randomBytes: (length: number) => Uint8Array): string {
  const bytes = randomBytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
